"""Raw exports at rest, behind the Airflow connection ``expense_archive``.

Its host is a folder's URL (local, or anything ``ObjectStoragePath`` knows), its password a comma list of Fernet keys. Without
it: a folder in AIRFLOW_HOME, and Airflow's own ``fernet_key``.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from airflow.sdk import BaseHook, Connection, ObjectStoragePath, conf
from cryptography.fernet import MultiFernet

from expensify_erp.hooks.connections import connection_if_any
from expensify_erp.hooks.home import airflow_home
from include.errors import Misconfigured
from include.expensify.archive import SUFFIX, archive_keys

CONNECTION = "expense_archive"


class ArchiveHook(BaseHook):
    """Paths and keys of the archive."""

    conn_name_attr = "conn_id"
    default_conn_name = CONNECTION
    hook_name = "Expense archive"

    def __init__(self, conn_id: str = CONNECTION) -> None:
        super().__init__()
        self.conn_id = conn_id

    def get_conn(self) -> ObjectStoragePath:
        """The archive's folder."""
        connection = self._connection()
        if connection is None or not connection.host:
            return ObjectStoragePath(Path(airflow_home(), "expense_archive").as_uri())
        host = connection.host
        url = host if "://" in host else Path(host).expanduser().absolute().as_uri()
        return ObjectStoragePath(url)

    def keys(self) -> MultiFernet:
        """The archive's keys: the first encrypts, all decrypt.

        :raises Misconfigured: there is no key at all.
        """
        connection = self._connection()
        text = connection.password if connection is not None and connection.password else ""
        text = text or conf.get("core", "fernet_key", fallback="") or ""
        if not text:
            raise Misconfigured(
                "raw exports cannot be encrypted: set Fernet keys as password of the connection expense_archive, or "
                "Airflow's own AIRFLOW__CORE__FERNET_KEY"
            )
        return archive_keys(text)

    def folder_of(self, tenant: str) -> ObjectStoragePath:
        """The tenant's folder; made when it is missing."""
        folder = self.get_conn() / tenant
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def new_file(self, tenant: str, run_id: str, now: datetime) -> ObjectStoragePath:
        """A path for one export of a run, never used before."""
        run = re.sub(r"[^A-Za-z0-9_.+-]", "_", run_id)
        return self.folder_of(tenant) / f"{run}.{now:%Y%m%dT%H%M%S%fZ}{SUFFIX}"

    def _connection(self) -> Connection | None:
        return connection_if_any(self.conn_id)
