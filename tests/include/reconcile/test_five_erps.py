"""What somebody does in each ERP, and that the comparison finds exactly that: over the ERP's own simulated server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import pytest

from include.erps.port import DocumentsAsked, Draft, Erp
from include.reconcile.documents import compare_documents, unread
from include.reconcile.sides import Booked, Books
from tests.include.erps.acumatica.test_conformance import BillAdapter, JournalAdapter
from tests.include.erps.adapter import DAY, Adapter
from tests.include.erps.dynamics_gp.test_conformance import SbaAdapter
from tests.include.erps.dynamics_gp.test_conformance import SoapAdapter as GpSoapAdapter
from tests.include.erps.ifs_cloud.test_conformance import IfsCloudAdapter, InLedgerAdapter
from tests.include.erps.sage_100.test_conformance import AgentAdapter
from tests.include.erps.sage_100.test_conformance import SoapAdapter as SageSoapAdapter
from tests.include.erps.syspro.test_conformance import SysproAdapter, SysproInvoiceAdapter

ADAPTERS: dict[str, type[Adapter]] = {
    "syspro": SysproAdapter,
    "syspro-invoice": SysproInvoiceAdapter,
    "acumatica-bill": BillAdapter,
    "acumatica-journal": JournalAdapter,
    "gp-soap": GpSoapAdapter,
    "gp-sba": SbaAdapter,
    "sage-agent": AgentAdapter,
    "sage-soap": SageSoapAdapter,
    "ifs-hold": IfsCloudAdapter,
    "ifs-ledger": InLedgerAdapter,
}


@pytest.fixture(params=ADAPTERS)
def adapter(request: pytest.FixtureRequest) -> Iterator[Adapter]:
    made = ADAPTERS[request.param]()
    with made.sandbox:
        yield made


def post(erp: Erp, draft: Draft) -> tuple[Draft, Booked]:
    (verdict,) = erp.check([draft])
    document = erp.complete(verdict.draft, erp.create(verdict.draft, lambda text: None))
    settled = verdict.draft
    number = document.number
    return settled, Booked(settled.key, "posted", settled.reference, "USD", (settled.key,), DAY, settled, number)


def found(adapter: Adapter, erp: Erp, *booked: Booked, named: tuple[str, ...] = ()) -> list[tuple[str, str | None]]:
    drafts = tuple(one.draft for one in booked if one.draft is not None)
    asked = DocumentsAsked(drafts, date(2026, 10, 1), date(2026, 10, 31), adapter.prefix, named)
    books = Books({one.key: one for one in booked}, ())
    return [(one.kind, one.journal_key) for one in compare_documents(books, erp.documents(asked).documents)]


def with_two(adapter: Adapter, act: Callable[[Draft, Erp], None]) -> list[tuple[str, str | None]]:
    """What is found after somebody has done something to the first of two documents."""
    with adapter.open() as erp:
        draft, first = post(erp, adapter.draft(key="R1"))
        _, second = post(erp, adapter.draft(10_000, -2_599, key="R2"))
        assert found(adapter, erp, first, second) == []
        act(draft, erp)
        return found(adapter, erp, first, second)


def test_a_voided_document(adapter: Adapter) -> None:
    if not adapter.voids:
        pytest.skip("nobody can void a document of this ERP")
    ((kind, key),) = with_two(adapter, lambda draft, erp: adapter.void(draft))
    # Some ERPs keep what was voided, in others it is gone.
    assert (kind in ("voided_in_erp", "missing_in_erp"), key) == (True, "R1")


def test_an_altered_document(adapter: Adapter) -> None:
    assert with_two(adapter, lambda draft, erp: adapter.alter(draft)) == [("altered_in_erp", "R1")]


def test_a_document_that_stands_twice(adapter: Adapter) -> None:
    if not adapter.takes_reference_twice:
        pytest.skip("this ERP refuses a second document with the same reference")

    def again(draft: Draft, erp: Erp) -> None:
        erp.create(draft, lambda text: None)

    assert with_two(adapter, again) == [("posted_twice", "R1")]


def test_a_document_that_the_ledger_does_not_know(adapter: Adapter) -> None:
    with adapter.open() as erp:
        _, known = post(erp, adapter.draft(key="R1"))
        strange, _ = post(erp, adapter.draft(500, key="R9"))
        # An ERP that lists nothing is asked for the references of approved reports by name.
        named = () if adapter.lists_unknown else (strange.reference,)
        assert found(adapter, erp, known, named=named) == [("unknown_document", None)]


def test_a_document_that_was_never_there(adapter: Adapter) -> None:
    with adapter.open() as erp:
        _, known = post(erp, adapter.draft(key="R1"))
        (verdict,) = erp.check([adapter.draft(key="R2")])
        lost = Booked("R2", "posted", verdict.draft.reference, "USD", ("R2",), DAY, verdict.draft, "77")
        assert found(adapter, erp, known, lost) == [("missing_in_erp", "R2")]


def test_what_a_document_does_not_tell_is_said(adapter: Adapter) -> None:
    with adapter.open() as erp:
        _, known = post(erp, adapter.draft(key="R1"))
        asked = DocumentsAsked((known.draft,), date(2026, 10, 1), date(2026, 10, 31), adapter.prefix)  # type: ignore[arg-type]
        documents = erp.documents(asked).documents
    (one,) = documents
    silent = [name for name in ("currency", "lines") if getattr(one, name) is None]
    said = unread({"R1": known}, documents)
    assert said == [f"The ERP does not tell the {name} of one document: not compared" for name in silent]
