"""What is durable: the journal, its mark, snapshots, and the lock that one process holds."""

from __future__ import annotations
