"""``make cluster``: the demo on a cluster, and one of its workers killed while it posts.

Airflow with CeleryExecutor and two workers, its metadata and the ledger on PostgreSQL, messages through Redis, raw exports in a
folder that both workers see: what a production site has, on one machine and from Debian's packages. The five demo tenants post;
as soon as a worker has sent documents whose answers have not arrived it gets SIGKILL, with all its processes. The other worker
alone must bring everything to its end. Then the books of the five ERPs are compared with the ledger and with Expensify.

Everything lies in ``.run/cluster`` and is made anew each time. No UI is opened; the exit code is 0 only when all holds.
"""

import argparse
import contextlib
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import yaml
from cryptography.fernet import Fernet

from include.sandbox.demo import EXPECTED_HELD, seed, services
from include.sandbox.faults import Delay, Fault
from include.sandbox.server import Sandbox
from scripts import cluster_check, run_report
from scripts.astro_settings import AirflowObjects, Connection, read_settings
from scripts.cluster_workers import Killer, Worker, tasks_by_worker
from scripts.first_runs import first_runs, say
from scripts.local_airflow import PROJECT, AirflowDidNotStart, LocalAirflow
from scripts.private_servers import NoServers, PrivateServers
from scripts.run import SETTINGS_PORT, CannotRun, end_on_signals, only_one, set_start_date

CREATES = {
    "syspro": "Transaction/Post:GENTJL",
    "acumatica": "PUT Bill",
    "dynamics_gp": "CreateGLTransaction",
    "ifs_cloud": "Create",
    "sage_100": "agent:CreateEntry",
}
WORKERS = ("worker-1", "worker-2")
TASKS_PER_WORKER = 4
# Long enough for the kill to strike while the answer is on its way, shorter than the request's limit.
ANSWER_DELAY_S = 15
REQUEST_TIMEOUT_S = 20
SETTLE_S = 5

# What a dead worker costs is waiting: Airflow's defaults are meant for workers that are far away (five minutes until a
# silent task counts as dead, ten until a message that nobody took is sent again).
CELERY = {
    ("core", "executor"): "CeleryExecutor",
    ("core", "hostname_callable"): "scripts.worker_name.worker_name",
    ("scheduler", "task_instance_heartbeat_sec"): "5",
    ("scheduler", "task_instance_heartbeat_timeout"): "30",
    ("scheduler", "task_instance_heartbeat_timeout_detection_interval"): "5",
    ("scheduler", "task_queued_timeout"): "60",
    ("scheduler", "task_queued_timeout_check_interval"): "10",
    # Also what runs longer is delivered a second time then: Airflow must refuse it, and if it did not, the ledger would.
    ("celery_broker_transport_options", "visibility_timeout"): "60",
    ("celery", "worker_prefetch_multiplier"): "1",
    ("celery", "sync_parallelism"): "1",
    ("celery", "operation_timeout"): "10",
}


@dataclass(frozen=True)
class Cluster:
    """Where the demo on a cluster lives, and how patient it is."""

    folder: Path = PROJECT / ".run" / "cluster"
    tenants: Path = PROJECT / "include" / "sandbox" / "tenants"
    settings: Path = PROJECT / "airflow_settings.yaml"
    timeout_s: float = 2400.0

    @property
    def own_tenants(self) -> Path:
        return self.folder / "tenants"


def main(arguments: list[str] | None = None) -> int:
    argparse.ArgumentParser(prog="make cluster", description=__doc__).parse_args(arguments)
    if importlib.util.find_spec("airflow.providers.celery") is None:
        print("make cluster: the Celery provider is not installed; `make cluster` installs it", file=sys.stderr)
        return 1
    end_on_signals()
    try:
        return run(Cluster())
    except (CannotRun, NoServers, AirflowDidNotStart, TimeoutError) as error:
        print(f"make cluster: {error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        say("ended; no process is left")
        return 130


def run(cluster: Cluster) -> int:
    """The whole demo; all processes have ended when it returns or raises."""
    with only_one(cluster.folder.with_name(cluster.folder.name + "-lock")):
        tenants = lay_out(cluster)
        with PrivateServers(cluster.folder / "servers") as servers:
            for database in ("airflow", "ledger"):
                servers.create_database(database)
            say("PostgreSQL and Redis answer")
            sandbox = Sandbox(*services())
            seed(sandbox, datetime.now(UTC).date())
            before = cluster_check.documents(sandbox)
            slow_down_first_answers(sandbox)
            with sandbox, started(cluster, servers) as (airflow, workers):
                objects(cluster, sandbox).load_into(airflow.api)
                airflow.api.put_connection(servers.airflow_connection("expense_ledger", "ledger"))
                ledger_url = servers.database_url("ledger")
                killer = Killer(workers, airflow.api, lambda: cluster_check.LedgerView.read(ledger_url))
                killer.start()
                try:
                    first_runs(airflow, tenants, cluster.timeout_s)
                finally:
                    killer.stop()
                view = cluster_check.LedgerView.read(ledger_url)
                return show(cluster, tenants, view, sandbox, before, killer, airflow)


def lay_out(cluster: Cluster) -> list[str]:
    """A fresh folder with the tenants' files; returns the tenants."""
    shutil.rmtree(cluster.folder, ignore_errors=True)
    shutil.copytree(cluster.tenants, cluster.own_tenants)
    (cluster.folder / "archive").mkdir()
    files = sorted(cluster.own_tenants.glob("*.yaml"))
    for file in files:
        set_start_date(file)
        content = yaml.safe_load(file.read_text())
        # The simulated servers answer at once or never: nobody has to wait eleven minutes for them.
        content["erp"] |= {"settle_s": SETTLE_S, "request_timeout_s": REQUEST_TIMEOUT_S}
        file.write_text(yaml.safe_dump(content, sort_keys=False))
    return [file.stem for file in files]


def slow_down_first_answers(sandbox: Sandbox) -> None:
    """The first create of each ERP is answered late, so that the kill strikes between effect and answer.

    Two of them take effect late as well: when their sender is dead already.
    """
    for erp, operation in CREATES.items():
        when: Literal["before", "after"] = "before" if erp in ("dynamics_gp", "ifs_cloud") else "after"
        sandbox.faults.add(Fault(erp, operation, Delay(ANSWER_DELAY_S), when, times=2))


@contextlib.contextmanager
def started(cluster: Cluster, servers: PrivateServers) -> Iterator[tuple[LocalAirflow, list[Worker]]]:
    """Airflow and its workers; the workers end first, as they report to Airflow."""
    broker = {
        ("celery", "broker_url"): servers.redis_url,
        ("celery", "result_backend"): "db+" + servers.database_url("airflow"),
    }
    airflow = LocalAirflow(
        cluster.folder / "airflow",
        PROJECT / "dags",
        PROJECT / "plugins",
        database_url=servers.database_url("airflow"),
        environment={"EXPENSIFY_ERP_TENANTS": str(cluster.own_tenants)},
        options=CELERY | broker,
        parallelism=TASKS_PER_WORKER * len(WORKERS),
        refresh_s=60,
        start_timeout_s=600,
    )
    say("starting Airflow (scheduler, DAG processor, API servers)")
    with airflow, contextlib.ExitStack() as stack:
        workers = [Worker(name, airflow, TASKS_PER_WORKER) for name in WORKERS]
        for worker in workers:
            stack.callback(worker.stop)
            worker.start()
        for worker in workers:
            worker.wait_until_ready()
        say(f"{len(workers)} Celery workers are ready, {TASKS_PER_WORKER} tasks each")
        yield airflow, workers


def objects(cluster: Cluster, sandbox: Sandbox) -> AirflowObjects:
    """The demo's connections and pools, moved to this sandbox, with an archive that both workers see."""
    found = read_settings(cluster.settings).moved(ports={SETTINGS_PORT: sandbox.port})
    archive = Connection(
        conn_id="expense_archive",
        conn_type="generic",
        conn_host=(cluster.folder / "archive").resolve().as_uri(),
        conn_password=Fernet.generate_key().decode(),
    )
    return found.model_copy(update={"connections": [*found.connections, archive]})


def show(
    cluster: Cluster,
    tenants: list[str],
    view: cluster_check.LedgerView,
    sandbox: Sandbox,
    before: list[cluster_check.Document],
    killer: Killer,
    airflow: LocalAirflow,
) -> int:
    """Print the journals, the workers' shares and every rule with its outcome; 0 when all hold."""
    journals = view.shown()
    print(f"\n{run_report.table(journals)}\n")
    for worker, count in sorted(tasks_by_worker(airflow.api, [f"expenses__{one}" for one in tenants]).items()):
        state = (
            f"killed while it posted {len(killer.victims)}" if killer.killed and killer.killed.name == worker else ""
        )
        print(f"{worker}: {count} tasks ended here  {state}".rstrip())
    marking = [one for one in tenants if _marks(cluster.own_tenants / f"{one}.yaml")]
    with sandbox.lock:
        reports = list(sandbox.expensify.reports.values())
        labels = {name: set(found) for name, found in sandbox.expensify.labels.items()}
        jobs = list(sandbox.expensify.jobs)
    rules = {
        "a worker was killed while it posted": _kill_happened(killer),
        "all is posted that should be": run_report.verdict(journals, tenants, EXPECTED_HELD),
        "one document in the ERP per posted journal, to the cent": cluster_check.not_exactly_once(
            view, before, cluster_check.documents(sandbox)
        ),
        "each journal balances and is the sum of its expenses": cluster_check.unbalanced(view),
        "every approved expense is in exactly one journal": cluster_check.not_claimed_once(view, reports),
        "marked in Expensify only after posting": cluster_check.marked_too_early(view, jobs),
        "what is posted is marked": cluster_check.unmarked(view, labels, marking),
    }
    print()
    for rule, broken in rules.items():
        print(f"{'broken' if broken else 'holds '}  {rule}")
        for finding in broken:
            print(f"        {finding}")
    sys.stdout.flush()
    return 1 if any(rules.values()) else 0


def _kill_happened(killer: Killer) -> list[str]:
    if killer.problem is not None:
        return [f"the watch over the workers failed: {killer.problem}"]
    return [] if killer.killed is not None else ["no worker was seen posting: nothing was shown"]


def _marks(tenant_file: Path) -> bool:
    return bool(yaml.safe_load(tenant_file.read_text())["expensify"].get("mark_exported"))


if __name__ == "__main__":
    raise SystemExit(main())
