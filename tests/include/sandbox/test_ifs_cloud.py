"""What the simulated IFS Cloud insists on; every test speaks plain HTTP."""

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from include.sandbox.ifs_cloud import Client, Company, IfsCloud
from include.sandbox.server import Sandbox

BASE = "/main/ifsapplications/projection/v1"
TOKEN = "/auth/realms/acme1/protocol/openid-connect/token"
JSON = "application/json;IEEE754Compatible=true"
DAY = date(2026, 11, 20)
TWO = [("4010", "1.00"), ("2410", "-1.00")]


class Caller:
    def __init__(self, url: str) -> None:
        self.url = url
        self.token = ""

    def log_on(self, **changes: str) -> httpx.Response:
        form = {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s3cret", "scope": "openid x"}
        answer = httpx.post(self.url + TOKEN, data={**form, **changes})
        self.token = answer.json().get("access_token", "")
        return answer

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": JSON, **options.pop("headers", {})}
        return httpx.request(method, f"{self.url}{BASE}/{path}", headers=headers, timeout=10, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.call("GET", path, **options)

    def template(self) -> httpx.Response:
        function = "IfsApp.ManualVoucherHandling.Voucher_Default(Company='10',VoucherType='M')"
        return self.get(f"ManualVoucherHandling.svc/VoucherSet/{function}")

    def post(self, body: Any, etag: str | None = None, content_type: str = JSON) -> httpx.Response:
        tag = self.template().headers["ETag"] if etag is None else etag
        headers = {"Content-Type": content_type, **({"If-Match": tag} if tag else {})}
        content = body if isinstance(body, str) else json.dumps(body)
        return self.call("POST", "ManualVoucherHandling.svc/VoucherSet", content=content, headers=headers)


def voucher(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    shared = {"CurrencyCode": "USD", "ReferenceSerie": "EXPENSIFY", "ReferenceNumber": "R1"}
    rows = rows or (
        {"Account": "4010", "CurrencyDebetAmount": "5.25"},
        {"Account": "2410", "CurrencyCreditAmount": "5.25"},
    )
    header = {"Company": "10", "VoucherType": "M", "VoucherDate": "2026-11-20", "UserGroup": "AC"}
    return {**header, "VoucherRowArray": [{**shared, **row} for row in rows], **changes}


@pytest.fixture
def ifs() -> IfsCloud:
    server = IfsCloud()
    server.today = lambda: date(2026, 11, 21)
    server.add_client(Client("c", "s3cret", {"10"}))
    company = server.add_company(Company("10"))
    for account in ("4010", "2410"):
        company.add_account(account)
    company.add_code("B", "O'HARE/1")
    company.add_year(2026)
    return server


@pytest.fixture
def box(ifs: IfsCloud) -> Iterator[Sandbox]:
    with Sandbox(ifs) as running:
        yield running


@pytest.fixture
def caller(box: Sandbox) -> Caller:
    known = Caller(box.url)
    known.log_on()
    return known


def error(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code, and the first detail's token or code."""
    body = answer.json()["error"]
    detail = (body.get("details") or [{"message": "", "code": ""}])[0]
    token = detail["message"].partition(":")[0]
    token = token if re.fullmatch(r"\w+\.\w+", token) else detail["code"]
    return answer.status_code, body.get("code", ""), token


# --- tokens ---


def test_token_answers(caller: Caller, ifs: IfsCloud) -> None:
    ifs.tokens.life_s = 180
    answer = caller.log_on()
    assert (answer.status_code, answer.json()["expires_in"], answer.json()["token_type"]) == (200, 180, "Bearer")
    assert caller.log_on(client_secret="x").status_code == 401
    assert caller.log_on(client_secret="x").json()["error"] == "unauthorized_client"
    assert caller.log_on(grant_type="password").status_code == 400
    wrong = httpx.post(f"{caller.url}/auth/realms/acme/protocol/openid-connect/token", data={})
    assert (wrong.status_code, wrong.json()) == (404, {"error": "Realm does not exist"})


def test_a_token_ends_with_its_life(caller: Caller, ifs: IfsCloud) -> None:
    ends = ifs.tokens.live[caller.token][1]
    ifs.tokens.clock = lambda: ends - 1
    assert caller.get("CompanyHandling.svc/CompanySet(Company='10')").status_code == 200
    ifs.tokens.clock = lambda: ends
    answer = caller.get("CompanyHandling.svc/CompanySet(Company='10')")
    assert (answer.status_code, answer.json()) == (401, {"error": {"message": "Unauthorized"}})


# --- addresses and queries ---


def filtered(caller: Caller, where: str, rest: str = "") -> httpx.Response:
    return caller.get(f"CodePartValuesHandling.svc/CodePartValueSet?$filter={where}{rest}")


def test_a_blank_is_percent_20_and_a_plus_is_a_plus(caller: Caller) -> None:
    assert len(filtered(caller, "CodePart%20eq%20'A'").json()["value"]) == 2
    assert error(filtered(caller, "CodePart+eq+'A'"))[:2] == (400, "ODP_UNSUPPORTED_URL")


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("CodePartValue eq 'O''HARE/1'", 1),
        ("CodePart in ('A','B') and not CodePartValue eq '2410'", 2),
        ("contains(CodePartValue,'HARE') or startswith(CodePartValue,'24')", 2),
        ("ValidFrom eq null", 3),
        ("ValidFrom le 2026-11-30", 0),
        ("codepart eq 'a'", -1),
        ("ValidFrom eq '2026-11-30'", -1),
        ("CodePart eq 1", -1),
        ("BudgetValue eq 'NotBudgetAccount'", -1),
        ("BudgetValue eq IfsApp.CodePartValuesHandling.CodePartBudget'NotBudgetAccount'", 3),
        ("CodePart has 'A'", -1),
        ("CodePart eq 'A' and", -1),
    ],
)
def test_filters(caller: Caller, where: str, count: int) -> None:
    answer = filtered(caller, where.replace(" ", "%20"))
    assert (len(answer.json()["value"]) if answer.status_code == 200 else -1) == count


def test_unknown_properties_sets_projections_and_options(caller: Caller, ifs: IfsCloud) -> None:
    assert error(filtered(caller, "Nope%20eq%20'1'")) == (400, "", "EXPRESSION_PROPERTY_NOT_IN_TYPE")
    assert error(filtered(caller, "CodePart%20eq%20'A'", "&$select=Nope"))[2] == "EXPRESSION_PROPERTY_NOT_IN_TYPE"
    assert error(filtered(caller, "CodePart%20eq%20'A'", "&$expand=X"))[:2] == (501, "ODP_NOT_IMPLEMENTED")
    assert error(caller.get("CompanyHandling.svc/NopeSet"))[:2] == (404, "ODP_RESOURCE_NOTFOUND")
    assert error(caller.get("Nope.svc/CompanySet"))[:2] == (404, "MI_METADATA_NOTFOUND")
    assert error(caller.call("DELETE", "CompanyHandling.svc/CompanySet(Company='10')"))[:2] == (
        405,
        "ODP_METHOD_NOT_ALLOWED",
    )
    assert error(caller.get("VoucherRowsAnalysis.svc/VoucherRowSet?$filter=Objstate%20eq%20'Approved'"))[0] == 400
    assert error(caller.get("CodePartValuesHandling.svc/CodePartValueSet(CodePart='A')"))[0] == 400
    ifs.tokens.clients["c"].refused.add("CompanyHandling")
    assert error(caller.get("CompanyHandling.svc/CompanySet"))[0] == 403


def test_keys_take_encoded_quotes_and_slashes(caller: Caller) -> None:
    key = "(Company='10',CodePart='B',CodePartValue='O%27%27HARE%2F1')"
    answer = caller.get(f"CodePartValuesHandling.svc/CodePartValueSet{key}")
    assert (answer.status_code, answer.json()["CodePartValue"]) == (200, "O'HARE/1")


def test_another_company_is_empty_and_not_refused(caller: Caller, ifs: IfsCloud) -> None:
    ifs.add_company(Company("20")).add_account("4010")
    assert filtered(caller, "Company%20eq%20'20'").json()["value"] == []
    assert caller.get("CompanyHandling.svc/CompanySet(Company='20')").status_code == 404


def test_decimals_are_texts_only_when_asked_for(caller: Caller, ifs: IfsCloud) -> None:
    ifs.company("10").enter_voucher([("4010", "1.50"), ("2410", "-1.50")], day=DAY, reference="R1")
    path = "VoucherRowsAnalysis.svc/VoucherRowSet?$select=RowNo,CurrencyDebetAmount,CurrencyCreditAmount&$top=1"
    texts, numbers = caller.get(path), caller.get(path, headers={"Accept": "application/json"})
    (row,) = texts.json()["value"]
    assert (row["RowNo"], row["CurrencyDebetAmount"], row["CurrencyCreditAmount"]) == ("1", "1.50", None)
    assert row["@odata.etag"].startswith('W/"')
    assert numbers.json()["value"][0]["CurrencyDebetAmount"] == 1.5


def pages(caller: Caller, rest: str, **headers: str) -> tuple[list[str], str | None]:
    body = caller.get(
        f"CodePartValuesHandling.svc/CodePartValueSet?$orderby=CodePartValue{rest}", headers=headers
    ).json()
    return [row["CodePartValue"] for row in body["value"]], body.get("@odata.nextLink")


def test_pages(caller: Caller, ifs: IfsCloud) -> None:
    ifs.pages.default_size = 2
    first, link = pages(caller, "")
    assert first == ["2410", "4010"]
    assert link is not None
    rest = httpx.get(link, headers={"Authorization": f"Bearer {caller.token}"}).json()
    assert ([row["CodePartValue"] for row in rest["value"]], "@odata.nextLink" in rest) == (["O'HARE/1"], False)
    # With $top there is no link, although there is more.
    assert pages(caller, "&$top=1") == (["2410"], None)
    assert pages(caller, "&$top=1&$skip=2") == (["O'HARE/1"], None)
    preferred, link = pages(caller, "", Prefer="odata.maxpagesize=1")
    assert (len(preferred), link is None) == (1, False)


@pytest.mark.parametrize(("rest", "headers"), [("&$top=5000", {}), ("", {"Prefer": "odata.maxpagesize=5000"})])
def test_pages_of_5000_end_in_an_error(caller: Caller, rest: str, headers: dict[str, str]) -> None:
    path = f"CodePartValuesHandling.svc/CodePartValueSet?$orderby=CodePartValue{rest}"
    assert caller.get(path, headers=headers).status_code == 500
    assert caller.get(
        path.replace("5000", "4999"), headers={k: v.replace("5000", "4999") for k, v in headers.items()}
    ).is_success


def test_the_limit_answers_429_with_the_seconds_to_wait(caller: Caller, ifs: IfsCloud) -> None:
    ifs.clock = lambda: 100.0
    ifs.limit.requests = 2
    answers = [caller.get("CompanyHandling.svc/CompanySet") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["Retry-After"] == "61"
    assert error(answers[2])[1] == "TOO_MANY_REQUESTS"
    ifs.clock = lambda: 160.0
    assert caller.get("CompanyHandling.svc/CompanySet").status_code == 200


# --- vouchers ---


def test_a_create_needs_the_templates_present_tag(caller: Caller, ifs: IfsCloud) -> None:
    old = caller.template()
    assert old.headers["ETag"] == old.json()["@odata.etag"]
    assert error(caller.post(voucher(), etag=""))[:2] == (428, "ODP_MISSING_PRECONDITION")
    made = caller.post(voucher(), etag=old.headers["ETag"])
    assert (made.status_code, made.json()["VoucherNo"], made.json()["VoucherStatus"]) == (201, "2026000001", "Approved")
    assert error(caller.post(voucher(), etag=old.headers["ETag"])) == (
        412,
        "ODP_PRECONDITION_FAILED",
        "Voucher.FND_MODIFIED",
    )
    # The reference is no key: the server takes it twice.
    assert caller.post(voucher()).json()["VoucherNo"] == "2026000002"
    assert len(ifs.company("10").vouchers) == 2


def test_the_location_can_be_read_until_the_job_has_run(caller: Caller, ifs: IfsCloud) -> None:
    place = caller.post(voucher()).headers["Location"].split(f"{BASE}/")[1]
    assert caller.get(place).json()["VoucherStatus"] == "Approved"
    assert len(caller.get(f"{place}/VoucherRowArray").json()["value"]) == 2
    ifs.company("10").update_vouchers()
    assert caller.get(place).status_code == 404
    counts = [
        len(caller.get(f"{view}?$filter=ReferenceNumber%20eq%20'R1'").json()["value"])
        for view in ("VoucherRowsAnalysis.svc/VoucherRowSet", "GlVoucherRowsAnalysis.svc/GlVoucherRowSet")
    ]
    assert counts == [0, 2]


def test_the_job_runs_by_itself_after_its_time(caller: Caller, ifs: IfsCloud) -> None:
    ifs.clock = lambda: 100.0
    ifs.update_after_s = 30
    place = caller.post(voucher()).headers["Location"].split(f"{BASE}/")[1]
    ifs.clock = lambda: 129.0
    assert caller.get(place).status_code == 200
    ifs.clock = lambda: 130.0
    assert caller.get(place).status_code == 404


def test_changes_need_the_vouchers_tag(caller: Caller, ifs: IfsCloud) -> None:
    made = caller.post(voucher())
    place = made.headers["Location"].split(f"{BASE}/")[1]
    tag = {"If-Match": made.headers["ETag"], "Content-Type": JSON}
    assert caller.call("PATCH", place, content="{}", headers={"Content-Type": JSON}).status_code == 428
    changed = caller.call("PATCH", place, content='{"VoucherText":"new"}', headers=tag)
    assert changed.json()["VoucherText"] == "new"
    assert caller.call("DELETE", place, headers=tag).status_code == 412
    tag["If-Match"] = changed.headers["ETag"]
    cancelled = caller.call("POST", f"{place}/IfsApp.ManualVoucherHandling.Voucher_Cancel", content="{}", headers=tag)
    assert cancelled.json()["VoucherStatus"] == "Cancelled"
    ifs.company("10").update_vouchers()
    assert caller.get(place).json()["VoucherStatus"] == "Cancelled"
    assert caller.call("DELETE", place, headers={"If-Match": cancelled.headers["ETag"]}).status_code == 204


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (voucher(), "text/plain"),
        (voucher(), "application/json"),
        (voucher({"Account": "4010", "CurrencyDebetAmount": 5}, {"Account": "2410", "CurrencyCreditAmount": 5}), JSON),
        ("{", JSON),
        ("[]", JSON),
        (voucher(Nope=1), JSON),
        (voucher(VoucherText="x" * 201), JSON),
        (voucher(VoucherDate="20.11.2026"), JSON),
        (voucher(UserGroup=None), JSON),
        (voucher({"CodeA": "4010"}, {"Account": "2410"}), JSON),
    ],
    ids=["text", "no-ieee", "numbers", "half", "array", "unknown", "long", "date", "no-group", "CodeA"],
)
def test_bodies_of_the_wrong_form(caller: Caller, ifs: IfsCloud, body: Any, content_type: str) -> None:
    answer = caller.post(body, content_type=content_type)
    assert error(answer)[:2] == (400, "ODP_DESERIALIZATION_ERROR")
    assert ifs.company("10").vouchers == []


def test_numbers_without_the_parameter_and_a_copied_template_are_taken(caller: Caller, ifs: IfsCloud) -> None:
    body = voucher(
        {"Account": "4010", "CurrencyDebetAmount": 5.25, "RowNo": 1},
        {"Account": "2410", "CurrencyCreditAmount": 5.25, "RowNo": 2},
        **{"@odata.context": "x", "FunctionGroup": "M", "CurrencyCode": "USD", "luname": "x", "VoucherNo": None},
    )
    assert caller.post(body, content_type="application/json").status_code == 201


def debit(amount: str, **more: Any) -> dict[str, Any]:
    return {"Account": "4010", "CurrencyDebetAmount": amount, **more}


def credit(amount: str, **more: Any) -> dict[str, Any]:
    return {"Account": "2410", "CurrencyCreditAmount": amount, **more}


@pytest.mark.parametrize(
    ("body", "token"),
    [
        (voucher(VoucherType="X"), "VoucherType.NOT_EXIST"),
        (voucher(VoucherNo="1"), "Voucher.NUMBER_GIVEN"),
        (voucher(UserGroup="ZZ"), "UserGroup.NOT_ALLOWED"),
        (voucher(VoucherDate="2027-01-01"), "AccountingPeriod.NOT_EXIST"),
        (voucher(AccountingPeriod="10"), "Voucher.PERIOD_MISMATCH"),
        (voucher(debit("1")), "Voucher.NO_ROWS"),
        (voucher(*[debit("1")] * 1001), "Voucher.TOO_MANY_ROWS"),
        (voucher(debit("1.00"), credit("1.01")), "Voucher.NOT_BALANCED"),
        (voucher(debit("1", CurrencyCode="EUR"), credit("1")), "Voucher.NOT_BALANCED"),
        (voucher(debit("1", CurrencyCreditAmount="1"), credit("1")), "VoucherRow.AMOUNT_SIDE"),
        (voucher(debit("0"), credit("0")), "VoucherRow.AMOUNT_ZERO"),
        (voucher(debit("-1"), credit("-1")), "VoucherRow.AMOUNT_NEGATIVE"),
        (voucher(debit("1.001"), credit("1.001")), "VoucherRow.AMOUNT_DECIMALS"),
        (voucher(debit("1" + "0" * 15), credit("1" + "0" * 15)), "VoucherRow.AMOUNT_DIGITS"),
        (voucher(debit("1", RowNo="1"), credit("1", RowNo="1")), "VoucherRow.ROWNO"),
        (voucher(debit("1", CurrencyCode="XXX"), credit("1")), "CurrencyCode.NOT_EXIST"),
        (voucher(debit("1", OptionalCode="T"), credit("1")), "StatutoryFee.NOT_EXIST"),
        (voucher(debit("1", Account="4999"), credit("1")), "CodePartValue.NOT_EXIST"),
        (voucher(debit("1", CodeJ="1"), credit("1")), "VoucherRow.CODEPART_NOT_USED"),
    ],
)
def test_the_first_broken_rule_is_told_by_its_token(caller: Caller, ifs: IfsCloud, body: Any, token: str) -> None:
    tag = ifs.company("10").template_etag(body["VoucherType"])
    assert error(caller.post(body, etag=tag)) == (400, "DATABASE_ERROR", token)
    assert ifs.company("10").vouchers == []
