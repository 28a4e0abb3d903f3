import json
from datetime import date
from typing import Any

import pytest

from include.erps.sage_100.channel import Credentials
from include.errors import LookupFailed, Misconfigured
from include.sandbox.faults import Delay, Drop, Fault, Replace, Status, Truncate
from include.sandbox.sage_100 import Company, Sage100
from include.sandbox.server import Sandbox
from tests.include.erps.sage_100.conftest import DAY, FIND, KEY, PASSWORD, Connect, journal

TWO = [("600-01-00", 12540), ("200-00-00", -12540)]
REFERENCE = "R00AbCdEfGh"


def test_nothing_there(connect: Connect) -> None:
    assert connect().find(journal()) == []


def test_what_was_created_is_found_with_signs(connect: Connect, company: Company) -> None:
    company.enter(TWO, day=DAY, reference=REFERENCE)
    (found,) = connect().find(journal())
    assert (found.number, found.total_cents, found.posting_date, found.live) == ("000001", 12540, DAY, True)
    assert (found.lines, found.status, found.currency) == (tuple(TWO), "UNPOSTED", None)


def test_the_register_update_changes_only_the_status(connect: Connect, company: Company) -> None:
    company.enter(TWO, day=DAY, reference=REFERENCE)
    company.update_register()
    (found,) = connect().find(journal())
    assert (found.number, found.status, found.live) == ("000001", "POSTED", True)


def test_two_entries_are_two(connect: Connect, company: Company) -> None:
    company.enter(TWO, day=DAY, reference=REFERENCE)
    company.update_register()
    company.enter([("600-01-00", 1), ("200-00-00", -1)], day=date(2026, 11, 1), reference=REFERENCE)
    found = connect().find(journal())
    assert [(one.number, one.total_cents, one.status) for one in found] == [
        ("000001", 12540, "POSTED"),
        ("000002", 1, "UNPOSTED"),
    ]


def test_only_exactly_this_reference_of_this_company(connect: Connect, server: Sage100, company: Company) -> None:
    other = server.add_company(Company("XYZ"))
    other.add_year(2026)
    other.enter(TWO, day=DAY, reference=REFERENCE)
    company.enter(TWO, day=DAY, reference=REFERENCE.upper())
    company.enter(TWO, day=DAY, reference=REFERENCE + "1")
    assert connect().find(journal()) == []


def test_values_padded_to_their_fields_length_are_the_same_values(connect: Connect, box: Sandbox) -> None:
    lines = [
        {"account": "600-01-00      ", "debitAmount": "125.40", "creditAmount": "0.00"},
        {"account": "200-00-00      ", "debitAmount": "0.00", "creditAmount": "125.40"},
    ]
    padded = {
        **ENTRY,
        "externalReference": f"{REFERENCE:<30}",
        "status": "UNPOSTED  ",
        "entryNo": "000001 ",
        "lines": lines,
    }
    box.faults.add(Fault("sage_100", FIND["agent"], Replace(json.dumps({"items": [padded]})), when="after"))
    (found,) = connect(api="agent").find(journal())
    assert (found.number, found.live, found.lines) == ("000001", True, tuple(TWO))


ENTRY = {
    "companyCode": "ABC",
    "sourceJournal": "GJ",
    "entryNo": "000001",
    "postingDate": "2026-11-20",
    "externalReference": REFERENCE,
    "status": "UNPOSTED",
    "totalDebit": "125.40",
    "totalCredit": "125.40",
    "lines": [{"account": "600-01-00", "debitAmount": "125.40"}, {"account": "200-00-00", "creditAmount": "125.40"}],
}


def one(**changes: Any) -> str:
    return json.dumps({"items": [{key: value for key, value in {**ENTRY, **changes}.items() if value != "absent"}]})


def soap(result: str, operation: str = "GetGLJournalEntries") -> str:
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<{operation}Response xmlns="http://mas90.sage.com/ws" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
        f"{result}</{operation}Response></s:Body></s:Envelope>"
    )


def soap_one(**changes: str) -> str:
    members = {
        "EntryNo": "000001",
        "ExternalReference": REFERENCE,
        "PostingDate": "2026-11-20T00:00:00",
        "SourceJournal": "GJ",
        "Status": "UNPOSTED",
        "TotalCredit": "125.40",
        "TotalDebit": "125.40",
        **changes,
    }
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in members.items() if value != "absent")
    return soap(f"<GetGLJournalEntriesResult><GLJournalEntry>{inner}</GLJournalEntry></GetGLJournalEntriesResult>")


NO_ANSWER = [
    ("agent", '{"items": []', "not complete JSON"),
    ("agent", "{}", "no list `items`"),
    ("agent", '{"items": null}', "no list `items`"),
    ("agent", "[]", "no JSON object"),
    ("agent", "", "not complete JSON"),
    ("agent", "<html>ok</html>", "not complete JSON"),
    ("agent", '{"items": [null]}', "cannot be read"),
    ("agent", one(externalReference="R00ABCDEFGH"), "not asked for"),
    ("agent", one(companyCode="XYZ"), "not asked for"),
    ("agent", one(totalDebit=125.4), "not an amount"),
    ("agent", one(totalDebit="125.4"), "not an amount"),
    ("agent", one(totalDebit="absent"), "totalDebit"),
    ("agent", one(entryNo=1), "entryNo"),
    ("agent", one(entryNo=""), "entryNo"),
    ("agent", one(postingDate="20.11.2026"), "postingDate"),
    ("agent", one(status="absent"), "status"),
    ("soap", soap(""), "no result"),
    ("soap", soap('<GetGLJournalEntriesResult i:nil="true"/>'), "no result"),
    (
        "soap",
        soap('<GetGLJournalEntriesResult><GLJournalEntry i:nil="true"/></GetGLJournalEntriesResult>'),
        "cannot be",
    ),
    ("soap", soap("<Other/>"), "no complete SOAP answer"),
    ("soap", "", "no complete SOAP answer"),
    ("soap", "<html>ok</html>", "no complete SOAP answer"),
    ("soap", soap_one()[:-30], "no complete SOAP answer"),
    ("soap", "<!DOCTYPE x []>" + soap_one(), "no complete SOAP answer"),
    ("soap", soap_one(ExternalReference="R00ABCDEFGH"), "not asked for"),
    ("soap", soap_one(TotalDebit="125.401"), "not an amount"),
    ("soap", soap_one(TotalDebit="many"), "cannot be read"),
    ("soap", soap_one(TotalDebit="absent"), "totalDebit"),
    ("soap", soap_one(EntryNo="absent"), "entryNo"),
    ("soap", soap_one(PostingDate="2026-13-20T00:00:00"), "postingDate"),
]


@pytest.mark.parametrize(
    ("api", "body", "said"),
    NO_ANSWER,
    ids=[f"{api}-{at}" for at, (api, _, _) in enumerate(NO_ANSWER)],
    indirect=["api"],
)
def test_what_is_no_answer_is_never_an_empty_one(
    connect: Connect, box: Sandbox, api: str, body: str, said: str
) -> None:
    box.faults.add(Fault("sage_100", FIND[api], Replace(body), when="after"))
    with pytest.raises(LookupFailed, match=said):
        connect().find(journal())


@pytest.mark.parametrize(
    ("api", "body"), [("agent", one()), ("soap", soap_one())], ids=["agent", "soap"], indirect=["api"]
)
def test_the_answers_above_are_read_when_they_are_whole(connect: Connect, box: Sandbox, api: str, body: str) -> None:
    box.faults.add(Fault("sage_100", FIND[api], Replace(body), when="after"))
    (found,) = connect().find(journal())
    assert (found.number, found.total_cents, found.posting_date) == ("000001", 12540, DAY)
    assert found.lines == (tuple(TWO) if api == "agent" else None)


@pytest.mark.parametrize("api", ["agent"], indirect=True)
def test_an_entry_that_is_no_longer_live_shows(connect: Connect, box: Sandbox, api: str) -> None:
    box.faults.add(Fault("sage_100", FIND[api], Replace(one(status="REVERSED")), when="after"))
    (found,) = connect().find(journal())
    assert (found.live, found.status) == (False, "REVERSED")


@pytest.mark.parametrize("api", ["agent"], indirect=True)
def test_an_entry_on_its_way_through_the_register_is_one(connect: Connect, box: Sandbox, api: str) -> None:
    twice = json.dumps({"items": [ENTRY, {**ENTRY, "status": "POSTED"}]})
    box.faults.add(Fault("sage_100", FIND[api], Replace(twice), when="after"))
    (found,) = connect().find(journal())
    assert found.status == "POSTED"


@pytest.mark.parametrize(
    "action",
    [Drop(), Status(502, "<html>"), Status(503, ""), Status(504, ""), Status(429, "", {"Retry-After": "0"})],
    ids=["drop", "502", "503", "504", "429"],
)
def test_a_lost_answer_is_asked_for_again(
    connect: Connect, box: Sandbox, company: Company, api: str, action: Any
) -> None:
    company.enter(TWO, day=DAY, reference=REFERENCE)
    box.faults.add(Fault("sage_100", FIND[api], action))
    assert len(connect().find(journal())) == 1
    assert box.operations("sage_100") == [FIND[api]] * 2


LOST: list[tuple[Any, Any]] = [
    (Drop(), "before"),
    (Truncate(40), "after"),
    (Delay(2), "before"),
    (Status(500, "<html>"), "before"),
    (Status(503, ""), "before"),
]


@pytest.mark.parametrize(("action", "when"), LOST, ids=["drop", "cut", "slow", "500", "503"])
def test_no_answer_is_a_failed_look_up(
    connect: Connect, box: Sandbox, company: Company, api: str, action: Any, when: Any
) -> None:
    company.enter(TWO, day=DAY, reference=REFERENCE)
    box.faults.add(Fault("sage_100", FIND[api], action, when=when, times=9))
    with pytest.raises(LookupFailed):
        connect(timeout=0.5, lookup_attempts=1).find(journal())


BUSY = {
    "agent": '{"error": {"code": "RECORD_LOCKED", "message": "Record is in use by another user.", "retryable": true}}',
    "soap": (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
        '<faultcode xmlns:a="http://mas90.sage.com/ws">a:RECORD_LOCKED</faultcode><faultstring>In use.</faultstring>'
        "</s:Fault></s:Body></s:Envelope>"
    ),
}


def test_a_locked_look_up_says_when_to_come_back(connect: Connect, box: Sandbox, api: str) -> None:
    box.faults.add(Fault("sage_100", FIND[api], Status(423 if api == "agent" else 500, BUSY[api])))
    with pytest.raises(LookupFailed, match="RECORD_LOCKED") as caught:
        connect(retry_base_s=2, retry_cap_s=3).find(journal())
    assert 2 <= (caught.value.delay_s or 0) <= 3


def test_a_server_that_is_not_there(connect: Connect, box: Sandbox) -> None:
    client = connect()
    box.stop()
    with pytest.raises(LookupFailed, match="could not be reached"):
        client.find(journal())


def test_a_bad_log_on_is_tried_once(connect: Connect, box: Sandbox, server: Sage100, api: str) -> None:
    with pytest.raises(Misconfigured, match="locked the user"):
        connect(credentials=Credentials("EXP", "wrong", KEY)).find(journal())
    assert box.operations("sage_100") == [FIND[api]]
    assert server.users["EXP"].bad_passwords == 1


@pytest.mark.parametrize("api", ["agent"], indirect=True)
def test_a_wrong_agent_key_names_the_key(connect: Connect, api: str) -> None:
    with pytest.raises(Misconfigured, match="`api_key` in the connection's extra"):
        connect(credentials=Credentials("EXP", PASSWORD, "wrong")).find(journal())


def test_a_password_changed_meanwhile_is_read_again_once(connect: Connect, box: Sandbox, server: Sage100) -> None:
    client = connect(reread=lambda: Credentials("EXP", "new", KEY))
    server.users["EXP"].password = "new"
    assert client.find(journal()) == []
    server.users["EXP"].password = "newer"
    with pytest.raises(Misconfigured):
        client.find(journal())
    assert len(box.calls) == 3


def test_the_same_password_read_again_is_not_tried_again(connect: Connect, box: Sandbox) -> None:
    wrong = Credentials("EXP", "wrong", KEY)
    with pytest.raises(Misconfigured):
        connect(credentials=wrong, reread=lambda: wrong).find(journal())
    assert len(box.calls) == 1


@pytest.mark.parametrize("level", ["system", "company", "user", "other company"])
def test_a_right_missing_at_any_level_is_named(connect: Connect, server: Sage100, company: Company, level: str) -> None:
    match level:
        case "system":
            server.enabled = False
        case "company":
            company.enabled = False
        case "user":
            server.users["EXP"].enabled = False
        case _:
            server.users["EXP"].companies = frozenset({"XYZ"})
    with pytest.raises(Misconfigured, match="system, company and user"):
        connect().find(journal())


def test_an_unknown_company_is_named(connect: Connect) -> None:
    with pytest.raises(Misconfigured, match=r"erp\.company"):
        connect(company="NOP").find(journal())


@pytest.mark.parametrize("api", ["soap"], indirect=True)
def test_the_delivered_service_has_no_ledger(connect: Connect, server: Sage100, api: str) -> None:
    server.extension = False
    with pytest.raises(Misconfigured, match="operation is not available"):
        connect().find(journal())


def test_a_wrong_path_is_a_wrong_setting(connect: Connect) -> None:
    with pytest.raises(Misconfigured, match=r"HTTP 404|NOT_FOUND"):
        connect(base_path="/elsewhere").find(journal())
