"""What the web asks of whatever learns: one engine, or several in processes of their own."""

from __future__ import annotations

from typing import Protocol

from learners.types import F32
from learners.view import TaskView


class Face(Protocol):
    """Tasks, their relations and the state, whoever keeps them."""

    async def delete(self, task: str) -> bool:
        """Forget a task, durably; whether there was one."""
        ...

    async def tasks(self) -> list[str]:
        """Names of the tasks, in order."""
        ...

    async def view(self, task: str) -> TaskView:
        """What there is to see of one task; KeyError where there is none."""
        ...

    async def relations(self) -> tuple[list[str], F32]:
        """Names of the tasks and the cosines of their models, (T, T)."""
        ...

    async def pairs(self, top: int) -> list[tuple[str, str, float]]:
        """The pairs of tasks that are most alike, with their cosine, the most alike first."""
        ...

    async def digest(self) -> str:
        """SHA-256 of the whole state, in hexadecimal."""
        ...

    async def stats(self) -> dict[str, float]:
        """Numbers, `tasks` and `position` among them; those that only grow end in `_total`."""
        ...

    def refuse_unless_ready(self) -> None:
        """Raise a Problem that says what is not ready, where something is not."""
        ...

    async def close(self) -> None:
        """Do what was taken in, write what a restart begins from, let go of the directory."""
        ...
