"""One change, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Action = Literal["add", "change", "remove", "skip", "keep"]
Kind = Literal["employee", "category", "tag"]


@dataclass(frozen=True)
class Change:
    """What happens to ``subject`` (an e-mail, a category, a tag) of ``policy_id``, and why.

    ``skip``: it should have been changed and cannot be; ``keep``: it would be removed if the tenant allowed it.
    ``record`` is what is sent to Expensify.
    """

    kind: Kind
    action: Action
    policy_id: str
    subject: str
    reason: str
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def is_sent(self) -> bool:
        """Whether it changes something in Expensify."""
        return self.action in ("add", "change", "remove")

    def text(self) -> str:
        """One line for a log."""
        return f"{self.action} {self.kind} {self.subject} in policy {self.policy_id}: {self.reason}"
