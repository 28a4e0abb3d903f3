from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

import include.erps.sage_100.soap as channel
from include.erps.port import Draft, Line
from include.errors import Misconfigured
from include.sandbox.sage_100 import Company
from include.sandbox.server import Sandbox
from tests.include.erps.sage_100.conftest import Connect, journal, settings

WSDL = Path(channel.__file__).with_name("wsdl") / "masservice.wsdl"
pytestmark = pytest.mark.parametrize("api", ["soap"], indirect=True)


def ignore(text: str) -> None:
    """Keeps nothing of what is sent."""


def test_the_customers_wsdl_names_an_inner_host_that_is_never_called(
    connect: Connect, company: Company, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs.wsdl"
    theirs.write_text(WSDL.read_text().replace("https://localhost/", "http://sage-inner:8080/"))
    client = connect(wsdl=str(theirs))
    assert client.find(journal()) == []
    assert client.create(journal(), ignore).number == "000001"


def test_the_order_of_the_log_on_follows_the_customers_wsdl(connect: Connect, box: Sandbox, tmp_path: Path) -> None:
    text = WSDL.read_text()
    password, user = (
        f'<xs:element minOccurs="0" name="{name}" nillable="true" type="xs:string"/>'
        for name in ("Password", "Username")
    )
    theirs = tmp_path / "theirs.wsdl"
    theirs.write_text(text.replace(password, "@").replace(user, password).replace("@", user))
    # This sandbox expects the password first, and refuses what is out of order.
    with pytest.raises(Misconfigured, match="DeserializationFailed"):
        connect(wsdl=str(theirs)).find(journal())


@pytest.mark.parametrize("text", [None, "", "<x/>", WSDL.read_text()[:-200]], ids=["absent", "empty", "other", "cut"])
def test_a_wsdl_that_cannot_be_used_is_named(connect: Connect, tmp_path: Path, text: str | None) -> None:
    theirs = tmp_path / "theirs.wsdl"
    if text is not None:
        theirs.write_text(text)
    with pytest.raises(Misconfigured, match=r"erp\.wsdl must be one complete file"):
        connect(wsdl=str(theirs)).find(journal())


def test_another_binding_or_namespace_is_named(connect: Connect, box: Sandbox) -> None:
    with pytest.raises(Misconfigured, match=r"erp\.soap_binding"):
        connect(soap_binding="Other").find(journal())
    # The service knows its own namespace only: the operation of another one is unknown to it.
    with pytest.raises(Misconfigured, match="operation is not available"):
        connect(soap_namespace="http://extended.example/ws").find(journal())


def test_a_wsdl_without_our_operations_is_named(connect: Connect, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.wsdl"
    theirs.write_text(WSDL.read_text().replace("GetGLJournalEntries", "GetSalesOrder"))
    with pytest.raises(Misconfigured, match="no operation GetGLJournalEntries"):
        connect(wsdl=str(theirs)).find(journal())


@pytest.mark.parametrize("text", ["", "Taxi", "a & b <c> 'e'", "é€" * 40], ids=["none", "plain", "markup", "letters"])
@pytest.mark.parametrize("lines", [60, 100])
def test_the_length_is_never_underestimated(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, text: str, lines: int
) -> None:
    sent: list[int] = []
    post = channel._Wire.post_xml

    def measured(self: channel._Wire, address: str, envelope: Any, headers: Mapping[str, str]) -> Any:
        sent.append(len(etree.tostring(envelope, encoding="utf-8", xml_declaration=True)))
        return post(self, address, envelope, headers)

    draft = journal("R1", *(Line(n, "600-01-00", 100 if n % 2 else -100, {}, text) for n in range(1, lines + 1)))
    client = connect()
    monkeypatch.setattr(channel._Wire, "post_xml", measured)
    client.create(draft, ignore)
    assert is_held_at(sent[-1] - 1, draft)
    # Nor is it overestimated by so much that an entry of usual length would be held.
    assert not is_held_at(int(1.25 * sent[-1]), draft)


def is_held_at(limit: int, draft: Draft) -> bool:
    known = settings(api="soap", max_soap_bytes=limit)
    return [problem.code for problem in known.problems(draft)] == ["document_too_long"]
