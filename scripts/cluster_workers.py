"""Celery workers of the cluster demo, each a session of its own, and the moment at which one of them is killed."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from scripts.airflow_api import AirflowApi, AirflowApiError
from scripts.cluster_check import LedgerView
from scripts.first_runs import say
from scripts.local_airflow import PROJECT, LocalAirflow
from scripts.process_group import ProcessGroup, Program
from scripts.worker_name import VARIABLE


class Worker:
    """``airflow celery worker`` with all its task processes. Its name stands beside every task that it runs."""

    def __init__(self, name: str, airflow: LocalAirflow, concurrency: int) -> None:
        self.name = name
        self.log = airflow.logs / f"{name}.log"
        command = [sys.executable, "-m", "airflow", "celery", "worker", "--skip-serve-logs"]
        options = ["--celery-hostname", f"{name}@cluster", "--concurrency", str(concurrency)]
        # Two workers in one AIRFLOW_HOME would write one file.
        pid_file = ["--pid", str(airflow.home / f"{name}.pid")]
        self._group = ProcessGroup(
            [Program(name, [*command, *options, *pid_file], self.log)],
            env={**airflow.env(), VARIABLE: name},
            cwd=PROJECT,
            grace_s=10,
        )

    def start(self) -> None:
        self._group.start()

    def stop(self) -> None:
        self._group.stop()

    def kill(self) -> int:
        """SIGKILL for the worker and each of its processes at once; how many there were."""
        count = len(self._group.members())
        self._group.kill()
        return count

    def ended(self) -> str | None:
        return self._group.ended()

    def wait_until_ready(self, timeout_s: float = 600) -> None:
        deadline = time.monotonic() + timeout_s
        while not (self.log.exists() and f"{self.name}@cluster ready" in self.log.read_text(errors="replace")):
            ended = self.ended()
            if ended is not None or time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""
                raise TimeoutError(f"{self.name} did not get ready: {ended or f'{timeout_s:.0f} s are over'}\n{tail}")
            time.sleep(0.2)


@dataclass(frozen=True)
class Posting:
    """A create that is under way: its journal, and the box that posts it."""

    tenant: str
    journal_key: str
    dag_id: str
    run_id: str
    map_index: int

    def __str__(self) -> str:
        return f"{self.tenant} {self.journal_key}"


def under_way(view: LedgerView) -> list[Posting]:
    """Creates that were sent and whose outcome nobody has written down yet."""
    return [
        Posting(row["tenant"], row["journal_key"], row["dag_id"], row["run_id"], row["map_index"])
        for row in view.attempts
        if row["sent_at"] is not None and row["ended_at"] is None and row["dag_id"] is not None
    ]


@dataclass
class Killer(threading.Thread):
    """Waits until a worker posts, kills it there, and remembers what it was doing.

    :param enough: kill as soon as one worker posts that many journals at once...
    :param patience_s: ... or one that posts any, once this long has passed since the first was seen posting.
    """

    workers: list[Worker]
    api: AirflowApi
    read: Callable[[], LedgerView]
    enough: int = 2
    patience_s: float = 6.0
    killed: Worker | None = None
    processes: int = 0
    victims: list[Posting] = field(default_factory=list)
    problem: BaseException | None = None

    def __post_init__(self) -> None:
        super().__init__(name="worker-killer", daemon=True)
        self._ends = threading.Event()

    def __hash__(self) -> int:
        return id(self)

    def stop(self) -> None:
        self._ends.set()
        self.join()

    def run(self) -> None:
        first_seen: float | None = None
        try:
            while not self._ends.wait(0.2):
                postings = self._by_worker(under_way(self.read()))
                if not postings:
                    continue
                first_seen = first_seen or time.monotonic()
                busiest, _ = Counter({name: len(found) for name, found in postings.items()}).most_common(1)[0]
                if len(postings[busiest]) >= self.enough or time.monotonic() - first_seen > self.patience_s:
                    self._kill(busiest, postings[busiest])
                    return
        except Exception as error:  # noqa: BLE001 - shown in the table: nothing was proven then
            self.problem = error

    def _by_worker(self, postings: list[Posting]) -> dict[str, list[Posting]]:
        names = {worker.name for worker in self.workers}
        found: dict[str, list[Posting]] = {}
        for posting in postings:
            try:
                boxes = self.api.task_instances(posting.dag_id, posting.run_id, "load")
            except (AirflowApiError, httpx.HTTPError):
                continue
            for box in boxes:
                if box["map_index"] == posting.map_index and box["state"] == "running" and box["hostname"] in names:
                    found.setdefault(box["hostname"], []).append(posting)
        return found

    def _kill(self, name: str, victims: list[Posting]) -> None:
        worker = next(one for one in self.workers if one.name == name)
        self.processes = worker.kill()
        self.killed, self.victims = worker, victims
        say(f"killed {name} (SIGKILL, {self.processes} processes) while it posted {', '.join(map(str, victims))}")


def tasks_by_worker(api: AirflowApi, dag_ids: list[str]) -> Counter[str]:
    """How many task instances ended on each worker; a task counts where it ran last."""
    return Counter(box["hostname"] for dag_id in dag_ids for box in api.task_instances(dag_id, "~") if box["hostname"])
