"""One line of text as a stream."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams import source


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("river:Elec2", "river bundles no set 'Elec2'.*Bananas.*Yeast"),
        ("river:Yeast?tasks=3", "take no parameters: write river:Yeast"),
        ("synthetic:lowrnk", "no generator 'lowrnk'.*lowrank.*rotated"),
        ("synthetic:lowrank?rnk=2", r"no parameter 'rnk': it takes rank=2 \(int\)"),
        ("synthetic:lowrank?rank=two", "rank='two' is not of type int"),
        ("synthetic:lowrank?rank=2.5", "rank='2.5' is not of type int"),
        ("synthetic:lowrank?rank=2&rank=3", "'rank' is given 2 times"),
        ("synthetic:lowrank?rank", "not of the form name=value"),
        ("synthetic:lowrank?rank=0", "rank=0: give at least 1"),
        ("synthetic:lowrank?flip=1.5", "flip=1.5: give a share"),
        ("synthetic:lowrank?flip=nan", "flip=nan: give a share"),
        ("synthetic:lowrank?drift=slow", "drift='slow': choose one of none, abrupt, gradual"),
        ("synthetic:lowrank?liars=.5&lie=white", "lie='white': choose one of flip, scale"),
        ("synthetic:lowrank?steepness=-1", "steepness=-1.0: give 0"),
        ("synthetic:rotated?features=3", "rotated takes no parameter 'features'"),
        ("synthetic:mixture?concentration=0", "concentration=0.0: give a positive"),
        ("synthetic:mixture?noise=-1", "noise=-1.0: give a standard deviation"),
    ],
)
def test_what_is_wrong_is_named(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        source(text)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError, match="no file 'nowhere.csv'.*synthetic:KIND"):
        source("nowhere.csv")


def test_a_file_of_no_known_kind(tmp_path: Path) -> None:
    path = tmp_path / "stream.doc"
    path.write_text("dear sir")
    with pytest.raises(ValueError, match="no reader for '.doc'.*endings .csv"):
        source(str(path))


def test_parameters_reach_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    path.write_text("who,n,class\nann,1,up\n")
    [event] = source(f"{path}?task=who&label=n")
    assert (event.task, event.y, event.x) == ("ann", 1, {"class": "up"})
    with pytest.raises(ValueError, match="takes no parameter 'tsk': it takes task .str., label"):
        source(f"{path}?tsk=who")


def test_a_question_mark_may_be_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "what?now=1.csv"
    path.write_text("task,label\na,b\n")
    assert next(iter(source(str(path)))).task == "a"


def test_a_source_can_be_read_again() -> None:
    stream = source("synthetic:lowrank?tasks=3&rounds=4&seed=9")
    assert list(stream) == list(stream)
    assert (stream.tasks, stream.examples, stream.time_ordered) == (3, 12, True)
    assert stream.name == "synthetic:lowrank?tasks=3&rounds=4&seed=9"
