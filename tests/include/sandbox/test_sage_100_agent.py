"""The Sage 100 sandbox's agent, called as any HTTP client would."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from include.sandbox.faults import Fault, LateEffect
from include.sandbox.sage_100 import Company, Sage100, User
from include.sandbox.server import Sandbox

KEY, USER = "agent-key", ("exp", "sécret")
PATH = "/v1/companies/ABC/gl/journal-entries"


def sage() -> Sage100:
    server = Sage100()
    server.api_keys.add(KEY)
    server.add_user(User("EXP", USER[1]))
    company = server.add_company(Company("ABC", auto_create_accounts="N"))
    company.add_account("600-01-00", "Travel")
    company.add_account("200-00-00", "Payable")
    company.add_account("700-01-00", "Old", status="I")
    company.add_account("710-01-00", "Ended", end=date(2026, 10, 31))
    company.add_year(2026)
    company.close_period(2026, 9)
    return server


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(sage()) as running:
        yield running


@pytest.fixture
def company(box: Sandbox) -> Company:
    return box.service(Sage100).company("ABC")


@pytest.fixture
def http(box: Sandbox) -> Iterator[httpx.Client]:
    auth = httpx.BasicAuth(*USER)
    with httpx.Client(base_url=box.url, headers={"X-API-Key": KEY}, auth=auth) as client:
        yield client


def entry(**changes: Any) -> dict[str, Any]:
    body = {
        "sourceJournal": "GJ",
        "postingDate": "2026-11-20",
        "externalReference": "R1",
        "lines": [
            {"account": "600-01-00", "debitAmount": "125.00"},
            {"account": "200-00-00", "creditAmount": "125.00"},
        ],
    }
    return {name: value for name, value in {**body, **changes}.items() if value != "absent"}


def lines(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return list(rows)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_an_entry_is_written_and_found(http: httpx.Client, company: Company) -> None:
    made = http.post(PATH, json=entry(), headers={"X-Request-Id": "r-1"})
    assert (made.status_code, made.headers["Location"]) == (201, f"{PATH}/GJ/000001")
    assert made.headers["X-Request-Id"] == "r-1"
    body = made.json()
    assert {**body, "lines": len(body["lines"])} == {
        "companyCode": "ABC", "sourceJournal": "GJ", "entryNo": "000001", "batchNo": "00000",
        "postingDate": "2026-11-20", "fiscalYear": "2026", "fiscalPeriod": "11", "externalReference": "R1",
        "journalComment": "", "status": "UNPOSTED", "journalRegisterNo": None, "totalDebit": "125.00",
        "totalCredit": "125.00", "lines": 2,
    }  # fmt: skip
    assert http.get(made.headers["Location"]).json() == body
    assert http.get(PATH, params={"reference": "R1"}).json() == {"items": [body]}
    assert http.get(PATH, params={"reference": "r1"}).json() == {"items": []}
    assert company.update_register() == "000001"
    found = http.get(PATH, params={"reference": "R1"}).json()["items"][0]
    assert (found["status"], found["journalRegisterNo"]) == ("POSTED", "000001")


def test_nothing_keeps_a_reference_unique(http: httpx.Client) -> None:
    assert [http.post(PATH, json=entry()).json()["entryNo"] for _ in range(2)] == ["000001", "000002"]
    assert len(http.get(PATH, params={"reference": "R1"}).json()["items"]) == 2


REFUSED: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    ("unknown field", {"currency": "USD"}, (400, "INVALID_REQUEST")),
    ("read-only field", {"entryNo": "000009"}, (400, "INVALID_REQUEST")),
    ("unknown line field", {"lines": lines({"account": "600-01-00", "amount": "1.00"})}, (400, "INVALID_REQUEST")),
    ("text expected", {"sourceJournal": 1}, (400, "INVALID_REQUEST")),
    ("no source", {"sourceJournal": "absent"}, (422, "FIELD_REQUIRED")),
    ("no reference", {"externalReference": None}, (422, "FIELD_REQUIRED")),
    ("no lines", {"lines": "absent"}, (422, "FIELD_REQUIRED")),
    ("no account", {"lines": lines({"debitAmount": "1.00"})}, (422, "FIELD_REQUIRED")),
    ("long reference", {"externalReference": "R" * 31}, (422, "FIELD_TOO_LONG")),
    ("long comment", {"journalComment": "x" * 2049}, (422, "FIELD_TOO_LONG")),
    ("ideograph", {"journalComment": "東"}, (422, "INVALID_CHARACTER")),
    ("separator", {"journalComment": "Škoda"}, (422, "INVALID_CHARACTER")),
    ("control", {"journalComment": "a\tb"}, (422, "INVALID_CHARACTER")),
    ("odd reference", {"externalReference": "R/1"}, (422, "INVALID_VALUE")),
    ("date", {"postingDate": "20.11.2026"}, (422, "INVALID_VALUE")),
    ("source", {"sourceJournal": "XX"}, (422, "SOURCE_JOURNAL_NOT_FOUND")),
    ("batch", {"batchNo": "00001"}, (422, "INVALID_VALUE")),
    ("one line", {"lines": entry()["lines"][:1]}, (422, "INVALID_VALUE")),
    ("too many lines", {"lines": entry()["lines"] * 101}, (422, "INVALID_VALUE")),
    ("unbalanced", {"lines": [entry()["lines"][0], {"account": "200-00-00", "creditAmount": "124.99"}]}, (422, "UNBALANCED")),
    ("closed", {"postingDate": "2026-09-30"}, (422, "PERIOD_CLOSED")),
    ("no period", {"postingDate": "2027-01-01"}, (422, "PERIOD_NOT_FOUND")),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_refused(http: httpx.Client, company: Company, changes: dict[str, Any], expected: Any) -> None:
    assert code(http.post(PATH, json=entry(**changes))) == expected
    assert company.entries == []


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ({"debitAmount": 125.0}, "INVALID_AMOUNT"),
        ({"debitAmount": "125"}, "INVALID_AMOUNT"),
        ({"debitAmount": "125.001"}, "INVALID_AMOUNT"),
        ({"debitAmount": "-1.00"}, "INVALID_AMOUNT"),
        ({"debitAmount": "1000000000.00"}, "INVALID_AMOUNT"),
        ({"debitAmount": "0.00"}, "INVALID_AMOUNT"),
        ({"debitAmount": "1.00", "creditAmount": "1.00"}, "INVALID_AMOUNT"),
        ({}, "INVALID_AMOUNT"),
        ({"debitAmount": "1.00", "account": "600-1-0"}, "ACCOUNT_NOT_FOUND"),
        ({"debitAmount": "1.00", "account": "700-01-00"}, "ACCOUNT_INACTIVE"),
        ({"debitAmount": "1.00", "account": "710-01-00"}, "ACCOUNT_INACTIVE"),
    ],
    ids=str,
)
def test_a_line_is_checked(http: httpx.Client, company: Company, amounts: dict[str, Any], expected: str) -> None:
    body = entry(lines=[{"account": "600-01-00", **amounts}, entry()["lines"][1]])
    assert code(http.post(PATH, json=body)) == (422, expected)
    assert company.entries == []


def test_sage_creates_an_account_when_it_is_set_so(http: httpx.Client, company: Company) -> None:
    company.auto_create_accounts = "Y"
    body = entry(lines=[{"account": "200-01-00", "debitAmount": "125.00"}, entry()["lines"][1]])
    assert http.post(PATH, json=body).status_code == 201
    assert company.accounts["200-01-00"].created_by_entry
    body["lines"][0]["account"] = "200-09-00"  # a sub-account that does not exist
    assert code(http.post(PATH, json=body)) == (422, "ACCOUNT_NOT_FOUND")
    body["lines"][0]["account"] = "999-01-00"
    assert code(http.post(PATH, json=body)) == (422, "ACCOUNT_NOT_FOUND")


def test_repeated_fields_and_parameters(http: httpx.Client) -> None:
    text = json.dumps(entry()).replace('"sourceJournal"', '"batchNo": null, "batchNo": null, "sourceJournal"')
    headers = {"Content-Type": "application/json"}
    assert code(http.post(PATH, content=text, headers=headers)) == (400, "INVALID_REQUEST")
    assert code(http.post(PATH, content="{", headers=headers)) == (400, "INVALID_REQUEST")
    assert code(http.post(PATH, content=json.dumps(entry()))) == (400, "INVALID_REQUEST")
    assert code(http.get(f"{PATH}?reference=R1&reference=R2")) == (400, "INVALID_REQUEST")
    assert code(http.get(f"{PATH}?ref=R1")) == (400, "INVALID_REQUEST")
    assert code(http.get(PATH)) == (400, "INVALID_REQUEST")


def test_bodies_have_a_length_and_a_limit(http: httpx.Client, box: Sandbox, company: Company) -> None:
    headers = {"Content-Type": "application/json"}
    pieces = iter([json.dumps(entry()).encode()])
    assert code(http.post(PATH, content=pieces, headers=headers)) == (411, "LENGTH_REQUIRED")
    box.service(Sage100).agent_limit = 50
    assert code(http.post(PATH, json=entry())) == (413, "PAYLOAD_TOO_LARGE")
    assert company.entries == []


def test_who_may_come_in(http: httpx.Client, box: Sandbox, company: Company) -> None:
    server = box.service(Sage100)
    url = "/v1/companies/ABC"
    assert http.get(url).json()["accountFormat"] == "-N03N02N02"
    assert code(http.get(url, headers={"X-API-Key": "x"})) == (401, "API_KEY_INVALID")
    assert code(http.get(url, auth=httpx.BasicAuth("exp", "x"))) == (401, "AUTH_FAILED")
    assert code(http.get(url, auth=httpx.BasicAuth("nobody", "x"))) == (401, "AUTH_FAILED")
    assert code(http.get("/v1/companies/AB")) == (400, "COMPANY_INVALID")
    assert code(http.get("/v1/companies/abc")) == (404, "COMPANY_NOT_FOUND")
    server.users["EXP"].may_create = False
    assert http.get(url).status_code == 200
    assert code(http.post(PATH, json=entry())) == (403, "ACCESS_DENIED")
    for owner in (server, company, server.users["EXP"]):
        owner.enabled = False  # type: ignore[attr-defined]
        assert code(http.get(url)) == (403, "ACCESS_DENIED")
        owner.enabled = True  # type: ignore[attr-defined]


def test_the_third_bad_password_locks(http: httpx.Client) -> None:
    for _ in range(3):
        http.get("/v1/companies/ABC", auth=httpx.BasicAuth("exp", "x"))
    assert code(http.get("/v1/companies/ABC")) == (401, "AUTH_FAILED")


def test_look_ups(http: httpx.Client) -> None:
    base = "/v1/companies/ABC/gl"
    assert http.get("/v1/health", auth=None).json()["status"] == "ok"
    structure = http.get(f"{base}/account-structure").json()
    assert (structure["delimiter"], [one["length"] for one in structure["segments"]]) == ("-", [3, 2, 2])
    page = http.get(f"{base}/accounts", params={"page": 2, "pageSize": 3}).json()
    assert ([one["account"] for one in page["items"]], page["total"]) == (["710-01-00"], 4)
    assert [one["account"] for one in http.get(f"{base}/accounts?status=I").json()["items"]] == ["700-01-00"]
    assert code(http.get(f"{base}/accounts?pageSize=501")) == (400, "INVALID_REQUEST")
    account = http.get(f"{base}/accounts/{quote('710-01-00', safe='')}").json()
    assert (account["rawAccount"], account["mainAccountCode"], account["dateEnd"]) == ("7100100", "710", "2026-10-31")
    assert code(http.get(f"{base}/accounts/999-01-00")) == (404, "ACCOUNT_NOT_FOUND")
    subs = http.get(f"{base}/sub-accounts?segmentNo=02").json()["items"]
    assert [one["subAccountCode"] for one in subs] == ["00", "01"]
    periods = http.get(f"{base}/periods?fiscalYear=2026").json()["items"]
    assert [one["status"] for one in periods] == ["O"] * 8 + ["C"] + ["O"] * 3
    assert http.get(f"{base}/periods?fiscalYear=1999").json() == {"items": []}
    assert code(http.get(f"{PATH}/GJ/000009")) == (404, "ENTRY_NOT_FOUND")
    for unknown in ("/v1/x", base, f"{base}/x", f"{PATH}/GJ", "/v1/companies"):
        assert code(http.get(unknown)) == (404, "NOT_FOUND")
    assert code(http.delete(PATH)) == (405, "METHOD_NOT_ALLOWED")


def test_locks_and_the_late_writer(http: httpx.Client, box: Sandbox, company: Company) -> None:
    company.locks = 1
    locked = http.post(PATH, json=entry())
    assert code(locked) == (423, "RECORD_LOCKED")
    assert locked.json()["error"]["retryable"] is True
    assert http.post(PATH, json=entry()).status_code == 201
    box.faults.add(Fault("sage_100", "agent:CreateEntry", LateEffect(0.3)))
    with pytest.raises(httpx.TransportError):
        http.post(PATH, json=entry(externalReference="R2"))
    assert code(http.post(PATH, json=entry(externalReference="R3"))) == (423, "RECORD_LOCKED")
    end = httpx.Client(timeout=5)
    while not company.by_reference("R2"):
        end.get(f"{box.url}/sandbox/health")
    assert http.post(PATH, json=entry(externalReference="R3")).status_code == 201


def test_batches(http: httpx.Client, company: Company) -> None:
    company.batch_entry = True
    assert [http.post(PATH, json=entry()).json()["batchNo"] for _ in range(2)] == ["00001", "00002"]
    company.batches_in_use.add("EXP01")
    assert code(http.post(PATH, json=entry(batchNo="EXP01"))) == (409, "BATCH_IN_USE")


def test_documents(http: httpx.Client, box: Sandbox) -> None:
    http.post(PATH, json=entry())
    assert httpx.get(f"{box.url}/sandbox/documents").json()["sage_100"] == [
        {
            "company": "ABC",
            "journal": "GJ/000001",
            "period": "2026/11",
            "reference": "R1",
            "date": "2026-11-20",
            "debit": "125.00",
            "entries": 2,
            "status": "UNPOSTED",
        }
    ]
