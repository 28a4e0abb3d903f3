"""One task in a process of its own: what it returned, how long it took, and the most memory it ever had."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from airflow.sdk.execution_time.cache import SecretCache

from tests.plugins.expensify_erp.operators.airflow_stand_in import Run

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["__main__", "tests.load.task"])


@dataclass(frozen=True)
class Done:
    """``peak_mb`` is the kernel's VmHWM of the task's process, what it shares with its parent included."""

    task: str
    seconds: float
    peak_mb: int


@dataclass(frozen=True)
class Tasks:
    """The tasks of one run, one after the other, as a pool of one slot has them."""

    run: Run
    environment: dict[str, str]
    log: Path

    def perform(self, task: str, box: int = -1) -> Done:
        """Execute a task once. Raises AssertionError when it fails."""
        began = time.monotonic()
        here, there = _processes.Pipe()
        process = _processes.Process(target=_execute, args=(self, task, box, there))
        process.start()
        there.close()
        try:
            error, result, peak_mb = here.recv()
        except EOFError:
            raise AssertionError(f"{task} {box}: its process is gone") from None
        finally:
            process.join()
        assert not error, f"{task} {box}: {error}"
        name = task if box < 0 else f"{task}_{box}"
        self.run.states[name] = "success"
        self.run.xcoms[task] = result
        return Done(name, time.monotonic() - began, peak_mb)


def _execute(tasks: Tasks, task: str, box: int, answer: Connection) -> None:
    out = os.open(tasks.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    logging.basicConfig(level=logging.INFO, force=True)
    os.environ.update(tasks.environment)
    SecretCache.reset()
    error, result = "", None
    try:
        result = getattr(tasks.run, task)(*([] if box < 0 else [box]))
    except Exception as failed:  # noqa: BLE001 - Airflow catches everything too
        error = f"{type(failed).__name__}: {failed}"
    answer.send((error, result, _peak_mb()))


def _peak_mb() -> int:
    status: Any = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) // 1024
