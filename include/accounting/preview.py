"""What a dry run would post, as rows and as a table for the log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from include.accounting.money import written

if TYPE_CHECKING:
    from include.ledger.derivation import Outcome


def preview_rows(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """One row per line: key, account, dimensions, amount in cents (debit positive), and the journal's reasons if held."""
    return [
        {
            "key": outcome.content.key,
            "account": line.account,
            "dimensions": line.dimensions,
            "amount": line.amount_cents,
            "currency": outcome.content.currency,
            "posting_date": outcome.posting_date.isoformat() if outcome.posting_date else None,
            "reasons": [reason.text() for reason in outcome.reasons],
        }
        for outcome in outcomes
        for line in outcome.derived.lines
    ]


def preview_table(rows: Iterable[dict[str, Any]]) -> str:
    """The rows as text in columns."""
    cells = [("journal", "account", "dimensions", "amount")]
    reasons: dict[str, list[str]] = {}
    for row in rows:
        dimensions = ", ".join(f"{name} {value}" for name, value in row["dimensions"].items())
        cells.append((row["key"], row["account"], dimensions, written(row["amount"], row["currency"])))
        reasons[row["key"]] = row["reasons"]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    table = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in cells]
    notes = [f"{key} would be held: {reason}" for key, listed in reasons.items() for reason in listed]
    return "\n".join([*table, *notes])
