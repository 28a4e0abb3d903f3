import json
import time
from datetime import timedelta
from typing import Any

import pytest

from include.erps.port import Line
from include.erps.sage_100.channel import Credentials
from include.errors import LookupFailed, Misconfigured, NotExecuted, Rejected, UnclearRefusal, UnknownOutcome
from include.sandbox.faults import Delay, Drip, Drop, Fault, LateEffect, Replace, Status, Truncate
from include.sandbox.sage_100 import Company, Sage100
from include.sandbox.server import Sandbox
from tests.include.erps.sage_100.conftest import CREATE, DAY, KEY, PASSWORD, Connect, journal
from tests.include.erps.shared_state import Tokens


def ignore(text: str) -> None:
    """Keeps nothing of what is sent."""


def test_an_entry_is_created_once_to_the_cent(connect: Connect, box: Sandbox, company: Company, api: str) -> None:
    sent: list[str] = []
    with connect() as client:
        made = client.create(journal(), sent.append)
    assert (made.number, made.total_cents, made.posting_date, made.status) == ("000001", 12540, DAY, "UNPOSTED")
    assert made.lines == (("600-01-00", 12540), ("200-00-00", -12540))
    assert client.complete(journal(), made) is made
    (entry,) = company.entries
    assert (entry.reference, entry.comment, entry.date) == ("R00AbCdEfGh", "Expensify report, J. Doe", DAY)
    assert (entry.source_journal, entry.batch) == ("GJ", "00000")
    assert [(line.account, line.debit_cents, line.credit_cents, line.comment) for line in entry.lines] == [
        ("600-01-00", 12540, 0, "Taxi"),
        ("200-00-00", 0, 12540, "Payable"),
    ]
    assert len(sent) == 1
    assert "125.40" in sent[0]
    assert box.operations("sage_100").count(CREATE[api]) == 1


def test_no_secret_is_kept_of_what_is_sent_or_answered(connect: Connect, box: Sandbox) -> None:
    sent: list[str] = []
    made = connect().create(journal(), sent.append)
    for text in (*sent, made.raw_answer or "", *(call.text for call in box.calls)):
        assert PASSWORD not in text
        assert KEY not in text
        assert "ogon" not in text


def test_every_text_arrives(connect: Connect, company: Company) -> None:
    comment = "Café & <Łódź> \"100%\" + 'é' → Š 東 ]]> €"
    draft = journal("R1", Line(1, "600-01-00", 1, {}, comment), Line(2, "200-00-00", -1))
    connect().create(draft, ignore)
    assert company.entries[0].lines[0].comment == "Café & <Lódz> \"100%\" + 'é' ? S ? ]]> €"


def test_the_longest_journal(connect: Connect, company: Company) -> None:
    lines = [
        Line(n, "600-01-00" if n % 2 else "200-00-00", 99_999_999_999 if n % 2 else -99_999_999_999, {}, "Travel & co")
        for n in range(1, 201)
    ]
    connect().create(journal("R1", *lines), ignore)
    assert len(company.entries[0].lines) == 200
    assert company.entries[0].debit_cents == 9_999_999_999_900


def test_nothing_is_sent_when_the_evidence_cannot_be_kept(connect: Connect, box: Sandbox, api: str) -> None:
    for error in (RuntimeError, ValueError, KeyError):

        def fail(text: str, error: type[Exception] = error) -> None:
            raise error("ledger locked")

        with pytest.raises(error, match="ledger locked"):
            connect().create(journal(), fail)
    assert CREATE[api] not in box.operations("sage_100")


def test_sage_creates_no_account_for_us(connect: Connect, box: Sandbox, company: Company, api: str) -> None:
    company.auto_create_accounts = "Y"
    draft = journal("R1", Line(1, "610-02-00", 100), Line(2, "200-00-00", -100))
    with pytest.raises(Rejected, match="is not sent: Sage 100 has no account 610-02-00"):
        connect().create(draft, ignore)
    assert CREATE[api] not in box.operations("sage_100")
    assert "610-02-00" not in company.accounts


def test_an_account_that_went_after_the_check_is_seen(
    connect: Connect, box: Sandbox, company: Company, api: str
) -> None:
    client = connect()
    assert client.check([journal()])[0].problems == ()
    del company.accounts["600-01-00"]
    with pytest.raises(Rejected, match="has no account 600-01-00"):
        client.create(journal(), ignore)
    assert CREATE[api] not in box.operations("sage_100")


def reads(box: Sandbox) -> int:
    """How often a single account was asked for."""
    asked = box.operations("sage_100")
    return asked.count("agent:Account") + asked.count("soap:GetGLAccount")


def test_an_account_seen_active_by_any_task_is_not_asked_for_again_within_a_minute(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    tokens, now = Tokens(), [1_000_000.0]
    shared: dict[str, Any] = {"shared": tokens, "clock": lambda: now[0], "account_recheck_s": 60}
    (verdict,) = connect(**shared).check([journal("R1")])
    assert (verdict.problems, reads(box)) == ((), 2)
    now[0] += 59
    connect(**shared).create(journal("R1"), ignore)
    assert reads(box) == 2
    # Another of its accounts is new: that one alone is read.
    connect(**shared).create(journal("R2", Line(1, "610-01-00", 100), Line(2, "200-00-00", -100)), ignore)
    assert reads(box) == 3
    now[0] += 2
    connect(**shared).create(journal("R3"), ignore)
    assert reads(box) == 5


def test_an_account_that_went_is_seen_by_a_journal_that_waited_and_by_a_replay(
    connect: Connect, box: Sandbox, company: Company, api: str
) -> None:
    company.auto_create_accounts = "Y"
    tokens, now = Tokens(), [1_000_000.0]
    shared: dict[str, Any] = {"shared": tokens, "clock": lambda: now[0], "account_recheck_s": 60}
    connect(**shared).check([journal()])
    del company.accounts["600-01-00"]
    # A replay checks again, whatever was seen; what it saw counts for the create that follows, in any session.
    (verdict,) = connect(**shared).check([journal()])
    assert [problem.code for problem in verdict.problems] == ["account_missing"]
    with pytest.raises(Rejected, match="has no account 600-01-00"):
        connect(**shared).create(journal(), ignore)
    company.add_account("600-01-00", "Travel, Sales")
    connect(**shared).check([journal()])
    del company.accounts["600-01-00"]
    now[0] += 61
    with pytest.raises(Rejected, match="has no account 600-01-00"):
        connect(**shared).create(journal(), ignore)
    assert CREATE[api] not in box.operations("sage_100")


def test_an_account_that_went_within_the_minute_and_that_sage_made_anew_shows_in_the_status(
    connect: Connect, company: Company
) -> None:
    company.auto_create_accounts = "Y"
    tokens = Tokens()
    connect(shared=tokens, account_recheck_s=60).check([journal()])
    del company.accounts["600-01-00"]
    made = connect(shared=tokens, account_recheck_s=60).create(journal(), ignore)
    assert made.status == "UNPOSTED, and Sage created the account 600-01-00 anew: look at it there"
    assert connect(shared=tokens, account_recheck_s=60).create(journal("R2"), ignore).status == "UNPOSTED"


def test_after_a_refusal_the_accounts_are_read_again(connect: Connect, box: Sandbox, company: Company) -> None:
    tokens = Tokens()
    connect(shared=tokens, account_recheck_s=60).check([journal()])
    company.accounts["600-01-00"].status = "I"
    with pytest.raises(Rejected, match="refused"):
        connect(shared=tokens, account_recheck_s=60).create(journal(), ignore)
    company.accounts["600-01-00"].status = "A"
    before = reads(box)
    connect(shared=tokens, account_recheck_s=60).create(journal(), ignore)
    assert reads(box) == before + 2


def test_an_account_whose_dates_end_is_not_used_after_them(connect: Connect, company: Company) -> None:
    tokens = Tokens()
    company.accounts["600-01-00"].end = DAY - timedelta(days=1)
    connect(shared=tokens, account_recheck_s=60).check([journal()])
    with pytest.raises(Rejected, match="may not be used on"):
        connect(shared=tokens, account_recheck_s=60).create(journal(), ignore)


def test_nothing_is_sent_when_the_accounts_cannot_be_read(connect: Connect, box: Sandbox, api: str) -> None:
    operation = "agent:Account" if api == "agent" else "soap:GetGLAccount"
    box.faults.add(Fault("sage_100", operation, Status(500, "")))
    with pytest.raises(NotExecuted, match="is not sent"):
        connect().create(journal(), ignore)
    assert CREATE[api] not in box.operations("sage_100")


def refused(code: str, status: int = 422, api: str = "agent") -> Status:
    if api == "agent":
        error = {"code": code, "message": f"It is {code}.", "retryable": False, "details": []}
        return Status(status, json.dumps({"error": error}))
    detail = (
        f'<detail><MasFault xmlns="http://mas90.sage.com/ws"><ErrorCode>{code}</ErrorCode>'
        f"<ErrorMessage>It is {code}.</ErrorMessage></MasFault></detail>"
    )
    return fault("a:Client", detail, f"It is {code}.")


def fault(code: str, detail: str = "", text: str = "It failed.") -> Status:
    return Status(
        500,
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
        f'<faultcode xmlns:a="urn:any">{code}</faultcode><faultstring>{text}</faultstring>{detail}'
        "</s:Fault></s:Body></s:Envelope>",
    )


CLASSES: list[tuple[str, str, Any, type[Exception], str]] = [
    ("account", "agent", refused("ACCOUNT_NOT_FOUND"), Rejected, "correct the mapping"),
    ("inactive", "agent", refused("ACCOUNT_INACTIVE"), Rejected, "active in Sage"),
    ("unbalanced", "agent", refused("UNBALANCED"), Rejected, "UNBALANCED"),
    ("closed", "agent", refused("PERIOD_CLOSED"), Rejected, "next_open"),
    ("source", "agent", refused("SOURCE_JOURNAL_NOT_FOUND"), Rejected, "source_journal"),
    ("invalid", "agent", refused("INVALID_REQUEST", 400), Rejected, "INVALID_REQUEST"),
    ("access", "agent", refused("ACCESS_DENIED", 403), Rejected, "system, company and user"),
    ("log-on", "agent", refused("AUTH_FAILED", 401), Rejected, "locked the user"),
    ("large", "agent", refused("PAYLOAD_TOO_LARGE", 413), Rejected, "request limit"),
    ("unheard of", "agent", refused("SOMETHING_NEW", 422), Rejected, "SOMETHING_NEW"),
    ("locked", "agent", refused("RECORD_LOCKED", 423), NotExecuted, "busy"),
    ("batch", "agent", refused("BATCH_IN_USE", 409), NotExecuted, "busy"),
    ("down", "agent", refused("SAGE_UNAVAILABLE", 503), NotExecuted, "busy"),
    ("internal", "agent", refused("INTERNAL_ERROR", 500), UnknownOutcome, "INTERNAL_ERROR"),
    ("time-out", "agent", refused("SAGE_TIMEOUT", 504), UnknownOutcome, "SAGE_TIMEOUT"),
    ("unheard of 500", "agent", refused("SOMETHING_NEW", 500), UnclearRefusal, "SOMETHING_NEW"),
    ("html 400", "agent", Status(400, "<html>"), Rejected, "HTTP 400"),
    ("html 401", "agent", Status(401, "<html>"), Rejected, "HTTP 401"),
    ("html 404", "agent", Status(404, "<html>"), Rejected, "HTTP 404"),
    ("html 408", "agent", Status(408, "<html>"), UnknownOutcome, "HTTP 408"),
    ("html 413", "agent", Status(413, "<html>"), Rejected, "HTTP 413"),
    ("html 429", "agent", Status(429, "<html>"), NotExecuted, "HTTP 429"),
    ("html 500", "agent", Status(500, "<html>"), UnknownOutcome, "HTTP 500"),
    ("html 502", "agent", Status(502, "<html>"), UnknownOutcome, "HTTP 502"),
    ("html 503", "agent", Status(503, "<html>"), UnknownOutcome, "HTTP 503"),
    ("html 504", "agent", Status(504, "<html>"), UnknownOutcome, "HTTP 504"),
    ("redirect", "agent", Status(302, "", {"Location": "/login"}), UnknownOutcome, "HTTP 302"),
    ("accepted", "agent", Status(202, "{}"), UnknownOutcome, "HTTP 202"),
    ("no content", "agent", Status(204, ""), UnknownOutcome, "HTTP 204"),
    ("empty 201", "agent", Status(201, ""), UnknownOutcome, "cannot be read"),
    ("html 201", "agent", Status(201, "<html>"), UnknownOutcome, "cannot be read"),
    ("no number", "agent", Status(201, '{"sourceJournal": "GJ"}'), UnknownOutcome, "cannot be read"),
    ("account", "soap", refused("CI_NOF", api="soap"), Rejected, r"It is CI_NOF\); correct the mapping"),
    ("length", "soap", refused("CI_CharLength", api="soap"), Rejected, "CI_CharLength"),
    ("new value code", "soap", refused("CI_Whatever", api="soap"), Rejected, "CI_Whatever"),
    ("new ledger code", "soap", refused("GL_Whatever", api="soap"), Rejected, "GL_Whatever"),
    ("closed", "soap", refused("GL_PeriodClosed", api="soap"), Rejected, "next_open"),
    ("log-on", "soap", refused("WS_LogonFailed", api="soap"), Rejected, "locked the user"),
    ("access", "soap", refused("WS_NoAccess", api="soap"), Rejected, "system, company and user"),
    ("locked", "soap", refused("RECORD_LOCKED", api="soap"), NotExecuted, "busy"),
    ("batch", "soap", refused("BATCH_IN_USE", api="soap"), NotExecuted, "busy"),
    ("down", "soap", refused("SAGE_UNAVAILABLE", api="soap"), NotExecuted, "busy"),
    ("exception", "soap", refused("WS_Exception", api="soap"), UnknownOutcome, "WS_Exception"),
    ("time-out", "soap", refused("SAGE_TIMEOUT", api="soap"), UnknownOutcome, "SAGE_TIMEOUT"),
    ("code only in faultcode", "soap", fault("a:CI_NOF"), Rejected, "CI_NOF"),
    ("another prefix", "soap", fault("zz9:RECORD_LOCKED"), NotExecuted, "RECORD_LOCKED"),
    ("no prefix", "soap", fault("GL_OutOfBalance"), Rejected, "GL_OutOfBalance"),
    ("empty detail", "soap", fault("a:CI_NOF", "<detail/>"), Rejected, "CI_NOF"),
    ("no operation", "soap", fault("a:ActionNotSupported"), Rejected, "operation is not available"),
    ("not read", "soap", fault("a:DeserializationFailed"), Rejected, r"erp\.wsdl"),
    ("unheard of fault", "soap", refused("WS_AlreadyExists", api="soap"), UnclearRefusal, "WS_AlreadyExists"),
    ("host error", "soap", fault("a:InternalServiceFault"), UnknownOutcome, "InternalServiceFault"),
    ("plain server", "soap", fault("s:Server", text="An exception occurred."), UnknownOutcome, "An exception occurred"),
    ("no fault", "soap", Status(500, "<html>Fault</html>"), UnknownOutcome, "HTTP 500"),
    ("html 500", "soap", Status(500, "<html>"), UnknownOutcome, "HTTP 500"),
    ("empty 500", "soap", Status(500, ""), UnknownOutcome, "HTTP 500"),
    ("html 404", "soap", Status(404, "<html>"), Rejected, "HTTP 404"),
    ("html 413", "soap", Status(413, ""), Rejected, "HTTP 413"),
    ("html 415", "soap", Status(415, ""), Rejected, "HTTP 415"),
    ("html 503", "soap", Status(503, ""), UnknownOutcome, "HTTP 503"),
    ("html 504", "soap", Status(504, ""), UnknownOutcome, "HTTP 504"),
    ("empty 200", "soap", Status(200, ""), UnknownOutcome, "cannot be read"),
    ("html 200", "soap", Status(200, "<html/>"), UnknownOutcome, "cannot be read"),
]


@pytest.mark.parametrize(
    ("api", "action", "expected", "said"),
    [row[1:] for row in CLASSES],
    ids=[f"{row[1]}-{row[0]}" for row in CLASSES],
    indirect=["api"],
)
def test_what_an_answer_means(
    connect: Connect, box: Sandbox, api: str, action: Status, expected: type[Exception], said: str
) -> None:
    box.faults.add(Fault("sage_100", CREATE[api], action))
    with pytest.raises(expected, match=said) as caught:
        connect().create(journal(), ignore)
    assert type(caught.value) is expected
    assert box.operations("sage_100").count(CREATE[api]) == 1


@pytest.mark.parametrize("api", ["agent"], indirect=True)
def test_a_customers_own_code_is_a_setting(connect: Connect, box: Sandbox, api: str) -> None:
    box.faults.add(Fault("sage_100", CREATE[api], refused("KAPUTT", 500), times=2))
    with pytest.raises(UnknownOutcome):
        connect().create(journal(), ignore)
    with pytest.raises(NotExecuted):
        connect(error_classes={"KAPUTT": "busy"}).create(journal(), ignore)


LOST = [
    ("drop", Drop(), "before", 0), ("dropped answer", Drop(), "after", 1), ("cut", Truncate(60), "after", 1),
    ("cut cleanly", Truncate(60, clean=True), "after", 1), ("slow", Delay(2), "after", 1),
    ("dripping", Drip(3), "after", 1), ("late", LateEffect(0.3), "before", 0),
]  # fmt: skip


@pytest.mark.parametrize(("action", "when", "made"), [row[1:] for row in LOST], ids=[row[0] for row in LOST])
def test_a_lost_answer_leaves_the_outcome_open(
    connect: Connect, box: Sandbox, company: Company, api: str, action: Any, when: Any, made: int
) -> None:
    box.faults.add(Fault("sage_100", CREATE[api], action, when=when))
    client = connect(timeout=0.5)
    client.check([journal()])  # zeep's first call takes its time
    with pytest.raises(UnknownOutcome):
        client.create(journal(), ignore)
    with box.lock:
        assert len(company.entries) == made
    assert box.operations("sage_100").count(CREATE[api]) == 1


def test_a_late_write_locks_the_next_one_out_and_is_found(
    connect: Connect, box: Sandbox, company: Company, api: str
) -> None:
    box.faults.add(Fault("sage_100", CREATE[api], LateEffect(0.5)))
    pauses: list[float] = []
    client = connect(sleep=pauses.append, retry_base_s=1, retry_cap_s=60)
    with pytest.raises(UnknownOutcome):
        client.create(journal(), ignore)
    assert client.find(journal()) == []
    with pytest.raises(NotExecuted, match="RECORD_LOCKED"):
        client.create(journal(), ignore)
    time.sleep(0.7)
    (found,) = client.find(journal())
    assert (found.number, len(company.entries)) == ("000001", 1)
    assert len(pauses) == 1
    assert 0 <= pauses[0] <= 1


def test_an_answer_about_another_entry_is_no_success(
    connect: Connect, box: Sandbox, company: Company, api: str
) -> None:
    client = connect()
    client.create(journal("R2"), ignore)
    other = client.create(journal("R3"), ignore).raw_answer or ""
    box.faults.add(Fault("sage_100", CREATE[api], Replace(other), when="after"))
    with pytest.raises(UnknownOutcome, match="another reference"):
        client.create(journal("R4"), ignore)


def test_a_total_that_differs_shows(connect: Connect, box: Sandbox, api: str) -> None:
    made = connect().create(journal(), ignore).raw_answer or ""
    wrong = made.replace("125.40", "125.00")
    box.faults.add(Fault("sage_100", CREATE[api], Replace(wrong), when="after"))
    assert connect().create(journal(), ignore).total_cents == 12500


def test_no_connection_is_not_executed(connect: Connect, box: Sandbox, api: str) -> None:
    client = connect()
    client.check([journal()])

    def stop(text: str) -> None:
        box.stop()

    with pytest.raises((NotExecuted, UnknownOutcome)):
        client.create(journal(), stop)


def test_a_lock_asks_for_patience_with_full_jitter(connect: Connect, company: Company) -> None:
    company.locks = 4
    pauses: list[float] = []
    client = connect(sleep=pauses.append, retry_base_s=1, retry_cap_s=60)
    delays = []
    for _ in range(4):
        with pytest.raises(NotExecuted, match="open in Sage") as caught:
            client.create(journal(), ignore)
        delays.append(caught.value.delay_s or 0)
        assert client.find(journal()) == []
    assert all(1 <= delay <= 60 for delay in delays)
    assert len(set(delays)) == 4
    assert [pause <= most for pause, most in zip(pauses, (1, 2, 4, 8), strict=True)] == [True] * 4
    assert client.create(journal(), ignore).number == "000001"


def test_retry_after_is_honoured(connect: Connect, box: Sandbox, api: str) -> None:
    status = refused("SAGE_UNAVAILABLE", 503, api)
    box.faults.add(Fault("sage_100", CREATE[api], Status(status.code, status.body, {"Retry-After": "40"})))
    with pytest.raises(NotExecuted) as caught:
        connect(retry_base_s=1, retry_cap_s=2).create(journal(), ignore)
    assert (41 <= (caught.value.delay_s or 0) <= 42) is (api == "agent")


@pytest.mark.parametrize(("named_s", "waits"), [(40, True), (90, False)], ids=["sat out", "too long to sit out"])
def test_nothing_is_asked_or_sent_before_the_time_that_sage_names(
    connect: Connect, box: Sandbox, named_s: int, waits: bool
) -> None:
    status = refused("SAGE_UNAVAILABLE", 503, "agent")
    box.faults.add(Fault("sage_100", CREATE["agent"], Status(status.code, status.body, {"Retry-After": str(named_s)})))
    pauses: list[float] = []
    client = connect(api="agent", sleep=pauses.append, monotonic=lambda: 1000.0, retry_base_s=1, retry_cap_s=60)
    with pytest.raises(NotExecuted):
        client.create(journal(), ignore)
    asked = len(box.calls)
    if waits:
        assert client.find(journal()) == []
        assert pauses == [40.0]
        return
    with pytest.raises(LookupFailed, match="left alone for another 90 s") as caught:
        client.find(journal())
    assert (caught.value.delay_s, len(box.calls), pauses) == (90.0, asked, [])


def test_a_password_changed_under_a_create_is_not_executed(connect: Connect, server: Sage100, company: Company) -> None:
    client = connect(reread=lambda: Credentials("EXP", "new", KEY))

    def change(text: str) -> None:
        server.users["EXP"].password = "new"

    with pytest.raises(NotExecuted, match="has been changed"):
        client.create(journal(), change)
    assert company.entries == []
    assert client.create(journal(), ignore).number == "000001"


def test_what_our_own_rules_refuse_is_not_sent(connect: Connect, box: Sandbox) -> None:
    draft = journal("R1", Line(1, "600-01-00", 10**11), Line(2, "200-00-00", -(10**11)))
    with pytest.raises(Rejected, match=r"999999999\.99"):
        connect().create(draft, ignore)
    assert box.calls == []


@pytest.mark.parametrize(("batch", "expected"), [(None, "00001"), ("EXP01", "EXP01")])
def test_batches(connect: Connect, company: Company, batch: str | None, expected: str) -> None:
    company.batch_entry = True
    connect(batch_number=batch).create(journal(), ignore)
    assert company.entries[0].batch == expected
    company.batches_in_use.add("EXP01")
    with pytest.raises(NotExecuted, match="BATCH_IN_USE"):
        connect(batch_number="EXP01").create(journal("R2"), ignore)


def test_the_address_must_be_https(connect: Connect) -> None:
    from include.erps.sage_100.client import Sage100Erp
    from tests.include.erps.sage_100.conftest import PAIR, settings

    for url in ("http://sage.example", "ftp://127.0.0.1", "sage.example"):
        with pytest.raises(Misconfigured, match="must be https"):
            Sage100Erp(url, PAIR, settings=settings())
    Sage100Erp("http://sage.example", PAIR, settings=settings(allow_http=True))
    with pytest.raises(Misconfigured, match="`api_key`"):
        Sage100Erp("https://sage.example", Credentials("EXP", PASSWORD), settings=settings())
    Sage100Erp("https://sage.example", Credentials("EXP", PASSWORD), settings=settings(api="soap"))
