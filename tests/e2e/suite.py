"""Runs the scenarios at the same time on one Airflow: wall time is the budget, and neighbours are a test of their own.

A scenario is a generator with one ``yield``: what stands before it lays out its tenants while Airflow is not yet running,
what stands after it plays on the running Airflow::

    @scenario
    def a_report_is_posted(scene: Scene) -> Play:
        tenant = scene.tenant()
        tenant.report(3, meals(1250))
        yield
        tenant.green(tenant.trigger())
        assert tenant.posted() == {key(3): 1250}

Afterwards every tenant of the scene is verified, see ``Tenant.verify``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from include.sandbox.server import Sandbox
from scripts.airflow_api import ENDED, AirflowApiError
from scripts.local_airflow import LocalAirflow
from tests.e2e.erps.under_test import ErpUnderTest
from tests.e2e.tenants import Tenant

Play = Generator[None, None, None]
AT_A_TIME = 16


@dataclass(frozen=True)
class Scenario:
    """A scenario's name and its generator.

    ``is_long`` keeps it for ``make e2e``; ``stands_for_others`` has every ERP play it in every test run, not the model alone.
    ``only`` names the one ERP that can play it. ``needs_postgresql``: the others play it in every test run only where Airflow's
    metadata is on PostgreSQL.
    """

    name: str
    play: Callable[[Scene], Play]
    is_long: bool = False
    stands_for_others: bool = False
    only: str | None = None
    needs_postgresql: bool = False


SCENARIOS: list[Scenario] = []


def scenario(play: Callable[[Scene], Play]) -> Callable[[Scene], Play]:
    """Add a scenario to the suite, for every ERP."""
    SCENARIOS.append(Scenario(play.__name__, play))
    return play


def short_scenario(play: Callable[[Scene], Play]) -> Callable[[Scene], Play]:
    """The same for one of the few that every ERP plays in every test run."""
    SCENARIOS.append(Scenario(play.__name__, play, stands_for_others=True))
    return play


def short_scenario_on_postgresql(play: Callable[[Scene], Play]) -> Callable[[Scene], Play]:
    """The same for one that is too much for a busy SQLite metadata database."""
    SCENARIOS.append(Scenario(play.__name__, play, stands_for_others=True, needs_postgresql=True))
    return play


def long_scenario(play: Callable[[Scene], Play]) -> Callable[[Scene], Play]:
    """The same for one that takes too long for every test run."""
    SCENARIOS.append(Scenario(play.__name__, play, is_long=True))
    return play


def scenario_of(erp: str, *, is_long: bool = False) -> Callable[[Callable[[Scene], Play]], Callable[[Scene], Play]]:
    """The same for one that only one ERP can play, by its name."""

    def add(play: Callable[[Scene], Play]) -> Callable[[Scene], Play]:
        SCENARIOS.append(Scenario(play.__name__, play, is_long=is_long, stands_for_others=True, only=erp))
        return play

    return add


@dataclass
class Scene:
    """One scenario on one ERP, and its tenants."""

    suite: Suite
    erp: ErpUnderTest
    name: str
    tenants: list[Tenant] = field(default_factory=list)

    def tenant(self, suffix: str = "", sharing: Tenant | None = None) -> Tenant:
        """A new tenant; its file is written when the scenario reaches its ``yield``."""
        number = self.suite.next_number()
        name = "_".join(filter(None, (self.erp.name, self.name, suffix)))
        made = Tenant(self.suite, self.erp, number, name, sharing)
        self.tenants.append(made)
        return made

    @property
    def sandbox(self) -> Sandbox:
        return self.suite.sandbox

    @property
    def airflow(self) -> LocalAirflow:
        return self.suite.airflow


class RunWatch(threading.Thread):
    """Asks Airflow for all changed runs at once, so that thirty waiting scenarios cost one request."""

    EVERY_S = 0.5

    def __init__(self, airflow: LocalAirflow) -> None:
        super().__init__(name="run-watch", daemon=True)
        self._airflow = airflow
        self._gone: str | None = None
        self._states: dict[tuple[str, str], str] = {}
        self._not_before: dict[tuple[str, str], float] = {}
        self._changed = threading.Condition()
        self._ends = threading.Event()
        self._since = datetime.now(UTC) - timedelta(minutes=5)

    def run(self) -> None:
        while not self._ends.wait(self.EVERY_S):
            self._gone = self._airflow.ended()
            asked_at, asked = time.monotonic(), datetime.now(UTC)
            try:
                runs = self._airflow.api.request(
                    "GET", "dags/~/dagRuns", params={"updated_at_gte": self._since.isoformat(), "limit": 100}
                )["dag_runs"]
            except (AirflowApiError, httpx.HTTPError):
                if self._gone:
                    with self._changed:
                        self._changed.notify_all()
                continue
            # What changes while the question is answered is asked for again.
            if len(runs) < 100:
                self._since = asked - timedelta(seconds=5)
            with self._changed:
                for run in runs:
                    name = (run["dag_id"], run["dag_run_id"])
                    if asked_at > self._not_before.get(name, 0.0):
                        self._states[name] = run["state"]
                self._changed.notify_all()

    def stop(self) -> None:
        self._ends.set()

    def forget(self, dag_id: str, run_id: str) -> None:
        """The run has just been cleared: what was seen or asked before is out of date."""
        with self._changed:
            self._states.pop((dag_id, run_id), None)
            self._not_before[dag_id, run_id] = time.monotonic()

    def wait(self, dag_id: str, run_id: str, timeout_s: float) -> str:
        """The state the run ends in, or the one it is in when time is up."""
        name = (dag_id, run_id)
        with self._changed:
            self._changed.wait_for(lambda: self._gone or self._states.get(name) in ENDED, timeout_s)
            if self._gone:
                raise RuntimeError(f"Airflow is gone: {self._gone}\n{self._airflow.log_tail()}")
            return self._states.get(name, "unknown")


class Suite:
    """All scenes of a session."""

    def __init__(self, sandbox: Sandbox, tenants_folder: Path, ledger_file: Path) -> None:
        self.sandbox = sandbox
        self.tenants_folder = tenants_folder
        self.ledger_file = ledger_file
        self.seconds: dict[str, float] = {}
        self._number = 0
        self._airflow: LocalAirflow | None = None
        self._watch: RunWatch | None = None
        self._scenes: list[Scene] = []
        self._plays: list[tuple[Scene, Play]] = []
        self._futures: dict[tuple[str, str], Future[None]] = {}
        self._calm = threading.Condition()
        self._playing = 0
        self._quiet_turn = threading.Lock()
        self._threads = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="scene")

    def next_number(self) -> int:
        """Numbers of tenants: they make policies, companies and prefixes unique."""
        self._number += 1
        return self._number

    @property
    def airflow(self) -> LocalAirflow:
        assert self._airflow is not None, "Airflow runs only after the scenario's yield"
        return self._airflow

    @property
    def watch(self) -> RunWatch:
        assert self._watch is not None
        return self._watch

    @property
    def tenants(self) -> list[Tenant]:
        return [tenant for scene in self._scenes for tenant in scene.tenants]

    def prepare(self, chosen: Sequence[tuple[Scenario, ErpUnderTest]]) -> None:
        """Lay out the tenants of all scenarios."""
        for one, erp in chosen:
            scene = Scene(self, erp, one.name)
            play = one.play(scene)
            next(play)
            for tenant in scene.tenants:
                tenant.write()
            self._scenes.append(scene)
            self._plays.append((scene, play))

    def play(self, airflow: LocalAirflow) -> None:
        """Start all scenarios on the running Airflow."""
        self._airflow = airflow
        self._watch = RunWatch(airflow)
        self._watch.start()
        for scene, play in self._plays:
            with self._calm:
                self._playing += 1
            self._futures[scene.name, scene.erp.name] = self._threads.submit(self._perform, scene, play)

    def _perform(self, scene: Scene, play: Play) -> None:
        began = time.monotonic()
        try:
            for tenant in scene.tenants:
                tenant.install()
            try:
                next(play)
            except StopIteration:
                pass
            else:
                raise AssertionError(f"{scene.name} has more than one yield")
            for tenant in scene.tenants:
                if tenant.is_valid:
                    tenant.verify()
        finally:
            self._one_less()
            self.seconds[f"{scene.name}[{scene.erp.name}]"] = time.monotonic() - began

    def _one_less(self) -> None:
        with self._calm:
            self._playing -= 1
            self._calm.notify_all()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """For backfills: where Airflow's metadata is on SQLite, wait until no other scenario plays, and have Airflow alone.

        On a busy SQLite database Airflow answers 503 to a backfill, takes its runs back, and the scheduler, which has seen
        them, ends.
        """
        if self.airflow.database_url.startswith("postgresql"):
            yield
            return
        self._one_less()
        with self._quiet_turn:
            # In one's turn: whoever had the one before plays on, and verifies, when it is over.
            with self._calm:
                self._calm.wait_for(lambda: self._playing == 0)
            try:
                yield
            finally:
                with self._calm:
                    self._playing += 1

    def reparse(self) -> None:
        """Have Airflow read the tenant files again now."""
        token = self.airflow.api.dag(self.tenants[0].dag_id)["file_token"]
        try:
            self.airflow.api.request("PUT", f"parseDagFile/{token}")
        except AirflowApiError as error:
            # Somebody else has just asked for the same.
            if error.status != 409:
                raise

    def outcome(self, name: str, erp: str) -> None:
        """Wait for a scenario; raises what it raised."""
        self._futures[name, erp].result()

    def wait_for_all(self) -> None:
        """Wait until every scenario has ended, well or not."""
        for future in self._futures.values():
            future.exception()

    def stop(self) -> None:
        """No scenario that has not begun begins any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._watch is not None:
            self._watch.stop()
