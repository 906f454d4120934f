"""Whether a service can learn now. The standard library alone: containers ask every few seconds."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path


def check(url: str | None, timeout: float) -> bool:
    """Ask /readyz.

    >>> check("http://127.0.0.1:1", timeout=1.0)
    False
    """
    try:
        with urllib.request.urlopen(f"{url or here()}/readyz", timeout=timeout) as answer:
            return bool(answer.status == 200)
    except OSError:  # urllib's own errors among them
        return False


def here() -> str:
    """The address of the service of this environment: the port it took, else the one it is set."""
    noted = Path(os.environ.get("KINDRED_DATA_DIR", "kindred-data")) / "port"
    try:
        port = noted.read_text().strip()
    except OSError:
        port = os.environ.get("KINDRED_PORT", "8000")
    return f"http://127.0.0.1:{port}"
