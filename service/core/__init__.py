"""The one writer of the state: asyncio in front, lessons and predictions in order, recovery."""

from __future__ import annotations
