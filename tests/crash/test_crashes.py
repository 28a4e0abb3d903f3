"""A fixed part of the crash matrix and of the fault loops; `make e2e-crash` plays all of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.channels import CHANNELS, Channel
from tests.crash.matrix import Arena, Plan, Recording, Result, fault, kills

BY_NAME = {channel.name: channel for channel in CHANNELS}

# Boundary, how, recovery. The number of a request or a commit is left out: the first that bears the name is meant.
EVERYWHERE = (
    ("create", "kill -9 before", "retry"),
    ("create", "kill -9 after", "clear"),
    ("create", "kill -9, effect late", "retry"),
    ("create", "held up after", "second worker"),
    ("confirm", "kill -9 before", "retry"),
)
KILLS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "syspro rest": (
        *EVERYWHERE,
        ("export", "kill -9 after", "clear"),
        ("download", "kill -9 before", "retry"),
        ("claim", "kill -9 before", "retry"),
        ("claim", "kill -9 after", "clear"),
        ("claim", "held up before", "second worker"),
        ("state change: checked", "kill -9 after", "retry"),
        ("look-up", "kill -9 before", "retry"),
        ("lease", "frozen past its lease", "second worker"),
        ("mark", "kill -9 after", "retry"),
        ("mark noted", "kill -9 before", "clear"),
    ),
    "acumatica bill released": (
        *EVERYWHERE,
        ("release", "kill -9 before", "retry"),
        ("release", "kill -9 after", "clear"),
    ),
    "dynamics_gp soap": (
        *EVERYWHERE,
        ("number and status noted", "kill -9 before", "retry"),
        ("moved before look-up 1", "answer lost", "retry"),
    ),
    "ifs_cloud": (
        *EVERYWHERE,
        ("moved before look-up 2", "answer lost", "retry"),
        ("moved before look-up 3", "kill -9 after", "retry"),
    ),
    "sage_100 soap": EVERYWHERE,
}
FAULTS = (
    ("syspro rest", "acknowledge", "reset after the effect"),
    ("syspro rest", "load_0", "acknowledgement lost"),
    ("acumatica journal", "load_0", "too late, effect late"),
    ("dynamics_gp soap", "load_0", "reset after the effect"),
    ("ifs_cloud", "load_0", "500 after the effect"),
    ("sage_100 agent", "load_0", "connection refused"),
)


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    made = Arena(at_a_time=6)
    yield made
    made.close()


@pytest.fixture(scope="module")
def recordings() -> dict[str, Recording]:
    return {}


def recorded(arena: Arena, recordings: dict[str, Recording], channel: Channel) -> Recording:
    if channel.name not in recordings:
        recordings[channel.name] = arena.record(channel)
    return recordings[channel.name]


def chosen(plans: list[Plan], boundary: str, how: str, recovery: str) -> Plan:
    for plan in plans:
        if (plan.boundary.partition(" (")[0], plan.how, plan.recovery) == (boundary, how, recovery):
            return plan
    raise LookupError(f"no case {boundary}, {how}, {recovery}")


def complaints(results: list[Result]) -> list[str]:
    return [
        f"{one.plan.boundary}, {one.plan.how}: {one.error or 'never reached'}"
        for one in results
        if not (one.held and one.met)
    ]


@pytest.mark.parametrize("name", KILLS)
def test_killed_anywhere_each_journal_is_posted_once(arena: Arena, recordings: dict[str, Recording], name: str) -> None:
    plans = list(kills(BY_NAME[name], recorded(arena, recordings, BY_NAME[name])))
    results = list(arena.play_all([chosen(plans, *one) for one in KILLS[name]]))
    assert complaints(results) == []
    assert len(results) == len(KILLS[name])


@pytest.mark.parametrize(("name", "task", "kind"), FAULTS, ids=lambda value: str(value).replace(" ", "-"))
def test_whichever_request_or_commit_fails_each_journal_is_posted_once(
    arena: Arena, name: str, task: str, kind: str
) -> None:
    results = list(arena.loop(lambda n: fault(BY_NAME[name], task, kind, n)))
    assert complaints(results) == []
    assert results


# Taken away, boundary, how, recovery.
WITHOUT = (
    ("the look-up", "confirm", "kill -9 before", "retry"),
    ("the lease", "create", "held up before", "second worker"),
)


@pytest.mark.parametrize(("without", "boundary", "how", "recovery"), WITHOUT, ids=[one[0] for one in WITHOUT])
def test_without_a_safeguard_the_same_case_does_not_hold(
    arena: Arena, recordings: dict[str, Recording], without: str, boundary: str, how: str, recovery: str
) -> None:
    channel = BY_NAME["syspro rest"]
    plan = chosen(list(kills(channel, recorded(arena, recordings, channel))), boundary, how, recovery)
    result = arena.play_without(plan, without)
    assert result.met
    assert "posted more than once" in result.error
