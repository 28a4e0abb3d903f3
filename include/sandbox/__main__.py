"""Serve the sandbox for a person or for Airflow: `python -m include.sandbox --port 8765 --demo`."""

from __future__ import annotations

import argparse
import signal
import threading
from datetime import UTC, date, datetime

from include.sandbox.demo import seed, services
from include.sandbox.server import Sandbox


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; one line on standard output says that the port is open."""
    parser = argparse.ArgumentParser(prog="python -m include.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one")
    parser.add_argument("--demo", action="store_true", help="fill in the demo tenant's data")
    parser.add_argument(
        "--today",
        type=date.fromisoformat,
        default=datetime.now(UTC).date(),
        help="the day before which the demo's reports are approved, yyyy-mm-dd (default: today)",
    )
    options = parser.parse_args(arguments)
    # Caught before the port opens, so that a signal right after the ready line already ends us cleanly.
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    sandbox = Sandbox(*services(), host=options.host, port=options.port)
    if options.demo:
        seed(sandbox, options.today)
    with sandbox:
        print(f"sandbox ready on {sandbox.url}", flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
