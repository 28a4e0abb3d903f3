"""Reports are approved, edited, moved, deleted and posted in any order; what must always hold is checked after each step."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.accounting.reports import ExpenseFacts, ReportFacts
from include.errors import Refused, Retryable
from include.ledger import tables
from include.ledger.plan import Reading
from tests.include.ledger.company import DAY, Company, expense, report
from tests.include.ledger.fake_erp import (
    FakeErp,
    does_not_execute,
    loses_the_answer,
    loses_the_request,
    rejects,
    takes_it,
)

CATEGORIES = ["Meals", "Meals", "Travel", "Travel", "Gifts"]
EVERY = {"suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow], "deadline": None}


class Expensify:
    """The reports as their owners see them. A deleted report is gone; an unapproved one is OPEN."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.reports: dict[str, ReportFacts] = {}
        self.expenses = 0

    def _expense(self) -> ExpenseFacts:
        self.expenses += 1
        return expense(
            str(self.expenses),
            self.random.choice([500, 1000, 1500, -500]),
            self.random.choice(CATEGORIES),
            reimbursable=self.random.random() < 0.7,
        )

    def _set(self, item: ReportFacts, **changes: Any) -> None:
        changed = replace(item, **changes)
        self.reports[item.report_id] = replace(
            changed, total_cents=sum(fact.amount_cents or 0 for fact in changed.expenses)
        )

    def approve(self) -> None:
        name = f"R{len(self.reports) + 1}"
        day = DAY + timedelta(days=self.random.randrange(2))
        if name not in self.reports:
            self._set(report(name, *(self._expense() for _ in range(self.random.randrange(1, 4))), day=day))

    def any(self, *states: str) -> ReportFacts | None:
        found = [item for _, item in sorted(self.reports.items()) if item.status in states]
        return self.random.choice(found) if found else None

    def edit(self) -> None:
        if item := self.any("APPROVED"):
            facts = list(item.expenses)
            match self.random.randrange(4):
                case 0:
                    facts.append(self._expense())
                case 1:
                    facts = facts[1:]
                case _ if facts:
                    place = self.random.randrange(len(facts))
                    facts[place] = msgspec.structs.replace(self._expense(), transaction_id=facts[place].transaction_id)
            self._set(item, expenses=facts)

    def unapprove(self) -> None:
        if item := self.any("APPROVED"):
            self._set(item, status="OPEN")

    def approve_again(self) -> None:
        if item := self.any("OPEN"):
            day = self.random.choice([item.approved_day, DAY + timedelta(days=2)])
            self._set(item, status="APPROVED", approved_day=day)

    def reimburse(self) -> None:
        if item := self.any("APPROVED"):
            self._set(item, status="REIMBURSED")

    def delete(self) -> None:
        if item := self.any("APPROVED", "OPEN"):
            self._set(item, status="DELETED", expenses=[])

    def move(self) -> None:
        source, sink = self.any("APPROVED", "OPEN"), self.any("APPROVED", "OPEN")
        if source and sink and source.report_id != sink.report_id and source.expenses:
            moved, *rest = source.expenses
            self._set(source, expenses=rest)
            self._set(sink, expenses=[*sink.expenses, moved])


class World:
    """One tenant, its Expensify, its ERP; every method is something that happens."""

    def __init__(self, company: Company, random: Random) -> None:
        self.company = company
        self.random = random
        self.expensify = Expensify(random)
        self.erp = FakeErp()
        self.old: list[Reading] = []
        self.frozen: dict[str, Any] = {}

    def _reading(self, names: list[str]) -> Reading:
        present = [self.expensify.reports[name] for name in names]
        gone = [item.report_id for item in present if item.status == "DELETED"]
        read = [item for item in present if item.status != "DELETED"]
        wanted = [item.report_id for item in read if item.status in ("APPROVED", "REIMBURSED")]
        return self.company.reading(*read, wanted=wanted, absent=gone)

    def _claim(self, reading: Reading) -> None:
        self.company.claim(
            *reading.read.values(), wanted=reading.wanted, absent=reading.absent, at=reading.extracted_at
        )

    def read_some(self) -> None:
        names = sorted(self.expensify.reports)
        self._claim(self._reading([name for name in names if self.random.random() < 0.6]))

    def read_all(self) -> None:
        self._claim(self._reading(sorted(self.expensify.reports)))

    def export_now_and_claim_later(self) -> None:
        self.old.append(self._reading(sorted(self.expensify.reports)))
        self.company.clock.advance(1)

    def claim_an_old_export(self) -> None:
        if self.old:
            self._claim(self.old.pop(self.random.randrange(len(self.old))))

    def edit_the_mapping(self) -> None:
        account = self.random.choice(["6100", "6200", "6300"])
        known = {"Meals": account, "Travel": "6200"} | ({"Gifts": "6700"} if self.random.random() < 0.5 else {})
        self.company.tenant = self.company.tenant.model_copy(
            update={
                "mapping": self.company.tenant.mapping.model_copy(
                    update={"gl_account": self.company.tenant.mapping.gl_account.model_copy(update={"values": known})}
                )
            }
        )
        self.company.derive_again(*[key for key in self.company.journal_keys() if self.random.random() < 0.7])

    def check(self) -> None:
        self.company.check(erp=self.erp)

    def post(self) -> None:
        if self.random.random() < 0.5:
            self.check()
        keys = self.company.journal_keys()
        for key in keys:
            if self.random.random() < 0.5:
                choices = [takes_it, takes_it, takes_it, rejects, does_not_execute, loses_the_answer, loses_the_request]
                self.erp.creates = [self.random.choice(choices)]
                with contextlib.suppress(Retryable, Refused):
                    self.company.poster(self.erp).post(key)
        self.company.clock.advance(self.random.choice([1, 100]))

    def happen(self) -> None:
        self.random.choice(
            [
                *[self.expensify.approve] * 3,
                *[self.expensify.edit] * 2,
                self.expensify.unapprove,
                *[self.expensify.approve_again] * 2,
                self.expensify.reimburse,
                self.expensify.delete,
                *[self.expensify.move] * 2,
                *[self.read_some] * 3,
                self.read_all,
                self.export_now_and_claim_later,
                self.claim_an_old_export,
                self.edit_the_mapping,
                *[self.check] * 2,
                *[self.post] * 3,
            ]
        )()

    # --- what must hold ---

    def verify(self) -> None:
        rows = {row["journal_key"]: row for row in self.company.rows(tables.journal)}
        lines = self.company.rows(tables.journal_line)
        expenses = self.company.rows(tables.expense)
        members = {
            (row["journal_key"], row["report_id"])
            for row in self.company.rows(tables.journal_report)
            if row["left_at"] is None
        }
        for key, row in rows.items():
            own = {line["line"]: line["amount_cents"] for line in lines if line["journal_key"] == key}
            booked = [item for item in expenses if item["journal_key"] == key]
            assert sum(own.values()) == 0, key
            assert row["total_debit_cents"] == sum(cents for cents in own.values() if cents > 0), key
            debits, credits = Counter[int](), Counter[int]()
            for item in booked:
                assert (key, item["report_id"]) in members, (key, item["transaction_id"])
                debits[item["debit_line"]] += item["amount_cents"]
                credits[item["credit_line"]] -= item["amount_cents"]
            assert {**debits, **credits} == own, key
            if row["state"] == "closed":
                assert not any(own.values()), key
            self._verify_frozen(key, row, own, booked)
        currencies = {(item["journal_key"], item["currency"]) for item in expenses}
        assert len(currencies) == len({key for key, _ in currencies})

    def _verify_frozen(self, key: str, row: dict[str, Any], own: dict[int, int], booked: list[dict[str, Any]]) -> None:
        kept = (row["payload"], row["reference"], row["posting_date"], own, booked)
        if row["frozen"]:
            assert self.frozen.setdefault(key, kept) == kept, key
        else:
            assert row["state"] not in ("posting", "posted", "conflict"), key
            self.frozen.pop(key, None)
        if row["state"] == "posted":
            (document,) = self.erp.live(row["reference"])
            sent = {line["number"]: line["amount_cents"] for line in row["payload"]["lines"]}
            assert sent == {number: cents for number, cents in own.items() if cents}, key
            assert document.lines is not None
            assert sum(cents for _, cents in document.lines) == (
                0 if row["kind"] == "journal" else document.total_cents
            )

    def verify_that_nothing_is_lost(self) -> None:
        """Everything is read afresh: what is approved is claimed, visibly held, or told of."""
        self.company.clock.advance(1)
        self.read_all()
        self.check()
        self.verify()
        expenses = {row["transaction_id"]: row for row in self.company.rows(tables.expense)}
        told = {name for _, name, _ in self.company.findings()}
        held: set[str] = set()
        for row in self.company.rows(tables.journal_report):
            if row["left_at"] is None and self.company.journal(row["journal_key"]).state == "held":
                held.add(row["report_id"])
        for name, item in self.expensify.reports.items():
            claimed = {key for key, row in expenses.items() if row["report_id"] == name}
            if item.status in ("APPROVED", "REIMBURSED"):
                missing = {fact.transaction_id for fact in item.expenses} - claimed
                assert not missing or name in held or name in told, (name, missing)
            elif claimed:
                assert name in told, name


@pytest.mark.parametrize(
    "settings_",
    [
        {},
        {"hold": {"isolate": True}},
        {"posting": {"per": "report", "company_card": "journal"}},
        {"posting": {"company_card": "journal"}},
        {"erp": {"document": "bill"}, "posting": {"credit": {"already_reimbursed": "1010"}}},
    ],
    ids=["day", "isolated", "report_and_cards", "day_and_cards", "bills"],
)
@settings(max_examples=4, derandomize=True, database=None, **EVERY)
@given(seed=st.integers(0, 2**32))
def test_whatever_happens_every_expense_is_in_one_journal_or_visibly_held(
    new_company: Callable[..., Company], settings_: dict[str, Any], seed: int
) -> None:
    company = new_company(target=f"plain:{seed}", **settings_)
    empty(company)
    world = World(company, Random(seed))
    for _ in range(30):
        world.happen()
        world.verify()
    world.verify_that_nothing_is_lost()


def empty(company: Company) -> None:
    with company.ledger.write() as connection:
        for table in tables.metadata.sorted_tables:
            connection.execute(table.delete())
