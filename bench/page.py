"""A page of what was measured, made of the JSON that the commands wrote."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from bench import goals
from bench.tables import markdown

HEAD = """\
# Benchmarks

How fast, how large, beside whom: made by `make bench`, the short form of every command in `bench`
(`python -m bench.learn` and so on, without `--short`, take longer and are more exact). Contenders
take turns in one run; the median of the rounds is shown, with the least and the most. What counts
is CPU time. Machines differ, and so do two runs on one: read the ratios.
"""


def page(told: Sequence[Mapping[str, Any]], absent: Mapping[str, str]) -> str:
    """Markdown: where and when, then each bench's question, pictures and tables.

    `absent`: bench -> why there is nothing of it.
    """
    parts = [HEAD]
    if told:
        first = told[0]
        versions = ", ".join(" ".join(pair) for pair in first["versions"].items())
        parts.append(f"{first['date'][:10]}. {first['machine']}.\n\n{versions}.\n")
        parts.append(f"## What it is to show\n\n{goals.markdown(told)}\n")
    parts += [_section(one) for one in told]
    parts += [f"## bench.{name}\n\nNothing to show: {why}.\n" for name, why in absent.items()]
    return "\n".join(parts)


def _section(told: Mapping[str, Any]) -> str:
    question, *rest = inspect.cleandoc(told["question"]).split("\n\n")
    words = [part for part in rest if not part.startswith("    ")]  # the command's own line
    how = "the short form" if told["short"] else "the long form"
    took = f"`python -m bench.{told['bench']}`, {how}, rounds: {told['rounds']}"
    pictures = [f"![{question}]({name})" for name in told["pictures"]]
    tables = [markdown(table) for table in told["tables"]]
    head = [f"## {question}", *words, f"{took}, {told['seconds']:.0f} s."]
    return "\n\n".join([*head, *pictures, *tables]) + "\n"
