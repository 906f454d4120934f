"""What a data directory holds, of one process or of several workers, told without changing it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from learners.names import Classes
from service.core import inspection
from service.core.recover import Progress
from service.shards import layout
from service.shards.shards import overall
from service.store.errors import Damaged
from service.store.lock import Lock


def inspect(directory: Path, progress: Progress | None = None) -> dict[str, Any]:
    """What `core.inspection` tells; of several workers the sums, and `shards` with each.

    Raises
    ------
    as that does; a shard whose journal cannot be opened is told in `health` instead
    """
    n = layout.workers(directory)
    if n is None or n == 1:
        return inspection.inspect(directory, progress)
    with Lock(directory):
        shards = [_inspect(layout.shard(directory, i), progress) for i in range(n)]
    whole = [one for one in shards if "strategy" in one]
    classes = Classes()
    for one in whole:
        classes.add(one["classes"] or ())
    told = {
        name: sum(one.get(name) or 0 for one in whole)
        for name in ("position", "tasks", "cold", "examples")
    }
    digests = [one.get("digest") for one in shards]
    wrong = [one["health"] for one in shards if one["health"] != "whole"]
    settings = [{k: v for k, v in one["settings"].items() if k != "place"} for one in whole]
    return {
        "directory": str(directory),
        "strategy": whole[0]["strategy"] if whole else None,
        "settings": settings[0] if settings else {},
        "workers": n,
        **told,
        "classes": classes.names,
        "digest": overall([d for d in digests if d]) if all(digests) else None,
        "health": " ".join(wrong) or "whole",
        "shards": shards,
    }


def _inspect(directory: Path, progress: Progress | None) -> dict[str, Any]:
    try:
        return inspection.inspect(directory, progress)
    except (Damaged, FileNotFoundError) as error:
        return {"directory": str(directory), "health": str(error)}
