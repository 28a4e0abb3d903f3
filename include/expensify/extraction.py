"""From a window of approval days to one verified, archived export."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import IO, Any, Protocol

import orjson

from include.expensify.framing import IncompleteExport, Totals, verify
from include.expensify.query import ALL_STATES, ONE_YEAR, ExportQuery

MARGIN = timedelta(days=2)
"""``approvedAfter`` is exclusive and by day, in a time zone nobody documents: asked two days wider, cut in code later."""
REPORTS_PER_QUERY = 300
DOWNLOAD_AGAIN_AFTER_S = (2.0, 8.0)
"""Waits before a file that proved incomplete is downloaded again: the server may not have finished writing it."""
_COPY_BYTES = 1024 * 1024


class Exporter(Protocol):
    """What an extraction needs of :class:`~include.expensify.client.ExpensifyClient`."""

    def export(self, query: ExportQuery) -> str: ...

    def download(self, name: str, into: IO[bytes]) -> int: ...


class Sink(Protocol):
    """Where the export goes: an open :class:`~include.expensify.archive.ArchiveWriter`, or any binary file."""

    def write(self, data: bytes, /) -> int: ...


@dataclass(frozen=True, slots=True)
class PartSummary:
    """One export with its download: when it was started (UTC), and what it held."""

    query: ExportQuery
    started_at: datetime
    size_bytes: int
    totals: Totals


@dataclass(frozen=True, slots=True)
class ExtractSummary:
    """A whole extraction, one part per query."""

    parts: tuple[PartSummary, ...]

    @property
    def reports(self) -> int:
        """Reports over all parts; one that came in two parts counts twice."""
        return sum(part.totals.reports for part in self.parts)

    @property
    def expenses(self) -> int:
        """Expenses over all parts, counted like the reports."""
        return sum(part.totals.expenses for part in self.parts)

    @property
    def size_bytes(self) -> int:
        """Size of the downloads before compression."""
        return sum(part.size_bytes for part in self.parts)


def queries_for_window(
    window_start_day: date,
    window_end_day: date,
    states: Sequence[str],
    policies: Sequence[str] = (),
    label: str | None = None,
) -> list[ExportQuery]:
    """The queries that together find every report approved from ``window_start_day`` to ``window_end_day``, both inclusive.

    They find more than that: the caller cuts at the exact moments. Expensify takes at most a year per query. Its
    ``endDate`` bounds submission, which precedes approval, so a report that is submitted in one query's part and approved in
    the next one's is found by the next one, which has no lower bound on submission.

    :param label: leave out reports that carry this export label.
    :raises ValueError: the window ends before it begins.
    """
    if window_end_day < window_start_day:
        raise ValueError(f"the window ends on {window_end_day}, before it begins on {window_start_day}")
    # With the margins on both sides the query stays within a year.
    longest = ONE_YEAR - 2 * MARGIN
    queries = []
    first = window_start_day
    while first <= window_end_day:
        last = min(first + longest, window_end_day)
        queries.append(
            ExportQuery(
                states=tuple(states),
                policies=tuple(policies),
                approved_after=first - MARGIN,
                end_date=last + MARGIN,
                exclude_label=label,
            )
        )
        first = last + timedelta(days=1)
    return queries


def queries_for_reports(report_ids: Sequence[str], policies: Sequence[str] = ()) -> list[ExportQuery]:
    """The queries that read these reports again, 300 each, in whatever state they are, marked or not.

    All five states, because a report that went back to its submitter must be seen to have done so.
    """
    unique = list(dict.fromkeys(report_ids))
    return [
        ExportQuery(
            states=ALL_STATES, policies=tuple(policies), report_ids=tuple(unique[start : start + REPORTS_PER_QUERY])
        )
        for start in range(0, len(unique), REPORTS_PER_QUERY)
    ]


def part_record(
    query: ExportQuery,
    started_at: datetime,
    number: int,
    of: int,
    totals: Totals,
    size_bytes: int,
    header: Mapping[str, Any],
) -> bytes:
    """The X line that begins a part of an archive: what was asked, when, and what came."""
    asked = {name: value for name, value in asdict(query).items() if value not in (None, (), "")}
    counts = {"reports": totals.reports, "expenses": totals.expenses, "size_bytes": size_bytes}
    record = {"k": "X", "v": 1, "part": number, "parts": of, "started_at": started_at, **asked, **counts}
    return orjson.dumps({**record, "header": dict(header)}, option=orjson.OPT_APPEND_NEWLINE)


def extract(
    client: Exporter,
    queries: Sequence[ExportQuery],
    archive_file: Sink,
    header: Mapping[str, Any],
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> ExtractSummary:
    """Export, download and verify each query completely, then write it to the archive, each part behind its X line.

    ``header`` (JSON values, such as tenant and run) is written into each X line. The content passes through a temporary file
    that is deleted at once; nothing of a query reaches the archive before all of it is verified.

    :raises include.expensify.framing.IncompleteExport: a file is cut off or holds an error text, however often it is downloaded.
    """
    parts = []
    for number, query in enumerate(queries, start=1):
        with tempfile.TemporaryFile() as file:
            # Taken before the request: what changes while the export runs must count as newer than it.
            started_at = now().astimezone(UTC)
            size, totals = _complete(client, client.export(query), file, sleep)
            file.seek(0)
            archive_file.write(part_record(query, started_at, number, len(queries), totals, size, header))
            last = b""
            for block in _blocks(file):
                archive_file.write(block)
                last = block
            if not last.endswith(b"\n"):
                archive_file.write(b"\n")
        parts.append(PartSummary(query, started_at, size, totals))
    return ExtractSummary(tuple(parts))


def _complete(client: Exporter, name: str, file: IO[bytes], sleep: Callable[[float], None]) -> tuple[int, Totals]:
    """Download until the file is whole: its size and what it holds. The export is not repeated."""
    for pause in DOWNLOAD_AGAIN_AFTER_S:
        try:
            return _downloaded(client, name, file)
        except IncompleteExport:
            sleep(pause)
    return _downloaded(client, name, file)


def _downloaded(client: Exporter, name: str, file: IO[bytes]) -> tuple[int, Totals]:
    file.seek(0)
    file.truncate()
    size = client.download(name, file)
    file.seek(0)
    return size, verify(file)


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.read(_COPY_BYTES), b"")
