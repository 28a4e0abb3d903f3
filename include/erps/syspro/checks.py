"""Checking drafts in bulk before anything is posted: accounts, analysis codes, supplier, currency, periods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice

from include.erps.fiscal_calendar import Period
from include.erps.port import Draft, Problem, Verdict
from include.erps.syspro.documents import analysis_codes
from include.erps.syspro.lookups import Current, Lookups
from include.erps.syspro.periods import Calendar
from include.erps.syspro.refusals import FIXES, Finding
from include.erps.syspro.settings import SysproSettings
from include.errors import Misconfigured

# The payables know their current period and the two before it.
AP_LETTERS = ("C", "P", "B")
_LONGEST_SEARCH = 24


@dataclass(frozen=True)
class Checks:
    """:param validated: what SYSPRO objects to in a draft, without posting it."""

    settings: SysproSettings
    lookups: Lookups
    calendar: Calendar
    validated: Callable[[Draft], list[Finding]]

    def verdicts(self, drafts: Sequence[Draft]) -> list[Verdict]:
        """One verdict per draft, in order, with ``details`` ``year`` and ``period``; see :meth:`SysproErp.check`."""
        found: list[list[Problem]] = [[] for _ in drafts]
        good_account = self._check_codes(drafts, found)
        self._check_supplier(drafts, found)
        periods = [self.calendar.period_of(draft.posting_date) for draft in drafts]
        current = self.lookups.current(good_account) if good_account else None
        settled: list[Draft] = []
        for draft, period, problems in zip(drafts, periods, found, strict=True):
            problems += self._date_problems(draft, period, current)
            if current is not None:
                problems += self._currency_problems(draft, current)
            details = {"year": period.year, "period": period.number} if period else {}
            settled.append(replace(draft, details={**draft.details, **details}))
        self._try_periods(settled, periods, found)
        return [Verdict(draft, tuple(dict.fromkeys(problems))) for draft, problems in zip(settled, found, strict=True)]

    def next_open_date(self, draft: Draft, account: str) -> date | None:
        """See :meth:`SysproErp.next_open_date`; ``account`` is any account that exists."""
        if draft.kind == "bill" and self.settings.ap_period != "auto":
            return None
        current = self.lookups.current(account)
        for period in islice(self.calendar.after(draft.posting_date), _LONGEST_SEARCH):
            moved = replace(
                draft,
                posting_date=period.first_day,
                details={**draft.details, "year": period.year, "period": period.number},
            )
            back = self.calendar.steps_back((current.year, current.period), period)
            if back is not None and back < 0:
                return None
            if self._date_problems(moved, period, current):
                continue
            kinds = [self.settings.refusals.error_class(finding) for finding in self.validated(moved)]
            if not kinds:
                return period.first_day
            if "period" not in kinds:
                return None
        return None

    def _check_codes(self, drafts: Sequence[Draft], found: list[list[Problem]]) -> str | None:
        """Accounts and analysis codes of all lines; returns an account that exists."""
        codes = sorted({line.account for draft in drafts for line in draft.sent_lines})
        accounts = self.lookups.accounts(codes)
        wanted: dict[int, set[str]] = defaultdict(set)
        for draft in drafts:
            for line in draft.sent_lines:
                for category, code in analysis_codes(line, self.settings).items():
                    wanted[category].add(code)
        known = {category: self.lookups.analysis(category, sorted(values)) for category, values in wanted.items()}
        for draft, problems in zip(drafts, found, strict=True):
            for line in draft.sent_lines:
                account = accounts.get(line.account)
                if account is None:
                    problems.append(_missing(line.account))
                elif account.on_hold:
                    problems.append(_on_hold(line.account))
                elif account.control:
                    problems.append(_control(line.account))
                for category, code in analysis_codes(line, self.settings).items():
                    if code not in known[category]:
                        problems.append(_no_analysis(category, self.settings.analysis[category], code))
        return next((code for code in codes if code in accounts), None)

    def _check_supplier(self, drafts: Sequence[Draft], found: list[list[Problem]]) -> None:
        supplier = self.settings.supplier
        bills = [problems for draft, problems in zip(drafts, found, strict=True) if draft.kind == "bill"]
        if not bills or not supplier:
            return
        on_hold = self.lookups.supplier_on_hold(supplier)
        if on_hold is False:
            return
        problem = (
            Problem(
                "supplier_missing",
                supplier,
                f"SYSPRO has no supplier {supplier}",
                "correct erp.supplier in the tenant file (numeric codes carry leading zeros), or add the supplier in SYSPRO",
            )
            if on_hold is None
            else Problem(
                "supplier_on_hold", supplier, f"The supplier {supplier} is on hold in SYSPRO", "release it in SYSPRO"
            )
        )
        for problems in bills:
            problems.append(problem)

    def _date_problems(self, draft: Draft, period: Period | None, current: Current | None) -> list[Problem]:
        if period is None:
            return [
                Problem(
                    "period_missing",
                    draft.posting_date.isoformat(),
                    f"The fiscal calendar has no period for {draft.posting_date}",
                    "add it to the CSV that erp.fiscal_calendar names",
                )
            ]
        if not period.open:
            return [_closed(period, draft, "the fiscal calendar of the tenant says so")]
        if draft.kind == "bill" and current is not None and self.settings.ap_period == "auto":
            back = self.calendar.steps_back((current.year, current.period), period)
            if back is None:
                return [
                    Problem(
                        "period_missing",
                        f"{current.year}/{current.period:02d}",
                        f"SYSPRO's current period {current.year}/{current.period:02d} is not in the fiscal calendar",
                        "set erp.fiscal_calendar in the tenant file to a CSV that has it",
                    )
                ]
            if not 0 <= back < len(AP_LETTERS):
                reach = f"payables post to SYSPRO's current period {current.year}/{current.period:02d} and the two before it"
                return [_closed(period, draft, reach)]
        return []

    def _currency_problems(self, draft: Draft, current: Current) -> list[Problem]:
        named = self.settings.currency_codes.get(draft.currency, draft.currency)
        if not current.currency or current.currency.upper() == named.upper():
            return []
        return [
            Problem(
                "currency_differs",
                draft.currency,
                f"The journal is in {draft.currency}, SYSPRO's ledger in {current.currency}",
                "correct posting.currency in the tenant file, or say in erp.currency_codes how SYSPRO names this currency",
            )
        ]

    def _try_periods(
        self, drafts: Sequence[Draft], periods: Sequence[Period | None], found: list[list[Problem]]
    ) -> None:
        """Validate one good draft per period and kind: SYSPRO has no list of open periods."""
        groups: dict[tuple[str, Period], list[int]] = defaultdict(list)
        for at, (draft, period) in enumerate(zip(drafts, periods, strict=True)):
            if period is not None:
                groups[draft.kind, period].append(at)
        for (_, period), members in groups.items():
            # The shortest first: it is the cheapest to send. Our own rules have to be met, else it cannot be sent at all.
            good = [at for at in members if not found[at] and not self.settings.problems(drafts[at])]
            for at in sorted(good, key=lambda at: len(drafts[at].lines)):
                known = self.settings.refusals
                # An invoice that exists is no fault of the draft: the look-up before posting tells whose it is.
                objections = [one for one in self.validated(drafts[at]) if known.error_class(one) != "exists"]
                kinds = [known.error_class(finding) for finding in objections]
                if "config" in kinds:
                    raise Misconfigured(f"SYSPRO: {objections[kinds.index('config')]}. What to do: {FIXES['config']}")
                if "period" in kinds or "future" in kinds:
                    said = next(
                        str(one) for one, kind in zip(objections, kinds, strict=True) if kind in ("period", "future")
                    )
                    for member in members:
                        found[member].append(_closed(period, drafts[member], said))
                    break
                found[at] += self._objections(objections)
                if not objections:
                    break

    def _objections(self, objections: Iterable[Finding]) -> list[Problem]:
        known = self.settings.refusals
        return [
            Problem(
                "erp_refused",
                finding.value or finding.number,
                f"SYSPRO: {finding}",
                FIXES[known.error_class(finding)],
            )
            for finding in objections
        ]


def _missing(code: str) -> Problem:
    return Problem(
        "account_missing",
        code,
        f"SYSPRO has no GL code {code}",
        "correct mapping.gl_account, a dimension's values or erp.account in the tenant file, or add the code in SYSPRO's GL "
        "code maintenance",
    )


def _on_hold(code: str) -> Problem:
    return Problem(
        "account_on_hold",
        code,
        f"The GL code {code} is on hold in SYSPRO",
        "release it in SYSPRO's GL code maintenance, or map to another code in the tenant file",
    )


def _control(code: str) -> Problem:
    return Problem(
        "account_is_control",
        code,
        f"The GL code {code} is a control account; only SYSPRO's own modules post to it",
        "map to another code in the tenant file (mapping.gl_account or posting.credit)",
    )


def _no_analysis(category: int, dimension: str, code: str) -> Problem:
    return Problem(
        "dimension_missing",
        code,
        f"SYSPRO has no analysis code {code} in category {category} ({dimension})",
        f"correct mapping.dimensions.{dimension} in the tenant file, or add the code in SYSPRO",
    )


def _closed(period: Period, draft: Draft, why: str) -> Problem:
    return Problem(
        "period_closed",
        str(period),
        f"The period {period} of {draft.posting_date} does not take postings: {why}",
        "open the period in SYSPRO, or set posting.closed_period: next_open in the tenant file",
    )
