"""Tokens, sessions of the licence, throttling, and what becomes of a read that fails."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from include.erps.acumatica.client import AcumaticaErp
from include.erps.acumatica.settings import AcumaticaSettings
from include.errors import LookupFailed, Misconfigured, NotExecuted, Retryable
from include.sandbox.acumatica import Acumatica
from include.sandbox.faults import Action, Drop, Fault, Replace, Status, Truncate
from include.sandbox.server import Sandbox
from include.transport import Answer, HttpClient
from tests.include.erps.acumatica.conftest import bill, checked, journal
from tests.include.erps.shared_state import Budget, Tokens

Connect = Callable[..., AcumaticaErp]


class Hands:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def ignore(text: str) -> None:
    """Keeps nothing."""


def kept_tokens(tokens: Tokens) -> list[dict[str, str]]:
    """What the store holds besides the notes of what was seen in the ERP."""
    return [json.loads(text) for name, text in tokens.kept.items() if ":shows:" not in name and ":open:" not in name]


def test_fifty_journals_in_fifty_tasks_open_one_session(
    connect: Connect, box: Sandbox, site: Acumatica, tokens: Tokens
) -> None:
    for number in range(50):
        with connect(document="journal") as client:
            draft = checked(journal(f"R{number:03d}"))
            assert client.find(draft) == []
            client.create(draft, ignore)
    assert site.doors.grants == ["password"]
    assert site.doors.seated == 1
    assert len(site.books.batches) == 50
    # One look-up and one create each; the branch was proven readable once for all.
    calls = box.operations("acumatica")
    assert (calls.count("token"), calls.count("GET Ledger"), len(calls)) == (1, 1, 102)


def test_a_token_about_to_end_is_refreshed_and_rotated(connect: Connect, site: Acumatica, tokens: Tokens) -> None:
    hands = Hands()
    connect(clock=hands).find(bill())
    (first,) = kept_tokens(tokens)
    hands.now += 3600 - 100
    connect(clock=hands).find(bill())
    (second,) = kept_tokens(tokens)
    assert site.doors.grants == ["password", "refresh_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert site.doors.seated == 1


def test_401_is_refreshed_once_and_the_call_repeated_once(connect: Connect, box: Sandbox, site: Acumatica) -> None:
    client = connect()
    client.find(bill())
    with box.lock:
        site.doors.revoke_access()
    assert client.find(bill()) == []
    assert site.doors.grants == ["password", "refresh_token"]
    assert box.operations("acumatica")[-3:] == ["GET Bill", "token", "GET Bill"]


def test_a_revoked_chain_signs_in_again_once(connect: Connect, box: Sandbox, site: Acumatica) -> None:
    client = connect()
    client.find(bill())
    with box.lock:
        site.doors.revoke_all()
    assert client.find(bill()) == []
    assert site.doors.grants == ["password", "password"]


def test_a_token_that_another_task_has_renewed_is_taken_over(connect: Connect, box: Sandbox, site: Acumatica) -> None:
    one, other = connect(), connect()
    one.find(bill())
    other.find(bill())
    with box.lock:
        site.doors.revoke_access()
    one.find(bill())
    other.find(bill())
    assert site.doors.grants == ["password", "refresh_token"]


def test_401_for_ever_gives_up_without_a_storm(connect: Connect, box: Sandbox, site: Acumatica) -> None:
    box.faults.add(Fault("acumatica", "GET Bill", Status(401), times=99))
    with pytest.raises(Misconfigured, match="just opened"):
        connect().find(bill())
    assert box.operations("acumatica").count("GET Bill") == 2
    assert site.doors.grants == ["password", "refresh_token", "refresh_token"]


def test_a_lost_answer_to_a_refresh_costs_one_new_sign_in(connect: Connect, box: Sandbox, site: Acumatica) -> None:
    client = connect()
    client.find(bill())
    with box.lock:
        site.doors.revoke_access()
    box.faults.add(Fault("acumatica", "token", Drop(), when="after"))
    with pytest.raises(LookupFailed, match="token"):
        client.find(bill())
    assert client.find(bill()) == []
    assert site.doors.grants == ["password", "refresh_token", "password"]


def test_another_user_or_application_never_shares_tokens(connect: Connect, site: Acumatica, tokens: Tokens) -> None:
    connect().find(bill())
    connect(scope="api").find(bill())
    assert site.doors.grants == ["password", "password"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ({"password": "wrong"}, "login and password"),
        ({"secret": "wrong"}, "client_secret"),
    ],
    ids=["password", "secret"],
)
def test_wrong_credentials_say_what_to_correct(
    connect: Connect, box: Sandbox, spoil: dict[str, str], said: str
) -> None:
    client = connect(**spoil)
    for _ in range(2):
        with pytest.raises(Misconfigured, match=said) as caught:
            client.find(bill())
        assert "wrong" not in str(caught.value)


def test_a_wrong_password_is_not_tried_again(connect: Connect, box: Sandbox) -> None:
    client = connect(password="wrong")
    for _ in range(3):
        with pytest.raises(Misconfigured):
            client.find(bill())
    assert box.operations("acumatica") == ["token"]


def test_a_site_without_refresh_tokens_says_which_scope_to_set(connect: Connect, site: Acumatica) -> None:
    site.doors.refresh_tokens = False
    with pytest.raises(Misconfigured, match=r"erp.scope: api"):
        connect().find(bill())
    assert connect(scope="api").find(bill()) == []


def test_an_application_of_another_flow_is_named(connect: Connect, site: Acumatica) -> None:
    site.doors.flow = "authorization_code"
    with pytest.raises(Misconfigured, match="Resource Owner Password"):
        connect().find(bill())


def test_no_free_session_waits_and_keeps_the_token(connect: Connect, box: Sandbox, site: Acumatica) -> None:
    site.doors.take_seats(2)
    for _ in range(2):
        with pytest.raises(LookupFailed, match="API Login Limit") as caught:
            connect().find(bill())
        assert caught.value.delay_s == 300
    with pytest.raises(NotExecuted, match="no free session"):
        connect().create(checked(bill()), ignore)
    assert site.books.bills == []
    # No sign-in of its own per try: that would take the next free seat, too.
    assert site.doors.grants == ["password"]


def test_every_request_takes_its_place_in_the_budget(connect: Connect) -> None:
    budget = Budget()
    client = connect(budget=budget)
    client.find(bill())
    client.create(checked(bill()), ignore)
    # Bills, ledgers, put.
    assert budget.taken == 3


def test_reads_wait_out_429_and_pass(connect: Connect, box: Sandbox) -> None:
    waits: list[float] = []
    budget = Budget()
    body = "The custom error module does not recognize this error."
    box.faults.add(Fault("acumatica", "GET Bill", Status(429, body, {"Retry-After": "9"}), times=2))
    assert connect(budget=budget, wait=waits.append).find(bill()) == []
    assert waits == [9, 9]
    assert budget.pauses == [9, 9]


def test_half_the_licence_delays_and_all_of_it_refuses(connect: Connect, site: Acumatica) -> None:
    site.licence.per_minute = 8
    site.licence.longest_delay_s = 0.01
    client = connect(read_attempts=1)
    for _ in range(4):
        client.find(checked(bill()))
    assert site.licence.delays
    for _ in range(3):
        client.find(checked(bill()))
    with pytest.raises(LookupFailed, match="429"):
        client.find(checked(bill()))
    with pytest.raises(NotExecuted, match="licence"):
        client.create(checked(bill()), ignore)
    assert site.books.bills == []


@pytest.mark.parametrize(
    ("action", "calls"),
    [
        (Status(503), 3),
        (Status(502, "<html>"), 3),
        (Status(500, '{"exceptionMessage":"Execution Timeout Expired"}'), 3),
        (Status(500, '{"exceptionMessage":"The previous operation has not been completed yet."}'), 3),
        (Status(500, '{"exceptionMessage":"Something else"}'), 1),
        (Status(400, '{"message":"bad filter"}'), 1),
        (Status(302, "", {"Location": "/Frames/Login.aspx"}), 1),
        (Drop(), 3),
        (Status(200, "<html>Welcome</html>"), 1),
        (Status(200, '{"value":[]}'), 1),
        (Status(200, '[{"ReferenceNbr":{"value":"1"}}]'), 1),
    ],
    ids=["503", "502", "timeout", "busy", "500", "400", "302", "drop", "html", "envelope", "no id"],
)
def test_a_look_up_that_fails_is_never_an_empty_one(connect: Connect, box: Sandbox, action: object, calls: int) -> None:
    box.faults.add(Fault("acumatica", "GET Bill", action, times=99))  # type: ignore[arg-type]
    with pytest.raises(LookupFailed):
        connect(wait=lambda seconds: None).find(bill())
    assert box.operations("acumatica").count("GET Bill") == calls


def test_no_rights_on_a_form(connect: Connect, box: Sandbox) -> None:
    box.faults.add(Fault("acumatica", "GET Bill", Status(403, '{"message":"insufficient rights"}')))
    with pytest.raises(Misconfigured, match=r"insufficient rights.*role"):
        connect().find(bill())


def test_another_version_is_named_with_those_on_offer(connect: Connect, site: Acumatica) -> None:
    for client in (connect(version="23.200.001"), connect(version="24.200.01")):
        with pytest.raises(Misconfigured, match=r"20\.200\.001, 24\.200\.001, 25\.200\.001\. Set erp\.version"):
            client.check([bill()])
        with pytest.raises(Misconfigured, match=r"erp.version"):
            client.find(bill())
    with pytest.raises(Misconfigured, match="no endpoint Custom; it has Default"):
        connect(endpoint="Custom").check([bill()])
    site.bare_endpoint_list = True
    with pytest.raises(Misconfigured, match=r"20\.200\.001"):
        connect(version="23.200.001").check([bill()])
    connect(version="25.200.001").check([bill()])


def test_a_server_that_is_no_acumatica(connect: Connect, box: Sandbox) -> None:
    with pytest.raises(Misconfigured, match="no Acumatica at this address"):
        connect(base_path="/elsewhere").check([bill()])
    with pytest.raises(Misconfigured, match="base_path"):
        connect(base_path="/elsewhere").find(bill())
    box.faults.add(Fault("acumatica", "endpoints", Replace("<html>"), when="after"))
    with pytest.raises(Misconfigured, match="no Acumatica"):
        connect().check([bill()])


@pytest.mark.parametrize(
    "failure", [Status(500, "<html>Internal Server Error</html>"), Truncate(20, clean=True)], ids=["500", "cut off"]
)
def test_a_list_of_endpoints_that_fails_or_is_cut_off_is_asked_for_again(
    connect: Connect, box: Sandbox, failure: Action
) -> None:
    box.faults.add(Fault("acumatica", "endpoints", failure, when="after"))
    with pytest.raises(Retryable, match="list"):
        connect().check([bill()])
    assert connect().check([bill()])[0].problems == ()


def test_an_instance_below_the_web_root() -> None:
    from include.erps.acumatica.access import Credentials
    from tests.include.erps.acumatica import conftest

    site = Acumatica(base_path="/ERP")
    site.doors.applications[conftest.CLIENT_ID] = conftest.SECRET
    site.doors.add_user(conftest.User("robot", conftest.PASSWORD))
    site.books.add_ledger("ACTUAL", "HQ")
    with Sandbox(site) as box:
        client = AcumaticaErp(
            box.url,
            Credentials("robot", conftest.PASSWORD, conftest.CLIENT_ID, conftest.SECRET),
            settings=conftest.settings(base_path="/ERP"),
            tokens=Tokens(),
        )
        with client:
            assert client.find(bill()) == []


# The cookie login


def test_the_cookie_session_is_given_back(connect: Connect, box: Sandbox, site: Acumatica) -> None:
    with connect(auth="cookie") as client:
        client.find(bill())
        client.create(checked(bill()), ignore)
        assert site.doors.seated == 1
    assert site.doors.seated == 0
    assert box.operations("acumatica") == ["login", "GET Bill", "GET Ledger", "PUT Bill", "logout"]


def test_an_idle_cookie_session_is_opened_again(connect: Connect, box: Sandbox, site: Acumatica) -> None:
    with connect(auth="cookie") as client:
        client.find(bill())
        with box.lock:
            site.doors.revoke_all()
        client.find(bill())
    assert site.doors.grants == ["login", "login"]


def test_a_cookie_login_without_a_free_seat_waits(connect: Connect, site: Acumatica) -> None:
    site.doors.take_seats(2)
    with connect(auth="cookie") as client, pytest.raises(Retryable, match="API Login Limit") as caught:
        client.find(bill())
    assert caught.value.delay_s == 300


def test_a_wrong_cookie_password_is_not_tried_again(connect: Connect, box: Sandbox) -> None:
    with connect(auth="cookie", password="wrong-one") as client:
        for _ in range(2):
            with pytest.raises(Misconfigured, match="Invalid credentials") as caught:
                client.find(bill())
            assert "wrong-one" not in str(caught.value)
    assert box.operations("acumatica") == ["login"]


def test_no_secret_reaches_a_log(connect: Connect, tokens: Tokens, caplog: pytest.LogCaptureFixture) -> None:
    # Airflow, once imported, silences httpx.
    caplog.set_level(logging.DEBUG, logger="httpx")
    with caplog.at_level(logging.DEBUG), connect() as client:
        client.find(bill())
        client.create(checked(bill()), ignore)
    logged = "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith(("asyncio", "aiohttp"))
    )
    token = kept_tokens(tokens)[0]
    assert "HTTP Request" in logged
    for secret in ("pa ss", "pa+ss", "client-secret", token["access_token"], token["refresh_token"], "VendorRef"):
        assert secret not in logged


def test_plain_http_needs_permission() -> None:
    from include.erps.acumatica.access import Credentials

    def client(url: str, **changes: object) -> AcumaticaErp:
        known = AcumaticaSettings.model_validate({"type": "acumatica", "connection": "a", "vendor": "V", **changes})
        return AcumaticaErp(url, Credentials("u", "p"), settings=known, tokens=Tokens())

    for url in ("http://acumatica.example.com", "ftp://acumatica", "acumatica"):
        with pytest.raises(Misconfigured, match="https"):
            client(url)
    client("http://acumatica.example.com", allow_http=True)
    client("https://acumatica.example.com")


def test_every_request_names_the_branch(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, object]] = []
    original = HttpClient.request

    def request(self: HttpClient, method: str, path: str, **options: Any) -> Answer:
        if "/entity/" in path:
            sent.append((method, options.get("headers", {}).get("PX-CbApiBranch")))
        return original(self, method, path, **options)

    monkeypatch.setattr(HttpClient, "request", request)
    client = connect(branch="WEST", document="journal")
    client.find(journal())
    client.create(checked(journal()), ignore)
    assert sent
    assert set(sent) == {("GET", "WEST"), ("PUT", "WEST")}
