"""What SYSPRO's refusals mean: error numbers first, then texts, both open to change per customer.

SYSPRO refuses in two ways. Posting objects answer XML with error numbers and descriptions; everything else answers the plain
text ``ERROR: ...`` under HTTP 200. Texts come from language files and depend on the operator's language, hence the patterns
are settings. What is not known holds the journal: it is never repeated blindly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

ErrorClass = Literal["mapping", "hold", "period", "future", "data", "config", "bug", "exists"]
"""Of an error inside a posting answer. ``exists``: the invoice number is taken, so it has to be looked up."""

TextClass = Literal["session", "seats", "auth", "config", "malformed", "not_found", "unknown"]
"""Of an ``ERROR`` text. ``unknown`` after a create leaves the outcome open."""

ERROR_CLASSES: Mapping[str, ErrorClass] = {
    "100028": "data",
    "100030": "data",
    "100031": "data",
    "100032": "data",
    "100033": "data",
    "220001": "mapping",
    "220002": "hold",
    "220003": "exists",
    "220004": "bug",
    "220005": "period",
    "230001": "mapping",
    "230002": "mapping",
    "230003": "mapping",
    "230004": "period",
    "230005": "future",
    "230006": "bug",
    "230007": "period",
    "230008": "mapping",
    "230010": "bug",
    "230011": "config",
    "230012": "config",
}

# An answer without a number (a warning alone has none on some servers) is classed by its text.
ERROR_PATTERNS: Mapping[ErrorClass, str] = {
    "future": r"period .*in the future",
    "period": r"period .*(closed|not open)|year .*must be the current or previous",
    "exists": r"invoice .*already exists",
    "config": r"may not (post|authori[sz]e)|must be authori[sz]ed",
    "mapping": r"ledger code|control account|analysis",
}

# "not found" said of anything but a row (a table, a column, an operator) is a failed question, not an empty answer.
TEXT_PATTERNS: Mapping[TextClass, str] = {
    "session": r"^ERROR: *The supplied UserID is invalid",
    "seats": r"maximum number of licensed",
    "auth": r"Invalid (operator|company) password|Operator '.*' (not found|is locked|has no access)|Company '.*' not found",
    "config": r"e\.net exception raised: *100000",
    "malformed": r"not well[- ]formed",
    "not_found": r"^(?!.*\b(table|column|object|operator|company|user|file|element|schema|server|instance)\b).*not found",
}

FIXES: Mapping[ErrorClass, str] = {
    "mapping": "map the category or dimension to another value in the tenant file (mapping), or correct it in SYSPRO's "
    "GL code or supplier maintenance",
    "hold": "release or correct it in SYSPRO, then clear the task",
    "period": "open the period in SYSPRO, or set posting.closed_period: next_open in the tenant file",
    "future": "wait until SYSPRO's current period reaches it, or check the tenant file's erp.fiscal_calendar",
    "data": "correct the value in the tenant file or in Expensify; a value of the right form points to a field size that "
    "differs on this server (erp.sizes)",
    "config": "give the integration's operator the right in SYSPRO's operator maintenance",
    "bug": "report it: the document was built wrongly",
    "exists": "nothing: the invoice is looked up",
}


@dataclass(frozen=True)
class Finding:
    """One objection in a posting answer: ``number`` may be empty, ``field`` and ``value`` are what SYSPRO echoed."""

    number: str
    text: str
    field: str = ""
    value: str = ""
    warning: bool = False

    def __str__(self) -> str:
        at = f" ({self.field} {self.value!r})" if self.field and self.value and self.value not in self.text else ""
        return f"{self.number} {self.text}".strip() + at


@dataclass(frozen=True)
class Refusals:
    """The class of a number or text on this customer's server: its own settings laid over the defaults."""

    numbers: Mapping[str, ErrorClass]
    error_patterns: Mapping[ErrorClass, str]
    text_patterns: Mapping[TextClass, str]

    @classmethod
    def known(
        cls,
        numbers: Mapping[str, ErrorClass] | None = None,
        error_patterns: Mapping[ErrorClass, str] | None = None,
        text_patterns: Mapping[TextClass, str] | None = None,
    ) -> Refusals:
        """The defaults, with what a customer's settings replace."""
        return cls(
            {**ERROR_CLASSES, **(numbers or {})},
            {**ERROR_PATTERNS, **(error_patterns or {})},
            {**TEXT_PATTERNS, **(text_patterns or {})},
        )

    def error_class(self, finding: Finding) -> ErrorClass:
        """By number, then by text; ``hold`` when neither is known."""
        by_number = self.numbers.get(finding.number)
        if by_number is not None:
            return by_number
        matching = (kind for kind, pattern in self.error_patterns.items() if re.search(pattern, finding.text, re.I))
        return next(matching, "hold")

    def text_class(self, text: str) -> TextClass | None:
        """The class of an ``ERROR`` text; ``None`` when the text is no refusal at all."""
        if not text.upper().startswith("ERROR"):
            return None
        matching = (kind for kind, pattern in self.text_patterns.items() if re.search(pattern, text, re.I | re.S))
        return next(matching, "unknown")


def explained(findings: Iterable[Finding], refusals: Refusals) -> str:
    """All objections in SYSPRO's words, then what to do about each kind."""
    known = list(findings)
    fixes = dict.fromkeys(FIXES[refusals.error_class(finding)] for finding in known)
    return "; ".join(map(str, known)) + ". What to do: " + "; ".join(fixes)
