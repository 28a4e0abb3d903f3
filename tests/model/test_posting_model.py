"""The model of the posting protocol, checked exhaustively: nothing is created twice, and each of its safeguards is needed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from include.ledger import journals

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "docs" / "model"
MODEL = FOLDER / "posting.pml"

CREATED_TWICE = "assertion violated  !((documents!=0))"
SAFE = ("-O1", "-DSAFETY")
# Where a counterexample is soon found, compiling would take longer than searching.
SHORTEST = ("-O0", "-DSAFETY", "-DBFS")
FAIR = ("-O0", "-DNFAIR=3")

missing = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]
if not missing and not any(Path(folder, "stdio.h").exists() for folder in ("/usr/include", "/usr/local/include")):
    missing = ["libc6-dev (stdio.h)"]
checked = pytest.mark.skipif(
    bool(missing), reason=f"{' and '.join(missing)} not installed: apt-get install spin gcc libc6-dev"
)


def verdict(folder: Path, switches: list[str], compiled: tuple[str, ...], *options: str) -> str:
    """What the checker says about the model with these switches; every state was visited, or an error was found."""
    shutil.copy(MODEL, folder)

    def ran(*command: str) -> str:
        # pan ends with 0 whether or not it finds an error; anything else is no verdict.
        return subprocess.run(
            command, cwd=folder, check=True, timeout=300, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ).stdout

    ran("spin", "-a", *(f"-D{switch}" for switch in switches), MODEL.name)
    ran("gcc", "-w", *compiled, "-o", "pan", "pan.c")
    said = ran("./pan", "-m200000", *options)
    assert "too small" not in said
    assert "out of memory" not in said
    assert re.search(r"errors: [01]\n", said), said
    return said


def is_clean(said: str) -> bool:
    return "errors: 0\n" in said and "Search not completed" not in said


# --- what holds ---


@checked
def test_nothing_is_created_twice_or_beside_and_nothing_gets_stuck(tmp_path: Path) -> None:
    said = verdict(tmp_path, [], SAFE)
    assert is_clean(said), said
    # A step that is never taken would prove nothing. Never reached: the ends of the processes, which run for ever, and
    # "(0)", where a third request under way would be given up.
    unreached = set(re.findall(r'state \d+, "(.*)"', said))
    assert unreached == {"-end-", "(0)"}


@checked
def test_it_holds_with_longer_times_and_three_creates(tmp_path: Path) -> None:
    said = verdict(tmp_path, ["MOST_CREATES=3", "REQUEST=2", "SETTLE=2", "LATE=2"], SAFE)
    assert is_clean(said), said


@checked
def test_once_nothing_fails_any_more_every_journal_comes_to_an_end_or_to_a_person(tmp_path: Path) -> None:
    said = verdict(tmp_path, ["PROGRESS"], FAIR, "-a", "-f")
    assert "fairness enabled" in said
    assert is_clean(said), said


@checked
@pytest.mark.parametrize("switch", ["ENDLESS_LEASE", "OVERTAKEN_FOREVER"])
def test_progress_needs_leases_that_end_and_workers_that_keep_theirs(tmp_path: Path, switch: str) -> None:
    said = verdict(tmp_path, ["PROGRESS", switch], FAIR, "-a", "-f")
    assert "acceptance cycle (at depth" in said, said


# --- what each safeguard is for ---


@checked
@pytest.mark.parametrize(
    "switches",
    [
        ["NO_LEASE"],
        ["LEASE=REQUEST"],
        ["NO_RENEWAL"],
        ["NO_HOLD_CHECK"],
        ["NO_LOOK_UP"],
        ["FAILED_LOOK_UP_IS_EMPTY"],
        ["NO_SECOND_LOOK_UP"],
        ["NO_WAIT_AFTER_THE_FIRST", "COUNTED_FROM_THE_ANSWER"],
        ["CLIENT_REPEATS"],
    ],
    ids="+".join,
)
def test_without_it_a_journal_is_posted_twice(tmp_path: Path, switches: list[str]) -> None:
    said = verdict(tmp_path, [*switches, "ONLY_DOUBLE_POSTING"], SHORTEST)
    assert CREATED_TWICE in said, said


@checked
@pytest.mark.parametrize("switch", ["LATE=2", "FROZEN_WORKER"])
def test_beyond_what_is_assumed_a_journal_is_posted_twice(tmp_path: Path, switch: str) -> None:
    said = verdict(tmp_path, [switch, "ONLY_DOUBLE_POSTING"], SHORTEST)
    assert CREATED_TWICE in said, said


@checked
@pytest.mark.parametrize(
    "switches",
    [
        ["NO_SECOND_LOOK_UP", "LATE=0"],
        ["NO_SECOND_LOOK_UP", "LEASE=REQUEST+SETTLE+LATE"],
        ["NO_WAIT_AFTER_THE_FIRST"],
        ["COUNTED_FROM_THE_ANSWER"],
    ],
    ids="+".join,
)
def test_without_it_the_rest_still_suffices(tmp_path: Path, switches: list[str]) -> None:
    said = verdict(tmp_path, switches, SAFE)
    assert is_clean(said), said


# --- that it is a model of this code ---


def test_the_model_moves_journals_exactly_as_the_ledger_allows() -> None:
    moves = set(re.findall(r"MOVE\((\w+), (\w+)\)", MODEL.read_text())) - {("from", "to")}
    assert moves == journals.TRANSITIONS


def test_every_step_that_the_model_names_is_in_the_code() -> None:
    text = MODEL.read_text() + (FOLDER / "README.md").read_text()
    named = set(re.findall(r"(?:Poster|Attempts)\._?(\w+)", text))
    code = "".join(file.read_text() for file in (PROJECT / "include" / "ledger").glob("*.py"))
    assert {"begin", "take_over", "require_proof_of_absence", "not_executed"} <= named
    assert named <= set(re.findall(r"def _?(\w+)\(", code))


def test_every_switch_is_explained() -> None:
    switches = set(re.findall(r"#if(?:n?def |.*defined\()(\w+)", MODEL.read_text()))
    explained = (FOLDER / "README.md").read_text()
    assert "NO_LEASE" in switches
    assert [name for name in sorted(switches) if f"`{name}" not in explained] == []
