"""Checking drafts in bulk before anything is posted: account texts, accounts, periods.

Sage may be set to create a missing account instead of refusing it, so an account that has not been seen is never sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from include.erps.port import Draft, Line, Problem, Verdict
from include.erps.sage_100.answers import Account
from include.erps.sage_100.lookups import Lookups, is_open
from include.errors import LookupFailed, Misconfigured

_STATES = {"I": "is inactive", "D": "is deleted"}


@dataclass(frozen=True)
class Checks:
    """Checks against one company."""

    lookups: Lookups

    def verdicts(self, drafts: Sequence[Draft]) -> list[Verdict]:
        """One verdict per draft, in order; see :meth:`include.erps.sage_100.client.Sage100Erp.check`."""
        written = [self._written(draft) for draft in drafts]
        codes = {line.account for draft, wrong in written for line in draft.sent_lines if not wrong}
        known = self.lookups.accounts(codes)
        verdicts = []
        for draft, wrong in written:
            problems = list(wrong)
            if not wrong:
                problems += self.account_problems(draft, known)
            period = self.lookups.period_of(draft.posting_date)
            if period is None:
                problems.append(
                    Problem(
                        "period_missing",
                        draft.posting_date.isoformat(),
                        f"Sage 100 has no fiscal period for {draft.posting_date}",
                        "set up the fiscal year in Sage (General Ledger, fiscal years)",
                    )
                )
            elif not is_open(period):
                problems.append(
                    Problem(
                        "period_closed",
                        str(period),
                        f"The period {period} of {draft.posting_date} is closed in Sage 100",
                        "open the period in Sage, or set posting.closed_period: next_open in the tenant file",
                    )
                )
            if period is not None:
                details = {"fiscal_year": period.fiscal_year, "fiscal_period": period.fiscal_period}
                draft = replace(draft, details={**draft.details, **details})
            verdicts.append(Verdict(draft, tuple(dict.fromkeys(problems))))
        return verdicts

    def account_problems(self, draft: Draft, known: dict[str, Account] | None = None) -> list[Problem]:
        """What is wrong with the draft's accounts as they are written; without ``known``, as they were seen lately."""
        codes = dict.fromkeys(line.account for line in draft.sent_lines)
        if known is None:
            known = self.lookups.accounts_lately(codes)
        problems = []
        for code in codes:
            account = known.get(code)
            if account is None:
                problems.append(self._missing(code))
            elif account.status != "A":
                state = _STATES.get(account.status, f"has the status {account.status}")
                problems.append(
                    Problem(
                        "account_on_hold",
                        code,
                        f"The account {code} {state} in Sage 100",
                        "map to another account in the tenant file, or make it active in Sage",
                    )
                )
            elif not _in_use(account, draft.posting_date):
                problems.append(
                    Problem(
                        "account_on_hold",
                        code,
                        f"The account {code} may not be used on {draft.posting_date}: from {account.date_start or 'the start'} "
                        f"to {account.date_end or 'no end'}",
                        "map to another account in the tenant file, or correct its dates in Sage",
                    )
                )
        return problems

    def _written(self, draft: Draft) -> tuple[Draft, list[Problem]]:
        """The draft with its accounts as Sage writes them."""
        form = self.lookups.account_format()
        lines: list[Line] = []
        wrong: list[Problem] = []
        for line in draft.lines:
            try:
                lines.append(replace(line, account=form.written(line.account)))
            except ValueError as error:
                wrong.append(
                    Problem(
                        "account_format",
                        line.account,
                        f"The account does not fit the company: {error}",
                        "correct mapping, posting.credit or erp.account in the tenant file",
                    )
                )
        return (draft if wrong else replace(draft, lines=tuple(lines))), wrong

    def _missing(self, code: str) -> Problem:
        return Problem(
            "account_missing",
            code,
            f"Sage 100 has no account {code}{self._why(code)}",
            "correct mapping.gl_account, a dimension's values or erp.account in the tenant file, or add the account in Sage",
        )

    def _why(self, code: str) -> str:
        """Which part of a missing account is at fault, where Sage tells."""
        try:
            form = self.lookups.account_format()
            parts = code.split(form.separator)
            for segment, part in enumerate(parts[1:], start=2):
                if part not in self.lookups.sub_accounts(segment):
                    return f": segment {segment} has no value {part}"
        except (LookupFailed, Misconfigured):
            return ""
        return ": its sub-accounts exist, but not in this combination" if len(parts) > 1 else ""


def _in_use(account: Account, day: date) -> bool:
    return (account.date_start is None or account.date_start <= day) and (
        account.date_end is None or day <= account.date_end
    )
