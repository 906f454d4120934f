"""All measurements in their short form, and the page of what came out: `make bench`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from bench.page import page

BENCHES = ("learn", "serve", "scale", "memory", "meet", "recover")
DOCS = Path(__file__).parents[1] / "docs"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run each in a process of its own; write `benchmarks.md` and the pictures beside it.

    Options that are not known here go to every command. One that fails stops no other; the page
    names it, and the exit status is 1.
    """
    parser = argparse.ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=BENCHES, default=BENCHES, metavar="NAME")
    parser.add_argument("--into", type=Path, default=DOCS, help="the page's folder (docs)")
    parser.add_argument("--long", action="store_true", help="not the short form")
    given, others = parser.parse_known_args(arguments)
    told, absent = [], {}
    with tempfile.TemporaryDirectory() as made:
        for name in given.only:
            out = Path(made) / f"{name}.json"
            if find_spec(f"bench.{name}") is None:
                absent[name] = "there is no such module"
                continue
            print(f"\n# bench.{name}", flush=True)
            how = [] if given.long else ["--short"]
            command = [sys.executable, "-m", f"bench.{name}", "--json", str(out), *how, *others]
            status = subprocess.run(command).returncode
            if status:
                absent[name] = f"it ended with status {status}"
                continue
            told.append(json.loads(out.read_text("utf-8")))
            for picture in told[-1]["pictures"]:
                (given.into / picture).write_bytes((Path(made) / picture).read_bytes())
    (given.into / "benchmarks.md").write_text(page(told, absent), "utf-8")
    sys.exit(1 if absent else 0)


if __name__ == "__main__":
    main()
