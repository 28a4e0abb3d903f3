"""What to tell people about a reconciliation that found differences."""

from __future__ import annotations

from collections.abc import Sequence

from include.notices import Open
from include.reconcile.sides import Difference

MOST_TOLD = 10


def message_lines(tenant: str, dag_id: str, run_id: str, differences: Sequence[Difference]) -> list[str]:
    """A headline, then two lines per difference (what, and what to do) for the first ten, then how many more there are.

    For a notification as for the failed task's log. Holds report and journal keys and amounts, and no personal data.
    """
    count = len(differences)
    lines = [f"{tenant}: {count} difference{'s' if count != 1 else ''} between Expensify, the ledger and the ERP"]
    for one in differences[:MOST_TOLD]:
        lines += [f"- {one.message}", f"  What to do: {one.next_step}"]
    if count > MOST_TOLD:
        lines.append(f"... and {count - MOST_TOLD} more")
    lines.append(f"Run {run_id} of {dag_id}; all of them stand on the ledger page")
    return lines


def open_items(differences: Sequence[Difference]) -> tuple[Open, ...]:
    """The differences as a notice lists them: what it is, and what to do."""
    return tuple(Open(one.message, ((one.next_step, ""),)) for one in differences)
