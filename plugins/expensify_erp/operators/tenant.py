"""What every step of a tenant's DAG shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

from airflow.sdk import BaseOperator, Context, ObjectStoragePath

from expensify_erp.hooks.archive import ArchiveHook
from expensify_erp.hooks.erp import erp_hook
from expensify_erp.hooks.ledger import LedgerHook
from expensify_erp.operators.params import listed
from include.erps.port import Erp
from include.errors import Held, Refused, Retryable
from include.expensify.archive import read_lines
from include.ledger import runs
from include.ledger.database import Ledger
from include.ledger.journals import Actor, Scope
from include.ledger.plan import Reading
from include.ledger.reading import reading_of
from include.ledger.runs import Run, RunKey
from include.settings import catalogue
from include.settings.tenant import Tenant

LIVE_RUN_STATES = ("queued", "running")


class TenantOperator(BaseOperator):
    """One step for one tenant. The tenant file is read when the step runs, so an edited mapping counts at once."""

    def __init__(self, *, tenant: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tenant = tenant

    def settings(self) -> Tenant:
        """The tenant file as it is now."""
        return catalogue.load(self.tenant)

    def ledger(self) -> AbstractContextManager[Ledger]:
        """The ledger, to be closed after the step."""
        return LedgerHook().get_conn()

    def scope(self, tenant: Tenant) -> Scope:
        """Whose journals this step handles. Asks the connection, not the ERP."""
        return Scope(tenant.name, erp_hook(tenant.erp).target(), tenant.names)

    @contextmanager
    def open_erp(self, tenant: Tenant, ledger: Ledger) -> Iterator[Erp]:
        """A session with the tenant's ERP.

        What it refuses is looked at once more where somebody changed the connection meanwhile: a rotated secret.

        :raises Retryable: the step failed with a connection that is another one by now.
        """
        hook = erp_hook(tenant.erp, ledger)
        with hook.get_conn() as erp:
            try:
                yield erp
            except Refused as error:
                if not hook.is_changed():
                    raise
                raise Retryable(
                    f"the connection {hook.conn_id} was changed while this step ran, which is tried again with what it says "
                    f"now: {error}",
                    delay_s=1,
                ) from None

    def reading(self, uri: str, ledger: Ledger, scope: Scope, tenant: Tenant, run: Run, context: Context) -> Reading:
        """What the run's export holds."""
        with ledger.read() as connection:
            uncovered = runs.uncovered(connection, scope)
        any_alive = self.liveness(context)
        others = [window for key, window in uncovered if key != run.key and any_alive([key])]
        named = listed(context["params"], "report_ids")
        lines = read_lines(ObjectStoragePath(uri), ArchiveHook().keys())
        return reading_of(lines, tenant, window=run.window, named=named, others=others)

    @staticmethod
    def actor(context: Context) -> Actor:
        """This task instance, as the ledger's events name it."""
        ti = context["ti"]
        return Actor(ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.try_number)

    @staticmethod
    def run_key(context: Context) -> RunKey:
        """This run."""
        return RunKey(context["ti"].dag_id, context["ti"].run_id)

    @staticmethod
    def run_of(ledger: Ledger, key: RunKey) -> Run:
        """The run as extract registered it.

        :raises Held: extract has not run.
        """
        with ledger.read() as connection:
            run = runs.find(connection, key)
        if run is None:
            raise Held(f"run {key.run_id} is not in the ledger: clear its extract task with everything downstream")
        return run

    @staticmethod
    def liveness(context: Context) -> Callable[[Iterable[RunKey]], bool]:
        """A function that tells whether any of some runs, other than this one, is still going on."""
        ti = context["ti"]

        @cache
        def is_alive(run: RunKey) -> bool:
            states = list(LIVE_RUN_STATES)
            return bool(ti.get_dr_count(run.dag_id, run_ids=[run.run_id], states=states))

        def any_alive(listed: Iterable[RunKey]) -> bool:
            own = RunKey(ti.dag_id, ti.run_id)
            return any(is_alive(run) for run in listed if run != own)

        return any_alive
