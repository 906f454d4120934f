"""Measurements, a command a question: each prints tables, and writes JSON with `--json`.

`rounds` takes turns, `tables` shows what came out, `frame` is what the commands have in common,
`peers` are those that Kindred is measured against.
"""

from __future__ import annotations
