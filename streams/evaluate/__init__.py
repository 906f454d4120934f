"""Prequential evaluation: error, log loss, Brier score, ROC AUC, F1 and calibration of a stream."""

from __future__ import annotations

from streams.evaluate.curve import Point
from streams.evaluate.prequential import Prequential
from streams.evaluate.tally import Bin, Metrics

__all__ = ["Bin", "Metrics", "Point", "Prequential"]
