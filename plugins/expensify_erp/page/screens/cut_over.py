"""Closing reports that must never be posted: keyed by hand, or posted by the system before this one."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from expensify_erp.page.access import VisibleDep, may_settle
from expensify_erp.page.rendering import render

router = APIRouter()


@router.get("/cut-over")
def show(request: Request, visible: VisibleDep) -> HTMLResponse:
    """The form; its button starts the DAG ``settle`` as the user who presses it."""
    return render(request, "cut_over.html", visible=visible, allowed=may_settle(visible.user))
