"""Reading the XML that clients send and writing XML the way SYSPRO does."""

from __future__ import annotations

import re
from datetime import date
from xml.etree import ElementTree
from xml.sax.saxutils import escape

__all__ = [
    "Malformed",
    "amount",
    "element",
    "money_cents",
    "parse",
    "parse_date",
    "root",
    "storable",
    "text_of",
]

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MONEY = re.compile(r"-?\d{1,12}\.\d{2}")
_DECLARATION = '<?xml version="1.0" encoding="Windows-1252"?>\n'
_ATTRIBUTES = (
    "Language='05' Language2='EN' CssStyle='' DecFormat='1' DateFormat='01' Role='01' Version='{version}' "
    "OperatorPrimaryRole='   '"
)


class Malformed(Exception):
    """The text is not an XML document that this server reads."""


def parse(text: str) -> ElementTree.Element:
    """Parse a document. A DTD is refused before the parser sees it, so no entity can be expanded."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Malformed("a document type declaration is not allowed")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise Malformed(str(error)) from None


def text_of(parent: ElementTree.Element, name: str) -> str:
    """Stripped text of a direct child; "" when it is absent. Names are compared exactly."""
    return (parent.findtext(name) or "").strip()


def storable(text: str) -> str:
    """The text as a Windows-1252 database keeps it: other characters become question marks."""
    return text.encode("cp1252", "replace").decode("cp1252")


def parse_date(text: str) -> date | None:
    """A CCYY-MM-DD date, or None when it is not one."""
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def money_cents(text: str) -> int | None:
    """Signed cents of an amount with exactly two decimals, or None when it is not one."""
    return int(text.replace(".", "")) if _MONEY.fullmatch(text) and text.isascii() else None


def amount(cents: int, width: int = 15) -> str:
    """An amount as SYSPRO prints it: two decimals, right-aligned with blanks."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}".rjust(width)


def element(name: str, content: str = "") -> str:
    """A leaf element; an empty one collapses, which is how SYSPRO writes a zero counter."""
    return f"<{name}>{escape(content)}</{name}>" if content else f"<{name}/>"


def root(name: str, content: str, version: str) -> str:
    """A whole answer: Windows-1252 declaration, single-quoted attributes, newline and blank at the end."""
    return f"{_DECLARATION}<{name} {_ATTRIBUTES.format(version=version)}>{content}</{name}>\n "
