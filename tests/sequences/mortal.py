"""A process that can die at any boundary: before and after each request, before and after each commit.

A killed process does nothing more. Here the thread that stands for it gets an exception that nothing catches, and every later
boundary of the same thread raises again until it is reborn: so no log-off is sent and no lease is given back on its way out.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from include.ledger.database import Ledger
from include.transport import HttpClient


class Killed(BaseException):
    """The process is gone."""


class Mortal(threading.local):
    """The life of the thread that asks."""

    left: int | None = None
    dead = False
    passed = 0

    def live(self, boundaries: int | None = None) -> None:
        """Begin anew; with a number, die at that boundary."""
        self.left, self.dead, self.passed = boundaries, False, 0

    def boundary(self) -> None:
        self.passed += 1
        if self.left is not None and not self.dead:
            self.left -= 1
            self.dead = self.left <= 0
        if self.dead:
            raise Killed


def make_mortal(monkeypatch: pytest.MonkeyPatch, mortal: Mortal) -> None:
    """Every request and every ledger transaction of this process gets its boundaries."""
    streamed, write, read = HttpClient._streamed, Ledger.write, Ledger.read

    @contextmanager
    def mortal_streamed(self: HttpClient, *arguments: Any) -> Iterator[Any]:
        mortal.boundary()
        with streamed(self, *arguments) as response:
            yield response
        mortal.boundary()

    @contextmanager
    def mortal_write(self: Ledger) -> Iterator[sa.Connection]:
        mortal.boundary()
        with write(self) as connection:
            yield connection
            mortal.boundary()
        mortal.boundary()

    @contextmanager
    def mortal_read(self: Ledger) -> Iterator[sa.Connection]:
        mortal.boundary()
        with read(self) as connection:
            yield connection

    monkeypatch.setattr(HttpClient, "_streamed", mortal_streamed)
    monkeypatch.setattr(Ledger, "write", mortal_write)
    monkeypatch.setattr(Ledger, "read", mortal_read)
