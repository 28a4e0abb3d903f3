"""The demo's first runs: catch-up's scheduled ones, then one by hand for today's reports, with a line per change."""

import time
from datetime import UTC, datetime

from scripts.airflow_api import ENDED, AirflowApi, Json
from scripts.local_airflow import AirflowDidNotStart, LocalAirflow


def first_runs(running: LocalAirflow, tenants: list[str], timeout_s: float) -> None:
    """Let catch-up make the scheduled runs, wait for them, then one manual run a tenant for today's reports."""
    api = running.api
    dag_ids = [f"expenses__{tenant}" for tenant in tenants]
    for dag_id in dag_ids:
        api.wait_for_dag(dag_id, timeout_s=300)
    say(f"Airflow has parsed {len(dag_ids)} tenant DAG(s); unpausing: catch-up starts the scheduled runs")
    for dag_id in dag_ids:
        api.unpause(dag_id)
    progress = Progress()
    deadline = time.monotonic() + timeout_s
    triggered: set[str] = set()
    waiting = set(dag_ids)
    while waiting:
        if (ended := running.ended()) is not None:
            raise AirflowDidNotStart(f"Airflow ended by itself: {ended}\n{running.log_tail()}")
        for dag_id in sorted(waiting):
            runs = api.dag_runs(dag_id)
            progress.show(api, dag_id, runs)
            if any(run["state"] not in ENDED for run in runs) or scheduled_run_is_due(api, dag_id):
                continue
            if dag_id in triggered:
                waiting.discard(dag_id)
            else:
                api.trigger(dag_id)
                triggered.add(dag_id)
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"the runs have not ended after {timeout_s:.0f} s; last seen:\n  " + "\n  ".join(progress.last.values())
            )
        time.sleep(0.5)


def scheduled_run_is_due(api: AirflowApi, dag_id: str) -> bool:
    """True while catch-up still has a run to create."""
    due: str | None = api.dag(dag_id)["next_dagrun_run_after"]
    return due is not None and datetime.fromisoformat(due) <= datetime.now(UTC)


class Progress:
    """Prints a run's line when it changes."""

    def __init__(self) -> None:
        self.last: dict[tuple[str, str], str] = {}

    def show(self, api: AirflowApi, dag_id: str, runs: list[Json]) -> None:
        for run in runs:
            key = (dag_id, run["dag_run_id"])
            if run["state"] in ENDED and self.last.get(key, "").endswith(run["state"]):
                continue
            # An interval without an end is a manual run's.
            end = run["data_interval_end"] or run["run_after"]
            label = f"{dag_id.removeprefix('expenses__')}  {run['run_type']} {end[:10]}"
            line = f"{label}: {self._where(api, dag_id, run)}run {run['state']}"
            if self.last.get(key) != line:
                self.last[key] = line
                say(line)

    def _where(self, api: AirflowApi, dag_id: str, run: Json) -> str:
        counts: dict[str, dict[str, int]] = {}
        for box in sorted(api.task_instances(dag_id, run["dag_run_id"]), key=lambda box: str(box["start_date"] or "~")):
            states = counts.setdefault(box["task_id"], {})
            states[box["state"] or "waiting"] = states.get(box["state"] or "waiting", 0) + 1
        parts = []
        for task, states in counts.items():
            if set(states) != {"waiting"}:
                total = sum(states.values())
                parts.append(task + " " + " ".join(s if total == 1 else f"{n} {s}" for s, n in states.items()))
        return "".join(f"{part}; " for part in parts)


def say(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S}  {text}", flush=True)  # noqa: DTZ005 - the clock on the reader's wall
