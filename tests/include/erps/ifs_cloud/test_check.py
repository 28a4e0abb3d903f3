from collections.abc import Callable
from datetime import date

import pytest

from include.erps.ifs_cloud.client import IfsCloudErp
from include.erps.port import Line, Problem
from include.errors import Misconfigured, Retryable
from include.sandbox.faults import Fault, Status
from include.sandbox.ifs_cloud import Company, IfsCloud, Period
from include.sandbox.server import Sandbox
from tests.include.erps.ifs_cloud.conftest import DAY, journal

Connect = Callable[..., IfsCloudErp]


def problems(client: IfsCloudErp, *drafts: object) -> list[list[tuple[str, str]]]:
    found = client.check(list(drafts) or [journal()])  # type: ignore[arg-type]
    return [[(problem.code, problem.subject) for problem in verdict.problems] for verdict in found]


def test_a_good_journal_has_no_problems(connect: Connect, company: Company) -> None:
    (verdict,) = connect().check([journal()])
    assert verdict.problems == ()
    assert verdict.draft == journal(details={"reference_serie": "EXPENSIFY"})


def test_many_drafts_take_few_questions(connect: Connect, box: Sandbox, company: Company) -> None:
    drafts = [journal(f"R{number}") for number in range(40)]
    assert problems(connect(), *drafts) == [[]] * 40
    # Parts A, B and C once each.
    assert sorted(box.operations("ifs_cloud")) == [
        "Accounts", "CodePartValues", "CodePartValues", "CodePartValues", "Company", "HoldRows", "LedgerRows", "Periods",
        "Template", "Token",
    ]  # fmt: skip


def test_no_drafts_ask_nothing(connect: Connect, box: Sandbox, company: Company) -> None:
    assert connect().check([]) == []
    assert box.operations("ifs_cloud") == []


def test_missing_values_are_named_by_their_draft(connect: Connect, company: Company) -> None:
    strange = journal("R2", Line(1, "4999", 100, {"cost_center": "999", "project": "P9"}), Line(2, "2410", -100))
    assert problems(connect(), journal(), strange) == [
        [],
        [("account_missing", "4999"), ("dimension_missing", "999"), ("dimension_missing", "P9")],
    ]


def test_a_problem_reads_well(connect: Connect, company: Company) -> None:
    del company.codes["B", "100"]
    (verdict,) = connect().check([journal()])
    assert verdict.problems == (
        Problem(
            "dimension_missing",
            "100",
            "IFS has no cost_center (code part B) 100",
            "add it to code part B in IFS, or map to another value in the tenant file (mapping or posting.credit)",
        ),
    )


@pytest.mark.parametrize(
    ("valid_from", "valid_until", "expected"),
    [
        (None, None, []),
        (DAY, DAY, []),
        (date(2026, 11, 21), None, [("dimension_not_yet_valid", "100")]),
        (None, date(2026, 11, 19), [("dimension_expired", "100")]),
    ],
    ids=["no-limit", "that-day-only", "begins-later", "ended-before"],
)
def test_validity_is_measured_on_the_voucher_date(
    connect: Connect,
    company: Company,
    valid_from: date | None,
    valid_until: date | None,
    expected: list[tuple[str, str]],
) -> None:
    company.codes["B", "100"].valid_from, company.codes["B", "100"].valid_until = valid_from, valid_until
    assert problems(connect()) == [expected]


def test_validity_is_measured_on_each_drafts_own_date(connect: Connect, company: Company) -> None:
    company.codes["A", "4010"].valid_until = date(2026, 11, 20)
    later = journal("R2", posting_date=date(2026, 11, 21))
    assert problems(connect(), journal(), later) == [[], [("account_expired", "4010")]]


def test_blocked_and_budget_values(connect: Connect, company: Company) -> None:
    company.codes["B", "100"].blocked = True
    company.codes["C", "P1001"].blocked = False
    company.codes["A", "2410"].budget = True
    assert problems(connect()) == [[("dimension_on_hold", "100"), ("account_budget_only", "2410")]]


def test_an_account_demands_and_refuses_code_parts(connect: Connect, company: Company) -> None:
    dimensions = {"cost_center": "100"}
    draft = journal("R1", Line(1, "4010", 100), Line(2, "2410", -100, dimensions))
    assert problems(connect(), draft) == [[("dimension_required", "4010"), ("dimension_not_allowed", "2410")]]
    assert problems(connect(check_accounts=False), draft) == [[]]


def test_a_code_part_value_that_is_no_account(connect: Connect, company: Company) -> None:
    del company.accounts["4010"]
    assert problems(connect()) == [[("account_missing", "4010")]]


def test_periods(connect: Connect, company: Company) -> None:
    drafts = [
        journal("R1", posting_date=date(2026, 9, 30)),
        journal("R2", posting_date=date(2026, 10, 1)),
        journal("R3", posting_date=date(2027, 1, 1)),
    ]
    assert problems(connect(), *drafts) == [
        [("period_closed", "2026/09")],
        [],
        [("period_missing", "2027-01-01")],
    ]


def test_a_day_of_a_closed_and_an_open_period_is_open(connect: Connect, company: Company) -> None:
    company.periods.append(Period(2026, 13, date(2026, 11, 20), date(2026, 11, 20), open=False))
    assert problems(connect()) == [[]]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 3, 15), date(2026, 10, 1)),
        (date(2026, 10, 1), date(2026, 10, 2)),
        (date(2026, 12, 31), None),
    ],
    ids=["first-day-of-the-next-open", "the-next-day", "none"],
)
def test_the_next_open_date(connect: Connect, company: Company, day: date, expected: date | None) -> None:
    assert connect().next_open_date(journal(posting_date=day)) == expected


def test_the_companys_currency_is_compared(connect: Connect, company: Company) -> None:
    company.currency = "EUR"
    assert problems(connect()) == [[("currency_differs", "USD")]]


def test_a_missing_company_right_does_not_read_as_missing_dimensions(
    connect: Connect, ifs: IfsCloud, company: Company
) -> None:
    ifs.tokens.clients["expensify"].companies.clear()
    with pytest.raises(Misconfigured, match="company '10'"):
        connect().check([journal()])


def test_an_unknown_voucher_type_and_a_missing_user_group(connect: Connect, company: Company) -> None:
    with pytest.raises(Misconfigured, match=r"erp\.voucher_type"):
        connect(voucher_type="X").check([journal()])
    company.user_group = ""
    with pytest.raises(Misconfigured, match=r"erp\.user_group"):
        connect().check([journal()])
    assert problems(connect(user_group="AC")) == [[]]


@pytest.mark.parametrize("gone", ["VoucherRowsAnalysis", "GlVoucherRowsAnalysis"])
def test_a_view_of_vouchers_that_is_not_there_shows_before_anything_is_posted(
    connect: Connect, ifs: IfsCloud, company: Company, gone: str
) -> None:
    ifs.gone.add(gone)
    with pytest.raises(Misconfigured, match=r"erp\.projections"):
        connect().check([journal()])


def test_a_projection_without_a_grant_names_what_to_do(connect: Connect, ifs: IfsCloud, company: Company) -> None:
    ifs.tokens.clients["expensify"].refused.add("AccountsHandling")
    with pytest.raises(Misconfigured, match="permission set"):
        connect().check([journal()])


def test_a_question_without_an_answer_is_no_problem_of_the_draft(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    box.faults.add(Fault("ifs_cloud", "CodePartValues", Status(503), times=99))
    with pytest.raises(Retryable):
        connect(query_attempts=2).check([journal()])


def test_code_parts_with_a_set_per_letter(connect: Connect, box: Sandbox, company: Company) -> None:
    strange = journal("R2", Line(1, "4010", 100, {"cost_center": "999"}), Line(2, "2410", -100))
    client = connect(code_part_style="per_letter")
    assert problems(client, journal(), strange) == [[], [("dimension_missing", "999")]]
    assert any("Reference_CodeB" in call.text for call in box.calls)
    assert not any("CodePartValueSet" in call.text for call in box.calls)


def test_values_with_syntax_in_them_are_asked_for_in_chunks(connect: Connect, box: Sandbox, company: Company) -> None:
    values = [f"O'H+{number} & é/%" for number in range(7)]
    for value in values:
        company.add_code("B", value)
    lines = [Line(number, "4020", 100, {"cost_center": value}) for number, value in enumerate(values, start=1)]
    draft = journal("R1", *lines, Line(8, "2410", -700))
    assert problems(connect(lookup_chunk=3), draft) == [[]]
    asked = [call for call in box.calls if "CodePart eq 'B'" in call.text]
    assert len(asked) == 3
