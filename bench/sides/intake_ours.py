"""A raw export into journals in a SQLite ledger, every expense claimed: what ``transform`` does."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.books import TARGET, tenant
from bench.data import DAYS, FIRST_DAY
from include.accounting.window import window_of
from include.collector import collector_paused
from include.ledger import claims, runs
from include.ledger.database import Ledger
from include.ledger.journals import Actor, Scope
from include.ledger.reading import reading_of
from include.ledger.runs import Run, RunKey


def prepare(export: str) -> Callable[[], str]:
    """:param export: path of the export's lines."""
    booked = tenant()
    scope = Scope(booked.name, TARGET, booked.names)
    folder = tempfile.TemporaryDirectory(dir=Path(export).parent)
    ledger = Ledger(f"sqlite:///{folder.name}/ledger.db")
    ledger.create_if_missing()
    last_day = FIRST_DAY + timedelta(days=DAYS - 1)
    window = window_of(booked, first_day=FIRST_DAY, last_day=last_day, now=datetime.now(UTC))
    run = RunKey("expenses__bench", "manual__1")
    with ledger.write() as connection:
        runs.register(connection, scope, Run(run, "range", window, False), datetime.now(UTC))

    @collector_paused()
    def timed() -> str:
        with open(export, "rb") as lines:
            reading = reading_of(lines, booked, window=window)
        claimed = claims.claim(ledger, scope, booked, reading, last_day, Actor(), run)
        ledger.close()
        held = sum(1 for outcome in claimed.outcomes.values() if outcome.reasons)
        folder.cleanup()
        return f"{len(claimed.fresh)} journals, {held} held"

    return timed
