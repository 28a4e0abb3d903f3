"""Ordered faults: which side of the effect they strike, how often, and what the client sees."""

import time

import httpx
import pytest

from include.sandbox.faults import Delay, Drip, Drop, Fault, LateEffect, Replace, Status, Truncate, Wait
from include.sandbox.server import Sandbox
from include.sandbox.syspro import Company
from tests.include.sandbox.raw_clients import ExpensifyCaller, SysproCaller, journal

POST = "Transaction/Post:GENTJL"


def test_drop_before_leaves_no_effect(sandbox: Sandbox, syspro: SysproCaller, session: str, edu1: Company) -> None:
    sandbox.faults.add(Fault("syspro", POST, Drop(), when="before"))
    with pytest.raises(httpx.TransportError):
        syspro.post_gl(session, journal())
    assert edu1.journals == []
    assert sandbox.faults.pending == []


def test_drop_after_leaves_the_effect(sandbox: Sandbox, syspro: SysproCaller, session: str, edu1: Company) -> None:
    sandbox.faults.add(Fault("syspro", POST, Drop(), when="after"))
    with pytest.raises(httpx.TransportError):
        syspro.post_gl(session, journal())
    assert len(edu1.journals) == 1


def test_late_effect(sandbox: Sandbox, syspro: SysproCaller, session: str, edu1: Company) -> None:
    sandbox.faults.add(Fault("syspro", POST, LateEffect(0.3)))
    with pytest.raises(httpx.TransportError):
        syspro.post_gl(session, journal())
    assert edu1.journals == []
    # The request was accepted, so the end of its session does not stop it.
    syspro.call("Logoff", UserId=session)
    time.sleep(0.6)
    assert len(edu1.journals) == 1


def test_delay_after_outlasts_the_client(sandbox: Sandbox, syspro: SysproCaller, session: str, edu1: Company) -> None:
    sandbox.faults.add(Fault("expensify", "get:policyList", Delay(0.4), when="after"))
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{sandbox.url}/Integration-Server/ExpensifyIntegrations",
            data={"requestJobDescription": '{"type":"get","inputSettings":{"type":"policyList"}}'},
            timeout=0.1,
        )
    assert [job.operation for job in sandbox.expensify.jobs] == ["get:policyList"]


def test_wait_ends_when_it_has_happened(sandbox: Sandbox, syspro: SysproCaller, session: str, edu1: Company) -> None:
    asked: list[int] = []
    sandbox.faults.add(Fault("syspro", POST, Wait(lambda: asked.append(len(edu1.journals)) or len(asked) == 3, 60)))  # type: ignore[func-returns-value]
    syspro.post_gl(session, journal())
    assert asked == [0, 0, 0], "asked until it said yes, the effect not yet there"
    assert len(edu1.journals) == 1


def test_wait_ends_when_its_time_is_up(sandbox: Sandbox, syspro: SysproCaller, session: str, edu1: Company) -> None:
    sandbox.faults.add(Fault("syspro", POST, Wait(lambda: False, 0.1)))
    syspro.post_gl(session, journal())
    assert len(edu1.journals) == 1


@pytest.mark.parametrize(("when", "journals"), [("before", 0), ("after", 1)])
def test_status(sandbox: Sandbox, syspro: SysproCaller, session: str, edu1: Company, when: str, journals: int) -> None:
    action = Status(502, "<html>Bad Gateway</html>", {"Retry-After": "7", "Content-Type": "text/html"})
    sandbox.faults.add(Fault("syspro", "Transaction/*", action, when=when))  # type: ignore[arg-type]
    response = syspro.call(
        "Transaction/Post",
        UserId=session,
        BusinessObject="GENTJL",
        XmlParameters="",
        XmlIn=f"<PostGlJournal><Item>{journal()}</Item></PostGlJournal>",
    )
    assert (response.status_code, response.text) == (502, "<html>Bad Gateway</html>")
    assert response.headers["retry-after"] == "7"
    assert len(edu1.journals) == journals


def test_replace_keeps_status_and_effect(sandbox: Sandbox, syspro: SysproCaller, session: str, edu1: Company) -> None:
    sandbox.faults.add(Fault("syspro", POST, Replace("<half"), when="after"))
    assert syspro.post_gl(session, journal()) == "<half"
    assert len(edu1.journals) == 1


def test_truncate(sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
    name = expensify.export({"reportIDList": "R1"}).text
    sandbox.faults.add(
        Fault("expensify", "download", Truncate(20), when="after"),
        Fault("expensify", "download", Truncate(20, clean=True), when="after"),
    )
    with pytest.raises(httpx.RemoteProtocolError):
        expensify.download(name)
    assert expensify.download(name).content == b'{"k":"B","v":1,"repo'
    assert expensify.download(name).content.endswith(b'{"k":"F","reports":1}\n')


def test_drip_is_complete_but_slow(sandbox: Sandbox, syspro: SysproCaller) -> None:
    sandbox.faults.add(Fault("syspro", "GetVersion", Drip(0.4, pieces=4), when="after"))
    start = time.monotonic()
    assert syspro.call("GetVersion").text == "8.0.021"
    assert time.monotonic() - start >= 0.3


def test_skip_times_and_match(sandbox: Sandbox, syspro: SysproCaller, session: str, edu1: Company) -> None:
    sandbox.faults.add(
        Fault("syspro", POST, Replace("hit"), when="after", skip=1, times=2, match="EXP-A"),
        Fault("syspro", POST, Replace("other"), when="after", match=lambda text: "EXP-B" in text),
    )
    answers = [syspro.post_gl(session, journal(reference=f"EXP-{letter}")) for letter in "ABAAA"]
    assert [answer if len(answer) < 9 else "ok" for answer in answers] == ["ok", "other", "hit", "hit", "ok"]
    assert len(edu1.journals) == 5


def test_validate_only_is_an_operation_of_its_own(
    sandbox: Sandbox, syspro: SysproCaller, session: str, edu1: Company
) -> None:
    sandbox.faults.add(Fault("syspro", POST, Status(500)))
    assert "GlJournal" in syspro.post_gl(session, journal(), validate="Y")
    assert syspro.post_gl(session, journal()) == ""
    assert sandbox.operations("syspro") == ["Logon", f"{POST}:ValidateOnly", POST]
    assert sandbox.calls[-1].faults == ("Status",)
    assert (sandbox.calls[-1].status, sandbox.calls[-2].status) == (None, 200)


def test_marking_is_an_operation_of_its_own(sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
    sandbox.faults.add(Fault("expensify", "file:mark", Drop(), when="after"))
    assert expensify.export({"reportIDList": "R1"}).text.endswith(".txt")
    with pytest.raises(httpx.TransportError):
        expensify.export({"reportIDList": "R1"}, onFinish=[{"actionName": "markAsExported", "label": "erp"}])
    assert sandbox.expensify.labels == {"R1": {"erp"}}


def test_impossible_orders_are_refused() -> None:
    with pytest.raises(ValueError, match="needs when='after'"):
        Fault("syspro", POST, Truncate(3), when="before")
    with pytest.raises(ValueError, match="LateEffect decides itself"):
        Fault("syspro", POST, LateEffect(1), when="after")


def test_no_secret_is_kept(sandbox: Sandbox, syspro: SysproCaller, expensify: ExpensifyCaller) -> None:
    session = syspro.logon()
    syspro.post_gl(session, journal())
    expensify.export({"reportIDList": "R1"})
    kept = " ".join(call.text for call in sandbox.calls) + repr(sandbox.expensify.jobs)
    assert "secret" not in kept
    assert session.strip() not in kept
