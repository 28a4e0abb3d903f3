"""What a run reads from Expensify, and what it leaves in the archive."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from expensify_erp.hooks.archive import ArchiveHook

from include.errors import Held, Misconfigured, Refused, Retryable
from include.expensify import archive, extraction
from include.sandbox.faults import Delay, Fault, Truncate
from tests.plugins.expensify_erp.operators.conftest import NOVEMBER_3, NOVEMBER_10, World

WINDOW = "SELECT mode, window_from, window_to, lookback_from, dry_run FROM run ORDER BY created_at"


def without_seconds(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(str(value)[:16] if isinstance(value, str) else value for value in row) for row in rows]


def test_a_scheduled_run_takes_its_interval_in_whole_local_days_and_looks_a_week_back(world: World) -> None:
    """Midnight in Chicago is 05:00 UTC on the 2nd, when summer time ends, and 06:00 UTC on the 3rd."""
    world.run().extract()
    assert without_seconds(world.rows(WINDOW)) == [
        ("schedule", "2025-11-02 05:00", "2025-11-03 06:00", "2025-10-26 05:00", 0)
    ]


def test_a_backfill_takes_its_interval_and_looks_back_at_nothing(world: World) -> None:
    world.run("backfill").extract()
    assert without_seconds(world.rows(WINDOW)) == [
        ("backfill", "2025-11-02 05:00", "2025-11-03 06:00", "2025-11-02 05:00", 0)
    ]


def test_a_manual_run_begins_at_the_start_date_whatever_interval_the_form_presets(world: World) -> None:
    world.run("manual", NOVEMBER_3).extract()
    ((mode, start, end, lookback, _),) = without_seconds(world.rows(WINDOW))
    assert (mode, start, lookback) == ("manual", "2025-11-01 05:00", "2025-11-01 05:00")
    assert end > "2025-11-04", "it ends today, not with the preset interval"


def test_a_manual_run_goes_on_where_the_last_covered_window_ended(world: World) -> None:
    first = world.run()
    first.extract()
    first.transform()
    world.run("scheduled", NOVEMBER_3).extract()  # not transformed: its window is not covered
    world.run("manual", None).extract()
    assert without_seconds(world.rows(WINDOW))[2][:2] == ("manual", "2025-11-03 06:00")


def test_named_days_are_local_and_inclusive(world: World) -> None:
    world.run("manual", **{"from": "2025-11-02", "to": "2025-11-03"}).extract()
    assert without_seconds(world.rows(WINDOW)) == [
        ("range", "2025-11-02 05:00", "2025-11-04 06:00", "2025-11-02 05:00", 0)
    ]


def test_days_in_the_wrong_order_are_refused_with_both(world: World) -> None:
    with pytest.raises(Misconfigured, match=r"`to` \(2025-11-02\) lies before `from` \(2025-11-03\)"):
        world.run("manual", **{"from": "2025-11-03", "to": "2025-11-02"}).extract()
    assert world.rows(WINDOW) == []


def test_two_reports_on_one_line_are_refused_and_not_tried_again(world: World) -> None:
    with pytest.raises(Misconfigured, match="'R1, R2' is no Expensify ID"):
        world.run("manual", None, report_ids=["R1, R2"]).extract()
    assert world.exported_reports() == []


def test_named_reports_are_read_alone_and_in_whatever_state(world: World) -> None:
    world.report("R1")
    world.report("R2", status="Processing", approved="")
    world.report("R3")
    world.run("manual", report_ids=[" R2 ", "R1"]).extract()
    assert world.exported_reports() == [("R1", "R2")]
    assert without_seconds(world.rows(WINDOW)) == [("reports", None, None, None, 0)]


def test_named_reports_are_read_a_second_time_to_see_which_carry_the_label(world: World) -> None:
    world.tenant(expensify={"mark_exported": "syspro"})
    world.report("R1")
    world.report("R2")
    world.sandbox.expensify.labels["R2"] = {"syspro"}
    world.run("manual", report_ids=["R1", "R2"]).extract()
    assert world.exported_reports() == [("R1", "R2"), ("R1",)]


def test_named_journals_are_read_by_their_reports(world: World) -> None:
    world.report("R1")
    world.report("R2", day="2025-11-03")
    world.run("manual", **{"from": "2025-11-02", "to": "2025-11-03"}).until_validated()
    world.run("manual", journals=["20251103-1"]).extract()
    assert world.exported_reports()[1:] == [("R2",)]


def test_journals_that_nobody_knows_are_refused_by_name(world: World) -> None:
    with pytest.raises(Held, match="none of the journals 20251102-9 is known to acme"):
        world.run("manual", journals=["20251102-9"]).extract()


def test_a_run_keeps_its_window_when_it_is_cleared(world: World) -> None:
    run = world.run("manual", None)
    run.extract()
    before = world.rows(WINDOW)
    world.tenant(start_date=date(2025, 11, 5))
    run.clear()
    run.extract()
    assert world.rows(WINDOW) == before
    assert len(list((world.archive / "acme").iterdir())) == 2, "each try has its own file"


def test_a_dry_run_is_known_as_one(world: World) -> None:
    world.run(dry_run=True).extract()
    assert world.rows("SELECT dry_run FROM run") == [(1,)]


class TestHeldJournals:
    def test_reports_of_held_journals_of_ended_runs_are_read_again_by_id(self, world: World) -> None:
        world.report("R1", category="Gifts")
        earlier = world.run()
        earlier.until_validated()
        earlier.state = "failed"
        assert world.journals() == {"20251102-1": "held"}
        world.run("backfill", NOVEMBER_10).extract()
        assert world.exported_reports()[1:] == [(), ("R1",)]

    def test_a_run_that_is_still_going_on_keeps_its_own(self, world: World) -> None:
        world.report("R1", category="Gifts")
        world.run().until_validated()
        world.run("backfill", NOVEMBER_10).extract()
        assert world.exported_reports()[1:] == [()]

    def test_a_cleared_run_reads_its_own_again(self, world: World) -> None:
        world.report("R1", category="Gifts")
        run = world.run("backfill")
        run.until_validated()
        run.clear()
        run.extract()
        assert world.exported_reports()[1:] == [("R1",), ("R1",)]


class TestCredentials:
    @staticmethod
    def connection(world: World, secret: str) -> str:
        server = {"conn_type": "http", "host": "127.0.0.1", "port": world.sandbox.port, "schema": "http"}
        return json.dumps({**server, "login": "aa_acme", "password": secret})

    def test_a_key_rotated_a_moment_ago_is_read_once_more(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        world.report("R1")
        monkeypatch.setenv("AIRFLOW_CONN_EXPENSIFY_ACME", self.connection(world, "old-secret"))

        def rotate(_: str) -> bool:
            os.environ["AIRFLOW_CONN_EXPENSIFY_ACME"] = self.connection(world, "acme-secret")
            return False

        world.sandbox.faults.add(Fault("expensify", "file", Delay(0), match=rotate))
        world.run().extract()
        assert [(job.operation, job.code) for job in world.sandbox.expensify.jobs] == [
            ("file", 401),
            ("file", 200),
            ("download", 200),
        ]

    def test_a_wrong_key_is_tried_twice_and_never_retried(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_EXPENSIFY_ACME", self.connection(world, "old-secret"))
        with pytest.raises(Refused) as caught:
            world.run().extract()
        assert [job.code for job in world.sandbox.expensify.jobs] == [401, 401]
        assert "old-secret" not in str(caught.value)


class TestArchive:
    def test_the_export_is_encrypted_and_named_by_its_run(self, world: World) -> None:
        world.report("R1", reportName="Trip to the secret site")
        run = world.run()
        uri = run.extract()
        (file,) = (world.archive / "acme").iterdir()
        assert uri == file.as_uri()
        assert file.name.startswith("scheduled__1.")
        assert b"secret site" not in file.read_bytes()
        lines = b"\n".join(archive.read_lines(file, ArchiveHook().keys()))
        assert b"secret site" in lines

    def test_exports_older_than_the_tenant_keeps_are_removed(self, world: World) -> None:
        folder = world.archive / "acme"
        folder.mkdir(parents=True)
        for name, days in (("old", 31), ("young", 29)):
            with archive.writing(
                folder / f"{name}.export", ArchiveHook().keys(), now=datetime.now(UTC) - timedelta(days=days)
            ) as file:
                file.write(b"x\n")
        (folder / "not_ours.txt").write_text("x")
        world.tenant(retention={"raw_days": 30})
        world.run().extract()
        assert {one.name for one in folder.iterdir()} >= {"young.export", "not_ours.txt"}
        assert not (folder / "old.export").exists()

    def test_a_download_that_breaks_off_leaves_no_file_and_is_tried_again(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(extraction, "DOWNLOAD_AGAIN_AFTER_S", (0.0, 0.0))
        for number in range(40):
            world.report(f"R{number}")
        world.sandbox.faults.add(Fault("expensify", "download", Truncate(300, clean=True), when="after", times=20))
        run = world.run()
        with pytest.raises(Retryable):
            run.extract()
        assert list((world.archive / "acme").iterdir()) == []
        world.sandbox.faults.clear()
        assert Path(run.extract().removeprefix("file://")).exists()

    def test_a_file_that_is_not_there_is_waited_for_as_long_as_the_tenant_says(self, world: World) -> None:
        world.tenant(expensify={"file_ready_within_s": 2})
        world.sandbox.expensify.ready_after = 1000
        with pytest.raises(Retryable, match="not ready in time"):
            world.run().extract()
        assert [job.operation for job in world.sandbox.expensify.jobs][:2] == ["file", "download"]
        assert len(world.sandbox.expensify.jobs) <= 4
