"""Start a few programs as one unit that ends completely, whatever happens to the process that started it.

A small *keeper* process leads a session of its own; the programs are its children. The keeper ends them all when it is
told to (SIGTERM), when one of them ends by itself, and when the process that started it is gone: it notices the closed
pipe, so even ``kill -9`` of the starter leaves nothing behind.

Why a session and not only a process group: every Airflow task runs in a process group of its own (its supervisor calls
``setpgid``), so a signal to the group does not reach it. The session id stays.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

KEEPER_POLL_S = 0.2


@dataclass(frozen=True)
class Program:
    """One program of the unit. Its output is appended to ``log``. The unit ends its programs in the order listed."""

    name: str
    argv: Sequence[str]
    log: Path


class ProcessGroup:
    """The starter's side. ``start`` returns at once; ``ended`` names the program that ended by itself, if any."""

    def __init__(self, programs: Sequence[Program], env: dict[str, str], cwd: Path, grace_s: float = 15.0) -> None:
        self.programs = tuple(programs)
        self._env = env
        self._cwd = cwd
        self._grace_s = grace_s
        self._keeper: subprocess.Popen[bytes] | None = None
        self._session: int | None = None
        self._last_word: str | None = None

    def start(self) -> None:
        if self._keeper is not None:
            raise RuntimeError("this process group is already running: stop it first")
        plan = json.dumps(
            {
                "grace_s": self._grace_s,
                "programs": [{"name": p.name, "argv": list(p.argv), "log": str(p.log)} for p in self.programs],
            }
        )
        for program in self.programs:
            program.log.parent.mkdir(parents=True, exist_ok=True)
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).resolve()), plan],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._env,
            cwd=self._cwd,
            start_new_session=True,
        )
        self._session = self._keeper.pid
        self._last_word = None

    def ended(self) -> str | None:
        """The keeper's last word once the unit is no longer running: which program ended and with which code."""
        if self._keeper is None:
            return "it was not started"
        if self._keeper.poll() is None:
            return None
        if self._last_word is None:
            said = self._keeper.stdout.read().decode().strip() if self._keeper.stdout else ""
            self._last_word = said or f"its keeper process ended with code {self._keeper.returncode}"
        return self._last_word

    def members(self) -> list[int]:
        """Process ids that are still alive in the unit's session."""
        return session_members(self._session) if self._session is not None else []

    def stop(self) -> None:
        """End every process of the unit, gently first. Returns when none is left; raises when one cannot be ended."""
        if self._keeper is None:
            return
        keeper = self._keeper
        with contextlib.suppress(ProcessLookupError):
            keeper.send_signal(signal.SIGTERM)
        try:
            keeper.wait(self._grace_s + 5)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.wait()
        self._finish()

    def kill(self) -> None:
        """SIGKILL everything at once, as a power cut would."""
        if self._keeper is None:
            return
        self._keeper.kill()
        self._finish()

    def _finish(self) -> None:
        assert self._keeper is not None
        assert self._session is not None
        kill_session(self._session)
        self._keeper.wait()
        for pipe in (self._keeper.stdin, self._keeper.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        left = self.members()
        self._keeper = None
        if left:
            raise RuntimeError(
                f"processes {left} could not be ended; end them by hand: kill -9 {' '.join(map(str, left))}"
            )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def session_members(session: int) -> list[int]:
    """Living processes of a session. Ended ones that nobody has collected yet (zombies) do not count."""
    if not Path("/proc/self/stat").exists():
        return _session_members_by_ps(session)
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            stat = Path(entry.path, "stat").read_text()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        # The program's name stands in parentheses and may contain blanks and parentheses itself.
        state, _parent, _group, process_session = stat.rpartition(")")[2].split()[:4]
        if int(process_session) == session and state not in "ZX":
            found.append(int(entry.name))
    return sorted(found)


def _session_members_by_ps(session: int) -> list[int]:
    """macOS has no /proc and its ps prints no session id: ask the kernel for each process."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,stat="], capture_output=True, text=True, check=True).stdout
    found = []
    for line in listing.splitlines():
        pid, state = line.split()[:2]
        with contextlib.suppress(OSError):
            if os.getsid(int(pid)) == session and not state.startswith("Z"):
                found.append(int(pid))
    return sorted(found)


def kill_session(session: int, within_s: float = 10.0) -> None:
    """SIGKILL all members of a session, again and again until no new child shows up."""
    deadline = time.monotonic() + within_s
    while (members := session_members(session)) and time.monotonic() < deadline:
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _adopt_orphans() -> None:
    """Linux: processes whose parent dies become the keeper's children, so that it can collect them.

    Without it they would stay behind as zombies wherever process 1 collects nobody (most containers).
    """
    if sys.platform == "linux":
        set_child_subreaper = 36
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(set_child_subreaper, 1, 0, 0, 0)


def _collect(running: dict[int, str]) -> list[str]:
    """Collect whatever child has ended; returns what is to be said about ended programs and forgets them."""
    said: list[str] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return said
        if pid == 0:
            return said
        if name := running.pop(pid, None):
            said.append(f"{name} ended with code {os.waitstatus_to_exitcode(status)}")


def _keep(plan_json: str) -> int:
    """The keeper's life: start all, watch, end all."""
    plan = json.loads(plan_json)
    asked_to_stop = False

    def ask(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    _adopt_orphans()
    running: dict[int, str] = {}
    said: list[str] = []
    for program in plan["programs"]:
        try:
            with open(program["log"], "ab") as log:
                process = subprocess.Popen(
                    program["argv"], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
                )
        except OSError as error:
            said = [f"{program['name']} could not be started: {error}"]
            break
        running[process.pid] = program["name"]
        process.returncode = 0  # collected by _collect, not by Popen
    while not asked_to_stop and not said:
        if select.select([0], [], [], KEEPER_POLL_S)[0] and not os.read(0, 1024):
            break  # the starter is gone
        said = _collect(running)
    if said:
        with contextlib.suppress(BrokenPipeError):
            print(", ".join(said), flush=True)
    _end_all(running, float(plan["grace_s"]))
    return 1 if said else 0


def _end_all(running: dict[int, str], grace_s: float) -> None:
    """One program after the other, in the order in which they were listed; then whatever else is in the session."""
    deadline = time.monotonic() + grace_s
    for pid in list(running):
        if pid in running:
            os.kill(pid, signal.SIGTERM)
        while pid in running and time.monotonic() < deadline:
            _collect(running)
            time.sleep(0.05)
    own = os.getpid()
    hopeless = time.monotonic() + 10
    while (others := [pid for pid in session_members(own) if pid != own]) and time.monotonic() < hopeless:
        for pid in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
        _collect(running)
    _collect(running)


if __name__ == "__main__":
    raise SystemExit(_keep(sys.argv[1]))
