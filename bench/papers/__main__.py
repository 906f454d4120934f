"""Do the papers' own experiments show here what they showed there?

    python -m bench.papers NAME ... [--short] [--page FILE.md]

Each prints the paper's tables beside ours, and says what differs. `--page` writes those that were
made to a page; sections of that page about other papers stay as they are.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from bench import papers
from bench.papers.beside import markdown

NAMES = sorted(
    module.name
    for module in iter_modules(papers.__path__)
    if module.name not in ("__main__", "beside") and not module.ispkg
)
HEAD = """# The papers' experiments

Each made again with the strategies as they are here: `python -m bench.papers NAME --page
docs/papers.md`. Where the paper's data cannot be had, equivalent data stand in; each section says
what differs.
"""


def section(name: str, short: bool) -> str:
    """What a paper's experiment came to, as Markdown."""
    module = import_module(f"bench.papers.{name}")
    begun = time.process_time()
    told = [markdown(table) for table in module.tables(short)]
    took = f"{time.process_time() - begun:.0f} s of CPU" + (", the short form" if short else "")
    return "\n\n".join([f"## {name}", (module.__doc__ or "").strip(), *told, f"Took {took}."])


def into(page: Path, name: str, told: str) -> None:
    """Write a section to a page, in the order of names, beside those that it has."""
    old = page.read_text("utf-8") if page.exists() else ""
    parts = re.split(r"^(?=## )", old, flags=re.MULTILINE)[1:]
    had = {part.split("\n", 1)[0][3:]: part.strip() for part in parts}
    every = {**had, name: told}
    page.write_text(
        "\n".join([HEAD, "\n\n".join(every[name] for name in sorted(every)), ""]), "utf-8"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the experiments, print them, and write them where they are asked for."""
    parser = argparse.ArgumentParser("python -m bench.papers", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--short", action="store_true", help="smaller, in about a minute each")
    parser.add_argument("--page", type=Path, help="a Markdown file to write the sections to")
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    for name in given.names or NAMES:
        told = section(name, given.short)
        print(told, "\n", flush=True)
        if given.page is not None:
            into(given.page, name, told)


if __name__ == "__main__":
    main()
