"""Reconcile: each tenant's latest comparison of Expensify, the ledger and the ERP, and what does not match."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from starlette.responses import HTMLResponse, StreamingResponse

from expensify_erp.page.access import Visible, VisibleDep
from expensify_erp.page.asking import ROWS, Short
from expensify_erp.page.csv_download import csv_response
from expensify_erp.page.opened_ledger import LedgerDep
from expensify_erp.page.rendering import render
from include.ledger import reconciliation
from include.ledger.database import Ledger
from include.ledger.views.csv_text import csv_text
from include.reconcile.sides import Kind

router = APIRouter()
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class ReconcileAsked:
    """The filter as it stands in the address; ``values`` fill the form and the links again."""

    values: Mapping[str, Any]
    number: int

    def names(self, visible: Visible) -> tuple[str, ...]:
        """Under which names the ledger is asked. :raises HTTPException: 404 for a tenant that may not be seen."""
        return visible.chosen(self.values["tenant"])

    @property
    def where(self) -> dict[str, Any]:
        """The rest of the filter, for the ledger."""
        return {"kind": self.values["kind"], "include_resolved": bool(self.values["resolved"])}


def reconcile_asked(
    tenant: Short = None,
    kind: Short = None,
    resolved: Annotated[str | None, Query(max_length=5)] = None,
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> ReconcileAsked:
    """The filter, from the address."""
    if kind and kind not in KINDS:
        raise HTTPException(422, f"{kind} is not a kind of difference.")
    values = {"tenant": tenant or None, "kind": kind or None, "resolved": "yes" if resolved else None}
    return ReconcileAsked(values, number)


ReconcileDep = Annotated[ReconcileAsked, Depends(reconcile_asked)]


@router.get("/reconcile")
def show(request: Request, visible: VisibleDep, ledger: LedgerDep, asked: ReconcileDep) -> HTMLResponse:
    """The latest run of each tenant, and one page of differences, those of the latest run first."""
    names = asked.names(visible)
    with ledger.read() as connection:
        runs = reconciliation.latest(connection, names)
        found = reconciliation.differences(
            connection, names, offset=(asked.number - 1) * ROWS, limit=ROWS, **asked.where
        )
    last_page = max(1, -(-found.total // ROWS))
    return render(
        request,
        "reconcile.html",
        visible=visible,
        asked=asked,
        runs=runs,
        found=found,
        last_page=last_page,
        kinds=KINDS,
    )


@router.get("/reconcile.csv")
def download(visible: VisibleDep, ledger: LedgerDep, asked: ReconcileDep) -> StreamingResponse:
    """All differences that match."""
    return csv_response("differences", _text(ledger, asked.names(visible), asked.where))


def _text(ledger: Ledger, names: Collection[str], where: Mapping[str, Any]) -> Iterator[str]:
    with ledger.read() as connection:
        rows = reconciliation.csv_rows(connection, list(names), **where)
        header = next(rows)
        yield from csv_text(header, ([row] for row in rows))
