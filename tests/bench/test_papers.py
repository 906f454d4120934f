from __future__ import annotations

from pathlib import Path

from bench.papers.__main__ import HEAD, into


def test_a_section_replaces_its_own_and_leaves_the_others(tmp_path: Path) -> None:
    page = tmp_path / "papers.md"
    into(page, "mocha", "## mocha\n\nfirst")
    into(page, "amtl", "## amtl\n\nother")
    into(page, "mocha", "## mocha\n\nsecond")
    assert page.read_text() == f"{HEAD}\n## amtl\n\nother\n\n## mocha\n\nsecond\n"
