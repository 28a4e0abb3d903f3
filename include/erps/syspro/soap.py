"""e.net over SOAP (asmx): for documents that are too long for a URL.

Element names differ from REST (``XMLIn`` for ``XmlIn``), documents travel as escaped text, and a refusal is a fault under
HTTP 500 that carries REST's ``ERROR`` text; here it becomes that text again. The WSDL files are our own: nothing is
downloaded at run time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zeep
import zeep.exceptions

from include.erps.soap_wire import ANSWER_ERRORS, OtherAnswer, SoapWire
from include.erps.syspro.addresses import Argument, Operation
from include.erps.syspro.answers import Body, of_text
from include.erps.syspro.channel import Reply
from include.transport import HttpClient, NoAnswer

# zeep has no types; as Any it may be called under strict checking.
_ZEEP: Any = zeep
_WSDL = Path(__file__).with_name("wsdl")
_CALLS: Mapping[Operation, tuple[str, str]] = {
    "logon": ("utilities", "Logon"),
    "logoff": ("utilities", "Logoff"),
    "query": ("query", "Query"),
    "post": ("transaction", "Post"),
}
_NAMES: Mapping[Argument, str] = {
    "operator": "Operator",
    "operator_password": "OperatorPassword",
    "company_id": "CompanyId",
    "company_password": "CompanyPassword",
    "user_id": "UserId",
    "business_object": "BusinessObject",
    "parameters": "XMLParameters",
    "document": "XMLIn",
}
_LOGON_CONSTANTS = {
    "LanguageCode": "ENGLISH",
    "LogLevel": "ldNoDebug",
    "EncoreInstance": "EncoreInstance_0",
    "XmlIn": "",
}


class SoapChannel:
    """The channel for long documents.

    :param base_path: folder of the three ``.asmx`` pages.
    """

    name = "soap"

    def __init__(self, http: HttpClient, base_path: str, query_attempts: int) -> None:
        self._http = http
        self._base_path = base_path
        self._wire = SoapWire(http, query_attempts)
        self._services: dict[str, Any] = {}

    def fits(self, operation: Operation, arguments: Mapping[Argument, str]) -> bool:
        """Always: a request body has no limit that matters here."""
        return True

    def call(self, operation: Operation, arguments: Mapping[Argument, str], timeout_s: float | None = None) -> Reply:
        """One call; see :class:`include.erps.syspro.channel.Channel`."""
        service, method = _CALLS[operation]
        named = {_NAMES[name]: value for name, value in arguments.items()}
        if operation == "logon":
            named |= _LOGON_CONSTANTS
        self._wire.repeatable, self._wire.timeout_s, self._wire.sent = operation == "query", timeout_s, False
        try:
            result = getattr(self._service(service), method)(**named)
        except zeep.exceptions.Fault as fault:
            # REST gives the same refusal under 200; from here on there is no difference.
            return Reply(200, _refusal(str(fault.message)))
        except OtherAnswer as other:
            return Reply(other.answer.status, Body(other.answer.body.strip()), other.answer.retry_after_s)
        except (*ANSWER_ERRORS, zeep.exceptions.Error) as error:
            if not self._wire.sent:
                raise
            raise NoAnswer(f"the SOAP answer could not be read ({type(error).__name__})") from None
        return Reply(200, of_text(result if isinstance(result, str) else ""))

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _service(self, name: str) -> Any:
        if name not in self._services:
            settings = zeep.Settings(forbid_dtd=True, forbid_entities=True, forbid_external=True)
            client = _ZEEP.Client(str(_WSDL / f"{name}.wsdl"), transport=self._wire, settings=settings)
            binding = f"{{http://www.syspro.com/ns/{name}/}}{name}Soap"
            address = f"{self._http.base_url}{self._base_path}/{name}.asmx"
            self._services[name] = client.create_service(binding, address)
        return self._services[name]


def _refusal(text: str) -> Body:
    """A fault's text from ``ERROR`` on; the web server may have put words of its own before it."""
    at = text.find("ERROR")
    return of_text(text[at:] if at >= 0 else f"ERROR: {text}")
