"""Expensify behind an Airflow connection: login is the partnerUserID, password the partnerUserSecret."""

from __future__ import annotations

import hashlib

from airflow.sdk import BaseHook

from expensify_erp.hooks.connections import connection_of
from expensify_erp.hooks.endpoint import endpoint_of
from include.erps.private_state import PrivateBudget
from include.expensify.client import ExpensifyClient
from include.ledger.database import Ledger
from include.ledger.limiter import Budget, Limit
from include.transport import HttpClient

# Expensify's own limits, per credential pair: all processes share them through the ledger.
LIMITS = (Limit(5, 10), Limit(20, 60))


class ExpensifyHook(BaseHook):
    """Opens an Expensify client whose requests count against the budget of its credentials.

    :param ledger: carries that budget for all processes; ``None``: this process counts for itself.
    :param attempts: for a short question that somebody waits for: so many tries, each within ``request_timeout_s``.
    """

    conn_name_attr = "conn_id"
    hook_name = "Expensify"

    def __init__(
        self,
        conn_id: str,
        ledger: Ledger | None,
        request_timeout_s: float,
        *,
        file_ready_within_s: float = 600,
        attempts: int | None = None,
    ) -> None:
        super().__init__()
        self.attempts = attempts
        self.conn_id = conn_id
        self.ledger = ledger
        self.request_timeout_s = request_timeout_s
        self.file_ready_within_s = file_ready_within_s

    def get_conn(self) -> ExpensifyClient:
        """A client with the connection as it is now, so that a rotated key counts at once.

        :raises include.errors.Misconfigured: the connection lacks a field.
        """
        endpoint = endpoint_of(connection_of(self.conn_id))
        credential = hashlib.sha256(endpoint.login.encode()).hexdigest()[:16]
        http = HttpClient(
            endpoint.base_url,
            verify=endpoint.verify,
            request_timeout_s=self.request_timeout_s,
            max_body_bytes=4 * 1024**3,
            secrets=[endpoint.password],
        )
        budget = (
            PrivateBudget([(limit.count, limit.seconds) for limit in LIMITS])
            if self.ledger is None
            else Budget(self.ledger, f"expensify:{credential}", LIMITS)
        )
        timeout_s = self.request_timeout_s
        if self.attempts is None:
            return ExpensifyClient(
                http,
                endpoint.login,
                endpoint.password,
                budget,
                file_timeout_s=timeout_s,
                ready_within_s=self.file_ready_within_s,
            )
        return ExpensifyClient(
            http,
            endpoint.login,
            endpoint.password,
            budget,
            file_timeout_s=timeout_s,
            request_timeout_s=timeout_s,
            attempts=self.attempts,
        )
