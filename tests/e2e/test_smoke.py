"""The harness itself: a real Airflow starts, runs, clears and ends without a trace."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scripts.local_airflow import LocalAirflow

pytestmark = pytest.mark.airflow

DAG_FILE = """
import pendulum
from airflow.sdk import CronDataIntervalTimetable, dag, get_current_context, task


@dag(
    schedule=CronDataIntervalTimetable("0 6 * * *", timezone="America/Chicago"),
    start_date=pendulum.datetime(2026, 1, 1, tz="America/Chicago"),
    catchup=False,
)
def smoke():
    @task
    def count() -> list[int]:
        return [1, 2, 3]

    @task(map_index_template="{{ name }}")
    def load(number: int) -> int:
        context = get_current_context()
        context["name"] = f"box {number}"
        if number == 2 and context["ti"].try_number == 1:
            raise ValueError("box 2 fails the first time")
        return number * 10

    load.expand(number=count())


smoke()
"""


def test_a_run_is_triggered_cleared_and_nothing_is_left(tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "smoke.py").write_text(DAG_FILE)
    airflow = LocalAirflow(tmp_path / "home", dags, stop_grace_s=5)
    with airflow:
        api = airflow.api
        api.wait_for_dag("smoke")
        run_id = api.trigger("smoke", conf={"why": "smoke"})
        api.unpause("smoke")

        assert api.wait_for_run("smoke", run_id)["state"] == "failed"
        boxes = api.task_instances("smoke", run_id, "load")
        assert [(box["rendered_map_index"], box["state"]) for box in sorted(boxes, key=lambda b: b["map_index"])] == [
            ("box 1", "success"),
            ("box 2", "failed"),
            ("box 3", "success"),
        ]
        assert "box 2 fails the first time" in api.task_log("smoke", run_id, "load", map_index=1)
        assert api.xcom("smoke", run_id, "count") == [1, 2, 3]

        assert [box["task_id"] for box in api.clear("smoke", run_id, [["load", 1]])] == ["load"]
        assert api.wait_for_run("smoke", run_id, {"success"})["state"] == "success"
        assert api.xcom("smoke", run_id, "load", map_index=1) == 20

        last_week = datetime.now(UTC) - timedelta(days=7)
        backfill = api.create_backfill("smoke", last_week, last_week + timedelta(days=1))
        api.wait_for_backfill(backfill)
        assert len(api.dag_runs("smoke", run_type="backfill")) in (1, 2)  # by the hour of the day

        api.put_pool("one_at_a_time", 1)
        api.put_pool("one_at_a_time", 2)
        assert [p["slots"] for p in api.pools() if p["name"] == "one_at_a_time"] == [2]
        assert api.import_errors() == []
        api.delete_run("smoke", run_id)
        assert airflow.processes()
    assert airflow.processes() == []
