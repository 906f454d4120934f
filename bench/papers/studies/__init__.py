"""What the papers' experiments are made of: their problems, and those who learn them.

The tests of the algorithms learn the same.
"""

from __future__ import annotations
