import logging
from collections.abc import Callable

import pytest

from include.erps.syspro.client import SysproErp
from include.errors import Misconfigured, NotExecuted, Retryable
from include.sandbox.faults import Drop, Fault, Replace, Status
from include.sandbox.server import Sandbox
from include.sandbox.syspro import Company, Operator
from tests.include.erps.syspro.conftest import PASSWORD, journal, settings

Connect = Callable[..., SysproErp]


@pytest.mark.parametrize("form", [7, 8])
@pytest.mark.parametrize("wrapping", ["bare", "json", "string"])
@pytest.mark.parametrize("transport", ["rest", "soap"])
def test_one_log_on_serves_all_calls_and_is_given_back(
    connect: Connect, box: Sandbox, company: Company, form: int, wrapping: str, transport: str
) -> None:
    box.syspro.sessions.form = form  # type: ignore[assignment]
    box.syspro.wrapping = wrapping  # type: ignore[assignment]
    company.password = "c&o"
    with SysproErp(box.url, "ROBOT", PASSWORD, "EDU1", "c&o", settings=settings(transport=transport)) as client:
        client.check([journal()])
        client.find(journal())
    operations = box.operations("syspro")
    assert (operations[0], operations[-1]) == ("Logon", "Logoff")
    assert operations.count("Logon") == 1
    assert box.syspro.sessions.open == {}
    assert box.syspro.overlaps == 0


def test_a_client_that_is_never_used_never_logs_on(box: Sandbox, company: Company) -> None:
    with SysproErp(box.url, "ROBOT", PASSWORD, "EDU1", settings=settings()):
        pass
    assert box.operations("syspro") == []


@pytest.mark.parametrize("transport", ["rest", "soap"])
@pytest.mark.parametrize("prefix", ["ERROR: ", "", "Server was unable to process request. ---> ERROR: "])
def test_a_dead_session_is_replaced_once(
    connect: Connect, box: Sandbox, company: Company, transport: str, prefix: str
) -> None:
    box.syspro.soap_fault_prefix = prefix
    client = connect(transport=transport)
    client.find(journal())
    box.syspro.expire_sessions()
    company.enter_journal([("6100-100", 1)], day=journal().posting_date, reference="EXP-20261120-1")
    assert len(client.find(journal())) == 1
    assert box.operations("syspro").count("Logon") == 2


def test_somebody_else_with_the_same_operator_is_named(connect: Connect, box: Sandbox) -> None:
    client = connect()
    dead = "ERROR: The supplied UserID is invalid. Either you were not logged in; or your session has expired."
    box.faults.add(Fault("syspro", "Query/Query:COMFND", Replace(dead), when="after", times=2))
    with pytest.raises(Retryable, match="an operator of its own"):
        client.find(journal())
    assert box.operations("syspro").count("Logon") == 2


def test_a_second_log_on_evicts_and_the_first_recovers(connect: Connect, box: Sandbox, company: Company) -> None:
    first, second = connect(), connect()
    assert [first.find(journal()), second.find(journal()), first.find(journal())] == [[], [], []]
    assert box.syspro.sessions.evictions == 2


def test_an_idle_session_is_renewed_before_it_dies(connect: Connect, box: Sandbox, company: Company) -> None:
    now = [0.0]
    client = connect(monotonic=lambda: now[0], session_idle_renew_s=600)
    client.find(journal())
    now[0] = 599
    client.find(journal())
    assert box.operations("syspro").count("Logon") == 1
    now[0] = 1200
    client.find(journal())
    assert box.operations("syspro").count("Logon") == 2
    assert box.syspro.sessions.evictions == 0


REFUSED = ["Invalid operator password", "Operator 'ROBOT' is locked", "Company 'EDU1' not found", "Kennwort falsch"]


@pytest.mark.parametrize("text", REFUSED)
def test_a_refused_log_on_is_never_tried_again(connect: Connect, box: Sandbox, company: Company, text: str) -> None:
    box.faults.add(Fault("syspro", "Logon", Replace(f"ERROR: {text}"), when="after"))
    client = connect()
    for call in (lambda: client.find(journal()), lambda: client.check([journal()]), lambda: client.find(journal())):
        with pytest.raises(Misconfigured, match=text):
            call()
    assert box.operations("syspro") == ["Logon"]


def test_a_wrong_password_is_not_in_the_error(connect: Connect, box: Sandbox) -> None:
    with pytest.raises(Misconfigured, match="Invalid operator password") as caught:
        connect(password="hunter2-secret").find(journal())
    assert "hunter2" not in str(caught.value)
    assert box.syspro.sessions.operators["ROBOT"].bad_passwords == 1


def test_full_seats_wait(connect: Connect, box: Sandbox, company: Company) -> None:
    box.syspro.sessions.seats = 0
    with pytest.raises(Retryable) as caught:
        connect(seats_delay_s=77).find(journal())
    assert caught.value.delay_s == 77
    with pytest.raises(NotExecuted) as unsent:
        connect(seats_delay_s=77).create(journal(), lambda text: None)
    assert unsent.value.delay_s == 77


@pytest.mark.parametrize(
    ("action", "when", "expected"),
    [
        (Drop(), "after", Retryable),
        (Status(502, "Error: bad gateway"), "before", Retryable),
        (Replace("<html>login</html>"), "after", Retryable),
        (Replace("short"), "after", Retryable),
        (Replace("two words of text"), "after", Retryable),
        (Replace(""), "after", Retryable),
        (Status(404, "<html/>"), "before", Misconfigured),
    ],
)
def test_other_answers_to_a_log_on(
    connect: Connect, box: Sandbox, action: object, when: str, expected: type[Exception]
) -> None:
    box.faults.add(Fault("syspro", "Logon", action, when=when))  # type: ignore[arg-type]
    with pytest.raises(expected):
        connect().find(journal())
    assert box.operations("syspro") == ["Logon"]


@pytest.mark.parametrize("action", [Drop(), Status(500), Replace("ERROR: odd"), Replace("1"), Replace("")])
@pytest.mark.parametrize("transport", ["rest", "soap"])
def test_a_failed_log_off_is_a_warning_only(
    connect: Connect, box: Sandbox, company: Company, action: object, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    box.faults.add(Fault("syspro", "Logoff", action, when="after"))  # type: ignore[arg-type]
    with connect(transport=transport) as client:
        client.create(journal(), lambda text: None)
    assert len(company.journals) == 1
    assert [record.levelname for record in caplog.records if record.name.startswith("include.erps")] == ["WARNING"]


def test_leaving_by_an_error_logs_off_too(connect: Connect, box: Sandbox, company: Company) -> None:
    def fail(text: str) -> None:
        raise RuntimeError("worker stopped")

    with pytest.raises(RuntimeError), connect() as client:
        client.create(journal(), fail)
    assert box.operations("syspro") == ["Logon", "Logoff"]
    assert box.syspro.sessions.open == {}


@pytest.mark.parametrize("transport", ["rest", "soap"])
def test_no_log_line_holds_password_session_or_document(
    connect: Connect, box: Sandbox, company: Company, caplog: pytest.LogCaptureFixture, transport: str
) -> None:
    box.syspro.add_operator(Operator("ROBOT", "hunter2-secret"))
    # Importing Airflow in the same process silences httpx.
    caplog.set_level(logging.DEBUG, logger="httpx")
    with caplog.at_level(logging.DEBUG), connect(password="hunter2-secret", transport=transport) as client:
        client.create(journal(), lambda text: None)
        session = next(iter(box.syspro.sessions.open))
    logged = "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith(("asyncio", "aiohttp"))
    )
    assert "HTTP Request" in logged
    for secret in ("hunter2", session, "UserId", "LedgerCode"):
        assert secret not in logged


def test_plain_http_needs_permission(company: Company) -> None:
    for url in ("http://syspro.example.com:90", "ftp://syspro", "syspro"):
        with pytest.raises(Misconfigured, match="https"):
            SysproErp(url, "R", "p", "EDU1", settings=settings())
    with pytest.raises(Misconfigured, match="https"):
        SysproErp("https://a.example.com", "R", "p", "EDU1", settings=settings(soap_base_url="http://b.example.com"))
    SysproErp("http://syspro.example.com:90", "R", "p", "EDU1", settings=settings(allow_http=True))


def test_a_missing_ca_bundle_is_misconfigured(box: Sandbox) -> None:
    client = SysproErp(box.url, "R", "p", "EDU1", settings=settings(), verify="/nowhere/ca.pem")
    with pytest.raises(Misconfigured, match="CA bundle"):
        client.find(journal())
