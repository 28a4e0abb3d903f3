"""One real Airflow on this machine: scheduler with LocalExecutor, DAG processor, API server. Nothing simulated.

``make run`` and the end-to-end tests use the same class::

    with LocalAirflow(home=tmp_path, dags_folder=project / "dags") as airflow:
        airflow.api.wait_for_dag("expenses__midwest")

The components are started separately instead of ``airflow standalone``: no triggerer (nothing here defers), no process that
relays output, a start that does not migrate the database a second time, and two API servers, one for people and one for
tasks. A single one stands still on SQLite when a person's click and a task's report meet: Airflow writes the click's audit
line on the server's only loop, where it waits for a lock that the task's request gives back on that same loop; until the
time-out ends it the scheduler waits too, and dies of it.

Everything lives in ``home``: configuration, metadata database (SQLite unless a PostgreSQL URL is given), logs, keys.
The configuration is a file, ``airflow.cfg``, so that ``AIRFLOW_HOME=<home> airflow ...`` typed by hand means the same
Airflow; variables named ``AIRFLOW__...`` of the caller's shell are not passed on.
"""

import configparser
import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from cryptography.fernet import Fernet

from scripts.airflow_api import AirflowApi
from scripts.process_group import ProcessGroup, Program

PROJECT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
USERNAME = "admin"
# In the order in which they end: the scheduler waits for running tasks, and these report to the API server.
COMPONENTS = ("scheduler", "dag-processor", "task-api-server", "api-server")
SQLITE_TIMEOUT_S = 30
# Migrating an empty database costs about eight seconds, copying the result none.
TEMPLATES = PROJECT / ".run" / "templates"


class AirflowDidNotStart(RuntimeError):
    """Airflow ended or did not become healthy; the text carries the logs' last lines."""


class LocalAirflow:
    """A real Airflow in ``home``; a context manager. ``stop`` leaves no process, ``start`` again continues on the same home.

    :param home: AIRFLOW_HOME; made when missing. What it already holds (database, keys, password) is kept.
    :param dags_folder: the DAG files.
    :param plugins_folder: Airflow plugins; None for none.
    :param database_url: SQLAlchemy URL of a PostgreSQL metadata database; None: SQLite in ``home``.
    :param port: the API server's; 0 picks a free one.
    :param environment: further variables for every component and task (EXPENSIFY_ERP_TENANTS ...).
    :param options: further configuration, ``{("core", "parallelism"): "16"}``.
    :param parallelism: tasks at a time; each is a process of about 150 MB.
    :param password: the user's; None makes one and keeps it in ``home``.
    :param stop_grace_s: how long ``stop`` lets running tasks finish before it ends them.
    :param refresh_s: how soon a changed or new DAG file is seen.
    """

    def __init__(
        self,
        home: Path,
        dags_folder: Path,
        plugins_folder: Path | None = None,
        *,
        database_url: str | None = None,
        port: int = 0,
        environment: Mapping[str, str] | None = None,
        options: Mapping[tuple[str, str], str] | None = None,
        parallelism: int = 4,
        password: str | None = None,
        refresh_s: int = 2,
        start_timeout_s: float = 180.0,
        stop_grace_s: float = 10.0,
    ) -> None:
        self.home = home.resolve()
        self.dags_folder = dags_folder.resolve()
        self.plugins_folder = plugins_folder.resolve() if plugins_folder else self.home / "no-plugins"
        self.logs = self.home / "logs"
        # Its default of five seconds is too short for a busy machine: a scheduler that meets a locked database ends.
        self.database_url = database_url or f"sqlite:///{self.home}/airflow.db?timeout={SQLITE_TIMEOUT_S}"
        self.port = port or free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._task_port = free_port()
        self.username = USERNAME
        self.password = password or ""
        self._environment = dict(environment or {})
        self._options = dict(options or {})
        self._parallelism = parallelism
        self._refresh_s = refresh_s
        self._start_timeout_s = start_timeout_s
        self._stop_grace_s = stop_grace_s
        self._group: ProcessGroup | None = None
        self._api: AirflowApi | None = None

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Prepare the home, start the components, wait until all are healthy. Stops everything again on failure."""
        self.prepare()
        bin_airflow = [sys.executable, "-m", "airflow"]
        argv = {
            # The log server of the scheduler would take a fixed port; the logs are files the API server reads itself.
            "scheduler": [*bin_airflow, "scheduler", "--skip-serve-logs"],
            "dag-processor": [*bin_airflow, "dag-processor"],
            "task-api-server": self._api_server("execution", self._task_port),
            "api-server": self._api_server("core", self.port),
        }
        self._group = ProcessGroup(
            [Program(name, argv[name], self.log_file(name)) for name in COMPONENTS],
            env=self.env(),
            cwd=PROJECT,
            grace_s=self._stop_grace_s,
        )
        try:
            self._group.start()
            self.wait_until_healthy()
            self._api = AirflowApi(self.url, self.username, self.password)
        except BaseException:
            self.stop()
            raise

    def _api_server(self, apps: str, port: int) -> list[str]:
        serve = [sys.executable, "-m", "airflow", "api-server", "--host", HOST]
        return [*serve, "--port", str(port), "--apps", apps]

    def stop(self) -> None:
        """End every process of this Airflow, running tasks too; returns when none is left."""
        if self._api is not None:
            self._api.close()
            self._api = None
        if self._group is not None:
            self._group.stop()

    def kill(self) -> None:
        """SIGKILL all processes at once, as a power cut would. ``start`` brings the same Airflow back."""
        if self._api is not None:
            self._api.close()
            self._api = None
        if self._group is not None:
            self._group.kill()

    def processes(self) -> list[int]:
        """Ids of all living processes of this Airflow, tasks and their supervisors included."""
        return self._group.members() if self._group is not None else []

    def ended(self) -> str | None:
        """None while Airflow runs, else which component ended and how."""
        return self._group.ended() if self._group is not None else "Airflow was not started"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _task_url(self) -> str:
        return f"http://{HOST}:{self._task_port}/execution"

    @property
    def api(self) -> AirflowApi:
        if self._api is None:
            raise RuntimeError("Airflow is not running: call start() first")
        return self._api

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        state = "no answer yet"
        with httpx.Client(base_url=self.url, timeout=5.0, trust_env=False) as http:
            while time.monotonic() < deadline:
                if (ended := self.ended()) is not None:
                    raise AirflowDidNotStart(f"Airflow did not start: {ended}\n{self.log_tail()}")
                with contextlib.suppress(httpx.HTTPError, ValueError):
                    health = http.get("/api/v2/monitor/health").raise_for_status().json()
                    parts = {part: (health[part] or {}).get("status") for part in ("scheduler", "dag_processor")}
                    state = ", ".join(f"{part}: {status}" for part, status in parts.items())
                    if set(parts.values()) == {"healthy"}:
                        state = "the tasks' API server does not answer yet"
                        http.get(f"{self._task_url}/health").raise_for_status()
                        return
                time.sleep(0.2)
        raise AirflowDidNotStart(
            f"Airflow is not healthy after {self._start_timeout_s:.0f} s ({state}); "
            f"a slower machine needs a longer start_timeout_s.\n{self.log_tail()}"
        )

    # --- what it needs ------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Configuration, keys, password file and database, without starting anything. Keeps what is there."""
        for folder in (self.home, self.logs, self.home / "no-plugins"):
            folder.mkdir(parents=True, exist_ok=True)
        self._write_config()
        if self.database_url.startswith("sqlite:///"):
            self._make_sqlite(Path(self.database_url.removeprefix("sqlite:///").partition("?")[0]))
        else:
            self._migrate(self.env())

    def env(self) -> dict[str, str]:
        """The environment of every component; also right for an ``airflow`` command line on this home."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW_", "AIRFLOW__", "_AIRFLOW")) and name != "EXPENSIFY_ERP_TENANTS"
        }
        return inherited | {
            "AIRFLOW_HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "plugins")]),
            # Tasks talk to the API server over loopback: a proxy of the machine must stay out of it.
            "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), HOST, "localhost"])),
            "no_proxy": ",".join(filter(None, [os.environ.get("no_proxy"), HOST, "localhost"])),
            # A crashed worker must not leave half a line in a log that a person reads.
            "PYTHONUNBUFFERED": "1",
            **self._environment,
        }

    def log_file(self, component: str) -> Path:
        return self.logs / f"{component}.log"

    def log_tail(self, lines: int = 25) -> str:
        """The last lines of every component's log, for error messages."""
        parts = []
        for name in COMPONENTS:
            log = self.log_file(name)
            last = log.read_text(errors="replace").splitlines()[-lines:] if log.exists() else []
            parts.append(f"--- {log} ---\n" + "\n".join(last))
        return "\n".join(parts)

    def _write_config(self) -> None:
        """Write ``airflow.cfg`` before any component starts: three at once would each write a default one."""
        config_file, password_file = self.home / "airflow.cfg", self.home / "passwords.json"
        before = configparser.ConfigParser(interpolation=None)
        before.read(config_file)

        def keep(section: str, option: str, new: str) -> str:
            return before.get(section, option, fallback=new)

        if not self.password:
            known = json.loads(password_file.read_text()) if password_file.exists() else {}
            self.password = str(known.get(self.username) or secrets.token_urlsafe(9))
        _write_private(password_file, json.dumps({self.username: self.password}))
        options: dict[tuple[str, str], str] = {
            ("core", "dags_folder"): str(self.dags_folder),
            ("core", "plugins_folder"): str(self.plugins_folder),
            ("core", "executor"): "LocalExecutor",
            ("core", "parallelism"): str(self._parallelism),
            ("core", "load_examples"): "False",
            # The Test button of the connection forms.
            ("core", "test_connection"): "Enabled",
            ("core", "fernet_key"): keep("core", "fernet_key", Fernet.generate_key().decode()),
            ("core", "simple_auth_manager_users"): f"{self.username}:admin",
            ("core", "simple_auth_manager_passwords_file"): str(password_file),
            ("core", "execution_api_server_url"): f"{self._task_url}/",
            ("database", "sql_alchemy_conn"): self.database_url,
            ("api", "host"): HOST,
            ("api", "port"): str(self.port),
            ("api", "base_url"): self.url,
            ("api", "workers"): "1",
            ("api", "secret_key"): keep("api", "secret_key", secrets.token_hex(16)),
            ("api_auth", "jwt_secret"): keep("api_auth", "jwt_secret", secrets.token_hex(32)),
            ("dag_processor", "refresh_interval"): str(self._refresh_s),
            ("dag_processor", "bundle_refresh_check_interval"): "1",
            ("dag_processor", "min_file_process_interval"): str(self._refresh_s),
            ("dag_processor", "parsing_processes"): "1",
            ("scheduler", "scheduler_heartbeat_sec"): "1",
            ("scheduler", "scheduler_idle_sleep_time"): "0.2",
            ("logging", "base_log_folder"): str(self.logs),
            ("logging", "dag_processor_child_process_log_directory"): str(self.logs / "dag_files"),
            **self._options,
        }
        config = configparser.ConfigParser(interpolation=None)
        for (section, option), value in options.items():
            if not config.has_section(section):
                config.add_section(section)
            # Airflow's reader interpolates: a bare % would be an error.
            config.set(section, option, value.replace("%", "%%"))
        fresh = config_file.with_suffix(".new")
        _write_private(fresh, "")
        with fresh.open("w") as text:
            config.write(text)
        fresh.replace(config_file)

    def _make_sqlite(self, database: Path) -> None:
        if database.exists():
            return
        template = TEMPLATES / f"airflow-{version('apache-airflow')}-{version('sqlalchemy')}.db"
        if not template.exists():
            template.parent.mkdir(parents=True, exist_ok=True)
            made = database.with_suffix(".migrating.db")
            self._migrate(self.env() | {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{made}"})
            # Under a name of its own first: two Airflows may make the template at the same time.
            copy = template.with_suffix(f".{os.getpid()}")
            shutil.copyfile(made, copy)
            copy.replace(template)
            made.unlink()
        shutil.copyfile(template, database)

    def _migrate(self, env: Mapping[str, str]) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=dict(env),
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AirflowDidNotStart(
                f"`airflow db migrate` ended with code {done.returncode}:\n{(done.stdout + done.stderr)[-4000:]}"
            )


def free_port() -> int:
    """A port that is free now. Another program may take it before it is used; a test then fails with a clear message."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection of the last run that is still closing does not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _write_private(path: Path, text: str) -> None:
    """Keys and passwords: readable by their owner only, from the first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
