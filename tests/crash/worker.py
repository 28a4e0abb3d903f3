"""One task of a run, in an operating-system process of its own, that can be killed at an exact place.

The operators, hooks and clients run unchanged. What happens at the ledger's edge is arranged from outside of them: listeners
and a wrapped commit count this process's transactions and strike at the one that was ordered. What happens at the servers'
edge is arranged in the servers, see ``servers.py``.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import httpcore
import sqlalchemy as sa
from airflow.sdk.execution_time.cache import SecretCache
from expensify_erp.hooks import expensify as expensify_hook
from sqlalchemy.engine.default import DefaultDialect

from include.errors import Refused, Retryable
from include.ledger.limiter import Limit
from tests.crash.sabotage import TAKEN_AWAY
from tests.plugins.expensify_erp.operators.airflow_stand_in import Run

LedgerEvent = Literal[
    "kill before", "kill after", "fail before", "fail after", "fail begin", "hold before", "hold after"
]
_WRITES = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM)\s+\"?(\w+)", re.IGNORECASE)


@dataclass(frozen=True)
class LedgerFault:
    """What befalls the ``n``-th (from 1) commit of a process, or for ``fail begin`` its n-th transaction.

    ``fail after``: the commit is done and its acknowledgement is lost. ``hold``: for ``seconds``, and the driver is told.
    """

    n: int
    event: LedgerEvent
    seconds: float = 0.0


@dataclass(frozen=True)
class Order:
    """A task to execute."""

    run: Run
    task: str
    box: int
    environment: dict[str, str]
    log: Path
    ledger_fault: LedgerFault | None = None
    refuse_connection: int | None = None
    """The n-th request of the process (from 1) finds no server."""
    without: str = ""
    """A safeguard that is taken away, see ``sabotage.py``."""


@dataclass
class Report:
    """How a task ended. A killed process reports nothing."""

    result: Any = None
    error: str = ""
    refused: bool = False
    delay_s: float | None = None
    commits: list[str] = field(default_factory=list)
    transactions: int = 0
    requests: int = 0
    met: bool = False


def execute(order: Order, channel: Connection) -> None:
    """Entry of the process: wait for the word, execute the task and send its report."""
    channel.recv()
    log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(order.environment)
    SecretCache.reset()
    # The budget's own tests are with the ledger; here it would only make the cases wait.
    expensify_hook.LIMITS = (Limit(1000, 10),)
    if order.without:
        TAKEN_AWAY[order.without]()
    report = Report()
    _watch_ledger(report, order.ledger_fault, channel)
    _watch_connections(report, order.refuse_connection)
    step = getattr(order.run, order.task)
    try:
        report.result = step(order.box) if order.task == "load" else step()
    except Exception as error:  # noqa: BLE001 - Airflow catches everything too
        report.error = f"{type(error).__name__}: {error}"
        report.refused = isinstance(error, Refused)
        report.delay_s = error.delay_s if isinstance(error, Retryable) else None
    channel.send(report)
    channel.close()


def _watch_ledger(report: Report, fault: LedgerFault | None, channel: Connection) -> None:
    written: list[str] = []

    def strike(event: LedgerEvent, n: int) -> None:
        if fault is None or (fault.n, fault.event) != (n, event):
            return
        report.met = True
        if event.startswith("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        elif event.startswith("hold"):
            channel.send("held")
            channel.poll(fault.seconds)  # until the driver says otherwise
        else:
            raise sqlite3.OperationalError("disk I/O error (ordered)")

    @sa.event.listens_for(sa.Engine, "do_execute")
    @sa.event.listens_for(sa.Engine, "do_executemany")
    def executing(cursor: Any, statement: str, parameters: Any, context: Any) -> None:
        if statement.startswith("BEGIN"):
            written.clear()
            report.transactions += 1
            strike("fail begin", report.transactions)
        elif found := _WRITES.match(statement):
            written.append(f"{found[1].split()[0].lower()} {found[2].lower()}")

    commit = DefaultDialect.do_commit

    def counted_commit(dialect: DefaultDialect, connection: Any) -> None:
        report.commits.append(", ".join(dict.fromkeys(written)))
        n = len(report.commits)
        strike("kill before", n)
        strike("hold before", n)
        strike("fail before", n)
        commit(dialect, connection)
        strike("kill after", n)
        strike("hold after", n)
        strike("fail after", n)

    DefaultDialect.do_commit = counted_commit  # type: ignore[method-assign]


def _watch_connections(report: Report, refused: int | None) -> None:
    handle = httpcore.ConnectionPool.handle_request

    def counted(pool: httpcore.ConnectionPool, request: httpcore.Request) -> httpcore.Response:
        report.requests += 1
        if report.requests == refused:
            report.met = True
            raise httpcore.ConnectError("Connection refused (ordered)")
        return handle(pool, request)

    httpcore.ConnectionPool.handle_request = counted  # type: ignore[method-assign]
