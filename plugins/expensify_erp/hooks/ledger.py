"""The ledger behind the Airflow connection ``expense_ledger``."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import BaseHook

from expensify_erp.hooks.connections import connection_if_any
from expensify_erp.hooks.home import airflow_home
from include.ledger.database import Ledger, ledger_url
from include.ledger.view import LedgerView

CONNECTION = "expense_ledger"


class LedgerHook(BaseHook):
    """Opens the ledger; without a connection, a SQLite file in AIRFLOW_HOME."""

    conn_name_attr = "conn_id"
    default_conn_name = CONNECTION
    hook_name = "Expense ledger"

    def __init__(self, conn_id: str = CONNECTION) -> None:
        super().__init__()
        self.conn_id = conn_id

    def get_conn(self) -> Ledger:
        """The ledger, created or migrated on first use.

        :raises include.errors.Misconfigured: the connection's type is not one a ledger can live in.
        :raises include.errors.Retryable: Airflow cannot tell now whether there is a connection.
        """
        ledger = Ledger(self._url())
        ledger.create_if_missing()
        return ledger

    def view(self) -> LedgerView:
        """The ledger to look at: neither created, nor migrated, nor written to; raises as :meth:`get_conn`."""
        return LedgerView(self._url())

    def _url(self) -> str:
        connection = connection_if_any(self.conn_id)
        if connection is None:
            return f"sqlite:///{Path(airflow_home(), 'expense_ledger.db')}"
        url = ledger_url(
            connection.conn_type,
            connection.host,
            connection.port,
            connection.login,
            connection.password,
            connection.schema,
        )
        return url.render_as_string(hide_password=False)
