"""A run as one HTML page that needs nothing else: pictures first, then the figures.

`page(replay)` is the whole page. What a run did not measure (a plain strategy has no experts, a
server without relations) has no section.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from learners.view import ALONE
from service.command import report_svg as draw
from service.command.outcome import Figures, Outcome, Replay, Run, View
from service.command.outcome import alone as alone_of
from service.command.terminal import percent, signed

ROWS = 40  # more tasks than this are dots, not rows
MATRIX = 100  # tasks of a heat map at most: those with the most examples
PALETTE = 8


def page(replay: Replay) -> str:
    """The report on a replay."""
    return document(title(replay.source), "\n".join(_sections(replay)))


def document(name: str, body: str) -> str:
    """A whole page of that name, with its style inside."""
    css = files("service.command").joinpath("report.css").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Kindred: {escape(name)}</title>\n<style>\n{css}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _sections(replay: Replay) -> Iterator[str]:
    first = replay.runs[0]
    order = "shuffled with seed " + str(replay.seed) if replay.shuffled else "in their own order"
    yield f"<h1>{escape(title(replay.source))}</h1>"
    yield (
        f'<p class="lede">{replay.examples:,} examples of {replay.tasks:,} tasks, {order}. Every '
        "prediction was made before its label was learnt; nothing was seen twice.</p>"
    )
    yield _facts(replay)
    yield _strategies(replay)
    yield (
        "<h2>Learning curves</h2>"
        '<p class="note">Error over all examples so far; the figure at the end of a line is that '
        "of the whole run.</p>"
        f"<figure>{curves(replay)}</figure>"
    )
    alone, subject = alone_of(replay.runs), first.answer
    if alone is not None and alone is not subject:
        yield _own_against_coordinated(first.name, alone, subject)
    for run in replay.runs:
        if len(run.weights) > 1:
            yield _weights(run)
    if first.relations is not None and len(first.relations[0]) > 1:
        yield _relations(first.name, first.answer, *first.relations)
    yield _per_task(replay, alone)
    yield "<footer>Made by <code>kindred replay</code>.</footer>"


def title(source: str) -> str:
    """A source's name: of a file without its folders, which are nobody's business.

    >>> title("/srv/data/visits.csv?task=user"), title("river:Yeast")
    ('visits.csv?task=user', 'river:Yeast')
    """
    path, mark, parameters = source.partition("?")
    return path.rsplit("/", 1)[-1] + mark + parameters


def _facts(replay: Replay) -> str:
    first, alone = replay.runs[0], alone_of(replay.runs)
    facts = [(percent(first.answer.figures.error, 1), f"error of {first.name}")]
    if alone is not None and alone is not first.answer:
        better = sum(
            1 for task, f in first.answer.per_task.items() if _less(f, alone.per_task.get(task))
        )
        facts.append((percent(alone.figures.error, 1), "error of every task alone"))
        facts.append((f"{better} of {len(first.answer.per_task)}", "tasks better than alone"))
    if first.seconds:
        facts.append((f"{replay.examples / first.seconds:,.0f}", "examples a second"))
    cards = (f'<div class="fact"><b>{a}</b><span>{escape(b)}</span></div>' for a, b in facts)
    return f'<div class="facts">{"".join(cards)}</div>'


def _less(a: Figures, b: Figures | None) -> bool:
    return a.error is not None and b is not None and b.error is not None and a.error < b.error


def _strategies(replay: Replay) -> str:
    rows = []
    for run in replay.runs:
        rows.append(_row("", run.name, run.answer.figures, f"{run.seconds:.1f}"))
        rows += [_row("part", name, part.figures, "") for name, part in run.experts.items()]
    head = "".join(f"<th>{name}</th>" for name in ("strategy", "error", "log loss", "AUC", "s"))
    return f'<div class="table"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _row(css: str, name: str, figures: Figures, seconds: str) -> str:
    cells = (percent(figures.error, 2), _number(figures.log_loss), _number(figures.auc), seconds)
    return (
        f'<tr class="{css}"><td>{escape(name)}</td>'
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>"
    )


def _number(value: float | None) -> str:
    return "\u2013" if value is None else f"{value:.4f}"


def colours(run: Run) -> dict[str, int]:
    """A colour for each expert: 0 is the answer's, 1 that of the task alone."""
    rest = iter(range(2, PALETTE))
    return {name: 1 if name == ALONE else next(rest, PALETTE - 2) for name in run.experts}


def curves(replay: Replay) -> str:
    """The learning curves: of one strategy and its experts, or of several strategies."""
    if len(replay.runs) == 1:
        run = replay.runs[0]
        found = [
            draw.Line(name, part.curve, colours(run)[name], minor=True)
            for name, part in run.experts.items()
            if part.curve
        ]
        found.append(draw.Line(run.name, run.answer.curve, 0))
    else:
        found = [
            draw.Line(run.name, run.answer.curve, i % PALETTE) for i, run in enumerate(replay.runs)
        ]
    return draw.lines(found, "examples", "error over all examples so far")


def _own_against_coordinated(name: str, alone: Outcome, subject: Outcome) -> str:
    rows = [
        (task, before.error, after.error)
        for task, after in subject.per_task.items()
        if (before := alone.per_task.get(task)) and before.error is not None
        if after.error is not None
    ]
    rows.sort(key=lambda row: row[2] - row[1])
    chart = draw.pairs if len(rows) <= ROWS else draw.scatter
    picture = chart(rows, ("alone", name), "error of each task, alone and coordinated")
    return (
        "<h2>Each task, alone and coordinated</h2>"
        '<p class="note">Error of the task\u2019s own learner, which hears nobody, and of the '
        "coordinated answer; the difference in points.</p>"
        f"<figure>{picture}</figure>"
    )


def _weights(run: Run) -> str:
    names = colours(run)
    samples = [(n, by_family(share, names)) for n, share in run.weights]
    names |= {name: PALETTE - 1 for name in samples[-1][1] if name not in names}
    picture = draw.areas(samples, names, "examples", "weights of the experts over time")
    return (
        f"<h2>Whom {escape(run.name)} believes</h2>"
        '<p class="note">Weights of the experts, mean over the tasks. One gains where it '
        "gave the labels that came a higher probability than the others did.</p>"
        f"<figure>{picture}</figure>"
    )


def by_family(weights: Mapping[str, float], families: Iterable[str]) -> dict[str, float]:
    """Weights summed over the rates of each family.

    >>> by_family({"pooled:0.2": 0.5, "pooled:0.6": 0.25, "own": 0.25}, ["own", "pooled"])
    {'own': 0.25, 'pooled': 0.75}
    """
    found = dict.fromkeys(families, 0.0)
    for name, weight in weights.items():
        family = next((f for f in found if name.startswith(f"{f}:")), name)
        found[family] = found.get(family, 0.0) + weight
    return found


def clustered(matrix: NDArray[np.float64]) -> list[int]:
    """An order in which the alike stand together: leaves of an average-linkage tree.

    >>> clustered(np.array([[1, 0, .9, 0], [0, 1, 0, .8], [.9, 0, 1, 0], [0, .8, 0, 1]]))
    [0, 2, 3, 1]
    """
    if len(matrix) < 3:
        return list(range(len(matrix)))
    distance = np.clip(1.0 - (matrix + matrix.T) / 2.0, 0.0, 2.0)
    np.fill_diagonal(distance, 0.0)
    flat = squareform(distance, checks=False)
    order: list[int] = leaves_list(optimal_leaf_ordering(linkage(flat, "average"), flat)).tolist()
    return order if order[0] <= order[-1] else order[::-1]


def _relations(
    strategy: str, answer: Outcome, names: Sequence[str], matrix: NDArray[np.float64]
) -> str:
    note = ""
    if len(names) > MATRIX:
        per_task = answer.per_task
        most = sorted(range(len(names)), key=lambda i: -per_task[names[i]].examples)[:MATRIX]
        names, matrix = [names[i] for i in most], matrix[np.ix_(most, most)]
        note = f" The {MATRIX} tasks with the most examples are shown."
    order = clustered(matrix)
    names, matrix = [names[i] for i in order], matrix[np.ix_(order, order)]
    return (
        f"<h2>Who is alike, says {escape(strategy)}</h2>"
        '<p class="note">Cosine between the models of two tasks; blue: they agree, orange: one '
        f"says yes where the other says no. The alike stand together.{note}</p>"
        f"<figure>{draw.heat(names, matrix.tolist(), 'relations between tasks')}</figure>"
    )


def _per_task(replay: Replay, alone: Outcome | None) -> str:
    heads = ["task", "examples"]
    heads += ["alone"] if alone is not None else []
    heads += [run.name for run in replay.runs if run.answer is not alone]
    first = replay.runs[0]
    heads += ["nats saved", "errors saved", "nearest"] if first.views else []
    rows = [_task_row(replay, alone, task) for task in first.answer.per_task]
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    table = f'<div class="table"><table><tr>{head}</tr>{"".join(rows)}</table></div>'
    if len(rows) > ROWS:
        table = f"<details><summary>All {len(rows)} tasks</summary>{table}</details>"
    return f"<h2>Task by task</h2>{table}"


def _task_row(replay: Replay, alone: Outcome | None, task: str) -> str:
    first = replay.runs[0]
    outcomes: Sequence[Outcome] = [r.answer for r in replay.runs if r.answer is not alone]
    if alone is not None:
        outcomes = [alone, *outcomes]
    cells = [f"<td>{escape(task)}</td><td>{first.answer.per_task[task].examples:,}</td>"]
    for outcome in outcomes:
        figures = outcome.per_task.get(task)
        cells.append(f"<td>{percent(figures.error if figures else None, 2)}</td>")
    if first.views:
        cells += _known(first.views.get(task))
    return f"<tr>{''.join(cells)}</tr>"


def _known(view: View | None) -> Iterator[str]:
    """What the strategy itself knows of the task: what sharing brought, and who is alike."""
    if view is None:
        yield "<td>\u2013</td>" * 3
        return
    for value, digits in zip(view.benefit or (0.0, 0.0), (1, 0), strict=True):
        css = "better" if value > 0 else "worse" if value < 0 else ""
        yield f'<td class="{css}">{signed(value, digits)}</td>'
    near = ", ".join(f"{task} {cosine:+.2f}" for task, cosine in view.nearest[:2])
    yield f"<td>{escape(near)}</td>"
