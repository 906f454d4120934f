from __future__ import annotations

import json
import math
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.loglog import Panel, picture, slope
from bench.scale import AXES, main


def test_every_axis_is_measured_and_drawn(tmp_path: Path) -> None:
    out = tmp_path / "scale.json"
    main(["--short", "--rounds", "1", "--points", "2", "--json", str(out)])
    told = json.loads(out.read_text())
    assert [table["title"] for table in told["tables"]] == [f"by {axis.name}" for axis in AXES]
    for table in told["tables"]:
        for row in table["rows"].values():
            assert row and all(figure["median"] > 0 for figure in row.values())
    drawn = (tmp_path / "scale.svg").read_text("utf-8")
    assert told["pictures"] == ["scale.svg"] and ElementTree.fromstring(drawn) is not None
    for axis in AXES:
        assert f"us an example / {axis.name}" in drawn


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 2.0])
def test_slope_is_the_power(power: float) -> None:
    assert slope([(x, 3 * x**power) for x in (1, 5, 70, 1000)]) == pytest.approx(power)


def test_a_slope_of_one_climbs_the_whole_panel() -> None:
    drawn = picture([Panel("us", "tasks", {"it": [(1, 1.0), (1000, 1000.0)]})], "a label")
    (path,) = [
        element.attrib["d"]
        for element in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}path")
    ]
    (x0, y0), (x1, y1) = (map(float, point.split()) for point in path[1:].split("L"))
    dots = ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}line")
    heights = [float(line.attrib["y1"]) for line in dots]
    assert x1 > x0 and math.isclose(y0, max(heights)) and math.isclose(y1, min(heights))
    assert "it +1.00" in drawn
