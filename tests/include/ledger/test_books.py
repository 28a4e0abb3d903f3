"""The ledger's side of a reconciliation, on every database."""

from __future__ import annotations

from datetime import UTC, date, datetime

from include.ledger import books, reconciliation
from include.ledger.database import Ledger
from include.ledger.runs import RunKey
from include.reconcile.comparison import Comparison, Total
from include.reconcile.sides import Difference
from tests.include.ledger.company import DAY, Company, expense, report
from tests.include.ledger.fake_erp import FakeErp

KEY = f"{DAY:%Y%m%d}-1"
AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def posted(ledger: Ledger, name: str = "midwest", target: str | None = None) -> Company:
    company = Company(ledger, name, **({"target": target} if target else {}))
    company.claim(report("R1", expense("t1", 250)), report("R2", expense("t2", 75)))
    company.check()
    company.poster(FakeErp()).post(KEY)
    return company


def test_a_journal_comes_with_everything_that_is_in_it(ledger: Ledger) -> None:
    company = posted(ledger)
    with ledger.read() as connection:
        # One of its reports is enough to have the whole journal compared.
        reports, keys = books.in_days(connection, company.scope, date(2020, 1, 1), date(2020, 1, 2), ["R1", "R9"])
        found = books.read(connection, company.scope, keys)
    assert (reports, keys) == ({"R1", "R2", "R9"}, {KEY})
    journal = found.journals[KEY]
    assert (journal.state, journal.report_ids, journal.day, journal.by_hand) == ("posted", ("R1", "R2"), DAY, False)
    assert journal.draft is not None
    assert journal.draft.control_total_cents == 325
    assert [(one.spent.transaction_id, one.spent.amount_cents) for one in found.expenses] == [("t1", 250), ("t2", 75)]


def test_the_days_are_those_of_the_approval_both_included(ledger: Ledger) -> None:
    company = posted(ledger)
    with ledger.read() as connection:
        assert books.in_days(connection, company.scope, DAY, DAY, ()) == ({"R1", "R2"}, {KEY})
        assert books.in_days(connection, company.scope, date(2026, 1, 1), date(2026, 1, 31), ()) == (set(), set())


def test_an_expense_that_another_company_has_posted_too_is_seen(ledger: Ledger) -> None:
    first = posted(ledger)
    posted(ledger, "pacific", "plain:erp.example:TWO")
    with ledger.read() as connection:
        found = books.read(connection, first.scope, [KEY])
    assert found.elsewhere == {"t1": f"plain:erp.example:TWO {KEY}", "t2": f"plain:erp.example:TWO {KEY}"}


def test_a_reference_of_any_tenant_of_the_company_is_known(ledger: Ledger) -> None:
    company = posted(ledger)
    with ledger.read() as connection:
        (reference,) = {one.reference for one in books.read(connection, company.scope, [KEY]).journals.values()}
        assert reference is not None
        known = books.known_references(connection, company.scope.target, [reference.lower(), reference, "EXP-9"])
        assert books.known_references(connection, "plain:other", [reference]) == frozenset()
    assert known == {reference.upper()}


def test_a_difference_is_kept_resolved_and_read(ledger: Ledger) -> None:
    company = Company(ledger)
    one = Difference("deleted", "gone", "find out", "USD", 0, 325, "R1", KEY, day=DAY)
    days = (date(2026, 11, 1), date(2026, 11, 30))
    found = Comparison((one,), (Total("USD", ledger=325),), (), ("a note",), 1, 1, 1)
    for number, (compared, at) in enumerate([(found, 12), (found, 13), (Comparison((), (), ()), 14)]):
        with ledger.write() as connection:
            key = RunKey("reconcile__midwest", f"run-{number}")
            reconciliation.record(connection, company.scope, key, days, compared, AT.replace(hour=at))
    with ledger.read() as connection:
        (last,) = reconciliation.latest(connection, ["midwest", "nobody"])
        (row,) = reconciliation.differences(connection, ["midwest"], include_resolved=True).rows
        assert reconciliation.differences(connection, ["midwest"]).total == 0
    assert (last.run_id, last.outcome, last.open_count) == ("run-2", "agrees", 0)
    assert (row.first_seen_at.hour, row.last_seen_at.hour) == (12, 13)
    assert row.resolved_at == AT.replace(hour=14)
