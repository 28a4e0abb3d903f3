"""What stands on each screen, over a ledger with one posted and one held journal."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from expensify_erp.page import links
from expensify_erp.page.rendering import ago, query, sentence, told_time
from fastapi.testclient import TestClient

from include.ledger import settle
from include.ledger.database import Ledger
from include.ledger.settle import Decision
from tests.include.ledger.company import Company, expense, report
from tests.include.ledger.fake_erp import FakeErp, rejects
from tests.plugins.expensify_erp.page.conftest import HTML, take

ONE = "plain:erp.example:ONE"
POSTED = {"tenant": "midwest", "target": ONE, "key": "20261120-1"}
HELD = {"tenant": "midwest", "target": ONE, "key": "20261119-1"}


def text_of(page: str) -> str:
    """What a person reads, in one line."""
    without = re.sub(r"<(script|style|select)\b.*?</\1>|<[^>]+>", " ", page, flags=re.S)
    return " ".join(html.unescape(without).split())


def attribute(page: str, name: str) -> str:
    found = re.search(rf'{name}="([^"]*)"', page)
    assert found, f"no {name}"
    return html.unescape(found[1])


# --- overview ----------------------------------------------------------------------------------------------------


def test_the_overview_counts_and_adds(viewer: TestClient, midwest: Company) -> None:
    shown = text_of(viewer.get("/", headers=HTML).text)
    assert "Posted 1 journal 2,500.75 USD" in shown
    assert "Held 1 journal 18.40 USD" in shown
    assert "Waiting 0 journals –" in shown
    assert "2026-11 2,500.75 0.00 18.40" in shown, "the chart's table says the same in numbers"


def test_an_empty_ledger_says_so(viewer: TestClient) -> None:
    assert "Nothing here yet" in text_of(viewer.get("/", headers=HTML).text)
    assert "No journal matches" in viewer.get("/journals", headers=HTML).text
    assert "Nothing is held" in viewer.get("/held", headers=HTML).text
    assert "No expense matches" in viewer.get("/expenses", headers=HTML).text
    assert "No findings" in viewer.get("/findings", headers=HTML).text


def test_the_navigation_marks_where_one_is(viewer: TestClient, midwest: Company) -> None:
    for path, tab in [("/", "Overview"), ("/held", "Held"), ("/journals/one", "Journals")]:
        shown = viewer.get(path, params=POSTED if path == "/journals/one" else {}, headers=HTML).text
        assert re.findall(r'aria-current="page">([^<]+)<', shown) == [tab]


# --- journals ----------------------------------------------------------------------------------------------------


def keys(page: str) -> list[str]:
    return re.findall(r'<th scope="row" class="nowrap"><a[^>]*>([^<]+)</a>', page)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["20261120-1", "20261119-1"]),
        ({"order": "asc"}, ["20261119-1", "20261120-1"]),
        ({"sort": "total", "order": "asc"}, ["20261119-1", "20261120-1"]),
        ({"state": "held"}, ["20261119-1"]),
        ({"state": ["held", "posted"]}, ["20261120-1", "20261119-1"]),
        ({"from": "2026-11-20"}, ["20261120-1"]),
        ({"to": "2026-11-19"}, ["20261119-1"]),
        ({"account": "6100"}, ["20261120-1"]),
        ({"text": "ortiz"}, ["20261120-1"]),
        ({"text": "flowers"}, ["20261119-1"]),
        ({"tenant": "midwest", "text": "nothing like it"}, []),
        ({"tenant": "", "from": "", "to": "", "account": "", "text": ""}, ["20261120-1", "20261119-1"]),
    ],
    ids=lambda value: "-".join(f"{k}={v}" for k, v in value.items()) or "all" if isinstance(value, dict) else "",
)
def test_journals_are_filtered_and_sorted(
    viewer: TestClient, midwest: Company, asked: dict[str, object], found: list[str]
) -> None:
    answer = viewer.get("/journals", params=asked, headers=HTML)
    assert answer.status_code == 200
    assert keys(answer.text) == found
    rows = list(csv.DictReader(viewer.get("/journals.csv", params=asked).text.lstrip("\ufeff").splitlines()))
    assert [row["journal"] for row in rows] == found, "the download holds what the list shows"


@pytest.mark.parametrize(
    "wrong",
    [{"state": "gone"}, {"from": "yesterday"}, {"sort": "colour"}, {"order": "up"}, {"cursor": "bm90IG91cnM"}],
    ids=["state", "day", "sort", "order", "cursor"],
)
def test_what_cannot_be_read_is_said_and_not_guessed(
    viewer: TestClient, midwest: Company, wrong: dict[str, str]
) -> None:
    assert viewer.get("/journals", params=wrong, headers=HTML).status_code == 422


def test_pages_follow_one_another_without_a_gap(viewer: TestClient, ledger: Ledger) -> None:
    company = Company(ledger, "midwest", posting={"per": "report"})
    take(company, *(report(f"R{number:03d}", expense(f"t{number}", 100 + number)) for number in range(120)))
    seen: list[str] = []
    address = "/journals?sort=total&order=asc"
    for _ in range(3):
        shown = viewer.get(address, headers=HTML).text
        seen += keys(shown)
        following = re.search(r'rel="next" href="/expense-ledger([^"]+)"', shown)
        address = html.unescape(following[1]) if following else ""
    assert seen == [f"R{number:03d}" for number in range(120)]
    assert not address
    assert "120 journals" in text_of(shown)


# --- one journal -------------------------------------------------------------------------------------------------


def test_a_posted_journal_shows_its_way_from_the_report_to_the_document(viewer: TestClient, midwest: Company) -> None:
    page = viewer.get("/journals/one", params=POSTED, headers=HTML).text
    shown = text_of(page)
    number = midwest.journal("20261120-1").document_number
    assert number
    assert f"Document in the ERP {number}" in shown
    assert "Total 2,500.75 USD" in shown
    assert "6100" in shown
    assert "2150" in shown
    assert "Total USD 2,500.75 2,500.75" in shown
    assert "Deep Dish & Sons t1 Meals Dana Ortiz R1" in shown
    assert "mapping.gl_account.values['Meals']" in shown
    assert "/dags/expenses__midwest/runs/run-1/tasks/load/mapped/0?try_number=1" in page
    assert "data-replay=" not in page


def test_the_expenses_behind_one_line(viewer: TestClient, ledger: Ledger) -> None:
    company = Company(ledger, "midwest")
    take(company, report("R1", expense("t1", 100), expense("t2", 200, "Travel")))
    lines = dict(company.lines("20261120-1"))
    number = list(lines).index("6200") + 1
    page = viewer.get("/journals/one", params={**POSTED, "line": number}, headers=HTML).text
    behind = page.partition('id="expenses"')[2].partition('id="reports"')[0]
    assert (">t2" in behind, ">t1" in behind) == (True, False)


def test_a_held_journal_says_what_to_change_and_what_a_replay_clears(admin: TestClient, midwest: Company) -> None:
    page = admin.get("/journals/one", params=HELD, headers=HTML).text
    assert "Category 'Gifts' has no account" in text_of(page)
    position = [row["position"] for row in midwest.rows(run_journal()) if row["journal_key"] == "20261119-1"]
    assert json.loads(attribute(page, "data-replay")) == {
        "tenant": "midwest",
        "target": ONE,
        "key": "20261119-1",
        "boxes": [{"dag_id": "expenses__midwest", "run_id": "run-1", "task_id": "load", "map_index": position[0]}],
        "start": {"dag_id": "expenses__midwest", "conf": {"journals": ["20261119-1"]}},
    }


def run_journal() -> object:
    from include.ledger import tables

    return tables.run_journal


def test_the_decisions_are_those_that_the_state_allows(admin: TestClient, midwest: Company) -> None:
    def offered(key: dict[str, str]) -> list[str]:
        return re.findall(r'name="action" value="(\w+)"', admin.get("/journals/one", params=key, headers=HTML).text)

    assert offered(HELD) == ["adopt", "close"]
    assert offered(POSTED) == ["adopt", "reissue"]
    decision = Decision("close", "keyed by hand", "ann")
    settle.settle_journals(
        midwest.ledger, midwest.scope, midwest.tenant, ["20261119-1"], decision, None, midwest.actor, midwest.clock
    )
    assert offered(HELD) == []
    assert "keyed by hand" in admin.get("/journals/one", params=HELD, headers=HTML).text


def test_what_became_of_a_journal_for_the_buttons(admin: TestClient, midwest: Company) -> None:
    posted = admin.get("/journals/state.json", params=POSTED).json()
    number = midwest.journal("20261120-1").document_number
    assert (posted["state"], posted["document_number"], posted["reasons"]) == ("posted", number, [])
    held = admin.get("/journals/state.json", params=HELD).json()
    assert held["state"] == "held"
    assert "Category 'Gifts' has no account" in held["reasons"][0]


# --- held --------------------------------------------------------------------------------------------------------


def test_one_cause_over_many_journals_is_one_row_with_one_button(admin: TestClient, ledger: Ledger) -> None:
    company = Company(ledger, "midwest", posting={"per": "report"})
    take(company, *(report(f"R{n}", expense(f"t{n}", 10_000 + n, "Gifts")) for n in (1, 2, 3)))
    page = admin.get("/held", headers=HTML).text
    # 100.01 + 100.02 + 100.03
    assert "300.06 USD 3 journals, 3 reports" in text_of(page)
    assert "Replay all 3" in page
    found = admin.get(attribute(page, "data-replays").removeprefix("/expense-ledger")).json()["replays"]
    assert [(one["key"], one["boxes"][0]["map_index"]) for one in found] == [("R1", 0), ("R2", 1), ("R3", 2)]


def test_what_the_erp_refused_is_listed_in_its_own_words(admin: TestClient, midwest: Company) -> None:
    company = midwest.with_settings(mapping={"gl_account": {"values": {"Gifts": "6700"}}})
    company.derive_again("20261119-1")
    company.check("20261119-1")
    with pytest.raises(Exception, match="on hold"):
        company.poster(FakeErp([rejects])).post("20261119-1")
    assert "Account 6100 is on hold" in admin.get("/held", headers=HTML).text


# --- expenses, findings, cut-over --------------------------------------------------------------------------------


def test_an_expense_tells_its_journal(viewer: TestClient, midwest: Company) -> None:
    shown = text_of(viewer.get("/expenses", params={"text": "t1"}, headers=HTML).text)
    assert "Posted 20261120-1 midwest" in shown
    assert "2,500.75 USD" in shown
    assert "Flowers" not in shown


def test_a_change_after_posting_is_a_finding(viewer: TestClient, midwest: Company) -> None:
    midwest.clock.advance(60)
    midwest.claim(report("R1", expense("t1", 260_000, merchant="Deep Dish & Sons")))
    shown = text_of(viewer.get("/findings", headers=HTML).text)
    assert "Changed after posting" in shown
    assert "1 finding" in shown


def test_closing_reports_at_the_cut_over_is_for_those_who_may_settle(
    page: Callable[[str | None], TestClient], midwest: Company
) -> None:
    assert 'data-settle="reports"' in page("user").get("/cut-over", headers=HTML).text
    assert "You may look, not decide" in page("viewer").get("/cut-over", headers=HTML).text


# --- downloads ---------------------------------------------------------------------------------------------------


def test_a_download_is_a_file_that_spreadsheets_read(viewer: TestClient, midwest: Company) -> None:
    answer = viewer.get("/audit.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="journals_with_expenses.csv"'
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.startswith("\ufeff")
    rows = list(csv.DictReader(answer.text.lstrip("\ufeff").splitlines()))
    assert [(row["expense"], row["amount"], row["currency"]) for row in rows] == [
        ("t2", "18.40", "USD"),
        ("t1", "2500.75", "USD"),
    ]


# --- small things ------------------------------------------------------------------------------------------------


def test_a_report_leads_to_expensify_unless_that_is_switched_off(
    viewer: TestClient, midwest: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        links.expensify_report("R/1") == "https://www.expensify.com/report?param=%7B%22pageReportID%22:%22R%2F1%22%7D"
    )
    monkeypatch.setenv("AIRFLOW__EXPENSIFY_ERP__REPORT_URL", "https://new.expensify.com/r/<report_id>")
    assert 'href="https://new.expensify.com/r/R1"' in viewer.get("/journals/one", params=POSTED, headers=HTML).text
    monkeypatch.setenv("AIRFLOW__EXPENSIFY_ERP__REPORT_URL", "off")
    assert "expensify.com" not in viewer.get("/journals/one", params=POSTED, headers=HTML).text


def test_text_is_escaped_before_anything_is_made_of_it() -> None:
    assert str(sentence("write `a & b` <b>")) == "Write <code>a &amp; b</code> &lt;b&gt;"
    assert str(sentence("`<script>`")) == "<code>&lt;script&gt;</code>"


def test_times_for_people() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert [
        ago(at, now) for at in (datetime(2026, 11, 21, 11, 59, 30, tzinfo=UTC), datetime(2026, 11, 21, 10, tzinfo=UTC))
    ] == [
        "under a minute",
        "2 h",
    ]
    assert ago(datetime(2026, 11, 18, 12, tzinfo=UTC), now) == "3 days"
    assert [told_time(text) for text in ("2026-11-18T15:30:00+00:00", "2026-11-18", "some day", None)] == [
        "2026-11-18 15:30",
        "2026-11-18",
        "some day",
        "",
    ]


def test_links_keep_what_is_set_and_drop_the_rest() -> None:
    values = {"tenant": "a b", "state": ["held", "posted"], "text": None, "from": ""}
    assert query(values, cursor="x") == "?tenant=a+b&state=held&state=posted&cursor=x"
    assert query({"tenant": None}) == ""


def test_behind_a_path_of_a_proxy_every_address_of_the_page_begins_with_it(
    page: Callable[[str | None], TestClient], midwest: Company
) -> None:
    inner = page("admin")
    inner.app.root_path = "/airflow"  # type: ignore[attr-defined]
    inner.base_url = "http://airflow.example/airflow/expense-ledger"
    shown = inner.get("/journals", headers=HTML).text
    addresses = re.findall(r'(?:href|src|action)="(/[^"]*)"', shown)
    assert addresses
    assert [address for address in addresses if not address.startswith("/airflow/expense-ledger/")] == []
    assert 'data-airflow="/airflow/"' in shown
    assert re.findall(r'aria-current="page">([^<]+)<', shown) == ["Journals"]
