"""One tenant of the end-to-end suite: its file, its corner of Expensify, its ERP company, its Airflow objects."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import yaml

from include.sandbox.expensify import Policy
from include.sandbox.faults import Action, Fault
from include.sandbox.stage import Call
from scripts.airflow_api import AirflowApiError
from scripts.local_airflow import LocalAirflow
from tests.e2e.erps.under_test import Company, Document, ErpUnderTest, Json
from tests.e2e.reports import Expense, report

if TYPE_CHECKING:
    from tests.e2e.suite import Suite

ZONE = ZoneInfo("America/Chicago")
# A machine under load takes its time; what never happens is worth the wait only once.
PATIENCE_S = 600.0
DONE = ("posted", "closed")


def day(days_ago: int) -> date:
    """A local day before today."""
    return datetime.now(ZONE).date() - timedelta(days=days_ago)


def key(days_ago: int, number: int = 1) -> str:
    """The key of that day's n-th journal."""
    return f"{day(days_ago):%Y%m%d}-{number}"


def until(happened: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S, every_s: float = 0.25) -> Any:
    """Wait until ``happened`` returns something true, and return it."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = happened()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {timeout_s:.0f} s still not so: {what}")
        time.sleep(every_s)


class Tenant:
    """A tenant and everything that belongs to it.

    :param sharing: a tenant whose ERP company, connection and pool this one uses too.
    """

    def __init__(self, suite: Suite, erp: ErpUnderTest, number: int, name: str, sharing: Tenant | None = None) -> None:
        self.suite = suite
        self.erp = erp
        self.name = name
        self.names = [name]
        self.policy = f"{number:016X}"
        self.login = f"aa_{name}"
        self.secret = f"partner-secret-of-{number}"
        self.secrets = [self.secret]
        self.label = f"label-{number}"
        self.prefix = f"T{number}"
        self.company: Company = sharing.company if sharing else erp.found(suite.sandbox, number)
        self.erp_connection = sharing.erp_connection if sharing else f"erp_{name}"
        self.pool = sharing.pool if sharing else f"pool_{name}"
        self.has_pool = True
        self.is_valid = True
        self.expensify_connection = f"expensify_{name}"
        self.settings = self._settings()
        self.run_count = 0
        self.report_count = 0
        self._seed_expensify()

    def _settings(self) -> Json:
        return {
            # Next due on New Year's Day: only what a scenario asks for runs.
            "schedule": "0 0 1 1 *",
            "timezone": str(ZONE),
            "start_date": day(12),
            "expensify": {
                "connection": self.expensify_connection,
                "policies": [self.policy],
                "mark_exported": self.label if self.erp.marks else None,
                "request_timeout_s": 60,
            },
            "erp": self.company.erp_section(self.erp_connection, self.pool),
            "posting": {"currency": "USD", "reference_prefix": self.prefix, **self.erp.posting},
            "mapping": {
                "gl_account": {"values": {"Meals": "6100", "Airfare": "6200"}},
                "dimensions": {
                    "cost_center": {"tag": 1, "required": True, "values": {"Plant 1": "P1", "Plant 2": "P2"}}
                },
            },
        }

    def _seed_expensify(self) -> None:
        server = self.suite.sandbox.expensify
        with self.suite.sandbox.lock:
            server.credentials[self.login] = self.secret
            server.scopes[self.login] = frozenset({self.policy})
            server.policies[self.policy] = Policy(self.policy, self.name)

    # --- the tenant file and Airflow's objects --------------------------------------------------------------------

    @property
    def file(self) -> Path:
        return self.suite.tenants_folder / f"{self.name}.yaml"

    def write(self) -> None:
        """Write the tenant file from ``settings``; never half of it, tasks read it at any moment."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(yaml.safe_dump(self.settings, sort_keys=False))
        fresh.replace(self.file)

    def map_category(self, category: str, account: str) -> None:
        """The repair of a category without an account."""
        self.settings["mapping"]["gl_account"]["values"][category] = account
        self.write()

    def install(self) -> None:
        """Pool, connections, and the DAG unpaused."""
        if self.has_pool:
            self.make_pool()
        self.put_erp_connection(self.company.connection())
        self.put_expensify_connection()
        if self.is_valid:
            self.airflow.api.wait_for_dag(self.dag_id, timeout_s=PATIENCE_S)
            self.airflow.api.unpause(self.dag_id)

    def make_pool(self) -> None:
        self.airflow.api.put_pool(self.pool, 1)

    def put_erp_connection(self, body: Json) -> None:
        self.airflow.api.put_connection(
            {**body, "connection_id": self.erp_connection, "extra": json.dumps(body["extra"])}
        )

    def put_expensify_connection(self) -> None:
        sandbox = self.suite.sandbox
        self.airflow.api.put_connection(
            {
                "connection_id": self.expensify_connection,
                "conn_type": "http",
                "schema": "http",
                "host": sandbox.host,
                "port": sandbox.port,
                "login": self.login,
                "password": self.secret,
            }
        )

    @property
    def airflow(self) -> LocalAirflow:
        return self.suite.airflow

    @property
    def dag_id(self) -> str:
        return f"expenses__{self.name}"

    # --- Expensify ------------------------------------------------------------------------------------------------

    def report(self, days_ago: int, *lines: Expense, identity: str | None = None, status: str = "Approved") -> str:
        """Put a report into Expensify, or replace the one of that ID; returns its ID."""
        if identity is None:
            self.report_count += 1
            identity = f"R{self.prefix}N{self.report_count}"
        with self.suite.sandbox.lock:
            self.suite.sandbox.expensify.add_report(report(identity, self.policy, day(days_ago), list(lines), status))
        return identity

    def edit(self, identity: str, change: Callable[[Json], None]) -> None:
        """Change a report in Expensify, keeping its transaction IDs."""
        with self.suite.sandbox.lock:
            change(self.suite.sandbox.expensify.reports[identity])

    def marked(self) -> set[str]:
        """Reports of this tenant that carry its label in Expensify."""
        with self.suite.sandbox.lock:
            labels = self.suite.sandbox.expensify.labels
            return {identity for identity, found in labels.items() if self.label in found}

    # --- runs -----------------------------------------------------------------------------------------------------

    def trigger(self, logical_date: datetime | None = None, **conf: Any) -> str:
        self.run_count += 1
        return self.airflow.api.trigger(self.dag_id, conf, logical_date, run_id=f"by-hand-{self.run_count}")

    def green(self, run_id: str) -> str:
        """Wait for the run's end; it must be green."""
        return self._ended(run_id, "success")

    def red(self, run_id: str) -> str:
        """Wait for the run's end; it must be red."""
        return self._ended(run_id, "failed")

    def _ended(self, run_id: str, wanted: str) -> str:
        state = self.suite.watch.wait(self.dag_id, run_id, PATIENCE_S)
        if state != wanted:
            boxes = [
                f"{box['task_id']}[{box['map_index']}] {box['state']} at try {box['try_number']}"
                for box in self.airflow.api.task_instances(self.dag_id, run_id)
            ]
            raise AssertionError(f"{self.dag_id} {run_id} is {state}, not {wanted}: {boxes}; ledger {self.states()}")
        return run_id

    def clear(self, run_id: str, box: int, *, only_failed: bool = True) -> None:
        """Clear one load box, as the grid does: with downstream."""
        self.airflow.api.clear(self.dag_id, run_id, [["load", box]], only_failed=only_failed, include_downstream=True)
        self.suite.watch.forget(self.dag_id, run_id)

    def clear_failed(self, run_id: str) -> None:
        """The run's button "Clear failed"."""
        self.airflow.api.clear_run(self.dag_id, run_id, only_failed=True)
        self.suite.watch.forget(self.dag_id, run_id)

    def clear_all(self, run_id: str) -> None:
        """The run's button "Clear"."""
        self.airflow.api.clear_run(self.dag_id, run_id)
        self.suite.watch.forget(self.dag_id, run_id)

    def box(self, run_id: str, task_id: str, map_index: int = -1) -> Json:
        """One task instance."""
        for found in self.airflow.api.task_instances(self.dag_id, run_id, task_id):
            if found["map_index"] == map_index:
                return found
        raise LookupError(f"{run_id} has no {task_id}[{map_index}]")

    def log(self, run_id: str, task_id: str, map_index: int = -1, try_number: int = 1) -> str:
        return self.airflow.api.task_log(self.dag_id, run_id, task_id, try_number, map_index)

    def kill_task(self, run_id: str, task_id: str, map_index: int = -1) -> None:
        """``kill -9`` of the process that executes the task, and of nothing else."""
        found = self.task_processes(run_id, task_id, map_index)
        assert found, f"{task_id} of {run_id} has no process"
        for pid in found:
            os.kill(pid, signal.SIGKILL)

    def task_processes(self, run_id: str, task_id: str, map_index: int = -1) -> list[int]:
        """The process that executes a task; its supervisor is another one."""
        title = f"airflow worker -- {self.box(run_id, task_id, map_index)['id']}".encode()
        found = []
        for pid in self.airflow.processes():
            with contextlib.suppress(OSError):
                if title in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
        return found

    # --- the ERP --------------------------------------------------------------------------------------------------

    def reference(self, journal_key: str) -> str:
        return self.erp.reference(self.prefix, journal_key)

    def documents(self) -> list[Document]:
        """This tenant's documents in the ERP."""
        start = self.erp.reference(self.prefix, "")
        return [document for document in self.company.documents() if document.reference.startswith(start)]

    def posted(self) -> dict[str, int]:
        """Total in cents by journal key, from the ERP; a reference that is there twice is an error."""
        start = self.erp.reference(self.prefix, "")
        found = self.documents()
        twice = [reference for reference, n in Counter(one.reference for one in found).items() if n > 1]
        assert not twice, f"posted more than once: {twice}"
        return {document.reference.removeprefix(start): document.total_debit_cents for document in found}

    def order(self, operation: str, journal_key: str, action: Action, when: Any = "before", times: int = 1) -> None:
        """Order a fault of the ERP for one journal's requests."""
        self.suite.sandbox.faults.add(
            Fault(self.erp.name, operation, action, when, times, match=self.reference(journal_key))
        )

    def creates(self, journal_key: str) -> list[Call]:
        """The create requests for one journal that reached the ERP."""
        reference = self.reference(journal_key)
        return [
            call
            for call in self.suite.sandbox.calls
            if (call.service, call.operation) == (self.erp.name, self.erp.create) and reference in call.text
        ]

    # --- the ledger -----------------------------------------------------------------------------------------------

    def rows(self, table: str, where: str = "1=1", values: Sequence[Any] = ()) -> list[Mapping[str, Any]]:
        """This tenant's rows of a ledger table, whatever its name was."""
        if not self.suite.ledger_file.exists():
            return []  # the first task makes it
        marks = ",".join("?" * len(self.names))
        with closing(sqlite3.connect(f"file:{self.suite.ledger_file}?mode=ro", uri=True, timeout=60)) as database:
            database.row_factory = sqlite3.Row
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [table]).fetchone():
                return []  # it is being made
            query = f"SELECT * FROM {table} WHERE tenant IN ({marks}) AND {where}"
            return [dict(row) for row in database.execute(query, [*self.names, *values])]

    def states(self) -> dict[str, str]:
        """Journal states by key."""
        return {row["journal_key"]: row["state"] for row in self.rows("journal")}

    def events(self, journal_key: str, to_state: str) -> list[str]:
        """Messages of a journal's transitions into a state."""
        rows = self.rows("event", "journal_key = ? AND to_state = ? ORDER BY id", [journal_key, to_state])
        return [row["message"] for row in rows]

    def findings(self) -> list[str]:
        """Kinds of the findings."""
        return sorted(row["kind"] for row in self.rows("finding"))

    # --- what must always hold ------------------------------------------------------------------------------------

    def verify(self) -> None:
        """Exactly once, to the cent, marked only after posting, colours that tell the truth, one asset event each."""
        journals = {row["journal_key"]: row for row in self.rows("journal")}
        posted = {name: row for name, row in journals.items() if row["state"] == "posted"}
        assert self.posted() == {name: row["total_debit_cents"] for name, row in posted.items()}
        self._verify_documents(posted)
        self._verify_marks(journals)
        self._verify_runs(journals)
        self._verify_events(posted)

    def _verify_documents(self, posted: Mapping[str, Mapping[str, Any]]) -> None:
        by_reference = {document.reference: document for document in self.documents()}
        for name, row in posted.items():
            document = by_reference[self.reference(name)]
            assert row["document_number"] == document.number
            lines = [(line["account"], line["amount_cents"]) for line in self._of("journal_line", name)]
            assert Counter(lines) == Counter(document.lines), name
            assert sum(cents for _, cents in document.lines) == 0, name
            balancing = self.erp.posting["credit"].values()
            spent = sum(cents for account, cents in document.lines if account not in balancing)
            assert spent == sum(expense["amount_cents"] for expense in self._of("expense", name)), name

    def _of(self, table: str, journal_key: str) -> list[Mapping[str, Any]]:
        return self.rows(table, "journal_key = ?", [journal_key])

    def _verify_marks(self, journals: Mapping[str, Mapping[str, Any]]) -> None:
        members = [row for row in self.rows("journal_report") if row["left_at"] is None]
        open_reports = {row["report_id"] for row in members if journals[row["journal_key"]]["state"] not in DONE}
        marked = self.marked()
        if not self.erp.marks:
            assert not marked
            self._verify_one_way()
            return
        assert not marked & open_reports, "marked before it was posted"
        assert {row["report_id"] for row in members} - open_reports <= marked, "posted and not marked"
        done_at: dict[str, str] = {}
        for row in self.rows("event", "to_state IN ('posted', 'closed') ORDER BY id"):
            done_at.setdefault(row["journal_key"], row["at"])
        for job in self.suite.sandbox.expensify.jobs:
            if job.operation == "file:mark":
                for row in members:
                    if row["report_id"] in job.reports:
                        first = datetime.fromisoformat(f"{done_at[row['journal_key']]}+00:00")
                        assert first <= job.at, f"{row['report_id']} was marked before {row['journal_key']} was posted"

    def _verify_one_way(self) -> None:
        """Nothing is ever written to Expensify for this tenant: only exports that mark nothing, downloads, and reads."""
        asked = [
            job.operation
            for job in list(self.suite.sandbox.expensify.jobs)
            if self.policy in f"{job.description}{job.data}"
            or any(one.startswith(f"R{self.prefix}N") for one in job.reports)
        ]
        assert set(asked) <= {"file", "download", "get:policy", "get:policyList"}, asked

    def _verify_runs(self, journals: Mapping[str, Mapping[str, Any]]) -> None:
        for run in self.rows("run", "dry_run = 0"):
            if run["dag_id"] != self.dag_id:
                continue
            listed = self.rows(
                "run_journal", "run_id = ? AND dag_id = ? ORDER BY position", [run["run_id"], self.dag_id]
            )
            try:
                state = self.airflow.api.dag_run(self.dag_id, run["run_id"])["state"]
            except AirflowApiError as error:
                if error.status != 404:
                    raise
                continue  # a deleted run
            open_journals = [row["journal_key"] for row in listed if journals[row["journal_key"]]["state"] not in DONE]
            assert state == "failed" or not open_journals, f"{run['run_id']} is {state} with {open_journals} open"
            boxes = self.airflow.api.task_instances(self.dag_id, run["run_id"], "load")
            named = {
                box["map_index"]: box["rendered_map_index"] for box in boxes if box["state"] in ("success", "failed")
            }
            assert named == {index: listed[index]["journal_key"] for index in named}

    def _verify_events(self, posted: Mapping[str, Mapping[str, Any]]) -> None:
        told = [
            event["extra"]
            for name in self.names
            for event in self.airflow.api.asset_events(source_dag_id=f"expenses__{name}")
        ]
        shown = sorted((one["journal_key"], one["document_number"], one["total_debit_cents"]) for one in told)
        assert shown == sorted(
            (name, row["document_number"], row["total_debit_cents"]) for name, row in posted.items()
        ), "one asset event per posting"
