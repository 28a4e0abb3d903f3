"""One ERP company behind an Airflow connection; every ERP's hook is a subclass of :class:`ErpHook`."""

from __future__ import annotations

from abc import abstractmethod
from importlib import import_module

from airflow.sdk import BaseHook

from expensify_erp.hooks.archive import ArchiveHook
from expensify_erp.hooks.connections import connection_of
from expensify_erp.hooks.endpoint import Endpoint, endpoint_of
from include.erps.port import Erp, ErpSettings
from include.erps.private_state import PrivateBudget, PrivateTokens
from include.erps.registry import ERPS
from include.erps.shared_state import TokenStore
from include.errors import Misconfigured
from include.ledger.database import Ledger
from include.ledger.limiter import Budget, Limit
from include.ledger.token_store import LedgerTokens
from include.request_budget import RequestBudget


class ErpHook(BaseHook):
    """Turns the tenant's ERP connection into a session.

    :param ledger: carries what sessions share; ``None``: the session shares nothing and leaves no trace of ours.
    """

    conn_name_attr = "conn_id"

    def __init__(self, settings: ErpSettings, ledger: Ledger | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.ledger = ledger
        self.conn_id = settings.connection
        self._used: Endpoint | None = None

    def endpoint(self) -> Endpoint:
        """The connection as it is now."""
        self._used = endpoint_of(connection_of(self.conn_id))
        return self._used

    def is_changed(self) -> bool:
        """Whether the connection is another one now than when it was last read here."""
        used = self._used
        return used is not None and self.endpoint() != used

    def target(self) -> str:
        """Names the company in the ledger: ERP type and ``erp.target``, or host and company.

        :raises Misconfigured: the connection does not name the company.
        """
        if self.settings.target is not None:
            return f"{self.settings.type}:{self.settings.target}"
        endpoint = self.endpoint()
        try:
            company = self.settings.company(endpoint.extra)
        except ValueError as error:
            raise Misconfigured(f"the connection {self.conn_id} does not name the company: {error}") from None
        return f"{self.settings.type}://{endpoint.host}/{company}"

    def tokens(self) -> TokenStore:
        """Where this connection's sessions are kept between tasks; without a ledger, in this process alone."""
        if self.ledger is None:
            return PrivateTokens()
        return LedgerTokens(self.ledger, ArchiveHook().keys())

    def budget(self, name: str, *limits: Limit) -> RequestBudget:
        """A request budget shared by all tasks that use this connection; without a ledger, of this process alone."""
        if self.ledger is None:
            return PrivateBudget([(limit.count, limit.seconds) for limit in limits])
        return Budget(self.ledger, name, limits)

    @abstractmethod
    def get_conn(self) -> Erp:
        """A session, to be used as a context manager; nothing is sent before its first use."""


def erp_hook(settings: ErpSettings, ledger: Ledger | None = None) -> ErpHook:
    """The hook of the tenant's ERP. The ledger carries what its sessions share; naming the target needs none."""
    module, _, name = ERPS[settings.type].hook.partition(":")
    hook = getattr(import_module(module), name)(settings, ledger)
    assert isinstance(hook, ErpHook)
    return hook
