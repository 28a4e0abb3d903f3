"""The text that a dry run leaves in the log."""

from __future__ import annotations

from typing import Any

from include.accounting.preview import preview_table


def row(key: str, account: str, cents: int, reasons: tuple[str, ...] = (), **dimensions: str) -> dict[str, Any]:
    return {
        "key": key,
        "account": account,
        "dimensions": dimensions,
        "amount": cents,
        "currency": "USD",
        "posting_date": "2026-11-03",
        "reasons": list(reasons),
    }


ROWS = [
    row("20261103-1", "6100", 125_040, cost_center="P1"),
    row("20261103-1", "2150-00", -125_040),
    row("20261104-1", "6100", 1_000, ("Category 'Gifts' has no account",), cost_center="P1"),
    row("20261104-1", "6100", 500, ("Category 'Gifts' has no account",), cost_center="P2"),
    row("20261104-1", "2150-00", -1_500, ("Category 'Gifts' has no account",)),
]


def lines_of(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines()]


def test_every_line_is_listed_with_its_journal_account_dimensions_and_amount() -> None:
    lines = lines_of(preview_table(ROWS))
    assert lines[0] == ["journal", "account", "dimensions", "amount"]
    assert lines[1] == ["20261103-1", "6100", "cost_center", "P1", "1,250.40", "USD"]
    assert lines[5] == ["20261104-1", "2150-00", "-15.00", "USD"]


def test_totals_by_account_and_dimensions_are_over_all_journals() -> None:
    text = preview_table(ROWS).partition("By account:\n")[2]
    assert lines_of(text)[1:4] == [
        ["2150-00", "-1,265.40", "USD"],
        ["6100", "cost_center", "P1", "1,260.40", "USD"],
        ["6100", "cost_center", "P2", "5.00", "USD"],
    ]


def test_amounts_in_two_currencies_are_never_added_up() -> None:
    rows = [row("1", "6100", 100), {**row("2", "6100", 250), "currency": "CAD"}]
    text = preview_table(rows).partition("By account:\n")[2]
    assert lines_of(text)[1:] == [["6100", "2.50", "CAD"], ["6100", "1.00", "USD"]]


def test_cents_beyond_what_a_machine_integer_holds_are_exact() -> None:
    rows = [row(str(number), "6100", 9_223_372_036_854_775_807) for number in range(3)]
    assert "276,701,161,105,643,274.21 USD" in preview_table(rows)


def test_why_a_journal_would_be_held_is_said_once() -> None:
    assert preview_table(ROWS).count("20261104-1 would be held: Category 'Gifts' has no account") == 1


def test_nothing_to_post_is_said() -> None:
    assert preview_table([]) == "nothing to post"
