"""Who may ask: tokens with a lifetime, and the request limit of the environment."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from include.sandbox.ifs_cloud.books import Client
from include.sandbox.ifs_cloud.errors import Refused
from include.sandbox.stage import Answer, json_answer

__all__ = ["Limit", "Tokens"]


@dataclass
class Limit:
    """At most `requests` in any `seconds`; above that 429, with `Retry-After` unless `silent`."""

    requests: int = 1000
    seconds: float = 60
    silent: bool = False
    refused: int = 0
    _arrivals: deque[float] = field(default_factory=deque)

    def count(self, now: float) -> None:
        """Count a request, or refuse it."""
        while self._arrivals and self._arrivals[0] <= now - self.seconds:
            self._arrivals.popleft()
        if len(self._arrivals) >= self.requests:
            self.refused += 1
            wait = int(self._arrivals[0] + self.seconds - now) + 1
            raise Refused(
                429,
                "TOO_MANY_REQUESTS",
                "Too many requests.",
                headers={} if self.silent else {"Retry-After": str(wait)},
            )
        self._arrivals.append(now)


@dataclass
class Tokens:
    """The token server of one realm. `life_s`: 3600 on older releases, 180 on newer ones."""

    realm: str = "acme1"
    life_s: float = 3600
    clock: Callable[[], float] = time.time
    clients: dict[str, Client] = field(default_factory=dict)
    issued: int = 0
    live: dict[str, tuple[Client, float]] = field(default_factory=dict)

    def issue(self, realm: str, content_type: str, body: bytes) -> Answer:
        """Answer a token request."""
        if realm != self.realm:
            return json_answer({"error": "Realm does not exist"}, 404)
        if not content_type.lower().startswith("application/x-www-form-urlencoded"):
            return json_answer({"error": "invalid_request", "error_description": "Missing form parameter"}, 400)
        values: Mapping[str, str] = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        if values.get("grant_type") != "client_credentials":
            return json_answer({"error": "unsupported_grant_type", "error_description": "Unsupported grant_type"}, 400)
        client = self.clients.get(values.get("client_id", ""))
        if client is None or client.secret != values.get("client_secret"):
            said = {"error": "unauthorized_client", "error_description": "Invalid client or Invalid client credentials"}
            return json_answer(said, 401)
        if "openid" not in values.get("scope", "").split():
            return json_answer({"error": "invalid_scope", "error_description": "Invalid scopes"}, 400)
        token = secrets.token_urlsafe(24)
        self.live[token] = (client, self.clock() + self.life_s)
        self.issued += 1
        return json_answer(
            {
                "access_token": token,
                "expires_in": int(self.life_s),
                "refresh_expires_in": 1800,
                "refresh_token": secrets.token_urlsafe(24),
                "token_type": "Bearer",
                "id_token": secrets.token_urlsafe(24),
                "not-before-policy": 0,
                "session_state": secrets.token_hex(8),
                "scope": "openid audience microprofile-jwt profile email",
            }
        )

    def check(self, authorization: str) -> Client:
        """The client behind a bearer token."""
        kind, _, token = authorization.partition(" ")
        client, until = self.live.get(token, (None, 0.0))
        if kind != "Bearer" or client is None or self.clock() >= until:
            raise Refused(401, "", "Unauthorized")
        return client

    def revoke(self) -> None:
        """All tokens end at once."""
        self.live.clear()
