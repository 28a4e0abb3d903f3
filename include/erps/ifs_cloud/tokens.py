"""Access tokens by OAuth2 client credentials, shared by all tasks of one connection.

A token lives as long as the server states: 3,600 s on older releases, 180 s on newer ones. It is renewed when five sixths have
passed; a margin in fixed minutes would never be met by the short ones. The refresh token is not used: a new request replaces it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from include.erps.ifs_cloud.answers import Unreadable, json_of
from include.erps.shared_state import TokenStore
from include.errors import Misconfigured, Retryable
from include.transport import Answer, HttpClient

_USED_SHARE = 5 / 6
_SHORTEST_LIFE_S = 1
_REFUSED = frozenset({400, 401, 403})


@dataclass(frozen=True)
class ClientCredentials:
    """Who asks, and where: ``token_path`` below the token server's address."""

    client_id: str
    client_secret: str = field(repr=False)
    token_path: str
    scope: str


class Tokens:
    """The token in use.

    :param http: client of the token server. :param now: the wall clock, seconds since the epoch (tasks on several machines share
        the renewal time).
    """

    def __init__(self, http: HttpClient, credentials: ClientCredentials, store: TokenStore, now: Callable[[], float]):
        self._http = http
        self._credentials = credentials
        self._store = store
        self._now = now
        known = credentials
        place = "\n".join((http.base_url, known.token_path, known.client_id, known.client_secret, known.scope))
        # With the secret in it, a rotated secret is used at once.
        self._name = f"ifs_cloud:{hashlib.sha256(place.encode()).hexdigest()[:24]}"
        self._refused: Misconfigured | None = None

    def current(self) -> str:
        """A token that is good for now.

        :raises Misconfigured: client, secret or realm is wrong. :raises Retryable: the token server does not answer.
        """
        return self._stored() or self._renewed(None)

    def replace(self, refused: str) -> str:
        """Another token than the one the server has just refused."""
        return self._renewed(refused)

    def _stored(self, besides: str | None = None) -> str | None:
        try:
            stored = json.loads(self._store.read(self._name) or "null")
            token, renew_at = stored["token"], float(stored["renew_at"])
        except (ValueError, TypeError, KeyError):
            return None
        return token if isinstance(token, str) and token != besides and self._now() < renew_at else None

    def _renewed(self, refused: str | None) -> str:
        if self._refused is not None:
            raise self._refused
        with self._store.renewing(self._name):
            stored = self._stored(besides=refused)
            if stored is not None:
                return stored
            token, life_s = self._requested()
            renew_at = self._now() + life_s * _USED_SHARE
            self._store.write(self._name, json.dumps({"token": token, "renew_at": renew_at}))
        return token

    def _requested(self) -> tuple[str, float]:
        known = self._credentials
        answer = self._http.request_repeatedly(
            "POST",
            known.token_path,
            data={
                "grant_type": "client_credentials",
                "client_id": known.client_id,
                "client_secret": known.client_secret,
                "scope": known.scope,
            },
            headers={"Accept": "application/json"},
        )
        if answer.status != 200:
            raise self._refusal(answer)
        try:
            body: Any = json_of(answer)
            token, life_s = body["access_token"], float(body["expires_in"])
        except (Unreadable, KeyError, TypeError, ValueError):
            raise Retryable("IFS: the token server's answer cannot be read") from None
        if not isinstance(token, str) or not token or life_s < _SHORTEST_LIFE_S:
            raise Retryable("IFS: the token server's answer holds no usable token")
        return token, life_s

    def _refusal(self, answer: Answer) -> Misconfigured | Retryable:
        if answer.status in _REFUSED:
            self._refused = Misconfigured(
                f"IFS refused the client {self._credentials.client_id} (HTTP {answer.status}{self._said(answer)}): correct "
                "login and password of the connection, or the client in IFS's identity and access manager"
            )
            return self._refused
        if answer.status == 404:
            self._refused = Misconfigured(
                f"IFS's token server knows no such realm or path (HTTP 404{self._said(answer)}): correct `realm` or `token_path` "
                "in the connection's extra; a realm often differs from the tenant's name"
            )
            return self._refused
        return Retryable(f"IFS: the token server answered HTTP {answer.status}", answer.retry_after_s)

    def _said(self, answer: Answer) -> str:
        try:
            body = json_of(answer)
        except Unreadable:
            return ""
        error = body.get("error") if isinstance(body, dict) else None
        # Here the error is a word, not an object; its description may echo what was sent, so it stays out.
        return f", {error[:100]}" if isinstance(error, str) else ""
