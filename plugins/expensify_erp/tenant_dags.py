"""What the DAGs of a tenant have in common."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from expensify_erp.retries import RetryByError

if TYPE_CHECKING:
    from include.settings.tenant import Tenant


def default_args() -> dict[str, Any]:
    """How a failed task is tried again."""
    return {"retries": 3, "retry_delay": timedelta(seconds=15), "retry_policy": RetryByError()}


def first_moment(tenant: Tenant) -> datetime:
    """Midnight of the tenant's ``start_date``, in its zone."""
    day = tenant.start_date
    return datetime(day.year, day.month, day.day, tzinfo=tenant.zone)


def beside_the_erp(tenant: Tenant) -> dict[str, str]:
    """Pool and queue of a task that talks to the ERP. Without a queue of the tenant's, Airflow's own default stays."""
    erp = {"pool": tenant.erp.pool}
    if tenant.erp.queue is not None:
        erp["queue"] = tenant.erp.queue
    return erp
