"""The service: the web, the one writer behind it, what makes learning durable, and the command.

====================  ==========================================================================
`settings`            everything that can be set, in one object
`problems`            every way in which a request can fail
`core`                the one writer: `core.engine` drives a `learners.place.Place`; read it first
`store`               the journal, to which is written before anything is learnt, and snapshots
`web`                 HTTP: `web.app` puts it together
`command`             `kindred`: serve, replay, strategies, inspect, the report, the demo
`client`, `process`   a client of a service, and a service as a child process
====================  ==========================================================================

Nothing is imported here: the command's `--help` must not wait for numba.
"""

from __future__ import annotations
