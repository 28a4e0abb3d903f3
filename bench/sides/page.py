"""Every screen of the ledger page, asked through the page's own application as a user who may see all tenants."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.ledgers import month, one_journal
from tests.include.ledger.views.filling import FIRST_DAY

WARM, MEASURED = 2, 9


def addresses(ledger: Path) -> dict[str, str]:
    """The screens by name: all tenants and one, each order, each way to look for something."""
    first, last = month()
    days = f"from={first}&to={last}"
    most_days = f"from={FIRST_DAY}&to={last}"
    one = urlencode(one_journal(ledger, "posted"))
    held = one_journal(ledger, "held")
    cause = urlencode(
        {
            "tenant": held["tenant"],
            "target": held["target"],
            "code": "category_unmapped",
            "subject": "Meals",
            "currency": "USD",
        }
    )
    return {
        "overview": "/",
        "overview of a tenant": "/?tenant=tenant_000",
        "journals": "/journals",
        "journals of a tenant": "/journals?tenant=tenant_001",
        "journals by total": "/journals?sort=total",
        "journals by claim": "/journals?sort=created_at&order=asc",
        "journals held": "/journals?state=held",
        "journals waiting": "/journals?state=ready&state=drafted",
        "journals not yet posted in the ERP": "/journals?unfinished=yes",
        "journals of a month": f"/journals?{days}",
        "journals of a month by total": f"/journals?{days}&sort=total",
        "journals of a tenant and half a year by total": f"/journals?{most_days}&sort=total&tenant=tenant_001",
        "journals of a frequent word": "/journals?text=uber",
        "journals of a rare word": "/journals?text=zanzibar",
        "journals of an account": "/journals?account=6100",
        "one journal": f"/journals/one?{one}",
        "one line of a journal": f"/journals/one?{one}&line=1",
        "held": "/held",
        "held of a tenant": "/held?tenant=tenant_001",
        "held journals of a cause": f"/held/cause?{cause}",
        "expenses": "/expenses",
        "expenses of a word": "/expenses?text=uber",
        "expenses of a rare word": "/expenses?text=zanzibar",
        "expenses of a report": "/expenses?report=R00000100",
        "expenses of an e-mail": "/expenses?text=employee3%40tenant_001.example.com",
        "findings": "/findings",
        "findings of a kind": "/findings?kind=total_differs&tenant=tenant_001",
        "reconcile": "/reconcile",
        "cut-over": "/cut-over",
    }


def prepare(ledger: str) -> Callable[[], str]:
    """:param ledger: path of a filled SQLite ledger."""
    browser = _browser(Path(ledger))
    listed = addresses(Path(ledger))

    def timed() -> str:
        figures: dict[str, dict[str, float]] = {}
        for name, address in listed.items():
            spent = []
            for _ in range(WARM + MEASURED):
                begun = time.process_time()
                answer = browser.get(address)
                spent.append(time.process_time() - begun)
                if answer.status_code != 200:
                    raise SystemExit(f"{name}: {answer.status_code} {answer.text[:500]}")
            figures[name] = {"cpu_s": statistics.median(spent[WARM:]), "rows": answer.text.count("<tr")}
        return json.dumps(figures)

    return timed


def _browser(ledger: Path) -> Any:
    """A browser of an admin of Airflow's simple auth manager, before the page as Airflow mounts it."""
    os.environ["AIRFLOW__API_AUTH__JWT_SECRET"] = "bench-" * 16
    folder = tempfile.mkdtemp(prefix="no-tenants-", dir=ledger.parent)
    os.environ["EXPENSIFY_ERP_TENANTS"] = folder

    from airflow.api_fastapi import app as airflow_app
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.models.revoked_token import RevokedToken
    from expensify_erp.page import opened_ledger
    from expensify_erp.page.app import create_app
    from expensify_erp.page.entry import URL_PREFIX
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from include.ledger.database import Ledger

    auth = SimpleAuthManager()  # type: ignore[no-untyped-call]
    airflow_app._AuthManagerState.instance = auth
    # The one question that Airflow's log-in asks its own database, which is not what is measured.
    RevokedToken.is_revoked = staticmethod(lambda *_args, **_kwargs: False)  # type: ignore[method-assign]
    opened = Ledger(f"sqlite:///{ledger}")
    opened_ledger.opened_ledger = lambda: opened  # type: ignore[assignment]
    outer = FastAPI()
    outer.mount(URL_PREFIX, create_app())
    client = TestClient(outer, base_url="http://airflow.example" + URL_PREFIX, headers={"accept": "text/html"})
    client.cookies.set("_token", auth.generate_jwt(SimpleAuthManagerUser(username="ann", role="ADMIN", teams=None)))
    return client
