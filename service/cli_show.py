"""`kindred strategies` and `kindred inspect`: what there is to choose from, and what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from service import terminal


def strategies(form: str) -> None:
    """Print the catalogue."""
    from learners.coordination import CATALOG

    if form == "json":
        terminal.emit_json(
            [{"name": e.name, "summary": e.summary, "paper": e.paper} for e in CATALOG.values()]
        )
        return
    rows = [[click.style(e.name, bold=True), e.summary, e.paper] for e in CATALOG.values()]
    click.echo(terminal.columns(["name", "what it does", "paper"], rows, words=(0, 1, 2)))
    click.echo(
        "\nAny classifier of river's is one too, a clone for each task: "
        "river:tree.HoeffdingTreeClassifier"
    )


def inspect(directory: Path, form: str) -> None:
    """Print what a data directory holds.

    Raises:
        ValueError: it is no data directory.
        InUse: a service owns it at the moment.
        Damaged: what was acknowledged in it cannot be rebuilt.
    """
    found = contents(directory)
    if form == "json":
        terminal.emit_json(found)
        return
    journal = found["journal"]
    rows = [
        ["strategy", found["strategy"]],
        ["settings", ", ".join(f"{name} {value}" for name, value in found["settings"].items())],
        ["position", f"{found['position']:,} examples and deletions"],
        ["tasks", f"{found['tasks']:,}"],
        ["classes", f"{len(found['classes']):,}: " + ", ".join(map(repr, found["classes"][:10]))],
        ["journal", f"{journal['bytes']:,} bytes, from position {journal['begins']:,}"],
    ]
    for snapshot in found["snapshots"]:
        state = f"at position {snapshot['position']:,}" if snapshot["whole"] else "damaged"
        rows.append(["snapshot", f"{snapshot['file']}, {snapshot['bytes']:,} bytes, {state}"])
    rows.append(["state", f"sha256:{found['digest']}"])
    click.echo(terminal.columns([str(directory), ""], rows, words=(0, 1)))


def contents(directory: Path) -> dict[str, Any]:
    """What a data directory holds; the state is rebuilt in memory to take its hash."""
    from service.journal import Journal
    from service.lock import Lock
    from service.recover import rebuild
    from service.snapshots import Snapshots, read

    if not (directory / "journal.db").is_file():
        raise ValueError(f"{directory}: holds no journal.db: name a directory that `serve` wrote.")
    with Lock(directory):
        journal = Journal(directory, read_only=True)
        try:
            snapshots = Snapshots(directory)
            files = []
            for path in snapshots.paths():
                snapshot = read(path)
                files.append(
                    {
                        "file": path.name,
                        "bytes": path.stat().st_size,
                        "whole": snapshot is not None,
                        "position": snapshot.end.position if snapshot else None,
                    }
                )
            state, _ = rebuild(journal, snapshots, 0)
            settings = dict(journal.identity)
            return {
                "directory": str(directory),
                "strategy": settings.pop("strategy"),
                "settings": settings,
                "position": state.place.position,
                "tasks": len(state.place.tasks),
                "classes": list(state.place.classes),
                "journal": {
                    "bytes": journal.path.stat().st_size,
                    "groups": journal.end.sequence,
                    "begins": journal.base.position,
                    "ends": journal.end.position,
                },
                "snapshots": files,
                "digest": state.place.digest(),
            }
        finally:
            journal.close()
