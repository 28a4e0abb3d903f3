from dataclasses import replace
from typing import Any

import pytest

from include.accounting.checks import control_total, effective_cents, report_reasons
from include.erps.port import ErpSettings
from include.settings.tenant import Tenant
from tests.include.accounting.conftest import expense, report, tenant_with


@pytest.mark.parametrize(
    ("original", "modified", "converted", "currency", "expected"),
    [
        (1000, None, None, "USD", 1000),
        (1000, 1200, None, "USD", 1200),
        (1000, 0, None, "USD", 1000),
        (1000, 0, 0, "USD", 1000),
        (1000, 1200, 900, "USD", 900),
        (1000, None, 1080, "EUR", 1080),
        (1000, 1100, 1188, "EUR", 1188),
        (-1000, None, -1080, "EUR", -1080),
        (1000, None, None, "EUR", None),
        (1000, None, 0, "EUR", None),
        (0, None, None, "EUR", 0),
        (0, 0, 0, "EUR", 0),
        (None, None, None, "USD", None),
        (None, 500, None, "USD", 500),
        (-700, None, None, "USD", -700),
        (1000, None, None, None, None),
        (None, None, 1080, None, 1080),
    ],
)
def test_the_effective_amount(
    original: int | None, modified: int | None, converted: int | None, currency: str | None, expected: int | None
) -> None:
    assert effective_cents(original, modified, converted, currency, "USD") == expected


def test_without_a_report_currency_nothing_is_guessed() -> None:
    assert effective_cents(1000, None, None, None, None) is None


def codes(facts: Any, tenant: Tenant) -> list[str]:
    return [reason.code for reason in report_reasons(facts, tenant)]


def test_a_good_report_has_no_reasons(tenant: Tenant) -> None:
    assert report_reasons(report(expense("T1", 12_540), expense("T2", -40)), tenant) == []


@pytest.mark.parametrize(("off", "held"), [(0, False), (1, True), (-1, True)])
def test_without_conversion_the_total_agrees_to_the_cent(tenant: Tenant, off: int, held: bool) -> None:
    facts = report(expense("T1", 1000), expense("T2", 500), total_cents=1500 + off)
    assert codes(facts, tenant) == (["control_total"] if held else [])


@pytest.mark.parametrize(("off", "held"), [(2, False), (-2, False), (3, True), (-3, True)])
def test_each_converted_line_may_round_by_a_cent(tenant: Tenant, off: int, held: bool) -> None:
    lines = [expense(f"T{at}", 1000, currency="EUR") for at in (1, 2)]
    assert codes(report(*lines, expense("T3", 7), total_cents=2007 + off), tenant) == (
        ["control_total"] if held else []
    )


def test_a_missing_total_is_held_only_when_there_is_something_to_check(tenant: Tenant) -> None:
    assert codes(report(expense("T1", 1000), total_cents=None), tenant) == ["control_total"]
    assert codes(report(total_cents=None), tenant) == []
    assert codes(report(total_cents=5), tenant) == ["control_total"]


def test_warn_lets_a_differing_total_pass_and_still_tells_it() -> None:
    facts = report(expense("T1", 1000), total_cents=999)
    assert codes(facts, tenant_with(expensify__control_total="warn")) == []
    (reason,) = control_total(facts)
    assert reason.message == "The expenses add up to 10.00, the report says 9.99"


def test_an_unknown_amount_says_which_expense_and_what_to_do(tenant: Tenant) -> None:
    facts = report(expense("T1", None, original_cents=100_000, currency="EUR"), total_cents=108_000)
    (reason,) = report_reasons(facts, tenant)
    assert reason.text() == (
        "Expense T1 is 1,000.00 EUR and Expensify gives no converted amount (report R1, 1,080.00 USD). Save the expense in "
        "Expensify with an amount in USD, approve again, then clear this task"
    )


def test_a_fraction_of_a_yen_is_held() -> None:
    tenant = tenant_with(posting__currency="JPY")
    good = report(expense("T1", 150_000, currency="JPY"), currency="JPY")
    bad = report(expense("T1", 150_050, currency="JPY"), currency="JPY")
    assert codes(good, tenant) == []
    assert codes(bad, tenant) == ["fraction_not_allowed"]


def test_another_currency_than_the_ledgers_is_held(tenant: Tenant) -> None:
    assert codes(report(currency="EUR"), tenant) == ["currency_not_posted"]
    assert codes(report(currency=None), tenant) == ["currency_not_posted"]


def test_an_erp_that_takes_foreign_currency_still_needs_one(tenant: Tenant) -> None:
    class Foreign(type(tenant.erp)):  # type: ignore[misc]
        takes_foreign_currency = True

    erp: ErpSettings = Foreign.model_construct(**dict(tenant.erp))
    foreign = tenant.model_copy(update={"erp": erp})
    assert codes(report(currency="EUR"), foreign) == []
    assert codes(report(currency=None), foreign) == ["currency_not_posted"]


def test_every_defect_and_a_missing_day_are_told_at_once(tenant: Tenant) -> None:
    facts = replace(report(defects=("total 'x' is not a number",)), approved_day=None)
    reasons = report_reasons(facts, tenant)
    assert [reason.code for reason in reasons] == ["unreadable", "no_approval_date"]
    for reason in reasons:
        assert reason.report_id == "R1"
        assert "Expensify" in reason.fix
