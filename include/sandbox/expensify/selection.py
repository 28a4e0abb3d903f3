"""Which reports a `file` job exports: its argument checks and its filters.

The filters read as Expensify documents them, inverted names and all: `markedAsExported` drops labelled
reports, `approvedAfter` is exclusive and by day and touches approved reports only, `startDate` and `endDate`
are inclusive and look at the later one of created and submitted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date

from include.sandbox.expensify.state import JsonObject, Refusal

__all__ = ["Selection", "comma_list", "read_selection", "state_of"]

_STATES = {
    "open": "OPEN",
    "processing": "SUBMITTED",
    "submitted": "SUBMITTED",
    "approved": "APPROVED",
    "reimbursed": "REIMBURSED",
    "closed": "ARCHIVED",
    "archived": "ARCHIVED",
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# At least one of these must be given; the policy list and the label only narrow.
_SUFFICIENT = ("reportIDList", "startDate", "approvedAfter")


@dataclass(frozen=True)
class Selection:
    """The checked filters of one job. None means: not given."""

    states: frozenset[str] | None
    limit: int | None
    report_ids: frozenset[str] | None
    policy_ids: frozenset[str] | None
    start: date | None
    end: date | None
    approved_after: date | None
    unmarked: str | None
    account: str | None

    def pick(self, reports: Iterable[JsonObject], labels: Mapping[str, AbstractSet[str]]) -> list[JsonObject]:
        """The reports that pass, cut to the limit, in an order that means nothing but is stable."""
        passing = [report for report in reports if self._passes(report, labels)]
        passing.sort(key=lambda report: hashlib.sha256(str(report["reportID"]).encode()).hexdigest())
        return passing[: self.limit]

    def _passes(self, report: JsonObject, labels: Mapping[str, AbstractSet[str]]) -> bool:
        identity = str(report["reportID"])
        state = state_of(report)
        later = max(filter(None, (_day(report.get("created")), _day(report.get("submitted")))), default=None)
        approved = _day(report.get("approved"))
        return not (
            (self.states is not None and state not in self.states)
            or (self.report_ids is not None and identity not in self.report_ids)
            or (self.policy_ids is not None and report.get("policyID") not in self.policy_ids)
            or (self.start is not None and later is not None and later < self.start)
            or (self.end is not None and later is not None and later > self.end)
            or (self.approved_after is not None and approved is not None and approved <= self.approved_after)
            or (self.unmarked is not None and self.unmarked in labels.get(identity, frozenset()))
            or (self.account is not None and (report.get("accountEmail") != self.account or state == "OPEN"))
        )


def read_selection(settings: JsonObject, today: date) -> Selection:
    """Check `inputSettings` of a `file` job.

    `today` is the server's day, for the rule that a start more than a year ago needs an end.
    """
    filters = settings.get("filters", {})
    if not isinstance(filters, dict):
        raise Refusal(410, "'filters' must be an object")
    if not any(_text(filters, key) for key in _SUFFICIENT):
        raise Refusal(410, f"At least one of {', '.join(_SUFFICIENT)} must be specified in 'filters'")
    start, end, after = (_date(filters, key) for key in ("startDate", "endDate", "approvedAfter"))
    for name, begin in (("startDate", start), ("approvedAfter", after)):
        if begin is None:
            continue
        if end is None and begin < _years_later(today, -1):
            raise Refusal(410, f"'endDate' is required when '{name}' is more than one year ago")
        if end is not None and end > _years_later(begin, 1):
            raise Refusal(410, f"The window from '{name}' to 'endDate' must not exceed one year")
    return Selection(
        states=_states(_text(settings, "reportState")),
        limit=_limit(settings),
        report_ids=comma_list(_text(filters, "reportIDList")),
        policy_ids=comma_list(_text(filters, "policyIDList")),
        start=start,
        end=end,
        approved_after=after,
        unmarked=_text(filters, "markedAsExported") or None,
        account=_text(settings, "employeeEmail") or None,
    )


def state_of(report: JsonObject) -> str:
    """The enumeration word of a report's status, which carries the name shown in the user interface."""
    status = str(report.get("status", "Open"))
    return _STATES.get(status.lower(), status.upper())


def comma_list(text: str | None) -> frozenset[str] | None:
    """The items of a comma list; blanks are part of an item. None or "" means: not given."""
    return frozenset(text.split(",")) if text else None


def _states(text: str | None) -> frozenset[str] | None:
    states = comma_list(text)
    for state in states or ():
        if state not in _STATES.values():
            raise Refusal(410, f"Status '{state}' is not supported")
    return states


def _limit(settings: JsonObject) -> int | None:
    text = _text(settings, "limit")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise Refusal(410, f"'limit' must be a positive integer, not '{text}'")
    return int(text)


def _text(settings: JsonObject, key: str) -> str | None:
    value = settings.get(key)
    if value is not None and not isinstance(value, str):
        raise Refusal(410, f"'{key}' must be a string")
    return value


def _date(settings: JsonObject, key: str) -> date | None:
    text = _text(settings, key)
    if not text:
        return None
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Refusal(410, f"Malformed date '{text}'. Expected format is yyyy-MM-dd")


def _day(value: object) -> date | None:
    # Reports hold "yyyy-MM-dd", perhaps followed by a time; a date value prints the same way.
    text = str(value or "")[:10]
    return date.fromisoformat(text) if text else None


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return day.replace(year=day.year + years, day=28)
