"""A case: one tenant between its own servers, its own ledger, and a run whose tasks are processes that may be killed."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
import yaml

from include.ledger.database import Ledger
from include.sandbox.expensify import Policy
from include.sandbox.server import Sandbox
from tests.crash.channels import Channel
from tests.crash.servers import HttpFault, Tripwire
from tests.crash.worker import LedgerFault, Order, Report, execute
from tests.e2e.erps.under_test import Document
from tests.e2e.reports import Expense, meals, report
from tests.e2e.tenants import ZONE, day
from tests.plugins.expensify_erp.operators import acme
from tests.plugins.expensify_erp.operators.airflow_stand_in import Airflow

Recovery = Literal["retry", "clear", "second worker"]
LABEL = "label-1"
PREFIX = "T1"
RETRIES = {"load": 8}
"""As in the DAG; the other tasks have three."""
SETTLE_S = 0.6
TIMEOUT_S = 2.5
HOLD_S = 4.0
TIMEOUT_BESIDE_A_HOLD_S = 6.0
"""Where a process is held up, its request's limit is long enough for a second process to come that far."""
PATIENCE_S = 300.0
REPORTS: dict[str, tuple[int, list[Expense]]] = {
    "R1": (3, [meals(1250), Expense("Airfare", 20010, "Plant 2")]),
    "R2": (3, [meals(705)]),
    "R3": (2, [meals(333)]),
}
"""Two approval days: two journals a day, or three of a report each."""

_processes = multiprocessing.get_context("forkserver")
_starting = threading.Lock()


def warm_up(project: Path) -> None:
    """Have the imports done once, before any process is forked."""
    os.environ["PYTHONPATH"] = f"{project}{os.pathsep}{project / 'plugins'}"
    _processes.set_forkserver_preload(["__main__", "tests.crash.worker", "tests.crash.case", "tests.crash.warm"])


class NotHeld(AssertionError):
    """An invariant is broken."""


@dataclass
class Blow:
    """What befalls the run, and where: at most one of the three."""

    task: str
    http: HttpFault | None = None
    ledger: LedgerFault | None = None
    refuse_connection: int | None = None


@dataclass
class Case:
    """One run of one tenant through one channel."""

    channel: Channel
    folder: Path
    empty_ledger: Path
    requests: list[Any] = field(default_factory=list)
    reports: dict[str, Report] = field(default_factory=dict)
    """The report of each task's last try."""
    without: str = ""
    timeout_s: float = TIMEOUT_S
    met: bool = False
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sandbox = Sandbox(*self.channel.erp.services())
        self.company = self.channel.company(self.sandbox)
        self.tripwire = Tripwire()
        self.sandbox.stage.faults = self.tripwire
        self.airflow = Airflow()
        self.run = self.airflow.run("acme", "manual", None)
        self.tries: Counter[str] = Counter()

    def __enter__(self) -> Case:
        self.folder.mkdir(parents=True)
        (self.folder / "tenants").mkdir()
        shutil.copyfile(self.empty_ledger, self.folder / "ledger.db")
        self.sandbox.start()
        self._seed()
        return self

    def __exit__(self, *_: object) -> None:
        self.sandbox.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _seed(self) -> None:
        expensify = self.sandbox.expensify
        with self.sandbox.lock:
            expensify.credentials = {"aa_acme": "acme-secret"}
            expensify.limits.windows = ()
            expensify.policies["A1"] = Policy("A1", "Acme")
            for identity, (days_ago, lines) in REPORTS.items():
                expensify.add_report(report(identity, "A1", day(days_ago), list(lines)))
        erp, channel = self.channel.erp, self.channel
        settings = {
            "schedule": "0 0 1 1 *",
            "timezone": str(ZONE),
            "start_date": day(12),
            "expensify": {
                "connection": "expensify_acme",
                "policies": ["A1"],
                "mark_exported": LABEL if erp.marks else None,
                "request_timeout_s": self.timeout_s,
                "file_ready_within_s": self.timeout_s,
            },
            "erp": _changed(
                self.company.erp_section("erp_acme", "pool"),
                {"settle_s": SETTLE_S, "request_timeout_s": self.timeout_s, **channel.settings},
            ),
            "posting": _changed({"currency": "USD", "reference_prefix": PREFIX, **erp.posting}, channel.posting),
            "mapping": {
                "gl_account": {"values": {"Meals": "6100", "Airfare": "6200"}},
                "dimensions": {
                    "cost_center": {"tag": 1, "required": True, "values": {"Plant 1": "P1", "Plant 2": "P2"}}
                },
            },
        }
        (self.folder / "tenants" / "acme.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))

    @property
    def environment(self) -> dict[str, str]:
        return acme.environment(self.folder, self.sandbox.port, {"ERP_ACME": self.company.connection()})

    # --- running ----------------------------------------------------------------------------------------------------

    def play(self, blow: Blow | None = None, recovery: Recovery = "retry") -> str:
        """The whole run with its blow and recovery, until nothing is left to do; the outcome in a word or two."""
        if blow is not None:
            self.tripwire.fault = blow.http
        cleared = 0
        while not self._through(blow, recovery, cleared=cleared > 0):
            if self.run.state == "cleared":
                self.run.state = "running"
                cleared += 1
                continue
            cleared += 1
            if cleared > 3:
                raise NotHeld(f"still red after {cleared - 1} clears: {'; '.join(self.notes[-4:])}")
            self.run.clear()
        self.met = self.met or self.tripwire.met.is_set()
        return "green" if cleared == 0 or recovery == "clear" else f"green after {cleared} clears"

    def _through(self, blow: Blow | None, recovery: Recovery, *, cleared: bool) -> bool:
        for task in ("extract", "transform", "validate"):
            if not self._task(task, -1, blow, recovery):
                return False
        boxes = [self._task("load", box, blow, recovery) for box in range(len(self.run.xcoms["validate"]))]
        if self.run.state == "cleared":
            return False
        return self._task("acknowledge", -1, blow, recovery) and all(boxes)

    def _task(self, task: str, box: int, blow: Blow | None, recovery: Recovery) -> bool:
        """One task until it succeeds or has used up its tries; false also when the run was cleared meanwhile."""
        name = task if box < 0 else f"{task}_{box}"
        if self.run.state == "cleared":
            return False
        deadline = time.monotonic() + PATIENCE_S
        for _ in range(RETRIES.get(task, 3) + 1):
            if time.monotonic() > deadline:
                raise NotHeld(f"{name} does not end: {self.notes[-3:]}")
            here = blow if blow is not None and blow.task == name and not self.met else None
            if here is not None and recovery == "second worker":
                ended = self._two_workers(task, box, here)
            else:
                ended = self._wait(self._start(task, box, here))
            self.met = self.met or self.tripwire.met.is_set() or (ended is not None and ended.met)
            if ended is None:
                self.notes.append(f"{name} was killed")
                self.met = self.met or (here is not None and here.ledger is not None)
                if recovery == "clear":
                    self.run.clear()
                    self.run.state = "cleared"
                    return False
                continue
            self.reports[name] = ended
            if not ended.error:
                self.run.states[name] = "success"
                self.run.xcoms[task] = ended.result
                return True
            self.run.states[name] = "failed"
            self.notes.append(f"{name}: {ended.error}")
            if ended.refused:
                return False
            time.sleep(ended.delay_s if ended.delay_s is not None else 0.05)
        return False

    def _start(self, task: str, box: int, blow: Blow | None = None) -> tuple[BaseProcess, Connection]:
        return self._go(task, box, self._fork(task, box, blow))

    def _go(self, task: str, box: int, worker: tuple[BaseProcess, Connection]) -> tuple[BaseProcess, Connection]:
        """Let a process that waits for the word begin."""
        process, channel = worker
        assert process.pid is not None
        self.tripwire.watch(task if box < 0 else f"{task}_{box}", process.pid)
        with suppress(OSError):
            channel.send("go")
        return worker

    def _fork(self, task: str, box: int, blow: Blow | None = None) -> tuple[BaseProcess, Connection]:
        self.tries[task if box < 0 else f"{task}_{box}"] += 1
        order = Order(
            self.run,
            task,
            box,
            self.environment,
            self.folder / "log",
            blow.ledger if blow else None,
            blow.refuse_connection if blow else None,
            self.without,
        )
        ours, theirs = _processes.Pipe()
        with _starting:
            process = _processes.Process(target=execute, args=(order, theirs), daemon=True)
            process.start()
        theirs.close()
        self.run.tries[task, box] = self.run.tries.get((task, box), 0) + 1
        return process, ours

    def _wait(self, worker: tuple[BaseProcess, Connection]) -> Report | None:
        """The report of a process, or ``None`` when it was killed."""
        process, channel = worker
        deadline = time.monotonic() + PATIENCE_S
        try:
            while True:
                if not channel.poll(max(0.0, deadline - time.monotonic())):
                    process.kill()
                    raise NotHeld(f"process of {self.tripwire.task} hangs")
                said = channel.recv()
                if isinstance(said, Report):
                    return said
        except (EOFError, ConnectionResetError):
            return None
        finally:
            process.join(PATIENCE_S)
            channel.close()

    def _two_workers(self, task: str, box: int, blow: Blow) -> Report | None:
        """The first is held up in the middle of its work; a second one begins the same task, and both live on."""
        first, second = self._fork(task, box, blow), self._fork(task, box)
        early = self._until_held(self._go(task, box, first))
        if not self.met:
            # Something else stopped the first one before it came that far, as a slow machine does: it tries again.
            second[0].kill()
            self._wait(second)
            return early
        ended = self._wait(self._go(task, box, second))
        for _ in range(RETRIES.get(task, 3)):
            if ended is None or not ended.error or ended.refused:
                break
            self.notes.append(f"the second worker: {ended.error}")
            time.sleep(ended.delay_s if ended.delay_s is not None else 0.05)
            ended = self._wait(self._start(task, box))
        with suppress(OSError):
            first[1].send("go on")
        of_first = self._wait(first)
        if of_first is not None and of_first.error:
            self.notes.append(f"the first worker: {of_first.error}")
        return ended

    def _until_held(self, worker: tuple[BaseProcess, Connection]) -> Report | None:
        """Wait until the process is held up; its report when it ended before."""
        process, channel = worker
        while process.is_alive() or channel.poll():
            if self.tripwire.met.wait(0.005):
                self.met = True
                return None
            if channel.poll():
                with suppress(EOFError):
                    said = channel.recv()
                    if isinstance(said, Report):
                        return said
                    self.met = True
                return None
        return None

    # --- what must hold ---------------------------------------------------------------------------------------------

    def documents(self) -> list[Document]:
        return self.channel.books(self.company)

    def rows(self, table: str) -> list[Mapping[str, Any]]:
        with Ledger(f"sqlite:///{self.folder / 'ledger.db'}") as ledger, ledger.read() as connection:
            return [dict(row._mapping) for row in connection.execute(sa.text(f"SELECT * FROM {table}"))]

    def verify(self, *, finished: bool = True) -> None:
        """One posting per journal, to the cent; every expense in one journal; marks only after posting.

        :param finished: everything must be posted and marked too.
        """
        journals = {row["journal_key"]: row for row in self.rows("journal")}
        documents = self.documents()
        twice = [name for name, n in Counter(one.reference for one in documents).items() if n > 1]
        _require(not twice, f"posted more than once: {twice}")
        self._verify_expenses(journals)
        by_reference = {one.reference: one for one in documents}
        for key, row in journals.items():
            if row["state"] == "posted":
                document = by_reference.pop(row["reference"], None)
                _require(document is not None, f"{key} is posted in the ledger and not in the ERP")
                assert document is not None
                _require(document.total_debit_cents == row["total_debit_cents"], f"{key}: {document}, ledger {row}")
                _require(not row["document_number"] or row["document_number"] == document.number, f"{key}: {document}")
                lines = [line for line in self.rows("journal_line") if line["journal_key"] == key]
                sent = Counter((one["account"], one["amount_cents"]) for one in lines if one["account"] != "AP")
                _require(sent == Counter(document.lines), f"{key}: {document}, ledger {sent}")
        _require(
            all(journals[k]["state"] in ("posting", "conflict") for k in self._keys(journals, by_reference)),
            f"in the ERP and not posted in the ledger: {list(by_reference)}",
        )
        self._verify_marks(journals, finished=finished)
        if finished:
            states = {key: row["state"] for key, row in journals.items()}
            _require(set(states.values()) == {"posted"}, f"not all posted: {states}")
            _require(not any(row["incomplete"] for row in journals.values()), "numbers or releases are missing")
            _require(all(row["document_number"] for row in journals.values()), "document numbers are missing")
            total = sum(line.cents for _, lines in REPORTS.values() for line in lines)
            _require(sum(one.total_debit_cents for one in documents) == total, f"{documents} is not {total} cents")
            _require(not self.rows("finding"), f"findings: {self.rows('finding')}")

    @staticmethod
    def _keys(journals: Mapping[str, Mapping[str, Any]], references: Mapping[str, Document]) -> list[str]:
        by_reference = {row["reference"]: key for key, row in journals.items()}
        unknown = [reference for reference in references if reference not in by_reference]
        _require(not unknown, f"documents that no journal stands for: {unknown}")
        return [by_reference[reference] for reference in references]

    def _verify_expenses(self, journals: Mapping[str, Mapping[str, Any]]) -> None:
        expenses = self.rows("expense")
        with self.sandbox.lock:
            known = {
                line["transactionID"]: line["amount"]
                for one in self.sandbox.expensify.reports.values()
                for line in one["transactionList"]
            }
        if journals:
            claimed = Counter(row["transaction_id"] for row in expenses)
            _require(claimed == Counter(list(known)), f"claimed {claimed}, in Expensify {list(known)}")
        spent: Counter[str] = Counter()
        for row in expenses:
            _require(row["amount_cents"] == known[row["transaction_id"]], f"{row}")
            spent[row["journal_key"]] += row["amount_cents"]
        totals = {key: row["total_debit_cents"] for key, row in journals.items()}
        _require(dict(spent) == totals, f"expenses {dict(spent)}, journals {totals}")

    def _verify_marks(self, journals: Mapping[str, Mapping[str, Any]], *, finished: bool) -> None:
        posted_at: dict[str, datetime] = {}
        for row in self.rows("event"):
            if row["to_state"] == "posted":
                posted_at[row["journal_key"]] = datetime.fromisoformat(f"{row['at']}").replace(tzinfo=UTC)
        home = {row["report_id"]: row["journal_key"] for row in self.rows("journal_report")}
        with self.sandbox.lock:
            marks = [job for job in self.sandbox.expensify.jobs if job.operation == "file:mark"]
            labels = {name for name, found in self.sandbox.expensify.labels.items() if LABEL in found}
        for job in marks:
            for report_id in job.reports:
                posted = posted_at.get(home.get(report_id, ""))
                _require(posted is not None and posted <= job.at, f"{report_id} was marked before it was posted")
        open_reports = {name for name, key in home.items() if journals[key]["state"] not in ("posted", "closed")}
        _require(not labels & open_reports, f"marked and open: {labels & open_reports}")
        if finished:
            _require(labels == (set(REPORTS) if self.channel.erp.marks else set()), f"marked: {sorted(labels)}")
            noted = {row["report_id"] for row in self.rows("report") if row["exported_at"]}
            _require(noted == labels, f"marked {sorted(labels)}, noted {sorted(noted)}")


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise NotHeld(otherwise)


def _changed(section: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**section, **changes}
    return {name: value for name, value in merged.items() if value is not None}
