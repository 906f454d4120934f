"""Draws `docs/yeast.svg`, the README's picture, from a real run: `make picture`."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from service.command.cli_replay import run
from service.command.report import curves


def main() -> None:
    """Replay Yeast with the defaults; write the learning curves as a drawing of their own."""
    result = run("river:Yeast", ["auto"], None, 0, None, None, watch=False)
    css = files("service").joinpath("report.css").read_text("utf-8")
    font = 'svg { font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }'
    drawing = curves(result).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    card = f'<style>{css}{font}</style><rect width="100%" height="100%" fill="var(--card)" rx="8"/>'
    head, rest = drawing.split(">", 1)
    Path(__file__).with_name("yeast.svg").write_text(f"{head}>{card}{rest}\n", "utf-8")


if __name__ == "__main__":
    main()
