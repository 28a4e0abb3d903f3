"""Expenses to balanced journal lines, with pandas.

Amounts stay int64 cents throughout. Every distinct (category, tags, card) combination is mapped once; each journal
balances by construction: its credit lines are the negated sums of its debits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from include.accounting import mapping
from include.accounting.mapping import UNMAPPED
from include.accounting.reasons import Reason
from include.accounting.reports import ExpenseFacts
from include.erps.port import AP_ACCOUNT, Kind
from include.settings.tenant import CreditAccount, Tenant

EXPENSE_COLUMNS = (
    "journal_key",
    "report_id",
    "transaction_id",
    "amount_cents",
    "category",
    "category_gl_code",
    "tags",
    "reimbursable",
    "bank",
    "card_name",
    "merchant",
    "reimbursed",
)


INVALID = "invalid account: "
"""Marks what the ERP's own rule said of an account, among the names of what is missing."""


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


@dataclass
class Derivation:
    """Result of :func:`derive`: journals by key, and per expense (by position in the input) its two lines."""

    journals: dict[str, DerivedJournal]
    debit_line: pd.Series
    credit_line: pd.Series


def expense_frame(rows: Iterable[tuple[str, str, ExpenseFacts, bool]]) -> pd.DataFrame:
    """The input of :func:`derive` from (journal key, report ID, expense, report already reimbursed)."""
    records = [
        (
            key,
            report_id,
            fact.transaction_id,
            fact.amount_cents or 0,
            fact.category or "",
            fact.category_gl_code or "",
            fact.tags,
            fact.reimbursable,
            fact.bank or "",
            fact.card_name or "",
            fact.merchant or "",
            reimbursed,
        )
        for key, report_id, fact, reimbursed in rows
    ]
    return pd.DataFrame.from_records(records, columns=list(EXPENSE_COLUMNS))


def derive(expenses: pd.DataFrame, tenant: Tenant, currency_of: Mapping[str, str]) -> Derivation:
    """Map and group ``expenses`` (columns :data:`EXPENSE_COLUMNS`) into one balanced set of lines per journal.

    :param currency_of: journal key to its currency, for the reasons' amounts.
    """
    frame = expenses.reset_index(drop=True).copy()
    frame["amount_cents"] = frame["amount_cents"].astype("int64")
    debits = _mapped_debits(frame, tenant)
    frame = pd.concat([frame, debits], axis=1)
    frame["excluded"] = ~frame["reimbursable"].astype(bool) & (tenant.company_card == "exclude")
    journals: dict[str, DerivedJournal] = {}
    kinds = _kinds(frame, tenant)
    frame["kind"] = frame["journal_key"].map(kinds)
    frame = pd.concat([frame, _mapped_credits(frame, tenant)], axis=1)
    booked = frame[~frame["excluded"]]
    for key, kind in kinds.items():
        journals[str(key)] = DerivedJournal(kind=kind)
    for reason_key, reason in _reasons(booked, tenant, currency_of):
        journals[reason_key].reasons.append(reason)
    debit_number, next_number = _number_debits(booked, tenant, journals)
    credit_number = _number_credits(booked, journals, next_number)
    return Derivation(
        journals=journals,
        debit_line=debit_number.reindex(frame.index),
        credit_line=credit_number.reindex(frame.index),
    )


def _mapped_debits(frame: pd.DataFrame, tenant: Tenant) -> pd.DataFrame:
    """Account, dimensions (JSON), rule and what is missing, per expense; each distinct combination is mapped once."""
    keys = list(zip(frame["category"], frame["category_gl_code"], frame["tags"], strict=True))
    known: dict[Any, tuple[str, str, str, tuple[str, ...]]] = {}
    for key in keys:
        if key not in known:
            known[key] = _map_one(tenant, *key)
    mapped = [known[key] for key in keys]
    columns = ["account", "dimensions", "rule", "missing"]
    return pd.DataFrame.from_records(mapped, columns=columns, index=frame.index)


def _map_one(
    tenant: Tenant, category: str, gl_code: str, tags: tuple[tuple[str, str | None], ...]
) -> tuple[str, str, str, tuple[str, ...]]:
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
    return full, json.dumps(dimensions, sort_keys=True), "; ".join(rules), tuple(missing)


def _kinds(frame: pd.DataFrame, tenant: Tenant) -> dict[str, Kind]:
    """Bill or journal. A bill needs a payable that is not zero and that nobody has paid yet."""
    keys = sorted(set(frame["journal_key"]))
    if tenant.erp.document_kind == "journal":
        return dict.fromkeys(keys, "journal")
    payable = frame[frame["reimbursable"].astype(bool)]
    unpaid = payable[~payable["reimbursed"].astype(bool) | (tenant.posting.credit.already_reimbursed is None)]
    net = unpaid.groupby("journal_key")["amount_cents"].sum()
    return {key: "bill" if int(net.get(key, 0)) != 0 else "journal" for key in keys}


def _mapped_credits(frame: pd.DataFrame, tenant: Tenant) -> pd.DataFrame:
    keys = list(
        zip(frame["reimbursable"], frame["reimbursed"], frame["bank"], frame["card_name"], frame["kind"], strict=True)
    )
    known: dict[Any, tuple[str, str, str, str]] = {}
    for key in keys:
        if key not in known:
            known[key] = _credit_one(tenant, *key)
    columns = ["credit_account", "credit_dimensions", "credit_rule", "credit_missing"]
    return pd.DataFrame.from_records([known[key] for key in keys], columns=columns, index=frame.index)


def _credit_one(
    tenant: Tenant, reimbursable: bool, reimbursed: bool, bank: str, card_name: str, kind: Kind
) -> tuple[str, str, str, str]:
    credit = tenant.posting.credit
    account: CreditAccount | None
    if not reimbursable:
        account = mapping.card_account(credit.company_card, bank, card_name)
        rule, missing = "posting.credit.company_card", "company_card"
    elif reimbursed and credit.already_reimbursed is not None:
        account, rule, missing = credit.already_reimbursed, "posting.credit.already_reimbursed", ""
    elif kind == "bill":
        missing = "already_reimbursed" if reimbursed else ""
        return AP_ACCOUNT, "{}", "the ERP makes the payable", missing
    else:
        # A net-zero AP part needs no balancing account: its credit line is zero and never sent.
        account, rule, missing = credit.reimbursable, "posting.credit.reimbursable", "reimbursable"
    if account is None:
        if tenant.erp.document_kind == "bill" and reimbursable:
            return AP_ACCOUNT, "{}", "the payable is zero", ""
        return UNMAPPED, "{}", f"no account in {rule}", missing
    return account.account, json.dumps(dict(sorted(account.dimensions.items()))), rule, ""


def _reasons(frame: pd.DataFrame, tenant: Tenant, currency_of: Mapping[str, str]) -> Iterable[tuple[str, Reason]]:
    """One reason per journal, report and missing name, with the amount it holds up."""
    short = frame[frame["missing"].map(len) > 0]
    blocked: dict[tuple[str, str, str, str], int] = {}
    for row in short.itertuples(index=False):
        for what in row.missing:
            if what == "gl_account" or what.startswith(INVALID):
                name = str(row.category).strip()
            else:
                name = mapping.tag_text(row.tags, tenant.mapping.dimensions[what].tag).strip()
            key = (row.journal_key, row.report_id, what, name)
            blocked[key] = blocked.get(key, 0) + int(row.amount_cents)
    unbalanced = frame[frame["credit_missing"] != ""]
    for row in unbalanced.itertuples(index=False):
        feed = str(row.bank or row.card_name)
        key = (row.journal_key, row.report_id, f"credit:{row.credit_missing}", feed)
        blocked[key] = blocked.get(key, 0) + int(row.amount_cents)
    for (journal_key, report_id, what, name), cents in sorted(blocked.items()):
        code, message, fix = _explain(tenant, what, name)
        currency = currency_of.get(journal_key)
        yield journal_key, Reason(code, message, fix, name, report_id, cents, currency)


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


def _number_debits(
    frame: pd.DataFrame, tenant: Tenant, journals: dict[str, DerivedJournal]
) -> tuple[pd.Series, dict[str, int]]:
    """Group the debit side, append its lines to ``journals``; line number per expense and the next free number."""
    by = ["journal_key", "account", "dimensions"]
    if tenant.lines == "expense":
        by += ["report_id", "transaction_id"]
    grouped = frame.groupby(by, sort=True)
    sums = grouped["amount_cents"].sum().reset_index()
    sums["number"] = sums.groupby("journal_key").cumcount() + 1
    rules = grouped["rule"].agg(_joined)
    if tenant.lines == "expense":
        first = grouped[["merchant", "category"]].first()
        texts = [_expense_text(*pair) for pair in zip(first["merchant"], first["category"], strict=True)]
    else:
        texts = grouped["category"].agg(_joined)
    for row, rule, text in zip(sums.itertuples(index=False), rules, texts, strict=True):
        journals[row.journal_key].lines.append(
            DerivedLine(
                int(row.number), row.account, json.loads(row.dimensions), int(row.amount_cents), text[:100], rule
            )
        )
    numbers = frame[by].merge(sums[[*by, "number"]], on=by, how="left")["number"]
    numbers.index = frame.index
    last = sums.groupby("journal_key")["number"].max()
    return numbers, {str(key): int(value) + 1 for key, value in last.items()}


def _number_credits(
    frame: pd.DataFrame, journals: dict[str, DerivedJournal], next_number: Mapping[str, int]
) -> pd.Series:
    by = ["journal_key", "credit_account", "credit_dimensions"]
    grouped = frame.groupby(by, sort=True)
    sums = grouped["amount_cents"].sum().reset_index()
    sums["number"] = sums.groupby("journal_key").cumcount() + sums["journal_key"].map(next_number).fillna(1).astype(int)
    rules = grouped["credit_rule"].agg(_joined)
    for row, rule in zip(sums.itertuples(index=False), rules, strict=True):
        dimensions = json.loads(row.credit_dimensions)
        text = "Payable to employees" if "card" not in rule else "Company card"
        journals[row.journal_key].lines.append(
            DerivedLine(int(row.number), row.credit_account, dimensions, -int(row.amount_cents), text, rule)
        )
    numbers = frame[by].merge(sums[[*by, "number"]], on=by, how="left")["number"]
    numbers.index = frame.index
    return numbers


def _joined(values: Sequence[str]) -> str:
    distinct = sorted({value for value in values if value})
    return ", ".join(distinct[:4]) + (f" and {len(distinct) - 4} more" if len(distinct) > 4 else "")


def _expense_text(merchant: str, category: str) -> str:
    return ", ".join(part for part in (merchant, category) if part)
