"""Exporting from Expensify into the archive: the one way all steps read reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk import ObjectStoragePath

from expensify_erp.hooks.archive import ArchiveHook
from expensify_erp.hooks.expensify import ExpensifyHook
from include.clock import utc_now
from include.expensify import archive
from include.expensify.extraction import extract, queries_for_reports
from include.expensify.query import ExportQuery
from include.expensify.replies import BadCredentials
from include.ledger.database import Ledger

if TYPE_CHECKING:
    from include.settings.tenant import Tenant


def export(ledger: Ledger, tenant: Tenant, queries: Sequence[ExportQuery], run_id: str) -> ObjectStoragePath:
    """Run the queries and archive their verified answers, compressed and encrypted.

    A refused credential is read from its connection once more: it may have been rotated a moment ago.
    """
    hook = ArchiveHook()
    file = hook.new_file(tenant.name, run_id, utc_now())
    try:
        _export_into(file, ledger, tenant, queries, run_id, hook)
    except BadCredentials:
        with naming(tenant.expensify.connection):
            _export_into(file, ledger, tenant, queries, run_id, hook)
    return file


@contextmanager
def naming(connection: str) -> Iterator[None]:
    """Put the Airflow connection's name into a refusal of its credentials."""
    try:
        yield
    except BadCredentials as error:
        raise BadCredentials(f"connection {connection}: {error}") from None


def export_reports(ledger: Ledger, tenant: Tenant, report_ids: Sequence[str], run_id: str) -> ObjectStoragePath:
    """Read reports again, by ID, whatever state they are in."""
    return export(ledger, tenant, queries_for_reports(report_ids, tenant.expensify.policies), run_id)


def _export_into(
    file: ObjectStoragePath,
    ledger: Ledger,
    tenant: Tenant,
    queries: Sequence[ExportQuery],
    run_id: str,
    hook: ArchiveHook,
) -> None:
    settings = tenant.expensify
    header = {"tenant": tenant.name, "run_id": run_id}
    expensify_hook = ExpensifyHook(
        settings.connection, ledger, settings.request_timeout_s, file_ready_within_s=settings.file_ready_within_s
    )
    with expensify_hook.get_conn() as client, archive.writing(file, hook.keys()) as sink:
        summary = extract(client, queries, sink, header)
    expensify_hook.log.info("%d reports with %d expenses are in %s", summary.reports, summary.expenses, file)
