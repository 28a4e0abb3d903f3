"""One change, or the reason why there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Action = Literal["add", "change", "remove", "skip", "keep"]
Kind = Literal["employee", "category", "tag", "erp_employee", "erp_cost_center"]

_WORDS: Mapping[Kind, str] = {
    "employee": "employee",
    "category": "category",
    "tag": "tag",
    "erp_employee": "employee in the ERP",
    "erp_cost_center": "cost center in the ERP",
}
_SHOWN_PER_GROUP = 100


@dataclass(frozen=True)
class Change:
    """What happens to ``subject`` (an e-mail or employee ID, a category, a tag, a cost center's code), and why.

    ``policy_id`` is the policy that is changed or, for what goes into the ERP, the one it comes from. ``skip``: it should have
    been changed and cannot be; ``keep``: it would be removed if the tenant allowed it. ``record`` is what is sent.
    """

    kind: Kind
    action: Action
    policy_id: str
    subject: str
    reason: str
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def is_sent(self) -> bool:
        """Whether it changes something in Expensify or in the ERP."""
        return self.action in ("add", "change", "remove")

    def text(self) -> str:
        """One line for a log."""
        return f"{self.action} {_WORDS[self.kind]} {self.subject} (policy {self.policy_id}): {self.reason}"


def counted(changes: Iterable[Change]) -> dict[str, int]:
    """How many changes there are by kind and action (``employee add``). Holds no personal data."""
    numbers = Counter(f"{change.kind} {change.action}" for change in changes)
    return dict(sorted(numbers.items()))


def report(changes: Sequence[Change], *, dry_run: bool) -> list[str]:
    """The difference for a log, as lines: first what it comes to, then what needs a person, then the rest."""
    if not changes:
        return ["No difference: nothing to do."]
    sent, skipped, kept = (
        [change for change in changes if change.action in actions]
        for actions in (("add", "change", "remove"), ("skip",), ("keep",))
    )
    groups = (
        ("cannot be sent; correct what each line says", skipped),
        ("would be sent (dry run: nothing is)" if dry_run else "are sent now", sent),
        ("stay although the ERP does not have them", kept),
    )
    lines = ["; ".join(f"{len(group)} {title}" for title, group in groups if group) + "."]
    for title, group in groups:
        if group:
            lines.append(f"--- {len(group)} {title}:")
            lines += [change.text() for change in group[:_SHOWN_PER_GROUP]]
            if len(group) > _SHOWN_PER_GROUP:
                rest = len(group) - _SHOWN_PER_GROUP
                lines.append(f"... and {rest} more: the ledger's table reference_change has all of this run")
    return lines
