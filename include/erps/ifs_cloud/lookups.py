"""Questions about one company: its reference data, and the vouchers that carry a reference.

Rights to companies work by row: a service user without the company gets empty lists, not a refusal. So an empty answer counts
only after the company itself has been read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from include.erps.ifs_cloud import odata
from include.erps.ifs_cloud.answers import JsonObject, Unreadable, cents, day, etag_of, object_of, text, whole
from include.erps.ifs_cloud.session import Session, Unavailable
from include.erps.ifs_cloud.settings import IfsCloudSettings
from include.erps.kept_answers import VIEW_PROOF_S, KeptAnswers
from include.erps.port import DocumentsAsked, ErpDocument
from include.errors import LookupFailed, Misconfigured, Retryable

Demand = Literal["can", "mandatory", "blocked"]

_LETTERS = "BCDEFGHIJ"
_KEY = ("Company", "VoucherType", "AccountingYear", "VoucherNo")
_ROW_KEY = (*_KEY, "RowNo")
_ROW_FIELDS = (
    *_ROW_KEY,
    "VoucherDate",
    "Account",
    "CurrencyCode",
    "CurrencyDebetAmount",
    "CurrencyCreditAmount",
    "ReferenceSerie",
    "ReferenceNumber",
)
_CODE_FIELDS = ("CodePartValue", "ValidFrom", "ValidUntil", "Blocked", "BudgetValue")
# What a URL holds besides the values: path, other options, the order.
_URL_REST = 700


@dataclass(frozen=True)
class CodeValue:
    """A code part value; both ends of its validity are inclusive, ``None`` is no limit."""

    value: str
    valid_from: date | None
    valid_until: date | None
    blocked: bool
    budget_only: bool


@dataclass(frozen=True)
class Period:
    """A row of the accounting calendar; both days inclusive."""

    year: int
    number: int
    first_day: date
    last_day: date
    open: bool

    def __str__(self) -> str:
        return f"{self.year}/{self.number:02d}"


@dataclass(frozen=True)
class Template:
    """A voucher with the server's defaults, and the tag that its creation must carry."""

    values: JsonObject
    etag: str | None


class Lookups:
    """Everything that is read from IFS. A question that is not answered is never answered by "nothing".

    :param kept: what earlier sessions of this service user saw.
    """

    def __init__(self, session: Session, settings: IfsCloudSettings, kept: KeptAnswers) -> None:
        self._session = session
        self._settings = settings
        self._names = settings.projections
        self._kept = kept
        self._currency: str | None = None

    def ask_anew(self) -> None:
        """See :class:`include.erps.port.KeepsAnswers`."""
        self._kept.ask_anew()
        self._currency = None

    def company_currency(self) -> str:
        """The company's accounting currency; proves that the service user sees the company.

        :raises Misconfigured: it does not.
        """
        if self._currency is None:
            company = self._settings.company_id
            path = self._path(self._names.company, self._names.company_set + odata.key({"Company": company}))
            answer = self._session.read(path, f"company {company}")
            if answer is None:
                raise Misconfigured(
                    f"IFS shows no company {company!r} to this service user, and its empty lists would prove nothing: "
                    "correct erp.company in the tenant file, or allow the company for the user in IFS"
                )
            try:
                body = object_of(answer)
                if text(body, "Company") != company:
                    raise Unreadable("it is another company")
                self._currency = text(body, "CurrencyCode")
            except Unreadable as error:
                raise Retryable(f"IFS's answer about company {company} cannot be read: {error}") from None
        return self._currency

    def code_values(self, letter: str, values: Sequence[str]) -> dict[str, CodeValue]:
        """Those of the values that exist in a code part (A is the account), by value."""
        one_set = self._settings.code_part_style == "one_set"
        if one_set:
            names = self._names
            path, column = self._path(names.code_parts, names.code_parts_set), "CodePartValue"
            fixed = odata.both(self._ours, odata.equal("CodePart", letter))
            keys: tuple[str, ...] = ("Company", "CodePart", column)
            select: tuple[str, ...] = _CODE_FIELDS
        else:
            entity_set, column = self._settings.per_letter.place(letter)
            path, fixed = self._path(self._settings.per_letter.projection, entity_set), self._ours
            keys, select = ("Company", column), ()
        subject = f"values of code part {letter}"
        found: dict[str, CodeValue] = {}
        for row in self._any_of(path, fixed, column, values, keys, select, subject):
            try:
                value = text(row, column)
                found[value] = CodeValue(
                    value,
                    day(row, "ValidFrom"),
                    day(row, "ValidUntil"),
                    blocked=_yes(row.get("Blocked"), "Blocked"),
                    budget_only=row.get("BudgetValue") == self._settings.budget_value,
                )
            except Unreadable as error:
                raise Retryable(f"IFS's {subject} cannot be read: {error}") from None
        return found

    def demands(self, accounts: Sequence[str]) -> dict[str, dict[str, Demand]]:
        """By account, what it says of each code part B to J."""
        path = self._path(self._names.accounts, self._names.accounts_set)
        select = ("Account", *(f"ReqCode{letter}" for letter in _LETTERS))
        rows = self._any_of(path, self._ours, "Account", accounts, ("Company", "Account"), select, "accounts")
        try:
            return {text(row, "Account"): {letter: _demand(row, letter) for letter in _LETTERS} for row in rows}
        except Unreadable as error:
            raise Retryable(f"IFS's accounts cannot be read: {error}") from None

    def periods(self, first: date, last: date | None) -> list[Period]:
        """The periods that touch the days from ``first`` to ``last`` (``None``: without end), by first day."""
        conditions = [self._ours, f"DateUntil ge {odata.literal(first)}"]
        if last is not None:
            conditions.append(f"DateFrom le {odata.literal(last)}")
        path = self._path(self._names.periods, self._names.periods_set)
        keys = ("Company", "AccountingYear", "AccountingPeriod")
        rows = self._session.rows(path, odata.both(*conditions), keys, (), "accounting periods")
        return sorted((self._period(row) for row in rows), key=lambda period: (period.first_day, period.number))

    def template(self) -> Template | None:
        """A fresh voucher with the server's defaults; ``None`` when the voucher type does not exist in the company."""
        known = self._settings
        arguments = {"Company": known.company_id, "VoucherType": known.voucher_type} if known.template_arguments else {}
        function = f"{self._names.posting_set}/{self._names.template_function}{odata.key(arguments)}"
        path = self._path(self._names.posting, known.filled_template_path() or function)
        answer = self._session.read(path, f"the template of voucher type {known.voucher_type}")
        if answer is None:
            return None
        try:
            values = object_of(answer)
            # Asked for without a company, it may name none.
            if (known.names_template_company or values.get("Company") is not None) and text(
                values, "Company"
            ) != known.company_id:
                raise Unreadable("it is another company's")
        except Unreadable as error:
            raise Retryable(f"IFS's voucher template cannot be read: {error}") from None
        return Template(values, etag_of(answer, values))

    def prove_readable(self, serie: str, reference: str) -> None:
        """Ask both views of vouchers, so that a wrong name or right shows before anything is to be posted.

        :raises Misconfigured: one of them cannot be read. :raises Retryable: no answer.
        """
        try:
            self._by_voucher(self._names.hold, self._names.hold_set, serie, reference)
            self._by_voucher(self._names.ledger, self._names.ledger_set, serie, reference)
        except Unreadable as error:
            raise Retryable(f"IFS's voucher rows cannot be read: {error}") from None

    def vouchers(self, serie: str, reference: str) -> list[ErpDocument]:
        """Every voucher with a row under the serie and the reference: the hold table first, then the ledger.

        A job moves vouchers from the hold table to the ledger. Asked in this order, one that moves meanwhile is seen at least
        once.

        :raises LookupFailed: one of the two gives no reliable answer.
        """
        try:
            held = self._by_voucher(self._names.hold, self._names.hold_set, serie, reference)
            posted = self._by_voucher(self._names.ledger, self._names.ledger_set, serie, reference)
            if not held and not posted and self._currency is None:
                self._kept.answer(f"shows:{self._settings.company_id}", VIEW_PROOF_S, self.company_currency)
            statuses = {key: self._status(key, serie, reference) for key in sorted(set(held) - set(posted))}
            found = {**held, **posted}
            return [self._document(key, rows, statuses.get(key)) for key, rows in sorted(found.items())]
        except (LookupFailed, Unreadable, Unavailable) as error:
            raise LookupFailed(f"The look-up of {reference} in IFS is not reliable: {error}") from None
        except Misconfigured:
            raise
        except Retryable as error:
            raise LookupFailed(f"The look-up of {reference} in IFS failed: {error}", error.delay_s) from None

    def listed(self, asked: DocumentsAsked, serie: str, named: Mapping[str, Collection[str]]) -> list[ErpDocument]:
        """Every voucher of our serie dated in these days, and those under the named references, whatever their date.

        Hold table first, then the ledger, as in :meth:`vouchers`. The rows come page by page; one more question for the status
        of each voucher that is still in the hold table.

        :param named: references by serie.
        :raises LookupFailed: one of the two gives no reliable answer.
        """
        conditions = [
            odata.both(
                odata.equal("ReferenceSerie", serie),
                f"VoucherDate ge {odata.literal(asked.first_day)}",
                f"VoucherDate le {odata.literal(asked.last_day)}",
            )
        ]
        room = self._settings.max_url_chars - _URL_REST
        for name, references in sorted(named.items()):
            for chunk in odata.chunks(sorted(set(references)), self._settings.lookup_chunk, room):
                conditions.append(
                    odata.both(odata.equal("ReferenceSerie", name), odata.one_of("ReferenceNumber", chunk))
                )
        wanted = {reference for references in named.values() for reference in references}
        try:
            held = self._by_reference(self._names.hold, self._names.hold_set, conditions)
            posted = self._by_reference(self._names.ledger, self._names.ledger_set, conditions)
            if not held and not posted:
                self.company_currency()
            found = {
                one: rows
                for one, rows in {**held, **posted}.items()
                if one[2] in wanted or one[2].startswith(asked.prefix)
            }
            in_ledger = {one[0] for one in posted}
            statuses: dict[tuple[str, int, int], str | None] = {}
            for key, name, reference in sorted(found):
                if key not in in_ledger and key not in statuses:
                    statuses[key] = self._status(key, name, reference)
            return [
                replace(self._document(key, rows, statuses.get(key)), reference=reference)
                for (key, _, reference), rows in sorted(found.items())
            ]
        except (LookupFailed, Unreadable, Unavailable) as error:
            raise LookupFailed(f"IFS's list of vouchers is not reliable: {error}") from None
        except Misconfigured:
            raise
        except Retryable as error:
            raise LookupFailed(f"IFS's vouchers could not be listed: {error}", error.delay_s) from None

    def _by_reference(
        self, projection: str, entity_set: str, conditions: Iterable[str]
    ) -> dict[tuple[tuple[str, int, int], str, str], list[JsonObject]]:
        """Rows by voucher, serie and reference; each row once."""
        path = self._path(projection, entity_set)
        rows: dict[tuple[tuple[str, int, int], str, str], dict[int, JsonObject]] = defaultdict(dict)
        for condition in conditions:
            where = odata.both(self._ours, condition)
            for row in self._session.rows(path, where, _ROW_KEY, _ROW_FIELDS, f"voucher rows in {entity_set}"):
                if row.get("Company") != self._settings.company_id:
                    raise LookupFailed(f"{entity_set} returned rows that were not asked for")
                key = (text(row, "VoucherType"), whole(row, "AccountingYear"), whole(row, "VoucherNo"))
                rows[key, text(row, "ReferenceSerie"), text(row, "ReferenceNumber")][whole(row, "RowNo")] = row
        return {one: list(of_one.values()) for one, of_one in rows.items()}

    @property
    def _ours(self) -> str:
        return odata.equal("Company", self._settings.company_id)

    def _path(self, projection: str, *segments: str) -> str:
        return odata.path(self._settings.base_path, projection, *segments)

    def _any_of(
        self,
        path: str,
        fixed: str,
        column: str,
        values: Iterable[str],
        keys: tuple[str, ...],
        select: tuple[str, ...],
        subject: str,
    ) -> list[JsonObject]:
        known = self._settings
        room = known.max_url_chars - _URL_REST
        found: list[JsonObject] = []
        for chunk in odata.chunks(sorted(set(values)), known.lookup_chunk, room):
            where = odata.both(fixed, odata.one_of(column, chunk))
            found += self._session.rows(path, where, keys, select, subject)
        return found

    def _period(self, row: JsonObject) -> Period:
        try:
            first, last = day(row, "DateFrom"), day(row, "DateUntil")
            if first is None or last is None:
                raise Unreadable("a period without days")
            return Period(
                whole(row, "AccountingYear"),
                whole(row, "AccountingPeriod"),
                first,
                last,
                open=text(row, "PeriodStatus") == self._settings.open_period,
            )
        except Unreadable as error:
            raise Retryable(f"IFS's accounting periods cannot be read: {error}") from None

    def _by_voucher(
        self, projection: str, entity_set: str, serie: str, reference: str
    ) -> dict[tuple[str, int, int], list[JsonObject]]:
        """Rows under the reference by (type, year, number)."""
        where = odata.both(self._ours, odata.equal("ReferenceSerie", serie), odata.equal("ReferenceNumber", reference))
        path = self._path(projection, entity_set)
        asked = (self._settings.company_id, serie, reference)
        # By row key: pages that overlap while vouchers move show a row twice.
        rows: dict[tuple[str, int, int], dict[int, JsonObject]] = defaultdict(dict)
        for row in self._session.rows(path, where, _ROW_KEY, _ROW_FIELDS, f"voucher rows in {entity_set}"):
            if tuple(row.get(name) for name in ("Company", "ReferenceSerie", "ReferenceNumber")) != asked:
                raise LookupFailed(f"{entity_set} returned rows that were not asked for")
            key = (text(row, "VoucherType"), whole(row, "AccountingYear"), whole(row, "VoucherNo"))
            rows[key][whole(row, "RowNo")] = row
        return {key: list(of_one.values()) for key, of_one in rows.items()}

    def _status(self, key: tuple[str, int, int], serie: str, reference: str) -> str | None:
        """The status of a voucher in the hold table, which its rows do not tell."""
        if not self._settings.read_vouchers:
            return None
        kind, year, number = key
        parts: dict[str, odata.Value] = {
            "Company": self._settings.company_id,
            "AccountingYear": year,
            "VoucherType": kind,
            "VoucherNo": number,
        }
        path = self._path(self._names.posting, self._names.posting_set + odata.key(parts))
        answer = self._session.read(path, f"voucher {kind}/{year}/{number}")
        if answer is not None:
            body = object_of(answer)
            if whole(body, "VoucherNo") != number:
                raise Unreadable("it is another voucher")
            # A projection that tells no status knows no cancelled vouchers.
            return None if body.get("VoucherStatus") is None else text(body, "VoucherStatus")
        # Gone since its rows were read: to the ledger, or deleted.
        if key in self._by_voucher(self._names.ledger, self._names.ledger_set, serie, reference):
            return None
        raise LookupFailed(
            f"voucher {kind}/{year}/{number} left the hold table and is not in the ledger yet", delay_s=10
        )

    def _document(self, key: tuple[str, int, int], rows: Sequence[JsonObject], status: str | None) -> ErpDocument:
        lines = tuple(
            (text(row, "Account"), cents(row, "CurrencyDebetAmount") - cents(row, "CurrencyCreditAmount"))
            for row in rows
        )
        days = {day(row, "VoucherDate") for row in rows}
        currencies = {text(row, "CurrencyCode") for row in rows}
        if len(days) != 1 or len(currencies) != 1:
            raise LookupFailed(f"voucher {number_of(*key)} has rows of several dates or currencies")
        return ErpDocument(
            number=number_of(*key),
            total_cents=sum(amount for _, amount in lines if amount > 0),
            currency=currencies.pop(),
            posting_date=days.pop(),
            lines=lines,
            live=status != self._settings.cancelled_status,
            status=status,
        )


def number_of(kind: str, year: int, number: int) -> str:
    """A voucher's number for people: numbers restart per type and year, so both belong to it."""
    return f"{kind}/{year}/{number}"


def _yes(value: object, name: str) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise Unreadable(f"{name} is neither true nor false")


def _demand(row: Mapping[str, object], letter: str) -> Demand:
    """Absent or null: the company does not use the part, and the account says nothing of it."""
    value = row.get(f"ReqCode{letter}")
    if value is None:
        return "can"
    for demand in ("can", "mandatory", "blocked"):
        if str(value).lower() == demand:
            return demand
    raise Unreadable(f"ReqCode{letter} is {value!r}")
