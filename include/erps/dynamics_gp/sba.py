"""One GP company through a Service Based Architecture (SBA) REST service.

GP has no such service for journals of its own: a partner writes it. Paths, member names and envelope are settings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from include.clock import utc_now
from include.erps.dynamics_gp.api import (
    Account,
    CostCenter,
    Employee,
    Period,
    Unreadable,
    amount,
    cents,
    line_text,
)
from include.erps.dynamics_gp.periods import CalendarFile
from include.erps.dynamics_gp.sba_calls import REFUSED, NoEnvelope, Reply, SbaCalls
from include.erps.dynamics_gp.settings import DynamicsGpSettings
from include.erps.dynamics_gp.soap_journals import SEQUENCE_STEP
from include.erps.port import DocumentsAsked, Draft, ErpDocument
from include.errors import LookupFailed, Misconfigured, NotExecuted, Rejected, UnknownOutcome
from include.transport import HttpClient, NoAnswer, NotSent

# Of a cost center.
_DESCRIPTION_LENGTH = 30


class SbaCompany:
    """Implements :class:`include.erps.dynamics_gp.api.Api`. Nothing is sent before its first use."""

    can_write_master_data = True

    def __init__(self, http: HttpClient, settings: DynamicsGpSettings) -> None:
        self._settings = settings
        self._calls = SbaCalls(http, settings)
        self._calendar = CalendarFile(settings.fiscal_calendar) if settings.fiscal_calendar else None
        self._all_periods: list[Period] | None = None
        self._periods: dict[date, Period | None] = {}

    def open(self) -> None:
        """Nothing to do: the company is part of every path."""

    def sign_in(self) -> str:
        """Ask for today's fiscal period: tenant and company are part of every path."""
        today = utc_now().date().isoformat()
        self._fiscal_periods(Date=today)
        return "the SBA service lets the Windows account in and knows the company"

    def may_post(self) -> str:
        """Nothing can be asked: the service tells its rights only by refusing."""
        return "whether the account may create journals shows with the first one"

    def company_details(self) -> dict[str, int]:
        """Nothing: the company's name is enough."""
        return {}

    def accounts(self, numbers: Collection[str]) -> dict[str, Account]:
        """One question per account."""
        found: dict[str, Account] = {}
        for number in sorted(set(numbers)):
            reply = self._calls.get(f"account {number}", self._calls.path(self._settings.paths.accounts, number))
            if reply is not None:
                row = self._row(reply, f"account {number}", "AccountNumber", number)
                kind = str(self._calls.member(row, "AccountType") or "")
                active = self._calls.member(row, "IsActive")
                if not kind or not isinstance(active, bool):
                    raise LookupFailed(f"Dynamics GP's account {number} has no type or no state")
                name = str(self._calls.member(row, "Description") or "")
                found[number.upper()] = Account(number, active, kind == "Posting", kind, name)
        return found

    def cost_center(self, code: str) -> CostCenter | None:
        """One question per cost centre."""
        reply = self._calls.get(f"cost centre {code}", self._calls.path(self._settings.paths.cost_centers, code))
        return (
            None if reply is None else self._cost_center(self._row(reply, f"cost centre {code}", "CostCenterId", code))
        )

    def cost_centers(self) -> list[CostCenter]:
        """The whole list."""
        path = self._calls.path(self._settings.paths.cost_centers)
        return [self._cost_center(row) for row in self._calls.items("cost centres", path)]

    def employees(self, since: datetime | None = None) -> list[Employee]:
        """The whole list, or what has changed in it since a moment."""
        path = self._calls.path(self._settings.paths.employees)
        changed = {} if since is None else {"ModifiedDateFrom": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        found = []
        for row in self._calls.items("employees", path, changed):
            names = ("EmployeeId", "FirstName", "LastName", "Email", "Department", "CostCenter")
            code, first, last, email, department, center = (
                str(self._calls.member(row, name) or "").strip() for name in names
            )
            active = self._calls.member(row, "IsActive")
            if not code or not isinstance(active, bool):
                raise LookupFailed("Dynamics GP's list of employees has a row without id or state")
            found.append(Employee(code, first, last, email, department, active, center))
        return found

    def put_cost_center(self, center: CostCenter) -> None:
        """Create a cost center, or change the one with this code."""
        members = {"Description": _text(center.description[:_DESCRIPTION_LENGTH]), "IsActive": _truth(center.active)}
        self._put(f"the cost center {center.code}", self._settings.paths.cost_centers, center.code, members)

    def put_employee(self, employee: Employee) -> None:
        """Create an employee, or change the one with this id: all members, for what is left out may be emptied."""
        texts = {
            "FirstName": employee.first_name,
            "LastName": employee.last_name,
            "Email": employee.email,
            "Department": employee.department,
            "CostCenter": employee.cost_center,
        }
        members = {**{name: _text(text) for name, text in texts.items()}, "IsActive": _truth(employee.active)}
        self._put(f"the employee {employee.code}", self._settings.paths.employees, employee.code, members)

    def _put(self, subject: str, resource: str, key: str, members: Mapping[str, str]) -> None:
        content = _object({self._calls.name(name): value for name, value in members.items()})
        self._calls.put(subject, self._calls.path(resource, key), content.encode())

    def period_of(self, day: date) -> Period | None:
        """From the service, or from the tenant's calendar file where one is set."""
        if self._calendar is not None:
            return self._calendar.period_of(day)
        if day not in self._periods:
            found = [self._period(row) for row in self._fiscal_periods(Date=day.isoformat())]
            ours = [period for period in found if period.first_day <= day <= period.last_day]
            if len(found) != len(ours) or len(ours) > 1:
                raise LookupFailed(f"Dynamics GP answered the question about the period of {day} with other periods")
            self._periods[day] = ours[0] if ours else None
        return self._periods[day]

    def periods_after(self, day: date) -> Iterator[Period]:
        """From the service, or from the tenant's calendar file where one is set."""
        if self._calendar is not None:
            return self._calendar.periods_after(day)
        if self._all_periods is None:
            rows = (self._period(row) for row in self._fiscal_periods())
            self._all_periods = sorted(rows, key=lambda period: period.first_day)
        return (period for period in self._all_periods if period.first_day > day)

    def find(self, draft: Draft) -> list[ErpDocument]:
        """Every journal of the draft's reference, in any batch and state.

        :raises LookupFailed: no complete answer.
        """
        path = self._calls.path(self._settings.paths.journals)
        named = {self._calls.name("Reference"): draft.reference}
        numbers = []
        for row in self._calls.items("journals", path, named):
            reference, number = self._calls.member(row, "Reference"), self._calls.member(row, "JournalEntry")
            if str(reference).strip().casefold() != draft.reference.casefold():
                raise LookupFailed(
                    f"Dynamics GP's look-up of {draft.reference} returned journals that were not asked for"
                )
            if not isinstance(number, int):
                raise LookupFailed(f"Dynamics GP's list of journals has a row without number under {draft.reference}")
            numbers.append(number)
        return [self._journal(number, draft) for number in sorted(set(numbers))]

    def just_created(self, draft: Draft) -> list[ErpDocument]:
        """As :meth:`find`; a create over SBA tells its number, so that nothing needs this."""
        return self.find(draft)

    def documents(self, asked: DocumentsAsked) -> list[ErpDocument]:
        """Every journal of ours that was changed since the first day asked for; one more question for the lines of each,
        and one for each reference that is not among them.

        :raises LookupFailed: no complete answer.
        """
        path, member = self._calls.path(self._settings.paths.journals), self._calls.member
        drafts = {draft.reference.casefold(): draft for draft in asked.drafts}
        named = {name.casefold(): name for name in asked.names}
        first = min([asked.first_day, *(draft.approval_date for draft in asked.drafts)])
        # A day more: approval days are local, the time of change is UTC.
        since = {self._calls.name("ModifiedDateFrom"): f"{(first - timedelta(days=1)).isoformat()}T00:00:00Z"}
        prefix = asked.prefix.casefold()
        numbers: dict[int, str] = {}
        seen: set[str] = set()
        rows = self._calls.items("journals", path, since)
        for row in rows:
            reference, number = str(member(row, "Reference") or "").strip(), member(row, "JournalEntry")
            name, day = reference.casefold(), str(member(row, "TransactionDate"))[:10]
            in_days = asked.first_day.isoformat() <= day <= asked.last_day.isoformat()
            if name in named or (prefix and in_days and name.startswith(prefix)):
                if not isinstance(number, int):
                    raise LookupFailed(f"Dynamics GP's list of journals has a row without number under {reference}")
                numbers[number] = reference
                seen.add(name)
        found = [
            replace(self._journal(number, drafts.get(reference.casefold())), reference=reference)
            for number, reference in sorted(numbers.items())
        ]
        for name in sorted(named.keys() - seen):
            asked_for = {self._calls.name("Reference"): named[name]}
            for row in self._calls.items("journals", path, asked_for):
                number = member(row, "JournalEntry")
                if str(member(row, "Reference")).strip().casefold() != name or not isinstance(number, int):
                    raise LookupFailed(
                        f"Dynamics GP's look-up of {named[name]} returned journals that were not asked for"
                    )
                found.append(replace(self._journal(number, drafts.get(name)), reference=named[name]))
        return found

    def create(self, draft: Draft, batch: str, before_send: Callable[[str], None]) -> ErpDocument:
        """Send the journal once; see :meth:`include.erps.port.Erp.create`."""
        name = draft.reference
        content = self._document(draft, batch)
        before_send(content)
        try:
            reply = self._calls.post_once(self._calls.path(self._settings.paths.journals), content.encode())
        except NotSent as error:
            raise NotExecuted(f"{name} did not reach Dynamics GP: {error}") from None
        except NoAnswer as error:
            raise UnknownOutcome(f"{name} was sent to Dynamics GP: {error}") from None
        except NoEnvelope as error:
            raw = self._calls.masked(error.answer.body.decode("utf-8", "replace")[:2000])
            raise UnknownOutcome(f"{name} was sent to Dynamics GP and answered with {error}", raw_answer=raw) from None
        return self._created(name, reply)

    def close(self) -> None:
        """Close the connection."""
        self._calls.close()

    # --- reading ---

    def _created(self, name: str, reply: Reply) -> ErpDocument:
        words = "; ".join(map(str, reply.messages))[:1500]
        if reply.status == 201 and isinstance(reply.payload, dict):
            number = self._calls.member(reply.payload, "JournalEntry")
            state = self._calls.member(reply.payload, "State")
            return ErpDocument(
                number=str(number) if isinstance(number, int) else None,
                total_cents=self._total(reply.payload),
                status=str(state) if state else "Work",
                raw_answer=reply.raw,
            )
        if reply.status == 409 and "BatchUnavailable" in reply.codes:
            raise NotExecuted(f"{name} was not taken: {words}", self._settings.busy_delay_s)
        if reply.status in (403, 404) and reply.messages:
            try:
                self._calls.require_access(reply)
            except Misconfigured as error:
                raise Rejected(f"{name}: Dynamics GP refused it: {error}", reply.raw) from None
        if reply.status in REFUSED and reply.messages:
            raise Rejected(f"{name}: Dynamics GP refused it: {words}", reply.raw)
        raise UnknownOutcome(
            f"{name} was sent and Dynamics GP answered with status {reply.status}: {words}", raw_answer=reply.raw
        )

    def _row(self, reply: Reply, subject: str, key: str, asked: str) -> dict[str, Any]:
        row = reply.payload
        if not isinstance(row, dict) or str(self._calls.member(row, key)).strip().upper() != asked.upper():
            raise LookupFailed(f"Dynamics GP's answer about {subject} is about something else")
        return row

    def _cost_center(self, row: Mapping[str, Any]) -> CostCenter:
        code, active = self._calls.member(row, "CostCenterId"), self._calls.member(row, "IsActive")
        if not code or not isinstance(active, bool):
            raise LookupFailed("Dynamics GP's answer about cost centres has a row without id or state")
        return CostCenter(str(code).strip(), str(self._calls.member(row, "Description") or ""), active)

    def _fiscal_periods(self, **asked: str) -> list[dict[str, Any]]:
        # Of all resources only this one and batches are listed without the filters that pages belong to.
        path = self._calls.path(self._settings.paths.fiscal_periods)
        return self._calls.items("fiscal periods", path, asked, sized=False)

    def _period(self, row: Mapping[str, Any]) -> Period:
        year, number, first, last, closed, year_closed = (
            self._calls.member(row, name)
            for name in ("Year", "PeriodId", "FirstDay", "LastDay", "FinancialClosed", "YearClosed")
        )
        try:
            if not isinstance(closed, bool) or not isinstance(year_closed, bool):
                raise ValueError
            days = date.fromisoformat(str(first)[:10]), date.fromisoformat(str(last)[:10])
            return Period(int(year), int(number), *days, not closed and not year_closed)
        except (TypeError, ValueError):
            raise LookupFailed("Dynamics GP's answer about fiscal periods cannot be read") from None

    def _journal(self, number: int, draft: Draft | None) -> ErpDocument:
        reply = self._calls.get(f"journal {number}", self._calls.path(self._settings.paths.journals, str(number)))
        if reply is None:
            raise LookupFailed(f"Dynamics GP's journal {number} went away between two questions")
        row = self._row(reply, f"journal {number}", "JournalEntry", str(number))
        try:
            lines = tuple(
                (str(self._member(line, "AccountNumber")).strip(), self._cents(line)) for line in self._lines(row)
            )
            day = date.fromisoformat(str(self._member(row, "TransactionDate"))[:10])
        except (Unreadable, ValueError) as error:
            raise LookupFailed(f"Dynamics GP's journal {number} cannot be read: {error}") from None
        voided = self._calls.member(row, "IsVoided") is True
        currency = str(self._calls.member(row, "CurrencyId") or "").strip()
        if draft and currency == self._currency(draft):
            currency = draft.currency
        elif draft and not self._settings.send_currency and draft.currency not in self._settings.currency_ids:
            # GP took its own functional currency, under an id that is GP's own word and that nobody has told us.
            currency = ""
        return ErpDocument(
            number=str(number),
            total_cents=sum(value for _, value in lines if value > 0),
            currency=currency or None,
            posting_date=day,
            lines=tuple(one for one in lines if one[1]),
            live=not voided,
            status="Voided" if voided else str(self._calls.member(row, "State") or "") or None,
            raw_answer=reply.raw,
        )

    def _lines(self, row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        lines = self._calls.member(row, "Lines")
        if not isinstance(lines, list) or not lines or not all(isinstance(line, dict) for line in lines):
            raise Unreadable("it has no lines")
        return lines

    def _total(self, row: Mapping[str, Any]) -> int | None:
        """The debit side as a create's answer shows it; ``None`` where it does not: the journal is made all the same."""
        try:
            return sum(cents for line in self._lines(row) if (cents := self._cents(line)) > 0)
        except Unreadable:
            return None

    def _member(self, row: Mapping[str, Any], field: str) -> Any:
        value = self._calls.member(row, field)
        if value is None:
            raise Unreadable(f"it has no {field}")
        return value

    def _cents(self, line: Mapping[str, Any]) -> int:
        debit, credit = (self._member(line, name) for name in ("DebitAmount", "CreditAmount"))
        return _exact(debit) - _exact(credit)

    # --- writing ---

    def _document(self, draft: Draft, batch: str) -> str:
        name = self._calls.name
        lines = ",".join(
            _object(
                {
                    name("AccountNumber"): _text(line.account),
                    name("DebitAmount"): str(amount(max(line.amount_cents, 0))),
                    name("CreditAmount"): str(amount(max(-line.amount_cents, 0))),
                    name("Description"): _text(line_text(line.description)),
                    name("SequenceNumber"): str(at * SEQUENCE_STEP),
                }
            )
            for at, line in enumerate(draft.sent_lines, start=1)
        )
        currency = {name("CurrencyId"): _text(self._currency(draft))} if self._settings.send_currency else {}
        return _object(
            {
                name("BatchId"): _text(batch),
                name("Reference"): _text(draft.reference),
                name("TransactionDate"): _text(draft.posting_date.isoformat()),
                name("SourceDocument"): _text(self._settings.source_document),
                **currency,
                name("Lines"): f"[{lines}]",
            }
        )

    def _currency(self, draft: Draft) -> str:
        return self._settings.currency_ids.get(draft.currency, draft.currency)


def _exact(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unreadable("an amount that is no number")
    return cents(str(value))


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _text(value: str) -> str:
    return orjson.dumps(value).decode()


def _object(members: Mapping[str, str]) -> str:
    """Members that are JSON already, so that amounts are written as decimals and never pass through a float."""
    return "{" + ",".join(f"{_text(name)}:{value}" for name, value in members.items()) + "}"
