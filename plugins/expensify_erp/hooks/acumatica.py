"""Acumatica behind an Airflow connection: login and password of the user, extra ``client_id``, ``client_secret``."""

from __future__ import annotations

from expensify_erp.hooks.erp import ErpHook
from include.erps.acumatica.access import Credentials
from include.erps.acumatica.client import AcumaticaErp
from include.erps.acumatica.settings import AcumaticaSettings
from include.errors import Misconfigured
from include.ledger.limiter import Limit


class AcumaticaHook(ErpHook):
    """Opens sessions with one Acumatica tenant; OAuth tokens and the request budget are shared by all tasks."""

    hook_name = "Acumatica"

    def get_conn(self) -> AcumaticaErp:
        """A session that signs in with its first call."""
        settings = self.settings
        assert isinstance(settings, AcumaticaSettings)
        endpoint = self.endpoint()
        extra = endpoint.extra
        try:
            settings.company(extra)
        except ValueError as error:
            raise Misconfigured(f"the connection {endpoint.conn_id}: {error}") from None
        if settings.auth == "oauth" and not extra.get("client_secret"):
            raise Misconfigured(f"the connection {endpoint.conn_id} has no `client_secret` in its extra")
        per_minute = Limit(max(1, int(settings.requests_per_minute * settings.budget_share)), 60)
        return AcumaticaErp(
            endpoint.base_url,
            Credentials(
                endpoint.login,
                endpoint.password,
                str(extra.get("client_id", "")),
                str(extra.get("client_secret", "")),
                str(extra.get("tenant", "")),
            ),
            settings=settings,
            tokens=self.tokens(),
            budget=self.budget(f"acumatica:{endpoint.conn_id}", per_minute),
            connection=endpoint.conn_id,
            signs_out=self.ledger is None,
            verify=endpoint.verify,
            request_timeout_s=settings.request_timeout_s,
        )
