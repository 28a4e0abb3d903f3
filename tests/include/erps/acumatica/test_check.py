from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from include.erps.acumatica.client import AcumaticaErp
from include.erps.port import Draft, Line
from include.errors import LookupFailed, Misconfigured
from include.sandbox.acumatica import Acumatica, Books
from include.sandbox.faults import Fault, Status
from include.sandbox.server import Sandbox
from tests.include.erps.acumatica.conftest import DAY, HO, bill, journal
from tests.include.erps.shared_state import Tokens

Connect = Callable[..., AcumaticaErp]


def without_email(books: Books) -> None:
    books.get("Employee", EmployeeID="EP0001").linked["ContactInfo"].fields["Email"] = None


def codes(client: AcumaticaErp, draft: Draft) -> list[tuple[str, str]]:
    (verdict,) = client.check([draft])
    return [(problem.code, problem.subject) for problem in verdict.problems]


def test_a_good_bill_gets_its_period_and_its_vendor(connect: Connect) -> None:
    (verdict,) = connect().check([bill()])
    assert verdict.problems == ()
    assert verdict.draft.details == {"period": "102026", "vendor": "EMPLOYEES"}


def test_a_good_journal_gets_its_period_and_the_actual_ledger(connect: Connect) -> None:
    (verdict,) = connect(document="journal").check([journal()])
    assert verdict.problems == ()
    assert verdict.draft.details == {"period": "102026", "ledger": "ACTUAL"}


def test_a_hundred_drafts_cost_a_handful_of_requests(connect: Connect, box: Sandbox, books: Books) -> None:
    drafts = []
    for number in range(100):
        books.add_account(f"7{number:04d}")
        drafts.append(bill(f"R{number}", *(Line(n, f"7{number:04d}", 100, HO) for n in range(1, 6))))
    verdicts = connect().check(drafts)
    assert [verdict.draft.key for verdict in verdicts] == [f"R{number}" for number in range(100)]
    assert [verdict.problems for verdict in verdicts] == [()] * 100
    calls = box.operations("acumatica")
    # 100 accounts in filters of at most 40, and of what an address may hold.
    assert calls.count("GET Account") <= 4
    assert len(calls) - calls.count("GET Account") == 6
    assert set(calls) == {
        "endpoints", "token", "GET Ledger", "GET Account", "GET Subaccount", "GET Vendor", "GET FinancialPeriod",
    }  # fmt: skip


def test_a_hundred_drafts_of_one_period_leave_one_note_of_it(connect: Connect, tokens: Tokens) -> None:
    with connect(seen_open=False) as client:
        client.check([bill(f"R{number}") for number in range(100)])
    assert len([name for name in tokens.written if ":open:" in name]) == 1


def test_no_address_is_longer_than_web_servers_take(connect: Connect, box: Sandbox, books: Books) -> None:
    lines = [Line(n, "62000", 100, {"cost_center": f"SUB-{n:025d}"}) for n in range(1, 81)]
    assert len(codes(connect(), bill("R1", *lines))) == 80
    asked = [call for call in box.calls if call.operation == "GET Subaccount"]
    assert len(asked) >= 3
    assert max(len(call.text) for call in asked) < 2048


def test_long_lists_are_read_page_by_page(connect: Connect, box: Sandbox, books: Books) -> None:
    for number in range(7):
        books.add_account(f"7{number:04d}")
    lines = [Line(n + 1, f"7{n:04d}", 100, HO) for n in range(7)]
    assert codes(connect(page_size=3), bill("R1", *lines)) == []
    assert box.operations("acumatica").count("GET Account") == 3


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda b: b.get("Account", AccountCD="62000").fields.update(Active=False), ("account_on_hold", "62000")),
        (lambda b: b.rows.update(Account=[]), ("account_missing", "62000")),
        (lambda b: b.get("Subaccount", SubaccountCD="000000").fields.update(Active=False), ("subaccount_on_hold", "000000")),
        (lambda b: b.rows.update(Subaccount=[]), ("subaccount_missing", "000000")),
        (lambda b: b.set_period("102026"), ("period_closed", "10-2026")),
        (lambda b: b.set_period("102026", "Locked"), ("period_closed", "10-2026")),
        (lambda b: b.set_period("102026", "Inactive"), ("period_closed", "10-2026")),
        (lambda b: b.set_period("102026", payables=True), ("period_closed", "10-2026")),
        (lambda b: b.rows.update(FinancialPeriod=[]), ("period_missing", "2026-10-31")),
        (lambda b: b.get("Vendor", VendorID="EMPLOYEES").fields.update(Status="On Hold"), ("vendor_on_hold", "EMPLOYEES")),
        (lambda b: b.get("Vendor", VendorID="EMPLOYEES").fields.update(Status="Inactive"), ("vendor_inactive", "EMPLOYEES")),
        (lambda b: b.rows.update(Vendor=[]), ("vendor_missing", "EMPLOYEES")),
        (lambda b: b.get("Ledger", LedgerID="ACTUAL").fields.update(Currency="CAD"), ("currency_differs", "USD")),
    ],
    ids=[
        "account inactive", "account missing", "subaccount inactive", "subaccount missing", "closed", "locked", "inactive",
        "closed in payables", "no calendar", "vendor on hold", "vendor inactive", "vendor missing", "currency",
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    connect: Connect, books: Books, spoil: Callable[[Books], object], expected: tuple[str, str]
) -> None:
    spoil(books)
    assert codes(connect(), bill()) == [expected]


def test_a_period_closed_in_payables_alone_takes_journals(connect: Connect, books: Books) -> None:
    books.set_period("102026", payables=True)
    assert codes(connect(document="journal"), journal()) == []


def test_every_day_of_a_period_belongs_to_it(connect: Connect) -> None:
    days = [date(2026, 1, 1), date(2026, 2, 28), date(2026, 12, 31), date(2027, 1, 1)]
    verdicts = connect().check([bill(f"R{n}", posting_date=day) for n, day in enumerate(days)])
    assert [verdict.draft.details["period"] for verdict in verdicts] == ["012026", "022026", "122026", "012027"]


def test_the_next_open_period(connect: Connect, books: Books) -> None:
    for period in ("102026", "112026"):
        books.set_period(period)
    books.set_period("122026", payables=True)
    client = connect()
    assert client.next_open_date(bill()) == date(2027, 1, 1)
    assert client.next_open_date(journal()) == date(2026, 12, 1)
    books.rows["FinancialPeriod"] = [books.get("FinancialPeriod", FinancialYear="2026")]
    assert client.next_open_date(bill()) is None


def test_projects_and_tasks_are_checked(connect: Connect, books: Books) -> None:
    books.add_project("P200", "Done", "Completed", "01")

    def line(number: int, project: str, task: str) -> Line:
        return Line(number, "62000", 100, {**HO, "project": project, "phase": task})

    lines = (line(1, "p100", "01"), line(2, "P100", "99"), line(3, "P200", "01"), line(4, "P300", "01"))
    assert codes(connect(project_task="{phase}"), bill("R1", *lines)) == [
        ("dimension_missing", "P100/99"),
        ("dimension_inactive", "P200"),
        ("dimension_missing", "P300"),
        ("dimension_missing", "P300/01"),
    ]


def test_the_employee_is_found_by_e_mail(connect: Connect) -> None:
    (verdict,) = connect(vendor="employee").check([bill()])
    assert (verdict.problems, verdict.draft.details["vendor"]) == ((), "EP0001")


def test_all_submitters_are_asked_for_at_once(connect: Connect, box: Sandbox, books: Books) -> None:
    drafts = []
    for number in range(30):
        books.add_employee(f"EP1{number:03d}", "", f"p{number}@contoso.example")
        drafts.append(bill(f"R{number}", submitter_email=f"P{number}@Contoso.example"))
    verdicts = connect(vendor="employee").check(drafts)
    assert [verdict.draft.details["vendor"] for verdict in verdicts] == [f"EP1{number:03d}" for number in range(30)]
    assert box.operations("acumatica").count("GET Employee") <= 2


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        (lambda b: b.add_employee("EP0002", "", "DANA@contoso.example"), "employee_ambiguous", "EP0001, EP0002"),
        (lambda b: b.get("Employee", EmployeeID="EP0001").fields.update(Status="Inactive"), "employee_inactive", "EP0001"),
        (without_email, "employee_missing", "dana@"),
        (lambda b: b.rows.update(Employee=[]), "employee_missing", "dana@contoso.example"),
    ],
    ids=["two", "inactive", "without e-mail", "none"],
)  # fmt: skip
def test_nobody_is_paid_by_guess(
    connect: Connect, books: Books, spoil: Callable[[Books], object], code: str, said: str
) -> None:
    spoil(books)
    (verdict,) = connect(vendor="employee").check([bill()])
    (problem,) = verdict.problems
    assert (problem.code, problem.subject) == (code, "dana@contoso.example")
    assert said in problem.message
    assert "mapping.employee.values" in problem.fix
    assert "vendor" not in verdict.draft.details


def test_a_former_employee_with_the_same_e_mail_does_not_matter(connect: Connect, books: Books) -> None:
    books.add_employee("EP0000", "", "dana@contoso.example", "Inactive")
    (verdict,) = connect(vendor="employee").check([bill()])
    assert (verdict.problems, verdict.draft.details["vendor"]) == ((), "EP0001")


def test_the_mapping_of_employees_goes_first(connect: Connect, books: Books) -> None:
    books.add_employee("EP0002", "", "dana@contoso.example")
    client = connect(vendor="employee")
    (verdict,) = client.check([bill(submitter_id="ep0002")])
    assert (verdict.problems, verdict.draft.details["vendor"]) == ((), "EP0002")
    # A person may also be paid as a vendor.
    (verdict,) = client.check([bill(submitter_id="EMPLOYEES")])
    assert verdict.draft.details["vendor"] == "EMPLOYEES"
    assert codes(client, bill(submitter_id="EP9")) == [("vendor_missing", "EP9")]
    books.get("Employee", EmployeeID="EP0002").fields["Status"] = "On Hold"
    assert codes(client, bill(submitter_id="EP0002")) == [("employee_on_hold", "EP0002")]


def test_codes_are_asked_for_as_the_tenant_writes_them(connect: Connect, box: Sandbox, books: Books) -> None:
    books.add_vendor("Team-Travel")
    books.add_account("6Ab")
    draft = bill("R1", Line(1, "6Ab", 100, HO))
    (verdict,) = connect(vendor="team-travel").check([draft])
    assert (verdict.problems, verdict.draft.details["vendor"]) == ((), "Team-Travel")
    asked = {call.operation: call.text for call in box.calls}
    assert "AccountCD eq '6Ab'" in asked["GET Account"]
    assert "VendorID eq 'team-travel'" in asked["GET Vendor"]


def test_a_fixed_vendor_may_be_an_employee(connect: Connect) -> None:
    (verdict,) = connect(vendor="EP0001").check([bill()])
    assert (verdict.problems, verdict.draft.details["vendor"]) == ((), "EP0001")


def test_one_bad_draft_does_not_hold_the_others(connect: Connect) -> None:
    bad = bill("R2", Line(1, "99999", 100, HO))
    verdicts = connect().check([bill("R1"), bad, bill("R3")])
    assert [len(verdict.problems) for verdict in verdicts] == [0, 1, 0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"branch": "NORTH"}, "branch NORTH does not exist.*HQ, WEST.*erp.branch"),
        ({"ledger": "STAT"}, r"no ledger STAT.*ACTUAL \(Actual\), BUDGET \(Budget\)"),
        ({"ledger": "BUDGET", "branch": "WEST"}, r"no ledger BUDGET.*ACTUAL"),
    ],
    ids=["branch", "ledger", "ledger of another branch"],
)
def test_a_wrong_branch_or_ledger_names_those_that_are_there(
    connect: Connect, changes: dict[str, str], said: str
) -> None:
    with pytest.raises(Misconfigured, match=said):
        connect(**changes).check([bill()])


def test_two_actual_ledgers_need_a_choice(connect: Connect, books: Books) -> None:
    books.add_ledger("IFRS", "HQ")
    with pytest.raises(Misconfigured, match="2 actual ledgers"):
        connect().check([bill()])
    (verdict,) = connect(document="journal", ledger="ifrs").check([journal()])
    assert verdict.draft.details["ledger"] == "IFRS"


def test_subaccounts_that_are_switched_off_say_what_to_set(connect: Connect, books: Books) -> None:
    books.preferences.subaccounts = False
    with pytest.raises(Misconfigured, match=r"erp\.subaccount: null"):
        connect().check([bill()])
    assert codes(connect(subaccount=None), bill()) == []


def test_a_list_that_cannot_be_optimised_is_read_one_by_one(connect: Connect, site: Acumatica, box: Sandbox) -> None:
    site.unoptimizable |= {"FinancialPeriod/Details", "Ledger/Branches"}
    assert codes(connect(), bill()) == []
    # Two ledgers and three years, one by one.
    assert box.operations("acumatica").count("GET Ledger") == 4
    assert box.operations("acumatica").count("GET FinancialPeriod") == 5


def test_an_unanswered_question_is_never_a_problem_of_the_draft(connect: Connect, box: Sandbox) -> None:
    box.faults.add(Fault("acumatica", "GET Account", Status(500, "{}"), times=9))
    with pytest.raises(LookupFailed):
        connect().check([bill()])


def test_nothing_to_check_asks_nothing(connect: Connect, box: Sandbox) -> None:
    assert connect().check([]) == []
    assert box.calls == []


def test_a_company_calendar(connect: Connect, books: Books) -> None:
    row = books.put("CompanyFinancialPeriod", Company="EAST", FinancialYear="2026")
    row.details["Details"] = books.get("FinancialPeriod", FinancialYear="2026").details["Details"]
    books.rows["FinancialPeriod"] = []
    (verdict,) = connect(calendar_company="EAST").check([replace(bill(), posting_date=DAY)])
    assert (verdict.problems, verdict.draft.details["period"]) == ((), "102026")
