"""Whatever Expensify's server answers: an error of ours, nothing read without end, and a report is marked or it is not."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from random import Random

import pytest

from include.errors import Misconfigured, Refused, Retryable
from include.expensify.client import ExpensifyClient
from include.expensify.query import ALL_STATES, ExportQuery
from include.expensify.records import read_export
from include.sandbox.expensify import Policy
from include.sandbox.server import Sandbox
from include.transport import HttpClient
from tests.e2e.reports import meals, report
from tests.hostile.malice import MALICE, MEGABYTE, aimed
from tests.hostile.mutation import mutated
from tests.hostile.proxy import Answer, Proxy, Trap, plain
from tests.include.erps.shared_state import Budget

SECRET = "partner-secret-9981"
LONGEST_FILE = 8 * MEGABYTE
OURS = (Retryable, Misconfigured, Refused)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox() as running:
        expensify = running.expensify
        expensify.credentials = {"aa_acme": SECRET}
        expensify.limits.windows = ()
        expensify.policies["A1"] = Policy("A1", "Acme")
        for number in range(3):
            expensify.add_report(report(f"R{number}", "A1", date(2026, 11, 2), [meals(1250), meals(99)]))
        yield running


@contextmanager
def between(box: Sandbox) -> Iterator[tuple[ExpensifyClient, Proxy, Trap]]:
    with Trap() as trap, Proxy(box.port) as proxy:
        http = HttpClient(f"http://127.0.0.1:{proxy.own_port}", max_body_bytes=LONGEST_FILE)
        client = ExpensifyClient(
            http,
            "aa_acme",
            SECRET,
            Budget(),
            sleep=lambda seconds: None,
            attempts=2,
            ready_within_s=0.2,
            request_timeout_s=10,
        )
        with client:
            yield client, proxy, trap
        assert trap.visits == []


def every(phase: int) -> pytest.MarkDecorator:
    """Each malice in `make e2e-hostile`; every third in each test run, another third for each question."""
    names = [
        pytest.param(name, marks=pytest.mark.e2e if (number + phase) % 3 else (), id=name)
        for number, name in enumerate(MALICE)
    ]
    return pytest.mark.parametrize("name", names)


def query() -> ExportQuery:
    return ExportQuery(ALL_STATES, report_ids=("R0", "R1", "R2"))


def assert_clear(error: BaseException) -> None:
    text = str(error)
    assert 10 < len(text) < 1500
    assert SECRET not in text
    assert "root:" not in text


@every(0)
def test_an_export_is_answered_with_malice(box: Sandbox, name: str) -> None:
    with between(box) as (client, proxy, trap):
        proxy.malice = aimed(MALICE[name], trap.port)
        try:
            client.export(query())
        except OURS as error:
            assert_clear(error)
        assert proxy.sent < 4 * (16 + 12) * MEGABYTE


@every(1)
def test_a_download_is_answered_with_malice(box: Sandbox, name: str) -> None:
    with between(box) as (client, proxy, trap):
        file = client.export(query())
        proxy.malice = aimed(MALICE[name], trap.port)
        into = io.BytesIO()
        try:
            client.download(file, into)
        except OURS as error:
            assert_clear(error)
        else:
            _read(into.getvalue())
        assert len(into.getvalue()) <= LONGEST_FILE
        assert proxy.sent < 8 * (8 + 12) * MEGABYTE


@every(2)
def test_a_mark_is_answered_with_malice(box: Sandbox, name: str) -> None:
    """It took effect: it may be told as marked, or asked for again. Setting it twice is harmless."""
    marked: list[str] = []
    with between(box) as (client, proxy, trap):
        proxy.malice = aimed(MALICE[name], trap.port)
        try:
            client.mark_exported(["R0", "R1"], "posted", marked.extend)
        except OURS as error:
            assert_clear(error)
            assert marked == []
    assert {name for name, labels in box.expensify.labels.items() if labels} == {"R0", "R1"}


@pytest.mark.parametrize("seed", range(4))
def test_answers_with_something_wrong(box: Sandbox, seed: int) -> None:
    with between(box) as (client, proxy, _):
        for number in range(10):
            proxy.malice = mutated(Random(seed * 1000 + number))
            for ask in (
                client.policies,
                lambda: client.policy(["A1"], ["categories", "tags"]),
                lambda: client.export(query()),
            ):
                try:
                    ask()
                except OURS as error:
                    assert_clear(error)


@pytest.mark.parametrize("seed", range(4))
def test_files_with_something_wrong_are_read_or_refused(box: Sandbox, seed: int) -> None:
    """A line gone, doubled, cut or with other values: what is read is typed, what is not is refused by an error of ours."""
    with between(box) as (client, proxy, _):
        file = client.export(query())
        for number in range(15):
            random = Random(seed * 1000 + number)

            def damage(answer: Answer, chance: Random = random) -> Iterator[bytes]:
                lines = answer.body.split(b"\n")
                at = chance.randrange(len(lines))
                match chance.randrange(4):
                    case 0:
                        del lines[at]
                    case 1:
                        lines.insert(at, lines[chance.randrange(len(lines))])
                    case 2:
                        lines[at] = lines[at][: chance.randrange(len(lines[at]) + 1)]
                    case _:
                        lines[at] = next(mutated(chance)(Answer(200, (), lines[at]))).partition(b"\r\n\r\n")[2]
                yield plain(answer, b"\n".join(lines))

            proxy.malice = damage
            into = io.BytesIO()
            try:
                client.download(file, into)
            except OURS as error:
                assert_clear(error)
            else:
                _read(into.getvalue())


def _read(content: bytes) -> None:
    """Record by record: each is read, shows its defects, or the whole file is refused."""
    try:
        for record in read_export(content.split(b"\n")):
            str(record)
    except Retryable as error:
        assert_clear(error)
