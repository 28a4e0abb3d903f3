from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from include.expensify.archive import archive_keys, read_lines, writing
from include.expensify.extraction import extract, queries_for_reports, queries_for_window
from include.expensify.query import ALL_STATES, ExportQuery
from include.expensify.records import IncompleteExport, Part, Report, Totals, read_export, verify

STATES = ("APPROVED", "REIMBURSED")


def test_a_window_is_asked_for_two_days_wider_on_both_sides() -> None:
    assert queries_for_window(date(2026, 11, 20), date(2026, 11, 20), STATES, ["P1"], "erp") == [
        ExportQuery(STATES, ("P1",), date(2026, 11, 18), date(2026, 11, 22), (), "erp")
    ]


def test_a_long_window_becomes_one_query_per_year() -> None:
    queries = queries_for_window(date(2024, 1, 1), date(2026, 1, 1), STATES)
    assert [(query.approved_after, query.end_date) for query in queries] == [
        (date(2023, 12, 30), date(2024, 12, 29)),
        (date(2024, 12, 26), date(2025, 12, 26)),
        (date(2025, 12, 23), date(2026, 1, 3)),
    ]


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="before it begins"):
        queries_for_window(date(2026, 1, 2), date(2026, 1, 1), STATES)


DAYS = st.dates(min_value=date(2015, 1, 1), max_value=date(2030, 1, 1))


@given(start=DAYS, length=st.integers(0, 1500), approved=st.integers(0, 1500), waited=st.integers(0, 900))
def test_every_report_approved_in_the_window_is_found_whenever_it_was_submitted(
    start: date, length: int, approved: int, waited: int
) -> None:
    end = start + timedelta(days=length)
    approved_on = start + timedelta(days=approved % (length + 1))
    submitted_on = approved_on - timedelta(days=waited)

    def finds(query: ExportQuery) -> bool:
        # Expensify's two rules, each with its day one off, as in the zone furthest away.
        assert query.approved_after is not None
        assert query.end_date is not None
        day = timedelta(days=1)
        return approved_on - day > query.approved_after and submitted_on + day <= query.end_date

    assert any(finds(query) for query in queries_for_window(start, end, STATES))


def test_reports_are_asked_for_by_id_in_chunks_of_300_in_every_state() -> None:
    ids = [f"R{number}" for number in range(601)]
    queries = queries_for_reports([*ids, "R5"], ["P1"])
    assert [query.report_ids for query in queries] == [tuple(ids[:300]), tuple(ids[300:600]), ("R600",)]
    assert {query.states for query in queries} == {ALL_STATES}
    assert {query.exclude_label for query in queries} == {None}
    assert queries_for_reports([]) == []


@dataclass
class Prepared:
    """A client whose exports are prepared; the next downloads bring as many bytes of them as ``unfinished`` says."""

    files: list[bytes]
    queries: list[ExportQuery] = field(default_factory=list)
    unfinished: list[int] = field(default_factory=list)

    def export(self, query: ExportQuery) -> str:
        self.queries.append(query)
        return f"file{len(self.queries)}"

    def download(self, name: str, into: IO[bytes]) -> int:
        assert name == f"file{len(self.queries)}"
        content = self.files[len(self.queries) - 1]
        return into.write(content[: self.unfinished.pop(0)] if self.unfinished else content)


def rendered(*report_ids: str) -> bytes:
    lines: list[dict[str, object]] = [{"k": "B", "v": 1, "reports": len(report_ids)}]
    for report_id in report_ids:
        lines += [
            {"k": "R", "reportID": report_id},
            {"k": "E", "reportID": report_id, "transactionID": "1" + report_id[1:]},
            {"k": "Z", "reportID": report_id, "n": 1},
        ]
    lines.append({"k": "F", "reports": len(report_ids)})
    return "\n".join(json.dumps(line) for line in lines).encode()


WINDOW = queries_for_window(date(2026, 11, 20), date(2026, 11, 20), STATES, ["P1"], "erp")
QUERIES = [*WINDOW, *queries_for_reports(["R7"])]
TIMES = [datetime(2026, 11, 21, 6, tzinfo=UTC), datetime(2026, 11, 21, 6, 1, tzinfo=UTC)]


def run(files: Sequence[bytes], archive: io.BytesIO) -> tuple[Prepared, object]:
    client = Prepared(list(files))
    times = iter(TIMES)
    return client, extract(
        client, QUERIES, archive, {"tenant": "midwest"}, now=lambda: next(times), sleep=lambda seconds: None
    )


def test_each_part_stands_behind_what_was_asked() -> None:
    archive = io.BytesIO()
    client, _ = run([rendered("R1", "R2") + b"\n", rendered("R7")], archive)
    assert client.queries == QUERIES
    content = archive.getvalue()
    assert json.loads(content.splitlines()[0]) == {
        "k": "X",
        "v": 1,
        "part": 1,
        "parts": 2,
        "started_at": "2026-11-21T06:00:00+00:00",
        "states": ["APPROVED", "REIMBURSED"],
        "policies": ["P1"],
        "approved_after": "2026-11-18",
        "end_date": "2026-11-22",
        "exclude_label": "erp",
        "reports": 2,
        "expenses": 2,
        "size_bytes": len(rendered("R1", "R2")) + 1,
        "header": {"tenant": "midwest"},
    }
    read = list(read_export(content.splitlines()))
    assert [one.report_id if isinstance(one, Report) else one.report_ids for one in read] == [
        (),
        "R1",
        "R2",
        ("R7",),
        "R7",
    ]
    assert [one.started_at for one in read if isinstance(one, Part)] == TIMES
    assert verify(content.splitlines()) == Totals(parts=2, renderings=2, reports=3, expenses=3, lines=15)


def test_the_summary_counts() -> None:
    from include.expensify.extraction import ExtractSummary

    _, summary = run([rendered("R1", "R2"), rendered()], io.BytesIO())
    assert isinstance(summary, ExtractSummary)
    assert (summary.reports, summary.expenses) == (2, 2)
    assert summary.size_bytes == len(rendered("R1", "R2")) + len(rendered())
    assert [part.started_at for part in summary.parts] == TIMES


def test_nothing_of_a_cut_off_download_reaches_the_archive() -> None:
    archive = io.BytesIO()
    with pytest.raises(IncompleteExport):
        run([rendered("R1"), rendered("R7")[:-5]], archive)
    assert [json.loads(line)["k"] for line in archive.getvalue().splitlines()] == ["X", "B", "R", "E", "Z", "F"]


def test_a_file_that_is_not_written_to_its_end_yet_is_downloaded_again_and_never_exported_again() -> None:
    file, archive = rendered("R1", "R2"), io.BytesIO()
    client = Prepared([file], unfinished=[len(file) - 1, 40])
    waits: list[float] = []
    summary = extract(client, WINDOW, archive, {}, sleep=waits.append)
    assert (client.queries, waits) == (WINDOW, [2.0, 8.0])
    assert summary.size_bytes == len(file)
    assert archive.getvalue().split(b"\n", 1)[1] == file + b"\n"


def test_an_extraction_goes_into_the_encrypted_archive_and_back(tmp_path: Path) -> None:
    keys = archive_keys(Fernet.generate_key().decode())
    with writing(tmp_path / "run.export", keys) as archive:
        extract(Prepared([rendered("R1"), rendered("R7")]), QUERIES, archive, {})
    read = list(read_export(read_lines(tmp_path / "run.export", keys)))
    assert [one.report_id for one in read if isinstance(one, Report)] == ["R1", "R7"]
