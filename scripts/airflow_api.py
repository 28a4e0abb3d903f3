"""A small typed client of Airflow's public REST API (``/api/v2``): what a person does in the UI, for scripts and tests."""

import json
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx

Json = dict[str, Any]
ReprocessBehavior = Literal["none", "failed", "completed"]

ENDED: frozenset[str] = frozenset({"success", "failed"})
ALL_RUNS = "~"
PAGE = 100
POLL_S = 0.3
# Airflow answers 503 "database is locked" on a busy SQLite metadata database, and a 500 for the same reason elsewhere.
LOCKED = ("database is locked", "Database error")
CROSSED = "Unique constraint violation"
BUSY_TRIES = 8


class AirflowApiError(Exception):
    """Airflow refused a request. ``status`` is the HTTP status, the text is Airflow's own explanation."""

    def __init__(self, method: str, path: str, status: int, answer: str) -> None:
        super().__init__(f"{method} {path}: Airflow answered {status}: {answer[:2000]}")
        self.status = status


class AirflowApi:
    """One logged-in user of one Airflow."""

    def __init__(self, base_url: str, username: str, password: str, timeout_s: float = 30.0) -> None:
        self.base_url = base_url.rstrip("/")
        self._login = {"username": username, "password": password}
        # trust_env off: a proxy of the machine must never see a loopback request.
        self._http = httpx.Client(base_url=self.base_url, timeout=timeout_s, trust_env=False)
        # On SQLite, changes that Airflow answers at the same time wait for one another until they time out, and the
        # scheduler with them: it then ends. So one client sends one change at a time.
        self._one_change = threading.Lock()

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- requests -----------------------------------------------------------------------------------------------

    def request(self, method: str, path: str, *, params: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """One request under ``/api/v2``; logs in when needed; repeats what a busy SQLite database answered with 503, and a clear
        that met the scheduler."""
        for attempt in range(BUSY_TRIES):
            if "Authorization" not in self._http.headers:
                self._authorize()
            with nullcontext() if method == "GET" else self._one_change:
                answer = self._http.request(
                    method,
                    f"/api/v2/{path}",
                    params=dict(params or {}),
                    content=None if body is None else json.dumps(body, default=_as_json),
                    headers={"Accept": "application/json", "Content-Type": "application/json"},
                )
            if answer.status_code == 401 and attempt == 0:
                del self._http.headers["Authorization"]
                continue
            locked = answer.status_code in (500, 503) and any(text in answer.text for text in LOCKED)
            # The scheduler noted the end of a killed task while it was being cleared: whoever clears presses again.
            crossed = answer.status_code == 409 and CROSSED in answer.text and "clear" in path.rpartition("/")[2]
            if (answer.status_code == 503 or locked or crossed) and attempt + 1 < BUSY_TRIES:
                time.sleep(0.5 * (attempt + 1))
                continue
            break
        if answer.is_error:
            raise AirflowApiError(method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def _authorize(self) -> None:
        answer = self._http.post("/auth/token", json=self._login)
        if answer.is_error:
            raise AirflowApiError("POST", "/auth/token", answer.status_code, answer.text)
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def _pages(self, path: str, key: str, params: Mapping[str, Any] | None = None) -> list[Json]:
        rows: list[Json] = []
        while True:
            page = self.request("GET", path, params={**(params or {}), "limit": PAGE, "offset": len(rows)})
            rows += page[key]
            if not page[key] or len(rows) >= page["total_entries"]:
                return rows

    def health(self) -> Json:
        answer: Json = self._http.get("/api/v2/monitor/health", timeout=5.0).raise_for_status().json()
        return answer

    # --- DAGs ---------------------------------------------------------------------------------------------------

    def dag_ids(self) -> list[str]:
        """Every DAG that Airflow knows and whose file still defines it."""
        return [dag["dag_id"] for dag in self._pages("dags", "dags", {"exclude_stale": True})]

    def dag(self, dag_id: str) -> Json:
        dag: Json = self.request("GET", f"dags/{quote(dag_id, safe='')}")
        return dag

    def import_errors(self) -> list[Json]:
        return self._pages("importErrors", "import_errors")

    def wait_for_dag(self, dag_id: str, timeout_s: float = 60.0) -> Json:
        """Wait until the DAG is parsed and can be triggered. Says which DAG files failed when it never is."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                dag = self.dag(dag_id)
                if not dag["is_stale"]:
                    return dag
            except AirflowApiError as error:
                if error.status != 404:
                    raise
            if time.monotonic() > deadline:
                errors = "\n".join(f"{e['filename']}:\n{e['stack_trace']}" for e in self.import_errors())
                raise TimeoutError(
                    f"Airflow did not show DAG {dag_id} within {timeout_s:.0f} s; it knows {self.dag_ids()}. "
                    + (f"Import errors:\n{errors}" if errors else "No import errors: is it in the DAG folder?")
                )
            time.sleep(POLL_S)

    def pause(self, dag_id: str, paused: bool = True) -> None:
        self.request("PATCH", f"dags/{quote(dag_id, safe='')}", body={"is_paused": paused})

    def unpause(self, dag_id: str) -> None:
        self.pause(dag_id, paused=False)

    # --- runs ---------------------------------------------------------------------------------------------------

    def trigger(
        self,
        dag_id: str,
        conf: Mapping[str, Any] | None = None,
        logical_date: datetime | None = None,
        run_id: str | None = None,
    ) -> str:
        """Start a run; returns its run id."""
        body = {"logical_date": logical_date, "conf": dict(conf or {}), "dag_run_id": run_id}
        answer = self.request("POST", f"dags/{quote(dag_id, safe='')}/dagRuns", body=body)
        return str(answer["dag_run_id"])

    def dag_runs(self, dag_id: str = ALL_RUNS, run_type: str | None = None) -> list[Json]:
        params = {"order_by": "run_after"} | ({"run_type": run_type} if run_type else {})
        return self._pages(f"dags/{quote(dag_id, safe='~')}/dagRuns", "dag_runs", params)

    def dag_run(self, dag_id: str, run_id: str) -> Json:
        run: Json = self.request("GET", _run(dag_id, run_id))
        return run

    def wait_for_run(self, dag_id: str, run_id: str, states: Collection[str] = ENDED, timeout_s: float = 120.0) -> Json:
        """Wait until the run is in one of ``states``; a time-out names every task that is not done."""
        deadline = time.monotonic() + timeout_s
        while True:
            run = self.dag_run(dag_id, run_id)
            if run["state"] in states:
                return run
            if time.monotonic() > deadline or (run["state"] in ENDED and not ENDED & set(states)):
                boxes = ", ".join(
                    f"{t['task_id']}[{t['map_index']}]={t['state']}" for t in self.task_instances(dag_id, run_id)
                )
                raise TimeoutError(
                    f"run {run_id} of {dag_id} is {run['state']}, not {' or '.join(sorted(states))}, "
                    f"after {timeout_s:.0f} s: {boxes}"
                )
            time.sleep(POLL_S)

    def delete_run(self, dag_id: str, run_id: str) -> None:
        self.request("DELETE", _run(dag_id, run_id))

    def set_run_state(self, dag_id: str, run_id: str, state: Literal["queued", "success", "failed"]) -> None:
        self.request("PATCH", _run(dag_id, run_id), body={"state": state})

    # --- task instances -----------------------------------------------------------------------------------------

    def task_instances(self, dag_id: str, run_id: str, task_id: str | None = None) -> list[Json]:
        params = {"task_id": task_id} if task_id else {}
        return self._pages(f"{_run(dag_id, run_id)}/taskInstances", "task_instances", params)

    def clear(
        self,
        dag_id: str,
        run_id: str | None = None,
        task_ids: Sequence[str | tuple[str, int] | list[str | int]] | None = None,
        *,
        only_failed: bool = True,
        include_downstream: bool = False,
        include_upstream: bool = False,
    ) -> list[Json]:
        """Clear boxes of a run: ``task_ids`` holds names or ``["load", 3]``; None means the whole run."""
        body: Json = {
            "dry_run": False,
            "only_failed": only_failed,
            "include_downstream": include_downstream,
            "include_upstream": include_upstream,
            "reset_dag_runs": True,
        }
        if run_id is not None:
            body["dag_run_id"] = run_id
        if task_ids is not None:
            body["task_ids"] = list(task_ids)
        answer = self.request("POST", f"dags/{quote(dag_id, safe='')}/clearTaskInstances", body=body)
        cleared: list[Json] = answer["task_instances"]
        return cleared

    def clear_run(self, dag_id: str, run_id: str, *, only_failed: bool = False) -> None:
        """The run's "Clear" button; with ``only_failed`` its "Clear failed"."""
        self.request("POST", f"{_run(dag_id, run_id)}/clear", body={"dry_run": False, "only_failed": only_failed})

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        path = f"{_run(dag_id, run_id)}/taskInstances/{quote(task_id, safe='')}/xcomEntries/{quote(key)}"
        value = self.request("GET", path, params={"map_index": map_index, "deserialize": False})["value"]
        # The endpoint answers with the stored text: JSON in a string.
        if isinstance(value, str):
            try:
                return json.loads(value)
            except ValueError:
                return value
        return value

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1, map_index: int = -1) -> str:
        """A task's log as plain lines."""
        path = f"{_run(dag_id, run_id)}/taskInstances/{quote(task_id, safe='')}/logs/{try_number}"
        content = self.request("GET", path, params={"map_index": map_index, "full_content": True})["content"]
        lines = [
            line if isinstance(line, str) else " ".join(str(v) for k, v in line.items() if k != "timestamp")
            for line in content
        ]
        return "\n".join(lines)

    # --- backfills, assets --------------------------------------------------------------------------------------

    def create_backfill(
        self,
        dag_id: str,
        from_date: datetime,
        to_date: datetime,
        reprocess_behavior: ReprocessBehavior = "none",
        max_active_runs: int = 10,
        conf: Mapping[str, Any] | None = None,
    ) -> int:
        """Both dates carry an offset and bound the windows' starts, inclusive. Returns the backfill's id."""
        body = {
            "dag_id": dag_id,
            "from_date": from_date,
            "to_date": to_date,
            "reprocess_behavior": reprocess_behavior,
            "max_active_runs": max_active_runs,
            "dag_run_conf": dict(conf or {}),
        }
        return int(self.request("POST", "backfills", body=body)["id"])

    def wait_for_backfill(self, backfill_id: int, timeout_s: float = 180.0) -> Json:
        deadline = time.monotonic() + timeout_s
        while True:
            backfill: Json = self.request("GET", f"backfills/{backfill_id}")
            if backfill["completed_at"]:
                return backfill
            if time.monotonic() > deadline:
                raise TimeoutError(f"backfill {backfill_id} has not completed after {timeout_s:.0f} s: {backfill}")
            time.sleep(POLL_S)

    def asset_events(self, **filters: Any) -> list[Json]:
        """Asset events, oldest first; filters as in the API: ``source_dag_id``, ``asset_id``, ``source_run_id`` ..."""
        return self._pages("assets/events", "asset_events", {"order_by": "timestamp", **filters})

    # --- connections, pools, variables --------------------------------------------------------------------------

    def put_connection(self, connection: Mapping[str, Any]) -> None:
        """Create the connection, or replace the one of that id. Keys as in the API; ``extra`` is JSON text."""
        self._create_or_patch("connections", "connection_id", connection)

    def put_pool(self, name: str, slots: int, description: str = "") -> None:
        self._create_or_patch(
            "pools", "name", {"name": name, "slots": slots, "description": description, "include_deferred": False}
        )

    def put_variable(self, key: str, value: str) -> None:
        self._create_or_patch("variables", "key", {"key": key, "value": value})

    def pools(self) -> list[Json]:
        return self._pages("pools", "pools")

    def _create_or_patch(self, collection: str, id_field: str, body: Mapping[str, Any]) -> None:
        try:
            self.request("POST", collection, body=body)
        except AirflowApiError as error:
            if error.status != 409:
                raise
            self.request("PATCH", f"{collection}/{quote(str(body[id_field]), safe='')}", body=body)


def _run(dag_id: str, run_id: str) -> str:
    # The "+" of an offset in a run id must arrive as "%2B".
    return f"dags/{quote(dag_id, safe='~')}/dagRuns/{quote(run_id, safe='~')}"


def _as_json(value: object) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone: Airflow would read it as UTC; give it one")
        return value.isoformat()
    raise TypeError(f"cannot send {type(value).__name__} to Airflow")
