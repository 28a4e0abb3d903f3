"""What a unit of programs started is gone afterwards, whatever the programs and the starter do."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.process_group import ProcessGroup, Program, session_members

# A program with a child in a process group of its own (as Airflow's task supervisor) that ignores SIGTERM.
STUBBORN = """
import subprocess, sys, time
child = '''
import os, signal, time
os.setpgid(0, 0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
'''
subprocess.Popen([sys.executable, "-c", child])
time.sleep(60)
"""


def wait_for(condition: object, within_s: float = 10.0) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def group(log: Path, *sources: str, grace_s: float = 0.5) -> ProcessGroup:
    programs = [Program(f"p{n}", [sys.executable, "-c", source], log) for n, source in enumerate(sources)]
    return ProcessGroup(programs, env=dict(os.environ), cwd=log.parent, grace_s=grace_s)


def test_stop_ends_children_that_left_the_process_group_and_ignore_the_signal(tmp_path: Path) -> None:
    log = tmp_path / "log"
    unit = group(log, STUBBORN)
    unit.start()
    assert wait_for(lambda: "up" in log.read_text() if log.exists() else False)
    assert len(unit.members()) == 3  # keeper, program, its child
    unit.stop()
    assert unit.members() == []


def test_kill_leaves_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    unit = group(log, STUBBORN)
    unit.start()
    assert wait_for(lambda: "up" in log.read_text() if log.exists() else False)
    unit.kill()
    assert unit.members() == []


def test_one_program_that_ends_takes_the_others_along_and_is_named(tmp_path: Path) -> None:
    with group(tmp_path / "log", "raise SystemExit(3)", "import time; time.sleep(60)") as unit:
        assert wait_for(lambda: unit.ended() is not None)
        assert unit.members() == []


def test_what_ended_is_said_again_and_again(tmp_path: Path) -> None:
    with group(tmp_path / "log", "raise SystemExit(3)") as unit:
        assert wait_for(lambda: unit.ended() is not None)
        assert unit.ended() == unit.ended() == "p0 ended with code 3"


def test_programs_end_in_the_order_listed(tmp_path: Path) -> None:
    says = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print({0!r}, flush=True), sys.exit()))
print("up", flush=True)
time.sleep(60)
"""
    log = tmp_path / "log"
    unit = group(log, says.format("first"), says.format("second"), grace_s=5)
    unit.start()
    assert wait_for(lambda: log.exists() and log.read_text().count("up") == 2)
    unit.stop()
    assert log.read_text().split() == ["up", "up", "first", "second"]


def test_nothing_is_left_when_the_starter_is_killed(tmp_path: Path) -> None:
    starter = """
import os, sys, time
from pathlib import Path
from scripts.process_group import ProcessGroup, Program
sleeper = Program("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"], Path("log"))
unit = ProcessGroup([sleeper], env=dict(os.environ), cwd=Path.cwd(), grace_s=0.5)
unit.start()
while len(unit.members()) < 2: time.sleep(0.02)
print(unit.members()[0], flush=True)
time.sleep(60)
"""
    project = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", starter],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(project)},
    )
    assert process.stdout is not None
    session = os.getsid(int(process.stdout.readline()))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert wait_for(lambda: session_members(session) == [])


def test_a_program_that_cannot_be_started_is_an_end_with_a_reason(tmp_path: Path) -> None:
    unit = ProcessGroup(
        [Program("nobody", [str(tmp_path / "no-such-program")], tmp_path / "log")], env=dict(os.environ), cwd=tmp_path
    )
    unit.start()
    assert wait_for(lambda: unit.ended() is not None)
    assert "no-such-program" in str(unit.ended())
    unit.stop()


def test_starting_twice_is_refused(tmp_path: Path) -> None:
    with (
        group(tmp_path / "log", "import time; time.sleep(60)") as unit,
        pytest.raises(RuntimeError, match="already running"),
    ):
        unit.start()
