"""GP's Web Services on the wire: one call in, the operation's answer or its fault out.

zeep builds the requests from our own WSDL (the namespace and order of every element matter: a misplaced value is lost without a
word); answers are read by name, since servers differ in what else they send. Nothing is downloaded at run time.
"""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import zeep
from lxml import etree

from include.erps.dynamics_gp.auth import nothing_executed
from include.errors import Misconfigured
from include.transport import Answer, HttpClient

GP = "http://schemas.microsoft.com/dynamics/gp/2006/01"
DYN = "http://schemas.microsoft.com/dynamics/2006/01"

Operation = Literal[
    "CreateGLTransaction",
    "GetGLTransactionByKey",
    "GetGLTransactionList",
    "GetGLAccountList",
    "GetPolicyByOperation",
    "GetLoggedValidationResultByKey",
    "GetCompanyByKey",
    "GetEmployeeList",
]

# zeep has no types; as Any it may be called under strict checking.
_ZEEP: Any = zeep
_WSDL = Path(__file__).with_name("wsdl") / "dynamics_gp.wsdl"
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_GUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.I | re.ASCII)


class NoEnvelope(Exception):
    """The answer is no SOAP envelope with what was asked for: a gateway's page, a cut or an empty body."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"HTTP {answer.status} without a readable SOAP answer")
        self.answer = answer


class Fault(Exception):
    """A SOAP fault. ``log_id``: where GP logged a validation exception; ``None`` for a system exception."""

    def __init__(self, code: str, text: str, log_id: str | None, raw: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.log_id = log_id
        self.raw = raw

    @property
    def not_understood(self) -> bool:
        """The server does not know the operation."""
        return self.code.rpartition(":")[2] == "ActionNotSupported"


@dataclass(frozen=True)
class Envelope:
    """A request, ready to be sent."""

    operation: Operation
    content: bytes


class _FileOnly:
    """zeep's transport: reads our WSDL and nothing else."""

    def load(self, url: str) -> bytes:
        return Path(url).read_bytes()


class SoapCalls:
    """:param path: of the endpoint. :param query_attempts: how often a call without effect is tried."""

    def __init__(self, http: HttpClient, path: str, query_attempts: int) -> None:
        self._http = http
        self._path = path
        self._query_attempts = query_attempts
        settings = zeep.Settings(forbid_dtd=True, forbid_entities=True, forbid_external=True, strict=True)
        client = _ZEEP.Client(str(_WSDL), transport=_FileOnly(), settings=settings)
        self._client = client
        self._service = client.create_service(f"{{{GP}}}LegacyDynamicsGP", "http://localhost/")
        self._parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)

    def new(self, name: str, *, namespace: str = GP, **values: Any) -> Any:
        """A value of a type of the WSDL."""
        return self._client.get_type(f"{{{namespace}}}{name}")(**values)

    def envelope(self, operation: Operation, policy: etree._Element | None = None, /, **arguments: Any) -> Envelope:
        """Build a request; ``policy`` is a ``GetPolicyByOperationResult``, echoed as it came."""
        root = self._client.create_message(self._service, operation, **arguments)
        content = etree.tostring(root, encoding="utf-8", xml_declaration=True)
        if policy is not None:
            # As text, with every prefix that it declares: the name of a type in `xsi:type` means nothing without its own.
            (call,) = root.iter(f"{{{GP}}}{operation}")
            before, end, after = content.rpartition(f"</{call.prefix}:{operation}>".encode())
            content = before + _as_policy(policy) + end + after
        return Envelope(operation, content)

    def ask(self, operation: Operation, /, **arguments: Any) -> etree._Element:
        """A call without effect, repeated when its answer is lost; see :meth:`send`.

        :raises include.transport.NotSent: not reached. :raises include.transport.NoAnswer: no answer.
        """
        envelope = self.envelope(operation, **arguments)
        answer = self._http.request_repeatedly("POST", self._path, attempts=self._query_attempts, **_options(envelope))
        return self._read(operation, answer)

    def send(self, envelope: Envelope) -> tuple[etree._Element, str]:
        """Send once; the operation's response element and the raw answer.

        :raises Fault: the server's refusal. :raises NoEnvelope: anything else than an answer to this operation.
        :raises Misconfigured: the account may not, or there is no such service.
        :raises include.transport.NotSent: not reached, or not let in. :raises include.transport.NoAnswer: no answer.
        """
        with nothing_executed():
            answer = self._http.request("POST", self._path, **_options(envelope))
        return self._read(envelope.operation, answer), self._raw(answer)

    def masked(self, text: str) -> str:
        """``text`` without the password."""
        return self._http.masked(text)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _read(self, operation: Operation, answer: Answer) -> etree._Element:
        if answer.status in (401, 403):
            raise Misconfigured(
                "the Dynamics GP web service refused the Windows account: give it access in the Dynamics Security Console"
            )
        if answer.status == 404:
            raise Misconfigured(
                "there is no Dynamics GP web service at erp.soap_path: check it and the connection's port"
            )
        if answer.status not in (200, 500):
            raise NoEnvelope(answer)
        try:
            root = etree.fromstring(answer.body, self._parser)
        except (etree.XMLSyntaxError, ValueError):
            raise NoEnvelope(answer) from None
        if root.tag != f"{{{_ENVELOPE}}}Envelope" or b"<!DOCTYPE" in answer.body:
            raise NoEnvelope(answer)
        fault = root.find(f"{{{_ENVELOPE}}}Body/{{{_ENVELOPE}}}Fault")
        if fault is not None:
            raise self._fault(fault, answer)
        found = root.find(f"{{{_ENVELOPE}}}Body/{{{GP}}}{operation}Response")
        if found is None or answer.status != 200:
            raise NoEnvelope(answer)
        return found

    def _fault(self, fault: etree._Element, answer: Answer) -> Fault:
        detail = fault.find("detail")
        log_id = next(
            (
                (one.text or "").strip()
                for one in (detail.iter() if detail is not None else ())
                if local(one) == "Message" and _GUID.fullmatch((one.text or "").strip())
            ),
            None,
        )
        code = (fault.findtext("faultcode") or "").strip()
        text = self.masked(" ".join((fault.findtext("faultstring") or "").split())[:500])
        return Fault(code, text, log_id, self._raw(answer))

    def _raw(self, answer: Answer) -> str:
        return self.masked(answer.body.decode("utf-8", "replace")[:20_000])


def _as_policy(result: etree._Element) -> bytes:
    """A ``GetPolicyByOperationResult`` as the ``policy`` that a create carries."""
    policy = deepcopy(result)
    policy.tag = f"{{{GP}}}policy"
    return etree.tostring(policy, encoding="utf-8", with_tail=False)


def local(element: etree._Element) -> str:
    """An element's name without its namespace; "" for a comment."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def child(element: etree._Element | None, path: str) -> etree._Element | None:
    """The first descendant at a path of local names joined by ``/``, level by level."""
    for name in path.split("/"):
        if element is None:
            return None
        element = next((one for one in element if local(one) == name), None)
    return element


def text(element: etree._Element | None, path: str) -> str | None:
    """Text at such a path without blanks around it; ``None`` when it is absent, nil or empty."""
    found = child(element, path)
    value = (found.text or "").strip() if found is not None else ""
    return value or None


def says(element: etree._Element | None, path: str, value: bool) -> bool:
    """Whether there is an ``xs:boolean`` at such a path that says this; it may be written as a word or as a digit."""
    return text(element, path) in (("true", "1") if value else ("false", "0"))


def items(element: etree._Element, result: str) -> list[etree._Element] | None:
    """The items of a list result; ``None`` when the result itself is missing."""
    found = child(element, result)
    return [one for one in found if local(one)] if found is not None else None


def _options(envelope: Envelope) -> dict[str, Any]:
    action = f'"{GP}/{envelope.operation}"'
    return {
        "content": envelope.content,
        "headers": {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": action, "Accept": "text/xml"},
    }
