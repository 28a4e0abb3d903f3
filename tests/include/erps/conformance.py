"""What every ERP has to do, as one suite over real sockets.

An ERP runs it by a subclass in ``tests/include/erps/<erp>/test_conformance.py``::

    class TestSomeErp(Conformance):
        adapter_class = SomeAdapter
"""

from __future__ import annotations

import logging
import re
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from functools import partial
from typing import ClassVar

import pytest

from include.erps.port import Draft, Erp, ErpDocument, Problem
from include.erps.site import SiteQuestions
from include.errors import Misconfigured, NotExecuted, Rejected, Retryable, UnknownOutcome
from include.sandbox.faults import Action, Delay, Drip, Drop, Fault, LateEffect, Replace, Status, Truncate
from tests.include.erps.adapter import DAY, TEXT, Adapter

TIMEOUT_S = 0.6
SLOW_S = 1.2
PAGE = "<html><head><title>Gateway</title></head><body>The page cannot be displayed</body></html>"

CREATE_FAULTS: dict[str, tuple[Action, str]] = {
    "dropped-before": (Drop(), "before"),
    "dropped": (Drop(), "after"),
    "late-effect": (LateEffect(0.3), "before"),
    "delayed": (Delay(SLOW_S), "after"),
    "dripped": (Drip(SLOW_S), "after"),
    "cut": (Truncate(20), "after"),
    "cut-clean": (Truncate(20, clean=True), "after"),
    "empty": (Replace(""), "after"),
    "html": (Replace(PAGE), "after"),
    "500": (Status(500, PAGE), "before"),
    "502": (Status(502, PAGE), "before"),
    "503": (Status(503, PAGE), "before"),
    "429": (Status(429, PAGE, {"Retry-After": "7"}), "before"),
    "500-after": (Status(500, PAGE), "after"),
    "502-after": (Status(502, PAGE), "after"),
    "503-after": (Status(503, PAGE), "after"),
    "504-after": (Status(504, PAGE), "after"),
}
"""``before``: the server never did what was asked; ``after``: it did, and only the answer suffers."""

LOOK_UP_FAULTS: dict[str, tuple[Action, str]] = {
    "dropped": (Drop(), "after"),
    "delayed": (Delay(SLOW_S), "after"),
    "dripped": (Drip(SLOW_S), "after"),
    "cut": (Truncate(20), "after"),
    "cut-clean": (Truncate(20, clean=True), "after"),
    "empty": (Replace(""), "after"),
    "html": (Replace(PAGE), "after"),
    "json-null": (Replace("null"), "after"),
    "empty-object": (Replace("{}"), "after"),
    "204": (Status(204), "after"),
    "302": (Status(302, "", {"Location": "/login"}), "after"),
    "500": (Status(500, PAGE), "after"),
    "502": (Status(502, PAGE), "after"),
    "503": (Status(503, PAGE), "after"),
    "429": (Status(429, PAGE, {"Retry-After": "0"}), "after"),
}

AMOUNTS: dict[str, tuple[int, ...]] = {
    "one-cent": (1,),
    "largest": (9_999_999_999,),
    "thirds": (3333, 3333, 3334),
    "tenths": (10, 20, 30),
    "refund-among-others": (10_000, -2_599),
    "refund": (-12_540,),
    "equal-lines": (500, 500),
}

_NOT_FOR_FINANCE = re.compile(r"Traceback|Exception|Error\b|HTTP|None|[<>{}\n]")


def nothing(document: str) -> None:
    """Keeps nothing of what is sent."""


def ready(erp: Erp, draft: Draft) -> Draft:
    """The draft as the ERP's own check settles it."""
    (verdict,) = erp.check([draft])
    assert verdict.problems == ()
    return verdict.draft


def lines_of(draft: Draft) -> list[tuple[str, int]]:
    return sorted((line.account, line.amount_cents) for line in draft.sent_lines)


def assert_is(document: ErpDocument, draft: Draft) -> None:
    """The document is the draft's, as far as the ERP's answer tells."""
    assert document.live
    assert document.total_cents == draft.control_total_cents
    assert document.currency in (None, draft.currency)
    assert document.posting_date in (None, draft.posting_date)
    assert document.lines is None or sorted(document.lines) == lines_of(draft)


def differs(document: ErpDocument, draft: Draft) -> bool:
    other_lines = document.lines is not None and sorted(document.lines) != lines_of(draft)
    return other_lines or document.total_cents != draft.control_total_cents


def until(condition: Callable[[], bool], seconds: float = 3.0) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)


def everything_said(error: BaseException) -> str:
    said = [*traceback.format_exception(error), repr(error), str(vars(error))]
    return "\n".join(said)


class Conformance:
    adapter_class: ClassVar[type[Adapter]]

    @pytest.fixture
    def adapter(self) -> Iterator[Adapter]:
        adapter = self.adapter_class()
        with adapter.sandbox:
            yield adapter

    # --- check ---

    def test_good_drafts_have_no_problems_and_keep_their_order(self, adapter: Adapter) -> None:
        drafts = [adapter.draft(key="R1"), adapter.draft(7, key="R2"), adapter.draft(1, 2, key="R3")]
        with adapter.open() as erp:
            verdicts = erp.check(drafts)
        assert [verdict.problems for verdict in verdicts] == [(), (), ()]
        assert [verdict.draft.key for verdict in verdicts] == ["R1", "R2", "R3"]
        assert [verdict.draft.lines for verdict in verdicts] == [draft.lines for draft in drafts]

    def test_a_check_posts_nothing(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            ready(erp, adapter.draft())
        assert adapter.created == 0
        assert adapter.stored(adapter.draft()) == []

    def test_checking_again_settles_the_same(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            settled = ready(erp, adapter.draft())
            assert ready(erp, settled) == settled

    def test_a_missing_account_is_a_problem(self, adapter: Adapter) -> None:
        account = adapter.remove_account(adapter.draft())
        with adapter.open() as erp:
            (verdict,) = erp.check([adapter.draft()])
        self.assert_problem(verdict.problems, "account_missing", account)

    def test_an_account_on_hold_is_a_problem(self, adapter: Adapter) -> None:
        if not adapter.holds_accounts:
            pytest.skip("this ERP has no accounts on hold")
        account = adapter.hold_account(adapter.draft())
        with adapter.open() as erp:
            (verdict,) = erp.check([adapter.draft()])
        self.assert_problem(verdict.problems, "account_on_hold", account)

    def test_a_closed_period_is_a_problem_and_the_next_open_day_is_known(self, adapter: Adapter) -> None:
        if not adapter.closes_periods:
            pytest.skip("this ERP's periods cannot be read")
        adapter.close_period(DAY)
        with adapter.open() as erp:
            (verdict,) = erp.check([adapter.draft()])
            self.assert_problem(verdict.problems, "period_closed", "")
            if adapter.moves_periods:
                assert erp.next_open_date(verdict.draft) == date(2026, 11, 1)

    def assert_problem(self, problems: tuple[Problem, ...], code: str, subject: str) -> None:
        assert [problem.code for problem in problems] == [code]
        (problem,) = problems
        assert subject in problem.subject
        assert subject in problem.message
        for text in (problem.message, problem.fix):
            assert len(text.split()) >= 4
            assert not _NOT_FOR_FINANCE.search(text), text

    # --- find and create ---

    def test_an_unknown_reference_finds_nothing(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            assert erp.find(ready(erp, adapter.draft())) == []
        assert adapter.created == 0

    def test_what_was_created_is_found_as_it_is(self, adapter: Adapter) -> None:
        sent: list[str] = []
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            assert erp.find(draft) == []
            made = erp.create(draft, sent.append)
            assert made.live
            assert made.total_cents in (None, draft.control_total_cents)
            complete = erp.complete(draft, made)
            (found,) = erp.find(draft)
        assert_is(found, draft)
        assert complete.number is not None
        assert found.number == complete.number
        (held,) = adapter.stored(draft)
        assert (held.number, held.total_cents, held.live) == (found.number, 12_540, True)
        assert sorted(held.lines) == lines_of(draft)
        assert len(sent) == 1
        assert adapter.created == 1

    def test_another_session_finds_it_too(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            number = erp.complete(draft, erp.create(draft, nothing)).number
        with adapter.open() as erp:
            (found,) = erp.find(draft)
        assert_is(found, draft)
        assert found.number == number

    def test_completing_what_was_found_changes_nothing(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            erp.complete(draft, erp.create(draft, nothing))
            (found,) = erp.find(draft)
            assert erp.complete(draft, found).number == found.number
            assert erp.complete(draft, erp.complete(draft, found)).number == found.number
        assert adapter.created == 1
        assert len(adapter.stored(draft)) == 1

    def test_a_longer_reference_is_another_document(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            longer, shorter = ready(erp, adapter.draft(key="R12")), ready(erp, adapter.draft(99, key="R1"))
            erp.create(longer, nothing)
            assert erp.find(shorter) == []
            erp.create(shorter, nothing)
            assert [found.total_cents for found in erp.find(shorter)] == [99]
            assert [found.total_cents for found in erp.find(longer)] == [12_540]

    @pytest.mark.parametrize("name", AMOUNTS)
    def test_every_amount_arrives_to_the_cent(self, adapter: Adapter, name: str) -> None:
        amounts = AMOUNTS[name]
        if sum(amounts) < 0 and not adapter.takes_refunds:
            pytest.skip("this ERP takes no document that is a refund as a whole")
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft(*amounts))
            made = erp.create(draft, nothing)
            assert made.total_cents in (None, draft.control_total_cents)
            (found,) = erp.find(draft)
        assert_is(found, draft)
        (held,) = adapter.stored(draft)
        assert held.total_cents == draft.control_total_cents
        assert sorted(held.lines) == lines_of(draft)

    def test_every_text_arrives(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft(text=TEXT))
            erp.create(draft, nothing)
            (found,) = erp.find(draft)
        assert_is(found, draft)
        (held,) = adapter.stored(draft)
        assert any(adapter.text_kept in text for text in held.texts), held.texts

    def test_a_voided_document_is_not_live(self, adapter: Adapter) -> None:
        if not adapter.voids:
            pytest.skip("nobody can void a document of this ERP")
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            erp.create(draft, nothing)
            adapter.void(draft)
            assert [found for found in erp.find(draft) if found.live] == []

    def test_an_altered_document_differs(self, adapter: Adapter) -> None:
        if not adapter.alters:
            pytest.skip("nobody can alter a document of this ERP")
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            erp.create(draft, nothing)
            adapter.alter(draft)
            found = erp.find(draft)
        assert found
        assert all(differs(one, draft) or not one.live for one in found)

    def test_two_documents_of_one_reference_are_both_found(self, adapter: Adapter) -> None:
        if not adapter.takes_reference_twice:
            pytest.skip("this ERP refuses a second document with the same reference")
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            erp.create(draft, nothing)
            erp.create(draft, nothing)
            numbers = {found.number for found in erp.find(draft) if found.live}
        assert numbers == {held.number for held in adapter.stored(draft)}
        assert len(numbers) == 2

    # --- before_send ---

    def test_the_evidence_comes_before_the_effect_and_only_the_effect_after_it(self, adapter: Adapter) -> None:
        seen: list[tuple[int, int]] = []
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())

            def before_send(document: str) -> None:
                assert draft.sent_lines[0].account in document
                seen.append((len(adapter.stored(draft)), len(adapter.sandbox.operations(adapter.service))))

            erp.create(draft, before_send)
            ((stored, calls),) = seen
            assert stored == 0
            # The next request of this service is the create: no log-on, token or template comes between.
            assert (
                adapter.sandbox.operations(adapter.service)[calls]
                .lower()
                .startswith(adapter.create.lower().rstrip("*"))
            )

    def test_nothing_is_sent_when_the_evidence_cannot_be_kept(self, adapter: Adapter) -> None:
        def fail(document: str) -> None:
            raise LookupError("ledger locked")

        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            with pytest.raises(LookupError, match="ledger locked"):
                erp.create(draft, fail)
            assert erp.find(draft) == []
        assert adapter.created == 0

    # --- a create whose answer is lost ---

    @pytest.mark.parametrize("name", CREATE_FAULTS)
    def test_a_lost_answer_is_never_followed_by_a_second_create(self, adapter: Adapter, name: str) -> None:
        action, when = CREATE_FAULTS[name]
        expected = adapter.definite.get(name, UnknownOutcome)
        sent: list[str] = []
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
        with adapter.open(timeout_s=TIMEOUT_S) as erp:
            assert erp.find(draft) == []
            adapter.sandbox.faults.add(Fault(adapter.service, adapter.create, action, when=when))  # type: ignore[arg-type]
            with pytest.raises(expected) as caught:
                erp.create(draft, sent.append)
        assert type(caught.value) is expected
        assert adapter.sandbox.faults.pending == []
        assert len(sent) == 1
        took_effect = when == "after" or isinstance(action, LateEffect)
        until(lambda: len(adapter.stored(draft)) == int(took_effect))
        assert (adapter.created, len(adapter.stored(draft))) == (1, int(took_effect))
        if expected in (NotExecuted, Rejected):
            assert not took_effect
        with adapter.open() as erp:
            found = erp.find(draft)
        if took_effect:
            (one,) = found
            assert_is(one, draft)
        else:
            assert found == []

    def test_the_same_session_can_look_up_what_became_of_it(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            adapter.sandbox.faults.add(Fault(adapter.service, adapter.create, Drop(), when="after"))
            with pytest.raises(UnknownOutcome):
                erp.create(draft, nothing)
            (found,) = erp.find(draft)
        assert_is(found, draft)

    def test_no_connection_is_not_executed(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
        adapter.sandbox.stop()
        with adapter.open() as erp, pytest.raises(NotExecuted):
            erp.create(draft, nothing)
        assert adapter.created == 0

    def test_a_connection_that_ends_before_the_create_leaves_nothing_behind(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            with pytest.raises((NotExecuted, UnknownOutcome)):
                erp.create(draft, lambda document: adapter.sandbox.stop())
        assert adapter.created == 0
        assert adapter.stored(draft) == []

    # --- a create that the ERP refuses ---

    def test_a_refusal_is_rejected_in_the_erps_words(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            adapter.remove_account(draft)
            with pytest.raises(Rejected) as caught:
                erp.create(draft, nothing)
            assert draft.reference in str(caught.value)
            # An ERP that is asked something right before the create may say no there already.
            assert adapter.created == (1 if caught.value.raw_answer else 0)
            assert len(str(caught.value)) < 2_000
            assert erp.find(draft) == []
        assert adapter.stored(draft) == []

    def test_a_period_that_was_closed_meanwhile_is_rejected(self, adapter: Adapter) -> None:
        if not adapter.closes_periods or not adapter.refuses_closed_period:
            pytest.skip("this server does not refuse a closed period")
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            adapter.close_period(DAY)
            with pytest.raises(Rejected):
                erp.create(draft, nothing)
        assert adapter.stored(draft) == []

    # --- sessions and tokens ---

    def test_a_session_that_ended_is_renewed_for_a_look_up(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            erp.create(draft, nothing)
            adapter.expire()
            (found,) = erp.find(draft)
            adapter.expire()
            assert erp.check([draft])[0].problems == ()
        assert_is(found, draft)

    @pytest.mark.parametrize("moment", ["before-create", "before-send"])
    def test_a_session_that_ended_makes_no_second_document(self, adapter: Adapter, moment: str) -> None:
        def expire(document: str) -> None:
            adapter.expire()

        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            assert erp.find(draft) == []
            if moment == "before-create":
                adapter.expire()
            try:
                erp.create(draft, nothing if moment == "before-create" else expire)
            except NotExecuted:
                assert adapter.stored(draft) == []
                assert erp.find(draft) == []
                erp.create(draft, nothing)
            (found,) = erp.find(draft)
        assert_is(found, draft)
        assert len(adapter.stored(draft)) == 1

    def test_leaving_gives_the_session_back_or_keeps_the_token(self, adapter: Adapter) -> None:
        for key in ("R1", "R2"):
            with adapter.open() as erp:
                erp.create(ready(erp, adapter.draft(key=key)), nothing)
        assert adapter.open_sessions() == 0
        if adapter.log_on:
            assert adapter.logged_on == (1 if adapter.keeps_token else 2)

    def test_leaving_by_an_error_gives_the_session_back(self, adapter: Adapter) -> None:
        def fail(document: str) -> None:
            raise LookupError("worker stopped")

        with pytest.raises(LookupError), adapter.open() as erp:
            erp.create(ready(erp, adapter.draft()), fail)
        assert adapter.open_sessions() == 0

    def test_a_session_that_is_never_used_asks_nothing(self, adapter: Adapter) -> None:
        with adapter.open():
            pass
        assert adapter.sandbox.operations(adapter.service) == []

    # --- look-ups ---

    @pytest.mark.parametrize("name", LOOK_UP_FAULTS)
    def test_a_look_up_without_a_reliable_answer_is_never_an_empty_one(self, adapter: Adapter, name: str) -> None:
        action, when = LOOK_UP_FAULTS[name]
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            erp.create(draft, nothing)
        with adapter.open(timeout_s=TIMEOUT_S) as erp:
            fault = Fault(adapter.service, adapter.look_up, action, when=when, times=99)  # type: ignore[arg-type]
            adapter.sandbox.faults.add(fault)
            began = time.monotonic()
            with pytest.raises(Retryable):
                erp.find(draft)
            assert time.monotonic() - began < adapter.longest_find_s
            assert fault.struck >= 1
        adapter.sandbox.faults.clear()
        with adapter.open() as erp:
            (found,) = erp.find(draft)
        assert_is(found, draft)

    @pytest.mark.parametrize(
        "name", ["empty", "html", "json-null", "empty-object", "204", "302", "500", "502", "503", "429"]
    )
    def test_one_bad_answer_among_good_ones_is_never_an_empty_look_up(self, adapter: Adapter, name: str) -> None:
        action, when = LOOK_UP_FAULTS[name]
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            erp.create(draft, nothing)
        with adapter.open() as erp:
            adapter.sandbox.faults.add(Fault(adapter.service, adapter.look_up, action, when=when))  # type: ignore[arg-type]
            # Asking again is allowed, for a look-up has no effect; what counts is the truth of what comes back.
            with suppress(Retryable):
                (found,) = erp.find(draft)
                assert_is(found, draft)
        assert adapter.sandbox.faults.pending == []

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_a_refused_look_up_is_never_an_empty_one(self, adapter: Adapter, status: int) -> None:
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            adapter.sandbox.faults.add(Fault(adapter.service, adapter.look_up, Status(status, PAGE), times=99))
            with pytest.raises((Retryable, Misconfigured)):
                erp.find(draft)

    def test_a_server_that_is_away_is_no_answer(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
        adapter.sandbox.stop()
        with adapter.open() as erp:
            with pytest.raises(Retryable):
                erp.find(draft)
            with pytest.raises(Retryable):
                erp.check([draft])

    # --- secrets ---

    def test_no_text_of_ours_holds_a_secret(self, adapter: Adapter, caplog: pytest.LogCaptureFixture) -> None:
        said: list[str] = []
        with caplog.at_level(logging.DEBUG), adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            made = erp.create(draft, said.append)
            (found,) = erp.find(draft)
            secrets = (*adapter.secrets, *adapter.live_secrets())
            assert all(secrets)
            said += [repr(erp), repr(made), repr(found), repr(erp.complete(draft, made))]
        records = [one for one in caplog.records if not one.name.startswith(("asyncio", "aiohttp"))]
        said += [record.getMessage() for record in records]
        assert [secret for secret in secrets if any(secret in text for text in said)] == []

    @pytest.mark.parametrize("status", [200, 400, 500])
    @pytest.mark.parametrize("operation", ["create", "look-up"])
    def test_a_server_that_repeats_our_secrets_is_not_quoted(
        self, adapter: Adapter, operation: str, status: int
    ) -> None:
        with adapter.open() as erp:
            draft = ready(erp, adapter.draft())
            erp.find(draft)
            secrets = (*adapter.secrets, *adapter.live_secrets())
            said = f"ERROR: denied to {' '.join(secrets)}"
            action: Action = Replace(said) if status == 200 else Status(status, said)
            name = adapter.create if operation == "create" else adapter.look_up
            adapter.sandbox.faults.add(Fault(adapter.service, name, action, when="after", times=99))
            ask = partial(erp.create, draft, nothing) if operation == "create" else partial(erp.find, draft)
            with pytest.raises((Rejected, UnknownOutcome, NotExecuted, Retryable, Misconfigured)) as caught:
                ask()
        text = everything_said(caught.value)
        assert [secret for secret in secrets if secret in text] == []

    # --- what is said of the site before anything is posted ---

    def site_questions(self, adapter: Adapter, currency: str = "USD") -> SiteQuestions:
        draft = adapter.draft()
        accounts = tuple(line.account for line in draft.sent_lines)
        return SiteQuestions(draft.currency if currency == "USD" else currency, (DAY,), accounts)

    def test_a_good_site_has_nothing_that_blocks(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            checks = erp.site_checks(self.site_questions(adapter))
            found = [(check.subject, list(check.ask())) for check in checks]
        assert len(found) >= 3
        for subject, findings in found:
            assert findings, subject
            assert {finding.level for finding in findings} <= {"ok", "warning"}, findings
            for finding in findings:
                assert len(finding.message.split()) >= 3
                assert [secret for secret in adapter.secrets if secret in finding.message] == []
        assert adapter.created == 0
        assert adapter.stored(adapter.draft()) == []

    def test_asking_for_the_site_s_checks_sends_nothing(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            erp.site_checks(self.site_questions(adapter))
            assert adapter.sandbox.operations(adapter.service) == []

    def test_a_ledger_in_another_currency_is_never_called_right(self, adapter: Adapter) -> None:
        with adapter.open() as erp:
            findings = [
                finding
                for check in erp.site_checks(self.site_questions(adapter, currency="CHF"))
                for finding in check.ask()
                if finding.subject == "ledger currency"
            ]
        assert [finding.level for finding in findings if finding.level != "ok"] == [one.level for one in findings]
        assert findings
        assert all("CHF" in finding.message + finding.fix for finding in findings)

    def test_the_first_question_to_a_site_that_does_not_answer_is_retryable(self, adapter: Adapter) -> None:
        adapter.sandbox.faults.add(Fault(adapter.service, "*", Drop(), when="before", times=99))
        with adapter.open() as erp:
            first = erp.site_checks(self.site_questions(adapter))[0]
            with pytest.raises(Retryable):
                list(first.ask())
