"""What every ERP offers, and the values that cross that border.

A sixth ERP implements :class:`Erp` (the network side) and :class:`ErpSettings` (the tenant file's ``erp`` section and
the ERP's pure rules) in a folder of its own, and adds one line to :mod:`include.erps.registry`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import TracebackType
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from include.erps.site import SiteCheck, SiteQuestions

Kind = Literal["journal", "bill"]
"""``journal``: a general ledger journal with both sides. ``bill``: an AP document; the ERP makes the credit side."""

AP_ACCOUNT = "AP"
"""Account of a bill's balancing line: kept in our ledger so that every journal sums to zero, never sent."""


@dataclass(frozen=True)
class Line:
    """One line of a journal. ``amount_cents`` is signed: debit positive. ``number`` counts from 1 within the journal."""

    number: int
    account: str
    amount_cents: int
    dimensions: Mapping[str, str] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True)
class Draft:
    """A journal as it is to be posted; frozen once it is sent.

    ``lines`` holds the lines that are sent and, for a bill, the balancing line with account :data:`AP_ACCOUNT`;
    never a zero line. They add up to zero. ``approval_date`` is the day the journal stands for, ``posting_date`` the
    day it is booked on (they differ when a closed period moved it). ``details`` holds what the ERP's own check decided and
    must not be decided twice (fiscal year and period, batch, vendor): JSON values only. ``submitter_id`` is what
    ``mapping.employee`` makes of the submitter's e-mail.
    """

    key: str
    reference: str
    kind: Kind
    currency: str
    approval_date: date
    posting_date: date
    description: str
    lines: tuple[Line, ...]
    report_ids: tuple[str, ...] = ()
    submitter_email: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    submitter_id: str | None = None

    @property
    def total_debit_cents(self) -> int:
        """Sum of the debit side in cents."""
        return sum(line.amount_cents for line in self.lines if line.amount_cents > 0)

    @property
    def control_total_cents(self) -> int:
        """What the ERP shows as the document's total: a bill's payable (negative for a refund), a journal's debit side."""
        if self.kind == "bill":
            return -sum(line.amount_cents for line in self.lines if line.account == AP_ACCOUNT)
        return self.total_debit_cents

    @property
    def sent_lines(self) -> tuple[Line, ...]:
        """The lines that go to the ERP: all but a bill's balancing line."""
        return tuple(line for line in self.lines if not (self.kind == "bill" and line.account == AP_ACCOUNT))


@dataclass(frozen=True)
class Problem:
    """Why a draft may not be posted, for a finance person.

    ``code`` groups equal causes (``account_missing``, ``account_on_hold``, ``period_closed``, ``dimension_missing``,
    ``supplier_missing`` ...); ``subject`` is the account, value or period at fault; ``message`` says what and ``fix``
    where to change it.
    """

    code: str
    subject: str
    message: str
    fix: str


@dataclass(frozen=True)
class Verdict:
    """Outcome of checking one draft: ``details`` (and, if moved, ``posting_date``) settled; no problems = ready."""

    draft: Draft
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class ErpDocument:
    """A document found in, or made by, the ERP.

    ``total_cents`` compares with :attr:`Draft.control_total_cents`. ``lines`` are (account, signed cents) of what was
    sent, in any order. ``None`` in any field: the ERP's answer does not tell. ``live`` is false for a voided, cancelled or
    reversed document. ``status`` is the ERP's own word. ``number`` may be ``None`` right after a create.
    """

    number: str | None
    total_cents: int | None = None
    currency: str | None = None
    posting_date: date | None = None
    lines: tuple[tuple[str, int], ...] | None = None
    live: bool = True
    status: str | None = None
    raw_answer: str | None = None
    reference: str | None = None
    """Set by :meth:`Erp.documents`: what the ERP shows as the reference."""


@dataclass(frozen=True)
class DocumentsAsked:
    """Which documents to list, to be compared with the ledger.

    ``drafts`` were sent under their references and are wanted whatever date the ERP shows them on. ``references`` are
    further ones, under which the ledger sent nothing. Beside those: every document dated ``first_day`` to ``last_day``
    (inclusive) that shows it is ours, by ``prefix`` (how a reference of the tenant begins; empty where references are bare
    report IDs) or by a mark of the ERP's own (a serie, the first word of a description).
    """

    drafts: tuple[Draft, ...]
    first_day: date
    last_day: date
    prefix: str = ""
    references: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every reference that is asked for by name, once."""
        return tuple(dict.fromkeys([*(draft.reference for draft in self.drafts), *self.references]))


@dataclass(frozen=True)
class DocumentList:
    """Documents with their references, voided ones included. ``gaps``: what this ERP could not be asked, as sentences."""

    documents: tuple[ErpDocument, ...]
    gaps: tuple[str, ...] = ()


class Erp(Protocol):
    """An open session with one company in one ERP. Use as a context manager: leaving it logs off.

    All methods may raise :class:`include.errors.Retryable` or :class:`include.errors.Misconfigured`.
    """

    def check(self, drafts: Sequence[Draft]) -> list[Verdict]:
        """Check accounts, dimensions, periods and the like of all drafts in bulk; one verdict per draft, in order.

        :raises Retryable: the ERP could not be asked. A failed question is never a problem of the draft.
        """

    def find(self, draft: Draft) -> list[ErpDocument]:
        """Every document that carries the draft's reference, voided ones included.

        :raises LookupFailed: no reliable answer (error, row cap, unreadable view).
        """

    def documents(self, asked: DocumentsAsked) -> DocumentList:
        """The documents asked for, in bulk; without effect.

        :raises LookupFailed: the list would be incomplete (error, row cap, unreadable view).
        """

    def create(self, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
        """Create the document; sent at most once, never repeated by the client itself.

        ``before_send`` is called with the document (no secrets) right before the one request that has the effect:
        after any log-on, token or template request. When it raises, nothing is sent.

        :raises Rejected: definite refusal. :raises NotExecuted: definitely not carried out;
            :class:`include.errors.ReferenceTaken` where the ERP says that it has the reference already.
        :raises UnknownOutcome: anything else; :class:`include.errors.UnclearRefusal` for an error in words of no known meaning.
        """

    def next_open_date(self, draft: Draft) -> date | None:
        """The first day after ``draft.posting_date`` that falls into an open period; ``None`` when there is none."""

    def complete(self, draft: Draft, document: ErpDocument) -> ErpDocument:
        """Finish what may be missing after a create (a number, a release); return the document unchanged if nothing is."""

    def site_checks(self, questions: SiteQuestions) -> Sequence[SiteCheck]:
        """What must be right on the ERP's side, one question each; asking changes nothing there.

        The first one signs in and proves that the credentials are good: when it fails, the others are not asked.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@runtime_checkable
class KeepsAnswers(Protocol):
    """An :class:`Erp` that relies for some time on what earlier tasks saw, such as that a company can be seen at all."""

    def ask_anew(self) -> None:
        """From here on in this session, rely on nothing that was not asked in it from now on."""


def asked_anew(erp: Erp) -> Erp:
    """The session, for a look-up that decides whether a create took effect whose answer is in doubt."""
    if isinstance(erp, KeepsAnswers):
        erp.ask_anew()
    return erp


class ErpSettings(BaseModel):
    """The ``erp`` section of a tenant file: what every ERP takes, plus the ERP's pure rules as methods.

    Subclasses add their own settings, a ``Literal`` ``type``, and override the rules below where theirs differ.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    needs_pool: ClassVar[bool] = False
    """True where only one writer may exist: ``pool`` is then required."""
    default_per: ClassVar[Literal["day", "report"]] = "report"
    default_lines: ClassVar[Literal["group", "expense"]] = "group"
    marks: ClassVar[Literal["optional", "required", "refused"]] = "optional"
    """Whether ``expensify.mark_exported`` may be set."""
    takes_foreign_currency: ClassVar[bool] = False
    takes_negative_bill: ClassVar[bool] = False
    max_lines: ClassVar[int | None] = None
    file_settings: ClassVar[tuple[str, ...]] = ()
    """Settings that are paths, relative to the tenant file."""

    type: str
    connection: str
    pool: str = "default_pool"
    target: str | None = None
    queue: str | None = None
    settle_s: float = Field(default=30, ge=0)
    request_timeout_s: float = Field(default=120, gt=0)

    @property
    def company_setting(self) -> str:
        """The company as far as the tenant file names it (else it comes with the connection)."""
        return ""

    @property
    def only_per_report(self) -> str | None:
        """Why this tenant's documents must stand for one report each; ``None``: they need not."""
        return None

    @property
    def document_kind(self) -> Kind:
        """What a report's reimbursable part becomes."""
        return "journal"

    @property
    def account_templates(self) -> Mapping[str, str]:
        """Setting name to ``{gl_account}-{cost_center}`` style template; checked against the mapping's dimensions."""
        return {}

    def account(self, gl_account: str, dimensions: Mapping[str, str]) -> str:
        """The full ERP account of an expense line."""
        return gl_account

    def company(self, connection_extra: Mapping[str, Any]) -> str:
        """The company's identifier in the ERP, the last part of the ledger's ``target``."""
        raise NotImplementedError(f"{type(self).__name__} does not name its company")

    def reference(self, key: str, prefix: str, per: str) -> str:
        """The searchable reference of the journal ``key``. Never truncated.

        :raises ValueError: it would be too long or hold characters that the ERP changes; the journal is held.
        """
        return f"{prefix}-{key}"

    def description(self, key: str, reference: str, summary: str) -> str:
        """Free header text; may carry the reference where the ERP searches it there."""
        return summary

    def problems(self, draft: Draft) -> list[Problem]:
        """What is wrong with a draft without asking the ERP (lengths, signs, number of lines)."""
        return []
