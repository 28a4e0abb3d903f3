import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.accounting.grouping import Booked, DerivedJournal, Grouping, Numbers
from include.accounting.reports import ExpenseFacts
from include.settings.tenant import Tenant
from tests.include.accounting.conftest import expense, tenant_with

Row = tuple[str, str, ExpenseFacts, bool]


class Derivation(NamedTuple):
    journals: dict[str, DerivedJournal]
    numbers: list[Numbers]


AP: dict[str, Any] = {
    "erp": {"type": "syspro", "connection": "s", "pool": "s", "document": "ap_invoice", "supplier": "101",
            "account": "{gl_account}-{cost_center}"},
    "posting__credit__reimbursable": None,
}  # fmt: skip


def of(tenant: Tenant, *facts: ExpenseFacts, key: str = "20261120-1", reimbursed: bool = False) -> Derivation:
    return derived([(key, "R1", one, reimbursed) for one in facts], tenant)


def derived(rows: Sequence[Row], tenant: Tenant) -> Derivation:
    """Journals by key, and the lines of each row's expense."""
    grouping = Grouping(tenant)
    journals, numbers_at = {}, {}
    for key in dict.fromkeys(key for key, *_ in rows):
        places = [at for at, row in enumerate(rows) if row[0] == key]
        booked = [Booked(report_id, paid, [fact]) for _, report_id, fact, paid in (rows[at] for at in places)]
        journals[key], listed = grouping.journal(booked, "USD")
        numbers_at.update(zip(places, (one for (one,) in listed), strict=True))
    return Derivation(journals, [numbers_at[at] for at in range(len(rows))])


def lines(found: Derivation, key: str = "20261120-1") -> list[tuple[int, str, dict[str, str], int]]:
    return [(one.number, one.account, one.dimensions, one.amount_cents) for one in found.journals[key].lines]


def numbers(found: Derivation) -> list[tuple[int | None, int | None]]:
    return [(debit, credit) for debit, credit in found.numbers]


P1, P2 = {"cost_center": "P1"}, {"cost_center": "P2"}


def test_expenses_are_grouped_by_account_and_dimensions() -> None:
    found = of(
        tenant_with(),
        expense("T1", 1000, "Meals", "Plant 1"),
        expense("T2", 2000, "Meals", "Plant 2"),
        expense("T3", 50, "Meals", "Plant 1"),
        expense("T4", 7, "Meals", "Plant 1", "Alpha"),
        expense("T5", 300, "Airfare", "Plant 1"),
    )
    assert lines(found) == [
        (1, "6100-P1", {"cost_center": "P1", "project": "A"}, 7),
        (2, "6100-P1", P1, 1050),
        (3, "6100-P2", P2, 2000),
        (4, "6200-P1", P1, 300),
        (5, "2150-00", {}, -3357),
    ]
    assert numbers(found) == [(2, 5), (3, 5), (2, 5), (1, 5), (4, 5)]
    assert found.journals["20261120-1"].total_debit_cents == 3357


def test_lines_per_expense() -> None:
    found = of(tenant_with(posting__lines="expense"), expense("T2", 1000, merchant="Cab"), expense("T1", -40))
    assert lines(found) == [(1, "6100-P1", P1, -40), (2, "6100-P1", P1, 1000), (3, "2150-00", {}, -960)]
    assert numbers(found) == [(2, 3), (1, 3)]
    assert [one.description for one in found.journals["20261120-1"].lines] == [
        "Meals",
        "Cab, Meals",
        "Payable to employees",
    ]


def test_a_group_that_nets_to_zero_keeps_its_line_and_its_lineage() -> None:
    found = of(tenant_with(), expense("T1", 500), expense("T2", -500), expense("T3", 100, "Airfare"))
    assert lines(found) == [(1, "6100-P1", P1, 0), (2, "6200-P1", P1, 100), (3, "2150-00", {}, -100)]
    assert numbers(found) == [(1, 3), (1, 3), (2, 3)]
    assert not found.journals["20261120-1"].is_empty
    assert of(tenant_with(), expense("T1", 500), expense("T2", -500)).journals["20261120-1"].is_empty


def test_a_refund_turns_the_sides() -> None:
    found = of(tenant_with(), expense("T1", -12_540))
    assert lines(found) == [(1, "6100-P1", P1, -12_540), (2, "2150-00", {}, 12_540)]
    assert found.journals["20261120-1"].total_debit_cents == 12_540


def test_cards_balance_against_their_own_account() -> None:
    card = {"reimbursable": False}
    facts = (
        expense("T1", 100),
        expense("T2", 20, bank="Amex Corp", **card),
        expense("T3", 3, card_name="Amex Corp", **card),
        expense("T4", 4, bank="Chase", **card),
    )
    found = of(tenant_with(), *facts)
    assert lines(found) == [
        (1, "6100-P1", P1, 127), (2, "2150-00", {}, -100), (3, "2160-00", {}, -4), (4, "2161-00", {}, -23),
    ]  # fmt: skip
    assert numbers(found) == [(1, 2), (1, 4), (1, 4), (1, 3)]


def test_excluded_cards_are_in_no_line() -> None:
    tenant = tenant_with(posting__company_card="exclude")
    found = of(tenant, expense("T1", 100), expense("T2", 20, "No such category", reimbursable=False))
    assert lines(found) == [(1, "6100-P1", P1, 100), (2, "2150-00", {}, -100)]
    assert numbers(found)[0] == (1, 2)
    assert numbers(found)[1] == (None, None)
    assert found.journals["20261120-1"].reasons == []
    nothing = of(tenant, expense("T2", 20, reimbursable=False))
    assert nothing.journals["20261120-1"].is_empty
    assert lines(nothing) == []


@pytest.mark.parametrize("per_line", ["group", "expense"])
def test_no_expenses_give_no_journal(per_line: str) -> None:
    assert derived([], tenant_with(posting__lines=per_line)).journals == {}


# --- documents of payables ---


def test_a_bill_balances_against_the_payable_that_the_erp_makes() -> None:
    found = of(tenant_with(**AP), expense("T1", 1000), expense("T2", -100, "Airfare"))
    assert found.journals["20261120-1"].kind == "bill"
    assert lines(found) == [(1, "6100-P1", P1, 1000), (2, "6200-P1", P1, -100), (3, "AP", {}, -900)]


def test_a_negative_payable_is_a_bill_too() -> None:
    found = of(tenant_with(**AP), expense("T1", -1000))
    assert found.journals["20261120-1"].kind == "bill"
    assert lines(found)[-1] == (2, "AP", {}, 1000)


def test_a_payable_of_zero_with_lines_left_is_a_journal() -> None:
    found = of(tenant_with(**AP), expense("T1", 1000), expense("T2", -1000, "Airfare"))
    assert found.journals["20261120-1"].kind == "journal"
    assert lines(found) == [(1, "6100-P1", P1, 1000), (2, "6200-P1", P1, -1000), (3, "AP", {}, 0)]
    assert found.journals["20261120-1"].reasons == []


def test_a_report_that_is_paid_already_is_held_or_a_journal() -> None:
    held = of(tenant_with(**AP), expense("T1", 1000), reimbursed=True).journals["20261120-1"]
    assert (held.kind, [reason.code for reason in held.reasons]) == ("bill", ["already_reimbursed"])
    found = of(tenant_with(**AP, posting__credit__already_reimbursed="1010-00"), expense("T1", 1000), reimbursed=True)
    assert found.journals["20261120-1"].kind == "journal"
    assert lines(found) == [(1, "6100-P1", P1, 1000), (2, "1010-00", {}, -1000)]


def test_only_the_unpaid_part_decides_whether_there_is_a_bill() -> None:
    tenant = tenant_with(**AP, posting__credit__already_reimbursed="1010-00")
    key = "20261120-1"
    # Unpaid 500, paid -500: the day nets to zero, and employees are owed 500 all the same.
    owed = derived([(key, "R1", expense("T1", 500), False), (key, "R2", expense("T2", -500), True)], tenant)
    assert owed.journals[key].kind == "bill"
    assert lines(owed) == [(1, "6100-P1", P1, 0), (2, "1010-00", {}, 500), (3, "AP", {}, -500)]
    # Unpaid nets to zero, paid 300: there is nothing to pay.
    rows = [(key, "R1", expense("T1", 200), False), (key, "R1", expense("T2", -200), False)]
    none = derived([*rows, (key, "R2", expense("T3", 300), True)], tenant)
    assert none.journals[key].kind == "journal"
    assert lines(none) == [(1, "6100-P1", P1, 300), (2, "1010-00", {}, -300), (3, "AP", {}, 0)]


def test_a_journal_of_cards_is_no_bill() -> None:
    found = of(tenant_with(**AP), expense("T1", 1000, reimbursable=False), key="R1-C")
    assert found.journals["R1-C"].kind == "journal"
    assert lines(found, "R1-C") == [(1, "6100-P1", P1, 1000), (2, "2160-00", {}, -1000)]


# --- what holds a journal ---


def texts(found: Derivation) -> list[str]:
    return [reason.text() for reason in found.journals["20261120-1"].reasons]


def test_held_reasons_name_category_tag_report_amount_and_what_to_write_where() -> None:
    found = of(
        tenant_with(),
        expense("T1", 4000, "Gifts"),
        expense("T2", 500, " Gifts "),
        expense("T3", 7, None),
        expense("T4", 60, "Meals", "Plant 9"),
        expense("T5", 80, "Meals", ""),
    )
    assert texts(found) == [
        "An expense has no tag on level 1 (cost center) (report R1, 0.80 USD). Tag it in Expensify, or set "
        "`mapping.dimensions.cost_center.default` in acme.yaml, then clear this task",
        "Tag 'Plant 9' has no cost center (report R1, 0.60 USD). Write it under `mapping.dimensions.cost_center.values` in "
        "acme.yaml, then clear this task",
        "An expense has no category (report R1, 0.07 USD). Give it a category in Expensify, or set "
        "`mapping.gl_account.default` in acme.yaml, then clear this task",
        "Category 'Gifts' has no account (report R1, 45.00 USD). Write it under `mapping.gl_account.values` in acme.yaml, or "
        "give the category a GL code in Expensify, then clear this task",
    ]
    codes = [reason.code for reason in found.journals["20261120-1"].reasons]
    assert codes == ["cost_center_missing", "cost_center_unmapped", "category_missing", "category_unmapped"]


def test_a_card_without_an_account_is_named_or_said_to_have_no_name() -> None:
    tenant = tenant_with(posting__credit__company_card={"by_card": {"Amex Corp": "2161-00"}})
    found = of(tenant, expense("T1", 100, bank="Chase", reimbursable=False), expense("T2", 5, reimbursable=False))
    assert texts(found) == [
        "A company card expense names no card (report R1, 0.05 USD). Set `posting.credit.company_card.default` in acme.yaml, "
        "then clear this task",
        "Company card 'Chase' has no balancing account (report R1, 1.00 USD). Write it under "
        "`posting.credit.company_card.by_card` (or set its `default`) in acme.yaml, then clear this task",
    ]


def test_a_journal_that_is_held_still_has_its_whole_total() -> None:
    found = of(tenant_with(), expense("T1", 4000, "Gifts"), expense("T2", 500))
    assert sum(amount for *_, amount in lines(found)) == 0
    assert found.journals["20261120-1"].total_debit_cents == 4500


# --- properties ---

FACTS = st.builds(
    lambda cents, category, tag, project, own, bank: (cents, category, tag, project, own, bank),
    st.one_of(st.integers(-2000, 2000), st.integers(-(10**12), 10**12)),
    st.sampled_from(["Meals", " Airfare", "Gifts", "", None]),
    st.sampled_from(["Plant 1", "Plant 2", "Plant 9", ""]),
    st.sampled_from(["Alpha", "", "Beta"]),
    st.booleans(),
    st.sampled_from([None, "Amex Corp", "Chase"]),
)
PLACED = st.tuples(st.sampled_from(["K1", "K2"]), st.sampled_from(["R1", "R2", "R3"]), st.booleans(), FACTS)
TENANTS = {
    f"{kind}-{per_line}-{cards}": tenant_with(**changes, posting__lines=per_line, posting__company_card=cards)
    for kind, changes in (
        ("journal", {}),
        ("bill", AP),
        ("paid", {**AP, "posting__credit__already_reimbursed": "1010"}),
    )
    for per_line in ("group", "expense")
    for cards in ("with_reimbursable", "exclude")
}


@settings(max_examples=10, deadline=None)
@given(st.lists(PLACED, max_size=12), st.randoms(use_true_random=False))
@pytest.mark.parametrize("name", TENANTS)
def test_journals_balance_and_every_expense_is_in_its_two_lines(
    name: str, placed: list[tuple[str, str, bool, tuple[Any, ...]]], shuffle: random.Random
) -> None:
    tenant = TENANTS[name]
    rows: list[Row] = [
        (key, report, expense(f"T{at}", cents, category, tag, project, reimbursable=own, bank=bank), paid)
        for at, (key, report, paid, (cents, category, tag, project, own, bank)) in enumerate(placed)
    ]
    found = derived(rows, tenant)
    debits: dict[tuple[str, int], int] = defaultdict(int)
    credits: dict[tuple[str, int], int] = defaultdict(int)
    for (key, _, fact, _), (debit, credit) in zip(rows, numbers(found), strict=True):
        if tenant.company_card == "exclude" and not fact.reimbursable:
            assert (debit, credit) == (None, None)
            continue
        assert debit is not None
        assert credit is not None
        assert fact.amount_cents is not None
        debits[key, debit] += fact.amount_cents
        credits[key, credit] -= fact.amount_cents
    assert set(found.journals) == {key for key, *_ in rows}
    for key, journal in found.journals.items():
        assert [line.number for line in journal.lines] == list(range(1, len(journal.lines) + 1))
        assert sum(line.amount_cents for line in journal.lines) == 0
        for line in journal.lines:
            place = (key, line.number)
            assert (place in debits) != (place in credits)
            assert line.amount_cents == debits.get(place, 0) + credits.get(place, 0)
        # A balancing line that the ERP does not make is never sent to it.
        if journal.kind == "journal":
            assert all(line.amount_cents == 0 for line in journal.lines if line.account == "AP")
    shuffled = list(rows)
    shuffle.shuffle(shuffled)
    again = derived(shuffled, tenant)
    assert {key: journal.lines for key, journal in again.journals.items()} == {
        key: journal.lines for key, journal in found.journals.items()
    }
    assert {key: journal.content_hash() for key, journal in again.journals.items()} == {
        key: journal.content_hash() for key, journal in found.journals.items()
    }
