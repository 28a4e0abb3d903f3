"""One preflight: every question is asked, whatever became of the ones before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from include.clock import utc_now
from include.erps.port import Erp
from include.erps.site import Finding, ok
from include.expensify.client import ExpensifyClient
from include.preflight import coverage, workspaces
from include.preflight.asking import ask
from include.preflight.coverage import Row
from include.preflight.ledger_side import ledger_findings
from include.preflight.report import Preflight
from include.preflight.seen import Seen, seen_in
from include.preflight.workspaces import Workspace
from include.settings import catalogue
from include.settings.tenant import Tenant


@dataclass(frozen=True)
class Surroundings:
    """What a preflight needs of wherever it runs.

    :param pools: Airflow's pools with their slots; ``None`` where they cannot be read.
    :param stores: what is to be said of ledger, archive and keys.
    :param posted: IDs of reports that the ledger shows as posted.
    :param is_posting: whether a task of the tenant may be posting right now.
    """

    open_expensify: Callable[[Tenant], ExpensifyClient]
    open_erp: Callable[[Tenant], Erp]
    pools: Mapping[str, int] | None
    stores: Callable[[Tenant], Iterable[Finding]]
    posted: Callable[[Tenant], frozenset[str]]
    is_posting: Callable[[Tenant], bool]


def preflight(name: str, around: Surroundings, now: datetime | None = None) -> Preflight:
    """Check one tenant. Raises nothing that a check raises: it becomes a finding."""
    found: list[Finding] = []
    tenants: list[Tenant] = []
    found += ask("tenant file", lambda: _tenant_file(name, tenants))
    if not tenants:
        return Preflight(name, tuple(found))
    tenant = tenants[0]
    today = (now or utc_now()).astimezone(tenant.zone).date()
    found += ask("pool", lambda: _pool(tenant, around.pools))
    found += ask("worker queue", lambda: _queue(tenant))
    found += ask("ledger", lambda: around.stores(tenant))

    listed: list[Workspace] = []
    counted: list[Seen] = []

    def expensify_findings() -> Iterable[Finding]:
        with around.open_expensify(tenant) as expensify:
            visible, said = workspaces.visible(tenant, expensify)
            found.extend(said)
            listed.extend(visible)

            def read_sections() -> Iterable[Finding]:
                full, said = workspaces.with_sections(visible, expensify)
                listed[:] = full
                return said

            def count_reports() -> Iterable[Finding]:
                seen = seen_in(tenant, expensify, today, around.posted(tenant))
                counted.append(seen)
                return seen.findings(tenant, tenant.start_date, today)

            found.extend(ask("categories and tags", read_sections))
            found.extend(ask("reports", count_reports))
        return ()

    found += ask("Expensify", expensify_findings)
    seen = counted[0] if counted else None
    rows = _rows(tenant, listed, seen, found)
    if tenant.erp.needs_pool and around.is_posting(tenant):
        found.append(
            Finding(
                "blocking",
                tenant.erp.type,
                "a journal is being posted right now, and a second log-on could end that session: nothing was asked",
                "ask again when its run has ended",
            )
        )
    else:
        found += ledger_findings(lambda: around.open_erp(tenant), tenant, rows, seen, today)
    return Preflight(name, tuple(found), tuple(rows))


def _rows(tenant: Tenant, listed: list[Workspace], seen: Seen | None, found: list[Finding]) -> list[Row]:
    rows: list[Row] = []

    def build() -> Iterable[Finding]:
        rows.extend(coverage.rows_of(tenant, listed, seen))
        return ()

    found += ask("mapping", build)
    return rows


def _tenant_file(name: str, tenants: list[Tenant]) -> list[Finding]:
    tenants.append(catalogue.load(name))
    # Read alone it may be right, and clash with another one.
    clash = catalogue.load_all().errors.get(f"{name}.yaml")
    if clash is not None:
        return [Finding("blocking", "tenant file", clash)]
    return ok("tenant file", f"{name}.yaml is right")


def _pool(tenant: Tenant, pools: Mapping[str, int] | None) -> list[Finding]:
    pool = tenant.erp.pool
    where = "make it under Admin > Pools, with 1 slot" if tenant.erp.needs_pool else "make it under Admin > Pools"
    if pools is None:
        return [Finding("warning", "pool", f"whether the pool {pool} exists cannot be read from here", where)]
    if pool not in pools:
        return [
            Finding(
                "blocking", "pool", f"the pool {pool} does not exist: its tasks would stay scheduled for ever", where
            )
        ]
    if pools[pool] == 0:
        return [Finding("blocking", "pool", f"the pool {pool} has no slot: its tasks would never start", where)]
    if tenant.erp.needs_pool and pools[pool] != 1:
        message = f"the pool {pool} has {pools[pool]} slots, and {tenant.erp.type} takes one writer at a time"
        return [Finding("warning", "pool", message, "give it 1 slot")]
    return ok("pool", f"{pool} exists with {'any number of' if pools[pool] < 0 else pools[pool]} slot(s)")


def _queue(tenant: Tenant) -> list[Finding]:
    if tenant.erp.queue is None:
        return ok("worker queue", "none is named: the ERP must be reachable from every worker")
    return ok("worker queue", f"{tenant.erp.queue}: a worker that reaches the ERP has to serve it")
