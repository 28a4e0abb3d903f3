"""Reading what SYSPRO answers: the body's three wrappings, padded values, names in any case.

XML is parsed from bytes so that its Windows-1252 declaration is obeyed; a document type declaration is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest

from lxml import etree

from include.erps.syspro.refusals import Finding

_DECLARATION = re.compile(r"^\s*<\?xml.*?\?>", re.DOTALL)
_ENCODING = re.compile(rb"""^<\?xml[^>]*?encoding=["']([A-Za-z0-9._-]+)["']""")
# Amounts have 14 digits before the point; numbers that are longer than any are no numbers.
_MONEY = re.compile(r"([+-]?)(\d{0,18})(?:\.(\d{0,18}))?", re.ASCII)
_WHOLE = re.compile(r"\d{0,18}", re.ASCII)
_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:[T ].*)?", re.ASCII)
_WRAPPERS = frozenset({"errormessages", "warningmessages"})


class Unreadable(Exception):
    """The answer is not what the operation answers: cut off, not XML, another root, a value of the wrong form."""


@dataclass(frozen=True)
class Body:
    """An answer's content without its wrapping and surrounding whitespace."""

    content: bytes

    @property
    def text(self) -> str:
        """The content as text, by its declared encoding, else UTF-8, else Windows-1252."""
        declared = _ENCODING.match(self.content)
        encodings = [declared[1].decode()] if declared else []
        for encoding in (*encodings, "utf-8"):
            try:
                return self.content.decode(encoding)
            except (UnicodeDecodeError, LookupError):
                continue
        return self.content.decode("cp1252", "replace")

    def root(self, name: str) -> etree._Element:
        """The XML document, whose root must be ``name`` in any case.

        :raises Unreadable: it is not such a document.
        """
        found = _parsed(self.content)
        if found is None:
            raise Unreadable("the answer is not a complete XML document")
        if name_of(found) != name.lower():
            raise Unreadable(f"the answer's root element is {name_of(found)!r} instead of {name!r}")
        return found


def unwrapped(body: bytes) -> Body:
    """The content of a body that is bare, a JSON-quoted string, or a ``<string>`` element around escaped text."""
    content = body.strip()
    if content.startswith(b'"'):
        try:
            value = json.loads(content)
        except ValueError:
            return Body(content)
        return of_text(value) if isinstance(value, str) else Body(content)
    if b"<string" in content[:300]:
        found = _parsed(content)
        if found is not None and name_of(found) == "string" and len(found) == 0:
            return of_text(found.text or "")
    return Body(content)


def of_text(text: str) -> Body:
    """The body of a text that was decoded already: its XML declaration's encoding no longer holds."""
    return Body(_DECLARATION.sub("", text, count=1).strip().encode())


def _parsed(content: bytes) -> etree._Element | None:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        found = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError):
        return None
    return found if found.getroottree().docinfo.internalDTD is None else None


def name_of(element: etree._Element) -> str:
    """An element's name without namespace, in lower case."""
    return etree.QName(element).localname.lower()


def children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """Direct children of that name, in any case."""
    return (child for child in element if name_of(child) == name.lower())


def value(element: etree._Element) -> str:
    """An element's own text without padding."""
    return (element.text or "").strip()


def value_at(root: etree._Element, path: str) -> str | None:
    """The text at ``path`` (names joined by ``/``, the first anywhere below the root); ``None`` when there is none."""
    first, *rest = path.split("/")
    found = [element for element in root.iter() if name_of(element) == first.lower()]
    for name in rest:
        found = [child for element in found for child in children(element, name)]
    return value(found[0]) if found else None


def findings(root: etree._Element) -> list[Finding]:
    """Every error and warning anywhere in the tree, in document order. Number 0 with an empty text is none."""
    return [finding for element in root.iter() for finding in _findings_in(element)]


def _findings_in(element: etree._Element) -> Iterator[Finding]:
    for kind in ("error", "warning"):
        numbers = [value(child).lstrip("0") for child in children(element, f"{kind}number")]
        texts = [value(child) for child in children(element, f"{kind}description")]
        parent = element.getparent()
        field = parent if name_of(element) in _WRAPPERS and parent is not None else element
        echoed = next((value(child) for child in children(field, "value")), "")
        for number, text in zip_longest(numbers, texts, fillvalue=""):
            if number or text:
                yield Finding(number, text, name_of(field), echoed, warning=kind == "warning")


def whole(text: str | None) -> int:
    """A padded number; empty or absent is 0, as SYSPRO writes a zero count.

    :raises Unreadable: it is not a number.
    """
    stripped = (text or "").strip()
    if not _WHOLE.fullmatch(stripped):
        raise Unreadable(f"{stripped[:40]!r} is not a number")
    return int(stripped or "0")


def cents(text: str | None) -> int:
    """A padded amount in cents.

    :raises Unreadable: it is no amount, or has a fraction of a cent.
    """
    stripped = (text or "").strip()
    match = _MONEY.fullmatch(stripped)
    if match is None or not (match[2] or match[3]) or (match[3] or "")[2:].strip("0"):
        raise Unreadable(f"{stripped[:40]!r} is not an amount")
    unsigned = int(match[2] or "0") * 100 + int((match[3] or "")[:2].ljust(2, "0"))
    return -unsigned if match[1] == "-" else unsigned


def day(text: str | None) -> date | None:
    """A date as CCYY-MM-DD or CCYYMMDD, also with a time behind it; ``None`` when it is none."""
    match = _DATE.fullmatch((text or "").strip())
    try:
        return date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None
