"""Behind the Test buttons of the connection forms: a real log-on, without a tenant.

Airflow makes these by connection id, tests with a copy of the connection under an id of its own, and shows the message.
"""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

from airflow.sdk import BaseHook

from expensify_erp.hooks.connections import connection_of
from expensify_erp.hooks.endpoint import Endpoint, endpoint_of
from expensify_erp.hooks.erp import erp_hook
from expensify_erp.hooks.expensify import ExpensifyHook
from include.erps.port import ErpSettings
from include.erps.registry import settings_class
from include.erps.site import SiteQuestions
from include.errors import ExpenseError
from include.settings import catalogue

TIMEOUT_S = 20.0
"""Somebody waits for the answer, and the API server with them."""
_CALENDAR = "first_day,last_day,year,period,open\n2026-01-01,2026-12-31,2026,1,yes\n"


class ConnectionForm(BaseHook):
    """What a form needs: the connection's type and a test."""

    conn_name_attr = "conn_id"
    hook_name: ClassVar[str]

    def __init__(self, conn_id: str) -> None:
        super().__init__()
        self.conn_id = conn_id

    def test_connection(self) -> tuple[bool, str]:
        """Log on; what was proved, or why not. No secret is in either."""
        try:
            return True, self.proved()
        except ExpenseError as error:
            # The id is Airflow's own for the test, and says nothing to anybody.
            return False, " ".join(str(error).replace(f"connection {self.conn_id}", "connection").split())
        except Exception as error:
            self.log.exception("testing a connection")
            return False, f"the test failed with {type(error).__name__}: the API server's log says more"

    def proved(self) -> str:
        """Log on and say what that proves. :raises include.errors.ExpenseError: it did not work."""
        raise NotImplementedError


class ExpensifyForm(ConnectionForm):
    """Lists the workspaces."""

    conn_type = "expensify"
    hook_name = "Expensify"

    def proved(self) -> str:
        """See :class:`ConnectionForm`."""
        hook = ExpensifyHook(self.conn_id, None, TIMEOUT_S, attempts=2)
        with hook.get_conn() as client:
            listed = client.policies(admin_only=False)
        admin = sum(row.get("role") == "admin" for row in listed)
        return f"Expensify takes the credentials; they see {len(listed)} workspaces, {admin} of them as admin"


class ErpForm(ConnectionForm):
    """Signs in as the tenants do that use the same server with the same login, else with the defaults."""

    erp_type: ClassVar[str]
    defaults: ClassVar[dict[str, Any]] = {}

    def proved(self) -> str:
        """See :class:`ConnectionForm`."""
        with tempfile.TemporaryDirectory() as folder:
            endpoint = endpoint_of(connection_of(self.conn_id))
            known = _tenant_settings(self.erp_type, endpoint)
            settings, whose = known or (self._default_settings(Path(folder)), "the defaults, as no tenant file uses it")
            # It stays the test's own connection, whatever the tenant calls it.
            settings = settings.model_copy(update={"connection": self.conn_id, "request_timeout_s": TIMEOUT_S})
            with erp_hook(settings).get_conn() as erp:
                first = erp.site_checks(SiteQuestions("", (date(2026, 1, 1),)))[0]
                said = "; ".join(finding.message for finding in first.ask())
        return f"{self.hook_name}: {said} (asked with {whose})"

    def _default_settings(self, folder: Path) -> ErpSettings:
        values = {"type": self.erp_type, "connection": self.conn_id, **self.defaults}
        if self.defaults.get("fiscal_calendar"):
            calendar = folder / self.defaults["fiscal_calendar"]
            calendar.write_text(_CALENDAR)
            values["fiscal_calendar"] = str(calendar)
        return settings_class(self.erp_type).model_validate(values)


class SysproForm(ErpForm):
    """SYSPRO's form."""

    conn_type = erp_type = "syspro"
    hook_name = "SYSPRO"


class AcumaticaForm(ErpForm):
    """Acumatica's form."""

    conn_type = erp_type = "acumatica"
    hook_name = "Acumatica"
    defaults: ClassVar[dict[str, Any]] = {"document": "journal"}


class DynamicsGpForm(ErpForm):
    """Dynamics GP's form."""

    conn_type = erp_type = "dynamics_gp"
    hook_name = "Microsoft Dynamics GP"
    defaults: ClassVar[dict[str, Any]] = {"company_id": 1, "fiscal_calendar": "periods.csv"}


class Sage100Form(ErpForm):
    """Sage 100's form."""

    conn_type = erp_type = "sage_100"
    hook_name = "Sage 100"
    defaults: ClassVar[dict[str, Any]] = {"company": "ABC"}


class IfsCloudForm(ErpForm):
    """IFS Cloud's form."""

    conn_type = erp_type = "ifs_cloud"
    hook_name = "IFS Cloud"
    defaults: ClassVar[dict[str, Any]] = {"company": "10"}


def _tenant_settings(erp_type: str, endpoint: Endpoint) -> tuple[ErpSettings, str] | None:
    """The `erp` section of a tenant that reaches the same server with the same login, and the file's name."""
    for name, tenant in sorted(catalogue.load_all().tenants.items()):
        if tenant.erp.type != erp_type:
            continue
        try:
            known = endpoint_of(connection_of(tenant.erp.connection))
        except ExpenseError:
            continue
        if (known.base_url, known.login) == (endpoint.base_url, endpoint.login):
            return tenant.erp, f"the settings of {name}.yaml"
    return None
