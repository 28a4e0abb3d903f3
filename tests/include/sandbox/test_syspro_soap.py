"""The asmx services."""

import re
from html import unescape
from xml.sax.saxutils import escape

import httpx
import pytest

from include.sandbox.server import Sandbox
from include.sandbox.syspro import Company
from tests.include.sandbox.raw_clients import PARAMETERS, journal

DOCUMENT = f"<PostGlJournal><Item>{journal()}</Item></PostGlJournal>"


class Caller:
    def __init__(self, url: str) -> None:
        self.base = f"{url}/SYSPROWebServices"

    def send(
        self,
        service: str,
        method: str,
        values: dict[str, str],
        action: str = "",
        content_type: str = "text/xml",
    ) -> httpx.Response:
        space = f"http://www.syspro.com/ns/{service}/"
        arguments = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())
        envelope = (
            '<?xml version="1.0" encoding="utf-8"?>'
            '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
            f'<{method} xmlns="{space}">{arguments}</{method}></soap:Body></soap:Envelope>'
        )
        headers = {
            "Content-Type": f"{content_type}; charset=utf-8",
            "SOAPAction": action or f'"{space}{method}"',
        }
        return httpx.post(f"{self.base}/{service}.asmx", content=envelope.encode(), headers=headers)

    def logon(self, **changes: str) -> httpx.Response:
        values = {
            "Operator": "ROBOT",
            "OperatorPassword": "secret",
            "CompanyId": "EDU1",
            "CompanyPassword": "",
            "LanguageCode": "ENGLISH",
            "LogLevel": "ldNoDebug",
            "EncoreInstance": "EncoreInstance_0",
            "XmlIn": "",
        }
        return self.send("utilities", "Logon", {**values, **changes})

    def post(self, session: str, **changes: str) -> httpx.Response:
        values = {
            "UserId": session,
            "BusinessObject": "GENTJL",
            "XMLParameters": PARAMETERS.format(validate="N"),
            "XMLIn": DOCUMENT,
        }
        return self.send("transaction", "Post", {**values, **changes})


def result(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    found = re.search(r"<(\w+)Result>(.*)</\1Result>", response.text, re.DOTALL)
    assert found is not None
    return unescape(found[2])


def fault(response: httpx.Response) -> str:
    assert response.status_code == 500
    found = re.search(r"<faultstring>(.*)</faultstring>", response.text, re.DOTALL)
    assert found is not None
    return unescape(found[1])


@pytest.fixture
def soap(sandbox: Sandbox) -> Caller:
    return Caller(sandbox.url)


def test_a_journal_through_all_three_services(soap: Caller, edu1: Company) -> None:
    session = result(soap.logon())
    posted = soap.post(session)
    assert '<PostResponse xmlns="http://www.syspro.com/ns/transaction/"><PostResult>&lt;?xml' in posted.text
    assert "<GlJournal>         1</GlJournal>" in result(posted)
    assert [line.cents for line in edu1.journals[0].lines] == [12540, -12540]
    query = "<Query><TableName>GenMaster</TableName></Query>"
    found = soap.send("query", "Query", {"UserId": session, "BusinessObject": "COMFND", "XMLIn": query})
    assert "<RowsReturned>     3</RowsReturned>" in result(found)
    assert result(soap.send("utilities", "Logoff", {"UserId": session})) == "0"
    assert fault(soap.post(session)).startswith("ERROR: The supplied UserID is invalid")
    assert len(edu1.journals) == 1


def test_documents_may_be_longer_than_any_url(soap: Caller, edu1: Company) -> None:
    many = "".join(journal(amount=f"{number}.00") for number in range(1, 201))
    session = result(soap.logon())
    soap.post(session, XMLIn=f"<PostGlJournal><Item>{many}</Item></PostGlJournal>")
    assert len(edu1.journals[0].lines) == 400


def test_the_rest_spelling_is_ignored(soap: Caller, edu1: Company) -> None:
    session = result(soap.logon())
    values = {"UserId": session, "BusinessObject": "GENTJL", "XmlParameters": "", "XmlIn": DOCUMENT}
    assert "XmlIn is not well formed" in fault(soap.send("transaction", "Post", values))
    assert edu1.journals == []


def test_faults_carry_the_rest_message(sandbox: Sandbox, soap: Caller) -> None:
    assert fault(soap.logon(OperatorPassword="no")) == "ERROR: Invalid operator password"
    sandbox.syspro.soap_fault_prefix = "Server was unable to process request. ---> "
    assert fault(soap.logon(CompanyId="X")).endswith("---> Company 'X' not found")


def test_the_envelope_is_checked(soap: Caller) -> None:
    assert "SOAPAction" in fault(soap.send("utilities", "Logon", {}, action='"urn:other"'))
    wrong_service = '"http://www.syspro.com/ns/query/Logon"'
    assert "SOAPAction" in fault(soap.send("utilities", "Logon", {}, action=wrong_service))
    assert "'en' is not a valid value for LanguageCode" in fault(soap.logon(LanguageCode="en"))
    assert soap.send("utilities", "Logon", {}, content_type="application/soap+xml").status_code == 415


def test_validation_errors_are_xml_and_not_a_fault(soap: Caller) -> None:
    session = result(soap.logon())
    assert "<ErrorNumber>230001</ErrorNumber>" in result(
        soap.post(session, XMLIn=DOCUMENT.replace("6100", "1"))
    )


def test_no_wsdl(sandbox: Sandbox) -> None:
    assert httpx.get(f"{sandbox.url}/SYSPROWebServices/transaction.asmx?wsdl").status_code == 405
