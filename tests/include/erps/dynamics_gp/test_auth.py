"""Real handshakes: pyspnego on both ends of a socket, the acceptor checking what the client proves."""

import itertools
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpcore
import pytest

from include.erps.dynamics_gp.auth import RefusedPassword
from include.errors import Misconfigured, NotExecuted, Retryable
from include.sandbox.dynamics_gp import Company, DynamicsGp
from include.sandbox.faults import Drop, Fault
from include.sandbox.server import Sandbox
from tests.include.erps.dynamics_gp.conftest import LOGIN, PASSWORD, Connect, journal
from tests.include.erps.shared_state import Tokens


def words(legs: list[str]) -> list[str]:
    return [leg.partition(":")[0] for leg in legs]


def bodies(legs: list[str]) -> list[bool]:
    return [leg.partition(":")[2] != "0" for leg in legs]


@pytest.mark.parametrize(("auth", "word"), [("ntlm", "NTLM"), ("negotiate", "Negotiate")])
def test_three_legs_and_the_body_only_in_the_last(
    connect: Connect, gp: DynamicsGp, api: str, auth: str, word: str
) -> None:
    erp = connect(api=api, auth=auth, company_id=3, company=None) if api == "soap" else connect(api=api, auth=auth)
    erp.create(journal(details={"company_id": 3}), lambda document: None)
    legs = gp.door.legs
    first = next(at for at, leg in enumerate(legs) if leg.startswith(word))
    assert words(legs)[first - 1 : first + 2] == ["-", word, word]
    assert bodies(legs)[first - 1 : first + 2] == [False, False, True]


@pytest.mark.parametrize("login", [LOGIN, LOGIN.lower(), "svc_expense@fabrikam.example"])
@pytest.mark.parametrize("auth", ["ntlm", "negotiate"])
def test_both_forms_of_the_account(connect: Connect, login: str, auth: str) -> None:
    assert connect(login=login, auth=auth).find(journal()) == []


def test_a_connection_proves_itself_once(connect: Connect, gp: DynamicsGp) -> None:
    erp = connect(api="sba")
    for _ in range(3):
        erp.find(journal())
    assert words(gp.door.legs) == ["-", "NTLM", "NTLM", "-", "-"]


def test_a_server_that_asks_again_for_every_request(connect: Connect, gp: DynamicsGp, company: Company) -> None:
    gp.door.persists = False
    erp = connect(api="sba")
    assert erp.check([journal()])[0].problems == ()
    erp.create(journal(), lambda document: None)
    assert len(company.under("EXP R00AbC")) == 1


@pytest.mark.parametrize("auth", ["ntlm", "negotiate"])
def test_a_wrong_password_is_tried_once(
    connect: Connect, gp: DynamicsGp, company: Company, api: str, auth: str
) -> None:
    erp = connect(api=api, auth=auth, password="wrong", query_attempts=5)
    for _ in range(3):
        with pytest.raises(Misconfigured, match="refused the Windows account"):
            erp.check([journal()])
    with pytest.raises((Misconfigured, NotExecuted), match="refused the Windows account"):
        erp.create(journal(), lambda document: None)
    assert gp.door.refusals == 1
    assert company.journals == []


def test_a_password_refused_in_the_middle_of_a_create_sends_nothing(
    connect: Connect, gp: DynamicsGp, company: Company
) -> None:
    erp = connect(api="sba")
    draft = erp.check([journal()])[0].draft

    def lock(document: str) -> None:
        gp.door.expire()
        gp.door.lock_after = 0

    with pytest.raises(NotExecuted, match="refused the Windows account"):
        erp.create(draft, lock)
    assert gp.door.refusals == 1
    assert company.journals == []


def test_the_next_session_does_not_try_a_refused_password(connect: Connect, gp: DynamicsGp) -> None:
    now = [datetime(2026, 11, 20, 9, tzinfo=UTC)]
    tokens = Tokens()

    def memory(password: str) -> RefusedPassword:
        return RefusedPassword(tokens, "gp", LOGIN, password, pause_s=900, clock=lambda: now[0])

    with pytest.raises(Misconfigured):
        connect(api="sba", password="wrong", refused_before=memory("wrong")).find(journal())
    assert "wrong" not in str(tokens.kept)
    with pytest.raises(Misconfigured, match=r"not tried again before 09:15:00 UTC"):
        connect(api="sba", password="wrong", refused_before=memory("wrong")).find(journal())
    assert gp.door.refusals == 1
    # A corrected password is used at once, a refused one again after the pause.
    assert connect(api="sba", refused_before=memory(PASSWORD)).find(journal()) == []
    now[0] += timedelta(seconds=901)
    with pytest.raises(Misconfigured):
        connect(api="sba", password="wrong", refused_before=memory("wrong")).find(journal())
    assert gp.door.refusals == 2


def test_a_disabled_account_is_refused(connect: Connect, gp: DynamicsGp) -> None:
    gp.door.accounts[LOGIN.casefold()].disabled = True
    with pytest.raises(Misconfigured, match="disabled"):
        connect(api="sba").find(journal())


def test_a_scheme_that_the_server_does_not_offer(connect: Connect, gp: DynamicsGp) -> None:
    gp.door.words = ("NTLM",)
    with pytest.raises(Misconfigured, match="set `auth` in the connection's extra to ntlm"):
        connect(auth="negotiate").check([journal()])
    assert gp.door.refusals == 0


def test_a_server_without_windows_log_on(connect: Connect, gp: DynamicsGp) -> None:
    gp.door.words = ()
    with pytest.raises(Misconfigured, match="Windows authentication is on in IIS"):
        connect().check([journal()])


def test_an_account_without_a_gp_user(connect: Connect, gp: DynamicsGp) -> None:
    gp.door.accounts[LOGIN.casefold()].gp_user = False
    with pytest.raises(Misconfigured, match="not mapped to a Dynamics GP user"):
        connect(api="sba").find(journal())
    with pytest.raises(Misconfigured, match="shows no company called"):
        connect(company_id_search=5).check([journal()])


def test_a_lost_connection_is_made_anew_and_proves_itself_again(
    connect: Connect, box: Sandbox, gp: DynamicsGp, company: Company
) -> None:
    erp = connect(api="sba")
    draft = erp.check([journal()])[0].draft
    box.faults.add(Fault("dynamics_gp", "GET JournalEntries", Drop()))
    with pytest.raises(Retryable):
        erp.find(draft)
    assert erp.find(draft) == []
    erp.create(draft, lambda document: None)
    assert len(company.journals) == 1


def test_a_log_on_that_breaks_off_before_the_password_is_no_refusal(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request with the password finds no server; the next exchange begins where the server still waits for that one."""
    send = httpcore.ConnectionPool.handle_request
    requests = itertools.count(1)

    def refusing(pool: httpcore.ConnectionPool, request: httpcore.Request) -> httpcore.Response:
        if next(requests) == 3:
            raise httpcore.ConnectError("Connection refused")
        return send(pool, request)

    monkeypatch.setattr(httpcore.ConnectionPool, "handle_request", refusing)
    erp = connect()
    for _ in range(2):
        with suppress(Retryable):
            erp.check([journal()])
    assert next(requests) > 3
    assert erp.check([journal()])[0].problems == ()


def test_nothing_is_sent_without_a_log_on(connect: Connect, box: Sandbox, company: Company) -> None:
    erp = connect(api="sba")
    box.stop()
    with pytest.raises(NotExecuted):
        erp.create(journal(), lambda document: None)


def test_the_password_is_never_logged(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        connect().find(journal())
    assert PASSWORD not in caplog.text
