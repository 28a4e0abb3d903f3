"""Sage 100 behind an Airflow connection: login and password of the Sage user, extra ``api_key`` for the agent."""

from __future__ import annotations

from expensify_erp.hooks.endpoint import Endpoint
from expensify_erp.hooks.erp import ErpHook
from include.erps.sage_100.channel import Credentials
from include.erps.sage_100.client import Sage100Erp
from include.erps.sage_100.settings import Sage100Settings


class Sage100Hook(ErpHook):
    """Opens clients of one company."""

    hook_name = "Sage 100"

    def get_conn(self) -> Sage100Erp:
        """A client that logs on with every request; after a refused log-on it reads the connection once more."""
        assert isinstance(self.settings, Sage100Settings)
        endpoint = self.endpoint()
        return Sage100Erp(
            endpoint.base_url,
            _credentials(endpoint),
            settings=self.settings,
            verify=endpoint.verify,
            request_timeout_s=self.settings.request_timeout_s,
            shared=self.tokens(),
            reread=lambda: _credentials(self.endpoint()),
        )


def _credentials(endpoint: Endpoint) -> Credentials:
    return Credentials(endpoint.login, endpoint.password, str(endpoint.extra.get("api_key") or ""))
