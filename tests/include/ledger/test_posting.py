"""The posting protocol, branch by branch, against a scripted ERP and a clock that only the tests move.

The lease is 90 s (60 s for a request, 30 s to settle).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from include.erps.port import Draft, ErpDocument
from include.errors import (
    Conflict,
    Held,
    LeaseRunning,
    LookupFailed,
    Misconfigured,
    NotExecuted,
    ReferenceTaken,
    Rejected,
    Retryable,
    UnclearRefusal,
    UnknownOutcome,
)
from include.ledger import tables
from include.ledger.database import Ledger, LedgerBusy
from include.transport import HttpClient, NotSent
from tests.include.ledger.company import START, Company, expense, report
from tests.include.ledger.fake_erp import (
    FakeErp,
    does_not_execute,
    look_up_fails,
    loses_the_answer,
    loses_the_request,
    raising,
    rejects,
    takes_it_late,
)

KEY = "20261120-1"
REFERENCE = "EXP-20261120-1"
LEASE_S = 90
SETTLE_S = 30


@pytest.fixture
def ready(company: Company) -> Company:
    """One journal over 15.00, checked."""
    company.claim(report("R1", expense("1", 1000), expense("2", 500, "Travel")))
    company.check()
    return company


def attempts(company: Company) -> list[dict[str, Any]]:
    return sorted(company.rows(tables.attempt), key=lambda row: row["attempt_id"])


def outcomes(company: Company) -> list[str | None]:
    return [row["outcome"] for row in attempts(company)]


def is_frozen(company: Company) -> bool:
    return company.journal(KEY).frozen


# --- the straight way ---


def test_a_journal_is_looked_up_then_created_once(ready: Company) -> None:
    erp = FakeErp()
    posted = ready.poster(erp).post(KEY)
    assert erp.calls == ["find", "create", "complete"]
    assert (posted.key, posted.state, posted.document_number, posted.total_debit_cents, posted.currency) == (
        KEY, "posted", "412", 1500, "USD",
    )  # fmt: skip
    journal = ready.journal(KEY)
    assert (journal.state, journal.document_number, journal.erp_status, journal.incomplete) == (
        "posted", "412", "Posted", False,
    )  # fmt: skip
    assert ready.moves(KEY)[-2:] == [("ready", "posting"), ("posting", "posted")]
    (attempt,) = attempts(ready)
    assert (attempt["outcome"], attempt["document"], attempt["raw_answer"]) == ("posted", "<document/>", "<ok/>")
    assert (attempt["dag_id"], attempt["run_id"], attempt["try_number"]) == ("expenses__midwest", "run-1", 1)


def test_posting_again_asks_the_erp_nothing(ready: Company) -> None:
    ready.poster(FakeErp()).post(KEY)
    erp = FakeErp()
    assert ready.poster(erp).post(KEY).document_number == "412"
    assert erp.calls == []


def test_a_closed_journal_is_done_without_the_erp(company: Company) -> None:
    company.claim(report("R1", expense("1", 5), expense("2", -5)))
    erp = FakeErp()
    assert company.poster(erp).post(KEY).state == "closed"
    assert erp.calls == []


@pytest.mark.parametrize("state", ["drafted", "held"])
def test_a_journal_that_is_not_ready_is_refused_with_its_reasons(company: Company, state: str) -> None:
    company.claim(report("R1", expense("1", category="Unknown")))
    if state == "held":
        company.check()
    erp = FakeErp()
    with pytest.raises(Held, match="'Unknown' has no account"):
        company.poster(erp).post(KEY)
    assert erp.calls == []


def test_an_unknown_journal_says_what_to_clear(company: Company) -> None:
    with pytest.raises(Held, match="clear transform"):
        company.poster(FakeErp()).post("20260101-9")


def test_what_was_checked_is_what_is_sent(ready: Company) -> None:
    """The content changed between this task's reading of the journal and its posting."""
    erp = FakeErp()
    poster = ready.poster(erp)
    stale = poster._read(KEY)
    ready.claim(report("R1", expense("1", 900), expense("2", 500, "Travel")))
    ready.check()
    assert poster._attempts.begin(stale) is None
    poster.post(KEY)
    assert [draft.total_debit_cents for draft in erp.sent] == [1400]


# --- step 1: leases ---


def test_a_running_lease_is_neither_looked_up_nor_posted(ready: Company) -> None:
    with pytest.raises(UnknownOutcome):
        ready.poster(FakeErp([loses_the_request])).post(KEY)
    ready.clock.advance(10)
    erp = FakeErp()
    with pytest.raises(LeaseRunning) as caught:
        ready.poster(erp).post(KEY)
    assert erp.calls == []
    assert caught.value.delay_s == pytest.approx(80.5)
    assert caught.value.until == START + timedelta(seconds=1 + LEASE_S)


def test_the_lease_is_renewed_right_before_the_create(ready: Company) -> None:
    erp = FakeErp([loses_the_request])
    erp.before_create = lambda: ready.clock.advance(50)
    with pytest.raises(UnknownOutcome) as caught:
        ready.poster(erp).post(KEY)
    (attempt,) = attempts(ready)
    assert attempt["sent_at"] == START + timedelta(seconds=51)
    assert attempt["lease_until"] == START + timedelta(seconds=51 + LEASE_S)
    assert caught.value.delay_s == pytest.approx(LEASE_S + 0.5)


def test_who_lost_the_journal_before_sending_sends_nothing(ready: Company) -> None:
    other = FakeErp()

    def overtake() -> None:
        ready.clock.advance(LEASE_S + 1)
        ready.poster(other).post(KEY)

    erp = FakeErp()
    erp.before_create = overtake
    with pytest.raises(Retryable, match="took it over; nothing was sent"):
        ready.poster(erp).post(KEY)
    assert erp.sent == []
    assert len(other.sent) == 1
    assert ready.journal(KEY).state == "posted"


def test_who_lost_the_journal_while_looking_it_up_sends_nothing(ready: Company) -> None:
    other = FakeErp()
    slow = FakeErp()
    original = slow.find

    def find(draft: Any) -> Any:
        found = original(draft)
        ready.clock.advance(LEASE_S + 1)
        ready.poster(other).post(KEY)
        return found

    slow.find = find  # type: ignore[method-assign]
    with pytest.raises(Retryable, match="took it over"):
        ready.poster(slow).post(KEY)
    assert slow.calls == ["find"]
    assert ready.journal(KEY).document_number == "412"


def test_a_lease_that_was_renewed_too_slowly_is_not_used(ready: Company) -> None:
    """The process was suspended, or the ledger slow, while it renewed: 6 s by the monotonic clock."""
    ticks = iter([0.0, 6.0])
    erp = FakeErp()
    with pytest.raises(Retryable, match="nothing was sent"):
        ready.poster(erp, monotonic=lambda: next(ticks)).post(KEY)
    assert erp.sent == []
    (attempt,) = attempts(ready)
    assert (attempt["outcome"], attempt["sent_at"]) == ("not_sent", None)
    assert ready.poster(FakeErp()).post(KEY).state == "posted", "its lease was given back"


def test_a_take_over_that_races_with_a_renewal_sees_the_renewed_lease(ready: Company) -> None:
    """Both look at the journal at the lease's very end; the renewal comes first."""
    erp, late = FakeErp(), ready.poster(FakeErp())

    def peek() -> None:
        ready.clock.advance(LEASE_S + 1)

    def after_renewal(fake: FakeErp, draft: Any, before_send: Callable[[str], None]) -> ErpDocument:
        seen = late._read(KEY)
        before_send("<document/>")
        with pytest.raises(LeaseRunning):
            late._attempts.take_over(seen)
        return fake.store(draft)

    erp.before_create = peek
    erp.creates = [after_renewal]
    assert ready.poster(erp).post(KEY).state == "posted"


# --- step 2: the look-up ---


@pytest.mark.parametrize(
    "error",
    [look_up_fails(), Retryable("no route"), Misconfigured("no rights to the view")],
    ids=["failed", "unreachable", "misconfigured"],
)
def test_a_failed_look_up_never_leads_to_a_create(ready: Company, error: Exception) -> None:
    erp = FakeErp(finds=[error])
    with pytest.raises(type(error)):
        ready.poster(erp).post(KEY)
    assert erp.calls == ["find"]
    assert outcomes(ready) == ["lookup_failed"]
    # Nothing was sent, so the next try need not wait for the lease.
    assert ready.poster(erp).post(KEY).state == "posted"
    assert erp.calls == ["find", "find", "create", "complete"]


def test_a_look_up_that_breaks_down_never_leads_to_a_create(ready: Company) -> None:
    erp = FakeErp(finds=[KeyError("Rows")])
    with pytest.raises(KeyError):
        ready.poster(erp).post(KEY)
    assert erp.calls == ["find"]
    ready.clock.advance(LEASE_S + 1)
    assert ready.poster(erp).post(KEY).state == "posted"


def test_an_equal_document_is_adopted(ready: Company) -> None:
    erp = FakeErp()
    erp.store(ready.journal(KEY).draft())
    assert ready.poster(erp).post(KEY).document_number == "412"
    assert erp.calls == ["find", "complete"]
    assert outcomes(ready) == ["adopted"]


def test_a_document_that_tells_nothing_but_its_number_is_adopted(ready: Company) -> None:
    erp = FakeErp()
    erp.documents[REFERENCE] = [ErpDocument("77")]
    assert ready.poster(erp).post(KEY).document_number == "77"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"total_cents": 1499}, "over 14.99 instead of 15.00"),
        ({"currency": "EUR"}, "in EUR instead of USD"),
        ({"posting_date": date(2026, 11, 19)}, "of 2026-11-19 instead of 2026-11-20"),
        ({"lines": (("6100", 1500), ("2150", -1500))}, "with other lines"),
        ({"live": False, "status": "Voided"}, "which is Voided"),
    ],
    ids=["total", "currency", "date", "lines", "voided"],
)
def test_a_different_document_is_a_conflict(ready: Company, change: dict[str, Any], said: str) -> None:
    erp = FakeErp()
    document = erp.store(ready.journal(KEY).draft())
    erp.documents[REFERENCE] = [replace(document, **change)]
    with pytest.raises(Conflict, match=said):
        ready.poster(erp).post(KEY)
    assert erp.calls == ["find"]
    journal = ready.journal(KEY)
    assert (journal.state, journal.frozen) == ("conflict", True)
    assert said in journal.reasons[0].message
    with pytest.raises(Conflict, match=said):
        ready.poster(erp).post(KEY)
    assert erp.calls == ["find"]


@pytest.mark.parametrize("second_lives", [True, False], ids=["both_live", "one_voided"])
def test_more_than_one_document_is_a_conflict(ready: Company, second_lives: bool) -> None:
    erp = FakeErp()
    draft = ready.journal(KEY).draft()
    erp.store(draft)
    erp.store(draft)
    erp.documents[REFERENCE][1] = replace(erp.documents[REFERENCE][1], live=second_lives)
    with pytest.raises(Conflict, match=r"2 documents \(412, 413\)"):
        ready.poster(erp).post(KEY)


# --- step 3: what a create says ---


def test_a_refusal_thaws_all_but_key_reference_and_target(ready: Company) -> None:
    erp = FakeErp([rejects])
    with pytest.raises(Rejected, match="Account 6100 is on hold"):
        ready.poster(erp).post(KEY)
    journal = ready.journal(KEY)
    assert (journal.state, journal.frozen, journal.reference) == ("rejected", False, REFERENCE)
    assert outcomes(ready) == ["rejected"]
    assert attempts(ready)[0]["raw_answer"] == "<error>6100</error>"
    with pytest.raises(Rejected, match="on hold"):
        ready.poster(erp).post(KEY)
    assert erp.count("create") == 1
    ready.claim(report("R1", expense("1", 800)))
    ready.check()
    assert ready.references() == {KEY: REFERENCE}
    assert ready.poster(erp).post(KEY).total_debit_cents == 800
    assert erp.calls == ["find", "create", "find", "create", "complete"]


def test_not_executed_goes_back_to_the_look_up_and_creates_again(ready: Company) -> None:
    erp = FakeErp([does_not_execute, does_not_execute])
    assert ready.poster(erp).post(KEY).state == "posted"
    assert erp.calls == ["find", "create", "find", "create", "find", "create", "complete"]
    assert outcomes(ready) == ["not_executed", "not_executed", "posted"]


def test_not_executed_three_times_gives_the_journal_back_frozen(ready: Company) -> None:
    erp = FakeErp([does_not_execute] * 3)
    with pytest.raises(Retryable, match="nothing was posted") as caught:
        ready.poster(erp).post(KEY)
    assert caught.value.delay_s == 7
    assert erp.count("create") == 3
    assert ready.states() == {KEY: "ready"}
    assert is_frozen(ready)
    # Proved absent, and yet never derived again: the document was on its way.
    ready.claim(report("R1", expense("1", 5)))
    ready.derive_again(KEY)
    assert ready.journal(KEY).total_debit_cents == 1500
    assert ready.findings() == [("changed_after_posting", "R1", KEY)]
    assert ready.poster(erp).post(KEY).state == "posted", "the lease was released"


def test_a_reference_that_is_taken_is_looked_up_and_adopted(ready: Company) -> None:
    erp = FakeErp([raising(ReferenceTaken("it has the invoice already"), stored=True)])
    assert ready.poster(erp).post(KEY).document_number == "412"
    assert erp.calls == ["find", "create", "find", "complete"]
    assert outcomes(ready) == ["not_executed", "adopted"]


def test_a_reference_that_is_taken_by_what_no_look_up_shows_is_a_refusal(ready: Company) -> None:
    taken = raising(ReferenceTaken("it has the invoice already", "<exists/>"))
    erp = FakeErp([taken, taken, taken])
    with pytest.raises(Rejected, match="already, but its look-up shows no such document"):
        ready.poster(erp).post(KEY)
    assert erp.calls == ["find", "create", "find", "create"]
    assert ready.states() == {KEY: "rejected"}
    assert attempts(ready)[1]["raw_answer"] == "<exists/>"


def test_an_unclear_refusal_is_looked_up_twice_and_then_is_one(ready: Company) -> None:
    erp = FakeErp([raising(UnclearRefusal("words of no known meaning", raw_answer="ERROR: Out of cheese"))])
    with pytest.raises(UnknownOutcome, match="of no known meaning"):
        ready.poster(erp).post(KEY)
    assert ready.states() == {KEY: "posting"}
    ready.clock.advance(LEASE_S + 1)
    with pytest.raises(Retryable, match="looked up once more"):
        ready.poster(erp).post(KEY)
    ready.clock.advance(SETTLE_S + 1)
    with pytest.raises(Rejected, match="refused the journal: words of no known meaning; looked up twice since"):
        ready.poster(erp).post(KEY)
    assert erp.count("create") == 1
    assert ready.states() == {KEY: "rejected"}
    assert outcomes(ready) == ["absent", "absent_once", "rejected"]
    assert attempts(ready)[2]["raw_answer"] == "ERROR: Out of cheese"
    # A person has cleared it: the same reference, looked up and sent once more.
    ready.claim(report("R1", expense("1", 800)))
    ready.check()
    assert ready.poster(erp).post(KEY).total_debit_cents == 800
    assert erp.count("create") == 2


def test_what_followed_by_an_unclear_refusal_took_effect_is_adopted(ready: Company) -> None:
    erp = FakeErp([raising(UnclearRefusal("words of no known meaning"), stored=True)])
    with pytest.raises(UnknownOutcome):
        ready.poster(erp).post(KEY)
    ready.clock.advance(LEASE_S + 1)
    assert ready.poster(erp).post(KEY).document_number == "412"
    assert erp.count("create") == 1


@pytest.mark.parametrize(("asked_s", "waits_s"), [(600.0, 600.0), (5.0, LEASE_S + 0.5)], ids=["longer", "shorter"])
def test_a_wait_that_the_server_names_is_kept_after_an_unknown_outcome(
    ready: Company, asked_s: float, waits_s: float
) -> None:
    erp = FakeErp([raising(UnknownOutcome("HTTP 503 came back", asked_s))])
    with pytest.raises(UnknownOutcome) as caught:
        ready.poster(erp).post(KEY)
    assert caught.value.delay_s == pytest.approx(waits_s)


def test_an_unknown_outcome_stays_in_posting_until_it_is_found(ready: Company) -> None:
    erp = FakeErp([loses_the_answer])
    with pytest.raises(UnknownOutcome, match="looks it up and never posts it a second time"):
        ready.poster(erp).post(KEY)
    assert ready.states() == {KEY: "posting"}
    assert attempts(ready)[0]["raw_answer"] == "half an ans"
    ready.clock.advance(LEASE_S + 1)
    assert ready.poster(erp).post(KEY).document_number == "412"
    assert erp.count("create") == 1
    assert outcomes(ready) == ["unknown", "adopted"]


def test_an_unknown_outcome_is_created_again_only_after_two_empty_look_ups(ready: Company) -> None:
    erp = FakeErp([loses_the_request])
    with pytest.raises(UnknownOutcome):
        ready.poster(erp).post(KEY)
    ready.clock.advance(LEASE_S + 1)
    with pytest.raises(Retryable, match="looked up once more in 30 s") as caught:
        ready.poster(erp).post(KEY)
    assert caught.value.delay_s == pytest.approx(30.5)
    assert erp.count("create") == 1
    ready.clock.advance(SETTLE_S - 1)
    with pytest.raises(LeaseRunning):
        ready.poster(erp).post(KEY)
    ready.clock.advance(1.5)
    assert ready.poster(erp).post(KEY).state == "posted"
    assert erp.calls == ["find", "create", "find", "find", "create", "complete"]
    assert outcomes(ready) == ["absent", "absent_once", "posted"]


def test_a_document_that_appears_between_the_two_look_ups_is_adopted(ready: Company) -> None:
    erp = FakeErp([takes_it_late])
    with pytest.raises(UnknownOutcome):
        ready.poster(erp).post(KEY)
    ready.clock.advance(LEASE_S + 1)
    with pytest.raises(Retryable):
        ready.poster(erp).post(KEY)
    erp.catch_up()
    ready.clock.advance(SETTLE_S + 1)
    assert ready.poster(erp).post(KEY).document_number == "412"
    assert erp.count("create") == 1


def test_a_failed_second_look_up_does_not_count_as_empty(ready: Company) -> None:
    erp = FakeErp([loses_the_request])
    with pytest.raises(UnknownOutcome):
        ready.poster(erp).post(KEY)
    ready.clock.advance(LEASE_S + 1)
    erp.finds = [look_up_fails()]
    with pytest.raises(LookupFailed):
        ready.poster(erp).post(KEY)
    with pytest.raises(Retryable, match="once more in 30 s"):
        ready.poster(erp).post(KEY)
    assert erp.count("create") == 1


def test_a_worker_that_stands_still_between_lease_and_request_sends_nothing(
    ready: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.ledger.posting.STALE_LEASE_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        http = HttpClient(f"http://127.0.0.1:{server.getsockname()[1]}", request_timeout_s=1)

        def stands_still(erp: FakeErp, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
            before_send("<document/>")
            time.sleep(0.1)
            try:
                http.request("POST", "/", content=b"<document/>")
            except NotSent as error:
                raise NotExecuted(str(error)) from None
            raise AssertionError("it was sent")

        erp = FakeErp([stands_still])
        assert ready.poster(erp).post(KEY).state == "posted"
        with pytest.raises(TimeoutError):
            server.accept()
    assert outcomes(ready) == ["not_executed", "posted"]


class Remembering(FakeErp):
    """An ERP that would rely on what earlier tasks saw."""

    def ask_anew(self) -> None:
        self.calls.append("ask anew")


def test_what_earlier_tasks_saw_is_not_relied_on_while_a_create_is_in_doubt(ready: Company) -> None:
    erp = Remembering([loses_the_request])
    with pytest.raises(UnknownOutcome):
        ready.poster(erp).post(KEY)
    assert erp.calls == ["find", "create"]
    ready.clock.advance(LEASE_S + 1)
    with pytest.raises(Retryable):
        ready.poster(erp).post(KEY)
    ready.clock.advance(SETTLE_S + 1)
    ready.poster(erp).post(KEY)
    assert erp.calls[2:] == ["ask anew", "find", "ask anew", "find", "create", "complete"]


def test_a_second_unknown_outcome_needs_two_empty_look_ups_of_its_own(ready: Company) -> None:
    erp = FakeErp([loses_the_request, loses_the_request])
    for _ in range(2):
        with pytest.raises(UnknownOutcome):
            ready.poster(erp).post(KEY)
        ready.clock.advance(LEASE_S + 1)
        with pytest.raises(Retryable, match="once more"):
            ready.poster(erp).post(KEY)
        ready.clock.advance(SETTLE_S + 1)
    assert ready.poster(erp).post(KEY).state == "posted"
    assert erp.calls == ["find", "create", "find"] * 2 + ["find", "create", "complete"]


def test_the_second_look_up_begins_a_settle_time_after_the_first_ended(ready: Company) -> None:
    """A look-up that takes long must not count the time it took itself."""
    erp = FakeErp([loses_the_request])
    with pytest.raises(UnknownOutcome):
        ready.poster(erp).post(KEY)
    ready.clock.advance(LEASE_S + 1)
    with pytest.raises(Retryable, match="once more"):
        ready.poster(erp).post(KEY)
    with ready.ledger.write() as connection:
        connection.execute(tables.attempt.update().values(lease_until=ready.clock()))
    original = erp.find

    def slow(draft: Any) -> Any:
        found = original(draft)
        ready.clock.advance(SETTLE_S + 1)
        return found

    erp.find = slow  # type: ignore[method-assign]
    with pytest.raises(Retryable, match="once more"):
        ready.poster(erp).post(KEY)
    assert erp.count("create") == 1


@pytest.mark.parametrize(
    "error",
    [
        Retryable("HTTP 503"),
        LookupFailed("the number could not be read"),
        Misconfigured("HTTP 403"),
        Held("the answer cannot be read"),
        KeyError("Journal"),
        ValueError("http://user:secret@erp.example is no answer"),
        TimeoutError("timed out"),
    ],
    ids=["retryable", "lookup", "misconfigured", "held", "key", "value", "timeout"],
)
@pytest.mark.parametrize("stored", [True, False], ids=["took_effect", "had_none"])
def test_any_other_error_after_sending_is_an_unknown_outcome(ready: Company, error: Exception, stored: bool) -> None:
    erp = FakeErp([raising(error, stored=stored)])
    with pytest.raises(UnknownOutcome) as caught:
        ready.poster(erp).post(KEY)
    assert "secret" not in str(caught.value)
    assert ready.states() == {KEY: "posting"}
    assert outcomes(ready) == ["unknown"]
    assert drive(ready, erp) == "posted"
    assert len(erp.live(REFERENCE)) == 1


@pytest.mark.parametrize(
    "error", [Retryable("no connection"), Misconfigured("HTTP 401"), Held("too long")], ids=["retryable", "401", "held"]
)
def test_an_error_before_sending_gives_the_lease_back(ready: Company, error: Exception) -> None:
    erp = FakeErp([raising(error, sent=False)])
    with pytest.raises(type(error)):
        ready.poster(erp).post(KEY)
    assert outcomes(ready) == ["not_sent"]
    assert ready.poster(erp).post(KEY).state == "posted"
    assert erp.calls == ["find", "create", "find", "create", "complete"]


def test_an_unknown_outcome_counts_even_if_the_client_never_said_that_it_sends(ready: Company) -> None:
    erp = FakeErp([raising(UnknownOutcome("reset"), sent=False)])
    with pytest.raises(UnknownOutcome):
        ready.poster(erp).post(KEY)
    ready.clock.advance(LEASE_S + 1)
    with pytest.raises(Retryable, match="once more"):
        ready.poster(erp).post(KEY)


def test_a_refusal_that_comes_without_sending_is_definite_too(ready: Company) -> None:
    with pytest.raises(Rejected):
        ready.poster(FakeErp([raising(Rejected("no such batch"), sent=False)])).post(KEY)
    assert ready.states() == {KEY: "rejected"}


def test_not_executed_without_having_sent_is_tried_again(ready: Company) -> None:
    erp = FakeErp([raising(NotExecuted("no session"), sent=False)])
    assert ready.poster(erp).post(KEY).state == "posted"


# --- step 4: afterwards ---


def test_a_ledger_that_locks_after_the_create_is_an_unknown_outcome(
    ready: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    erp = FakeErp()
    poster = ready.poster(erp)
    original = Ledger.write

    def locked_once_created(ledger: Ledger) -> Any:
        if erp.sent:
            raise LedgerBusy("database is locked")
        return original(ledger)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "write", locked_once_created)
        with pytest.raises(UnknownOutcome, match="the next try finds it"):
            poster.post(KEY)
    assert ready.states() == {KEY: "posting"}
    assert drive(ready, erp) == "posted"
    assert erp.count("create") == 1


def test_a_ledger_that_locks_after_any_other_answer_is_safe_as_well(
    ready: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Ledger.write
    erp = FakeErp([loses_the_answer])

    def locked_once_created(ledger: Ledger) -> Any:
        if erp.sent:
            raise LedgerBusy("database is locked")
        return original(ledger)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "write", locked_once_created)
        with pytest.raises(Retryable):
            ready.poster(erp).post(KEY)
    assert drive(ready, erp) == "posted"
    assert erp.count("create") == 1


def test_a_success_without_a_number_is_posted_and_completed_without_a_create(ready: Company) -> None:
    erp = FakeErp()
    erp.hides_number = True
    erp.completes = [Retryable("the number is not there yet")]
    with pytest.raises(Retryable):
        ready.poster(erp).post(KEY)
    journal = ready.journal(KEY)
    assert (journal.state, journal.document_number, journal.incomplete) == ("posted", None, True)
    assert ready.poster(erp).post(KEY).document_number == "412"
    assert erp.calls == ["find", "create", "complete", "complete"]
    assert ready.poster(erp).post(KEY).document_number == "412"
    assert erp.count("complete") == 2


def test_a_number_that_stays_unknown_is_asked_for_again(ready: Company) -> None:
    erp = FakeErp()
    erp.hides_number = True
    original = erp.complete
    erp.complete = lambda draft, document: document  # type: ignore[method-assign]
    with pytest.raises(Retryable, match="is posted"):
        ready.poster(erp).post(KEY)
    assert ready.states() == {KEY: "posted"}
    erp.complete = original  # type: ignore[method-assign]
    assert ready.poster(erp).post(KEY).document_number == "412"
    assert erp.count("create") == 1


def test_a_total_that_differs_is_posted_and_a_finding(ready: Company) -> None:
    erp = FakeErp()
    erp.shown_total = 1400
    assert ready.poster(erp).post(KEY).state == "posted"
    assert ready.findings() == [("total_differs", "R1", KEY)]
    (row,) = ready.rows(tables.finding)
    assert "15.00 USD" in row["message"]
    assert "14.00" in row["message"]
    assert ready.journal(KEY).posted_debit_cents == 1400


def test_a_total_that_shows_only_on_completion_is_compared_then(ready: Company) -> None:
    erp = FakeErp()
    erp.hides_number = True
    erp.shown_total = 1400
    original = erp.create

    def without_total(draft: Any, before_send: Any) -> ErpDocument:
        return replace(original(draft, before_send), total_cents=None)

    erp.create = without_total  # type: ignore[method-assign]
    ready.poster(erp).post(KEY)
    assert ready.findings() == [("total_differs", "R1", KEY)]
    assert ready.journal(KEY).posted_debit_cents == 1400


# --- killed anywhere ---


class Killed(BaseException):
    """The process ends here: nothing of ours runs any more."""


def drive(company: Company, erp: FakeErp, tries: int = 12) -> str:
    """Let Airflow's retries go on, each after the wait that it was told; the end state."""
    for _ in range(tries):
        try:
            return company.poster(erp).post(KEY).state
        except Retryable as error:
            company.clock.advance(error.delay_s or 15)
            erp.catch_up()
        except (Rejected, Conflict) as error:
            return type(error).__name__.lower()
    raise AssertionError(f"still not done: {company.states()}")


@pytest.mark.parametrize("late", [False, True], ids=["at_once", "late"])
def test_killed_at_any_statement_of_the_ledger_leaves_one_document(ready: Company, late: bool) -> None:
    """Kill the process before its n-th statement, for every n, and let another take over."""
    step = 0
    while True:
        step += 1
        erp = FakeErp([takes_it_late] if late else ())
        if not kill_at(ready, erp, step):
            break
        assert drive(ready, erp) == "posted", f"killed at statement {step}"
        assert len(erp.live(REFERENCE)) == 1, f"killed at statement {step}"
        assert len(erp.sent) == 1
        start_over(ready)
    assert step > 15, "the protocol has more statements than that: the kills did not happen"


def start_over(company: Company) -> None:
    """The journal is as it was when it had been checked."""
    with company.ledger.write() as connection:
        for table in (tables.attempt, tables.finding):
            connection.execute(table.delete())
        connection.execute(
            tables.journal.update().values(
                state="ready", frozen=False, attempt_id=None, document_number=None, incomplete=False, posted_at=None
            )
        )


def kill_at(company: Company, erp: FakeErp, step: int) -> bool:
    """Run a first try in a "process" of its own that dies before its n-th statement; true when it died."""
    seen = 0
    sockets: list[Any] = []

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen >= step:
            raise Killed

    with Ledger(company.ledger.url) as own:
        victim = Company(own, clock=company.clock)
        sa.event.listen(own.engine, "connect", lambda connection, _: sockets.append(connection))
        sa.event.listen(own.engine, "before_cursor_execute", count)
        sa.event.listen(own.engine, "commit", count)
        try:
            victim.poster(erp).post(KEY)
        except Killed:
            return True
        except Retryable:
            return seen >= step
        finally:
            # The operating system closes what the process had open; the database rolls back.
            for connection in sockets:
                connection.close()
    return False


@pytest.mark.parametrize(
    "behaviour",
    [raising(Killed()), raising(Killed(), stored=True), raising(Killed(), sent=False)],
    ids=["sent", "taken", "unsent"],
)
def test_killed_inside_the_create_leaves_one_document(ready: Company, behaviour: Any) -> None:
    erp = FakeErp([behaviour])
    with pytest.raises(Killed):
        ready.poster(erp).post(KEY)
    with pytest.raises(LeaseRunning):
        ready.poster(erp).post(KEY)
    assert drive(ready, erp) == "posted"
    assert len(erp.live(REFERENCE)) == 1
