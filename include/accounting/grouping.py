"""Expenses to balanced journal lines.

Every distinct (category, tags, card) combination of a journal is mapped once and its cents are added up; each journal
balances by construction: its credit lines are the negated sums of its debits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from include.accounting import mapping
from include.accounting.mapping import UNMAPPED
from include.accounting.reasons import Reason
from include.accounting.reports import ExpenseFacts
from include.erps.port import AP_ACCOUNT, Kind
from include.settings.posting import CreditAccount
from include.settings.tenant import Tenant

Tags = tuple[tuple[str, str | None], ...]
INVALID = "invalid account: "
"""Marks what the ERP's own rule said of an account, among the names of what is missing."""
_LONGEST_ACCOUNT = 200
"""No ERP comes near it, and PostgreSQL's index of the ledger's accounts takes no text of some thousand."""
CREDIT = "credit:"
"""Marks a missing balancing account."""


@dataclass(frozen=True)
class DerivedLine:
    """A line of a journal. Zero lines are kept for their lineage and never sent. ``sent`` false: zero."""

    number: int
    account: str
    dimensions: dict[str, str]
    amount_cents: int
    description: str
    rule: str


@dataclass
class DerivedJournal:
    """What the mapping makes of one journal's expenses."""

    kind: Kind
    lines: list[DerivedLine] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)

    @property
    def total_debit_cents(self) -> int:
        """Sum of the debit side in cents."""
        return sum(line.amount_cents for line in self.lines if line.amount_cents > 0)

    @property
    def is_empty(self) -> bool:
        """Nothing would be sent: no expenses, or all groups net to zero."""
        return not any(line.amount_cents for line in self.lines)

    def content_hash(self) -> str:
        """Equal for equal lines."""
        content = [(line.account, line.dimensions, line.amount_cents) for line in self.lines]
        return hashlib.sha256(json.dumps([self.kind, content], sort_keys=True).encode()).hexdigest()


class Booked(NamedTuple):
    """Expenses of one report that a journal books; ``reimbursed``: Expensify has paid the report already."""

    report_id: str
    reimbursed: bool
    expenses: Sequence[ExpenseFacts]


class Numbers(NamedTuple):
    """The two lines of an expense in its journal; ``None`` where it is booked nowhere."""

    debit: int | None
    credit: int | None


_NOWHERE = Numbers(None, None)


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of an expense: the account with its dimensions, the rule that gave them, and what is missing."""

    account: str
    dimensions: tuple[tuple[str, str], ...]
    rule: str
    missing: tuple[str, ...]


@dataclass(slots=True)
class _Group:
    """The expenses of one journal that map alike."""

    category: str
    debit: _Side
    credit: _Side
    is_blocked: bool
    cents: int = 0
    numbers: Numbers = _NOWHERE


_EXCLUDED = _Side(UNMAPPED, (), "excluded", ())

_Key = tuple[str | None, str | None, Tags, bool, str | None, str | None]
"""What an expense's accounts depend on, besides its journal's kind and whether its report is paid: category, GL code, tags,
reimbursable, bank, card name."""


class Grouping:
    """Derives the journals of one tenant. Cheap to make; keep it while there are journals to derive."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._excludes_cards = tenant.company_card == "exclude"
        self._debits: dict[tuple[str | None, str | None, Tags], _Side] = {}
        self._credits: dict[tuple[bool, bool, str | None, str | None, Kind], _Side] = {}

    def journal(self, booked: Sequence[Booked], currency: str | None) -> tuple[DerivedJournal, list[list[Numbers]]]:
        """One balanced set of lines, and for each of ``booked`` the lines of its expenses, in their order.

        :param currency: the journal's, for the amounts in its reasons.
        """
        kind = self._kind(booked)
        derived = DerivedJournal(kind)
        by_paid: dict[bool, dict[_Key, _Group]] = {False: {}, True: {}}
        placed: list[list[_Group]] = []
        blocked: dict[tuple[str, str, str], int] = {}
        for report_id, reimbursed, expenses in booked:
            groups = by_paid[reimbursed]
            of_report = []
            for fact in expenses:
                key = (
                    fact.category,
                    fact.category_gl_code,
                    fact.tags,
                    fact.reimbursable,
                    fact.bank,
                    fact.card_name,
                )
                group = groups.get(key)
                if group is None:
                    group = groups[key] = self._group(key, reimbursed, kind)
                group.cents += fact.amount_cents or 0
                if group.is_blocked:
                    self._block(blocked, report_id, fact, group)
                of_report.append(group)
            placed.append(of_report)
        for (report_id, what, name), cents in sorted(blocked.items()):
            code, message, fix = _explain(self._tenant, what, name)
            derived.reasons.append(Reason(code, message, fix, name, report_id, cents, currency))
        listed = [group for groups in by_paid.values() for group in groups.values() if not self._is_excluded(group)]
        if self._tenant.lines == "expense":
            debits = self._debit_each(derived, booked, placed)
            self._credit_groups(derived, listed)
            return derived, [
                [Numbers(debit, group.numbers.credit) for debit, group in zip(numbers, groups, strict=True)]
                for numbers, groups in zip(debits, placed, strict=True)
            ]
        _debit_groups(derived, listed)
        self._credit_groups(derived, listed)
        return derived, [[group.numbers for group in groups] for groups in placed]

    def _kind(self, booked: Iterable[Booked]) -> Kind:
        """A bill needs a payable that is not zero and that nobody has paid yet."""
        if self._tenant.erp.document_kind == "journal":
            return "journal"
        counts_paid = self._tenant.posting.credit.already_reimbursed is None
        payable = sum(
            fact.amount_cents or 0
            for one in booked
            if counts_paid or not one.reimbursed
            for fact in one.expenses
            if fact.reimbursable
        )
        return "bill" if payable else "journal"

    def _group(self, key: _Key, reimbursed: bool, kind: Kind) -> _Group:
        category, gl_code, tags, reimbursable, bank, card_name = key
        debit = self._debits.get((category, gl_code, tags))
        if debit is None:
            debit = self._debits[category, gl_code, tags] = _debit_side(self._tenant, category, gl_code, tags)
        paid_by = (reimbursable, reimbursed, bank, card_name, kind)
        credit = self._credits.get(paid_by)
        if credit is None:
            credit = self._credits[paid_by] = (
                _EXCLUDED if not reimbursable and self._excludes_cards else _credit_side(self._tenant, *paid_by)
            )
        return _Group(category or "", debit, credit, bool(debit.missing or credit.missing))

    @staticmethod
    def _is_excluded(group: _Group) -> bool:
        return group.credit is _EXCLUDED

    def _block(
        self, blocked: dict[tuple[str, str, str], int], report_id: str, fact: ExpenseFacts, group: _Group
    ) -> None:
        """Add what the expense holds up: one reason per report and missing name."""
        if self._is_excluded(group):
            return
        for what in group.debit.missing:
            if what == "gl_account" or what.startswith(INVALID):
                name = group.category.strip()
            else:
                name = mapping.tag_text(fact.tags, self._tenant.mapping.dimensions[what].tag).strip()
            blocked[report_id, what, name] = blocked.get((report_id, what, name), 0) + (fact.amount_cents or 0)
        for what in group.credit.missing:
            feed = fact.bank or fact.card_name or ""
            blocked[report_id, what, feed] = blocked.get((report_id, what, feed), 0) + (fact.amount_cents or 0)

    def _debit_each(
        self, derived: DerivedJournal, booked: Sequence[Booked], placed: Sequence[Sequence[_Group]]
    ) -> list[list[int | None]]:
        """One debit line per expense, in stable order; for each of ``booked`` the numbers of its expenses' lines."""
        numbers: list[list[int | None]] = [[None] * len(groups) for groups in placed]
        each = sorted(
            (group.debit.account, group.debit.dimensions, one.report_id, fact.transaction_id, at, place)
            for at, (one, groups) in enumerate(zip(booked, placed, strict=True))
            for place, (fact, group) in enumerate(zip(one.expenses, groups, strict=True))
            if not self._is_excluded(group)
        )
        for number, (account, dimensions, _, _, at, place) in enumerate(each, start=1):
            fact, rule = booked[at].expenses[place], placed[at][place].debit.rule
            text = ", ".join(part for part in (fact.merchant, fact.category) if part)
            derived.lines.append(
                DerivedLine(number, account, dict(dimensions), fact.amount_cents or 0, text[:100], _joined([rule]))
            )
            numbers[at][place] = number
        return numbers

    @staticmethod
    def _credit_groups(derived: DerivedJournal, listed: Iterable[_Group]) -> None:
        """Balance: the negated sums of what was debited, by balancing account."""
        for (account, dimensions), groups in _by_account(listed, lambda group: group.credit):
            number = len(derived.lines) + 1
            rule = _joined(group.credit.rule for group in groups)
            text = "Payable to employees" if "card" not in rule else "Company card"
            cents = -sum(group.cents for group in groups)
            derived.lines.append(DerivedLine(number, account, dict(dimensions), cents, text, rule))
            for group in groups:
                group.numbers = group.numbers._replace(credit=number)


def _debit_groups(derived: DerivedJournal, listed: Iterable[_Group]) -> None:
    for (account, dimensions), groups in _by_account(listed, lambda group: group.debit):
        number = len(derived.lines) + 1
        rule = _joined(group.debit.rule for group in groups)
        text = _joined(group.category for group in groups)
        cents = sum(group.cents for group in groups)
        derived.lines.append(DerivedLine(number, account, dict(dimensions), cents, text[:100], rule))
        for group in groups:
            group.numbers = Numbers(number, None)


def _by_account(
    listed: Iterable[_Group], side: Callable[[_Group], _Side]
) -> list[tuple[tuple[str, tuple[tuple[str, str], ...]], list[_Group]]]:
    """The groups of each account with its dimensions, in stable order."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], list[_Group]] = {}
    for group in listed:
        found.setdefault((side(group).account, side(group).dimensions), []).append(group)
    return sorted(found.items(), key=lambda item: (item[0][0], _as_text(item[0][1])))


@lru_cache(maxsize=4096)
def _as_text(dimensions: tuple[tuple[str, str], ...]) -> str:
    return json.dumps(dict(dimensions), sort_keys=True)


def _debit_side(tenant: Tenant, category: str | None, gl_code: str | None, tags: Tags) -> _Side:
    missing: list[str] = []
    account = mapping.gl_account(tenant, category, gl_code)
    if account.value is None:
        missing.append("gl_account")
    values = {}
    for name, section in tenant.mapping.dimensions.items():
        found = mapping.dimension(section, name, tags)
        if found.value is None and section.required:
            missing.append(name)
        values[name] = found
    dimensions = mapping.filled(values)
    rules = [account.rule, *(found.rule for found in values.values() if found.value is not None)]
    full = UNMAPPED
    if not missing:
        try:
            full = tenant.erp.account(account.value or "", dimensions)
        except ValueError as error:
            missing.append(f"{INVALID}{error}")
        if len(full) > _LONGEST_ACCOUNT:
            full = UNMAPPED
            missing.append(f"{INVALID}it has more than {_LONGEST_ACCOUNT} characters")
    return _Side(full, tuple(sorted(dimensions.items())), "; ".join(rules), tuple(missing))


def _credit_side(
    tenant: Tenant, reimbursable: bool, reimbursed: bool, bank: str | None, card_name: str | None, kind: Kind
) -> _Side:
    credit = tenant.posting.credit
    account: CreditAccount | None
    if not reimbursable:
        account = mapping.card_account(credit.company_card, bank, card_name)
        rule, missing = "posting.credit.company_card", "company_card"
    elif reimbursed and credit.already_reimbursed is not None:
        account, rule, missing = credit.already_reimbursed, "posting.credit.already_reimbursed", ""
    elif kind == "bill":
        stops = (f"{CREDIT}already_reimbursed",) if reimbursed else ()
        return _Side(AP_ACCOUNT, (), "the ERP makes the payable", stops)
    else:
        # A net-zero AP part needs no balancing account: its credit line is zero and never sent.
        account, rule, missing = credit.reimbursable, "posting.credit.reimbursable", "reimbursable"
    if account is None:
        if tenant.erp.document_kind == "bill" and reimbursable:
            return _Side(AP_ACCOUNT, (), "the payable is zero", ())
        return _Side(UNMAPPED, (), f"no account in {rule}", (f"{CREDIT}{missing}",))
    return _Side(account.account, tuple(sorted(account.dimensions.items())), rule, ())


def _explain(tenant: Tenant, what: str, name: str) -> tuple[str, str, str]:
    file = f"{tenant.name}.yaml"
    if what.startswith(INVALID):
        return (
            "account_invalid",
            f"Category '{name}' gives an account that the ERP cannot have: {what.removeprefix(INVALID)}",
            f"Correct `mapping` or the account template in {file}, then clear this task",
        )
    if what == "gl_account":
        if not name:
            return (
                "category_missing",
                "An expense has no category",
                f"Give it a category in Expensify, or set `mapping.gl_account.default` in {file}, then clear this task",
            )
        gl_code = ", or give the category a GL code in Expensify" if tenant.mapping.gl_account.expensify_gl_code else ""
        return (
            "category_unmapped",
            f"Category '{name}' has no account",
            f"Write it under `mapping.gl_account.values` in {file}{gl_code}, then clear this task",
        )
    if what == "credit:company_card" and not name:
        return (
            "card_unmapped",
            "A company card expense names no card",
            f"Set `posting.credit.company_card.default` in {file}, then clear this task",
        )
    if what == "credit:company_card":
        return (
            "card_unmapped",
            f"Company card '{name}' has no balancing account",
            f"Write it under `posting.credit.company_card.by_card` (or set its `default`) in {file}, then clear this task",
        )
    if what == "credit:already_reimbursed":
        return (
            "already_reimbursed",
            "Expensify has reimbursed this report already: a bill would pay it a second time",
            f"Set `posting.credit.already_reimbursed` in {file} to book it against that account, or settle it as closed",
        )
    if what.startswith("credit:"):
        return ("credit_missing", "No balancing account", f"Set `posting.credit.{what[7:]}` in {file}")
    level = tenant.mapping.dimensions[what].tag
    gl_code = ", or give the tag a GL code in Expensify" if tenant.mapping.dimensions[what].expensify_gl_code else ""
    label = what.replace("_", " ")
    if not name:
        return (
            f"{what}_missing",
            f"An expense has no tag on level {level} ({label})",
            f"Tag it in Expensify, or set `mapping.dimensions.{what}.default` in {file}, then clear this task",
        )
    return (
        f"{what}_unmapped",
        f"Tag '{name}' has no {label}",
        f"Write it under `mapping.dimensions.{what}.values` in {file}{gl_code}, then clear this task",
    )


def _joined(values: Iterable[str]) -> str:
    distinct = sorted({value for value in values if value})
    return ", ".join(distinct[:4]) + (f" and {len(distinct) - 4} more" if len(distinct) > 4 else "")
