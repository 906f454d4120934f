"""The readers on real files: originals against their uniform form, made by other hands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from streams import Event, Stream, read, relabel


def numbers(events: Iterable[Event]) -> NDArray[np.float32]:
    """The values of dense features in order, rounded as the uniform form rounds them."""
    return np.array([list(event.x.values()) for event in events], np.float32)


def same(left: list[Event], right: list[Event]) -> None:
    """Labels and numbers are equal; tasks are one to one."""
    assert [event.y for event in left] == [event.y for event in right]
    assert np.array_equal(numbers(left), numbers(right))
    pairs = {(a.task, b.task) for a, b in zip(left, right, strict=True)}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def raw(data_dir: Path, name: str, **told: str) -> Stream:
    return read(data_dir / "raw" / name, **told)


def test_landmine(data_dir: Path) -> None:
    mat, npz = raw(data_dir, "LandmineData.mat"), read(data_dir / "landmine.npz")
    assert (mat.tasks, mat.examples) == (npz.tasks, npz.examples) == (29, 14820)
    assert mat.time_ordered is npz.time_ordered is False
    same(list(relabel(mat, {0: "clutter", 1: "mine"})), list(npz))


def test_emails(data_dir: Path) -> None:
    mat, npz = raw(data_dir, "emails.mat"), read(data_dir / "spam_ecml06_b.npz")
    assert (mat.tasks, mat.examples) == (npz.tasks, npz.examples) == (15, 6000)
    for a, b in zip(mat, npz, strict=True):
        assert a.x == b.x
        assert f"class{a.y}" == b.y
        assert int(a.task[-2:]) == int(b.task[-2:]) + 1


def test_school(data_dir: Path) -> None:
    same(list(raw(data_dir, "school.mat")), list(read(data_dir / "school.npz")))


@pytest.mark.parametrize("task", ["books", "kitchen"])
def test_sentiment(data_dir: Path, task: str) -> None:
    text = raw(data_dir, f"{task}_train.svmlight", task=task)
    part = (event for event in read(data_dir / "sentiment4.npz") if event.task == task)
    named = relabel(text, {0: "negative", 1: "positive", -1: "negative"})
    for a, b in zip(named, islice(part, 2000), strict=True):
        assert (a.task, a.y, a.x) == (b.task, b.y, b.x)


def test_vehicle(data_dir: Path) -> None:
    leaf, npz = raw(data_dir, "vehicle_mytrain.json"), read(data_dir / "vehicle_ditto.npz")
    assert (leaf.tasks, leaf.examples) == (npz.tasks, npz.examples) == (23, 1860)

    named = relabel(leaf, {1: "class_pos", -1: "class_neg"})
    ordered = sorted(named, key=lambda event: event.task)  # within a task, in the file's order
    assert [event.task for event in ordered] == [event.task for event in npz]
    same(ordered, list(npz))


def test_electricity(data_dir: Path) -> None:
    """The zipped original has the day; the plain one is the same without day and date.

    The first 5000 lines of 45312.
    """
    zipped = raw(data_dir, "elecNormNew.arff.zip", task="day", time="")
    plain = raw(data_dir, "electricity.arff", task="")
    npz = read(data_dir / "elec2.npz")
    assert npz.time_ordered
    a, b, c = (list(islice(stream, 5000)) for stream in (zipped, plain, npz))
    assert [f"day{event.task}" for event in a] == [event.task for event in c]
    same(a, c)
    assert np.array_equal(numbers(b), numbers(a)[:, 1:])
    assert [event.y for event in relabel(b, {"1": "UP", "0": "DOWN"})] == [event.y for event in a]
    assert {event.task for event in b} == {"electricity"}


def test_weather(data_dir: Path) -> None:
    text, npz = raw(data_dir, "weather.csv", task=""), read(data_dir / "weather_nebraska.npz")
    same(list(relabel(text, {0: "no_rain", 1: "rain"})), list(npz))


@pytest.mark.parametrize(
    ("name", "tasks", "examples"),
    [
        ("computer_survey", 190, 3800),
        ("digits_mnist1000", 1, 2000),
        ("eat_voc", 4, 16001),
        ("har_uci_part", 12, 3709),
        ("newsgroups_comp_sci", 2, 3702),
        ("outdoor", 1, 4000),
    ],
)
def test_every_uniform_set_has_the_stated_size(
    data_dir: Path, name: str, tasks: int, examples: int
) -> None:
    stream = read(data_dir / f"{name}.npz")
    seen = Counter(event.task for event in stream)
    assert (stream.tasks, stream.examples) == (tasks, examples) == (len(seen), seen.total())
