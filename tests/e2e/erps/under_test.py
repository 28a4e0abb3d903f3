"""What the end-to-end scenarios need to know of an ERP. A further ERP joins with one module of this shape.

The scenarios speak of GL accounts ``6100`` (Meals) and ``6200`` (Airfare), cost centres ``P1`` and ``P2`` and the balancing
accounts ``2150-00`` and ``2160-00``. A module translates that into its ERP's terms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from include.sandbox.server import Sandbox
from include.sandbox.stage import Service

Json = dict[str, Any]


@dataclass(frozen=True)
class Document:
    """A document as the ERP has it. ``lines`` are account and signed cents, debit positive."""

    reference: str
    number: str
    total_debit_cents: int
    posting_date: date
    lines: tuple[tuple[str, int], ...]


class Company(Protocol):
    """One company of the ERP in the sandbox, with a user of its own."""

    user: str
    """Who logs on."""
    secrets: Sequence[str]
    """What must never be seen outside of the connection."""

    def connection(self) -> Json:
        """Body of the Airflow connection, without its id."""

    def wrong_connection(self) -> Json:
        """The same with a wrong password."""

    def erp_section(self, connection: str, pool: str) -> Json:
        """The tenant file's ``erp`` section, with low ``settle_s`` and ``request_timeout_s``."""

    def documents(self) -> list[Document]:
        """All documents that are posted, whoever posted them."""

    def account(self, gl_account: str, cost_center: str) -> str:
        """An account as :class:`Document` shows it."""

    def hold_account(self, gl_account: str, cost_center: str, on_hold: bool) -> None:
        """Put the account on hold, or lift that."""

    def close_period(self, day: date) -> None:
        """Close the posting period of a day."""

    def open_period(self, day: date) -> None:
        """Open it again."""

    def failed_logons(self) -> int:
        """Wrong passwords since the last good one."""

    def is_locked(self) -> bool:
        """Whether the ERP locked the user for too many wrong passwords."""


class ErpUnderTest(Protocol):
    """One of the five ERPs."""

    name: str
    """The tenant file's ``erp.type``; also the sandbox's service."""
    create: str
    """The operation that posts, as faults name it."""
    lookup: str
    """The operation that searches a reference, as faults name it."""
    marks: bool
    """Whether reports are marked in Expensify; else the tenant file must have no label."""
    posting: Mapping[str, Any]
    """What the tenant file's ``posting`` section needs besides currency and prefix: ``per: day``, ``lines: group`` and
    the balancing accounts, as texts."""

    def services(self) -> tuple[Service, ...]:
        """The servers that the sandbox needs for it, new ones."""

    def reference(self, prefix: str, key: str) -> str:
        """The document's reference of a daily journal."""

    def found(self, sandbox: Sandbox, number: int) -> Company:
        """A new company in the sandbox."""
