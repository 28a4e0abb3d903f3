"""`python -m tests.crash`: the whole matrix and all fault loops, as a table; ends with 1 when a case does not hold."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator

import tests.conftest  # noqa: F401 - Airflow's home, before Airflow is imported
from tests.crash.channels import CHANNELS, Channel
from tests.crash.matrix import KINDS, Arena, Recording, Result, attacked, fault, kills, named


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channel", action="append", help="only channels whose name begins so")
    parser.add_argument("--part", choices=["kills", "faults"], help="only one of the two parts")
    parser.add_argument("--task", action="append", help="only these tasks")
    parser.add_argument("--at-a-time", type=int, default=6)
    options = parser.parse_args()
    chosen = [one for one in CHANNELS if not options.channel or one.name.startswith(tuple(options.channel))]
    arena = Arena(options.at_a_time)
    began = time.monotonic()
    counts: Counter[tuple[str, str]] = Counter()
    broken: list[Result] = []
    try:
        for channel in chosen:
            recording = arena.record(channel)
            for part, results in _parts(arena, channel, recording, options.task):
                if options.part in (None, part):
                    for result in results:
                        counts[channel.name, part] += 1
                        print(row(result), flush=True)
                        if not (result.held and result.met):
                            broken.append(result)
                            print(result.error or "  the place was never reached", flush=True)
    finally:
        arena.close()
    print(f"\n{'channel':28} {'kills':>7} {'faults':>7}")
    for channel in chosen:
        print(f"{channel.name:28} {counts[channel.name, 'kills']:7} {counts[channel.name, 'faults']:7}")
    print(f"{sum(counts.values())} cases in {time.monotonic() - began:.0f} s, {len(broken)} do not hold")
    for result in broken:
        print(row(result))
    return 1 if broken else 0


def _parts(
    arena: Arena, channel: Channel, recording: Recording, tasks: list[str] | None
) -> Iterator[tuple[str, Iterator[Result]]]:
    yield "kills", arena.play_all(plan for plan in kills(channel, recording) if not tasks or plan.task in tasks)
    loops = [
        lambda task=task, kind=kind: arena.loop(lambda n: fault(channel, task, kind, n))
        for task in attacked(channel)
        if not tasks or task in tasks
        for kind in KINDS
    ]
    yield "faults", (named(result, recording) for result in arena.each(loops))


def row(result: Result) -> str:
    """One line of the table."""
    plan = result.plan
    outcome = result.outcome if result.held and result.met else "DOES NOT HOLD"
    return (
        f"{plan.channel.name:26} {plan.task:11} {plan.boundary:44} {plan.how:24} {plan.recovery:13} "
        f"{outcome} ({result.seconds:.1f} s)"
    )


if __name__ == "__main__":
    sys.exit(main())
