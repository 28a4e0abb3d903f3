"""Each rule over a cluster's books sees what it is for, and nothing in books that are right."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from include.sandbox.expensify.state import Job
from scripts import cluster_check
from scripts.cluster_check import Document, LedgerView
from scripts.cluster_workers import Posting, under_way

OWNER = {"target": "syspro:127.0.0.1:EDU1", "tenant": "acme"}
KEY = {**OWNER, "journal_key": "20261120-1"}
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
POSTED = Document("syspro", "EXP-20261120-1", 12540)


def expense(transaction_id: str, cents: int, report_id: str = "R1") -> dict[str, Any]:
    return {
        **KEY,
        "transaction_id": transaction_id,
        "report_id": report_id,
        "amount_cents": cents,
        "debit_line": 1,
        "credit_line": 2,
    }


def view(state: str = "posted") -> LedgerView:
    """One journal over 125.40 with two expenses of report R1."""
    return LedgerView(
        journals=[{**KEY, "reference": "EXP-20261120-1", "state": state, "total_debit_cents": 12540}],
        lines=[
            {**KEY, "line": 1, "account": "6100", "amount_cents": 12540},
            {**KEY, "line": 2, "account": "2150", "amount_cents": -12540},
        ],
        expenses=[expense("1", 12000), expense("2", 540)],
        members=[{**KEY, "report_id": "R1", "left_at": None}],
        events=[{**KEY, "id": 1, "to_state": "posted", "at": NOON}],
        attempts=[],
        findings=[],
    )


def report(*transactions: str, status: str = "Approved") -> dict[str, Any]:
    return {"reportID": "R1", "status": status, "transactionList": [{"transactionID": name} for name in transactions]}


def marking(at: datetime, *report_ids: str) -> Job:
    return Job("file:mark", "file", "combinedReportData", at, 200, {}, reports=report_ids)


class TestExactlyOnce:
    def test_one_document_per_posted_journal_is_right(self) -> None:
        other = Document("sage_100", "EXP-20261120-1", 700)
        assert cluster_check.not_exactly_once(view(), [other], [other, POSTED]) == []

    @pytest.mark.parametrize(
        ("state", "documents", "said"),
        [
            ("posted", [], "has 0 documents"),
            ("posted", [POSTED, POSTED], "has 2 documents"),
            ("posted", [replace(POSTED, cents=12541)], "the ERP has 12541 cents, the ledger 12540"),
            ("posting", [POSTED], "is posting and the ERP has a document"),
            ("held", [POSTED], "is held and the ERP has a document"),
            ("posted", [POSTED, replace(POSTED, reference="EXP-9")], "'EXP-9' that no journal names"),
            ("posted", [POSTED, replace(POSTED, erp="sage_100")], "sage_100 has a document"),
        ],
    )
    def test_anything_else_is_said(self, state: str, documents: list[Document], said: str) -> None:
        (finding,) = cluster_check.not_exactly_once(view(state), [], documents)
        assert said in finding

    def test_a_bill_compares_by_what_is_payable(self) -> None:
        lines = [
            {**KEY, "line": 1, "account": "6100", "amount_cents": 12540},
            {**KEY, "line": 3, "account": "6200", "amount_cents": -40},
            {**KEY, "line": 2, "account": "AP", "amount_cents": -12500},
        ]
        bill = replace(view(), lines=lines)
        assert cluster_check.not_exactly_once(bill, [], [replace(POSTED, cents=12500)]) == []
        assert cluster_check.not_exactly_once(bill, [], [POSTED]) != []


class TestSums:
    def test_a_journal_that_is_the_sum_of_its_expenses_is_right(self) -> None:
        assert cluster_check.unbalanced(view()) == []

    def test_a_missing_cent_is_said(self) -> None:
        lines = [dict(view().lines[0]), {**view().lines[1], "amount_cents": -12539}]
        assert cluster_check.unbalanced(replace(view(), lines=lines)) == [
            "acme 20261120-1: its lines sum to 1 cents",
            "acme 20261120-1: its lines are not the sums of its expenses",
        ]

    def test_an_expense_too_many_is_said(self) -> None:
        wrong = replace(view(), expenses=[*view().expenses, expense("3", 1)])
        assert cluster_check.unbalanced(wrong) == ["acme 20261120-1: its lines are not the sums of its expenses"]


class TestClaims:
    def test_each_approved_expense_in_one_journal_is_right(self) -> None:
        assert cluster_check.not_claimed_once(view(), [report("1", "2"), report("9", status="Open")]) == []

    def test_one_that_is_nowhere_is_said(self) -> None:
        assert cluster_check.not_claimed_once(view(), [report("1", "2", "3")]) == ["expense 3 of R1 is in 0 journals"]

    def test_one_in_two_companies_is_said(self) -> None:
        elsewhere = {**expense("1", 12000), "target": "sage_100:127.0.0.1:ABC"}
        journals = [*view().journals, {**view().journals[0], "target": elsewhere["target"]}]
        wrong = replace(view(), expenses=[*view().expenses, elsewhere], journals=journals)
        assert cluster_check.not_claimed_once(wrong, [report("1", "2")]) == ["expense 1 of R1 is in 2 journals"]

    def test_one_that_a_finding_tells_of_is_right(self) -> None:
        told = replace(view(), findings=[{"report_id": "R1"}])
        assert cluster_check.not_claimed_once(told, [report("1", "2", "3")]) == []


class TestMarks:
    def test_a_mark_after_the_posting_is_right(self) -> None:
        assert cluster_check.marked_too_early(view(), [marking(NOON.replace(hour=13), "R1")]) == []

    @pytest.mark.parametrize("state", ["posted", "held"])
    def test_a_mark_before_it_is_said(self, state: str) -> None:
        events = view().events if state == "posted" else []
        wrong = replace(view(state), events=events)
        assert cluster_check.marked_too_early(wrong, [marking(NOON.replace(hour=11), "R1")]) == [
            "R1 was marked before 20261120-1 was posted"
        ]

    def test_a_posted_report_without_its_mark_is_said(self) -> None:
        assert cluster_check.unmarked(view(), {"R1": {"label"}}, ["acme"]) == []
        assert cluster_check.unmarked(view(), {"R1": set()}, ["acme"]) == ["R1 is posted and not marked"]
        assert cluster_check.unmarked(view(), {}, ["acme"]) == ["R1 is posted and not marked"]
        assert cluster_check.unmarked(view("held"), {}, ["acme"]) == []
        assert cluster_check.unmarked(view(), {}, ["another"]) == [], "a tenant that marks nothing"


def test_a_create_is_under_way_from_its_sending_until_its_end() -> None:
    sent = {**KEY, "dag_id": "d", "run_id": "r", "map_index": 2, "sent_at": NOON, "ended_at": None}
    attempts = [{**sent, "sent_at": None}, {**sent, "ended_at": NOON}, {**sent, "dag_id": None}, sent]
    assert under_way(replace(view("posting"), attempts=attempts)) == [Posting("acme", "20261120-1", "d", "r", 2)]
