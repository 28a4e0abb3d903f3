"""SYSPRO behind an Airflow connection: login and password of the operator, extra ``company_id``, ``company_password``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expensify_erp.hooks.erp import ErpHook
from include.erps.syspro.settings import SysproSettings
from include.errors import Misconfigured

if TYPE_CHECKING:
    from include.erps.syspro.client import SysproErp


class SysproHook(ErpHook):
    """Opens e.net sessions of one company."""

    hook_name = "SYSPRO"

    def get_conn(self) -> SysproErp:
        """A session that logs on with its first call and logs off when left."""
        # Here, because every task names the target and only two of five open a session (the client brings lxml).
        from include.erps.syspro.client import SysproErp

        assert isinstance(self.settings, SysproSettings)
        endpoint = self.endpoint()
        company_id = endpoint.extra.get("company_id")
        if not company_id:
            raise Misconfigured(f"the connection {endpoint.conn_id} has no `company_id` in its extra")
        return SysproErp(
            endpoint.base_url,
            endpoint.login,
            endpoint.password,
            str(company_id),
            str(endpoint.extra.get("company_password", "")),
            settings=self.settings,
            verify=endpoint.verify,
            request_timeout_s=self.settings.request_timeout_s,
            shared=self.tokens(),
        )
