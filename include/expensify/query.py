"""Which reports to ask Expensify for, checked against its rules before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import get_args

from include.expensify.values import Status

ALL_STATES: tuple[Status, ...] = get_args(Status)
MAX_REPORT_IDS = 500
ONE_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """Which reports to export: either ``report_ids``, or a window of approval days.

    ``approved_after`` is exclusive and by day; ``end_date`` (inclusive) bounds creation and submission, not approval. A window
    needs both, at most 365 days apart. ``policies`` only narrows; empty means all the credentials see. ``exclude_label``
    leaves out reports that already carry that export label.

    :raises ValueError: Expensify would refuse or misread the query.
    """

    states: tuple[str, ...]
    policies: tuple[str, ...] = ()
    approved_after: date | None = None
    end_date: date | None = None
    report_ids: tuple[str, ...] = ()
    exclude_label: str | None = None

    def __post_init__(self) -> None:
        unknown = [state for state in self.states if state not in ALL_STATES]
        if not self.states or unknown:
            # Without a state Expensify exports all of them, unapproved ones included.
            raise ValueError(f"states must be some of {', '.join(ALL_STATES)}; got {', '.join(unknown) or 'none'}")
        if bool(self.report_ids) == (self.approved_after is not None):
            raise ValueError("an export needs either report_ids or approved_after, and not both")
        for value in (*self.policies, *self.report_ids):
            if not value or any(sign == "," or sign.isspace() for sign in value):
                raise ValueError(f"{value!r} is no Expensify ID: blank, or with a comma or space in it")
        if len(self.report_ids) > MAX_REPORT_IDS:
            raise ValueError(f"{len(self.report_ids)} reports in one export; at most {MAX_REPORT_IDS}")
        if self.exclude_label is not None and not self.exclude_label.strip():
            raise ValueError("an empty export label")
        if self.approved_after is None:
            if self.end_date is not None:
                raise ValueError("end_date goes with approved_after only")
        elif self.end_date is None:
            raise ValueError(
                "approved_after needs an end_date: Expensify requires one for windows that began a year ago"
            )
        elif not self.approved_after < self.end_date <= self.approved_after + ONE_YEAR:
            raise ValueError(f"the window {self.approved_after} to {self.end_date} is not between 1 and 365 days long")

    @property
    def filters(self) -> dict[str, str]:
        """The query as Expensify's ``filters`` object."""
        found = {
            "reportIDList": ",".join(self.report_ids),
            "approvedAfter": self.approved_after.isoformat() if self.approved_after else "",
            "endDate": self.end_date.isoformat() if self.end_date else "",
            "policyIDList": ",".join(self.policies),
            "markedAsExported": self.exclude_label or "",
        }
        return {name: value for name, value in found.items() if value}

    def __str__(self) -> str:
        if self.report_ids:
            return f"{len(self.report_ids)} reports by ID"
        return f"reports approved after {self.approved_after}"
