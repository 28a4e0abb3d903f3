"""From an archive to what a run has read."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from include.accounting.window import Window
from include.ledger.plan import Reading
from include.ledger.reading import reading_of, run_day
from include.settings.tenant import Tenant, tenant_from
from tests.include.ledger.company import SETTINGS
from tests.include.ledger.exports import archive, expense_record, part, report_record

BEGAN = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 6, 5, tzinfo=UTC)
# 20 and 21 November in Chicago (UTC-6), looking back to the 18th.
WINDOW = Window(
    datetime(2026, 11, 20, 6, tzinfo=UTC), datetime(2026, 11, 22, 6, tzinfo=UTC), datetime(2026, 11, 18, 6, tzinfo=UTC)
)


@pytest.fixture
def tenant() -> Tenant:
    return tenant_from(SETTINGS, "midwest", Path())


def read(tenant: Tenant, *parts: Any, window: Window | None = WINDOW, **more: Any) -> Reading:
    return reading_of(archive(*parts), tenant, window=window, **more)


@pytest.mark.parametrize(
    ("approved", "wanted"),
    [
        ("2026-11-18 05:59:59", False),
        ("2026-11-18 06:00:00", True),
        ("2026-11-20 05:59:59", True),
        ("2026-11-20 06:00:00", True),
        ("2026-11-22 05:59:59", True),
        ("2026-11-22 06:00:00", False),
        ("2026-11-17", False),
        ("2026-11-18", True),
        ("2026-11-21", True),
        ("2026-11-22", False),
        (None, True),
    ],
)
def test_the_window_is_cut_to_the_second_and_to_the_local_day(
    tenant: Tenant, approved: str | None, wanted: bool
) -> None:
    reading = read(tenant, part(BEGAN, [(report_record("R1", approved=approved), [])]))
    assert ("R1" in reading.wanted) is wanted
    assert set(reading.read) == {"R1"}


def test_an_approval_without_a_time_is_that_calendar_day(tenant: Tenant) -> None:
    found = [
        (report_record("R1", approved="2026-11-21"), []),
        (report_record("R2", approved="2026-11-21 03:00:00"), []),
    ]
    reading = read(tenant, part(BEGAN, found))
    assert {name: item.approved_day for name, item in reading.read.items()} == {
        "R1": date(2026, 11, 21),
        "R2": date(2026, 11, 20),
    }


@pytest.mark.parametrize(("approved", "last"), [("20/11/2026", "2026-11-03"), ("", "3/11/2026")])
def test_an_approval_that_cannot_be_read_is_held_and_not_dated_by_an_earlier_approver(
    tenant: Tenant, approved: str, last: str
) -> None:
    approvers = [{"email": "a@x", "date": "2026-11-02"}, {"email": "b@x", "date": last}]
    reading = read(tenant, part(BEGAN, [(report_record("R1", approved=approved, approvers=approvers), [])]))
    assert reading.wanted == {"R1"}
    assert (reading.read["R1"].approved_day, len(reading.read["R1"].defects)) == (None, 1)


def test_what_start_date_drops_is_named(tenant: Tenant) -> None:
    window = Window(*(datetime(2026, 10, day, 5, tzinfo=UTC) for day in (30, 31, 29)))
    found = [(report_record("R1", approved="2026-10-30"), []), (report_record("R2", approved="2026-10-01"), [])]
    reading = read(tenant, part(BEGAN, found), window=window)
    assert reading.too_early == {"R1"}
    assert reading.wanted == set()


def test_named_reports_are_wanted_whenever_they_were_approved(tenant: Tenant) -> None:
    found = [(report_record(name, approved="2026-11-02"), []) for name in ("R1", "R2")]
    reading = read(tenant, part(BEGAN, found, report_ids=["R1", "R2"]), window=None, named=["R1"])
    assert reading.wanted == {"R1"}


def test_reports_that_were_asked_for_by_id_and_did_not_come_are_absent(tenant: Tenant) -> None:
    reading = read(
        tenant,
        part(BEGAN, [(report_record("R1"), [])]),
        part(LATER, [(report_record("R2"), [])], report_ids=["R2", "R3"]),
    )
    assert reading.absent == {"R3"}
    assert reading.extracted_at == LATER, "what did not come was asked for then"


def test_a_window_alone_makes_nothing_absent(tenant: Tenant) -> None:
    assert read(tenant, part(BEGAN)).absent == set()


@pytest.mark.parametrize("order", [("old", "new"), ("new", "old")], ids=["old_first", "new_first"])
def test_a_report_in_several_parts_is_what_the_latest_start_says(tenant: Tenant, order: tuple[str, str]) -> None:
    parts = {
        "old": part(BEGAN, [(report_record("R1"), [expense_record("1", "Meals", 100)])]),
        "new": part(LATER, [(report_record("R1"), [expense_record("1", "Meals", 200)])], report_ids=["R1"]),
    }
    reading = read(tenant, *(parts[name] for name in order))
    assert reading.read["R1"].total_cents == 200
    assert reading.read["R1"].extracted_at == LATER


def test_every_report_keeps_the_start_of_its_own_part(tenant: Tenant) -> None:
    reading = read(
        tenant,
        part(BEGAN, [(report_record("R1"), [])]),
        part(LATER, [(report_record("R2"), [])], report_ids=["R2"]),
    )
    assert {name: item.extracted_at for name, item in reading.read.items()} == {"R1": BEGAN, "R2": LATER}


def test_the_label_is_known_by_what_the_second_reading_leaves_out(tenant: Tenant) -> None:
    both = [(report_record("R1"), []), (report_record("R2"), [])]
    reading = read(
        tenant,
        part(BEGAN, both, report_ids=["R1", "R2"]),
        part(LATER, both[1:], report_ids=["R1", "R2"], exclude_label="posted"),
        window=None,
        named=["R1", "R2"],
    )
    assert reading.labelled == {"R1"}
    assert set(reading.read) == {"R1", "R2"}
    assert reading.absent == set()


def test_reports_that_the_probe_did_not_ask_for_are_not_labelled(tenant: Tenant) -> None:
    """The ledger knows R1 (it left its journal once), so only R2 was probed."""
    both = [(report_record("R1"), []), (report_record("R2"), [])]
    reading = read(
        tenant,
        part(BEGAN, both, report_ids=["R1", "R2"]),
        part(LATER, both[1:], report_ids=["R2"], exclude_label="posted"),
        window=None,
        named=["R1", "R2"],
    )
    assert reading.labelled == set()


def test_a_probe_that_finds_none_means_all_are_labelled(tenant: Tenant) -> None:
    reading = read(
        tenant,
        part(BEGAN, [(report_record("R1"), [])], report_ids=["R1"]),
        part(LATER, [], report_ids=["R1"], exclude_label="posted"),
        window=None,
        named=["R1"],
    )
    assert reading.labelled == {"R1"}


def test_the_runs_last_day_is_the_windows_or_today_in_the_tenants_zone(tenant: Tenant) -> None:
    assert run_day(tenant, WINDOW, BEGAN) == date(2026, 11, 21)
    assert run_day(tenant, None, datetime(2026, 11, 22, 5, 59, tzinfo=UTC)) == date(2026, 11, 21)
