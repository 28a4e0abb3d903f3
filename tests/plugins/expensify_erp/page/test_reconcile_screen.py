"""The screen of reconciliations: what does not match, for whom it concerns and nobody else."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime

from fastapi.testclient import TestClient

from include.ledger import reconciliation
from include.ledger.runs import RunKey
from include.reconcile.comparison import Comparison, Total
from include.reconcile.sides import Difference
from tests.include.ledger.company import Company
from tests.plugins.expensify_erp.page.conftest import HTML, AuthManager

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAYS = (date(2026, 11, 1), date(2026, 11, 20))


def compared(company: Company, *differences: Difference, at: datetime = AT, run_id: str = "run-1") -> None:
    totals = (Total("USD", expensify=251_915, ledger=251_915, erp=251_916),)
    with company.ledger.write() as connection:
        reconciliation.record(
            connection,
            company.scope,
            RunKey(f"reconcile__{company.scope.tenant}", run_id),
            DAYS,
            Comparison(differences, totals, (), ("The ERP does not tell the currency of 2 documents: not compared",)),
            at,
        )


def altered(key: str = "20261120-1", found: int = 251_916) -> Difference:
    return Difference(
        "altered_in_erp", f"Journal {key} was altered in the ERP", "Set it right there", "USD", 251_915, found,
        None, key, "412", date(2026, 11, 20),
    )  # fmt: skip


def test_a_person_sees_what_does_not_match_and_what_to_do(viewer: TestClient, midwest: Company) -> None:
    compared(midwest, altered())
    shown = viewer.get("/reconcile", headers=HTML).text
    for text in ("Altered in erp", "was altered in the ERP", "Set it right there", "2,519.15 USD", "2,519.16 USD"):
        assert text in shown
    assert "2026-11-01 to 2026-11-20" in shown
    assert "does not tell the currency of 2 documents" in shown
    assert "dags/reconcile__midwest/runs/run-1" in shown
    assert "1 difference" in shown


def test_a_difference_that_is_gone_is_shown_when_asked_for(viewer: TestClient, midwest: Company) -> None:
    compared(midwest, altered())
    compared(midwest, at=AT.replace(day=22), run_id="run-2")
    assert "was altered in the ERP" not in viewer.get("/reconcile", headers=HTML).text
    assert "say the same, to the cent" in viewer.get("/reconcile", headers=HTML).text
    gone = viewer.get("/reconcile", params={"resolved": "yes"}, headers=HTML).text
    assert "was altered in the ERP" in gone
    assert "2026-11-22 12:00" in gone


def test_a_run_that_failed_is_not_taken_for_agreement(viewer: TestClient, midwest: Company) -> None:
    compared(midwest)
    with midwest.ledger.write() as connection:
        reconciliation.record_failure(
            connection, midwest.scope, RunKey("reconcile__midwest", "run-2"), DAYS, "SYSPRO could not be asked", AT
        )
    shown = viewer.get("/reconcile", headers=HTML).text
    assert "Failed" in shown
    assert "SYSPRO could not be asked" in shown
    assert "say the same" not in shown


def test_before_the_first_run_it_says_so(viewer: TestClient, midwest: Company) -> None:
    assert "Nothing compared yet" in viewer.get("/reconcile", headers=HTML).text


def test_pages_are_cut_in_the_database(viewer: TestClient, midwest: Company) -> None:
    compared(midwest, *(altered(f"202611{day:02d}-{number}") for day in range(1, 21) for number in range(1, 4)))
    first = viewer.get("/reconcile", headers=HTML).text
    second = viewer.get("/reconcile", params={"page": 2}, headers=HTML).text
    assert (first.count("Set it right there"), second.count("Set it right there")) == (50, 10)
    assert 'rel="next"' in first
    assert 'rel="next"' not in second


def test_the_download_keeps_a_minus_a_number(viewer: TestClient, midwest: Company) -> None:
    compared(midwest, altered(found=-5))
    rows = list(csv.DictReader(viewer.get("/reconcile.csv").text.lstrip("\ufeff").splitlines()))
    assert [(row["kind"], row["expected"], row["found"]) for row in rows] == [("altered_in_erp", "2519.15", "-0.05")]


def test_a_tenant_whose_dag_is_hidden_is_not_there(
    admin: TestClient, auth: AuthManager, midwest: Company, albion: Company
) -> None:
    compared(albion, altered("A1"))
    for door in ("/reconcile", "/reconcile.csv"):
        assert "A1" in admin.get(door).text
    auth.hidden_dags = {"expenses__albion"}
    for door in ("/reconcile", "/reconcile.csv"):
        answer = admin.get(door)
        assert answer.status_code == 200
        assert "A1" not in answer.text
        assert "albion" not in answer.text
    assert admin.get("/reconcile", params={"tenant": "albion"}).status_code == 404


def test_what_cannot_be_read_is_refused(viewer: TestClient, midwest: Company) -> None:
    assert viewer.get("/reconcile", params={"kind": "nonsense"}).status_code == 422
    assert viewer.get("/reconcile", params={"page": "0"}).status_code == 422
