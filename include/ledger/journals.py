"""Journals: their states, and the only ways from one state to another.

Every transition is a compare-and-set that writes one event in the same transaction. ::

    check        drafted -> ready | held
    derivation   held | rejected -> drafted,  ready -> drafted,  drafted | held | rejected -> closed -> drafted
    posting      ready -> posting -> posted | ready | rejected | conflict
    settle       held | rejected | conflict -> posted,  drafted | held | rejected | conflict -> closed,
                 posted | conflict -> closed
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa

from include.accounting.reasons import Reason
from include.erps.port import Draft, Kind, Line
from include.ledger import tables
from include.ledger.bulk import among

State = Literal["drafted", "held", "ready", "posting", "posted", "rejected", "conflict", "closed"]

TRANSITIONS: frozenset[tuple[str, str]] = frozenset(
    {
        ("drafted", "ready"),
        ("drafted", "held"),
        ("held", "drafted"),
        ("rejected", "drafted"),
        ("ready", "drafted"),
        ("drafted", "closed"),
        ("held", "closed"),
        ("rejected", "closed"),
        ("closed", "drafted"),
        ("ready", "posting"),
        ("posting", "posted"),
        ("posting", "ready"),
        ("posting", "rejected"),
        ("posting", "conflict"),
        ("held", "posted"),
        ("rejected", "posted"),
        ("conflict", "posted"),
        ("conflict", "closed"),
        ("posted", "closed"),
    }
)

DERIVABLE_STATES = ("drafted", "held", "rejected", "ready")


@dataclass(frozen=True)
class Actor:
    """Who acts: an Airflow task instance, or a person (``who``)."""

    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None
    try_number: int | None = None
    who: str | None = None

    def columns(self) -> dict[str, Any]:
        """The task instance's columns of ``event`` and ``attempt``."""
        return {
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "task_id": self.task_id,
            "map_index": self.map_index,
            "try_number": self.try_number,
        }


@dataclass(frozen=True)
class Scope:
    """Whose journals: one tenant (under its present and earlier names) in one ERP company."""

    tenant: str
    target: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Journal:
    """A journal as it stood in the ledger when it was read.

    ``revision`` counts the changes of what would be sent: whoever read an older one may neither check nor post it.
    """

    tenant: str
    target: str
    key: str
    kind: Kind
    part: str
    per: str
    state: State
    reference: str | None
    approval_date: date | None
    posting_date: date | None
    currency: str | None
    total_debit_cents: int
    document_number: str | None
    erp_status: str | None
    posted_debit_cents: int | None
    incomplete: bool
    reasons: tuple[Reason, ...]
    description: str
    payload: Mapping[str, Any] | None
    frozen: bool
    revision: int
    attempt_id: int | None
    closed_because: str | None
    announced: bool

    def draft(self) -> Draft:
        """What would be, or was, sent."""
        if self.payload is None:
            raise ValueError(f"journal {self.key} has not been checked yet")
        return draft_from_json(self.payload)


def draft_to_json(draft: Draft) -> dict[str, Any]:
    """A draft as JSON values."""
    return {
        "key": draft.key,
        "reference": draft.reference,
        "kind": draft.kind,
        "currency": draft.currency,
        "approval_date": draft.approval_date.isoformat(),
        "posting_date": draft.posting_date.isoformat(),
        "description": draft.description,
        "lines": [
            {
                "number": line.number,
                "account": line.account,
                "amount_cents": line.amount_cents,
                "dimensions": dict(line.dimensions),
                "description": line.description,
            }
            for line in draft.lines
        ],
        "report_ids": list(draft.report_ids),
        "submitter_email": draft.submitter_email,
        "submitter_id": draft.submitter_id,
        "details": dict(draft.details),
    }


def draft_from_json(value: Mapping[str, Any]) -> Draft:
    """The draft that :func:`draft_to_json` wrote."""
    return Draft(
        key=value["key"],
        reference=value["reference"],
        kind=value["kind"],
        currency=value["currency"],
        approval_date=date.fromisoformat(value["approval_date"]),
        posting_date=date.fromisoformat(value["posting_date"]),
        description=value["description"],
        lines=tuple(Line(**line) for line in value["lines"]),
        report_ids=tuple(value["report_ids"]),
        submitter_email=value["submitter_email"],
        submitter_id=value.get("submitter_id"),
        details=value["details"],
    )


def of_row(row: sa.RowMapping) -> Journal:
    """A journal from its row."""
    return Journal(
        tenant=row["tenant"],
        target=row["target"],
        key=row["journal_key"],
        kind=row["kind"],
        part=row["part"],
        per=row["per"],
        state=row["state"],
        reference=row["reference"],
        approval_date=row["approval_date"],
        posting_date=row["posting_date"],
        currency=row["currency"],
        total_debit_cents=row["total_debit_cents"],
        document_number=row["document_number"],
        erp_status=row["erp_status"],
        posted_debit_cents=row["posted_debit_cents"],
        incomplete=row["incomplete"],
        reasons=tuple(Reason.from_json(reason) for reason in row["reasons"]),
        description=row["description"] or "",
        payload=row["payload"],
        frozen=row["frozen"],
        revision=row["revision"],
        attempt_id=row["attempt_id"],
        closed_because=row["closed_because"],
        announced=row["announced"],
    )


def in_scope(scope: Scope) -> sa.ColumnElement[bool]:
    """The tenant's own journals in this company, whatever name it had when it made them."""
    return sa.and_(tables.journal.c.target == scope.target, tables.journal.c.tenant.in_(scope.names))


def this(journal: Journal) -> sa.ColumnElement[bool]:
    """The row of one journal."""
    columns = tables.journal.c
    return sa.and_(
        columns.target == journal.target, columns.tenant == journal.tenant, columns.journal_key == journal.key
    )


def unchanged(journal: Journal) -> sa.ColumnElement[bool]:
    """The row of one journal, if its state and content are still those that were read."""
    columns = tables.journal.c
    return sa.and_(this(journal), columns.state == journal.state, columns.revision == journal.revision)


def fetch(connection: sa.Connection, scope: Scope, keys: Iterable[str]) -> dict[str, Journal]:
    """The named journals of the scope, by key; unknown keys are left out."""
    found: dict[str, Journal] = {}
    for named in among(connection, tables.journal.c.journal_key, keys):
        query = sa.select(tables.journal).where(in_scope(scope), named)
        for row in connection.execute(query).mappings():
            journal = of_row(row)
            found[journal.key] = journal
    return found


def in_states(connection: sa.Connection, scope: Scope, states: Sequence[str]) -> list[Journal]:
    """The scope's journals in one of ``states``, oldest first."""
    query = (
        sa.select(tables.journal)
        .where(in_scope(scope), tables.journal.c.state.in_(states))
        .order_by(tables.journal.c.created_at, tables.journal.c.journal_key)
    )
    return [of_row(row) for row in connection.execute(query).mappings()]


def record(
    connection: sa.Connection,
    tenant: str,
    target: str,
    key: str,
    from_state: str | None,
    to_state: str,
    at: datetime,
    actor: Actor,
    message: str,
) -> None:
    """Append one event."""
    row = event_row(tenant, target, key, from_state, to_state, at, actor, message)
    connection.execute(tables.event.insert().values(**row))


def event_row(
    tenant: str,
    target: str,
    key: str,
    from_state: str | None,
    to_state: str,
    at: datetime,
    actor: Actor,
    message: str,
) -> dict[str, Any]:
    """The row of one event."""
    return {
        "tenant": tenant,
        "target": target,
        "journal_key": key,
        "from_state": from_state,
        "to_state": to_state,
        "at": at,
        "who": actor.who,
        "message": message,
        **actor.columns(),
    }


def move(
    connection: sa.Connection,
    journal: Journal,
    to_state: State,
    at: datetime,
    actor: Actor,
    message: str,
    *,
    where: Sequence[sa.ColumnElement[bool]] = (),
    **values: Any,
) -> bool:
    """Compare-and-set ``journal.state -> to_state`` with its event; false when another process was faster.

    "Faster" is also who changed the content and left the state alone (see :attr:`Journal.revision`).

    :raises ValueError: the ledger has no such transition.
    """
    if (journal.state, to_state) not in TRANSITIONS:
        raise ValueError(f"journal {journal.key}: there is no way from {journal.state} to {to_state}")
    changed = connection.execute(
        tables.journal.update().where(unchanged(journal), *where).values(state=to_state, **values)
    )
    if changed.rowcount != 1:
        return False
    record(connection, journal.tenant, journal.target, journal.key, journal.state, to_state, at, actor, message)
    return True
