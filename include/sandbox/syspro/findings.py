"""What a posting object objects to, and the XML in which it says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from include.sandbox.syspro.markup import element

__all__ = ["Finding", "rejected", "warned"]


@dataclass(frozen=True)
class Finding:
    """One objection to one element. `entry` is the entry's position, None for the header."""

    element: str
    value: str
    number: str
    text: str
    entry: int | None = None
    warning: bool = False


def rejected(findings: Iterable[Finding], *, lines: str, lower: bool) -> str:
    """The failing item as SYSPRO echoes it. `lines` is the name of the entry element.

    Names of echoed elements arrive in lower case on many servers (`lower`). A field that fails by a warning
    alone carries no error number, only warning messages.
    """

    def name(text: str) -> str:
        return text.lower() if lower else text

    parts: list[str] = []
    ordered = sorted(findings, key=lambda finding: (finding.entry is not None, finding.entry or 0))
    for entry, group in groupby(ordered, key=lambda finding: finding.entry):
        body = "".join(
            f"<{name(one.element)}>{element('Value', one.value)}{_messages(one)}</{name(one.element)}>"
            for one in group
        )
        if entry is None:
            parts.append(body)
        else:
            number = element(name("EntryNumber"), str(entry))
            parts.append(f"<{name(lines)}>{number}{body}</{name(lines)}>")
    return f"<{name('Item')}>{''.join(parts)}</{name('Item')}>"


def warned(findings: Iterable[Finding]) -> str:
    """Warnings that are reported although the item was posted."""
    return "".join(_messages(finding) for finding in findings)


def _messages(finding: Finding) -> str:
    if finding.warning:
        number = element("WarningNumber", finding.number)
        return f"<WarningMessages>{number}{element('WarningDescription', finding.text)}</WarningMessages>"
    return element("ErrorNumber", finding.number) + element("ErrorDescription", finding.text)
