"""The frame of an export: which line may follow which, and the counts that prove that nothing is missing.

One JSON object per line, its kind in ``k``::

    X  begins one part of an archive: what was asked of Expensify (not printed by the template; a bare export has none)
    B  begins one rendering of the template, with the number of its reports; the server may render several times
    R  one report
    E  one of its expenses, directly after it, with the report's ID
    Z  end of that report, with the number of its expenses
    F  end of the rendering, with the number of its reports

A download that ends early, a report whose tail is missing, an error text in the middle of the file: each breaks a rule, and
the export is not used at all.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

import orjson

from include.errors import Retryable

FORMAT_VERSION = 1
_EXACT = json.JSONDecoder(parse_float=Decimal)
_QUOTABLE_ERROR = re.compile(
    r"\s*(freemarker|the following has evaluated|==>|[a-z.]+exception\b|<html|<!doctype|error:)", re.IGNORECASE
)
_PERSONAL = re.compile(r"\S*@\S*|[0-9]{4,}|\"[^\"]*\"|'[^']*'")


class IncompleteExport(Retryable):
    """The export is cut off or holds what is no record. Nothing of it may be used: export again.

    ``line`` counts from 1; ``report_id`` is the report in which it happened, if any.
    """

    def __init__(self, problem: str, line: int, report_id: str | None = None) -> None:
        within = f" (report {report_id})" if report_id else ""
        super().__init__(
            f"the export is incomplete: line {line}{within}: {problem}. Nothing of it was used; export again."
        )
        self.line = line
        self.report_id = report_id


@dataclass(frozen=True, slots=True)
class Totals:
    """What a complete export holds. ``parts`` counts X lines, ``lines`` all lines that are not blank."""

    parts: int
    renderings: int
    reports: int
    expenses: int
    lines: int


def _identifier(value: object) -> str | None:
    """An ID as text. Whole numbers are tolerated; a float has lost digits already, a NUL fits no database."""
    if isinstance(value, str) and value.strip() and "\x00" not in value:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def _count(record: dict[str, Any], name: str) -> int | None:
    value = record.get(name)
    return value if type(value) is int and value >= 0 else None


def _safe_excerpt(line: bytes) -> str:
    """Words of an error text; nothing of a line that may be a piece of a record, which is personal data."""
    shown = line[:300].decode("utf-8", "replace")
    if line.lstrip()[:1] in b'{"' or not _QUOTABLE_ERROR.match(shown):
        return f"{len(line)} bytes that are no record"
    masked = _PERSONAL.sub("…", "".join(c if c.isprintable() else " " for c in shown))
    return f"text that is no record: {masked[:120].strip()}"


class Frame:
    """Follows one export record by record; :meth:`step` per line, :meth:`finish` at the end."""

    def __init__(self) -> None:
        self.line = 0
        self.report_id: str | None = None
        self.parts = self.renderings = self.reports = self.expenses = self.lines = 0
        self._announced: int | None = None
        self._reports_here = self._expenses_here = 0
        self._part_open = False

    def step(self, line: bytes) -> dict[str, Any] | None:
        """Read and check the next line; ``None`` for a blank one.

        :raises IncompleteExport: it cannot stand here.
        """
        self.line += 1
        if not line or line.isspace():
            return None
        try:
            # A byte order mark may stand before each rendering: the server appends them to one file.
            record = orjson.loads(line.removeprefix(BOM_UTF8))
        except orjson.JSONDecodeError:
            self.fail(_safe_excerpt(line))
        if not isinstance(record, dict):
            self.fail(_safe_excerpt(line))
        self.lines += 1
        kind = record.get("k")
        if kind == "E":
            self._expense(record)
        elif kind == "R":
            self._report(record)
        elif kind == "Z":
            self._report_end(record)
        elif kind == "B":
            self._begin(record)
        elif kind == "F":
            self._end(record)
        elif kind == "X":
            self._part()
        else:
            self.fail("a record of unknown kind" if "responseCode" not in record else "an error answer of Expensify")
        return record

    def take_report(self, report_id: str) -> bool:
        """Count a report line that was read elsewhere; false, and nothing counted, where :meth:`step` must look at it."""
        if self._announced is None or self.report_id is not None or not report_id or report_id.isspace():
            return False
        self.line += 1
        self.lines += 1
        self.report_id = report_id
        self._expenses_here = 0
        return True

    def take_expense(self, report_id: str, transaction_id: str) -> bool:
        """Count an expense line that was read elsewhere; false, and nothing counted, where :meth:`step` must look at it."""
        if report_id != self.report_id or not transaction_id or transaction_id.isspace():
            return False
        self.line += 1
        self.lines += 1
        self._expenses_here += 1
        return True

    def finish(self) -> Totals:
        """What was read, after the last line.

        :raises IncompleteExport: the export does not end here.
        """
        if self.report_id is not None:
            self.fail("the file ends inside a report")
        if self._announced is not None:
            self.fail("the file ends inside a rendering, its F record is missing")
        if not self.renderings or self._part_open:
            self.fail("the file ends before the first rendering" if not self.parts else "a part without a rendering")
        return Totals(self.parts, self.renderings, self.reports, self.expenses, self.lines)

    def fail(self, problem: str) -> NoReturn:
        """Give the export up at the current line."""
        raise IncompleteExport(problem, self.line, self.report_id)

    def _part(self) -> None:
        if self._announced is not None:
            self.fail("a new part begins inside a rendering")
        if self._part_open:
            self.fail("a part without a rendering")
        if self.renderings and not self.parts:
            self.fail("a rendering stands before the first part")
        self.parts += 1
        self._part_open = True

    def _begin(self, record: dict[str, Any]) -> None:
        if self._announced is not None:
            self.fail("a rendering begins inside another one")
        if record.get("v") != FORMAT_VERSION:
            self.fail(f"the rendering has another format than version {FORMAT_VERSION}")
        self._announced = _count(record, "reports")
        if self._announced is None:
            self.fail("the B record does not say how many reports follow")
        self._reports_here = 0
        self._part_open = False

    def _report(self, record: dict[str, Any]) -> None:
        if self._announced is None:
            self.fail("a report outside of a rendering")
        if self.report_id is not None:
            self.fail("another report begins before the end of this one")
        report_id = _identifier(record.get("reportID"))
        if report_id is None:
            self.fail("a report without a reportID")
        self.report_id = report_id
        self._expenses_here = 0

    def _expense(self, record: dict[str, Any]) -> None:
        report_id = self.report_id
        if report_id is None:
            self.fail("an expense outside of a report")
        own = record.get("reportID")
        if own != report_id and _identifier(own) != report_id:
            self.fail("an expense that names another report")
        if _identifier(record.get("transactionID")) is None:
            self.fail("an expense without a transactionID")
        self._expenses_here += 1

    def _report_end(self, record: dict[str, Any]) -> None:
        if self.report_id is None:
            self.fail("the end of a report that did not begin")
        if _identifier(record.get("reportID")) != self.report_id:
            self.fail("the end of another report")
        if _count(record, "n") != self._expenses_here:
            self.fail(f"the report has {self._expenses_here} expenses where its end says {record.get('n')!r:.20}")
        self.report_id = None
        self.reports += 1
        self._reports_here += 1
        self.expenses += self._expenses_here

    def _end(self, record: dict[str, Any]) -> None:
        if self.report_id is not None:
            self.fail("the rendering ends inside a report")
        if self._announced is None:
            self.fail("the end of a rendering that did not begin")
        if not self._announced == self._reports_here == _count(record, "reports"):
            self.fail(
                f"{self._reports_here} reports where the begin says {self._announced} and the end {record.get('reports')!r:.20}"
            )
        self._announced = None
        self.renderings += 1


def verify(lines: Iterable[bytes]) -> Totals:
    """Check a whole export without building reports; memory stays flat.

    :raises IncompleteExport: it is cut off or holds what is no record.
    """
    frame = Frame()
    for line in lines:
        frame.step(line)
    return frame.finish()


def exact(line: bytes) -> dict[str, Any]:
    """The record with decimals instead of floats, for a line that holds a fraction."""
    record: dict[str, Any] = _EXACT.decode(line.decode("utf-8"))
    return record


def exact_step(frame: Frame, line: bytes) -> dict[str, Any] | None:
    """:meth:`Frame.step`, floats replaced by decimals."""
    record = frame.step(line)
    if record is not None and any(type(value) is float for value in record.values()):
        return exact(line)
    return record
