"""The command `kindred`: serve, replay, strategies, inspect, the report and the demo."""

from __future__ import annotations
