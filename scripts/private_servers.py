"""A PostgreSQL and a Redis of one's own, from Debian's packages: on loopback, with a password, gone when the owner ends.

Both run as one process group that ends with its starter, so nothing of the machine's own servers is touched and nothing
stays behind.
"""

import os
import pwd
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg2  # type: ignore[import-untyped]
import sqlalchemy as sa

from scripts.process_group import ProcessGroup, Program

HOST = "127.0.0.1"
USER = "postgres"
# Nothing here has to survive a power cut.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=64MB", "max_connections=200")


class NoServers(Exception):
    """The servers cannot be started here; the text says what is missing."""


def postgres_binaries() -> Path | None:
    """The folder of ``initdb`` and ``postgres``, newest version first."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: int(one.parent.name), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def why_not() -> str | None:
    """What is missing on this machine, or ``None``."""
    if postgres_binaries() is None:
        return "PostgreSQL is not installed. On Debian and Ubuntu: apt-get install postgresql"
    if shutil.which("redis-server") is None:
        return "Redis is not installed. On Debian and Ubuntu: apt-get install redis-server"
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            return "PostgreSQL refuses to run as root and `setpriv` (Debian: util-linux) is missing"
        try:
            pwd.getpwnam(USER)
        except KeyError:
            return f"PostgreSQL refuses to run as root and there is no user `{USER}`"
    return None


class PrivateServers:
    """Both servers; a context manager.

    :param folder: where their data and logs lie; emptied first. As root PostgreSQL's data lies in a temporary folder when the
        user ``postgres`` may not enter this one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._password = secrets.token_hex(16)
        self._postgres_port, self._redis_port = _free_ports(2)
        self._data = folder / "postgres"
        self._temporary: Path | None = None
        self._group: ProcessGroup | None = None

    def database_url(self, name: str) -> str:
        """SQLAlchemy URL of a database made with :meth:`create_database`."""
        return f"postgresql+psycopg2://{USER}:{self._password}@{HOST}:{self._postgres_port}/{name}"

    def airflow_connection(self, conn_id: str, database: str) -> dict[str, Any]:
        """The same database as an Airflow connection, as its API takes it."""
        url = sa.make_url(self.database_url(database))
        return {
            "connection_id": conn_id,
            "conn_type": "postgres",
            "host": url.host,
            "port": url.port,
            "schema": url.database,
            "login": url.username,
            "password": url.password,
        }

    @property
    def redis_url(self) -> str:
        return f"redis://:{self._password}@{HOST}:{self._redis_port}/0"

    def create_database(self, name: str) -> None:
        # A connection's own `with` would begin a transaction, which CREATE DATABASE does not take.
        with closing(self._connected()) as connection, connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}"')

    def __enter__(self) -> Self:
        missing = why_not()
        if missing is not None:
            raise NoServers(missing)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        try:
            self._group = ProcessGroup(
                [
                    Program("redis", self._redis(), self.folder / "redis.log"),
                    Program("postgres", self._postgres(), self.folder / "postgres.log"),
                ],
                env=dict(os.environ),
                cwd=Path("/"),
                grace_s=5,
            )
            self._group.start()
            self._wait()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._group is not None:
            self._group.stop()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def ended(self) -> str | None:
        """None while both run, else which ended and how."""
        return self._group.ended() if self._group is not None else "the servers were not started"

    def _redis(self) -> Sequence[str]:
        config = self.folder / "redis.conf"
        config.touch(mode=0o600)
        # The password in a file: a command line can be read by everybody on the machine.
        config.write_text(
            f'bind {HOST}\nport {self._redis_port}\nrequirepass {self._password}\nsave ""\nappendonly no\ndir "{self.folder}"\n'
        )
        return ["redis-server", str(config)]

    def _postgres(self) -> Sequence[str]:
        binaries = postgres_binaries()
        assert binaries is not None
        prefix: list[str] = []
        if os.geteuid() == 0:
            account = pwd.getpwnam(USER)
            prefix = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--"]
            if not _others_may_enter(self.folder):
                self._temporary = Path(tempfile.mkdtemp(prefix="private-postgres-"))
                self._data = self._temporary / "data"
                os.chown(self._temporary, account.pw_uid, account.pw_gid)
            self._data.mkdir(mode=0o700)
            os.chown(self._data, account.pw_uid, account.pw_gid)
        word = self._data.with_name("password")
        word.touch(mode=0o600)
        word.write_text(self._password)
        if prefix:
            os.chown(word, account.pw_uid, account.pw_gid)
        init = [str(binaries / "initdb"), "-D", str(self._data), "-U", USER, "-A", "scram-sha-256"]
        made = subprocess.run(
            [*prefix, *init, f"--pwfile={word}", "-E", "UTF8", "--locale=C", "-N"],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        word.unlink()
        if made.returncode:
            raise NoServers(f"initdb ended with code {made.returncode}:\n{(made.stdout + made.stderr)[-2000:]}")
        options = (f"port={self._postgres_port}", f"listen_addresses={HOST}", "unix_socket_directories=", *FAST)
        return [*prefix, str(binaries / "postgres"), "-D", str(self._data), *(f"--{one}" for one in options)]

    def _wait(self, timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            if (ended := self.ended()) is not None:
                logs = "\n".join(
                    (self.folder / f"{name}.log").read_text(errors="replace")[-2000:] for name in ("redis", "postgres")
                )
                raise NoServers(f"a server ended at its start: {ended}\n{logs}")
            try:
                self._connected().close()
                socket.create_connection((HOST, self._redis_port), timeout=1).close()
            except (psycopg2.OperationalError, OSError) as error:
                if time.monotonic() > deadline:
                    raise NoServers(f"the servers do not answer after {timeout_s:.0f} s: {error}") from None
                time.sleep(0.1)
            else:
                return

    def _connected(self) -> Any:
        connection = psycopg2.connect(
            host=HOST, port=self._postgres_port, user=USER, password=self._password, dbname="postgres"
        )
        connection.autocommit = True
        return connection


def _others_may_enter(folder: Path) -> bool:
    """Whether a user who owns none of it reaches the folder."""
    return all(one.stat().st_mode & stat.S_IXOTH for one in [folder, *folder.resolve().parents])


def _free_ports(count: int) -> list[int]:
    """Different ports that are free now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
