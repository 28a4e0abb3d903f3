"""What the tasks of one connection share (:mod:`include.erps.shared_state`), in the memory of one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Tokens:
    """A :class:`include.erps.shared_state.TokenStore`; ``written`` are the names in the order of their writing."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.written: list[str] = []

    def read(self, name: str) -> str | None:
        return self.kept.get(name)

    def write(self, name: str, token: str) -> None:
        self.kept[name] = token
        self.written.append(name)

    def forget(self, name: str) -> None:
        self.kept.pop(name, None)

    @contextmanager
    def renewing(self, name: str) -> Iterator[None]:
        yield


class Budget:
    """A :class:`include.request_budget.RequestBudget` without end; ``pauses`` are the seconds it was told to rest."""

    def __init__(self) -> None:
        self.taken = 0
        self.pauses: list[float] = []

    def take(self) -> None:
        self.taken += 1

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


class Unlimited(Budget):
    """For a server without limits, which never tells anybody to rest."""

    def pause(self, seconds: float) -> None:
        raise AssertionError(f"told to rest for {seconds} s")
