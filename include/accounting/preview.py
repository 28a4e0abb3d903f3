"""What a dry run would post, as rows and as tables for the log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from include.accounting.mapping import UNMAPPED
from include.accounting.money import written

if TYPE_CHECKING:
    from include.ledger.derivation import Outcome


def preview_rows(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """One row per line: key, account, dimensions, amount in cents (debit positive), and the journal's reasons if held.

    A journal that would be held without any line, because another one has its expenses, is one row of nothing.
    """
    return [
        {
            "key": outcome.content.key,
            "account": account,
            "dimensions": dimensions,
            "amount": cents,
            "currency": outcome.content.currency,
            "posting_date": outcome.posting_date.isoformat() if outcome.posting_date else None,
            "reasons": [reason.text() for reason in outcome.reasons],
        }
        for outcome in outcomes
        for account, dimensions, cents in _shown(outcome)
    ]


def _shown(outcome: Outcome) -> list[tuple[str, dict[str, str], int]]:
    lines = [(line.account, line.dimensions, line.amount_cents) for line in outcome.derived.lines]
    return lines or ([(UNMAPPED, {}, 0)] if outcome.reasons else [])


def preview_table(rows: Iterable[dict[str, Any]]) -> str:
    """The rows as text in columns, what each account gets over all journals, and why journals would be held."""
    # Only a dry run needs it, and loading it takes a task half a second.
    import pandas

    rows = list(rows)
    if not rows:
        return "nothing to post"
    lines = pandas.DataFrame(
        {
            "journal": [row["key"] for row in rows],
            "account": [row["account"] for row in rows],
            "dimensions": [", ".join(f"{name} {value}" for name, value in row["dimensions"].items()) for row in rows],
            "currency": [row["currency"] or "" for row in rows],
            # Python's own integers: cents are never rounded, and never too large.
            "amount": pandas.Series([row["amount"] for row in rows], dtype=object),
        }
    )
    totals = lines.groupby(["account", "dimensions", "currency"], as_index=False)["amount"].sum()
    for table in (lines, totals):
        table["amount"] = [
            written(cents, currency) for cents, currency in zip(table.amount, table.pop("currency"), strict=True)
        ]
    held = {(row["key"], reason): None for row in rows for reason in row["reasons"]}
    notes = [f"{key} would be held: {reason}" for key, reason in held]
    return "\n".join([lines.to_string(index=False), "", "By account:", totals.to_string(index=False), *notes])
