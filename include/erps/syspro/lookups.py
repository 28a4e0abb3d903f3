"""Questions to SYSPRO: any table by COMFND, one account by GENQRY.

Rows beyond ``ReturnRows`` are cut off silently, an unknown table fails by text, and a filter on the wrong company finds
nothing without a word. So an answer counts only when it is complete, holds what was asked, and comes from a table that is
proven readable for this company; anything else is :class:`LookupFailed`, never "not found".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date

from include.erps.kept_answers import VIEW_PROOF_S, KeptAnswers
from include.erps.syspro import answers
from include.erps.syspro.answers import Unreadable
from include.erps.syspro.documents import leaf
from include.erps.syspro.session import Session, TooLong, refusal_of
from include.erps.syspro.settings import SysproSettings
from include.errors import LookupFailed, Misconfigured, Retryable

Equal = tuple[str, str]
"""A column and the value that it must have."""
Condition = Equal | tuple[str, str, str]
"""A column, one of SYSPRO's conditions (``EQ`` where none is named), and a value."""


@dataclass(frozen=True)
class Account:
    """A row of GenMaster."""

    code: str
    on_hold: bool
    control: bool


@dataclass(frozen=True)
class Current:
    """The ledger's current year and period, and its currency in SYSPRO's spelling (empty: not told)."""

    year: int
    period: int
    currency: str


class UnknownAccount(LookupFailed):
    """The ledger's current period was asked with an account that does not exist."""


class Row(Mapping[str, str]):
    """A row's values without padding, by column name in any case."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {name.lower(): value for name, value in values.items()}

    def __getitem__(self, column: str) -> str:
        return self._values[column.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Lookups:
    """Questions about one company.

    :param gl_company: the company's key in the ledger's tables, which several companies may share.
    :param kept: what earlier sessions of this operator saw.
    """

    def __init__(self, session: Session, settings: SysproSettings, gl_company: str, kept: KeptAnswers) -> None:
        self._session = session
        self._settings = settings
        self._tables = settings.tables
        self._gl_company = gl_company
        self._kept = kept
        self._readable: set[str] = set()

    def accounts(self, codes: Sequence[str]) -> dict[str, Account]:
        """The accounts that exist, by code; looked up in as few requests as their number allows."""
        names = self._tables
        company = (names.account_company, self._gl_company)
        columns = [names.account_company, names.account_code, names.account_hold, names.account_control]
        rows = self._any_of(names.accounts, columns, [((names.account_code, code), company) for code in codes])
        found: dict[str, Account] = {}
        for row in rows:
            # Active accounts have a blank or N here.
            hold, control = row[names.account_hold].upper(), row[names.account_control].upper()
            if self._same_company(row[names.account_company]):
                code = row[names.account_code]
                found[code] = Account(code, hold not in ("", "N"), control not in ("", "N"))
        if codes and not found:
            self._prove_ledger()
        return found

    def analysis(self, category: int, codes: Sequence[str]) -> set[str]:
        """Those of the codes that exist in an analysis category."""
        names = self._tables
        fixed = [(names.analysis_category, str(category))]
        if names.analysis_company:
            fixed.append((names.analysis_company, self._gl_company))
        groups: list[list[Condition]] = [[(names.analysis_code, code), *fixed] for code in codes]
        return {row[names.analysis_code] for row in self._any_of(names.analysis, [names.analysis_code], groups)}

    def supplier_on_hold(self, supplier: str) -> bool | None:
        """Whether a supplier is on hold; ``None`` when there is no such supplier."""
        names = self._tables
        columns = [names.supplier_code, names.supplier_hold]
        rows = self.rows(names.suppliers, columns, [((names.supplier_code, supplier),)], limit=10)
        return rows[0][names.supplier_hold].upper() not in ("", "N") if rows else None

    def entries_of(self, references: Sequence[str]) -> list[Row]:
        """All ledger entries of this company under any of the references, in as few requests as their number allows."""
        names = self._tables
        groups = [
            ((names.journal_reference, reference), (names.journal_company, self._gl_company))
            for reference in references
        ]
        return self._ours(self._any_of(names.journals, self._entry_columns, groups, names.journal_number))

    def entries_like(self, prefix: str, first: date, last: date) -> list[Row]:
        """All ledger entries of this company whose reference begins with ``prefix``, dated ``first`` to ``last``."""
        names = self._tables
        asked: list[Condition] = [
            (names.journal_reference, "LIKE", f"{prefix}%"),
            (names.journal_company, self._gl_company),
            (names.journal_date, "GE", first.isoformat()),
            (names.journal_date, "LE", last.isoformat()),
        ]
        limit = self._settings.lookup_rows | 1
        return self._ours(
            self.rows(names.journals, self._entry_columns, [asked], limit=limit, order=names.journal_number)
        )

    def invoices_like(self, supplier: str, prefix: str, first: date, last: date) -> list[Row]:
        """The invoices of a supplier whose number begins with ``prefix``, dated ``first`` to ``last``."""
        names = self._tables
        asked: list[Condition] = [
            (names.invoice_supplier, supplier),
            (names.invoice_number, "LIKE", f"{prefix}%"),
            (names.invoice_date, "GE", first.isoformat()),
            (names.invoice_date, "LE", last.isoformat()),
        ]
        return self.rows(names.invoices, self._invoice_columns, [asked], limit=self._settings.lookup_rows | 1)

    def invoices_of(self, supplier: str, numbers: Sequence[str]) -> list[Row]:
        """The invoices of a supplier under any of the numbers, in as few requests as possible."""
        names = self._tables
        groups = [((names.invoice_number, number), (names.invoice_supplier, supplier)) for number in numbers]
        return self._any_of(names.invoices, self._invoice_columns, groups)

    def prove_ledger(self) -> None:
        """Asked now, whatever was seen before.

        :raises LookupFailed: the ledger shows nothing of this company, so that finding nothing would prove nothing.
        """
        self._prove_ledger()

    def ask_anew(self) -> None:
        """See :class:`include.erps.port.KeepsAnswers`."""
        self._kept.ask_anew()
        self._readable.clear()

    def entries(self, reference: str, lines: int) -> list[Row]:
        """All ledger entries of this company that carry a reference.

        :param lines: how many entries one journal of ours has.
        """
        names, columns = self._tables, self._entry_columns
        asked = ((names.journal_reference, reference), (names.journal_company, self._gl_company))
        rows = self.rows(
            # More than one journal fits, so that a second one under our reference is always seen. Odd, so that two journals
            # of equal length never fill it exactly: a full answer could not be told from a cut one.
            names.journals, columns, [asked], limit=max(self._settings.lookup_rows, 2 * lines) | 1, order=names.journal_number
        )  # fmt: skip
        for row in rows:
            if row[names.journal_reference].upper() != reference.upper() or not self._same_company(
                row[names.journal_company]
            ):
                raise LookupFailed(f"SYSPRO's look-up of {reference} returned entries that were not asked for")
        if not rows and not self._readable:
            self._kept.answer(f"shows:{names.journals}:{self._gl_company}", VIEW_PROOF_S, self._ledger_shown)
        return rows

    def invoices(self, supplier: str, invoice: str) -> list[Row]:
        """The invoices of a supplier under one number, compared without case."""
        names = self._tables
        asked = ((names.invoice_supplier, supplier), (names.invoice_number, invoice))
        rows = self.rows(names.invoices, self._invoice_columns, [asked], limit=10)
        wanted = (supplier.upper().lstrip("0"), invoice.upper())
        found = {(row[names.invoice_supplier].upper().lstrip("0"), row[names.invoice_number].upper()) for row in rows}
        if found - {wanted}:
            raise LookupFailed(f"SYSPRO's look-up of invoice {invoice} returned invoices that were not asked for")
        if not rows:
            self._kept.answer(
                f"shows:{names.suppliers}:{supplier}", VIEW_PROOF_S, lambda: self._supplier_shown(supplier, invoice)
            )
        return rows

    def current_lately(self, account: str) -> Current:
        """The ledger's current period, as some task saw it within the last ``period_recheck_s``; else as :meth:`current`."""
        kept = self._kept.read("current", self._settings.period_recheck_s)
        return self.current(account) if kept is None else Current(*json.loads(kept))

    def current(self, account: str) -> Current:
        """The ledger's current period, as GENQRY tells with any account that exists.

        :raises UnknownAccount: this one does not.
        """
        asked_at = self._kept.now()
        option = "<Option><IncludeTransactions>N</IncludeTransactions></Option>"
        document = f"<Query><Key>{leaf('LedgerCode', account)}</Key>{option}</Query>"
        paths = self._settings.answers
        try:
            reply = self._asked("GENQRY", document, f"account {account}", may_be_empty=True)
            if not reply.content:
                raise UnknownAccount(f"SYSPRO has no GL code {account}")
            root = reply.root(paths.account_root)
            year = answers.whole(answers.value_at(root, paths.current_year))
            period = answers.whole(answers.value_at(root, paths.current_period))
        except Unreadable as error:
            raise LookupFailed(f"SYSPRO's answer about the current period cannot be read: {error}") from None
        if not year or not period:
            raise LookupFailed("SYSPRO's answer about an account does not tell the ledger's current period")
        current = Current(year, period, answers.value_at(root, paths.currency) or "")
        if self._settings.period_recheck_s:
            self._kept.write("current", json.dumps(astuple(current)), asked_at)
        return current

    def rows(
        self,
        table: str,
        columns: Sequence[str],
        where: Sequence[Sequence[Condition]],
        *,
        limit: int,
        order: str | None = None,
    ) -> list[Row]:
        """All rows of a table that meet any of the groups; within a group, all conditions.

        :raises LookupFailed: no complete answer.
        """
        earlier = -1
        while True:
            rows = self._page(table, columns, where, limit, order)
            if len(rows) < limit:
                if len(rows) == earlier:
                    raise LookupFailed(f"SYSPRO gives at most {earlier} rows of {table}: the answer may be incomplete")
                return rows
            earlier, limit = len(rows), min(limit * 4, self._settings.lookup_max_rows)
            if limit <= earlier:
                raise LookupFailed(f"{table} has more rows for this question than erp.lookup_max_rows allows")

    @property
    def _entry_columns(self) -> list[str]:
        names = self._tables
        return [
            names.journal_company, names.journal_year, names.journal_period, names.journal_number, names.journal_entry,
            names.journal_side, names.journal_account, names.journal_value, names.journal_reference, names.journal_date,
            names.journal_posted,
        ]  # fmt: skip

    @property
    def _invoice_columns(self) -> list[str]:
        names = self._tables
        return [names.invoice_supplier, names.invoice_number, names.invoice_date, names.invoice_value]

    def _ours(self, rows: list[Row]) -> list[Row]:
        if any(not self._same_company(row[self._tables.journal_company]) for row in rows):
            raise LookupFailed("SYSPRO's list of ledger entries holds entries of another company")
        return rows

    def _any_of(
        self, table: str, columns: Sequence[str], groups: Sequence[Sequence[Condition]], order: str | None = None
    ) -> list[Row]:
        found: list[Row] = []
        waiting = [
            list(groups[at : at + self._settings.lookup_chunk])
            for at in range(0, len(groups), self._settings.lookup_chunk)
        ]
        while waiting:
            chunk = waiting.pop()
            document = _comfnd(table, columns, chunk, self._settings.lookup_rows, columns[0])
            if len(chunk) > 1 and not self._session.fits_preferred(
                "query", {"business_object": "COMFND", "document": document}
            ):
                waiting += [chunk[: len(chunk) // 2], chunk[len(chunk) // 2 :]]
            else:
                found += self.rows(
                    table, columns, chunk, limit=max(len(chunk) + 1, self._settings.lookup_rows) | 1, order=order
                )
        return found

    def _page(
        self, table: str, columns: Sequence[str], where: Sequence[Sequence[Condition]], limit: int, order: str | None
    ) -> list[Row]:
        document = _comfnd(table, columns, where, limit, order or columns[0])
        reply = self._asked("COMFND", document, table, may_be_empty=True)
        if not reply.content:
            return []
        try:
            root = reply.root(table)
            rows = [
                Row({answers.name_of(cell): answers.value(cell) for cell in row})
                for row in answers.children(root, "row")
            ]
            told = answers.value_at(root, "RowsReturned")
            complete = told is not None and answers.whole(told) == len(rows)
        except Unreadable as error:
            raise LookupFailed(f"SYSPRO's answer about {table} cannot be read: {error}") from None
        if not complete or any(column not in row for row in rows for column in columns):
            raise LookupFailed(f"SYSPRO's answer about {table} is incomplete")
        return rows

    def _asked(self, business_object: str, document: str, subject: str, *, may_be_empty: bool = False) -> answers.Body:
        """The body of an answer that is no refusal; an empty one for "not found" where that is an answer."""
        try:
            reply = self._session.ask(business_object, document)
        except (LookupFailed, Misconfigured):
            raise
        except Retryable as error:
            raise LookupFailed(f"SYSPRO could not be asked about {subject}: {error}", error.delay_s) from None
        except TooLong:
            raise LookupFailed(f"The question about {subject} is too long for a URL: raise erp.max_url_bytes") from None
        refusal = refusal_of(reply, self._settings.refusals)
        if refusal == "not_found" and may_be_empty:
            return answers.Body(b"")
        if refusal is not None:
            words = self._session.masked(reply.body.text[:300])
            raise LookupFailed(f"SYSPRO refused the question about {subject}: {words}")
        if reply.status != 200:
            raise LookupFailed(f"SYSPRO answered HTTP {reply.status} about {subject}", reply.retry_after_s)
        if not reply.body.content:
            raise LookupFailed(f"SYSPRO's answer about {subject} is empty")
        return reply.body

    def _same_company(self, company: str) -> bool:
        return company.upper() == self._gl_company.upper()

    def _ledger_shown(self) -> str:
        self._prove_ledger()
        return ""

    def _supplier_shown(self, supplier: str, invoice: str) -> str:
        if self.supplier_on_hold(supplier) is None:
            raise LookupFailed(
                f"SYSPRO shows no supplier {supplier!r}, so the absence of its invoice {invoice} proves nothing: check "
                "erp.supplier in the tenant file (numeric codes carry leading zeros)"
            )
        return ""

    def _prove_ledger(self) -> None:
        """That nothing was found counts only if the ledger shows this company at all.

        An entry proves it; in a ledger without entries, an account.
        """
        names = self._tables
        for table, company in ((names.journals, names.journal_company), (names.accounts, names.account_company)):
            if self._readable or self._page(table, [company], [((company, self._gl_company),)], 1, None):
                self._readable.add(table)
                return
        raise LookupFailed(
            f"SYSPRO's ledger shows nothing at all for the company {self._gl_company!r}, so an empty answer proves nothing: "
            "check erp.gl_company in the tenant file and the operator's access"
        )


def _comfnd(table: str, columns: Sequence[str], where: Sequence[Sequence[Condition]], limit: int, order: str) -> str:
    """Groups joined by Or, conditions by And, every condition in brackets of its own.

    Nothing says whether And binds closer than Or. So callers put what differs between groups first and what all have in common
    behind it: then taking the links from left to right gives the same rows.
    """
    expressions = "".join(
        "<Expression><OpenBracket>(</OpenBracket>"
        + (leaf("AndOr", "And" if within else "Or") if group_at or within else "")
        + leaf("Column", condition[0])
        + leaf("Condition", condition[1] if len(condition) == 3 else "EQ")
        + leaf("Value", condition[-1])
        + "<CloseBracket>)</CloseBracket></Expression>"
        for group_at, group in enumerate(where)
        for within, condition in enumerate(group)
    )
    named = "".join(leaf("Column", column) for column in columns)
    return (
        f"<Query>{leaf('TableName', table)}{leaf('ReturnRows', str(limit))}<Columns>{named}</Columns>"
        f"<Where>{expressions}</Where><OrderBy>{leaf('Column', order)}</OrderBy></Query>"
    )
