"""Checking drafts in bulk before anything is posted: accounts, cost centres, fiscal periods; and freezing their batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice

from include.erps.dynamics_gp.api import Account, Api, CostCenter, Period
from include.erps.dynamics_gp.settings import DynamicsGpSettings
from include.erps.port import Draft, Line, Problem, Verdict

_LONGEST_SEARCH = 60


@dataclass(frozen=True)
class Checks:
    """:param api: the company that is asked."""

    settings: DynamicsGpSettings
    api: Api

    def verdicts(self, drafts: Sequence[Draft]) -> list[Verdict]:
        """One verdict per draft, in order, with ``details`` ``batch`` and, over SOAP, ``company_id``."""
        self.api.open()
        details = self.api.company_details()
        lines = [line for draft in drafts for line in draft.sent_lines]
        accounts = self.api.accounts({line.account for line in lines})
        centers = self._cost_centers(lines, accounts)
        settled = []
        for draft in drafts:
            problems = [problem for line in draft.sent_lines for problem in self._line(line, accounts, centers)]
            problems += self._period_problems(draft.posting_date, self.api.period_of(draft.posting_date))
            frozen = {**draft.details, **details, "batch": self.settings.batch_id(draft)}
            settled.append(Verdict(replace(draft, details=frozen), tuple(dict.fromkeys(problems))))
        return settled

    def next_open_date(self, draft: Draft) -> date | None:
        """The first day of the next open period after the draft's date."""
        periods = islice(self.api.periods_after(draft.posting_date), _LONGEST_SEARCH)
        return next((period.first_day for period in periods if period.open), None)

    def _cost_centers(self, lines: Sequence[Line], accounts: dict[str, Account]) -> dict[str, CostCenter | None]:
        """The cost centres that have to be asked for.

        Over SOAP a cost centre is nothing but a segment of accounts: one with an account exists.
        """
        wanted = {code for line in lines if (code := line.dimensions.get(self.settings.cost_center))}
        if self.settings.api == "soap":
            segments = {(self.settings.segment(account.number) or "").upper() for account in accounts.values()}
            wanted = {code for code in wanted if code.upper() not in segments}
        return {code: self.api.cost_center(code) for code in sorted(wanted)}

    def _line(self, line: Line, accounts: dict[str, Account], centers: dict[str, CostCenter | None]) -> list[Problem]:
        code = line.dimensions.get(self.settings.cost_center)
        if code in centers:
            center = centers[code]
            if center is None or not center.active:
                return [_no_cost_center(code, self.settings.cost_center, inactive=center is not None)]
        account = accounts.get(line.account.upper())
        if account is None:
            return [_missing(line.account)]
        if not account.active:
            return [_inactive(line.account)]
        if not account.posting:
            return [_wrong_type(line.account, account.kind)]
        return []

    def _period_problems(self, day: date, period: Period | None) -> list[Problem]:
        if period is None:
            return [
                Problem(
                    "period_missing",
                    day.isoformat(),
                    f"No fiscal period is known for {day}",
                    "add it to the CSV that erp.fiscal_calendar names, or set the period up in Dynamics GP",
                )
            ]
        if period.open:
            return []
        return [
            Problem(
                "period_closed",
                str(period),
                f"The fiscal period {period} of {day} is closed for the financial series",
                "open the period in Dynamics GP (and in the CSV that erp.fiscal_calendar names), or set "
                "posting.closed_period: next_open in the tenant file",
            )
        ]


def _missing(account: str) -> Problem:
    return Problem(
        "account_missing",
        account,
        f"Dynamics GP has no account {account}",
        "correct mapping.gl_account, a dimension's values or erp.account in the tenant file, or add the account in Dynamics "
        "GP's account maintenance",
    )


def _inactive(account: str) -> Problem:
    return Problem(
        "account_on_hold",
        account,
        f"The account {account} is inactive in Dynamics GP",
        "activate it in Dynamics GP's account maintenance, or map to another account in the tenant file",
    )


def _wrong_type(account: str, kind: str) -> Problem:
    return Problem(
        "account_type",
        account,
        f"The account {account} is of the type {kind}; journals go to posting accounts only",
        "map to a posting account in the tenant file (mapping.gl_account or posting.credit)",
    )


def _no_cost_center(code: str, dimension: str, *, inactive: bool) -> Problem:
    return Problem(
        "dimension_missing",
        code,
        f"The cost centre {code} is inactive in Dynamics GP" if inactive else f"Dynamics GP has no cost centre {code}",
        f"correct mapping.dimensions.{dimension} in the tenant file, or set the cost centre up in Dynamics GP",
    )
