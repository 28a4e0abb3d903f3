"""The SOAP service's operations and types, and reading and writing them in exactly that order.

A data contract's members come in alphabetical order. What is unknown, repeated or out of order is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

__all__ = ["OPERATIONS", "SPACE", "TYPES", "Malformed", "read_call", "write_result"]

SPACE = "http://mas90.sage.com/ws"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_INTEGER = re.compile(r"[0-9]{1,9}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})?")

Members = Sequence[tuple[str, str]]

TYPES: Mapping[str, Members] = {
    "Logon": [("Password", "string"), ("Username", "string")],
    "ContractInformation": [("AssemblyVersion", "string"), ("ContractVersion", "int"), ("NullDateTime", "dateTime")],
    "GLAccount": [
        ("Account", "string"), ("AccountDesc", "string"), ("AccountKey", "string"), ("AccountType", "string"),
        ("DateEnd", "dateTime"), ("DateStart", "dateTime"), ("MainAccountCode", "string"), ("RawAccount", "string"),
        ("Status", "string"),
    ],
    "GLAccountStructure": [("AccountFormat", "string"), ("Delimiter", "string"), ("Segments", "ArrayOfGLSegment")],
    "GLSegment": [("DataType", "string"), ("Description", "string"), ("Length", "int"), ("SegmentNo", "string")],
    "GLSubAccount": [
        ("SegmentNo", "string"), ("Status", "string"), ("SubAccountCode", "string"), ("SubAccountDesc", "string"),
    ],
    "GLPeriod": [
        ("EndDate", "dateTime"), ("FiscalPeriod", "string"), ("FiscalYear", "string"), ("StartDate", "dateTime"),
        ("Status", "string"),
    ],
    "GLJournalEntry": [
        ("BatchNo", "string"), ("EntryNo", "string"), ("ExternalReference", "string"), ("FiscalPeriod", "string"),
        ("FiscalYear", "string"), ("JournalComment", "string"), ("JournalRegisterNo", "string"),
        ("Lines", "ArrayOfGLJournalEntryLine"), ("PostingDate", "dateTime"), ("SourceJournal", "string"),
        ("Status", "string"), ("TotalCredit", "decimal"), ("TotalDebit", "decimal"),
    ],
    "GLJournalEntryLine": [
        ("Account", "string"), ("AccountKey", "string"), ("CreditAmount", "decimal"), ("DebitAmount", "decimal"),
        ("LineKey", "string"), ("PostingComment", "string"),
    ],
}  # fmt: skip

_LOGGED_ON: Members = [("logon", "Logon"), ("companyCode", "string")]
OPERATIONS: Mapping[str, tuple[Members, str]] = {
    "GetContractInformation": ([], "ContractInformation"),
    "GetGLAccount": ([*_LOGGED_ON, ("account", "string")], "GLAccount"),
    "GetGLAccounts": (
        [*_LOGGED_ON, ("status", "string"), ("startAfter", "string"), ("maxRows", "int")],
        "ArrayOfGLAccount",
    ),
    "GetGLAccountStructure": (_LOGGED_ON, "GLAccountStructure"),
    "GetGLSubAccounts": ([*_LOGGED_ON, ("segmentNo", "string")], "ArrayOfGLSubAccount"),
    "GetGLPeriods": ([*_LOGGED_ON, ("fiscalYear", "string")], "ArrayOfGLPeriod"),
    "GetGLJournalEntries": ([*_LOGGED_ON, ("externalReference", "string")], "ArrayOfGLJournalEntry"),
    "GetGLJournalEntry": ([*_LOGGED_ON, ("sourceJournal", "string"), ("entryNo", "string")], "GLJournalEntry"),
    "CreateGLJournalEntry": ([*_LOGGED_ON, ("journalEntry", "GLJournalEntry")], "GLJournalEntry"),
}


class Malformed(Exception):
    """The request is not what the operation's contract says."""


def read_call(call: Element, operation: str) -> dict[str, Any]:
    """The arguments of a wrapper element: texts, datetimes, lists and dicts; decimals stay text."""
    return _read_members(call, OPERATIONS[operation][0])


def _read_members(element: Element, members: Members) -> dict[str, Any]:
    if (element.text or "").strip():
        raise Malformed(f"text where elements are expected in {element.tag}")
    values: dict[str, Any] = {}
    at = 0
    for child in element:
        names = [f"{{{SPACE}}}{name}" for name, _ in members[at:]]
        if child.tag not in names:
            raise Malformed(f"unexpected element {child.tag}")
        at += names.index(child.tag)
        name, kind = members[at]
        values[name] = _read(child, kind)
        at += 1
    return values


def _read(element: Element, kind: str) -> Any:
    if element.get(_NIL) in ("true", "1"):
        return None
    if kind.startswith("ArrayOf"):
        inner = kind.removeprefix("ArrayOf")
        if any(child.tag != f"{{{SPACE}}}{inner}" for child in element):
            raise Malformed(f"unexpected element in {kind}")
        return [_read(child, inner) for child in element]
    if kind in TYPES:
        return _read_members(element, TYPES[kind])
    if len(element):
        raise Malformed(f"elements where {kind} is expected in {element.tag}")
    text = element.text or ""
    pattern = {"int": _INTEGER, "decimal": _DECIMAL, "dateTime": _DATE_TIME}.get(kind)
    if pattern is not None and not pattern.fullmatch(text.strip()):
        raise Malformed(f"{text!r} is no {kind}")
    if kind == "dateTime":
        try:
            datetime.fromisoformat(text.strip())
        except ValueError:
            raise Malformed(f"{text!r} is no {kind}") from None
    return text if kind == "string" else text.strip()


def write_result(operation: str, value: Any) -> str:
    """The response element of an operation."""
    result = _write(f"{operation}Result", OPERATIONS[operation][1], value)
    instance = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
    return f'<{operation}Response xmlns="{SPACE}" {instance}>{result}</{operation}Response>'


def _write(name: str, kind: str, value: Any) -> str:
    if value is None:
        return f'<{name} i:nil="true"/>'
    if kind.startswith("ArrayOf"):
        inner = kind.removeprefix("ArrayOf")
        return f"<{name}>{''.join(_write(inner, inner, one) for one in value)}</{name}>"
    if kind in TYPES:
        return f"<{name}>{''.join(_write(member, its, value[member]) for member, its in TYPES[kind])}</{name}>"
    return f"<{name}>{escape(str(value))}</{name}>"
