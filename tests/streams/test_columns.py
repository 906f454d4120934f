"""Which column is which: told, guessed, or asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams import Event, read
from streams.readers.columns import NAMES, Columns, resolve
from streams.readers.values import seconds

GUESS = Columns(None, None, None, None)


@pytest.mark.parametrize(("role", "name"), [(role, n) for role in NAMES for n in NAMES[role]])
def test_every_listed_name_is_guessed_in_any_writing(role: str, name: str) -> None:
    written = name.upper().replace("_", "-")
    told = Columns(task="p", label="q", time=None, id=None)._replace(**{role: None})
    found = resolve("f", ["p", "q", written, "weight"], told)
    assert getattr(found, role) == written


def test_the_roles_own_name_wins_and_others_are_told_apart() -> None:
    assert resolve("f", ["user", "task", "y", "label"], GUESS)[:2] == ("task", "label")
    with pytest.raises(ValueError, match="f: y and class could each be the label: say label=NAME"):
        resolve("f", ["task", "x", "y", "class"], GUESS)
    assert resolve("f", ["task", "x", "y", "class"], GUESS._replace(label="y")).label == "y"


@pytest.mark.parametrize(
    ("names", "told", "complaint"),
    [
        (["a", "label"], GUESS, "no column is named like a task: .* one of a, label; or task="),
        (["task", "b"], GUESS, "no column is named like a label: .* or label= where no example"),
        (["a", "b"], GUESS._replace(task="c"), "no column 'c' for the task: .* one of a, b"),
        (["a", "y"], GUESS._replace(task="y", label="y"), "one column has two roles"),
    ],
)
def test_what_cannot_be_found(names: list[str], told: Columns, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        resolve("f", names, told)


def test_a_role_can_be_left_empty(tmp_path: Path) -> None:
    path = tmp_path / "lamp.csv"
    path.write_text("user,class,time,id\nann,on,5,7\n")
    assert list(read(path)) == [Event("ann", {}, "on", 5.0, "7")]
    whole = read(path, task="", label="", time="", id="")
    assert whole.tasks == 1
    assert list(whole) == [
        Event("lamp", {"user": "ann", "class": "on", "time": 5, "id": 7})
    ]


def test_what_a_column_says_of_missing(tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    path.write_text("task,label,time,n,m\nNA,?,,NA,none\n")
    assert list(read(path)) == [Event("NA", {"n": None, "m": "none"}, None, None)]


def test_numbers_name_tasks_too(tmp_path: Path) -> None:
    path = tmp_path / "ids.jsonl"
    path.write_text('{"task": 7, "label": 1.0}\n{"task": 7.0, "label": true}\n')
    assert [(event.task, event.y) for event in read(path)] == [("7", 1), ("7", True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2001-09-09T01:46:40Z", 1e9),
        ("2001-09-09T03:46:40+02:00", 1e9),
        ("2001-09-09 01:46:40", 1e9),
        ("1e9", 1e9),
        (7, 7.0),
        ("", None),
    ],
)
def test_moments(text: object, expected: float | None) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["yesterday", True, "inf", float("nan"), "20:15"])
def test_no_moments(text: object) -> None:
    with pytest.raises(ValueError, match="is no time: give seconds or a date"):
        seconds(text)
