"""``make run``: the sandbox, a real Airflow, the demo tenants and their first runs, and a table of what was posted.

Everything it makes lies in ``.run/`` and is made anew each time; Ctrl-C (or SIGTERM) ends every process it started.
"""

import argparse
import contextlib
import fcntl
import importlib
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import NoReturn
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx
import yaml
from cryptography.fernet import Fernet

from scripts import run_report
from scripts.airflow_api import AirflowApi
from scripts.astro_settings import AirflowObjects, Connection, read_settings
from scripts.first_runs import first_runs, say
from scripts.local_airflow import HOST, PROJECT, AirflowDidNotStart, LocalAirflow, port_is_free
from scripts.process_group import ProcessGroup, Program

# The address in airflow_settings.yaml; with another port the connections are moved to it.
SETTINGS_PORT = 8765
AIRFLOW_PORT = 8080
START_DAYS_AGO = 3


class CannotRun(Exception):
    """The demo cannot go on; the text says why and what to do next."""


@dataclass(frozen=True)
class Demo:
    """Where the demo's parts come from and where it lives; tests put stand-ins here."""

    folder: Path = PROJECT / ".run"
    tenants: Path = PROJECT / "include" / "sandbox" / "tenants"
    dags: Path = PROJECT / "dags"
    plugins: Path | None = PROJECT / "plugins"
    settings: Path = PROJECT / "airflow_settings.yaml"
    sandbox_argv: tuple[str, ...] = (sys.executable, "-m", "include.sandbox", "--demo")
    sandbox_port: int = SETTINGS_PORT
    airflow_port: int = AIRFLOW_PORT
    timeout_s: float = 900.0
    expected_held: Mapping[str, Collection[str]] = field(default_factory=dict)

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.db"

    @property
    def own_tenants(self) -> Path:
        return self.folder / "tenants"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument(
        "--headless", action="store_true", help="end after the table; exit 0 only if all is as expected"
    )
    parser.add_argument("--check-not-running", action="store_true", help="exit 1 while another `make run` is running")
    options = parser.parse_args(arguments)
    demo_folder = PROJECT / ".run"
    try:
        if options.check_not_running:
            with only_one(demo_folder):
                return 0
        demo = Demo(
            sandbox_port=port_of("SANDBOX_PORT", SETTINGS_PORT),
            airflow_port=port_of("AIRFLOW_PORT", AIRFLOW_PORT),
            expected_held=declared_as_held(),
        )
        end_on_signals()
        return run(demo, headless=options.headless)
    except (CannotRun, AirflowDidNotStart, TimeoutError) as error:
        print(f"make run: {error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        say("ended; no process is left")
        return 130


def run(demo: Demo, headless: bool) -> int:
    """The whole demo; returns the exit code. All processes have ended when it returns or raises."""
    with only_one(demo.folder):
        check_port(demo.sandbox_port, "SANDBOX_PORT", "the sandbox")
        check_port(demo.airflow_port, "AIRFLOW_PORT", "Airflow's UI")
        tenants = make_fresh(demo)
        if not tenants:
            raise CannotRun(f"there is no tenant file in {demo.tenants}: the demo has nothing to show")
        say(f"tenants: {', '.join(tenants)}")
        with sandbox(demo), airflow(demo) as running:
            objects = read_settings(demo.settings).moved(ports={SETTINGS_PORT: demo.sandbox_port})
            with_own_places(objects, demo).load_into(running.api)
            say(f"Airflow is up at {running.url}  (user {running.username}, password {running.password})")
            first_runs(running, tenants, demo.timeout_s)
            code = show(running.api, running.url, tenants, demo)
            if headless:
                return code
            print(f"\nAirflow: {running.url}   user {running.username}   password {running.password}")
            print(f"By hand: source {shown(demo.folder / 'env')} && airflow dags list")
            say("serving until Ctrl-C")
            while (ended := running.ended()) is None:
                time.sleep(0.5)
            raise CannotRun(f"Airflow ended by itself: {ended}\n{running.log_tail()}")


# --- before anything starts -------------------------------------------------------------------------------------


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. The kernel lets go of it when the holder dies, so a stale lock cannot exist."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "run.lock"
    with open(path, "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise CannotRun(
                f"another `make run` of this project is running (process {holder}). "
                f"Use it, or end it with Ctrl-C there or: kill {holder}"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
        lock.truncate(0)


def port_of(name: str, default: int) -> int:
    text = os.environ.get(name, "").strip() or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise CannotRun(f"{name}={text} is not a port; use a number from 1024 to 65535")
    return int(text)


def check_port(port: int, name: str, what: str) -> None:
    if not port_is_free(port):
        raise CannotRun(
            f"port {port} is in use, and {what} needs it. Perhaps another Airflow or an earlier demo holds it "
            f"(`ss -ltnp 'sport = :{port}'` or `lsof -i :{port}` names the process). "
            f"Choose another one: make run {name}={port + 1}"
        )


def declared_as_held() -> Mapping[str, Collection[str]]:
    """The reports that the demo's data is meant to hold, by tenant; nothing when the demo declares none."""
    try:
        declared: Mapping[str, Collection[str]] = importlib.import_module("include.sandbox.demo").EXPECTED_HELD
    except (ImportError, AttributeError):
        return {}
    return declared


def make_fresh(demo: Demo) -> list[str]:
    """Throw the last demo away and lay out the new one; returns the tenants."""
    for name in ("airflow", "archive", "tenants", "logs"):
        shutil.rmtree(demo.folder / name, ignore_errors=True)
    for leftover in demo.folder.glob("ledger.db*"):
        leftover.unlink()
    if demo.tenants.is_dir():
        shutil.copytree(demo.tenants, demo.own_tenants)
    else:
        demo.own_tenants.mkdir(parents=True)
    (demo.folder / "archive").mkdir()
    files = sorted(demo.own_tenants.glob("*.yaml"))
    for file in files:
        set_start_date(file)
    return [file.stem for file in files]


def set_start_date(tenant_file: Path) -> None:
    """Three days ago on the tenant's own calendar: catch-up stays short. Only that line changes, comments stay."""
    text = tenant_file.read_text()
    zone = ZoneInfo(yaml.safe_load(text).get("timezone", "UTC"))
    day = (datetime.now(zone) - timedelta(days=START_DAYS_AGO)).date()
    changed, count = re.subn(r"(?m)^start_date:[ \t]*[^#\s]+", f"start_date: {day}", text)
    if count != 1:
        raise CannotRun(f"{tenant_file.name} needs exactly one line `start_date: <day>`; it has {count}")
    tenant_file.write_text(changed)


def with_own_places(objects: AirflowObjects, demo: Demo) -> AirflowObjects:
    """Ledger and archive of this demo lie in its folder, whatever the settings say."""
    own = [
        Connection(conn_id="expense_ledger", conn_type="sqlite", conn_host=str(demo.ledger)),
        Connection(
            conn_id="expense_archive",
            conn_type="generic",
            conn_host=(demo.folder / "archive").resolve().as_uri(),
            conn_password=Fernet.generate_key().decode(),
        ),
    ]
    names = {connection.conn_id for connection in own}
    kept = [connection for connection in objects.connections if connection.conn_id not in names]
    return objects.model_copy(update={"connections": kept + own})


# --- the processes ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def sandbox(demo: Demo) -> Iterator[None]:
    log = demo.folder / "logs" / "sandbox.log"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "plugins")]),
        "PYTHONUNBUFFERED": "1",
    }
    program = Program("the sandbox", [*demo.sandbox_argv, "--port", str(demo.sandbox_port)], log)
    with ProcessGroup([program], env=environment, cwd=PROJECT, grace_s=5) as group:
        deadline = time.monotonic() + 60
        while True:
            if (ended := group.ended()) is not None:
                raise CannotRun(f"the sandbox did not start: {ended}\n{log.read_text()[-3000:]}")
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"http://{HOST}:{demo.sandbox_port}/sandbox/health", timeout=5.0, trust_env=False)
                break
            if time.monotonic() > deadline:
                raise CannotRun(f"the sandbox does not answer on port {demo.sandbox_port} after 60 s; see {log}")
            time.sleep(0.1)
        say(f"sandbox: Expensify and the ERPs answer on http://{HOST}:{demo.sandbox_port}")
        yield


@contextlib.contextmanager
def airflow(demo: Demo) -> Iterator[LocalAirflow]:
    environment = {"EXPENSIFY_ERP_TENANTS": str(demo.own_tenants)}
    local = LocalAirflow(
        demo.folder / "airflow",
        demo.dags,
        demo.plugins,
        port=demo.airflow_port,
        environment=environment,
        start_timeout_s=240,
    )
    say("starting Airflow (scheduler, DAG processor, API server)")
    with local:
        variables = {name: local.env()[name] for name in ("AIRFLOW_HOME", "PYTHONPATH")} | environment
        lines = [f"export {name}='{value}'" for name, value in variables.items()]
        lines.append(f"export PATH='{Path(sys.executable).parent}':\"$PATH\"")
        (demo.folder / "env").write_text("\n".join(lines) + "\n")
        yield local


def end_on_signals() -> None:
    """SIGTERM and a closed terminal end the demo as Ctrl-C does: in order, nothing left."""

    def end(_signal: int, _frame: FrameType | None) -> NoReturn:
        # A second signal while the first is being served would cut the clean-up short.
        for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(name, signal.SIG_IGN)
        raise KeyboardInterrupt

    for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(name, end)


# --- the table --------------------------------------------------------------------------------------------------


def show(api: AirflowApi, url: str, tenants: list[str], demo: Demo) -> int:
    """Print what was posted where, what is held and why; 0 when all is as the demo declares it."""
    journals = run_report.read_journals(demo.ledger)
    print()
    print(run_report.table(journals))
    boxes = red_boxes(api, url, tenants)
    for journal in journals:
        if not journal.is_done:
            print()
            file = Path(shown(demo.own_tenants / f"{journal.tenant}.yaml"))
            expected = run_report.expected_to_be_open(journal, demo.expected_held)
            print(run_report.open_journal(journal, file, boxes.get((journal.tenant, journal.key)), expected))
    findings = run_report.verdict(journals, tenants, demo.expected_held) + failed_early(api, tenants)
    print()
    for finding in findings:
        print(f"not as expected: {finding}")
    if not findings:
        print("Everything that should be posted is posted.")
    sys.stdout.flush()
    return 1 if findings else 0


def red_boxes(api: AirflowApi, url: str, tenants: list[str]) -> dict[tuple[str, str], str]:
    """Links to the failed ``load`` boxes, by tenant and the journal that names the box."""
    found = {}
    for tenant in tenants:
        dag_id = f"expenses__{tenant}"
        for box in api.task_instances(dag_id, "~", "load"):
            if box["state"] == "failed" and box["rendered_map_index"]:
                link = f"{url}/dags/{dag_id}/runs/{quote(box['dag_run_id'])}/tasks/load/mapped/{box['map_index']}"
                for key in re.split(r"[\s,]+", box["rendered_map_index"]):
                    found[(tenant, key)] = link
    return found


def failed_early(api: AirflowApi, tenants: list[str]) -> list[str]:
    """A held journal makes ``load`` and ``acknowledge`` red; any other red task is not part of the demo."""
    return [
        f"{tenant}: task {box['task_id']} of run {box['dag_run_id']} is {box['state']}"
        for tenant in tenants
        for box in api.task_instances(f"expenses__{tenant}", "~")
        if box["state"] in ("failed", "upstream_failed") and box["task_id"] not in ("load", "acknowledge")
    ]


def shown(path: Path) -> str:
    """A path as a person in the project's folder types it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    raise SystemExit(main())
