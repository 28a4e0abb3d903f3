"""Whatever an ERP's server answers: a clear error, nothing created twice, nothing sent elsewhere, nothing read without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from include.erps.port import ErpDocument
from include.errors import ExpenseError, Misconfigured, NotExecuted, Rejected, Retryable, UnknownOutcome
from tests.hostile.malice import MALICE, MEGABYTE, aimed
from tests.hostile.proxy import Proxy, Trap
from tests.include.erps.acumatica.test_conformance import BillAdapter, CookieAdapter, JournalAdapter
from tests.include.erps.adapter import Adapter
from tests.include.erps.conformance import nothing, ready
from tests.include.erps.dynamics_gp.test_conformance import SbaAdapter as GpSbaAdapter
from tests.include.erps.dynamics_gp.test_conformance import SoapAdapter as GpSoapAdapter
from tests.include.erps.ifs_cloud.test_conformance import IfsCloudAdapter
from tests.include.erps.sage_100.test_conformance import AgentAdapter as SageAgentAdapter
from tests.include.erps.sage_100.test_conformance import SoapAdapter as SageSoapAdapter
from tests.include.erps.syspro.test_conformance import SysproAdapter, SysproSoapAdapter

ADAPTERS: dict[str, type[Adapter]] = {
    "syspro-rest": SysproAdapter,
    "syspro-soap": SysproSoapAdapter,
    "acumatica-bill": BillAdapter,
    "acumatica-cookie": CookieAdapter,
    "acumatica-journal": JournalAdapter,
    "gp-soap": GpSoapAdapter,
    "gp-sba": GpSbaAdapter,
    "ifs": IfsCloudAdapter,
    "sage-agent": SageAgentAdapter,
    "sage-soap": SageSoapAdapter,
}
# What may still be on its way in the sockets' buffers when the client has stopped reading.
IN_FLIGHT = 12 * MEGABYTE
LONGEST_ANSWER = 16 * MEGABYTE


def every_pair(phase: int) -> pytest.MarkDecorator:
    """Every client meets every malice in `make e2e-hostile`; in each test run each malice meets one, another in each phase."""
    pairs = []
    for number, name in enumerate(MALICE):
        for place, client in enumerate(ADAPTERS):
            rare = (number + 3 * phase) % len(ADAPTERS) != place
            pairs.append(pytest.param(client, name, marks=pytest.mark.e2e if rare else (), id=f"{client}-{name}"))
    return pytest.mark.parametrize(("adapter", "name"), pairs, indirect=["adapter"])


@pytest.fixture
def adapter(request: pytest.FixtureRequest) -> Iterator[Adapter]:
    made: Adapter = ADAPTERS[request.param]()
    with made.sandbox:
        yield made


@contextmanager
def between(adapter: Adapter) -> Iterator[tuple[Proxy, Trap]]:
    """A proxy between the adapter's clients and its sandbox."""
    honest = adapter.sandbox.port
    with Trap() as trap, Proxy(honest) as proxy:
        adapter.sandbox.port = proxy.own_port
        try:
            yield proxy, trap
        finally:
            adapter.sandbox.port = honest
        assert trap.visits == []


def last_asked(adapter: Adapter, wanted: str) -> Callable[[], bool]:
    """Whether the server's last request was that operation."""

    def chosen() -> bool:
        operations = adapter.sandbox.operations(adapter.service)
        if not operations:
            return False
        last, name = operations[-1].lower(), wanted.lower()
        return last.startswith(name[:-1]) if name.endswith("*") else last == name

    return chosen


def within_limits(proxy: Proxy, answers: int = 6) -> None:
    assert proxy.sent <= answers * (LONGEST_ANSWER + IN_FLIGHT), f"{proxy.sent:,} bytes were taken"


@every_pair(0)
def test_a_look_up_is_answered_with_malice(adapter: Adapter, name: str) -> None:
    draft = adapter.draft()
    with between(adapter) as (proxy, trap):
        with adapter.open() as erp:
            draft = ready(erp, draft)
            erp.create(draft, nothing)
        proxy.malice, proxy.chosen = aimed(MALICE[name], trap.port), last_asked(adapter, adapter.look_up)
        with adapter.open() as erp:
            try:
                found = erp.find(draft)
            except (Retryable, Misconfigured) as error:
                assert_clear(error)
            else:
                # Harmless after all: then it must be read as what it says, and never as "not there".
                assert [document.total_cents for document in found] == [draft.control_total_cents]
        within_limits(proxy)


@every_pair(1)
def test_a_create_is_answered_with_malice(adapter: Adapter, name: str) -> None:
    with between(adapter) as (proxy, trap):
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
        proxy.malice, proxy.chosen = aimed(MALICE[name], trap.port), last_asked(adapter, adapter.create)
        outcome: ErpDocument | ExpenseError
        with adapter.open() as erp:
            try:
                outcome = erp.create(draft, nothing)
            except ExpenseError as error:
                outcome = error
        proxy.malice = None
        assert proxy.struck == 1, "the create is sent once and answered with malice"
        assert len(adapter.stored(draft)) == 1
        assert not isinstance(outcome, Rejected | NotExecuted), "it took effect, and nobody said that it did not"
        if isinstance(outcome, ExpenseError):
            assert isinstance(outcome, UnknownOutcome)
            assert_clear(outcome)
        within_limits(proxy)


@every_pair(2)
def test_a_check_is_answered_with_malice(adapter: Adapter, name: str) -> None:
    with between(adapter) as (proxy, trap):
        proxy.malice = aimed(MALICE[name], trap.port)
        try:
            with adapter.open() as erp:
                verdicts = erp.check([adapter.draft()])
        except (Retryable, Misconfigured) as error:
            assert_clear(error)
        else:
            assert len(verdicts) == 1
        within_limits(proxy, answers=10)


def assert_clear(error: ExpenseError) -> None:
    """One short text for a person, without the server's page in it."""
    text = str(error)
    assert 10 < len(text) < 1500, text[:2000]
    assert "root:" not in text, "a file of this machine"
    assert "Traceback" not in text
