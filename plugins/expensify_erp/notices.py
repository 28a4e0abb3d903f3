"""Sending notices through any of Airflow's notifiers, as the connection ``expense_notices`` says.

Its extra, for mail: ``to`` (a list, or one text with commas), ``tenants`` (tenant to such a list, instead of ``to``),
``from_email``, ``smtp_conn_id`` (default ``smtp_default``). For anything else: ``notifier``, the import path of a
``BaseNotifier``, and ``kwargs`` for it, whose texts may hold ``{{ notice.subject }}``, ``{{ notice.text }}``,
``{{ notice.html }}``, ``{{ notice.tenant }}`` and ``{{ notice.link }}``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier, conf
from airflow.sdk.exceptions import AirflowTaskTimeout
from airflow.sdk.execution_time.timeout import timeout

from expensify_erp import airflow_ui
from expensify_erp.hooks.connections import connection_if_any
from include.errors import Misconfigured

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.notices import Notice

CONNECTION = "expense_notices"
SMTP = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
PATIENCE_S = 120
log = logging.getLogger(__name__)


def send(context: Context, notice: Notice) -> bool:
    """Send one notice; whether it was sent. Never raises: what was posted stays posted, and the run keeps its own words."""
    try:
        connection = connection_if_any(CONNECTION)
        if connection is None:
            log.info("nobody is told: there is no connection %s", CONNECTION)
            return False
        notifier = _notifier(connection.extra_dejson, notice.tenant)
        if notifier is None:
            log.info("nobody is told: the connection %s names nobody for %s", CONNECTION, notice.tenant)
            return False
        with timeout(PATIENCE_S):  # type: ignore[no-untyped-call]
            notifier({**context, "notice": notice})
    except (Exception, AirflowTaskTimeout) as error:  # noqa: BLE001
        # A mail server that is down must neither fail the run nor hide why it failed.
        log.warning("the notice %r was not sent: %s: %s", notice.subject, type(error).__name__, error)
        return False
    log.info("told by %s: %s", type(notifier).__name__, notice.subject)
    return True


def run_link(context: Context, box: int | None = None) -> str:
    """Where Airflow's UI shows the run, or one of its ``load`` boxes."""
    ti = context["ti"]
    root = conf.get("api", "base_url", fallback="http://localhost:8080/").rstrip("/") + "/"
    if box is None:
        return airflow_ui.run(root, ti.dag_id, ti.run_id)
    return airflow_ui.task(root, ti.dag_id, ti.run_id, "load", box)


def _notifier(extra: Mapping[str, Any], tenant: str) -> BaseNotifier | None:
    """:raises Misconfigured: the extra is wrong."""
    path = str(extra.get("notifier") or SMTP)
    kwargs = extra.get("kwargs") or {}
    if not isinstance(kwargs, Mapping):
        raise Misconfigured(f"the connection {CONNECTION}: `kwargs` is an object of names and values")
    if path == SMTP:
        to = _addresses(extra, tenant)
        if not to:
            return None
        kwargs = {
            "to": to,
            "from_email": extra.get("from_email") or None,
            "smtp_conn_id": extra.get("smtp_conn_id") or "smtp_default",
            "subject": "{{ notice.subject }}",
            "html_content": "{{ notice.html }}",
            **kwargs,
        }
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise Misconfigured(f"the connection {CONNECTION}: `notifier` {path!r} cannot be imported ({error})") from None
    if not (isinstance(kind, type) and issubclass(kind, BaseNotifier)):
        raise Misconfigured(f"the connection {CONNECTION}: `notifier` {path!r} is no notifier of Airflow")
    return kind(**kwargs)


def _addresses(extra: Mapping[str, Any], tenant: str) -> list[str]:
    by_tenant = extra.get("tenants")
    found = by_tenant.get(tenant) if isinstance(by_tenant, Mapping) and tenant in by_tenant else extra.get("to")
    parts = found.split(",") if isinstance(found, str) else found if isinstance(found, list) else []
    return [str(part).strip() for part in parts if str(part).strip()]
