"""The ways into the five ERPs that are put to the proof: each ERP, each of its channels, each kind of document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from include.sandbox.server import Sandbox
from tests.e2e.erps.acumatica import AcumaticaCompany, AcumaticaUnderTest
from tests.e2e.erps.dynamics_gp import DynamicsGpCompany, DynamicsGpUnderTest
from tests.e2e.erps.ifs_cloud import IfsCloudCompany, IfsCloudUnderTest
from tests.e2e.erps.sage_100 import Sage100UnderTest
from tests.e2e.erps.syspro import SysproCompany, SysproUnderTest
from tests.e2e.erps.under_test import Company, Document, ErpUnderTest, Json


@dataclass(frozen=True)
class Channel:
    """One way into an ERP.

    ``settings`` and ``posting`` change the tenant file's sections; a value ``None`` removes a key. ``prepare`` adds what the
    company lacks. ``documents`` reads the books where these documents are not journals. ``release``, ``number`` and
    ``search`` are the operations of a release, of reading a made document's number, and of a look-up.
    """

    name: str
    erp: ErpUnderTest
    create: str
    search: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    posting: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[Company], None] | None = None
    documents: Callable[[Company], list[Document]] | None = None
    release: tuple[str, ...] = ()
    moves: Callable[[Company], None] | None = None
    """The ERP's own job that moves documents on, from a hold table to the ledger."""

    def company(self, sandbox: Sandbox) -> Company:
        """A company of this ERP in the sandbox."""
        company = self.erp.found(sandbox, 1)
        if self.prepare is not None:
            self.prepare(company)
        return company

    def books(self, company: Company) -> list[Document]:
        """Every document that stands in the ERP."""
        return company.documents() if self.documents is None else self.documents(company)


def _with_supplier(company: Company) -> None:
    assert isinstance(company, SysproCompany)
    company.books.add_supplier("101", "Employees")
    company.books.add_account("2100-00", type="L", control=True)


def _invoices(company: Company) -> list[Document]:
    assert isinstance(company, SysproCompany)
    with company.sandbox.lock:
        return [
            Document(
                reference=one.invoice,
                number=f"{one.supplier}/{one.invoice}",
                total_debit_cents=one.cents,
                posting_date=one.date,
                lines=tuple((line.ledger_code, line.cents) for line in one.lines),
            )
            for one in company.books.invoices
        ]


def _with_vendor(company: Company) -> None:
    assert isinstance(company, AcumaticaCompany)
    company.books.add_vendor("EMPLOYEES")


def _bills(company: Company) -> list[Document]:
    assert isinstance(company, AcumaticaCompany)
    found = []
    with company.sandbox.lock:
        for row in company.books.bills:
            if row.text("Status") != "Voided":
                lines = row.details["Details"]
                posted_on = row.fields["Date"]
                found.append(
                    Document(
                        reference=row.text("VendorRef"),
                        number=row.text("ReferenceNbr"),
                        total_debit_cents=row.cents("Amount"),
                        posting_date=posted_on,  # type: ignore[arg-type]
                        lines=tuple((line.text("Account"), line.cents("ExtendedCost")) for line in lines),
                    )
                )
    return found


def _update_vouchers(company: Company) -> None:
    """The ERP's own job takes what waits in the hold table into the ledger."""
    assert isinstance(company, IfsCloudCompany)
    with company.sandbox.lock:
        company.books.update_vouchers()


def _post_batches(company: Company) -> None:
    """Finance posts every batch: its journals leave the Work tables, and the batch is gone."""
    assert isinstance(company, DynamicsGpCompany)
    with company.sandbox.lock:
        for batch in {journal.batch for journal in company.books.journals if journal.batch}:
            company.books.post_batch(batch)


_PER_REPORT: Json = {"per": "report", "company_card": None}
_QUICK_RELEASE: Json = {"release": True, "release_poll_s": 0.05}
_BILL: Json = {"document": "bill", "vendor": "EMPLOYEES"}
_BATCH_SEARCH = ("GET JournalTransaction",)
_RELEASE_BATCH = (
    "POST JournalTransaction/ReleaseJournalTransaction",
    "GET JournalTransaction/ReleaseJournalTransaction",
)
_RELEASE_BILL = ("POST Bill/ReleaseBill", "GET Bill/ReleaseBill")

CHANNELS: tuple[Channel, ...] = (
    Channel(
        "syspro rest", SysproUnderTest(), "Transaction/Post:GENTJL", ("Query/Query:COMFND",), {"transport": "rest"}
    ),
    Channel(
        "syspro soap", SysproUnderTest(), "Transaction/Post:GENTJL", ("Query/Query:COMFND",), {"transport": "soap"}
    ),
    Channel(
        "syspro invoice",
        SysproUnderTest(),
        "Transaction/Post:APSTIN",
        ("Query/Query:",),
        {"document": "ap_invoice", "supplier": "0000101"},
        _PER_REPORT,
        _with_supplier,
        _invoices,
    ),
    Channel("acumatica journal", AcumaticaUnderTest(), "PUT JournalTransaction", _BATCH_SEARCH),
    Channel(
        "acumatica journal released",
        AcumaticaUnderTest(),
        "PUT JournalTransaction",
        _BATCH_SEARCH,
        _QUICK_RELEASE,
        release=_RELEASE_BATCH,
    ),
    Channel(
        "acumatica bill",
        AcumaticaUnderTest(),
        "PUT Bill",
        ("GET Bill",),
        _BILL,
        _PER_REPORT,
        _with_vendor,
        _bills,
    ),
    Channel(
        "acumatica bill released",
        AcumaticaUnderTest(),
        "PUT Bill",
        ("GET Bill",),
        {**_BILL, **_QUICK_RELEASE},
        _PER_REPORT,
        _with_vendor,
        _bills,
        _RELEASE_BILL,
    ),
    Channel(
        "dynamics_gp soap", DynamicsGpUnderTest(), "CreateGLTransaction", ("GetGLTransactionList",), moves=_post_batches
    ),
    Channel(
        "dynamics_gp sba",
        DynamicsGpUnderTest(),
        "POST JournalEntries",
        ("GET JournalEntries",),
        {"api": "sba", "fiscal_calendar": None},
        moves=_post_batches,
    ),
    Channel(
        "ifs_cloud",
        IfsCloudUnderTest(),
        "Create",
        ("HoldRows", "LedgerRows"),
        {"back_off_s": 0.05},
        moves=_update_vouchers,
    ),
    Channel(
        "sage_100 agent",
        Sage100UnderTest(),
        "agent:CreateEntry",
        ("agent:FindEntries",),
        {"api": "agent", "retry_base_s": 0.05},
    ),
    Channel(
        "sage_100 soap",
        Sage100UnderTest(),
        "soap:CreateGLJournalEntry",
        ("soap:GetGLJournalEntries",),
        {"api": "soap", "retry_base_s": 0.05},
    ),
)
