from datetime import date
from typing import Any

import pytest

from include.erps.port import Line
from include.errors import LookupFailed, Misconfigured, Retryable
from include.sandbox.faults import Fault, Replace, Status
from include.sandbox.sage_100 import Company
from include.sandbox.server import Sandbox
from tests.include.erps.sage_100.conftest import DAY, Connect, journal


def codes(verdict: Any) -> list[str]:
    return [problem.code for problem in verdict.problems]


def test_a_good_journal_gets_its_period(connect: Connect) -> None:
    (verdict,) = connect().check([journal()])
    assert verdict.problems == ()
    assert verdict.draft == journal(details={"fiscal_year": "2026", "fiscal_period": "11"})


def test_no_drafts_no_questions(connect: Connect, box: Sandbox) -> None:
    assert connect().check([]) == []
    assert box.calls == []


def test_accounts_are_written_as_the_company_writes_them(connect: Connect) -> None:
    draft = journal("R1", Line(1, "600-1-0", 100, {"x": "y"}, "Taxi"), Line(2, "200-0-0", -100))
    (verdict,) = connect().check([draft])
    assert verdict.problems == ()
    assert verdict.draft.lines == (Line(1, "600-01-00", 100, {"x": "y"}, "Taxi"), Line(2, "200-00-00", -100))


def test_an_account_that_does_not_fit_is_named(connect: Connect) -> None:
    draft = journal("R1", Line(1, "600-SALES-00", 100), Line(2, "200-00-00", -100))
    (verdict,) = connect().check([draft])
    assert codes(verdict) == ["account_format"]
    assert "segment 2 of '600-SALES-00' is longer than 2" in verdict.problems[0].message


@pytest.mark.parametrize(
    ("account", "why"),
    [
        ("600-09-00", "segment 2 has no value 09"),
        ("610-02-00", "not in this combination"),
        ("999-01-00", "not in this"),
    ],
)
@pytest.mark.parametrize("creates", ["Y", "N"])
def test_a_missing_account_is_never_left_to_sage(
    connect: Connect, company: Company, account: str, why: str, creates: Any
) -> None:
    company.auto_create_accounts = creates
    (verdict,) = connect().check([journal("R1", Line(1, account, 100), Line(2, "200-00-00", -100))])
    assert codes(verdict) == ["account_missing"]
    assert verdict.problems[0].subject == account
    assert why in verdict.problems[0].message
    assert account not in company.accounts


@pytest.mark.parametrize(("status", "expected"), [("I", "is inactive"), ("D", "is deleted")])
def test_an_account_out_of_use(connect: Connect, company: Company, status: Any, expected: str) -> None:
    company.accounts["600-01-00"].status = status
    (verdict,) = connect().check([journal()])
    assert codes(verdict) == ["account_on_hold"]
    assert expected in verdict.problems[0].message


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, []),
        (DAY, DAY, []),
        (date(2026, 11, 21), None, ["account_on_hold"]),
        (None, date(2026, 11, 19), ["account_on_hold"]),
    ],
)
def test_an_accounts_dates_limit_its_use(
    connect: Connect, company: Company, start: date | None, end: date | None, expected: list[str]
) -> None:
    company.accounts["600-01-00"].start, company.accounts["600-01-00"].end = start, end
    (verdict,) = connect().check([journal()])
    assert codes(verdict) == expected


@pytest.mark.parametrize("api", ["soap"], indirect=True)
def test_the_services_own_blank_date_is_none(connect: Connect, server: Any, api: str) -> None:
    server.null_date = "2001-02-03T00:00:00"
    (verdict,) = connect().check([journal()])
    assert verdict.problems == ()


def test_periods(connect: Connect, company: Company) -> None:
    company.close_period(2026, 10)
    october, later = date(2026, 10, 31), date(2027, 1, 1)
    verdicts = connect().check([journal("R1", posting_date=october), journal("R2", posting_date=later), journal("R3")])
    assert [codes(one) for one in verdicts] == [["period_closed"], ["period_missing"], []]
    assert verdicts[0].problems[0].subject == "2026/10"


@pytest.mark.parametrize(("first_month", "year"), [(7, 2027), (2, 2027), (12, 2026)])
def test_a_fiscal_year_that_is_not_the_calendars(
    connect: Connect, company: Company, first_month: int, year: int
) -> None:
    company.periods.clear()
    company.add_year(year, first_month)
    (verdict,) = connect().check([journal(posting_date=date(2026, 10, 5))])
    assert verdict.problems == ()
    assert verdict.draft.details["fiscal_year"] == str(year)


def test_the_next_open_day(connect: Connect, company: Company) -> None:
    company.close_period(2026, 10)
    company.close_period(2026, 11)
    client = connect()
    assert client.next_open_date(journal(posting_date=date(2026, 10, 5))) == date(2026, 12, 1)
    assert client.next_open_date(journal(posting_date=date(2026, 9, 5))) == date(2026, 9, 6)
    assert client.next_open_date(journal(posting_date=date(2026, 9, 30))) == date(2026, 12, 1)
    assert client.next_open_date(journal(posting_date=date(2026, 12, 31))) is None


def test_each_thing_is_asked_once(connect: Connect, box: Sandbox, api: str) -> None:
    client = connect()
    client.check([journal("R1"), journal("R2")])
    client.check([journal("R3")])
    asked = box.operations("sage_100")
    assert asked.count("agent:Account" if api == "agent" else "soap:GetGLAccount") == 2
    assert asked.count("agent:Periods" if api == "agent" else "soap:GetGLPeriods") == 1
    assert asked.count("agent:AccountStructure" if api == "agent" else "soap:GetGLAccountStructure") == 1


@pytest.mark.parametrize("page", [1, 4, 6, 7, 500])
def test_many_accounts_are_read_in_pages(connect: Connect, box: Sandbox, company: Company, api: str, page: int) -> None:
    company.add_account("300-00-00")
    company.add_account("310-00-00")
    client = connect(bulk_accounts_from=2, account_page=page)
    (verdict,) = client.check([journal("R1", Line(1, "600-01-00", 100), Line(2, "610-02-00", -100))])
    assert codes(verdict) == ["account_missing"]
    asked = box.operations("sage_100")
    expected = {1: 6, 4: 2, 6: 1, 7: 1, 500: 1} if api == "agent" else {1: 7, 4: 2, 6: 2, 7: 1, 500: 1}
    assert asked.count("agent:Accounts" if api == "agent" else "soap:GetGLAccounts") == expected[page]


@pytest.mark.parametrize("api", ["agent"], indirect=True)
@pytest.mark.parametrize(
    "body", ['{"items": [], "total": 4}', '{"items": []}', '{"items": [], "total": "0"}', '{"total": 0}']
)
def test_an_incomplete_chart_of_accounts_proves_nothing(connect: Connect, box: Sandbox, body: str) -> None:
    box.faults.add(Fault("sage_100", "agent:Accounts", Replace(body), when="after"))
    with pytest.raises(LookupFailed):
        connect(bulk_accounts_from=1).check([journal()])


@pytest.mark.parametrize("api", ["soap"], indirect=True)
def test_a_page_that_begins_again_proves_nothing(connect: Connect, box: Sandbox) -> None:
    first: list[str] = []
    client = connect(bulk_accounts_from=1, account_page=2)
    client.check([journal()])
    with box.lock:
        from include.sandbox.sage_100.contract import write_result

        row = dict.fromkeys(("AccountDesc", "AccountType", "MainAccountCode", "RawAccount", "AccountKey"), "")
        rows = [
            {**row, "Account": code, "Status": "A", "DateEnd": None, "DateStart": None}
            for code in ("200-00-00", "600-01-00")
        ]
        first.append(write_result("GetGLAccounts", rows))
    body = f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{first[0]}</s:Body></s:Envelope>'
    box.faults.add(Fault("sage_100", "soap:GetGLAccounts", Replace(body), when="after", times=2))
    with pytest.raises(LookupFailed, match="overlap"):
        connect(bulk_accounts_from=1, account_page=2).check([journal()])


def test_a_failed_question_is_no_problem_of_the_draft(connect: Connect, box: Sandbox, api: str) -> None:
    operations = {
        "agent": ["AccountStructure", "Account", "Periods"],
        "soap": ["GetGLAccountStructure", "GetGLAccount", "GetGLPeriods"],
    }
    for operation in operations[api]:
        box.faults.add(Fault("sage_100", f"{api}:{operation}", Status(500, "")))
        with pytest.raises(Retryable):
            connect().check([journal()])
    assert box.faults.pending == []


def test_the_reason_of_a_missing_account_is_not_worth_a_failure(connect: Connect, box: Sandbox, api: str) -> None:
    operation = "agent:SubAccounts" if api == "agent" else "soap:GetGLSubAccounts"
    box.faults.add(Fault("sage_100", operation, Status(500, "")))
    (verdict,) = connect().check([journal("R1", Line(1, "600-09-00", 100), Line(2, "200-00-00", -100))])
    assert [problem.message for problem in verdict.problems] == ["Sage 100 has no account 600-09-00"]


def test_the_tenant_files_format_must_be_the_companys(connect: Connect) -> None:
    (verdict,) = connect(account_format="-N03N02N02").check([journal()])
    assert verdict.problems == ()
    with pytest.raises(Misconfigured, match=r"erp\.account_format .* is -N04N02N02, the company's is -N03N02N02"):
        connect(account_format="-N04N02N02").check([journal()])


def test_another_company_has_another_format(connect: Connect, company: Company) -> None:
    company.account_format = ".A05N03"
    company.add_account("TRAVL.007")
    company.add_account("PAY.000")
    (verdict,) = connect().check([journal("R1", Line(1, "travl.7", 100), Line(2, "pay.0", -100))])
    assert verdict.problems == ()
    assert [line.account for line in verdict.draft.lines] == ["TRAVL.007", "PAY.000"]
