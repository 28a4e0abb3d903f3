"""The other way round: where is this expense?"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, StreamingResponse

from expensify_erp.page.access import VisibleDep
from expensify_erp.page.asking import AskDep, ExpensesDep
from expensify_erp.page.csv_download import csv_response
from expensify_erp.page.opened_ledger import LedgerDep
from expensify_erp.page.rendering import render
from include.ledger.views.expense_list import expenses
from include.ledger.views.exports import expenses_csv

router = APIRouter()


@router.get("/expenses")
def show(request: Request, visible: VisibleDep, ledger: LedgerDep, asked: ExpensesDep, ask: AskDep) -> HTMLResponse:
    """One page of the expenses that match, each with its journal."""
    page = expenses(ledger, visible.all_names, asked.where(visible), ask)
    return render(request, "expenses.html", visible=visible, asked=asked, rows=page)


@router.get("/expenses.csv")
def download(visible: VisibleDep, ledger: LedgerDep, asked: ExpensesDep) -> StreamingResponse:
    """All expenses that match."""
    return csv_response("expenses", expenses_csv(ledger, visible.all_names, asked.where(visible)))
