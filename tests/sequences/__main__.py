"""``make e2e-random SEED=7 STEPS=3000``: long sequences over all five ERPs, from one seed on."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

# Before anything of Airflow is imported: the tasks' logs of thousands of runs say nothing that the steps do not.
os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "CRITICAL")

from tests.e2e.erps import ERPS
from tests.sequences.driver import RuleBroken, play

STEPS_PER_WORLD = 60


def main() -> int:
    parser = argparse.ArgumentParser(prog="make e2e-random", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first world's seed; the next world has the next")
    parser.add_argument("--steps", type=int, default=1000, help="steps in all, 60 a world")
    parser.add_argument("--erp", choices=[erp.name for erp in ERPS], help="only this one")
    options = parser.parse_args()
    erps = [erp for erp in ERPS if options.erp in (None, erp.name)]
    done, number, broken = 0, options.seed, 0
    with tempfile.TemporaryDirectory(prefix="sequences-") as folder:
        while done < options.steps:
            for erp in erps:
                steps = min(STEPS_PER_WORLD, options.steps - done)
                if steps <= 0:
                    break
                began = time.monotonic()
                try:
                    outcome = play(erp, number, steps, Path(folder, f"{erp.name}-{number}"))
                except RuleBroken as error:
                    broken += 1
                    print(f"\n{error}\nagain: make e2e-random SEED={number} STEPS={steps} ERP={erp.name}\n", flush=True)
                else:
                    took = time.monotonic() - began
                    print(
                        f"{outcome.title}: {steps} steps, {outcome.kills} kills, {outcome.faults} faults, "
                        f"{outcome.waiting} runs ended with journals waiting, "
                        f"journals {outcome.states}, {took:.0f} s",
                        flush=True,
                    )
                done += steps
            number += 1
    print(f"{done} steps, {broken} sequences broke a rule")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
