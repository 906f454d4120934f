"""Everything that can be set, in one object: arguments, then KINDRED_* variables, then TOML.

The TOML file is the one that KINDRED_CONFIG names, else `kindred.toml` where the service starts,
if there is one. A name that is no setting is refused, wherever it stands: a typo must not be a
silent default.

>>> Settings(port=0, bits=18).bits
18
>>> Settings(prot=80)
Traceback (most recent call last):
    ...
pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings
  Value error, 'prot' is no setting; did you mean 'port'? ...
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

PREFIX = "KINDRED_"
ELSEWHERE = {"KINDRED_CONFIG", "KINDRED_DATA"}  # read by others: the TOML file; the data sets
MEBI = 1 << 20


class Settings(BaseSettings):
    """What one service is: where its state lies, what learns, and what it lets in."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, validate_default=True)

    data_dir: Path = Field(
        default=Path("kindred-data"),
        description="Directory of the journal and the snapshots: all the state there is. "
        "One service owns it at a time.",
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. The loopback, because nobody asks who is calling yet: "
        "put 0.0.0.0 only behind something that does.",
    )
    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        description="Port to listen on; 0 takes a free one. The one taken is printed and stands "
        "in the file `port` of the data directory.",
    )
    strategy: str = Field(
        default="auto",
        description="Name in the catalogue (`kindred strategies`) or river:MODULE.CLASS. auto "
        "mixes own, pooled and coordinated learners: nothing to tune.",
    )
    bits: int = Field(
        default=20,
        ge=8,
        le=28,
        description="Features are hashed to 2^bits columns. 20: a million, so that collisions "
        "are rare below some 100,000 features; memory follows those seen, not this.",
    )
    workers: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Processes that tasks are spread over, each with a journal of its own; part of "
        "what a data directory is. More than 1 costs each request a hop: for several cores that "
        "one process keeps busy.",
    )
    seed: int = Field(
        default=0,
        ge=0,
        lt=1 << 63,
        description="Seed of whatever is drawn; same seed, same state.",
    )
    period: int = Field(
        default=256,
        ge=0,
        le=1 << 30,
        description="Examples between two meetings of the tasks; 0: they never meet. Small is "
        "closer together, large is cheaper.",
    )
    warm_tasks: int = Field(
        default=0,
        ge=0,
        le=1 << 30,
        description="Tasks that stay in memory; those that learnt least recently beyond it lie in "
        "the file cold.db, take no part in meetings, and come back when they learn again. 0: all "
        "stay. Some 4 KB a task of 20 features, so 1 GB is 250,000 of them.",
    )
    max_body_bytes: int = Field(
        default=16 * MEBI,
        ge=1024,
        le=1024 * MEBI,
        description="Bytes of one request's body, unpacked; more is 413 before it is read. 16 MiB "
        "is some 40,000 examples of 20 features and a bounded piece of memory. JSON lines are "
        "learnt while they come, so for them it bounds one line.",
    )
    max_examples: int = Field(
        default=100_000,
        ge=1,
        description="Examples in one request; more is 413. They are learnt in slices, so others "
        "do not wait for all of them. JSON lines may be any number.",
    )
    max_features: int = Field(
        default=50_000,
        ge=1,
        description="Columns of one example (numbers, words, entries of lists and bags); more is "
        "422. Guards the writer's time: one example is never interrupted.",
    )
    max_task_chars: int = Field(
        default=512,
        ge=1,
        le=8192,
        description="Characters of a task's name; longer is 422. Names are kept for good and "
        "travel in URLs.",
    )
    max_id_chars: int = Field(
        default=128, ge=1, le=8192, description="Characters of an example's id; longer is 422."
    )
    id_window: int = Field(
        default=100_000,
        ge=0,
        description="Newest ids whose answers are remembered, so that a retry learns nothing "
        "twice; 0 remembers none. About 200 bytes each.",
    )
    queue: int = Field(
        default=65_536,
        ge=1,
        description="Examples that may wait for the writer; beyond it the answer is 503 with "
        "Retry-After, at once. About a second of work.",
    )
    snapshot_every: int = Field(
        default=100_000,
        ge=1,
        description="Examples between snapshots. A restart replays at most this many and a "
        "little more; a snapshot costs one copy of the state.",
    )
    compact: bool = Field(
        default=True,
        description="Drop journal entries that an older good snapshot than the newest already "
        "holds. False keeps all, so that any strategy can be replayed over the whole past.",
    )
    drain_seconds: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="Seconds that requests in flight have to finish after SIGTERM, before the "
        "queue is emptied and the last snapshot written.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe message that is logged."
    )
    access_log: bool = Field(
        default=False,
        description="One JSON line on stderr for each request. Off: it costs more than many "
        "requests do, and /metrics counts them.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over variables, variables over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())

    @model_validator(mode="before")
    @classmethod
    def _known_names_only(cls, values: dict[str, Any]) -> dict[str, Any]:
        known = set(cls.model_fields)
        variables = {PREFIX + name.upper() for name in known} | ELSEWHERE
        for name in values:
            _refuse_unknown(name, known)
        for name in os.environ:
            if name.upper().startswith(PREFIX):
                _refuse_unknown(name.upper(), variables)
        return values


def config_file() -> Path | None:
    """The TOML file to read, if any; a ValueError where KINDRED_CONFIG names none."""
    named = os.environ.get("KINDRED_CONFIG")
    if named is None:
        usual = Path("kindred.toml")
        return usual if usual.is_file() else None
    if not Path(named).is_file():
        raise ValueError(f"KINDRED_CONFIG={named!r} is no file; name a TOML file or unset it.")
    return Path(named)


def _refuse_unknown(name: str, known: set[str]) -> None:
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(known))}."
        raise ValueError(f"{name!r} is no setting; {hint}")
