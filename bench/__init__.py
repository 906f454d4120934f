"""Measurements: each module is a command that prints a table."""

from __future__ import annotations
