"""The HTTP face: the hot routes, the plain ones, the document, health and metrics."""

from __future__ import annotations
