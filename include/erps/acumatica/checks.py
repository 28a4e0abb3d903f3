"""Checking drafts in bulk before anything is posted: accounts, subaccounts, projects, payees, currency, periods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from include.erps.acumatica.lookups import LedgerFacts, Lookups, Payee
from include.erps.acumatica.periods import Calendar
from include.erps.acumatica.session import Forbidden
from include.erps.acumatica.settings import AcumaticaSettings
from include.erps.port import Draft, Line, Problem, Verdict
from include.errors import Misconfigured


@dataclass
class _Known:
    """What Acumatica said about all codes of the drafts."""

    accounts: dict[str, bool] = field(default_factory=dict)
    subaccounts: dict[str, bool] = field(default_factory=dict)
    projects: dict[str, str] = field(default_factory=dict)
    tasks: dict[tuple[str, str], str] = field(default_factory=dict)
    payees: dict[str, Payee] = field(default_factory=dict)
    by_email: dict[str, list[Payee]] = field(default_factory=dict)


@dataclass(frozen=True)
class Checks:
    """The bulk check of one client."""

    settings: AcumaticaSettings
    lookups: Lookups

    def verdicts(self, drafts: Sequence[Draft]) -> list[Verdict]:
        """One verdict per draft, in order, with ``details`` ``period``, and ``vendor`` or ``ledger``."""
        ledger = self.ledger()
        known = self._known(drafts)
        asked_at = self.lookups.kept.now()
        calendar = self.lookups.calendar(draft.posting_date for draft in drafts)
        found = []
        seen_open = set()
        for draft in drafts:
            problems = [problem for line in draft.sent_lines for problem in self._line_problems(line, known)]
            details: dict[str, Any] = {}
            closed = self._period_problems(draft, calendar, details)
            if not closed:
                seen_open.add((details["period"], draft.kind))
            problems += closed
            problems += _currency_problems(draft, ledger)
            if draft.kind == "bill":
                problems += self._payee_problems(draft, known, details)
            else:
                details["ledger"] = ledger.id
            settled = replace(draft, details={**draft.details, **details})
            found.append(Verdict(settled, tuple(dict.fromkeys(problems))))
        self.lookups.remember_open(seen_open, asked_at)
        return found

    def closed_meanwhile(self, draft: Draft) -> Problem | None:
        """What has happened to the draft's period since it was checked.

        Hours may lie between the check and the posting, and few sites refuse a closed period. Not asked again while some task
        has seen the period open within the last ``period_recheck_s``.
        """
        if self.lookups.was_open_lately(str(draft.details.get("period")), draft.kind):
            return None
        asked_at, details = self.lookups.kept.now(), dict[str, Any]()
        problems = self._period_problems(draft, self.lookups.calendar([draft.posting_date]), details)
        if problems:
            return problems[0]
        self.lookups.remember_open([(details["period"], draft.kind)], asked_at)
        return None

    def next_open_date(self, draft: Draft) -> date | None:
        """See :meth:`include.erps.port.Erp.next_open_date`."""
        return self.lookups.calendar([draft.posting_date]).next_open(draft.posting_date, draft.kind)

    def ledger(self) -> LedgerFacts:
        """The ledger of journals: the configured one, or the only actual one of the branch.

        :raises Misconfigured: the branch or the ledger is not there.
        """
        ledgers = self.lookups.ledgers()
        branch = (self.settings.branch or "").upper()
        visible = {name: active for ledger in ledgers for name, active in ledger.branches.items()}
        if branch and not visible.get(branch):
            state = "is not active" if branch in visible else "does not exist, or its user may not see it"
            raise Misconfigured(
                f"The branch {self.settings.branch} {state} in Acumatica; it shows "
                f"{', '.join(sorted(name for name, active in visible.items() if active)) or 'none'}. Correct erp.branch"
            )
        usable = [ledger for ledger in ledgers if not branch or branch in ledger.branches]
        if self.settings.ledger:
            named = [ledger for ledger in usable if ledger.id.upper() == self.settings.ledger.upper()]
        else:
            named = [ledger for ledger in usable if ledger.type.lower() == "actual"]
        if len(named) == 1:
            return named[0]
        choice = ", ".join(f"{ledger.id} ({ledger.type})" for ledger in usable) or "none"
        what = f"has no ledger {self.settings.ledger}" if self.settings.ledger else f"has {len(named)} actual ledgers"
        raise Misconfigured(f"Acumatica {what} for this branch; it shows {choice}. Set erp.ledger to one of them")

    def _known(self, drafts: Sequence[Draft]) -> _Known:
        lines = [line for draft in drafts for line in draft.sent_lines]
        known = _Known(accounts=self.lookups.active("Account", "AccountCD", {line.account for line in lines}))
        subaccounts = {code for line in lines if (code := self.settings.line_subaccount(line.dimensions))}
        if subaccounts:
            try:
                known.subaccounts = self.lookups.active("Subaccount", "SubaccountCD", subaccounts)
            except Forbidden as error:
                raise Misconfigured(f"{error}. Where Acumatica has no subaccounts, set erp.subaccount: null") from None
        pairs = {self.settings.line_project(line.dimensions) for line in lines}
        projects = {project for project, _ in pairs if project and project != self.settings.non_project}
        if projects:
            known.projects = self.lookups.statuses("Project", "ProjectID", projects)
        tasks = {(project, task) for project, task in pairs if project and task}
        if tasks:
            known.tasks = self.lookups.tasks(tasks)
        self._ask_for_payees([draft for draft in drafts if draft.kind == "bill"], known)
        return known

    def _ask_for_payees(self, bills: Sequence[Draft], known: _Known) -> None:
        if not bills or not self.settings.vendor:
            return
        if not self.settings.bills_employees:
            known.payees = self.lookups.payees({self.settings.vendor})
            return
        mapped = {draft.submitter_id for draft in bills if draft.submitter_id}
        if mapped:
            known.payees = self.lookups.payees(mapped)
        emails = {draft.submitter_email.lower() for draft in bills if draft.submitter_email and not draft.submitter_id}
        if emails:
            known.by_email = self.lookups.employees_by_email(emails)

    def _line_problems(self, line: Line, known: _Known) -> list[Problem]:
        found = _activity("account", line.account, known.accounts, "mapping.gl_account or posting.credit")
        subaccount = self.settings.line_subaccount(line.dimensions)
        if subaccount:
            found += _activity("subaccount", subaccount, known.subaccounts, "mapping.dimensions or erp.subaccount")
        project, task = self.settings.line_project(line.dimensions)
        if project is None or project == self.settings.non_project:
            return found
        found += self._project_problems("project", project, known.projects.get(project.upper()))
        if task:
            status = known.tasks.get((project.upper(), task.upper()))
            found += self._project_problems("project task", f"{project}/{task}", status)
        return found

    def _project_problems(self, what: str, code: str, status: str | None) -> list[Problem]:
        where = "correct mapping.dimensions in the tenant file, or change it in Acumatica"
        if status is None:
            return [Problem("dimension_missing", code, f"Acumatica has no {what} {code}", where)]
        if _among(status, self.settings.statuses.active_project):
            return []
        return [Problem("dimension_inactive", code, f"The {what} {code} is {status} in Acumatica", where)]

    def _period_problems(self, draft: Draft, calendar: Calendar, details: dict[str, Any]) -> list[Problem]:
        period = calendar.period_of(draft.posting_date)
        if period is None:
            return [
                Problem(
                    "period_missing",
                    draft.posting_date.isoformat(),
                    f"Acumatica has no financial period for {draft.posting_date}",
                    "generate the financial year in Acumatica (Master Financial Calendar), or set erp.calendar_company",
                )
            ]
        details["period"] = period.id
        if calendar.is_open(period, draft.kind):
            return []
        why = period.status if period.status.lower() != "open" else "closed in Accounts Payable"
        return [
            # Checked here and not left to the posting: unless the site restricts it, Acumatica posts to a closed period
            # and only warns.
            Problem(
                "period_closed",
                str(period),
                f"The financial period {period} of {draft.posting_date} does not take postings: it is {why}",
                "open the period in Acumatica, or set posting.closed_period: next_open in the tenant file",
            )
        ]

    def _payee_problems(self, draft: Draft, known: _Known, details: dict[str, Any]) -> list[Problem]:
        vendor = self.settings.vendor or ""
        if not self.settings.bills_employees:
            return self._settle(vendor, known.payees.get(vendor.upper()), "erp.vendor", details)
        if draft.submitter_id:
            payee = known.payees.get(draft.submitter_id.upper())
            return self._settle(draft.submitter_id, payee, "mapping.employee.values", details)
        email = (draft.submitter_email or "").lower()
        fix = f"enter the e-mail on the employee in Acumatica, or write {email!r} under mapping.employee.values"
        if not email:
            return []  # said by AcumaticaSettings.problems
        having = known.by_email.get(email, [])
        active = [payee for payee in having if _among(payee.status, self.settings.statuses.active_employee)]
        if len(active) == 1:
            details["vendor"] = active[0].id
            return []
        if active:
            ids = ", ".join(sorted(payee.id for payee in active))
            return [
                Problem(
                    "employee_ambiguous",
                    email,
                    f"Acumatica has {len(active)} active employees with the e-mail {email}: {ids}",
                    "correct one of them in Acumatica, or say under mapping.employee.values who is to be paid",
                )
            ]
        if having:
            ids = ", ".join(f"{payee.id} ({payee.status})" for payee in having)
            return [
                Problem("employee_inactive", email, f"The employee with the e-mail {email} is not active: {ids}", fix)
            ]
        return [Problem("employee_missing", email, f"No employee in Acumatica has the e-mail {email}", fix)]

    def _settle(self, code: str, payee: Payee | None, setting: str, details: dict[str, Any]) -> list[Problem]:
        if payee is None:
            return [
                Problem(
                    "vendor_missing",
                    code,
                    f"Acumatica has neither a vendor nor an employee {code}",
                    f"correct {setting} in the tenant file, or add the vendor in Acumatica",
                )
            ]
        known = self.settings.statuses
        if not _among(payee.status, known.active_employee if payee.is_employee else known.payable_vendor):
            what = "employee" if payee.is_employee else "vendor"
            return [
                Problem(
                    f"{what}_inactive" if payee.status.lower() == "inactive" else f"{what}_on_hold",
                    code,
                    f"The {what} {code} is {payee.status} in Acumatica",
                    f"change that in Acumatica, or correct {setting} in the tenant file",
                )
            ]
        details["vendor"] = payee.id
        return []


def _among(status: str, words: Sequence[str]) -> bool:
    return status.lower() in (word.lower() for word in words)


def _activity(what: str, code: str, known: dict[str, bool], where: str) -> list[Problem]:
    active = known.get(code.upper())
    if active:
        return []
    if active is None:
        fix = f"correct {where} in the tenant file, or add the {what} in Acumatica"
        return [Problem(f"{what}_missing", code, f"Acumatica has no {what} {code}", fix)]
    fix = f"activate it in Acumatica, or correct {where} in the tenant file"
    return [Problem(f"{what}_on_hold", code, f"The {what} {code} is inactive in Acumatica", fix)]


def _currency_problems(draft: Draft, ledger: LedgerFacts) -> list[Problem]:
    if not ledger.currency or ledger.currency.upper() == draft.currency.upper():
        return []
    return [
        Problem(
            "currency_differs",
            draft.currency,
            f"The document is in {draft.currency}, Acumatica's ledger {ledger.id} in {ledger.currency}",
            "correct posting.currency, erp.branch or erp.ledger in the tenant file",
        )
    ]
