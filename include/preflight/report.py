"""What a preflight says: findings and mapping coverage, as JSON values and as text for a log or a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from include.erps.site import Finding
from include.preflight.coverage import Row

_WORDS = {"ok": "ok", "warning": "warning", "blocking": "BLOCKING"}
_LONGEST = 40


@dataclass(frozen=True)
class Preflight:
    """The whole answer for one tenant."""

    tenant: str
    findings: tuple[Finding, ...]
    rows: tuple[Row, ...] = ()

    @property
    def blocking(self) -> list[str]:
        """Everything that would stop a posting, one line each."""
        found = [_line(one) for one in self.findings if one.level == "blocking"]
        return found + [f"{row.what} {row.name}: {row.note}" for row in self.rows if row.level == "blocking"]

    def as_json(self) -> dict[str, Any]:
        """For XCom: ``findings`` and ``mapping`` as rows of plain values."""
        return {
            "tenant": self.tenant,
            "blocking": len(self.blocking),
            "findings": [asdict(one) for one in self.findings],
            "mapping": [
                {
                    "what": row.what,
                    "name": row.name,
                    "policies": list(row.policies),
                    "goes_to": row.goes_to,
                    "rule": row.rule,
                    "used_by_reports": row.used,
                    "level": row.level,
                    "note": row.note,
                }
                for row in self.rows
            ],
        }

    def text(self) -> str:
        """Two tables and a last line that says what to make of them."""
        parts = [f"Preflight of {self.tenant}", "", *_findings(self.findings)]
        if self.rows:
            parts += ["", "Mapping", *_mapping(self.rows)]
        count = len(self.blocking)
        verdict = "Nothing would block." if not count else f"{count} would block: see the lines marked BLOCKING."
        return "\n".join([*parts, "", verdict])


def _line(finding: Finding) -> str:
    return f"{finding.subject}: {finding.message}{f' ({finding.fix})' if finding.fix else ''}"


def _findings(findings: Iterable[Finding]) -> list[str]:
    cells = [(_WORDS[one.level], one.subject, one.message, one.fix) for one in findings]
    width = max((len(subject) for _, subject, _, _ in cells), default=0)
    lines = []
    for level, subject, message, fix in cells:
        lines.append(f"{level:<9} {subject:<{width}}  {message}")
        if fix:
            lines.append(f"{'':<9} {'':<{width}}  -> {fix}")
    return lines


def _mapping(rows: Sequence[Row]) -> list[str]:
    cells = [("", "what", "in Expensify", "in the ERP", "rule", "used")]
    cells += [
        (_WORDS[row.level], row.what, _cut(row.name), _cut(row.goes_to), _cut(row.rule), str(row.used or ""))
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(6)]
    notes = ["", *(row.note for row in rows)]
    lines = []
    for cell, note in zip(cells, notes, strict=True):
        lines.append("  ".join(text.ljust(width) for text, width in zip(cell, widths, strict=True)).rstrip())
        if note:
            lines.append(f"{'':<{widths[0]}}  -> {note}")
    return lines


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
