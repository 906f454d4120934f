"""What the compiled loop puts together is what a library writes of each answer."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from learners.types import Label
from service.core.answers import Said, Spoken
from service.web import told
from service.web.tell import items, lines, spoken_elements, spoken_lines

LABELS: st.SearchStrategy[Label] = (
    st.text(max_size=4) | st.integers(-5, 5) | st.floats(-2, 2) | st.booleans()
)


@given(st.data())
def test_answers_are_what_each_is_alone(data: st.DataObject) -> None:
    n = data.draw(st.integers(0, 4))
    tasks = data.draw(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=3))
    strings = data.draw(st.booleans())
    labels = st.text(max_size=4) if strings else LABELS
    classes = data.draw(st.lists(labels, max_size=4, unique_by=lambda one: (type(one), one)))
    odds = st.floats(0, 1) | st.sampled_from([0.0, 0.5, 1e-300])
    cells = data.draw(st.lists(odds, min_size=n * len(classes), max_size=n * len(classes)))
    said = Said(
        tuple(tasks),
        np.array(
            data.draw(st.lists(st.integers(0, len(tasks) - 1), min_size=n, max_size=n)), np.int32
        ),
        tuple(classes),
        np.array(cells).reshape(n, len(classes)),
        np.array(data.draw(st.lists(st.integers(0, 2**62), min_size=n, max_size=n)), np.int64),
        data.draw(st.booleans()),
    )
    spoken = Spoken(n, {}, range(n), said)
    assert spoken_lines(spoken) == lines(items(spoken))
    assert spoken_elements(spoken) == msgspec.json.encode(items(spoken))[1:-1]
    rows = []
    for answer, p in zip(said.answers(), said.probabilities.tolist(), strict=True):
        likely = [value or None for value in p]
        rows.append((200, None, None, answer.task, answer.label, likely, *answer[4:]))
    table = {"classes": classes, "columns": told.COLUMNS, "rows": rows}
    assert told.rows([spoken]) == msgspec.json.encode(table)
