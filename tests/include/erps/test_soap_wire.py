"""SOAP on the wire: what has an effect is sent once, whatever is said about questions."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from include.erps.soap_wire import OtherAnswer, SoapWire
from include.transport import Answer, HttpClient

ENVELOPE = etree.fromstring(b"<Envelope/>")
ADDRESS = "http://host.example:81/base/service.asmx"


class Client(HttpClient):
    """Keeps which way each request took."""

    def __init__(self, status: int = 200, body: bytes = b"<Answer/>") -> None:
        self.answer = Answer(status, {}, body)
        self.ways: list[str] = []

    def request(self, method: str, path: str, **options: Any) -> Answer:
        self.ways.append(f"once {path}")
        return self.answer

    def request_repeatedly(self, method: str, path: str, **options: Any) -> Answer:
        self.ways.append(f"{options['attempts']} times {path}")
        return self.answer


def test_a_question_is_repeated_and_anything_else_is_sent_once() -> None:
    client = Client()
    wire = SoapWire(client, 3)
    wire.post_xml(ADDRESS, ENVELOPE, {})
    wire.repeatable = True
    wire.post_xml(ADDRESS, ENVELOPE, {})
    wire.before_send = lambda envelope: None
    wire.post_xml(ADDRESS, ENVELOPE, {})
    path = "/base/service.asmx"
    assert client.ways == [f"once {path}", f"3 times {path}", f"once {path}"]


def test_nothing_is_sent_when_before_send_raises() -> None:
    client = Client()
    wire = SoapWire(client, 3)

    def full(_: etree._Element) -> None:
        raise OSError("disk full")

    wire.before_send = full
    with pytest.raises(OSError, match="disk full"):
        wire.post_xml(ADDRESS, ENVELOPE, {})
    assert (client.ways, wire.sent) == ([], False)


@pytest.mark.parametrize(("status", "body"), [(500, b"<s:Fault/>"), (200, b"")], ids=["fault", "empty"])
def test_a_fault_is_an_answer(status: int, body: bytes) -> None:
    wire = SoapWire(Client(status, body), 1)
    assert wire.post_xml(ADDRESS, ENVELOPE, {}).content == wire.last == body


@pytest.mark.parametrize(("status", "body"), [(500, b"oops"), (404, b"Fault"), (302, b"")])
def test_another_status_is_no_answer(status: int, body: bytes) -> None:
    with pytest.raises(OtherAnswer) as caught:
        SoapWire(Client(status, body), 1).post_xml(ADDRESS, ENVELOPE, {})
    assert caught.value.answer.status == status
