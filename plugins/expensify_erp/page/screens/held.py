"""What is held, by cause: what to change and where, and the button that tries again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from starlette.responses import HTMLResponse, JSONResponse, StreamingResponse

from expensify_erp.page.access import VisibleDep, may_replay
from expensify_erp.page.asking import AskDep, Short
from expensify_erp.page.csv_download import csv_response
from expensify_erp.page.opened_ledger import LedgerDep
from expensify_erp.page.rendering import render
from expensify_erp.page.replay import replay_of
from include.ledger.views.exports import holds_csv
from include.ledger.views.holds import Cause, HeldJournal, held_journals, holds
from include.ledger.views.paging import MOST_ROWS, Ask

router = APIRouter()

MOST_AT_ONCE = 2000
"""One click clears at most so many journals; the next click takes the rest."""
Part = Annotated[str, Query(max_length=1000)]


def cause_asked(
    tenant: Part, target: Part, code: Part, subject: Part = "", currency: Part = "", message: Part = ""
) -> Cause:
    """A cause, from the address."""
    return Cause(tenant, target, code, subject, currency, message)


CauseDep = Annotated[Cause, Depends(cause_asked)]


@router.get("/held")
def show(request: Request, visible: VisibleDep, ledger: LedgerDep, ask: AskDep, tenant: Short = None) -> HTMLResponse:
    """The causes, most money first."""
    only = visible.of(tenant) if tenant else ()
    page = holds(ledger, visible.all_names, only, ask)
    owners = {group.cause.tenant: visible.owner(group.cause.tenant) for group in page.rows}
    return render(
        request,
        "held.html",
        visible=visible,
        tenant=tenant,
        rows=page,
        owners=owners,
        replayable={owner for owner in owners.values() if may_replay(visible.user, owner)},
    )


@router.get("/held.csv")
def download(visible: VisibleDep, ledger: LedgerDep, tenant: Short = None) -> StreamingResponse:
    """All causes."""
    only = visible.of(tenant) if tenant else ()
    return csv_response("held", holds_csv(ledger, visible.all_names, only))


@router.get("/held/cause")
def show_cause(request: Request, visible: VisibleDep, ledger: LedgerDep, cause: CauseDep, ask: AskDep) -> HTMLResponse:
    """The journals that one cause holds."""
    page = held_journals(ledger, visible.all_names, cause, ask)
    if not page.rows and ask.cursor is None and cause.tenant not in visible.all_names:
        raise HTTPException(404, "There is no such tenant, or you may not see it.")
    owner = visible.owner(cause.tenant)
    allowed = may_replay(visible.user, owner)
    return render(
        request,
        "cause.html",
        cause=cause,
        owner=owner,
        rows=page,
        replays={held.row.id: _replay(held, owner) for held in page.rows} if allowed else {},
        allowed=allowed,
    )


@router.get("/held/replays.json")
def replays(visible: VisibleDep, ledger: LedgerDep, cause: CauseDep) -> JSONResponse:
    """What to clear to replay every journal of one cause."""
    owner = visible.owner(cause.tenant)
    found: list[dict[str, Any]] = []
    ask: Ask | None = Ask(MOST_ROWS)
    while ask is not None and len(found) < MOST_AT_ONCE:
        page = held_journals(ledger, visible.all_names, cause, ask)
        found += [_replay(held, owner) for held in page.rows]
        ask = Ask(MOST_ROWS, page.next) if page.next else None
    return JSONResponse({"replays": found})


def _replay(held: HeldJournal, owner: str) -> dict[str, Any]:
    return replay_of(held.row.id, held.boxes, owner)
