"""The experiments of the papers, made again: their tables beside ours.

A module here is one paper. Its docstring is the citation, then what is done and what differs from
the paper; its `tables(short)` yields a `Beside` for each of the paper's tables.
"""

from __future__ import annotations
