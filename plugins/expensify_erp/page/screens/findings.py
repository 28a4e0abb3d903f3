"""Findings: what a person should know and no journal's state says."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, StreamingResponse

from expensify_erp.page.access import VisibleDep
from expensify_erp.page.asking import AskDep, FindingsDep
from expensify_erp.page.csv_download import csv_response
from expensify_erp.page.opened_ledger import LedgerDep
from expensify_erp.page.rendering import render
from include.ledger.views.exports import findings_csv
from include.ledger.views.finding_list import findings

router = APIRouter()


@router.get("/findings")
def show(request: Request, visible: VisibleDep, ledger: LedgerDep, asked: FindingsDep, ask: AskDep) -> HTMLResponse:
    """One page of findings, newest first; those that a person has settled only when asked for."""
    page = findings(ledger, visible.all_names, asked.where(visible), ask)
    return render(request, "findings.html", visible=visible, asked=asked, rows=page)


@router.get("/findings.csv")
def download(visible: VisibleDep, ledger: LedgerDep, asked: FindingsDep) -> StreamingResponse:
    """All findings that match."""
    return csv_response("findings", findings_csv(ledger, visible.all_names, asked.where(visible)))
