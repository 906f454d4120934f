"""Simulated runs as one HTML page: error against bytes, against staleness, against liars."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from service.command import report_svg as draw
from service.command.cli_simulate import Run, Simulation
from service.command.report import PALETTE, document, title
from service.command.terminal import percent

PARTS = 5  # of the places, by the age of what they hear


def page(simulation: Simulation) -> str:
    """The report on simulated runs."""
    return document(title(simulation.source), "\n".join(_sections(simulation)))


def _sections(simulation: Simulation) -> Iterator[str]:
    words, runs = simulation.words, simulation.runs
    fair = [run for run in runs if run.share == min(one.share for one in runs)]
    yield f"<h1>{escape(title(simulation.source))}, on a network</h1>"
    yield (
        f'<p class="lede">{simulation.examples:,} examples of {simulation.tasks:,} tasks at '
        f"{len(simulation.places):,} places, one example a second; {escape(_told(simulation))}. "
        "Every prediction was made before its label was learnt.</p>"
    )
    yield _table(runs)
    if any(run.result.traffic.bytes for run in fair):
        yield _figure(
            "Error against bytes",
            "Error over all examples so far, of the places that tell the truth, against what all "
            "had sent by then.",
            draw.lines(_by_bytes(fair), "MB sent", "error against bytes sent"),
        )
    ages = _by_age(fair)
    if ages:
        yield _figure(
            "Error against staleness",
            "Places in fifths by the mean age of what they heard, each with the error of its "
            f"places. Places differ in their tasks too. {words.period:g} s from one telling to the "
            "next.",
            draw.lines(ages, "seconds old", "error against staleness"),
        )
    liars = _by_share(runs)
    if liars:
        yield _figure(
            "Error against the share of liars",
            f"Of the places that never lie, while others do ({escape(words.byzantine)}).",
            draw.lines(liars, "per cent of the places lie", "error against the share of liars"),
        )
    yield "<footer>Made by <code>kindred simulate</code>.</footer>"


def _told(simulation: Simulation) -> str:
    """The network in words: what of it is not as it is by default."""
    words = simulation.words
    usual = type(words)()
    given = [
        f"{name} {value if isinstance(value, str | int | float) else ' '.join(value)}"
        for name, value in words._asdict().items()
        if value and value != getattr(usual, name)
    ]
    gap = "" if simulation.second is None else f" (second eigenvalue {simulation.second:.3f})"
    return ", ".join([f"topology {words.topology}{gap}", *given])


def _figure(name: str, note: str, drawing: str) -> str:
    return f'<h2>{name}</h2><p class="note">{note}</p><figure>{drawing}</figure>'


def _table(runs: Sequence[Run]) -> str:
    heads = ("strategy", "liars", "error", "log loss", "messages", "MB", "lost", "age, s")
    rows = []
    for run in runs:
        result, traffic = run.result, run.result.traffic
        age = result.ages.seconds.mean() if len(result.ages.seconds) else math.nan
        error, loss = result.error(True), result.log_loss(True)
        cells = (
            f"{run.share:.0%}", percent(None if math.isnan(error) else error),
            _number(loss, 4), f"{traffic.sent:,}", f"{traffic.bytes / 1e6:,.2f}",
            f"{traffic.lost:,}", _number(float(age), 1),
        )  # fmt: skip
        tds = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f"<tr><td>{escape(run.strategy)}</td>{tds}</tr>")
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f'<div class="table"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _number(value: float, digits: int) -> str:
    return "\u2013" if math.isnan(value) else f"{value:,.{digits}f}"


def _by_bytes(runs: Sequence[Run]) -> list[draw.Line]:
    found = []
    for i, run in enumerate(runs):
        points = [(sent / 1e6, error) for _, _, error, sent in run.result.curve(honest=True)]
        if points:
            found.append(draw.Line(run.strategy, points, i % PALETTE))
    return found


def _by_age(runs: Sequence[Run]) -> list[draw.Line]:
    found = []
    for i, run in enumerate(runs):
        known = [run.result.of_place(name) for name, fair in run.result.honest.items() if fair]
        rows = sorted((age, n, error) for n, error, _, age, _ in known if n and age == age)
        points = []
        for part in np.array_split(np.array(rows).reshape(-1, 3), min(PARTS, len(rows)) or 1):
            if len(part):
                age, n, error = part.T
                points.append((float(age.mean()), float((n * error).sum() / n.sum())))
        if points:
            found.append(draw.Line(run.strategy, points, i % PALETTE))
    return found


def _by_share(runs: Sequence[Run]) -> list[draw.Line]:
    """Of the places that never lie, so that all points of a line are of the same tasks."""
    names = list(dict.fromkeys(run.strategy for run in runs))
    most = max(runs, key=lambda run: run.share).result
    kept = [name for name, fair in most.honest.items() if fair]

    def error(run: Run) -> float:
        rows = [run.result.of_place(name)[:2] for name in kept]
        total = sum(n for n, _ in rows)
        return sum(n * wrong for n, wrong in rows if n) / total if total else math.nan

    found = []
    for i, name in enumerate(names):
        of = [(100 * run.share, error(run)) for run in runs if run.strategy == name]
        points = sorted(point for point in of if not math.isnan(point[1]))
        if len(points) > 1:
            found.append(draw.Line(name, points, i % PALETTE))
    return found
