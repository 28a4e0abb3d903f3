"""A run whose window is empty asks Expensify for nothing, and its archive holds nothing."""

from pathlib import Path

import pytest

from include.expensify.framing import IncompleteExport
from include.ledger.reading import reading_of
from include.settings import catalogue

TENANTS = Path(__file__).resolve().parents[3] / "include" / "sandbox" / "tenants"


def test_an_empty_archive_is_an_empty_reading() -> None:
    tenant = catalogue.load("midwest_manufacturing", TENANTS)
    reading = reading_of([], tenant, window=None)
    assert (dict(reading.read), reading.wanted, reading.absent) == ({}, frozenset(), frozenset())


def test_an_archive_that_ends_behind_its_first_part_is_still_incomplete() -> None:
    tenant = catalogue.load("midwest_manufacturing", TENANTS)
    with pytest.raises(IncompleteExport):
        reading_of([b'{"k":"X","v":1,"started_at":"2026-11-20T06:00:00+00:00"}\n'], tenant, window=None)
