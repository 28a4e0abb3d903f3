"""Checking drafts in bulk before anything is posted: company, code parts on the voucher date, demands, currency, periods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from include.erps.ifs_cloud.lookups import CodeValue, Demand, Lookups, Period
from include.erps.ifs_cloud.settings import IfsCloudSettings
from include.erps.port import Draft, Line, Problem, Verdict
from include.errors import Misconfigured

_MAPPING = "map to another value in the tenant file (mapping or posting.credit)"


@dataclass(frozen=True)
class Checks:
    """Answers :meth:`IfsCloudErp.check` and :meth:`IfsCloudErp.next_open_date`."""

    settings: IfsCloudSettings
    lookups: Lookups

    def verdicts(self, drafts: Sequence[Draft]) -> list[Verdict]:
        """One verdict per draft, in order.

        :raises Misconfigured: the company is not visible, the voucher type does not exist, no user group is known.
        """
        # First of all: without a right to the company everything else would read as missing.
        currency = self.lookups.company_currency()
        self.check_posting()
        self.lookups.prove_readable(self.settings.reference_serie, drafts[0].reference)
        wanted: dict[str, set[str]] = defaultdict(set)
        for draft in drafts:
            for line in draft.sent_lines:
                for letter, value in self._codes(line).items():
                    wanted[letter].add(value)
        known = {letter: self.lookups.code_values(letter, sorted(values)) for letter, values in sorted(wanted.items())}
        accounts = sorted(known.get("A", {}))
        demands = self.lookups.demands(accounts) if self.settings.check_accounts and accounts else {}
        days = [draft.posting_date for draft in drafts]
        periods = self.lookups.periods(min(days), max(days))
        verdicts = []
        for draft in drafts:
            problems = [
                problem
                for line in draft.sent_lines
                for problem in (*self._code_problems(line, draft, known), *self._demand_problems(line, known, demands))
            ]
            problems += self._period_problems(draft, periods)
            if draft.currency != currency:
                problems.append(_currency_differs(draft, currency))
            details = {**draft.details, "reference_serie": self.settings.reference_serie}
            verdicts.append(Verdict(replace(draft, details=details), tuple(dict.fromkeys(problems))))
        return verdicts

    def next_open_date(self, draft: Draft) -> date | None:
        """The first day after the draft's that lies in an open period."""
        earliest = draft.posting_date + timedelta(days=1)
        periods = self.lookups.periods(earliest, None)
        return min((max(period.first_day, earliest) for period in periods if period.open), default=None)

    def check_posting(self) -> None:
        """:raises Misconfigured: the voucher type does not exist, or no user group is known."""
        template = self.lookups.template()
        if template is None:
            raise Misconfigured(
                f"IFS has no voucher type {self.settings.voucher_type} in company {self.settings.company_id}: correct "
                "erp.voucher_type in the tenant file"
            )
        if not self.settings.user_group and not template.values.get("UserGroup"):
            raise Misconfigured("IFS's voucher template names no user group: set erp.user_group in the tenant file")

    def _codes(self, line: Line) -> dict[str, str]:
        return {"A": line.account, **self.settings.code_values(line)}

    def _name(self, letter: str) -> str:
        if letter == "A":
            return "account"
        dimension = next((name for name, part in self.settings.code_parts.items() if part == letter), "")
        return f"{dimension} (code part {letter})" if dimension else f"code part {letter}"

    def _code_problems(self, line: Line, draft: Draft, known: Mapping[str, Mapping[str, CodeValue]]) -> list[Problem]:
        found = []
        for letter, value in self._codes(line).items():
            problem = self._code_problem(letter, value, known[letter].get(value), draft.posting_date)
            if problem is not None:
                found.append(problem)
        return found

    def _code_problem(self, letter: str, value: str, known: CodeValue | None, day: date) -> Problem | None:
        name, kind = self._name(letter), "account" if letter == "A" else "dimension"
        if known is None:
            return Problem(
                f"{kind}_missing",
                value,
                f"IFS has no {name} {value}",
                f"add it to code part {letter} in IFS, or {_MAPPING}",
            )
        if known.valid_from is not None and day < known.valid_from:
            return Problem(
                f"{kind}_not_yet_valid",
                value,
                f"The {name} {value} is valid from {known.valid_from} and the voucher is of {day}",
                f"let it begin earlier in IFS, or {_MAPPING}",
            )
        if known.valid_until is not None and day > known.valid_until:
            return Problem(
                f"{kind}_expired",
                value,
                f"The {name} {value} was valid until {known.valid_until} and the voucher is of {day}",
                f"extend it in IFS, or {_MAPPING}",
            )
        if known.blocked:
            return Problem(
                f"{kind}_on_hold", value, f"The {name} {value} is blocked in IFS", f"release it in IFS, or {_MAPPING}"
            )
        if known.budget_only:
            return Problem(f"{kind}_budget_only", value, f"The {name} {value} is for budgets only in IFS", _MAPPING)
        return None

    def _demand_problems(
        self,
        line: Line,
        known: Mapping[str, Mapping[str, CodeValue]],
        demands: Mapping[str, Mapping[str, Demand]],
    ) -> list[Problem]:
        if not self.settings.check_accounts or line.account not in known["A"]:
            return []
        if line.account not in demands:
            return [
                Problem(
                    "account_missing",
                    line.account,
                    f"IFS has the code part value {line.account} and no account of that name",
                    "add the account in IFS, or map to another one (erp.check_accounts: false where this view is another)",
                )
            ]
        given = self.settings.code_values(line)
        found = []
        for letter, demand in demands[line.account].items():
            if demand == "mandatory" and letter not in given:
                found.append(
                    Problem(
                        "dimension_required",
                        line.account,
                        f"The account {line.account} demands a {self._name(letter)}, and the line has none",
                        "give the dimension a value or default in the tenant file (mapping.dimensions; posting.credit's "
                        "dimensions for a balancing account), or change the account's code part demands in IFS",
                    )
                )
            elif demand == "blocked" and letter in given:
                found.append(
                    Problem(
                        "dimension_not_allowed",
                        line.account,
                        f"The account {line.account} takes no {self._name(letter)}, and the line has {given[letter]}",
                        f"change the account's code part demands in IFS, or {_MAPPING}",
                    )
                )
        return found

    def _period_problems(self, draft: Draft, periods: Sequence[Period]) -> list[Problem]:
        day = draft.posting_date
        covering = [period for period in periods if period.first_day <= day <= period.last_day]
        if not covering:
            return [
                Problem(
                    "period_missing",
                    day.isoformat(),
                    f"IFS has no accounting period for {day} in company {self.settings.company_id}",
                    "add it in IFS",
                )
            ]
        if not any(period.open for period in covering):
            return [
                Problem(
                    "period_closed",
                    str(covering[0]),
                    f"The accounting period {covering[0]} of {day} is closed in IFS",
                    "open it in IFS, or set posting.closed_period: next_open in the tenant file",
                )
            ]
        return []


def _currency_differs(draft: Draft, currency: str) -> Problem:
    return Problem(
        "currency_differs",
        draft.currency,
        f"The journal is in {draft.currency}, the company's accounting currency in IFS is {currency}",
        "correct posting.currency or erp.company in the tenant file",
    )
