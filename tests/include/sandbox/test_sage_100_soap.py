"""The Sage 100 sandbox's SOAP service, with envelopes written by hand."""

import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from include.sandbox.sage_100 import Company, Sage100
from include.sandbox.server import Sandbox
from tests.include.sandbox.test_sage_100_agent import sage

SPACE = "http://mas90.sage.com/ws"
LOGON = "<logon><Password>sécret</Password><Username>EXP</Username></logon><companyCode>ABC</companyCode>"
OUT_OF_ORDER = LOGON.replace("<Password>sécret</Password>", "").replace(
    "</logon>", "<Password>sécret</Password></logon>"
)
LINES = (
    "<Lines><GLJournalEntryLine><Account>600-01-00</Account><CreditAmount>0.00</CreditAmount><DebitAmount>125.00</DebitAmount>"
    "<PostingComment>TX 123 taxi</PostingComment></GLJournalEntryLine>"
    "<GLJournalEntryLine><Account>200-00-00</Account><CreditAmount>125.00</CreditAmount><DebitAmount>0</DebitAmount>"
    "</GLJournalEntryLine></Lines>"
)
ENTRY = (
    "<journalEntry><ExternalReference>R1</ExternalReference><JournalComment>Report &amp; more</JournalComment>"
    f"{LINES}<PostingDate>2026-11-20T00:00:00</PostingDate><SourceJournal>GJ</SourceJournal></journalEntry>"
)
BEFORE_SOURCE = "<SourceJournal>"
Call = Callable[..., httpx.Response]


def with_element(element: str) -> str:
    """A create with something more right before its last member."""
    return LOGON + ENTRY.replace(BEFORE_SOURCE, element + BEFORE_SOURCE)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(sage()) as running:
        yield running


@pytest.fixture
def company(box: Sandbox) -> Company:
    return box.service(Sage100).company("ABC")


@pytest.fixture
def call(box: Sandbox) -> Call:
    def send(
        operation: str, inner: str = "", *, action: str = "", kind: str = "text/xml", raw: str = ""
    ) -> httpx.Response:
        body = f'<{operation} xmlns="{SPACE}" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">{inner}</{operation}>'
        envelope = (
            f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{body}</s:Body></s:Envelope>'
        )
        headers = {
            "Content-Type": f"{kind}; charset=utf-8",
            "SOAPAction": action or f'"{SPACE}/IMasService/{operation}"',
        }
        url = f"{box.url}/eBusinessWebServices/MasService.svc"
        return httpx.post(url, content=(raw or envelope).encode(), headers=headers)

    return send


def fault(answer: httpx.Response) -> str:
    """The code; in `faultcode` and, if there is a detail, there too."""
    assert answer.status_code == 500
    (code,) = re.findall(r"<faultcode [^>]*>a:(\w+)</faultcode>", answer.text)
    assert re.findall(r"<ErrorCode>(\w+)</ErrorCode>", answer.text) in ([], [code])
    return str(code)


def values(answer: httpx.Response, name: str) -> list[str]:
    assert answer.status_code == 200, answer.text
    return re.findall(f"<{name}>([^<]*)</{name}>", answer.text)


def test_an_entry_is_written_and_found(call: Call, company: Company) -> None:
    made = call("CreateGLJournalEntry", LOGON + ENTRY)
    assert values(made, "EntryNo") == ["000001"]
    assert values(made, "Status") == ["UNPOSTED"]
    assert values(made, "TotalDebit") == ["125.00"]
    assert '<JournalRegisterNo i:nil="true"/>' in made.text
    assert [(line.debit_cents, line.credit_cents) for line in company.entries[0].lines] == [(12500, 0), (0, 12500)]
    found = call("GetGLJournalEntries", LOGON + "<externalReference>R1</externalReference>")
    assert values(found, "JournalComment") == ["Report &amp; more"]
    key = "<sourceJournal>GJ</sourceJournal><entryNo>000001</entryNo>"
    assert values(call("GetGLJournalEntry", LOGON + key), "ExternalReference") == ["R1"]
    assert fault(call("GetGLJournalEntry", LOGON + key.replace("000001", "000002"))) == "CI_NoKey"


def test_no_entry_is_an_empty_array(call: Call) -> None:
    answer = call("GetGLJournalEntries", LOGON + "<externalReference>R1</externalReference>")
    assert "<GetGLJournalEntriesResult></GetGLJournalEntriesResult>" in answer.text


REFUSED = [
    ("wrong password", LOGON.replace("sécret", "x") + ENTRY, "WS_LogonFailed"),
    ("company of two", LOGON.replace("ABC", "AB") + ENTRY, "WS_InvalidCompany"),
    ("unknown company", LOGON.replace("ABC", "XYZ") + ENTRY, "WS_InvalidCompany"),
    ("user before password", OUT_OF_ORDER + ENTRY, "DeserializationFailed"),
    ("entry first", ENTRY + LOGON, "DeserializationFailed"),
    ("unknown element", with_element("<Currency>USD</Currency>"), "DeserializationFailed"),
    ("repeated element", with_element("<SourceJournal>GJ</SourceJournal>"), "DeserializationFailed"),
    ("other namespace", LOGON + ENTRY.replace("<SourceJournal>", '<SourceJournal xmlns="urn:x">'), "DeserializationFailed"),
    ("exponent", LOGON + ENTRY.replace("125.00", "1.25E2"), "DeserializationFailed"),
    ("bare date", LOGON + ENTRY.replace("T00:00:00", ""), "DeserializationFailed"),
    ("date with zone", LOGON + ENTRY.replace("T00:00:00", "T00:00:00Z"), "CI_InvalidValue"),
    ("not midnight", LOGON + ENTRY.replace("T00:00:00", "T08:00:00"), "CI_InvalidValue"),
    ("three decimals", LOGON + ENTRY.replace("125.00", "125.001"), "CI_InvalidValue"),
    ("negative", LOGON + ENTRY.replace(">125.00", ">-125.00"), "CI_InvalidValue"),
    ("read-only", LOGON + ENTRY.replace("<ExternalReference>", "<EntryNo>000009</EntryNo><ExternalReference>"), "CI_ReadOnly"),
    ("no source", LOGON + ENTRY.replace("<SourceJournal>GJ</SourceJournal>", '<SourceJournal i:nil="true"/>'), "CI_Required"),
    ("long reference", LOGON + ENTRY.replace("R1", "R" * 31), "CI_CharLength"),
    ("separator", LOGON + ENTRY.replace("TX 123", "Škoda"), "CI_InvalidCharacter"),
    ("source journal", LOGON + ENTRY.replace("GJ", "XX"), "CI_NOF"),
    ("account", LOGON + ENTRY.replace("600-01-00", "600-1-0"), "CI_NOF"),
    ("inactive", LOGON + ENTRY.replace("600-01-00", "700-01-00"), "GL_AccountInactive"),
    ("unbalanced", LOGON + ENTRY.replace("<DebitAmount>125.00", "<DebitAmount>124.00"), "GL_OutOfBalance"),
    ("closed", LOGON + ENTRY.replace("2026-11-20", "2026-09-20"), "GL_PeriodClosed"),
    ("no period", LOGON + ENTRY.replace("2026-11-20", "2036-09-20"), "GL_PeriodNotFound"),
]  # fmt: skip


@pytest.mark.parametrize(("inner", "expected"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_refused(call: Call, company: Company, inner: str, expected: str) -> None:
    assert fault(call("CreateGLJournalEntry", inner)) == expected
    assert company.entries == []


def test_a_value_not_on_file_names_its_column(call: Call) -> None:
    account = call("CreateGLJournalEntry", LOGON + ENTRY.replace("600-01-00", "600-1-0"))
    assert "Could not set GL_GeneralJournal_bus column AccountKey: " in account.text
    source = call("CreateGLJournalEntry", LOGON + ENTRY.replace("GJ", "XX"))
    assert "Could not set GL_GeneralJournal_bus column SourceJournal: " in source.text


def test_host_faults_have_no_detail(call: Call) -> None:
    for answer in (call("GetSomething"), call("GetGLPeriods", LOGON, action='"urn:x"')):
        assert fault(answer) == "ActionNotSupported"
        assert "detail" not in answer.text
        assert 'xmlns:a="http://schemas.microsoft.com/ws/2005/05/addressing/none"' in answer.text


def test_the_envelope_is_checked(call: Call, box: Sandbox, company: Company) -> None:
    assert call("GetGLPeriods", LOGON, kind="application/soap+xml").status_code == 415
    assert fault(call("GetGLPeriods", raw="<x/>")) == "DeserializationFailed"
    assert fault(call("GetGLPeriods", raw="<!DOCTYPE x []><x/>")) == "DeserializationFailed"
    assert fault(call("GetGLPeriods", raw="<x")) == "DeserializationFailed"
    long = call("CreateGLJournalEntry", LOGON + ENTRY.replace("TX 123", "x" * 66000))
    assert (long.status_code, long.text) == (413, "")
    assert company.entries == []
    assert httpx.get(f"{box.url}/ebusinesswebservices/masservice.svc?wsdl").status_code == 405


def test_the_delivered_service_knows_no_ledger(call: Call, box: Sandbox) -> None:
    box.service(Sage100).extension = False
    assert fault(call("GetGLPeriods", LOGON + "<fiscalYear>2026</fiscalYear>")) == "ActionNotSupported"
    assert values(call("GetContractInformation"), "NullDateTime") == ["1753-01-01T00:00:00"]


def test_look_ups(call: Call) -> None:
    structure = call("GetGLAccountStructure", LOGON)
    assert values(structure, "AccountFormat") == ["-N03N02N02"]
    assert values(structure, "Length") == ["3", "2", "2"]
    accounts = call("GetGLAccounts", LOGON + "<startAfter>600-01-00</startAfter><maxRows>1</maxRows>")
    assert values(accounts, "Account") == ["700-01-00"]
    assert values(call("GetGLAccounts", LOGON + "<status>A</status>"), "Account") == [
        "200-00-00",
        "600-01-00",
        "710-01-00",
    ]
    account = call("GetGLAccount", LOGON + "<account>710-01-00</account>")
    assert (values(account, "DateStart"), values(account, "DateEnd")) == (
        ["1753-01-01T00:00:00"],
        ["2026-10-31T00:00:00"],
    )
    assert fault(call("GetGLAccount", LOGON + "<account>1</account>")) == "CI_NoKey"
    assert values(call("GetGLSubAccounts", LOGON + "<segmentNo>02</segmentNo>"), "SubAccountCode") == ["00", "01"]
    assert values(call("GetGLPeriods", LOGON + "<fiscalYear>2026</fiscalYear>"), "Status").count("C") == 1


def test_locks(call: Call, company: Company) -> None:
    company.locks = 1
    assert fault(call("CreateGLJournalEntry", LOGON + ENTRY)) == "RECORD_LOCKED"
    assert values(call("CreateGLJournalEntry", LOGON + ENTRY), "EntryNo") == ["000001"]


def test_no_password_is_recorded(call: Call, box: Sandbox) -> None:
    call("CreateGLJournalEntry", LOGON + ENTRY)
    assert [("sécret" in one.text, "R1" in one.text) for one in box.calls] == [(False, True)]
