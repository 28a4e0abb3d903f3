from collections.abc import Callable
from datetime import date

import pytest

from include.erps.port import Line
from include.erps.syspro.client import SysproErp
from include.errors import Misconfigured, NotExecuted, ReferenceTaken, Rejected, UnclearRefusal, UnknownOutcome
from include.sandbox.faults import Delay, Drip, Drop, Fault, LateEffect, Replace, Status, Truncate
from include.sandbox.server import Sandbox
from include.sandbox.syspro import Company
from tests.include.erps.shared_state import Tokens
from tests.include.erps.syspro.conftest import DAY, PASSWORD, bill, journal

Connect = Callable[..., SysproErp]


def ignore(text: str) -> None:
    """Keeps nothing of what is sent."""


def key(number: str = "       412", year: str = "2026", period: str = "11") -> str:
    return f"<Key><GlYear>{year}</GlYear><GlPeriod>{period}</GlPeriod><GlJournal>{number}</GlJournal></Key>"


def gl(inner: str, journals: str = "1", invalid: str = "") -> str:
    status = f"<JournalsProcessed>{journals}</JournalsProcessed><PostingsInvalid>{invalid}</PostingsInvalid>"
    return (
        f"<?xml version='1.0' encoding='Windows-1252'?><postgljournal><Item><Transaction>{inner}</Transaction></Item>"
        f"<StatusOfItems>{status}</StatusOfItems></postgljournal>\n "
    )


def error(number: str, text: str) -> str:
    said = f"<ErrorNumber>{number}</ErrorNumber><ErrorDescription>{text}</ErrorDescription>"
    return f"<ledgercode><Value>6</Value>{said}</ledgercode>"


WARNING = "<ledgercode><WarningMessages><WarningDescription>a control account</WarningDescription></WarningMessages></ledgercode>"


def test_a_journal_is_posted_once_to_the_cent(connect: Connect, box: Sandbox, company: Company) -> None:
    sent: list[str] = []
    with connect() as client:
        made = client.create(journal(), sent.append)
    assert (made.number, made.total_cents, made.posting_date, made.status) == ("2026/412", 12540, DAY, "P")
    assert client.complete(journal(), made) is made
    (posted,) = company.journals
    assert [(line.ledger_code, line.cents, line.date, line.reference, line.comment) for line in posted.lines] == [
        ("6100-100", 12540, DAY, "EXP-20261120-1", "Travel"),
        ("2150-00", -12540, DAY, "EXP-20261120-1", "Payable"),
    ]
    assert (posted.year, posted.period, posted.notation, posted.status) == (2026, 11, "Expensify 2026-11-20", "P")
    assert len(sent) == 1
    assert "<EntryAmount>-125.40</EntryAmount>" in sent[0]
    assert box.operations("syspro") == ["Logon", "Transaction/Post:GENTJL", "Logoff"]
    assert box.syspro.sessions.open == {}


def test_the_period_is_the_checked_one_not_the_servers(connect: Connect, company: Company) -> None:
    october = journal(posting_date=date(2026, 10, 31), details={"year": 2026, "period": 9})
    connect().create(october, ignore)
    assert (company.journals[0].period, company.journals[0].date) == (9, date(2026, 10, 31))


@pytest.mark.parametrize("transport", ["rest", "soap"])
@pytest.mark.parametrize("wrapping", ["bare", "json", "string"])
def test_every_text_arrives(connect: Connect, box: Sandbox, company: Company, transport: str, wrapping: str) -> None:
    box.syspro.wrapping = wrapping  # type: ignore[assignment]
    comment = "Café & <Łódź> \"100%\" + 'é' → 東 ]]> €"
    draft = journal("EXP-1", Line(1, "6100-100", 1, {}, comment), Line(2, "2150-00", -1, {}, "x"))
    made = connect(transport=transport).create(draft, ignore)
    assert made.number == "2026/412"
    assert company.journals[0].lines[0].comment == "Café & <Lódz> \"100%\" + 'é' ? ? ]]> €"


def test_nothing_is_sent_when_the_evidence_cannot_be_kept(connect: Connect, box: Sandbox, company: Company) -> None:
    def fail(text: str) -> None:
        raise RuntimeError("ledger locked")

    with pytest.raises(RuntimeError, match="ledger locked"):
        connect().create(journal(), fail)
    # The session stands when the evidence is written: nothing but the create comes after it.
    assert box.operations("syspro") == ["Logon"]


CLASSES: list[tuple[str, str, type[Exception], str]] = [
    (
        "session",
        "ERROR: The supplied UserID is invalid. Either you were not logged in;",
        NotExecuted,
        "ended the session",
    ),
    ("seats", "ERROR: The maximum number of licensed e.net users has been reached", NotExecuted, "no free seat"),
    ("config", "ERROR: e.net exception raised: 100000", Rejected, "not licensed"),
    ("malformed", "ERROR: XmlIn is not well formed", Rejected, "not well formed"),
    ("auth", "ERROR: Invalid operator password", Rejected, "Invalid operator password"),
    ("other text", "ERROR: Deadlock victim", UnclearRefusal, "Deadlock victim"),
    ("not found text", "ERROR: Ledger code '6' not found", UnclearRefusal, "not found"),
    ("json text", '"ERROR: e.net exception raised: 100000"', Rejected, "100000"),
    ("account", gl(error("230001", "Ledger code '6' not found"), "0", "1"), Rejected, r"230001 Ledger code.*mapping"),
    ("hold", gl(error("230002", "Ledger code '6' is on hold"), "0", "1"), Rejected, "230002"),
    ("control", gl(WARNING, "0", "1"), Rejected, "control account.*mapping"),
    ("closed", gl(error("230004", "Posting period 10 of 2026 is closed"), "0"), Rejected, "next_open"),
    ("future", gl(error("230005", "Posting period 12 of 2026 is in the future"), "0"), Rejected, "fiscal_calendar"),
    ("unbalanced", gl(error("230006", "Journal does not balance"), "0"), Rejected, "report it"),
    ("rights", gl(error("230011", "Operator 'X' may not post journals"), "0"), Rejected, "operator maintenance"),
    ("unknown number", gl(error("999999", "Etwas anderes"), "0"), Rejected, "999999 Etwas anderes"),
    ("two", gl(error("1", "one") + error("2", "two"), "0"), Rejected, "1 one.*2 two"),
    ("error and a number", gl(key() + error("230001", "Ledger code"), "1"), UnknownOutcome, "neither"),
    ("warning and a number", gl(key() + WARNING, "1"), UnknownOutcome, "neither"),
    ("error but processed", gl(error("230001", "Ledger code"), "1"), UnknownOutcome, "neither"),
    ("no number", gl(key("")), UnknownOutcome, "neither"),
    ("number zero", gl(key("0000000000")), UnknownOutcome, "neither"),
    ("no year", gl(key(year="")), UnknownOutcome, "neither"),
    ("invalid postings", gl(key(), "1", "1"), UnknownOutcome, "neither"),
    ("number unreadable", gl(key("4x2")), UnknownOutcome, "cannot be read"),
    ("another document", "<postapinvoice/>", UnknownOutcome, "root element"),
    ("empty", "", UnknownOutcome, "cannot be read"),
    ("cut", gl(key())[:120], UnknownOutcome, "cannot be read"),
    ("html", "<html><body>gateway</body></html>", UnknownOutcome, "root element"),
    ("dtd", "<!DOCTYPE postgljournal><postgljournal/>", UnknownOutcome, "cannot be read"),
]


@pytest.mark.parametrize(("body", "expected", "said"), [row[1:] for row in CLASSES], ids=[row[0] for row in CLASSES])
def test_what_an_answer_means(connect: Connect, box: Sandbox, body: str, expected: type[Exception], said: str) -> None:
    box.faults.add(Fault("syspro", "Transaction/Post:GENTJL", Replace(body.encode("cp1252")), when="after"))
    with pytest.raises(expected, match=f"(?s){said}") as caught:
        connect().create(journal(), ignore)
    assert type(caught.value) is expected
    assert box.operations("syspro").count("Transaction/Post:GENTJL") == 1


def test_lower_cased_padded_success(connect: Connect, box: Sandbox) -> None:
    body = (
        gl(key("0000000412", period="11") + "<DebitAmount>     125.40</DebitAmount>")
        .lower()
        .replace("windows", "Windows")
    )
    box.faults.add(Fault("syspro", "Transaction/Post:GENTJL", Replace(body), when="after"))
    made = connect().create(journal(), ignore)
    assert (made.number, made.total_cents) == ("2026/412", 12540)


def test_another_period_than_asked_for_shows(connect: Connect, box: Sandbox) -> None:
    body = gl(key(period="12") + "<Jnlstatus>P</Jnlstatus>")
    box.faults.add(Fault("syspro", "Transaction/Post:GENTJL", Replace(body), when="after"))
    assert connect().create(journal(), ignore).status == "P booked in period 2026/12 instead of 2026/11"


PAGE = "<HTML><HEAD><TITLE>Bad Request</TITLE></HEAD></HTML>"
STATUSES = [
    (Status(400, PAGE), Rejected),
    (Status(414, ""), Rejected),
    (Status(400, "odd"), UnknownOutcome),
    (Status(404, PAGE), UnknownOutcome),
    (Status(429, "slow", {"Retry-After": "7"}), UnknownOutcome),
    (Status(500, PAGE), UnknownOutcome),
    (Status(502, "ERROR: The supplied UserID is invalid"), UnknownOutcome),
    (Status(503, "", {"Retry-After": "7"}), UnknownOutcome),
    (Status(302, "", {"Location": "/login"}), UnknownOutcome),
]


@pytest.mark.parametrize(("action", "expected"), STATUSES, ids=lambda value: str(getattr(value, "code", "")))
@pytest.mark.parametrize("transport", ["rest", "soap"])
def test_what_a_status_means(
    connect: Connect, box: Sandbox, action: Status, expected: type[Exception], transport: str
) -> None:
    box.faults.add(Fault("syspro", "Transaction/Post:GENTJL", action))
    with pytest.raises(expected) as caught:
        connect(transport=transport).create(journal(), ignore)
    assert getattr(caught.value, "delay_s", None) == (7.0 if action.headers.get("Retry-After") else None)


LOST = [
    (Drop(), "before", 0), (Drop(), "after", 1), (Truncate(60), "after", 1), (Truncate(60, clean=True), "after", 1),
    (Delay(2), "after", 1), (Drip(3), "after", 1), (LateEffect(0.2), "before", 0),
]  # fmt: skip


@pytest.mark.parametrize(("action", "when", "posted"), LOST, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("transport", ["rest", "soap"])
def test_a_lost_answer_leaves_the_outcome_open(
    connect: Connect, box: Sandbox, company: Company, action: object, when: str, posted: int, transport: str
) -> None:
    box.faults.add(Fault("syspro", "Transaction/Post:GENTJL", action, when=when))  # type: ignore[arg-type]
    with pytest.raises(UnknownOutcome):
        connect(transport=transport, timeout=0.5).create(journal(), ignore)
    with box.lock:
        assert len(company.journals) == posted
    assert box.operations("syspro").count("Transaction/Post:GENTJL") == 1


def test_no_connection_is_not_executed(connect: Connect, box: Sandbox) -> None:
    client = connect()
    client.find(journal())

    def stop(text: str) -> None:
        box.stop()

    with pytest.raises((NotExecuted, UnknownOutcome)):
        client.create(journal(), stop)
    with pytest.raises(NotExecuted):
        connect().create(journal(), ignore)


def test_a_session_that_died_is_not_executed_and_renewed(connect: Connect, box: Sandbox, company: Company) -> None:
    client = connect()

    def expire(text: str) -> None:
        with box.lock:
            box.syspro.expire_sessions()

    with pytest.raises(NotExecuted, match="ended the session"):
        client.create(journal(), expire)
    assert box.operations("syspro") == ["Logon", "Transaction/Post:GENTJL", "Logon"]
    assert company.journals == []
    assert client.create(journal(), ignore).number == "2026/412"
    assert box.operations("syspro")[3:] == ["Transaction/Post:GENTJL"]


def test_long_documents_go_by_soap_and_short_ones_by_rest(connect: Connect, box: Sandbox, company: Company) -> None:
    lines = [
        Line(n, "6100-100" if n % 2 else "2150-00", 100 if n % 2 else -100, {}, "Travel & more") for n in range(1, 101)
    ]
    long = journal("EXP-LONG", *lines)
    with connect() as client:
        assert client.create(journal(), ignore).number == "2026/412"
        assert client.create(long, ignore).number == "2026/413"
        # The session of one channel is given back before the other's begins.
        assert box.operations("syspro") == [
            "Logon",
            "Transaction/Post:GENTJL",
            "Logoff",
            "Logon",
            "Transaction/Post:GENTJL",
        ]
        (found,) = client.find(long)
        assert len(found.lines or ()) == 100
    assert box.syspro.sessions.evictions == 0
    assert box.syspro.overlaps == 0
    sent: list[str] = []
    with pytest.raises(Rejected, match="as a URL"):
        connect(transport="rest").create(long, sent.append)
    assert sent == []
    assert len(company.journals) == 2


def test_the_servers_own_url_limit_is_a_definite_refusal(connect: Connect, box: Sandbox, company: Company) -> None:
    box.syspro.url_limit = 1000
    with pytest.raises(Rejected, match=r"erp\.max_url_bytes"):
        connect().create(journal(), ignore)
    assert company.journals == []


@pytest.mark.parametrize("transport", ["rest", "soap"])
def test_refusals_name_the_account_on_both_channels(connect: Connect, company: Company, transport: str) -> None:
    draft = journal("EXP-1", Line(1, "6999-100", 100), Line(2, "2150-00", -100))
    with pytest.raises(Rejected, match="230001 Ledger code '6999-100' not found") as caught:
        connect(transport=transport).create(draft, ignore)
    assert "<ErrorNumber>230001</ErrorNumber>" in str(caught.value.raw_answer)
    draft = journal("EXP-2", Line(1, "2100-00", 100), Line(2, "2150-00", -100))
    with pytest.raises(Rejected, match="control account"):
        connect(transport=transport).create(draft, ignore)
    assert company.journals == []


def test_an_invoice_is_posted_in_its_period(connect: Connect, company: Company) -> None:
    client = connect(document="ap_invoice", supplier="0000101")
    made = client.create(bill(), ignore)
    assert (made.number, made.status, made.posting_date) == ("0000101/EXP-R1", "AP journal 1 of 2026/11", DAY)
    # The current period moved on after the check: the bill still goes into the period that was settled.
    company.ap_period = company.period = 12
    client.create(bill("EXP-R2"), ignore)
    assert [(one.invoice, one.cents, one.period) for one in company.invoices] == [
        ("EXP-R1", 12540, 11),
        ("EXP-R2", 12540, 11),
    ]
    company.year = company.ap_year = 2027
    company.ap_period = company.period = 3
    with pytest.raises(Rejected, match="out of reach"):
        client.create(bill("EXP-R3"), ignore)
    assert len(company.invoices) == 2


def test_an_invoice_that_exists_is_looked_up(connect: Connect, company: Company) -> None:
    client = connect(document="ap_invoice", supplier="0000101")
    client.create(bill(), ignore)
    with pytest.raises(NotExecuted, match="already"):
        client.create(bill(), ignore)
    assert len(company.invoices) == 1


def test_an_invoice_number_that_is_only_registered_is_taken_and_never_found(connect: Connect, company: Company) -> None:
    company.registered.add(("0000101", "EXP-R1"))
    client = connect(document="ap_invoice", supplier="0000101")
    with pytest.raises(ReferenceTaken, match="already"):
        client.create(bill(), ignore)
    assert client.find(bill()) == []


def ap(inner: str, *counts: int) -> str:
    names = ("ItemsProcessed", "ItemsInvalid", "ItemsRejectedWithWarnings", "ItemsProcessedWithWarnings")
    counters = "".join(f"<{name}>{count:06d}</{name}>" for name, count in zip(names, counts, strict=True))
    return f"<postapinvoice><Item>{inner}</Item><StatusOfItems>{counters}</StatusOfItems></postapinvoice>"


NUMBERED = "<Journal>0000000007</Journal><TrnYear>2026</TrnYear><TrnMonth>11</TrnMonth>"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (ap(NUMBERED, 1, 0, 0, 0), None),
        (ap(NUMBERED, 1, 0, 0, 1), UnknownOutcome),
        (ap(NUMBERED, 1, 0, 1, 0), UnknownOutcome),
        (ap(NUMBERED, 0, 0, 0, 0), UnknownOutcome),
        (ap("", 1, 0, 0, 0), UnknownOutcome),
        (ap(error("220001", "Supplier not found"), 0, 1, 0, 0), Rejected),
        (ap(WARNING, 1, 0, 1, 0), Rejected),
        (ap(WARNING, 1, 0, 0, 0), UnknownOutcome),
        (ap(error("220003", "Invoice already exists"), 0, 1, 0, 0), ReferenceTaken),
        (ap(error("7", "Invoice 'X' already exists for supplier"), 0, 1, 0, 0), ReferenceTaken),
    ],
)
def test_all_four_counters_and_the_item_decide(
    connect: Connect, box: Sandbox, body: str, expected: type[Exception] | None
) -> None:
    box.faults.add(Fault("syspro", "Transaction/Post:APSTIN", Replace(body), when="after"))
    client = connect(document="ap_invoice", supplier="0000101")
    if expected is None:
        assert client.create(bill(), ignore).status == "AP journal 7 of 2026/11"
        return
    with pytest.raises(expected) as caught:
        client.create(bill(), ignore)
    assert type(caught.value) is expected


def test_a_net_refund_is_never_sent(connect: Connect, box: Sandbox) -> None:
    sent: list[str] = []
    with pytest.raises(Rejected, match="above zero"):
        connect(document="ap_invoice", supplier="0000101").create(bill("EXP-R1", Line(1, "6100-100", -1)), sent.append)
    assert (sent, box.operations("syspro")) == ([], [])


def test_kept_answers_hold_no_secret(connect: Connect, box: Sandbox) -> None:
    client = connect()
    client.find(journal())
    session = next(iter(box.syspro.sessions.open))
    echo = f"ERROR: odd {PASSWORD} {session}"
    box.faults.add(Fault("syspro", "Transaction/Post:GENTJL", Replace(echo), when="after"))
    with pytest.raises(UnknownOutcome) as caught:
        client.create(journal(), ignore)
    kept = f"{caught.value}{caught.value.raw_answer}"
    assert "ERROR: odd *** ***" in kept
    assert PASSWORD not in kept
    assert session not in kept


def test_numbers_and_texts_may_be_classed_otherwise(connect: Connect, box: Sandbox) -> None:
    box.faults.add(Fault("syspro", "Transaction/Post:GENTJL", Replace(gl(error("777", "x"), "0")), when="after"))
    with pytest.raises(Rejected, match="next_open"):
        connect(error_classes={"777": "period"}).create(journal(), ignore)
    box.faults.add(Fault("syspro", "Transaction/Post:GENTJL", Replace("ERROR: Sitzung abgelaufen"), when="after"))
    with pytest.raises(NotExecuted, match="ended the session"):
        connect(text_patterns={"session": "Sitzung"}).create(journal(), ignore)


def test_a_refused_log_on_comes_before_the_evidence(connect: Connect, box: Sandbox) -> None:
    sent: list[str] = []
    with pytest.raises(Misconfigured):
        connect(password="wrong").create(journal(), sent.append)
    assert sent == []


def test_the_current_period_is_asked_for_once_a_minute_over_all_sessions(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    tokens, now = Tokens(), [1_000_000.0]
    changes = {"shared": tokens, "clock": lambda: now[0], "document": "ap_invoice", "supplier": "0000101"}
    for number, wait in enumerate((0.0, 59.0, 2.0)):
        now[0] += wait
        connect(**changes).create(bill(f"EXP-R{number}"), ignore)
    assert box.operations("syspro").count("Query/Query:GENQRY") == 2


def test_a_bill_that_was_booked_in_another_period_says_so(connect: Connect, company: Company) -> None:
    tokens = Tokens()
    client = connect(shared=tokens, document="ap_invoice", supplier="0000101")
    client.create(bill(), ignore)
    # The payables' period moves on within the minute: "current" is December now.
    company.ap_period = company.period = 12
    made = client.create(bill("EXP-R2"), ignore)
    assert made.status == "AP journal 1 of 2026/12 instead of 2026/11"
    again = connect(shared=tokens, document="ap_invoice", supplier="0000101", period_recheck_s=0)
    assert again.create(bill("EXP-R3"), ignore).status == "AP journal 2 of 2026/11"
