"""Good answers with something wrong in them: an error of ours or a value, never anything else, and nothing is created twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

import pytest

from include.erps.port import Erp
from include.errors import ExpenseError, Misconfigured, NotExecuted, Rejected, Retryable, UnknownOutcome
from tests.hostile.mutation import mutated
from tests.hostile.proxy import Answer, Proxy
from tests.hostile.test_erps import ADAPTERS, assert_clear, between, last_asked
from tests.include.erps.adapter import Adapter
from tests.include.erps.conformance import nothing, ready

EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", "5"))
"""Answers per client and question; each question has its own."""


@pytest.fixture(params=ADAPTERS.values(), ids=ADAPTERS.keys())
def made(request: pytest.FixtureRequest) -> type[Adapter]:
    kind: type[Adapter] = request.param
    return kind


def each(adapter: Adapter, proxy: Proxy, chosen: Callable[[], bool], ask: Callable[[Erp], object]) -> None:
    """Ask again and again, each time with other things wrong. A failure names its number: it is the random's seed."""
    for number in range(EXAMPLES):
        answered: list[bytes] = []

        def malice(answer: Answer, seed: int = number, kept: list[bytes] = answered):  # type: ignore[no-untyped-def]
            for piece in mutated(Random(seed + len(kept)))(answer):
                kept.append(piece)
                yield piece

        proxy.malice, proxy.chosen = malice, chosen
        try:
            with adapter.open() as erp:
                ask(erp)
        except (Retryable, Misconfigured) as error:
            assert_clear(error)
        except ExpenseError:
            raise
        except Exception as error:
            said = b"\n---\n".join(answered).decode("utf-8", "replace")[:6000]
            raise AssertionError(f"mutation {number}: {type(error).__name__}: {error}\n{said}") from error
        finally:
            proxy.malice = None


def test_look_ups(made: type[Adapter]) -> None:
    adapter = made()
    with adapter.sandbox, between(adapter) as (proxy, _):
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            erp.create(draft, nothing)
        each(adapter, proxy, last_asked(adapter, adapter.look_up), lambda erp: erp.find(draft))


def test_checks(made: type[Adapter]) -> None:
    adapter = made()
    with adapter.sandbox, between(adapter) as (proxy, _):
        each(adapter, proxy, lambda: True, lambda erp: erp.check([adapter.draft()]))


def test_open_dates(made: type[Adapter]) -> None:
    adapter = made()
    if not (adapter.closes_periods and adapter.moves_periods):
        pytest.skip("it finds no later day")
    with adapter.sandbox, between(adapter) as (proxy, _):
        draft = adapter.draft()
        each(adapter, proxy, lambda: True, lambda erp: erp.next_open_date(draft))


def test_completions(made: type[Adapter]) -> None:
    adapter = made()
    with adapter.sandbox, between(adapter) as (proxy, _):
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            document = erp.create(draft, nothing)
        each(adapter, proxy, lambda: True, lambda erp: erp.complete(draft, document))


def test_creates(made: type[Adapter]) -> None:
    adapter = made()
    with adapter.sandbox, between(adapter) as (proxy, _):

        def create(number: int) -> None:
            with adapter.open() as erp:
                draft = ready(erp, adapter.draft(key=f"R{number}"))
            proxy.malice, proxy.chosen = mutated(Random(number)), last_asked(adapter, adapter.create)
            try:
                with adapter.open() as erp:
                    erp.create(draft, nothing)
            except (UnknownOutcome, Rejected, NotExecuted) as error:
                assert_clear(error)
            finally:
                proxy.malice = None
            assert len(adapter.stored(draft)) == 1

        for number in range(EXAMPLES):
            create(number)
