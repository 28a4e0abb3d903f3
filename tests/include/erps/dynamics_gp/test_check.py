from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from include.erps.port import Draft, Line, Problem
from include.errors import LookupFailed, Misconfigured
from include.sandbox.dynamics_gp import Company, DynamicsGp, Employee
from include.sandbox.faults import Fault, Status
from include.sandbox.server import Sandbox
from tests.include.erps.dynamics_gp.conftest import Connect, journal

CREDIT = Line(2, "000-2150-00", -12540)


def problems(connect: Connect, api: str, draft: Draft) -> list[tuple[str, str]]:
    (verdict,) = connect(api=api).check([draft])
    return [(one.code, one.subject) for one in verdict.problems]


def on(account: str, center: str = "100") -> Draft:
    return journal("EXP R00AbC", Line(1, account, 12540, {"cost_center": center}), CREDIT)


def test_a_good_draft(connect: Connect, api: str) -> None:
    assert problems(connect, api, journal()) == []


def test_only_posting_accounts_take_journals(connect: Connect, api: str) -> None:
    assert problems(connect, api, on("000-9000-00")) == [("account_type", "000-9000-00")]


def test_an_inactive_and_a_missing_account(connect: Connect, company: Company, api: str) -> None:
    company.accounts["100-6200-00"].active = False
    draft = journal("EXP R1", Line(1, "100-6200-00", 12540), Line(2, "100-9999-00", -12540))
    assert problems(connect, api, draft) == [("account_on_hold", "100-6200-00"), ("account_missing", "100-9999-00")]


def test_a_cost_centre_that_does_not_exist_is_named_instead_of_its_accounts(connect: Connect, api: str) -> None:
    assert problems(connect, api, on("900-6100-00", "900")) == [("dimension_missing", "900")]


def test_a_wildcard_in_a_cost_centre_is_taken_literally(connect: Connect) -> None:
    assert problems(connect, "soap", on("1%-6100-00", "1%")) == [("dimension_missing", "1%")]
    assert problems(connect, "soap", on("1_0-6100-00", "1_0")) == [("dimension_missing", "1_0")]


def test_a_cost_centre_with_other_accounts_exists(connect: Connect, api: str) -> None:
    assert problems(connect, api, on("200-9999-00", "200")) == [("account_missing", "200-9999-00")]


def test_an_inactive_cost_centre_of_the_sba_list(connect: Connect, company: Company) -> None:
    company.cost_centers["100"].active = False
    assert problems(connect, "sba", journal()) == [("dimension_missing", "100")]


def test_an_account_missing_in_the_bulk_answer_is_asked_for_alone(
    connect: Connect, box: Sandbox, gp: DynamicsGp
) -> None:
    gp.list_cap = 2
    lines = [Line(at, number, 100) for at, number in enumerate(["100-6100-00", "100-6200-00", "200-6100-00"], start=1)]
    draft = journal("EXP R1", *lines, Line(4, "000-2150-00", -300))
    assert problems(connect, "soap", draft) == []
    # One question in bulk, which is cut, and one for each of the two that it does not have.
    assert box.operations("dynamics_gp").count("GetGLAccountList") == 3


def test_the_fiscal_calendar_of_the_tenant(connect: Connect) -> None:
    erp = connect()
    closed, unknown = (replace(journal(), posting_date=day) for day in (date(2026, 11, 5), date(2027, 1, 1)))
    first, second = erp.check([closed, unknown])
    assert [(one.code, one.subject) for one in first.problems] == [("period_closed", "2026/11")]
    assert [(one.code, one.subject) for one in second.problems] == [("period_missing", "2027-01-01")]
    assert erp.next_open_date(closed) == date(2026, 12, 1)
    assert erp.next_open_date(unknown) is None


def test_the_fiscal_periods_of_the_sba_service(connect: Connect, company: Company) -> None:
    company.close_period(date(2026, 10, 5))
    company.close_period(date(2026, 11, 5))
    erp = connect(api="sba", page_size=5)
    (verdict,) = erp.check([journal()])
    assert [(one.code, one.subject) for one in verdict.problems] == [("period_closed", "2026/10")]
    assert erp.next_open_date(verdict.draft) == date(2026, 12, 1)
    company.close_year(2026)
    assert connect(api="sba").next_open_date(journal()) is None


def test_fiscal_periods_are_asked_for_without_a_pages_size_and_to_their_end(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    period = (
        '{"Year":2026,"PeriodId":%d,"Name":"","FirstDay":"2026-%d-01","LastDay":"2026-%d-28","FinancialClosed":%s,'
        '"YearClosed":false}'
    )
    pages = [period % (11, 11, 11, "true"), period % (12, 12, 12, "false")]
    for text, following in zip(pages, ("1", "null"), strict=True):
        body = f'{{"Status":{{"Code":200}},"Payload":{{"Items":[{text}],"TotalCount":2,"NextSkip":{following}}}}}'
        box.faults.add(Fault("dynamics_gp", "GET FiscalPeriods", Status(200, body)))
    assert connect(api="sba").next_open_date(journal()) == date(2026, 12, 1)
    assert connect(api="sba").check([journal()])[0].problems == ()


def test_a_calendar_file_replaces_the_sba_periods(connect: Connect, box: Sandbox, calendar: Path) -> None:
    draft = replace(journal(), posting_date=date(2026, 11, 5))
    (verdict,) = connect(api="sba", fiscal_calendar=str(calendar)).check([draft])
    assert [one.code for one in verdict.problems] == ["period_closed"]
    assert "GET FiscalPeriods" not in box.operations("dynamics_gp")


def test_the_batch_is_of_the_posting_date(connect: Connect, api: str) -> None:
    draft = replace(journal(), approval_date=date(2026, 9, 30), posting_date=date(2026, 10, 1))
    assert connect(api=api, batch="E{yyyymmdd}").check([draft])[0].draft.details["batch"] == "E20261001"


def test_the_company_is_found_by_its_name(connect: Connect, box: Sandbox, company: Company) -> None:
    assert connect(company="fabrikam, inc.  (ost)").check([journal()])[0].draft.details["company_id"] == 3
    assert box.operations("dynamics_gp").count("GetCompanyByKey") == 3


def test_a_company_that_nobody_knows(connect: Connect) -> None:
    with pytest.raises(Misconfigured, match=r"called 'Nowhere'.*ids 1 to 4 and -1"):
        connect(company="Nowhere", company_id_search=4).check([journal()])


@pytest.mark.parametrize(("changes", "asked_before"), [({}, 2), ({"company_id": 3}, 0)], ids=["searched", "given"])
def test_a_server_that_fails_once_has_not_lost_its_company(
    connect: Connect, box: Sandbox, company: Company, changes: dict[str, Any], asked_before: int
) -> None:
    fault = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Server</faultcode>'
        "<faultstring>Contact your system administrator.</faultstring><detail/></s:Fault></s:Body></s:Envelope>"
    )
    box.faults.add(Fault("dynamics_gp", "GetCompanyByKey", Status(500, fault), skip=asked_before))
    erp = connect(company_id_search=4, **changes)
    assert erp.check([journal()])[0].draft.details["company_id"] == 3


def test_an_id_that_is_another_company(connect: Connect) -> None:
    with pytest.raises(Misconfigured, match="called 'Another Company'"):
        connect(company_id=1).check([journal()])
    with pytest.raises(Misconfigured, match="no company with the id 2"):
        connect(company_id=2).check([journal()])


def test_the_sample_company(connect: Connect, gp: DynamicsGp, company: Company) -> None:
    del gp.companies[3]
    company.id = -1
    gp.companies[-1] = company
    assert connect(company_id_search=4).check([journal()])[0].draft.details["company_id"] == -1


@pytest.mark.parametrize(
    ("api", "operation"),
    [
        ("soap", "GetGLAccountList"),
        ("soap", "GetCompanyByKey"),
        ("sba", "GET Accounts()"),
        ("sba", "GET FiscalPeriods"),
    ],
)
def test_a_question_that_fails_is_no_problem_of_the_draft(
    connect: Connect, box: Sandbox, api: str, operation: str
) -> None:
    box.faults.add(Fault("dynamics_gp", operation, Status(503, "<html/>"), times=9))
    with pytest.raises(LookupFailed):
        connect(api=api).check([journal()])


def test_problems_speak_to_a_finance_person(connect: Connect, api: str) -> None:
    (verdict,) = connect(api=api).check([on("100-9999-00")])
    assert verdict.problems == (
        Problem(
            "account_missing",
            "100-9999-00",
            "Dynamics GP has no account 100-9999-00",
            "correct mapping.gl_account, a dimension's values or erp.account in the tenant file, or add the account in Dynamics "
            "GP's account maintenance",
        ),
    )


# --- reference data ---


def test_cost_centres(connect: Connect, gp: DynamicsGp, company: Company, api: str) -> None:
    company.accounts["200-6100-00"].active = company.accounts["200-6200-00"].active = False
    company.cost_centers["200"].active = False
    gp.list_cap = 2
    found = connect(api=api, page_size=1).cost_centers()
    expected = [("100", True), ("200", False)]
    assert [(one.code, one.active) for one in found] == ([("000", True), *expected] if api == "soap" else expected)


def test_employees(connect: Connect, gp: DynamicsGp, company: Company, api: str) -> None:
    for code, first, last in (
        ("ACKE0001", "Pilar", "Ackerman"),
        ("BARB0001", "Angela", "Barbariol"),
        ("DELA0001", "A", "D"),
    ):
        company.add_employee(
            Employee(code, first, last, f"{first}@fabrikam.example", "SALES", active=code != "DELA0001")
        )
    gp.list_cap = 2
    found = connect(api=api, page_size=2).employees()
    assert [(one.code, one.first_name, one.last_name, one.department, one.active) for one in found] == [
        ("ACKE0001", "Pilar", "Ackerman", "SALES", True),
        ("BARB0001", "Angela", "Barbariol", "SALES", True),
        ("DELA0001", "A", "D", "SALES", False),
    ]
    assert found[0].email == ("" if api == "soap" else "Pilar@fabrikam.example")
