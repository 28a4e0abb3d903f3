"""``python -m bench [row ...]``: measures the named rows, or all, and prints one table."""

from __future__ import annotations

import argparse
import importlib
import os
import time

from bench.measure import WORK, Result

ROWS = ("intake", "dlt", "parse", "task_start", "page", "scheduler", "requests", "scaling")
HEAD = ("row", "what", "against", "ours", "theirs", "ratio", "target", "")


def main() -> int:
    """Measure and print; 0 also when a target is missed: this is a table, not a test."""
    parser = argparse.ArgumentParser(prog="make bench ROWS=", description=__doc__)
    parser.add_argument("rows", nargs="*", default=ROWS, metavar="row", help=", ".join(ROWS))
    parser.add_argument("--repeats", type=int, default=3, help="measurements of each side; the median counts")
    asked = parser.parse_args()
    if unknown := set(asked.rows) - set(ROWS):
        parser.error(f"there is no row {', '.join(sorted(unknown))}; rows are {', '.join(ROWS)}")
    # Where this is set, each process would compile this project's modules again, and the packages' modules never.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    WORK.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    for row in asked.rows:
        begun = time.monotonic()
        print(f"measuring {row} ...", flush=True)
        try:
            results += importlib.import_module(f"bench.rows.{row}").measure(asked.repeats)
        except RuntimeError as error:
            print(f"  {error}", flush=True)
            results.append(Result(row, "could not be measured, see above", "", "", "", None, "", False))
        print(f"  took {time.monotonic() - begun:.0f} s", flush=True)
    print(f"\n{table(results)}\n\nrepeat: make bench ROWS={','.join(asked.rows)}")
    return 0


def table(results: list[Result]) -> str:
    """The results in columns."""
    verdicts = {True: "met", False: "MISSED", None: ""}
    lines = [HEAD]
    for one in results:
        ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
        lines.append((one.row, one.what, one.against, one.ours, one.theirs, ratio, one.target, verdicts[one.is_met]))
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in lines)


if __name__ == "__main__":
    raise SystemExit(main())
