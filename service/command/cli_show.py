"""`kindred strategies` and `kindred inspect`: what there is to choose from, and what there is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from service.command import terminal
from service.command.cli import INPUT, OK

SHOWN = 10  # classes


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


def inspect(directory: Path, form: str) -> int:
    """Print what a data directory holds; exit code INPUT where it is damaged."""
    from service.shards.inspection import inspect as look

    found = look(directory)
    code = OK if found["health"] == "whole" else INPUT
    if form == "json":
        terminal.emit_json(found)
        return code
    classes = found["classes"]
    rows = [
        ["strategy", found["strategy"]],
        ["settings", ", ".join(f"{name} {value}" for name, value in found["settings"].items())],
        ["position", f"{found['position']:,} examples and deletions"],
    ]
    for shard in found.get("shards", ()):
        state = f"sha256:{shard['digest']}" if shard.get("digest") else shard["health"]
        rows.append([Path(shard["directory"]).name, state])
    for one in found.get("shards", [found]):
        rows += _files(one)
    if classes is not None:
        shown = ", ".join(json.dumps(label, ensure_ascii=False) for label in classes[:SHOWN])
        more = f" and {len(classes) - SHOWN} more" if len(classes) > SHOWN else ""
        cold = f", {found['cold']:,} of them cold" if found["cold"] else ""
        rows.append(["tasks", f"{found['tasks']:,}, of {found['examples']:,} examples{cold}"])
        rows.append(["classes", shown + more])
        memory = found["memory"]
        rows.append(["memory", f"{memory['bytes']:,} bytes, {memory['bytes_per_task']:,} a task"])
    if found["digest"] is not None:
        rows.append(["state", f"sha256:{found['digest']}"])
    rows.append(["health", click.style(found["health"], fg="red" if code else "green")])
    click.echo(terminal.columns([str(directory), ""], rows, words=(0, 1)))
    return code


def _files(found: Mapping[str, Any]) -> Iterator[list[str]]:
    """A journal and its snapshots, a row each; none where the journal could not be opened."""
    if (journal := found.get("journal")) is None:
        return
    yield ["journal", f"{journal['bytes']:,} bytes, positions {journal['begins']:,} to "
                      f"{journal['ends']:,}"]  # fmt: skip
    for snapshot in found["snapshots"]:
        state = f"at position {snapshot['position']:,}" if snapshot["whole"] else "damaged"
        yield ["snapshot", f"{snapshot['file']}, {snapshot['bytes']:,} bytes, {state}"]
