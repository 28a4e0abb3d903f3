"""``make preflight TENANT=x``: what the DAG `preflight` asks, from a terminal, with this Airflow's connections.

Which Airflow: the one that AIRFLOW_HOME (or AIRFLOW__DATABASE__SQL_ALCHEMY_CONN) names, else the demo of `make run`. Its
scheduler need not run; connections are read where it keeps them (environment, secrets backend, metadata database). The exit
code is 0 when nothing would block, 1 when something would, 2 when the question could not be asked.
"""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
DEMO = PROJECT / ".run" / "env"


def main(argv: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="make preflight", description="Would this tenant's reports post?")
    parser.add_argument("tenant", nargs="?", default="", help="name of the tenant file")
    name = parser.parse_args(argv).tenant.strip()
    which = choose_airflow(os.environ, DEMO)
    if which is None:
        say("no Airflow to ask: set AIRFLOW_HOME, or start the demo once with `make run`")
        return 2
    # Connections are read as Airflow's own servers read them: from the metadata database too.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    if not name:
        say(f"name a tenant: make preflight TENANT=<name>; there are {', '.join(known_tenants()) or 'none'}")
        return 2
    logging.disable(logging.WARNING)
    say(f"asking with the connections of {which}")
    from expensify_erp.preflight import preflight_of

    result = preflight_of(name, pools())
    print(result.text())
    return 1 if result.blocking else 0


def choose_airflow(environment: Mapping[str, str], demo: Path) -> str | None:
    """Which Airflow is asked; the demo's variables are set when it is the demo."""
    for variable in ("AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"):
        if environment.get(variable):
            return f"the Airflow of {variable}"
    if not demo.is_file():
        return None
    for line in demo.read_text().splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        if name in ("AIRFLOW_HOME", "EXPENSIFY_ERP_TENANTS"):
            os.environ[name] = shlex.split(value)[0]
    return "the demo (make run)"


def known_tenants() -> list[str]:
    """The tenants whose file is right."""
    from include.settings import catalogue

    return sorted(catalogue.load_all().tenants)


def pools() -> dict[str, int] | None:
    """Airflow's pools with their slots; ``None`` when its metadata database does not answer."""
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            return {str(name): slots for name, slots in session.execute(select(Pool.pool, Pool.slots))}
    except SQLAlchemyError:
        return None


def say(text: str) -> None:
    print(f"preflight: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
