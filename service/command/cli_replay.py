"""`kindred replay`: from the words of the command line to a result, and the result as text."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing

import click

from service.client import Client
from service.command import terminal
from service.command.outcome import Outcome, Replay, Run, alone
from service.command.replay import replay
from service.command.targets import Local, Remote, Target
from service.settings import Settings
from streams import Event, source
from streams.operations import shuffle, take

PATIENCE = 10.0  # seconds that a service may be away
TASKS = 30  # rows shown; JSON has all


def run(
    text: str,
    names: Sequence[str],
    url: str | None,
    seed: int,
    limit: int | None,
    shuffled: bool | None,
    watch: bool,
) -> Replay:
    """Replay a source into each strategy in this process, or into the service at `url`.

    Raises:
        ValueError: there is no such source or strategy, or no example that has a label.
    """
    stream = source(text)
    if shuffled is None:
        shuffled = not stream.time_ordered
    events: Iterable[Event] = shuffle(stream, seed) if shuffled else stream
    total = stream.examples
    if limit is not None:
        total = limit if total is None else min(total, limit)
    runs = []
    with closing(_targets(names, url, seed)) as targets:
        for target in targets:
            chosen = events if limit is None else take(events, limit)
            with terminal.progress(target.name, total) as bar:
                runs.append(replay(target, chosen, total=total, watch=watch, step=bar.update))
    answer = runs[0].answer
    if not answer.figures.examples:
        raise ValueError(f"{text}: no example has a label: name its column, as in FILE?label=NAME")
    return Replay(text, answer.figures.examples, len(answer.per_task), shuffled, seed, runs)


def _targets(names: Sequence[str], url: str | None, seed: int) -> Generator[Target, None, None]:
    if url is None:
        # All are made before the first learns: a wrong name is told at once.
        yield from [Local(Settings(strategy=name, seed=seed)) for name in names]
        return
    with Client(url) as client:
        target = Remote(client)
        client.patience = PATIENCE  # from now on: that nobody was there would have been told
        yield target


def show(replay: Replay, form: str) -> None:
    """Print the result."""
    if form == "json":
        terminal.emit_json(replay.as_json())
        return
    order = f"shuffled with seed {replay.seed}" if replay.shuffled else "in the source's order"
    size = f"{replay.examples:,} examples of {replay.tasks:,} tasks"
    click.echo(f"{replay.source}: {size}, {order}\n")
    click.echo(strategies(replay.runs))
    before = alone(replay.runs)
    if len(replay.runs) == 1 and before is not None and before is not replay.runs[0].answer:
        click.echo("\n" + tasks(replay.runs[0], before))


def strategies(runs: Sequence[Run]) -> str:
    """How good each strategy was, and each of its experts, as a table."""
    rows = []
    for run in runs:
        rows.append([click.style(run.name, bold=True), *_cells(run.answer), f"{run.seconds:.2f}"])
        rows += [[f"  {name}", *_cells(part), ""] for name, part in run.experts.items()]
    return terminal.columns(["strategy", "error", "log loss", "AUC", "seconds"], rows)


def tasks(run: Run, before: Outcome) -> str:
    """What coordination brought which task, as a table."""
    rows = []
    for task, after in list(run.answer.per_task.items())[:TASKS]:
        view, own = run.views.get(task), before.per_task.get(task)
        if view is None or own is None:
            continue
        nats, errors = view.benefit or (math.nan, math.nan)
        near = ", ".join(f"{other} {cosine:+.2f}" for other, cosine in view.nearest[:2])
        rows.append(
            [
                task,
                f"{after.examples:,}",
                terminal.percent(own.error),
                terminal.percent(after.error),
                _gain(errors, 0),
                _gain(nats, 1),
                "  " + near,
            ]
        )
    head = ["task", "examples", "alone", run.name, "errors saved", "nats saved", "  nearest"]
    table = terminal.columns(head, rows, words=(0, 6))
    more = len(run.answer.per_task) - TASKS
    return table + (f"\n... and {more:,} more: --format json has all" if more > 0 else "")


def _gain(value: float, digits: int) -> str:
    if math.isnan(value):
        return "-"
    colour = "green" if value > 0 else "red" if value < 0 else None
    return click.style(terminal.signed(value, digits), fg=colour)


def _cells(outcome: Outcome) -> list[str]:
    figures = outcome.figures
    return [
        terminal.percent(figures.error),
        "-" if figures.log_loss is None else f"{figures.log_loss:.4f}",
        "-" if figures.auc is None else f"{figures.auc:.4f}",
    ]
