"""Peak memory of processes while they live, from the kernel's own count."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

TASK = re.compile("airflow worker -- [0-9a-f]{8}-")
"""How the process that executes a task calls itself; its supervisor has another title."""


class PeakMemory(threading.Thread):
    """Looks at a group's processes twice a second; a context manager.

    :ivar peaks: the largest peak resident set by kind of process, in MB. ``task`` is a process that executes a task.
    """

    def __init__(self, processes: Callable[[], Iterable[int]]) -> None:
        super().__init__(name="peak-memory", daemon=True)
        self._processes = processes
        self._ended = threading.Event()
        self.peaks: dict[str, int] = {}
        self.tasks_at_once = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        while not self._ended.wait(0.5):
            self._look()

    def _look(self) -> None:
        tasks = 0
        for pid in self._processes():
            with contextlib.suppress(OSError, StopIteration, IndexError):
                title = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                kind = "task" if TASK.search(title) else "other"
                tasks += kind == "task"
                status = Path(f"/proc/{pid}/status").read_text()
                peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
                self.peaks[kind] = max(self.peaks.get(kind, 0), int(peak.split()[1]) // 1024)
        self.tasks_at_once = max(self.tasks_at_once, tasks)
