from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from include.erps.port import Draft, Erp, Line, Verdict
from include.erps.syspro.client import SysproErp
from include.errors import LookupFailed, Misconfigured, Retryable
from include.sandbox.faults import Fault, Replace, Status
from include.sandbox.server import Sandbox
from include.sandbox.syspro import Company, Operator
from tests.include.erps.syspro.conftest import PASSWORD, bill, journal

Connect = Callable[..., SysproErp]


def codes(verdict: Verdict) -> list[tuple[str, str]]:
    return [(problem.code, problem.subject) for problem in verdict.problems]


def on(day: date, draft: Draft) -> Draft:
    return replace(draft, posting_date=day, details={})


def test_good_drafts_are_ready_and_nothing_is_posted(connect: Connect, box: Sandbox, company: Company) -> None:
    drafts = [on(date(2026, 11, 20), journal()), on(date(2026, 10, 31), journal("EXP-20261031-1"))]
    verdicts = connect().check(drafts)
    assert [codes(verdict) for verdict in verdicts] == [[], []]
    assert [verdict.draft.details for verdict in verdicts] == [
        {"year": 2026, "period": 11},
        {"year": 2026, "period": 10},
    ]
    assert company.journals == []
    # One bulk look-up of accounts, one question about the ledger, one validation per period.
    assert box.operations("syspro") == [
        "Logon", "Query/Query:COMFND", "Query/Query:GENQRY",
        "Transaction/Post:GENTJL:ValidateOnly", "Transaction/Post:GENTJL:ValidateOnly",
    ]  # fmt: skip


def test_bad_accounts_name_code_and_place_to_change(connect: Connect, company: Company) -> None:
    company.put_account_on_hold("6200-100")
    lines = ["6100-100", "6999-100", "6200-100", "2100-00"]
    draft = journal("EXP-1", *(Line(n, code, 100 if n % 2 else -100) for n, code in enumerate(lines, 1)))
    bad, good = connect().check([draft, journal()])
    assert codes(bad) == [
        ("account_missing", "6999-100"), ("account_on_hold", "6200-100"), ("account_is_control", "2100-00"),
    ]  # fmt: skip
    assert "mapping.gl_account" in bad.problems[0].fix
    assert codes(good) == []


def test_another_companys_account_does_not_count(connect: Connect, box: Sandbox, company: Company) -> None:
    box.syspro.add_company(Company("EDU2")).add_account("6300-100")
    draft = journal("EXP-1", Line(1, "6300-100", 100), Line(2, "2150-00", -100))
    assert codes(connect().check([draft])[0]) == [("account_missing", "6300-100")]


def test_the_ledgers_company_may_have_another_name(connect: Connect, company: Company) -> None:
    company.gl_company = "HQ"
    assert codes(connect(gl_company="HQ").check([journal()])[0]) == []
    with pytest.raises(LookupFailed, match=r"erp\.gl_company"):
        connect().check([journal()])


@pytest.mark.parametrize("wrapping", ["bare", "json", "string"])
@pytest.mark.parametrize("transport", ["rest", "soap"])
def test_hundreds_of_accounts_are_looked_up_in_bulk(
    connect: Connect, box: Sandbox, company: Company, transport: str, wrapping: str
) -> None:
    box.syspro.wrapping = wrapping  # type: ignore[assignment]
    for number in range(300):
        company.add_account(f"7{number:03d}-100")
    lines = [Line(n, f"7{n - 1:03d}-100", 100 if n % 2 else -100) for n in range(1, 303)]
    client = connect(transport=transport)
    verdict = client.check([journal("EXP-1", *lines)])[0]
    assert codes(verdict) == [("account_missing", "7300-100"), ("account_missing", "7301-100")]
    assert box.operations("syspro").count("Query/Query:COMFND") < 32


def test_codes_are_found_also_where_conditions_join_from_left_to_right(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    box.syspro.conditions_left_to_right = True
    box.syspro.add_company(Company("EDU2")).add_account("6300-100")
    company.analysis_codes[1] = {"ALPHA": "Project Alpha", "BETA": "Project Beta"}
    company.analysis_codes[2] = {"GAMMA": "Another category"}
    lines = [
        Line(1, "6100-100", 100, {"project": "ALPHA"}), Line(2, "6200-100", 100, {"project": "BETA"}),
        Line(3, "6300-100", 100, {"project": "GAMMA"}), Line(4, "2150-00", -300),
    ]  # fmt: skip
    client = connect(analysis={1: "project"})
    assert codes(client.check([journal("EXP-1", *lines)])[0]) == [
        ("account_missing", "6300-100"), ("dimension_missing", "GAMMA"),
    ]  # fmt: skip


def test_analysis_codes(connect: Connect, company: Company) -> None:
    company.analysis_codes[1] = {"ALPHA": "Project Alpha"}
    company.add_account("6100-100", analysis=[1])
    good = journal("EXP-1", Line(1, "6100-100", 100, {"project": "ALPHA"}), Line(2, "2150-00", -100))
    unknown = journal("EXP-2", Line(1, "6100-100", 100, {"project": "BETA"}), Line(2, "2150-00", -100))
    none = journal("EXP-3", Line(1, "6100-100", 100), Line(2, "2150-00", -100))
    client = connect(analysis={1: "project"})
    assert [codes(verdict) for verdict in client.check([good, unknown])] == [[], [("dimension_missing", "BETA")]]
    (missing,) = client.check([none])
    assert codes(missing) == [("erp_refused", "6100-100")]
    assert "requires analysis" in missing.problems[0].message


def test_closed_future_and_old_periods(connect: Connect, company: Company) -> None:
    company.close_period(2026, 10)
    days = [date(2026, 11, 20), date(2026, 10, 15), date(2026, 12, 1), date(2024, 12, 1)]
    verdicts = connect().check([on(day, journal(f"EXP-{day:%Y%m%d}")) for day in days])
    assert [codes(verdict) for verdict in verdicts] == [
        [], [("period_closed", "2026/10")], [("period_closed", "2026/12")], [("period_closed", "2024/12")],
    ]  # fmt: skip
    assert "is closed" in verdicts[1].problems[0].message
    assert "closed_period: next_open" in verdicts[1].problems[0].fix


def test_a_closed_period_holds_all_its_drafts_and_other_objections_only_theirs(
    connect: Connect, company: Company
) -> None:
    company.close_period(2026, 10)
    october = [on(date(2026, 10, day), journal(f"EXP-{day}")) for day in (1, 2)]
    unbalanced = journal("EXP-3", Line(1, "6100-100", 100))
    verdicts = connect().check([*october, unbalanced, journal("EXP-4")])
    assert [[code for code, _ in codes(verdict)] for verdict in verdicts] == [
        ["period_closed"], ["period_closed"], ["erp_refused"], [],
    ]  # fmt: skip


def test_the_tenants_own_calendar(connect: Connect, company: Company, tmp_path: Path) -> None:
    company.year, company.period = 2027, 2
    calendar = tmp_path / "calendar.csv"
    calendar.write_text(
        "first_day,last_day,year,period,open\n2026-10-01,2026-10-31,2027,1,no\n2026-11-01,2026-11-30,2027,2,yes\n"
    )
    days = [date(2026, 11, 20), date(2026, 10, 31), date(2026, 12, 1)]
    verdicts = connect(fiscal_calendar=str(calendar)).check([on(day, journal(f"EXP-{day:%m%d}")) for day in days])
    assert verdicts[0].draft.details == {"year": 2027, "period": 2}
    assert [codes(verdict) for verdict in verdicts] == [
        [], [("period_closed", "2027/01")], [("period_missing", "2026-12-01")],
    ]  # fmt: skip


def test_the_ledgers_currency(connect: Connect, company: Company) -> None:
    company.currency = "$"
    assert codes(connect().check([journal()])[0]) == [("currency_differs", "USD")]
    assert codes(connect(currency_codes={"USD": "$"}).check([journal()])[0]) == []
    company.currency = ""
    assert codes(connect().check([journal()])[0]) == []


def test_suppliers(connect: Connect, company: Company) -> None:
    company.add_supplier("102", on_hold=True)
    verdicts = {
        supplier: codes(connect(document="ap_invoice", supplier=supplier).check([bill()])[0])
        for supplier in ("0000101", "0000102", "0000999")
    }
    assert verdicts == {
        "0000101": [],
        "0000102": [("supplier_on_hold", "0000102")],
        "0000999": [("supplier_missing", "0000999")],
    }


def test_payables_reach_two_periods_back(connect: Connect, company: Company) -> None:
    client = connect(document="ap_invoice", supplier="0000101")
    days = [date(2026, 11, 1), date(2026, 10, 1), date(2026, 9, 30), date(2026, 8, 31), date(2026, 12, 1)]
    verdicts = client.check([on(day, bill(f"EXP-{day:%m%d}")) for day in days])
    assert [codes(verdict) for verdict in verdicts] == [
        [], [], [], [("period_closed", "2026/08")], [("period_closed", "2026/12")],
    ]  # fmt: skip
    company.ap_closed.add("P")
    verdicts = connect(document="ap_invoice", supplier="0000101").check(
        [on(day, bill(f"EXP-{day:%m%d}")) for day in days[:2]]
    )
    assert [codes(verdict) for verdict in verdicts] == [[], [("period_closed", "2026/10")]]


def test_the_next_open_date(connect: Connect, company: Company) -> None:
    draft = on(date(2026, 8, 15), journal())
    company.closed = {(2026, 8), (2026, 9), (2026, 10)}
    assert connect().next_open_date(draft) == date(2026, 11, 1)
    company.closed = {(2026, 8)}
    assert connect().next_open_date(draft) == date(2026, 9, 1)
    company.closed = {(2026, 8), (2026, 9), (2026, 10), (2026, 11)}
    assert connect().next_open_date(draft) is None
    invoice = on(date(2026, 7, 1), bill())
    assert connect(document="ap_invoice", supplier="0000101").next_open_date(invoice) == date(2026, 9, 1)
    assert connect(document="ap_invoice", supplier="0000101", ap_period="C").next_open_date(invoice) is None
    assert company.journals == []


def test_a_failed_question_is_never_a_problem_of_the_draft(connect: Connect, box: Sandbox) -> None:
    for operation, body in (
        ("Query/Query:COMFND", "ERROR: Table 'GenMaster' not found"),
        ("Query/Query:COMFND", "<GenMaster><RowsReturned>2</RowsReturned></GenMaster>"),
        ("Query/Query:GENQRY", "<LedgerQuery/>"),
        ("Transaction/Post:GENTJL:ValidateOnly", "ERROR: whatever"),
        ("Transaction/Post:GENTJL:ValidateOnly", "<postgljournal"),
    ):
        box.faults.add(Fault("syspro", operation, Replace(body), when="after"))
        with pytest.raises(Retryable):
            connect().check([journal()])
    box.faults.add(Fault("syspro", "Query/Query:COMFND", Status(503, "busy"), times=2))
    with pytest.raises(Retryable):
        connect().check([journal()])
    assert box.faults.pending == []


def test_rights_and_a_server_that_posts_anyway_stop_everything(connect: Connect, box: Sandbox) -> None:
    posted = (
        "<postgljournal><Item><Transaction><Key><GlJournal>7</GlJournal></Key></Transaction></Item></postgljournal>"
    )
    box.faults.add(Fault("syspro", "Transaction/Post:*", Replace(posted), when="after"))
    with pytest.raises(Misconfigured, match="posted EXP-20261120-1 as journal 7"):
        connect().check([journal()])
    box.faults.add(
        Fault("syspro", "Transaction/Post:*", Replace("ERROR: e.net exception raised: 100000"), when="after")
    )
    with pytest.raises(Misconfigured, match="not installed or not licensed"):
        connect().check([journal()])
    box.syspro.add_operator(Operator("ROBOT", PASSWORD, may_post=False))
    with pytest.raises(Misconfigured, match="may not post journals"):
        connect().check([journal()])


def test_nothing_to_check_asks_nothing(connect: Connect, box: Sandbox) -> None:
    assert connect().check([]) == []
    assert box.operations("syspro") == []


def test_an_invoice_that_exists_is_left_to_the_look_up(connect: Connect, company: Company) -> None:
    client = connect(document="ap_invoice", supplier="0000101")
    client.create(bill(), lambda text: None)
    assert codes(client.check([bill()])[0]) == []


def test_the_client_is_an_erp(connect: Connect) -> None:
    def through_the_port(erp: Erp) -> list[Verdict]:
        with erp as opened:
            return opened.check([journal()])

    assert codes(through_the_port(connect())[0]) == []
