"""The pages of the algorithms say what the code does."""

from __future__ import annotations

import doctest
import re
import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from learners import parcels
from learners.coordination import CATALOG
from learners.coordination.pooled import pooled
from service.command.cli import kindred

FOLDER = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(FOLDER))  # what makes the pages are scripts, which lie there
algorithms: Any = import_module("algorithms")
runs: Any = import_module("runs")
scenes: Any = import_module("scenes")
PICTURES = [path.name for path in sorted((FOLDER / "algorithms").glob("*.svg"))]
QUICK = ("pooled", "dmtrl")  # runs of a second


@pytest.mark.parametrize("name", CATALOG)
def test_a_page_is_as_it_would_be_written_now(name: str) -> None:
    written = (FOLDER / "algorithms" / f"{name}.md").read_text("utf-8")
    assert written == algorithms.page(CATALOG[name]), "run `make pages`"


@pytest.mark.parametrize("module", [algorithms, runs])
def test_examples_in_docstrings_are_right(module: Any) -> None:
    failed, attempted = doctest.testmod(module)
    assert attempted
    assert not failed


def test_the_readme_is_as_it_would_be_written_now() -> None:
    text = algorithms.README.read_text("utf-8")
    assert algorithms.readme(text) == text
    assert algorithms.readme(text.replace("each task learns alone", "alone")) == text


def test_there_is_no_page_of_anything_else() -> None:
    assert {path.stem for path in (FOLDER / "algorithms").glob("*.md")} == set(CATALOG)


def test_bytes_are_a_line_in_the_columns() -> None:
    few, many = (algorithms.sizes(algorithms.talk(CATALOG["drom"].make(), d)[0]) for d in (8, 24))
    assert algorithms.formula(few[0], many[0]) == "8 d + 8"  # a float64 a column, and a count


@pytest.mark.parametrize("name", CATALOG)
def test_the_bytes_of_a_message_are_those_of_the_table_and_names(name: str) -> None:
    for columns in algorithms.SIZES:
        for parcel in algorithms.talk(CATALOG[name].make(), columns):
            task, place = algorithms.sizes(parcel)
            counted = len(parcels.to_bytes(parcel))  # as the simulator's counter has it
            rest = counted - len(parcel.tasks) * task - place - 4 * len(parcel.ids)
            assert 200 < rest < 400


def test_the_scale_of_a_place_is_24_bytes_a_column() -> None:
    for columns in algorithms.SIZES:
        with_scale, without = (
            algorithms.sizes(algorithms.talk(strategy, columns)[0])
            for strategy in (CATALOG["pooled"].make(), pooled((2.0,)))
        )
        assert with_scale[1] - without[1] == 24 * (columns + 1) + 8


@pytest.mark.parametrize("part", ["Learning:", "Meetings:", "Guarantee", "Use it", "Source:"])
def test_every_page_has_all_its_parts(part: str) -> None:
    for name in CATALOG:
        page = (FOLDER / "algorithms" / f"{name}.md").read_text("utf-8")
        assert re.search(rf"^{part}", page, re.MULTILINE), name
        assert re.search(r"^    \S", page, re.MULTILINE), f"{name} has no equation"
        assert not re.search(r"^[+*] ", page, re.MULTILINE), f"{name}: a sum would become a list"


def test_there_is_no_picture_of_anything_else() -> None:
    related = {f"{name}-relations.svg" for name, p in scenes.PICTURES.items() if p.relations}
    assert set(PICTURES) == {f"{name}.svg" for name in CATALOG} | related


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_small_and_its_lines_end_at_its_figures(name: str) -> None:
    picture = (FOLDER / "algorithms" / name).read_text("utf-8")
    assert len(picture) < 30_000
    assert fromstring(picture).tag.endswith("svg")
    found = runs.figures(picture)
    assert found
    if "-relations" not in name:
        for one, (_, last) in found.items():
            assert f">{one} {last} %</text>" in picture


@pytest.mark.parametrize("name", QUICK)
def test_a_picture_is_of_its_run(name: str) -> None:
    for file, made in runs.pictures(name).items():
        drawn = runs.figures((FOLDER / "algorithms" / file).read_text("utf-8"))
        for one, figures in runs.figures(made).items():
            # Where numpy adds in another order, a figure may be rounded to the other side.
            assert list(map(float, drawn[one])) == pytest.approx(list(map(float, figures)), abs=0.2)


@pytest.mark.parametrize("name", CATALOG)
def test_the_command_that_a_page_gives_is_its_run(name: str) -> None:
    scene, beside, *_ = scenes.PICTURES[name]
    _, command, *words = shlex.split(scenes.command(scene, (name, *beside)))
    given = kindred.commands[command].make_context(command, words).params
    assert given["source"] == scene.source
    assert given["strategies"] == (name, *beside)
    assert {option: given[option] for option in scene.words._fields} == scene.words._asdict()
