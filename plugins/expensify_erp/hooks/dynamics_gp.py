"""Dynamics GP behind an Airflow connection: login ``DOMAIN\\user`` (or ``user@domain``) and password of a Windows account.

Extra: ``auth`` (``negotiate`` or ``ntlm``); for Kerberos, where they do not follow from login and host, ``realm`` and
``service_host``.
"""

from __future__ import annotations

from expensify_erp.hooks.erp import ErpHook
from include.erps.dynamics_gp.auth import RefusedPassword, Scheme
from include.erps.dynamics_gp.client import DynamicsGpErp
from include.erps.dynamics_gp.settings import DynamicsGpSettings
from include.errors import Misconfigured


class DynamicsGpHook(ErpHook):
    """Opens clients of one company."""

    hook_name = "Dynamics GP"

    def get_conn(self) -> DynamicsGpErp:
        """A client that logs on with its first request."""
        assert isinstance(self.settings, DynamicsGpSettings)
        endpoint = self.endpoint()
        refused_before = None
        if self.ledger is not None:
            refused_before = RefusedPassword(
                self.tokens(),
                endpoint.conn_id,
                endpoint.login,
                endpoint.password,
                pause_s=self.settings.refused_password_pause_s,
            )
        return DynamicsGpErp(
            endpoint.base_url,
            endpoint.login,
            endpoint.password,
            settings=self.settings,
            auth=_scheme(endpoint.conn_id, endpoint.extra.get("auth", "negotiate")),
            realm=endpoint.extra.get("realm"),
            service_host=endpoint.extra.get("service_host"),
            verify=endpoint.verify,
            refused_before=refused_before,
            shared=self.tokens(),
        )


def _scheme(conn_id: str, value: object) -> Scheme:
    match value:
        case "ntlm":
            return "ntlm"
        case "negotiate":
            return "negotiate"
        case _:
            raise Misconfigured(f"the connection {conn_id} has `auth` = {value!r}: use negotiate or ntlm")
