"""What travels over HTTP, as pydantic models: the words of the OpenAPI document.

The two hot routes decode by `decode.py` and encode by `examples.py`; these models describe them,
and a test holds the two to each other.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Number = Annotated[float, Field(allow_inf_nan=False)]
LabelIn = str | bool | int | Number
Value = bool | Number | str | list[Number | None] | list[str | None] | dict[str, Number] | None


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Question(_Model):
    """What is to be predicted."""

    task: str = Field(min_length=1, description="Name of the task; any characters.")
    features: dict[str, Value] = Field(
        description="Named values: a number or boolean; a string (a category, or text: its words "
        "count); a list of numbers or of strings; an object token -> number (a bag). null means "
        "missing. An empty object is an example too: the base rate."
    )


class Lesson(Question):
    """An example with its label."""

    label: LabelIn = Field(
        description='Any JSON scalar but null. true, 1 and "1" are three labels, 1 and 1.0 one.'
    )
    weight: float = Field(
        default=1.0, ge=0, le=1e6, description="Importance: 2 counts as seen twice."
    )
    id: str | None = Field(
        default=None,
        min_length=1,
        description="Makes a retry safe: the same id and example again get the first answer and "
        "change nothing; another example with this id is refused (409).",
    )


class Rows(_Model):
    """Many examples, whose columns are named once."""

    columns: list[str] = Field(
        description="By where a value would stand in an example: `task`, `label`, `weight`, `id`, "
        "`features.NAME`; NAME alone is a feature too, where it is none of the four."
    )
    rows: list[list[LabelIn | Value]] = Field(
        description="A row an example, with a value for each column; null means missing."
    )


class LabelProbability(_Model):
    """How likely a label is."""

    label: LabelIn
    probability: float = Field(ge=0, le=1)


class Answer(_Model):
    """What was predicted; of a lesson, before it was learnt."""

    task: str
    label: LabelIn | None = Field(description="The most probable; null where none was ever seen.")
    probabilities: dict[str, float] | list[LabelProbability] = Field(
        description="By label, where all labels are strings; else an array of label and "
        'probability, since an object cannot tell 1 from "1" from true.'
    )
    seen: int = Field(ge=0, description="Examples that the task had learnt before this answer.")
    version: int = Field(ge=0, description="Version of the task's state that answered.")


class Flaw(_Model):
    """One thing wrong with an example."""

    pointer: str = Field(description="JSON pointer (RFC 6901) into the example or the query.")
    detail: str


class Problem(_Model):
    """An error, by RFC 9457."""

    type: str
    title: str
    status: int
    code: str = Field(description="Stable; all are listed at /problems.")
    detail: str = Field(description="A sentence with the field, the value and the remedy.")
    errors: list[Flaw] = []
    line: int | None = Field(default=None, description="Of a body of JSON lines, from 1.")
    request_id: str | None = Field(default=None, description="As in the header X-Request-Id.")


class AnswerOfMany(Answer):
    """One good item among many."""

    status: int = Field(description="200")


Item = AnswerOfMany | Problem


class Told(_Model):
    """What was said of many, by rows."""

    classes: list[LabelIn] = Field(description="What the probabilities of each row are of.")
    columns: list[str] = Field(
        description="`status`, `code` and `detail` (of a problem, else null), `task`, `label`, "
        "`probabilities`, `seen`, `version`."
    )
    rows: list[list[int | LabelIn | list[float | None] | None]] = Field(
        description="A row an example; a class that its task does not know has null."
    )


class TaskList(_Model):
    """Some of the names, in order."""

    tasks: list[str]
    total: int
    next: str | None = Field(description="`cursor` of the next page; null on the last.")


class LabelCount(_Model):
    """How often a label was learnt."""

    label: LabelIn
    count: int


class Near(_Model):
    """Another task, and how alike."""

    task: str
    cosine: float = Field(description="-1 to 1: of the two tasks' weights.")


class Measures(_Model):
    """How well an expert predicted the task's labels, each before it was learnt."""

    error: float = Field(description="Fraction of wrong predictions.")
    log_loss: float = Field(description="Nats an example.")
    brier: float
    recent_error: float = Field(description="Over about the last 100 examples.")
    recent_log_loss: float


class Benefit(_Model):
    """What coordination brought this task, against its own learner; positive is good."""

    nats: float = Field(description="Log loss saved, over the task's whole life.")
    errors: float = Field(description="Wrong predictions saved.")


class Task(_Model):
    """What is known of one task."""

    task: str
    seen: int
    classes: list[LabelCount]
    progress: dict[str, Measures] = Field(
        description="By expert; the first is the strategy's own answer."
    )
    weights: dict[str, float] = Field(
        description="How far each expert is trusted; they sum to 1. Empty where none are mixed."
    )
    benefit: Benefit | None = Field(description="null where no own learner runs beside.")
    nearest: list[Near]
    bytes: int = Field(description="Of memory that the task takes up, spare room included.")


class Pair(_Model):
    """Two tasks, and how alike."""

    tasks: tuple[str, str]
    cosine: float


class Relations(_Model):
    """Who is alike: the whole matrix, or the `top` pairs."""

    tasks: list[str] | None = Field(default=None, description="Names of the rows and columns.")
    cosine: list[list[float]] | None = Field(
        default=None, description="Symmetric; 1 on the diagonal."
    )
    pairs: list[Pair] | None = Field(default=None, description="Most alike first.")


class State(_Model):
    """The state as a whole; equal journals give equal digests."""

    strategy: str
    position: int = Field(description="Examples and deletions so far.")
    tasks: int
    digest: str = Field(description="SHA-256 of the canonical state, in hex.")
