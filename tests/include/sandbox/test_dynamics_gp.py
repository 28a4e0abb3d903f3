"""The simulated Dynamics GP is as strict as the contract: raw requests, not our client's."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
import spnego
from lxml import etree

from include.sandbox.dynamics_gp import Company, DynamicsGp, WindowsAccount
from include.sandbox.server import Sandbox

GP = "http://schemas.microsoft.com/dynamics/gp/2006/01"
DYN = "http://schemas.microsoft.com/dynamics/2006/01"
LOGIN, PASSWORD = "CONTOSO\\robot", "right-password"
URL = "/DynamicsGPWebServices/DynamicsGPService.asmx"
ROOT = "/GPService/Tenants(DefaultTenant)/Companies(Contoso%20Ltd)"
CONTEXT = (
    f'<gp:context xmlns:dyn="{DYN}"><dyn:OrganizationKey xsi:type="dyn:CompanyKey"><dyn:Id>5</dyn:Id></dyn:OrganizationKey>'
    "<dyn:CultureName>en-US</dyn:CultureName><dyn:CurrencyType>Transactional</dyn:CurrencyType></gp:context>"
)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(DynamicsGp()) as running:
        yield running


@pytest.fixture
def gp(box: Sandbox) -> DynamicsGp:
    server = box.service(DynamicsGp)
    server.now = lambda: datetime(2026, 3, 31, 12, tzinfo=UTC)
    server.door.add(WindowsAccount(LOGIN, PASSWORD))
    return server


@pytest.fixture
def company(gp: DynamicsGp) -> Company:
    company = gp.add_company(Company(5, "Contoso Ltd"))
    company.add_months(2026)
    company.add_account("100-6520-00", "Travel")
    company.add_account("000-2100-00", "Payable")
    return company


@pytest.fixture
def raw(box: Sandbox, company: Company) -> Iterator[httpx.Client]:
    """A connection that has come in."""
    with httpx.Client(base_url=box.url, limits=httpx.Limits(max_connections=1)) as client:
        assert shake(client).status_code == 404
        yield client


def shake(client: httpx.Client, password: str = PASSWORD, scheme: str = "NTLM") -> httpx.Response:
    context = spnego.client(LOGIN, password, protocol=scheme.lower(), service="HTTP")
    token = context.step()
    answer = client.get("/GPService/nothing", headers=proof(scheme, token))
    assert answer.status_code == 401
    challenge = base64.b64decode(answer.headers["WWW-Authenticate"].partition(" ")[2])
    return client.get(
        "/GPService/nothing", headers={**proof(scheme, context.step(challenge)), "Accept": "application/json"}
    )


def proof(scheme: str, token: bytes | None) -> dict[str, str]:
    return {"Authorization": f"{scheme} {base64.b64encode(token or b'').decode()}"}


# --- the door ---


def test_every_scheme_is_offered_in_a_header_of_its_own(box: Sandbox, gp: DynamicsGp) -> None:
    answer = httpx.get(f"{box.url}{ROOT}/Financial/Accounts")
    assert (answer.status_code, answer.headers.get_list("WWW-Authenticate")) == (401, ["Negotiate", "NTLM"])


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate"])
def test_the_proof_belongs_to_its_connection(box: Sandbox, company: Company, scheme: str) -> None:
    with httpx.Client(base_url=box.url) as one, httpx.Client(base_url=box.url) as other:
        assert shake(one, scheme=scheme).status_code == 404
        assert one.get("/GPService/nothing", headers={"Accept": "application/json"}).status_code == 404
        assert other.get("/GPService/nothing").status_code == 401


def test_the_third_leg_on_another_connection_is_refused(box: Sandbox, gp: DynamicsGp) -> None:
    context = spnego.client(LOGIN, PASSWORD, protocol="ntlm", service="HTTP")
    with httpx.Client(base_url=box.url) as one, httpx.Client(base_url=box.url) as other:
        answer = one.get("/GPService/nothing", headers=proof("NTLM", context.step()))
        challenge = base64.b64decode(answer.headers["WWW-Authenticate"].partition(" ")[2])
        assert other.get("/GPService/nothing", headers=proof("NTLM", context.step(challenge))).status_code == 401
    assert gp.door.refusals == 0


def test_wrong_passwords_are_counted_and_lock(box: Sandbox, gp: DynamicsGp) -> None:
    gp.door.lock_after = 2
    with httpx.Client(base_url=box.url) as client:
        for _ in range(2):
            assert shake(client, "wrong").status_code == 401
        assert shake(client).status_code == 401
    assert gp.door.refusals == 3


def test_nothing_runs_before_the_log_on(box: Sandbox, company: Company) -> None:
    body = json.dumps(entry())
    answer = httpx.post(f"{box.url}{ROOT}/Financial/JournalEntries", content=body, headers=JSON)
    assert answer.status_code == 401
    assert (company.journals, box.calls) == ([], [])


# --- SOAP ---


def soap(client: httpx.Client, operation: str, inner: str, **headers: str) -> httpx.Response:
    text = (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:gp="{GP}"><soap:Body>'
        f"<gp:{operation}>{inner}</gp:{operation}></soap:Body></soap:Envelope>"
    )
    sent = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{GP}/{operation}"', **headers}
    return client.post(URL, content=text.encode(), headers=sent)


def policy(client: httpx.Client) -> str:
    answer = soap(client, "GetPolicyByOperation", f"<gp:operation>CreateGLTransaction</gp:operation>{CONTEXT}")
    found = etree.fromstring(answer.content).find(f".//{{{GP}}}GetPolicyByOperationResult")
    assert found is not None
    inner = "".join(etree.tostring(one, encoding="unicode") for one in found)
    return f"<gp:policy>{inner}</gp:policy>"


def line(sequence: int, account: str, credit: str, debit: str) -> str:
    def money(name: str, value: str) -> str:
        kind = ' xsi:type="gp:MoneyAmount"'
        inner = f"<gp:Currency>USD</gp:Currency><gp:Value>{value}</gp:Value><gp:DecimalDigits>2</gp:DecimalDigits>"
        return f"<gp:{name}{kind}>{inner}</gp:{name}>"

    return (
        f"<gp:GLTransactionLine><gp:Key><gp:SequenceNumber>{sequence}</gp:SequenceNumber></gp:Key>"
        f"{money('CreditAmount', credit)}{money('DebitAmount', debit)}<gp:Description>Taxi</gp:Description>"
        f"<gp:GLAccountKey><gp:Id>{account}</gp:Id><gp:IsEncrypted>false</gp:IsEncrypted></gp:GLAccountKey>"
        '<gp:ExchangeRate xsi:nil="true"/><gp:ExchangeDate xsi:nil="true"/></gp:GLTransactionLine>'
    )


GOOD = (
    "<gp:glTransaction><gp:Key><gp:Date>2026-03-31T00:00:00</gp:Date></gp:Key><gp:BatchKey><gp:Id>EXPENSIFY</gp:Id></gp:BatchKey>"
    f"<gp:Lines>{line(16384, '100-6520-00', '0.00', '125.50')}{line(32768, '000-2100-00', '125.50', '0.00')}</gp:Lines>"
    "<gp:Reference>EXP R00bCluvcO4T</gp:Reference><gp:SourceDocumentKey><gp:Id>GJ</gp:Id></gp:SourceDocumentKey>"
    '<gp:ExchangeRate xsi:nil="true"/><gp:ExchangeDate xsi:nil="true"/><gp:LedgerType>Base</gp:LedgerType>'
    '<gp:IsVoided xsi:nil="true"/><gp:ModifiedDate xsi:nil="true"/><gp:TransactionState xsi:nil="true"/></gp:glTransaction>'
)


def create(client: httpx.Client, *changes: tuple[str, str]) -> httpx.Response:
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return soap(client, "CreateGLTransaction", text + CONTEXT + policy(client))


def refusal(client: httpx.Client, answer: httpx.Response) -> str:
    """The logged words of a validation fault; "" for a system exception."""
    assert answer.status_code == 500
    found = etree.fromstring(answer.content).findtext(f".//{{{GP}}}Message")
    if found is None:
        return ""
    log = soap(client, "GetLoggedValidationResultByKey", f"<gp:logId>{found}</gp:logId>{CONTEXT}")
    return " ".join(
        one.text or "" for one in etree.fromstring(log.content).iterfind(f".//{{{GP}}}ValidationError/{{{GP}}}Message")
    )


def test_a_good_journal_and_its_empty_answer(raw: httpx.Client, company: Company) -> None:
    answer = create(raw)
    assert answer.status_code == 200
    (response,) = etree.fromstring(answer.content)[0]
    assert response.tag == f"{{{GP}}}CreateGLTransactionResponse"
    assert (len(response), response.text) == (0, None)
    (one,) = company.journals
    assert (one.number, one.state, one.batch, one.day, one.debit_cents) == (
        3501, "Work", "EXPENSIFY", date(2026, 3, 31), 12550,
    )  # fmt: skip


def test_the_same_reference_is_taken_twice(raw: httpx.Client, company: Company) -> None:
    assert [create(raw).status_code, create(raw).status_code] == [200, 200]
    assert [one.number for one in company.journals] == [3501, 3502]


REFERENCE = "<gp:Reference>EXP R00bCluvcO4T</gp:Reference>"


@pytest.mark.parametrize(
    "changes",
    [
        [('<gp:CreditAmount xsi:type="gp:MoneyAmount">', "<gp:CreditAmount>")],
        [(REFERENCE, ""), ("<gp:Lines>", f"{REFERENCE}<gp:Lines>")],
        [(REFERENCE, REFERENCE.replace("gp:", ""))],
        [("125.50", "1.2550E2")],
        [("125.50", "1,25.50")],
        [("2026-03-31T00:00:00", "2026-03-31")],
        [(REFERENCE, f"{REFERENCE}<gp:Unknown/>")],
        [("<gp:Currency>USD</gp:Currency>", '<gp:Currency xsi:nil="true"/>')],
    ],
    ids=["no-type", "order", "namespace", "exponent", "thousands", "date-only", "unknown", "nil"],
)
def test_what_does_not_fit_the_schema(raw: httpx.Client, company: Company, changes: list[tuple[str, str]]) -> None:
    assert refusal(raw, create(raw, *changes)) == ""
    assert company.journals == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([("R00bCluvcO4T", "R" * 27)], "Reference is longer than 30"),
        ([("EXPENSIFY", "E" * 16)], "BatchId is longer than 15"),
        ([(REFERENCE, "")], "Reference is required"),
        ([("100-6520-00", "100-9999-00")], "100-9999-00 does not exist"),
        ([("0.00</gp:Value>", "1.00</gp:Value>")], "both a debit and a credit"),
        ([("<gp:Value>125.50</gp:Value>", "<gp:Value>-125.50</gp:Value>")], "is negative"),
        ([("32768", "16384")], "used twice"),
        ([("<gp:Id>GJ", "<gp:Id>ZZ")], "source document ZZ"),
        ([("<gp:Key><gp:Date>", "<gp:Key><gp:JournalId>9</gp:JournalId><gp:Date>")], "Journal entry 9"),
        (
            [('<gp:TransactionState xsi:nil="true"/>', "<gp:TransactionState>Open</gp:TransactionState>")],
            "not valid here",
        ),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else None,
)
def test_what_breaks_a_rule(raw: httpx.Client, company: Company, changes: list[tuple[str, str]], words: str) -> None:
    assert words in refusal(raw, create(raw, *changes))
    assert company.journals == []


def test_out_of_balance(raw: httpx.Client, company: Company) -> None:
    text = GOOD.replace("<gp:Value>125.50</gp:Value>", "<gp:Value>125.49</gp:Value>", 1)
    answer = soap(raw, "CreateGLTransaction", text + CONTEXT + policy(raw))
    assert "do not equal credits" in refusal(raw, answer)


def test_a_zone_moves_the_day(raw: httpx.Client, company: Company) -> None:
    assert create(raw, ("2026-03-31T00:00:00", "2026-03-31T00:00:00Z")).status_code == 200
    assert company.journals[0].day == date(2026, 3, 30)


def test_the_policy_must_be_the_one_that_was_served(raw: httpx.Client, company: Company) -> None:
    assert refusal(raw, soap(raw, "CreateGLTransaction", GOOD + CONTEXT)) == ""
    changed = policy(raw).replace("Do not create", "Do create")
    assert refusal(raw, soap(raw, "CreateGLTransaction", GOOD + CONTEXT + changed)) == ""
    assert company.journals == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/soap+xml; charset=utf-8"}, 415),
        ({"Content-Type": "text/xml"}, 415),
        ({"SOAPAction": "x"}, 500),
    ],
    ids=["soap12", "no-charset", "action"],
)
def test_the_wire(raw: httpx.Client, company: Company, headers: dict[str, str], status: int) -> None:
    answer = soap(raw, "CreateGLTransaction", GOOD + CONTEXT, **headers)
    assert answer.status_code == status
    assert status != 500 or b"ActionNotSupported" in answer.content


def test_malformed_xml_and_a_dtd(raw: httpx.Client) -> None:
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{GP}/GetCompanyByKey"'}
    for text in ("<a>", "<!DOCTYPE a><a/>", "<a/>"):
        assert raw.post(URL, content=text, headers=headers).status_code == 400


def test_lists_are_cut_silently(raw: httpx.Client, gp: DynamicsGp, company: Company) -> None:
    gp.list_cap = 2
    for at in range(3):
        company.enter(date(2026, 3, 31), f"R{at}", ("100-6520-00", 1), ("000-2100-00", -1))
    answer = soap(raw, "GetGLTransactionList", f"<gp:criteria/>{CONTEXT}")
    root = etree.fromstring(answer.content)
    assert [one.text for one in root.iter(f"{{{GP}}}Reference")] == ["R0", "R1"]
    assert {one.text for one in root.iter(f"{{{GP}}}ModifiedDate")} == {"2026-03-31T12:00:00.000"}


# --- SBA ---

JSON = {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"}


def entry(**changes: Any) -> dict[str, Any]:
    lines = [
        {"AccountNumber": "100-6520-00", "DebitAmount": 125.5, "CreditAmount": 0},
        {"AccountNumber": "000-2100-00", "DebitAmount": 0, "CreditAmount": 125.5},
    ]
    return {"BatchId": "EXP", "Reference": "EXP R1", "TransactionDate": "2026-03-31", "Lines": lines, **changes}


def post(client: httpx.Client, content: Any, **headers: str) -> httpx.Response:
    body = content if isinstance(content, str) else json.dumps(content)
    return client.post(f"{ROOT}/Financial/JournalEntries", content=body, headers={**JSON, **headers})


def test_a_journal_and_its_number(raw: httpx.Client, company: Company) -> None:
    answer = post(raw, entry())
    payload = answer.json()["Payload"]
    assert (answer.status_code, payload["JournalEntry"], payload["State"]) == (201, 3501, "Work")
    assert raw.get(answer.headers["Location"], headers=JSON).json()["Payload"] == payload


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        ("{", 400, "MalformedJson"),
        (entry(State="Work"), 400, "UnknownField"),
        (entry(Reference=""), 400, "MissingField"),
        (entry(Reference="R" * 31), 400, "FieldTooLong"),
        (entry(TransactionDate="2026-03-31T00:00:00"), 400, "InvalidDate"),
        (json.dumps(entry()).replace("125.5", '"125.5"'), 400, "InvalidAmount"),
        (json.dumps(entry()).replace("125.5", "125.505"), 400, "InvalidAmount"),
        (json.dumps(entry()).replace("125.5", "1.255e2"), 400, "InvalidAmount"),
        (json.dumps(entry()).replace("125.5", "-125.5"), 400, "InvalidAmount"),
        (entry(Lines=entry()["Lines"][:1]), 422, "TooFewLines"),
        (json.dumps(entry()).replace("100-6520-00", "1"), 422, "AccountNotFound"),
        (entry(CurrencyId="EUR"), 422, "Currency"),
    ],
    ids=[
        "malformed", "unknown", "missing", "long", "date", "text-amount", "three-decimals", "exponent", "negative", "one-line",
        "account", "currency",
    ],
)  # fmt: skip
def test_what_the_sba_service_refuses(
    raw: httpx.Client, company: Company, content: Any, status: int, code: str
) -> None:
    answer = post(raw, content)
    assert answer.status_code == status
    assert code in [one["Code"] for one in answer.json()["Messages"]]
    assert company.journals == []


def test_a_busy_batch(raw: httpx.Client, company: Company) -> None:
    company.busy_batches.add("EXP")
    answer = post(raw, entry())
    assert (answer.status_code, answer.json()["Messages"][0]["Code"]) == (409, "BatchUnavailable")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{ROOT}/Financial/Accounts(9)", 404, "NotFound"),
        (f"{ROOT}/Financial/Vouchers", 404, "UnknownResource"),
        (f"{ROOT}/HumanResources/Accounts", 404, "UnknownResource"),
        (ROOT.replace("Contoso", "Other") + "/Financial/Accounts", 404, "CompanyNotFound"),
        (ROOT.replace("DefaultTenant", "T") + "/Financial/Accounts", 404, "TenantNotFound"),
        (f"{ROOT}/Financial/Accounts?Filter=x", 400, "InvalidParameter"),
        (f"{ROOT}/Financial/Accounts?Top=501", 400, "InvalidParameter"),
        (f"{ROOT}/Financial/Accounts?ModifiedDateFrom=2026-03-31", 400, "InvalidParameter"),
    ],
)
def test_addresses_and_parameters(raw: httpx.Client, path: str, status: int, code: str) -> None:
    answer = raw.get(path, headers=JSON)
    assert (answer.status_code, answer.json()["Messages"][0]["Code"]) == (status, code)


def test_pages(raw: httpx.Client) -> None:
    first = raw.get(f"{ROOT}/Financial/Accounts?Top=1", headers=JSON).json()["Payload"]
    last = raw.get(f"{ROOT}/Financial/Accounts?Top=1&Skip=1", headers=JSON).json()["Payload"]
    assert [first["Items"][0]["AccountNumber"], last["Items"][0]["AccountNumber"]] == ["000-2100-00", "100-6520-00"]
    assert (first["TotalCount"], first["NextSkip"], last["NextSkip"]) == (2, 1, None)


def test_upserts(raw: httpx.Client, company: Company) -> None:
    path = f"{ROOT}/Financial/CostCenters(100)"
    for description, status in (("Plant", 201), ("Plant 1", 200)):
        answer = raw.put(path, content=json.dumps({"Description": description, "IsActive": True}), headers=JSON)
        assert answer.status_code == status
    assert company.cost_centers["100"].description == "Plant 1"
    employee = {"FirstName": "A", "LastName": "B", "CostCenter": "900", "IsActive": True}
    answer = raw.put(f"{ROOT}/HumanResources/Employees(A1)", content=json.dumps(employee), headers=JSON)
    assert (answer.status_code, answer.json()["Messages"][0]["Code"]) == (422, "CostCenterNotFound")
