"""SYSPRO's e.net asmx services: the same operations as REST in SOAP 1.1, for documents too long for a URL.

Documents travel as escaped text inside the envelope. The arguments are spelt `XMLParameters` and `XMLIn`
here; asmx ignores an element that it does not know, so a REST spelling means an empty document. Errors are
faults under HTTP 500.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from aiohttp import web

from include.sandbox.stage import Answer, Stage
from include.sandbox.syspro.markup import Malformed, parse
from include.sandbox.syspro.sessions import Refused, Session, Sessions

__all__ = ["soap_routes"]

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_BASE = "http://www.syspro.com/ns/"
_PATH = "/{root:(?i:SYSPROWebServices)}/{service:(?i:utilities|query|transaction)}.{suffix:(?i:asmx)}"
# Enumerations that the Logon operation deserialises; another word is a fault before anything runs.
_ENUMERATIONS = {"LanguageCode": "ENGLISH", "LogLevel": "ldNoDebug", "EncoreInstance": "EncoreInstance_0"}
_OPERATIONS = {
    ("utilities", "Logon"): ("Logon", False),
    ("utilities", "Logoff"): ("Logoff", True),
    ("query", "Query"): ("Query/Query", True),
    ("transaction", "Post"): ("Transaction/Post", True),
}


class _Books(Protocol):
    name: str
    sessions: Sessions
    soap_fault_prefix: str

    def operation(self, name: str, business_object: str, parameters: str) -> str: ...
    def using(self, session: Session | None) -> AbstractContextManager[None]: ...
    def logon(self, values: Mapping[str, str]) -> str: ...
    def logoff(self, user_id: str) -> str: ...
    def query(self, session: Session, business_object: str, xml_in: str) -> str: ...
    def post(self, session: Session, business_object: str, parameters: str, xml_in: str) -> str: ...


@dataclass(frozen=True)
class _Message:
    service: str
    method: str
    values: Mapping[str, str]


class _Fault(Exception):
    """A fault of the envelope itself, before any operation."""


def soap_routes(books: _Books, stage: Stage) -> list[web.AbstractRouteDef]:
    """The three asmx pages. Only POST is answered: no WSDL is served."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.content_type != "text/xml":
            return web.Response(status=415)
        try:
            message = _read(request, await request.read())
        except _Fault as error:
            answer = _fault("soap:Client", str(error))
            return web.Response(body=answer.body, status=answer.status, headers=dict(answer.headers))
        return await _perform(request, message, books, stage)

    return [web.post(_PATH, handle)]


def _read(request: web.Request, body: bytes) -> _Message:
    service = request.match_info["service"].lower()
    action = request.headers.get("SOAPAction", "").strip().strip('"')
    method = action.removeprefix(f"{_BASE}{service}/")
    if (service, method) not in _OPERATIONS:
        raise _Fault(f"Server did not recognize the value of HTTP Header SOAPAction: {action}.")
    try:
        envelope = parse(body.decode("utf-8-sig"))
    except (Malformed, UnicodeDecodeError) as error:
        raise _Fault(f"Server was unable to read request. ---> {error}") from None
    space = f"{{{_BASE}{service}/}}"
    call = envelope.find(f"{{{_ENVELOPE}}}Body/{space}{method}")
    if envelope.tag != f"{{{_ENVELOPE}}}Envelope" or call is None:
        raise _Fault(f"The request does not hold the element {method} of the namespace {_BASE}{service}/.")
    return _Message(service, method, _values(call, space))


def _values(call: Element, space: str) -> dict[str, str]:
    # Only qualified elements are arguments; whatever else is there is ignored, as asmx does.
    values = {
        child.tag.removeprefix(space): child.text or "" for child in call if child.tag.startswith(space)
    }
    for name, word in _ENUMERATIONS.items():
        if call.tag == f"{space}Logon" and values.get(name, word) != word:
            raise _Fault(f"Instance validation error: '{values[name]}' is not a valid value for {name}.")
    return values


async def _perform(
    request: web.Request, message: _Message, books: _Books, stage: Stage
) -> web.StreamResponse:
    name, needs_session = _OPERATIONS[message.service, message.method]
    values = message.values
    business_object, parameters = values.get("BusinessObject", ""), values.get("XMLParameters", "")
    operation = books.operation(name, business_object, parameters)
    session: Session | None = None
    refused: Refused | None = None
    if needs_session:
        with stage.lock:
            try:
                session = books.sessions.check(values.get("UserId", ""))
            except Refused as error:
                refused = error

    def run() -> str:
        if refused is not None:
            raise refused
        if name == "Logon":
            return books.logon(values)
        if name == "Logoff":
            return books.logoff(values.get("UserId", ""))
        assert session is not None
        if name == "Query/Query":
            return books.query(session, business_object, values.get("XMLIn", ""))
        return books.post(session, business_object, parameters, values.get("XMLIn", ""))

    def effect() -> Answer:
        try:
            return _result(message, run())
        except Refused as error:
            return _fault("soap:Server", f"{books.soap_fault_prefix}{error}")

    text = "\n".join(values[name] for name in ("Operator", "XMLParameters", "XMLIn") if name in values)
    with books.using(session):
        return await stage.perform(request, books.name, operation, text, effect)


def _result(message: _Message, text: str) -> Answer:
    method, space = message.method, f"{_BASE}{message.service}/"
    result = f"<{method}Result>{escape(text)}</{method}Result>"
    return _envelope(f'<{method}Response xmlns="{space}">{result}</{method}Response>')


def _fault(code: str, text: str) -> Answer:
    inner = f"<faultcode>{code}</faultcode><faultstring>{escape(text)}</faultstring><detail/>"
    return _envelope(f"<soap:Fault>{inner}</soap:Fault>", status=500)


def _envelope(body: str, status: int = 200) -> Answer:
    text = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<soap:Envelope xmlns:soap="{_ENVELOPE}"><soap:Body>{body}</soap:Body></soap:Envelope>'
    )
    return Answer(text.encode(), status, {"Content-Type": "text/xml; charset=utf-8"})
