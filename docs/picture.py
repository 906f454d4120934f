"""Draws `docs/yeast.svg`, the README's picture, from a real run: `make picture`."""

from __future__ import annotations

from pathlib import Path

from service.command.cli_replay import run
from service.command.report import curves
from service.command.report_svg import alone


def main() -> None:
    """Replay Yeast with the defaults; write the learning curves as a drawing of their own."""
    result = run("river:Yeast", ["auto"], None, 0, None, None, watch=False)
    Path(__file__).with_name("yeast.svg").write_text(alone(curves(result)), "utf-8")


if __name__ == "__main__":
    main()
