"""The sandbox itself, by raw requests: it has to refuse what the real server refuses."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from include.sandbox.acumatica import Acumatica, Books, User
from include.sandbox.server import Sandbox

ROOT = "/entity/Default/24.200.001"
CLIENT = {"client_id": "1-2@Co", "client_secret": "s3cret"}
PASSWORD = {"grant_type": "password", "username": "robot", "password": "pw", "scope": "api offline_access", **CLIENT}


@pytest.fixture
def site() -> Acumatica:
    known = Acumatica()
    known.doors.applications["1-2@Co"] = "s3cret"
    known.doors.add_user(User("robot", "pw"))
    books = known.books
    books.today = lambda: date(2026, 11, 21)
    books.add_ledger("ACTUAL", "HQ", "WEST")
    books.add_year(2026)
    books.add_account("62000", "Travel")
    books.add_account("20100", "Payable", "Liability")
    books.add_subaccount("000000")
    books.add_vendor("V1")
    books.add_employee("E1", "Dana", "dana@co.example")
    return known


@pytest.fixture
def books(site: Acumatica) -> Books:
    return site.books


@pytest.fixture
def box(site: Acumatica) -> Iterator[Sandbox]:
    with Sandbox(site) as running:
        yield running


def token(box: Sandbox, **changes: str) -> httpx.Response:
    return httpx.post(f"{box.url}/identity/connect/token", data={**PASSWORD, **changes})


@pytest.fixture
def http(box: Sandbox) -> Iterator[httpx.Client]:
    given = token(box).json()["access_token"]
    with httpx.Client(base_url=box.url, headers={"Authorization": f"Bearer {given}"}) as client:
        yield client


def wrap(**fields: Any) -> dict[str, Any]:
    return {name: value if isinstance(value, list) else {"value": value} for name, value in fields.items()}


def bill(*cents: float, **changes: Any) -> dict[str, Any]:
    lines = [wrap(Account="62000", Subaccount="000000", ExtendedCost=one) for one in cents or (12.34,)]
    fields = {"Vendor": "V1", "VendorRef": "R1", "Date": "2026-10-31", "Hold": False, "Details": lines, **changes}
    return wrap(**{name: value for name, value in fields.items() if value is not ...})


def put(http: httpx.Client, record: dict[str, Any], entity: str = "Bill", **more: Any) -> httpx.Response:
    return http.put(f"{ROOT}/{entity}", json=record, **more)


def test_the_endpoints_need_no_login_and_come_in_two_shapes(box: Sandbox, site: Acumatica) -> None:
    rows = httpx.get(f"{box.url}/entity").json()["endpoints"]
    assert {"name": "Default", "version": "24.200.001", "href": "/entity/Default/24.200.001/"} in rows
    site.bare_endpoint_list = True
    assert httpx.get(f"{box.url}/entity").json() == rows


def test_a_refresh_rotates(box: Sandbox) -> None:
    first = token(box).json()
    assert (first["token_type"], first["expires_in"]) == ("Bearer", 3600)
    refresh = {"grant_type": "refresh_token", **CLIENT}
    second = token(box, **refresh, refresh_token=first["refresh_token"])
    assert second.status_code == 200
    again = token(box, **refresh, refresh_token=first["refresh_token"])
    assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"password": "no"}, "invalid_grant"),
        ({"client_secret": "no"}, "invalid_client"),
        ({"client_id": "1-2"}, "invalid_client"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"grant_type": "client_credentials"}, "unauthorized_client"),
        ({"grant_type": "magic"}, "unsupported_grant_type"),
    ],
)
def test_bad_grants(box: Sandbox, changes: dict[str, str], error: str) -> None:
    answer = token(box, **changes)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_a_session_per_grant_and_the_licence_counts_them(box: Sandbox, site: Acumatica) -> None:
    def read(given: str) -> httpx.Response:
        return httpx.get(f"{box.url}{ROOT}/Account", headers={"Authorization": f"Bearer {given}"})

    tokens = [token(box).json()["access_token"] for _ in range(3)]
    assert [read(one).status_code for one in tokens] == [200, 200, 500]
    assert read(tokens[2]).json()["exceptionMessage"] == "API Login Limit"
    assert read("nonsense").status_code == 401
    login = httpx.post(f"{box.url}/entity/auth/login", json={"name": "robot", "password": "pw", "tenant": "Co"})
    assert (login.status_code, login.text) == (429, "The custom error module does not recognize this error.")


def test_cookies_live_until_logout_or_idleness(box: Sandbox, site: Acumatica) -> None:
    now = [0.0]
    site.doors.clock = lambda: now[0]
    with httpx.Client(base_url=box.url) as client:
        body = {"name": "robot", "password": "pw", "tenant": "Co"}
        assert client.post("/entity/auth/login", json={**body, "password": "x"}).status_code == 500
        assert client.post("/entity/auth/login", json=body).status_code == 204
        assert client.get(f"{ROOT}/Account").status_code == 200
        now[0] += 1201
        assert client.get(f"{ROOT}/Account").status_code == 401
        assert client.post("/entity/auth/login", json=body).status_code == 204
        assert client.post("/entity/auth/logout", content=b"").status_code == 204
        assert client.get(f"{ROOT}/Account").status_code == 401


def test_values_are_wrapped_empty_ones_are_bare_and_details_need_asking(http: httpx.Client) -> None:
    made = put(http, bill(), params={"$select": "Type,ReferenceNbr,Status,Amount"})
    assert made.status_code == 200
    record = made.json()
    assert record["ReferenceNbr"] == {"value": "000001"}
    assert record["Status"] == {"value": "Balanced"}
    assert '"Amount":{"value":12.3400}' in made.text
    assert "Details" not in record
    full = http.get(f"{ROOT}/Bill/Bill/000001", params={"$expand": "Details"}).json()
    assert full["Details"][0]["InventoryID"] == {}
    assert full["Date"] == {"value": "2026-10-31T00:00:00+00:00"}
    assert full["PostPeriod"] == {"value": "102026"}


@pytest.mark.parametrize(
    "record",
    [
        {"Vendor": "V1"},
        {"Vendor": {"value": 5}},
        {"Nonsense": {"value": "x"}},
        {"Details": {"value": []}},
        {"Details": ["x"]},
        {"Hold": {"value": "false"}},
        {"Date": {"value": "31.10.2026"}},
        {"Amount": {"value": "12.34"}},
        ["x"],
    ],
)
def test_what_is_not_well_formed_is_400(http: httpx.Client, books: Books, record: Any) -> None:
    answer = http.put(f"{ROOT}/Bill", json=record)
    assert answer.status_code == 400
    assert "modelState" in answer.json()
    assert books.bills == []


def test_other_refusals_by_status(http: httpx.Client) -> None:
    assert http.put(f"{ROOT}/Bill", content=b"{}").status_code == 415
    assert http.post(f"{ROOT}/Bill", json={}).status_code == 406
    assert http.get("/entity/Default/23.200.001/Bill").status_code == 404
    assert http.get(f"{ROOT}/Branch").status_code == 404
    assert http.post(f"{ROOT}/Bill/Fly", json={"entity": {}}).status_code == 404
    absent = http.get(f"{ROOT}/Bill/Bill/999999")
    assert (absent.status_code, absent.json()["exceptionMessage"]) == (500, "No entity satisfies the condition.")
    assert http.get(f"{ROOT}/Bill").json() == []


def test_the_reason_of_a_422_sits_on_the_field(http: httpx.Client, books: Books) -> None:
    record = bill(VendorRef="x" * 41, Details=[wrap(Account="9", Subaccount="000000", ExtendedCost=1)])
    answer = put(http, record)
    assert answer.status_code == 422
    tree = answer.json()
    assert tree["ReferenceNbr"] == {"value": "<NEW>"}
    assert "at least one error" in tree["error"]
    assert "length 40" in tree["VendorRef"]["error"]
    assert tree["Details"][0]["Account"]["error"] == "'Account' cannot be found in the system."
    assert books.bills == []


def test_a_put_without_a_number_always_makes_a_new_record(http: httpx.Client, books: Books) -> None:
    for headers in ({}, {"If-None-Match": "*"}):
        assert put(http, bill(), headers=headers).status_code == 200
    assert [row.text("ReferenceNbr") for row in books.bills] == ["000001", "000002"]
    assert put(http, bill(), headers={"If-Match": "*"}).status_code == 412
    existing = {**bill(), "Type": {"value": "Bill"}, "ReferenceNbr": {"value": "000001"}}
    assert put(http, existing, headers={"If-None-Match": "*"}).status_code == 412


def test_a_put_with_the_number_doubles_the_lines(http: httpx.Client, books: Books) -> None:
    put(http, bill())
    put(http, {**bill(), "ReferenceNbr": {"value": "000001"}})
    (row,) = books.bills
    assert (len(row.details["Details"]), row.cents("Amount")) == (2, 2468)
    assert put(http, {**bill(), "ReferenceNbr": {"value": "000009"}}).status_code == 422
    assert put(http, {**bill(), "id": "00000000-0000-0000-0000-000000000009"}).status_code == 500


def test_lines_are_rounded_each_half_away_from_zero(http: httpx.Client, books: Books) -> None:
    put(http, bill(0.005, 0.005, -0.005, 0.014))
    assert [line.cents("Amount") for line in books.bills[0].details["Details"]] == [1, 1, -1, 1]
    assert books.bills[0].cents("Amount") == 2


def test_a_negative_document_is_refused(http: httpx.Client) -> None:
    assert "cannot be negative" in put(http, bill(-1)).text
    assert put(http, bill(1, Type="Debit Adj.")).status_code == 200


def test_holding_is_the_default(http: httpx.Client, books: Books) -> None:
    put(http, bill(Hold=...))
    assert books.bills[0].text("Status") == "On Hold"


def batch(*lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return wrap(
        Module="GL", TransactionDate="2026-10-31", LedgerID="ACTUAL", Hold=False, Details=list(lines), **changes
    )


def side(account: str, **amounts: float) -> dict[str, Any]:
    return wrap(Account=account, Subaccount="000000", **amounts)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([side("62000", DebitAmount=1)], "not balanced"),
        ([side("62000", DebitAmount=1, CreditAmount=1)], "either a debit or a credit"),
        ([side("62000", DebitAmount=-1), side("20100", CreditAmount=-1)], "negative"),
    ],
)
def test_bad_batches(http: httpx.Client, books: Books, lines: list[dict[str, Any]], said: str) -> None:
    answer = put(http, batch(*lines), "JournalTransaction")
    assert (answer.status_code, said in answer.text) == (422, True)
    assert books.batches == []


def test_closed_periods_warn_unless_restricted(http: httpx.Client, books: Books) -> None:
    books.set_period("102026")
    made = put(http, bill(), params={"$select": "Status,PostPeriod"})
    assert made.status_code == 200
    assert "is closed" in made.json()["PostPeriod"]["warning"]
    books.preferences.restrict_closed_periods = True
    assert put(http, bill()).status_code == 422
    assert "does not exist" in put(http, bill(Date="2031-01-01")).text
    assert put(http, bill(PostPeriod="202610")).status_code == 422


FILTERS = [
    ("VendorRef eq 'r1'", ["000001"]),
    ("VendorRef eq 'R1' and (Type eq 'Bill' or Type eq 'Debit Adj.')", ["000001"]),
    ("startswith(VendorRef,'R')", ["000001", "000002"]),
    ("substringof('2',VendorRef)", ["000002"]),
    ("endswith(VendorRef,'2') or Amount lt 13", ["000001", "000002"]),
    ("Date ge datetimeoffset'2026-10-31T00:00:00.000+00:00'", ["000001", "000002"]),
    ("VendorRef eq 'it''s'", []),
]


@pytest.mark.parametrize(("text", "numbers"), FILTERS)
def test_filters(http: httpx.Client, text: str, numbers: list[str]) -> None:
    put(http, bill())
    put(http, bill(20, VendorRef="R2"))
    rows = http.get(f"{ROOT}/Bill", params={"$filter": text}).json()
    assert [row["ReferenceNbr"]["value"] for row in rows] == numbers


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"$filter": "VendorRef eq"}, 400),
        ({"$filter": "VendorRef is 'R1'"}, 400),
        ({"$filter": "Nonsense eq 'R1'"}, 400),
        ({"$filter": "Details/Account eq '62000'"}, 400),
        ({"$filter": "not (VendorRef eq 'R1')"}, 400),
        ({"$filter": "Amount eq '12'"}, 500),
        ({"$select": "Nonsense"}, 400),
        ({"$expand": "Nonsense"}, 400),
        ({"$top": "ten"}, 400),
        ({"$orderby": "VendorRef"}, 400),
    ],
)
def test_bad_questions(http: httpx.Client, params: dict[str, str], status: int) -> None:
    assert http.get(f"{ROOT}/Bill", params=params).status_code == status


def test_linked_records_can_be_filtered_and_come_when_expanded(http: httpx.Client) -> None:
    params = {"$filter": "ContactInfo/Email eq 'DANA@co.example'"}
    (bare,) = http.get(f"{ROOT}/Employee", params=params).json()
    assert "ContactInfo" not in bare
    (full,) = http.get(f"{ROOT}/Employee", params={**params, "$expand": "ContactInfo"}).json()
    assert full["ContactInfo"]["Email"] == {"value": "dana@co.example"}


def test_pages(http: httpx.Client, books: Books) -> None:
    for number in range(5):
        books.add_account(f"7{number}")
    pages = [
        [row["AccountCD"]["value"] for row in http.get(f"{ROOT}/Account", params={"$top": 3, "$skip": skip}).json()]
        for skip in (0, 3, 6, 9)
    ]
    assert pages == [["20100", "62000", "70"], ["71", "72", "73"], ["74"], []]


def test_a_branch_that_a_user_may_not_see_is_left_out_without_a_word(
    http: httpx.Client, site: Acumatica, books: Books
) -> None:
    put(http, bill(), headers={"PX-CbApiBranch": "WEST"})
    assert books.bills[0].text("BranchID") == "WEST"
    site.doors.users["robot"].branches = frozenset({"HQ"})
    assert http.get(f"{ROOT}/Bill").json() == []
    (ledger,) = http.get(f"{ROOT}/Ledger", params={"$expand": "Branches"}).json()
    assert [branch["BranchID"]["value"] for branch in ledger["Branches"]] == ["HQ"]


def test_a_release_runs_in_the_background_and_blocks_its_session(
    http: httpx.Client, site: Acumatica, books: Books
) -> None:
    now = [0.0]
    site.clock = lambda: now[0]
    site.release_s = 10
    put(http, bill())
    body = {"entity": wrap(Type="Bill", ReferenceNbr="000001"), "parameters": {}}
    started = http.post(f"{ROOT}/Bill/ReleaseBill", json=body)
    assert started.status_code == 202
    where = started.headers["Location"]
    assert http.get(where).status_code == 202
    busy = http.get(f"{ROOT}/Bill")
    assert (busy.status_code, "has not been completed" in busy.text) == (500, True)
    assert http.get(f"{ROOT}/Account").status_code == 200
    now[0] = 10
    assert http.get(where).status_code == 204
    assert books.bills[0].text("Status") == "Open"
    assert [row.text("Module") for row in books.all("JournalTransaction")] == ["AP"]
    again = http.post(f"{ROOT}/Bill/ReleaseBill", json=body)
    assert (again.status_code, "invalid for processing" in again.text) == (500, True)
    assert http.delete(f"{ROOT}/Bill/Bill/000001").status_code == 500


def test_the_licence_delays_from_half_on_and_then_refuses(http: httpx.Client, site: Acumatica) -> None:
    now = [0.0]
    site.licence.clock = lambda: now[0]
    site.licence.per_minute = 4
    site.licence.longest_delay_s = 0.01
    answers = [http.get(f"{ROOT}/Account").status_code for _ in range(6)]
    assert answers == [200, 200, 200, 200, 429, 429]
    assert len(site.licence.delays) == 2
    now[0] = 61
    # A refused request did not count.
    assert http.get(f"{ROOT}/Account").status_code == 200
