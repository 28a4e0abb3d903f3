"""The list of journals: filtered, sorted and paged by the ledger's database."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, StreamingResponse

from expensify_erp.page.access import VisibleDep
from expensify_erp.page.asking import STATES, AskDep, JournalsDep
from expensify_erp.page.csv_download import csv_response
from expensify_erp.page.opened_ledger import LedgerDep
from expensify_erp.page.rendering import render
from include.ledger.views.exports import audit_walk_csv, journals_csv
from include.ledger.views.journal_list import journals

router = APIRouter()


@router.get("/journals")
def show(request: Request, visible: VisibleDep, ledger: LedgerDep, asked: JournalsDep, ask: AskDep) -> HTMLResponse:
    """One page of the journals that match."""
    page = journals(ledger, visible.all_names, asked.where(visible), asked.sort, asked.descending, ask)
    return render(request, "journals.html", visible=visible, asked=asked, rows=page, states=STATES)


@router.get("/journals.csv")
def download(visible: VisibleDep, ledger: LedgerDep, asked: JournalsDep) -> StreamingResponse:
    """All journals that match."""
    text = journals_csv(ledger, visible.all_names, asked.where(visible), asked.sort, asked.descending)
    return csv_response("journals", text)


@router.get("/audit.csv")
def download_expenses(visible: VisibleDep, ledger: LedgerDep, asked: JournalsDep) -> StreamingResponse:
    """Every expense of the journals that match, each with its line, document and approvers."""
    return csv_response("journals_with_expenses", audit_walk_csv(ledger, visible.all_names, asked.where(visible)))
