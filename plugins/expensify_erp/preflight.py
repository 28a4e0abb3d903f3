"""A preflight with what Airflow holds: connections, the ledger to look at, the archive. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime

import sqlalchemy as sa
from airflow.sdk import ObjectStoragePath

from expensify_erp.hooks.archive import ArchiveHook
from expensify_erp.hooks.erp import erp_hook
from expensify_erp.hooks.expensify import ExpensifyHook
from expensify_erp.hooks.ledger import LedgerHook
from include.clock import utc_now
from include.erps.site import Finding, ok
from include.ledger import tables
from include.preflight.asking import ask
from include.preflight.report import Preflight
from include.preflight.run import Surroundings, preflight
from include.settings.tenant import Tenant


def preflight_of(tenant: str, pools: Mapping[str, int] | None, now: datetime | None = None) -> Preflight:
    """Check one tenant with the connections of this Airflow.

    :param pools: Airflow's pools with their slots, where they are known.
    """
    around = Surroundings(
        open_expensify=lambda known: ExpensifyHook(
            known.expensify.connection, None, known.expensify.request_timeout_s
        ).get_conn(),
        open_erp=lambda known: erp_hook(known.erp).get_conn(),
        pools=pools,
        stores=_stores,
        posted=_posted,
        is_posting=_is_posting,
    )
    return preflight(tenant, around, now)


def _stores(tenant: Tenant) -> Iterator[Finding]:
    yield from ask("ledger", lambda: _ledger(tenant))
    yield from ask("target", lambda: ok("target", f"the ledger knows this company as {erp_hook(tenant.erp).target()}"))
    yield from ask("archive", _archive)
    yield from ask("keys", _keys)


def _ledger(tenant: Tenant) -> list[Finding]:
    with closing(LedgerHook().view()) as view:
        if not view.exists:
            return ok("ledger", "there is none yet: the first run makes it")
        with view.read() as connection:
            count = connection.execute(
                sa.select(sa.func.count()).where(tables.journal.c.tenant.in_(tenant.names))
            ).scalar_one()
        return ok(
            "ledger", f"can be read ({'SQLite' if view.is_sqlite else 'PostgreSQL'}), {count} journals of this tenant"
        )


def _archive() -> list[Finding]:
    folder: ObjectStoragePath = ArchiveHook().get_conn()
    if not folder.exists():
        return ok("archive", "its folder is not there yet: the first run makes it")
    next(iter(folder.iterdir()), None)
    return ok("archive", "its folder can be read")


def _keys() -> list[Finding]:
    ArchiveHook().keys()
    return ok("keys", "there is a Fernet key for raw exports and cached sessions")


def _posted(tenant: Tenant) -> frozenset[str]:
    with closing(LedgerHook().view()) as view:
        if not view.exists:
            return frozenset()
        member, journal = tables.journal_report.c, tables.journal.c
        same = sa.and_(
            member.journal_key == journal.journal_key, member.tenant == journal.tenant, member.target == journal.target
        )
        query = (
            sa.select(member.report_id)
            .join_from(tables.journal_report, tables.journal, same)
            .where(journal.tenant.in_(tenant.names), journal.state == "posted", member.left_at.is_(None))
        )
        with view.read() as connection:
            return frozenset(connection.execute(query).scalars())


def _is_posting(tenant: Tenant) -> bool:
    with closing(LedgerHook().view()) as view:
        if not view.exists:
            return False
        known = tables.attempt.c
        query = sa.select(known.attempt_id).where(
            known.tenant.in_(tenant.names), known.ended_at.is_(None), known.lease_until > utc_now()
        )
        with view.read() as connection:
            return connection.execute(query.limit(1)).first() is not None
