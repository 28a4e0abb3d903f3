"""IFS Cloud behind an Airflow connection: login and password are client id and secret; extra ``realm`` or ``token_path``."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from expensify_erp.hooks.erp import ErpHook
from include.erps.ifs_cloud.client import IfsCloudErp
from include.erps.ifs_cloud.settings import IfsCloudSettings
from include.errors import Misconfigured
from include.ledger.limiter import Limit


class IfsCloudHook(ErpHook):
    """Opens sessions with one company; token and request budget are shared by all tasks of the connection."""

    hook_name = "IFS Cloud"

    def get_conn(self) -> IfsCloudErp:
        """A session that asks for a token with its first call, unless another task has a good one."""
        assert isinstance(self.settings, IfsCloudSettings)
        endpoint = self.endpoint()
        realm, token_path = endpoint.extra.get("realm"), endpoint.extra.get("token_path")
        if not realm and not token_path:
            raise Misconfigured(f"the connection {endpoint.conn_id} has neither `realm` nor `token_path` in its extra")
        # The limit is the environment's: other companies and clients on the same host count, too.
        host = hashlib.sha256(endpoint.base_url.encode()).hexdigest()[:16]
        return IfsCloudErp(
            endpoint.base_url,
            endpoint.login,
            endpoint.password,
            token_path=str(token_path or f"/auth/realms/{quote(str(realm), safe='')}/protocol/openid-connect/token"),
            settings=self.settings,
            tokens=self.tokens(),
            budget=self.budget(f"ifs_cloud:{host}", Limit(self.settings.requests_per_minute, 60)),
            verify=endpoint.verify,
            request_timeout_s=self.settings.request_timeout_s,
        )
