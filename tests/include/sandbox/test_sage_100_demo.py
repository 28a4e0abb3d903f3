"""The demo tenant `atlantic_distribution` from export to entry: what is declared as held is held, everything else posts."""

import io
from datetime import UTC, date, datetime
from pathlib import Path

import yaml

from include.accounting.window import Window
from include.erps.sage_100.channel import Credentials
from include.erps.sage_100.client import Sage100Erp
from include.erps.sage_100.settings import Sage100Settings
from include.errors import Held
from include.expensify.client import ExpensifyClient
from include.expensify.extraction import extract, queries_for_window
from include.ledger import checking, claims, journals
from include.ledger.database import Ledger
from include.ledger.journals import Actor, Scope
from include.ledger.posting import Poster
from include.ledger.reading import reading_of
from include.sandbox.sage_100 import Sage100
from include.sandbox.sage_100.demo import EXPECTED_HELD, seed
from include.sandbox.server import Sandbox
from include.settings.tenant import Tenant, tenant_from
from include.transport import HttpClient
from tests.include.erps.shared_state import Unlimited

TODAY = date(2026, 11, 21)
FILE = Path(__file__).parents[3] / "include" / "sandbox" / "tenants" / "atlantic_distribution.yaml"


def export(tenant: Tenant, box: Sandbox, window: Window) -> bytes:
    queries = queries_for_window(
        window.first_day(tenant.zone),
        window.last_day(tenant.zone),
        tenant.expensify.states,
        tenant.expensify.policies,
        tenant.expensify.mark_exported,
    )
    client = ExpensifyClient(HttpClient(box.url), "aa_atlantic", "atlantic-secret", Unlimited())
    into = io.BytesIO()
    extract(client, queries, into, {})
    return into.getvalue()


def test_the_whole_demo(tmp_path: Path) -> None:
    tenant = tenant_from(yaml.safe_load(FILE.read_text()), FILE.stem, FILE.parent)
    assert isinstance(tenant.erp, Sage100Settings)
    scope, actor = Scope(tenant.name, "sage_100://sandbox/ABC", tenant.names), Actor("expenses", "run", "load", 0, 1)
    box = Sandbox(Sage100())
    seed(box, TODAY)
    company = box.service(Sage100).company("ABC")
    accounts = set(company.accounts)
    with box, Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.create_if_missing()
        first = datetime(2026, 11, 18, tzinfo=UTC)
        window = Window(first, datetime(2026, 11, 21, 12, tzinfo=UTC), first)
        lines = io.BytesIO(export(tenant, box, window))
        reading = reading_of(lines, tenant, window=window)
        claims.claim(ledger, scope, tenant, reading, TODAY, actor, None)
        keys = [f"R00ATLA{number:03d}" for number in range(1, 5)]
        credentials = Credentials("EXPAPI", "atlantic-sage", "atlantic-agent-key")
        held = {}
        with Sage100Erp(box.url, credentials, settings=tenant.erp) as erp:
            checking.check(ledger, scope, tenant, keys, erp, actor)
            poster = Poster(ledger, scope, lambda: erp, request_timeout_s=120, settle_s=30, actor=actor)
            for key in keys:
                try:
                    poster.post(key)
                except Held as error:
                    held[key] = str(error)
        with ledger.read() as connection:
            found = journals.fetch(connection, scope, keys)
    assert held.keys() == EXPECTED_HELD
    assert "660-02-00" in held["R00ATLA003"]
    assert {key: (one.state, one.document_number, one.total_debit_cents) for key, one in found.items()} == {
        "R00ATLA001": ("posted", "000001", 84475),
        "R00ATLA002": ("posted", "000002", 10849),
        "R00ATLA003": ("held", None, 24000),
        "R00ATLA004": ("posted", "000003", 15660),
    }
    posted = [[(line.account, line.debit_cents - line.credit_cents) for line in one.lines] for one in company.entries]
    assert [sorted(rows) for rows in posted] == [
        [("200-00-00", -39265), ("210-00-00", -45210), ("610-01-00", 7425), ("620-01-00", 31840), ("630-01-00", 45210)],
        [("200-00-00", -10849), ("640-03-00", 899), ("650-03-00", 9950)],
        [("200-00-00", -15660), ("610-02-00", 15660)],
    ]
    # Sage would have created what is missing.
    assert (company.auto_create_accounts, set(company.accounts)) == ("Y", accounts)
