"""A private PostgreSQL from the distribution's binaries: in a temporary folder, gone when the tests end."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

# Nothing here has to survive a power cut.
FAST = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=200"]


def binaries() -> Path | None:
    """The folder of ``initdb`` and ``pg_ctl``, newest version first."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True
    )
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def why_not() -> str | None:
    """Why no cluster can be started here, or ``None``."""
    if binaries() is None:
        return "PostgreSQL is not installed (no /usr/lib/postgresql/*/bin/initdb)"
    if os.geteuid() == 0 and not _has_user("postgres"):
        return "PostgreSQL refuses to run as root and there is no user `postgres`"
    return None


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running() -> Iterator[sa.URL]:
    """Start a cluster; yields the URL of its database ``postgres``."""
    folder = binaries()
    assert folder is not None
    home = Path(tempfile.mkdtemp(prefix="ledger-pg-"))
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(home, account.pw_uid, account.pw_gid)
        as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def run(*command: str) -> None:
        # The server inherits what it is given: a pipe would keep the caller waiting for the server's end.
        with (home / "output").open("ab") as output:
            subprocess.run(
                command, check=True, cwd=home, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **as_user
            )

    try:
        data = home / "data"
        port = _free_port()
        run(str(folder / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        options = ["port=" + str(port), "listen_addresses=127.0.0.1", f"unix_socket_directories={home}", *FAST]
        flags = " ".join(f"-c {option}" for option in options)
        run(str(folder / "pg_ctl"), "-D", str(data), "-l", str(home / "log"), "-w", "-o", flags, "start")
        try:
            yield sa.URL.create("postgresql+psycopg2", "postgres", None, "127.0.0.1", port, "postgres")
        finally:
            run(str(folder / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


class Server:
    """Hands out fresh databases."""

    def __init__(self, url: sa.URL) -> None:
        self._admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
        self._url = url
        self._prefix = f"ledger_{os.getpid()}"
        self._made: list[str] = []

    def new(self) -> sa.URL:
        """A database of its own, empty."""
        name = f"{self._prefix}_{len(self._made)}"
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
        self._made.append(name)
        return self._url.set(database=name)

    def drop(self, url: sa.URL) -> None:
        """Remove a database, whoever is still connected."""
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{url.database}" WITH (FORCE)')

    def drop_all(self) -> None:
        """Leave a server that is not ours as it was."""
        for name in self._made:
            self.drop(self._url.set(database=name))


class EmptiedDatabase:
    """One database for many tests: much faster than a new one each time, and just as empty."""

    def __init__(self, url: sa.URL, metadata: sa.MetaData) -> None:
        self.url = url
        self._engine = sa.create_engine(url)
        self._delete = [table.delete() for table in metadata.sorted_tables]

    def empty(self) -> None:
        """Remove all rows, and whoever a test before left behind."""
        others = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with self._engine.begin() as connection:
            connection.exec_driver_sql(others)
            for delete in self._delete:
                connection.execute(delete)
