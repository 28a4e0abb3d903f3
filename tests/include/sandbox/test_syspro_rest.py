"""SYSPRO's REST surface: verbs, sessions, wrapping, limits."""

import json
import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from include.sandbox.faults import Delay, Fault
from include.sandbox.server import Sandbox
from include.sandbox.syspro import Company, Operator
from tests.include.sandbox.raw_clients import PARAMETERS, SysproCaller, journal

INVALID = "ERROR: The supplied UserID is invalid"
ACCOUNTS = "<Query><TableName>GenMaster</TableName><ReturnRows>9</ReturnRows></Query>"


def test_a_syspro_7_id_is_padded_and_good_in_both_forms(syspro: SysproCaller) -> None:
    session = syspro.logon()
    assert re.fullmatch(r"[0-9A-F]{32}\d\d  ", session)
    assert syspro.query(session, ACCOUNTS).startswith("<?xml")
    assert syspro.query(session.strip(), ACCOUNTS).startswith("<?xml")
    assert syspro.call("Logoff", UserId=session).text == "0"
    assert syspro.query(session, ACCOUNTS).startswith(INVALID)


def test_a_syspro_8_id_is_longer(sandbox: Sandbox, syspro: SysproCaller) -> None:
    sandbox.syspro.sessions.form = 8
    session = syspro.logon()
    assert len(session) == 75
    assert syspro.query(session, ACCOUNTS).startswith("<?xml")


def test_paths_ignore_case_but_parameters_do_not(sandbox: Sandbox, syspro: SysproCaller) -> None:
    url = f"{sandbox.url}/sysprowcfservice/rest/logon"
    query = {"Operator": "ROBOT", "OperatorPassword": "secret", "CompanyId": "EDU1", "CompanyPassword": ""}
    assert len(httpx.get(url, params=query).text) == 36
    del query["CompanyPassword"]
    response = httpx.get(url, params=query)
    assert (response.status_code, response.headers["content-type"]) == (404, "text/html; charset=utf-8")
    wrong = syspro.call("Query/Query", UserId="x", BusinessObject="COMFND", XMLIn="<Query/>")
    assert wrong.status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD"])
def test_only_get(sandbox: Sandbox, syspro: SysproCaller, session: str, edu1: Company, method: str) -> None:
    response = syspro.call(
        "Transaction/Post",
        method,
        UserId=session,
        BusinessObject="GENTJL",
        XmlParameters=PARAMETERS.format(validate="N"),
        XmlIn=f"<PostGlJournal><Item>{journal()}</Item></PostGlJournal>",
    )
    assert response.status_code == 405
    assert edu1.journals == []


@pytest.mark.parametrize(
    ("operator", "password", "company", "text"),
    [
        ("ROBOT", "wrong", "EDU1", "ERROR: Invalid operator password"),
        ("NOBODY", "secret", "EDU1", "ERROR: Operator 'NOBODY' not found"),
        ("ROBOT", "secret", "ZZZ", "ERROR: Company 'ZZZ' not found"),
        ("CLERK", "pw", "EDU1", "ERROR: Operator 'CLERK' has no access to company 'EDU1'"),
        ("ROBOT", "secret", "SAFE", "ERROR: Invalid company password"),
    ],
)
def test_refused_logons_are_text_under_200(
    sandbox: Sandbox, syspro: SysproCaller, operator: str, password: str, company: str, text: str
) -> None:
    sandbox.syspro.add_operator(Operator("CLERK", "pw", companies=frozenset({"SAFE"})))
    sandbox.syspro.add_company(Company("SAFE", password="door"))
    assert syspro.logon(operator, password, company) == text


def test_bad_passwords_lock_the_operator(syspro: SysproCaller) -> None:
    answers = [syspro.logon(password=word) for word in ("a", "b", "c", "secret")]
    assert answers[2:] == ["ERROR: Invalid operator password", "ERROR: Operator 'ROBOT' is locked"]


def test_a_second_logon_kills_the_first_session(sandbox: Sandbox, syspro: SysproCaller) -> None:
    first, second = syspro.logon(), syspro.logon()
    assert syspro.query(first, ACCOUNTS).startswith(INVALID)
    assert syspro.query(second, ACCOUNTS).startswith("<?xml")
    assert sandbox.syspro.sessions.evictions == 1


def test_idle_sessions_end_and_calls_keep_them_alive(sandbox: Sandbox, syspro: SysproCaller) -> None:
    now = [0.0]
    sandbox.syspro.sessions.clock = lambda: now[0]
    sandbox.syspro.sessions.idle_s = 600
    session = syspro.logon()
    now[0] = 599.0
    assert syspro.query(session, ACCOUNTS).startswith("<?xml")
    now[0] = 1198.0
    assert syspro.query(session, ACCOUNTS).startswith("<?xml")
    now[0] = 1799.0
    assert syspro.query(session, ACCOUNTS).startswith(INVALID)


def test_seats_run_out_until_somebody_is_idle(sandbox: Sandbox, syspro: SysproCaller) -> None:
    now = [0.0]
    sandbox.syspro.sessions.clock = lambda: now[0]
    sandbox.syspro.sessions.idle_s = 600
    sandbox.syspro.sessions.seats = 1
    sandbox.syspro.add_operator(Operator("CLERK", "pw"))
    clerk = syspro.logon("CLERK", "pw")
    assert syspro.logon() == "ERROR: The maximum number of licensed e.net users has been reached"
    now[0] = 601.0
    assert len(syspro.logon()) == 36
    assert syspro.query(clerk, ACCOUNTS).startswith(INVALID)


def test_the_expire_hook_posts_nothing(
    sandbox: Sandbox, syspro: SysproCaller, session: str, edu1: Company
) -> None:
    sandbox.syspro.expire_sessions()
    assert syspro.post_gl(session, journal()).startswith(INVALID)
    assert edu1.journals == []


@pytest.mark.parametrize(
    ("wrapping", "unwrap"),
    [
        ("bare", lambda text: text),
        ("json", json.loads),
        ("string", lambda text: text[text.index(">") + 1 : text.rindex("<")]),
    ],
)
def test_wrapping(
    sandbox: Sandbox, syspro: SysproCaller, wrapping: str, unwrap: Callable[[str], str]
) -> None:
    sandbox.syspro.wrapping = wrapping  # type: ignore[assignment]
    response = syspro.call("GetVersion")
    assert unwrap(response.text) == "8.0.021"
    assert response.headers["content-type"] == "application/octet-stream"
    if wrapping == "string":
        assert response.text.startswith("<string xmlns=")
        session = unwrap(syspro.logon())
        assert "&lt;?xml version=" in syspro.query(session, ACCOUNTS)


def test_answers_are_windows_1252_with_a_tail(syspro: SysproCaller, session: str, edu1: Company) -> None:
    edu1.add_account("6100-P9", "Café €")
    body = syspro.call("Query/Query", UserId=session, BusinessObject="COMFND", XmlIn=ACCOUNTS).content
    assert body.startswith(b'<?xml version="1.0" encoding="Windows-1252"?>\n<GenMaster Language=\'05\'')
    assert b"Caf\xe9 \x80" in body
    assert body.endswith(b"</GenMaster>\n ")


def test_a_long_url_is_refused_without_effect(
    sandbox: Sandbox, syspro: SysproCaller, session: str, edu1: Company
) -> None:
    def post(comment: str) -> httpx.Response:
        return syspro.call(
            "Transaction/Post",
            UserId=session,
            BusinessObject="GENTJL",
            XmlParameters="",
            XmlIn=f"<PostGlJournal><Item>{journal()}<Ignored>{comment}</Ignored></Item></PostGlJournal>",
        )

    assert post("x" * 14000).status_code == 200
    refused = post("x" * 16384)
    assert refused.status_code == 400
    assert refused.headers["content-type"].startswith("text/html")
    assert len(edu1.journals) == 1


def test_the_limit_is_exact(sandbox: Sandbox) -> None:
    # "GET " + path + " HTTP/1.1\r\n", then "Host: x\r\n" and the empty line.
    def status(size: int) -> int:
        path = "/SYSPROWCFService/Rest/GetVersion?a="
        fixed = len("GET  HTTP/1.1\r\nHost: x\r\n\r\n") + len(path)
        with socket.create_connection(("127.0.0.1", sandbox.port)) as connection:
            line = path + "b" * (size - fixed)
            connection.sendall(f"GET {line} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            return int(connection.recv(100).split()[1])

    assert status(16384) == 200
    assert status(16385) == 400
    assert status(300_000) == 400


def test_unknown_objects(syspro: SysproCaller, session: str) -> None:
    expected = "ERROR: e.net exception raised: 100000"
    assert syspro.query(session, "<Query/>", "XXXQRY") == expected
    posted = syspro.call(
        "Transaction/Post", UserId=session, BusinessObject="X", XmlParameters="", XmlIn="<a/>"
    )
    assert posted.text == expected


@pytest.mark.parametrize(
    "document",
    [
        "<Query><TableName>GenMaster</Query>",
        "<!DOCTYPE Query [<!ENTITY a 'GenMaster'>]><Query><TableName>&a;</TableName></Query>",
    ],
)
def test_documents_must_be_well_formed_and_free_of_a_dtd(
    syspro: SysproCaller, session: str, document: str
) -> None:
    assert syspro.query(session, document).startswith("ERROR: XmlIn is not well formed")


def test_profile(syspro: SysproCaller, session: str) -> None:
    text = syspro.call("GetLogonProfile", UserId=session).text
    assert "<OperatorCode>ROBOT</OperatorCode>" in text
    assert "<LocalCurrencyCode>USD</LocalCurrencyCode>" in text


def test_overlapping_calls_are_noticed(sandbox: Sandbox, syspro: SysproCaller, session: str) -> None:
    syspro.query(session, ACCOUNTS)
    assert sandbox.syspro.overlaps == 0
    sandbox.faults.add(Fault("syspro", "Query/Query:COMFND", Delay(0.3), times=2))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: syspro.query(session, ACCOUNTS), range(2)))
    assert sandbox.syspro.overlaps == 1
