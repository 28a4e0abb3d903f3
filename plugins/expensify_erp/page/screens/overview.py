"""Where everything stands: per tenant and over all, and the amounts by month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from expensify_erp.page.access import VisibleDep
from expensify_erp.page.asking import Short
from expensify_erp.page.chart import charts
from expensify_erp.page.opened_ledger import LedgerDep
from expensify_erp.page.rendering import render
from include.ledger.views.overview import Amount, CurrencyAmounts, TenantOverview, overview

router = APIRouter()


@dataclass(frozen=True)
class Tile:
    """One number at the top: how many journals, and the money by currency."""

    label: str
    tone: str
    journals: int
    amounts: tuple[tuple[str, int], ...]
    address: str


@router.get("/")
def show(request: Request, visible: VisibleDep, ledger: LedgerDep, tenant: Short = None) -> HTMLResponse:
    """The overview, over all tenants that may be seen or one of them."""
    today = _today()
    found = overview(ledger, visible.chosen(tenant), today)
    return render(
        request,
        "overview.html",
        visible=visible,
        tenant=tenant,
        tiles=_tiles(found.tenants, tenant),
        charts=charts(found.months, f"{today:%Y-%m}"),
        tenants=found.tenants,
    )


def _today() -> date:
    return datetime.now(UTC).date()


def _tiles(tenants: Iterable[TenantOverview], tenant: str | None) -> list[Tile]:
    amounts = [amount for one in tenants for amount in one.amounts]
    only = f"&{urlencode({'tenant': tenant})}" if tenant else ""
    return [
        _tile("Posted", "posted", amounts, ("posted",), f"/journals?state=posted{only}"),
        _tile(
            "Of these, not yet posted in the ERP",
            "unfinished",
            amounts,
            ("unfinished",),
            f"/journals?unfinished=yes{only}",
        ),
        _tile(
            "Held",
            "held",
            amounts,
            ("held", "rejected", "conflict"),
            f"/journals?state=held&state=rejected&state=conflict{only}",
        ),
        _tile("Waiting", "waiting", amounts, ("waiting",), f"/journals?state=drafted&state=ready&state=posting{only}"),
    ]


def _tile(label: str, tone: str, amounts: Iterable[CurrencyAmounts], fields: tuple[str, ...], address: str) -> Tile:
    journals = 0
    cents: dict[str, int] = defaultdict(int)
    for one in amounts:
        for name in fields:
            amount: Amount = getattr(one, name)
            journals += amount.journals
            if amount.journals:
                cents[one.currency] += amount.cents
    return Tile(label, tone, journals, tuple(sorted(cents.items())), address)
