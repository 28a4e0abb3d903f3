"""One journal: its lines, the expenses behind each, what happened to it, and what a person may do about it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import HTMLResponse, JSONResponse

from expensify_erp.page import links
from expensify_erp.page.access import Visible, VisibleDep, may_replay, may_settle
from expensify_erp.page.asking import AskDep
from expensify_erp.page.opened_ledger import LedgerDep
from expensify_erp.page.rendering import render
from expensify_erp.page.replay import replay_of
from include.ledger.database import Ledger
from include.ledger.settle import APPLIES_TO
from include.ledger.views.journal_list import JournalId
from include.ledger.views.one_journal import JournalDetail, journal, journal_expenses

router = APIRouter()

REPLAYABLE = ("drafted", "held", "ready", "posting", "rejected")
Named = Annotated[str, Query(max_length=300)]


@router.get("/journals/one")
def show(
    request: Request,
    visible: VisibleDep,
    ledger: LedgerDep,
    ask: AskDep,
    tenant: Named,
    target: Named,
    key: Named,
    line: Annotated[int | None, Query(ge=1)] = None,
) -> HTMLResponse:
    """The journal with its expenses, or with those of one line."""
    found = _found(visible, ledger, tenant, target, key)
    owner = visible.owner(tenant)
    state = found.row.state
    return render(
        request,
        "journal.html",
        found=found,
        row=found.row,
        owner=owner,
        line=line,
        expenses=journal_expenses(ledger, visible.all_names, tenant, target, key, line, ask),
        replay=replay_of(found.row.id, found.boxes, owner)
        if state in REPLAYABLE and may_replay(visible.user, owner)
        else None,
        actions=settle_actions(state) if may_settle(visible.user) else [],
    )


@router.get("/journals/state.json")
def state_of(
    request: Request, visible: VisibleDep, ledger: LedgerDep, tenant: Named, target: Named, key: Named
) -> JSONResponse:
    """What became of a journal: asked by the page's buttons until a run has ended."""
    return JSONResponse(outcome(_found(visible, ledger, tenant, target, key), links.page_root(request)))


def _found(visible: Visible, ledger: Ledger, tenant: str, target: str, key: str) -> JournalDetail:
    found = journal(ledger, visible.all_names, tenant, target, key)
    if found is None:
        raise HTTPException(404, "There is no such journal, or you may not see it.")
    return found


def outcome(found: JournalDetail, page: str) -> dict[str, Any]:
    """A journal's state for the buttons; ``reasons`` are sentences."""
    row = found.row
    return {
        "key": row.id.key,
        "state": row.state,
        "document_number": row.document_number,
        "reasons": [reason.text() for reason in found.reasons],
        "address": address(page, row.id),
    }


def address(page: str, identity: JournalId) -> str:
    """The screen of one journal."""
    return links.journal(page, identity.tenant, identity.target, identity.key)


def settle_actions(state: str) -> list[str]:
    """What a person may decide about a journal in this state."""
    return [action for action, states in APPLIES_TO.items() if state in states]
