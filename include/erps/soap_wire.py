"""zeep over our own HTTP client, so that its deadlines and its silence about URLs hold for SOAP too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

from include.transport import Answer, HttpClient

# What zeep raises, besides its own errors, for values that are not of their type and envelopes that are no answer to the call.
ANSWER_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class OtherAnswer(Exception):
    """The answer is no SOAP envelope but a status of the web server or a proxy."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(frozen=True)
class _Response:
    """What zeep reads of a response."""

    status_code: int
    content: bytes
    headers: Mapping[str, str]
    encoding: str | None = None


class SoapWire:
    """zeep's transport. WSDL files are our own: nothing is downloaded.

    The owner sets, before each call: ``repeatable`` (a question, asked again after a lost answer), ``timeout_s`` (total deadline;
    ``None``: the client's), ``before_send`` (gets the envelope; when it raises, nothing is sent; what has one is never
    repeated). It reads ``last``, the body of the newest answer, and ``sent``, which it resets.
    """

    def __init__(self, http: HttpClient, attempts: int) -> None:
        self._http = http
        self._attempts = attempts
        self.repeatable = False
        self.timeout_s: float | None = None
        self.before_send: Callable[[etree._Element], None] | None = None
        self.last = b""
        self.sent = False

    def load(self, url: str) -> bytes:
        """A WSDL file, by its path."""
        return Path(url).read_bytes()

    def post_xml(self, address: str, envelope: Any, headers: Mapping[str, str]) -> _Response:
        """Send an envelope. :raises OtherAnswer: neither an answer nor a fault came back."""
        path = urlsplit(address).path
        content = etree.tostring(envelope, encoding="utf-8", xml_declaration=True)
        options: dict[str, Any] = {"content": content, "headers": dict(headers), "timeout_s": self.timeout_s}
        if self.before_send is not None:
            self.before_send(envelope)
        self.sent = True
        if self.repeatable and self.before_send is None:
            answer = self._http.request_repeatedly("POST", path, attempts=self._attempts, **options)
        else:
            answer = self._http.request("POST", path, **options)
        self.last = answer.body
        if answer.status != 200 and not (answer.status == 500 and b"Fault" in answer.body):
            raise OtherAnswer(answer)
        return _Response(answer.status, answer.body, {"Content-Type": "text/xml"})
