"""Being let in: OAuth 2.0 tokens that all tasks of a connection share, or a login of one's own with a cookie.

Each password grant opens a server session of its own and a licence has few of them. So tokens are kept in a
:class:`~include.erps.shared_state.TokenStore`, refreshed instead of granted anew, and only one process at a time does that: a
refresh makes the old refresh token worthless.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from include.erps.acumatica import values
from include.erps.acumatica.settings import AcumaticaSettings
from include.erps.acumatica.values import Unreadable
from include.erps.shared_state import TokenStore
from include.errors import ExpenseError, Misconfigured, Retryable
from include.transport import Answer, HttpClient, NoAnswer, NotSent

_LOG = logging.getLogger(__name__)
_MARGIN_S = 120.0
_LOGOUT_TIMEOUT_S = 20.0
_TOKEN_TIMEOUT_S = 30.0
"""Shorter than a turn in the token store: a second process must not refresh what the first one is still refreshing."""


@dataclass(frozen=True)
class Credentials:
    """Of one connection; ``client_id`` and ``client_secret`` for OAuth, ``tenant`` for the cookie login."""

    user: str
    password: str
    client_id: str = ""
    client_secret: str = ""
    tenant: str = ""


class Access(Protocol):
    """What lets a request in."""

    def headers(self) -> Mapping[str, str]:
        """Headers of the next request; obtains what is missing.

        :raises Retryable: not now. :raises Misconfigured: refused.
        """

    def renew(self, refused: Mapping[str, str]) -> None:
        """Replace what was ``refused`` with 401, unless another process has done so already."""

    def secrets(self) -> tuple[str, ...]:
        """What lets this client in now, to be masked."""

    def close(self) -> None:
        """Give back what is not shared."""


@dataclass(frozen=True)
class Token:
    """``expires_at`` in seconds since 1970; ``refresh_token`` empty when none was given."""

    access_token: str
    refresh_token: str
    expires_at: float

    @property
    def headers(self) -> dict[str, str]:
        """The token as a request carries it."""
        return {"Authorization": f"Bearer {self.access_token}"}


class _ChainEnded(Exception):
    """The refresh token is no longer good."""


class OAuthAccess:
    """Password grant once, then refreshes, with the tokens in a store.

    :param connection: names the tokens in the store, together with address, application and user.
    :param signs_out: the store is nobody else's: end the session at the end, its seat of the licence is wanted elsewhere.
    """

    def __init__(
        self,
        http: HttpClient,
        settings: AcumaticaSettings,
        credentials: Credentials,
        tokens: TokenStore,
        connection: str,
        clock: Callable[[], float] = time.time,
        *,
        signs_out: bool = False,
    ) -> None:
        self._http = http
        self._settings = settings
        self._credentials = credentials
        self._tokens = tokens
        self._signs_out = signs_out
        self._clock = clock
        self._token: Token | None = None
        self._refused: Misconfigured | None = None
        self.name = store_name(http.base_url, settings, credentials, connection)

    def headers(self) -> Mapping[str, str]:
        """See :class:`Access`. A token that ends within two minutes is refreshed before."""
        if not self._good(self._token):
            self._token = self._read()
        if not self._good(self._token):
            self._replace(None)
        assert self._token is not None
        return self._token.headers

    def renew(self, refused: Mapping[str, str]) -> None:
        """See :class:`Access`."""
        self._replace(refused.get("Authorization", ""))

    def secrets(self) -> tuple[str, ...]:
        """See :class:`Access`."""
        return (self._token.access_token, self._token.refresh_token) if self._token is not None else ()

    def close(self) -> None:
        """Nothing, where the session belongs to all tasks."""
        if self._signs_out and self._token is not None:
            _log_out(self._http, self._settings, self._token.headers)
            self._token = None
            self._tokens.forget(self.name)

    def _good(self, token: Token | None) -> bool:
        return token is not None and token.expires_at > self._clock() + _MARGIN_S

    def _replace(self, refused: str | None) -> None:
        """A token other than the ``refused`` one: another task's, a refreshed one, or one by a new grant."""
        if self._refused is not None:
            raise self._refused
        with self._tokens.renewing(self.name):
            known = self._read()
            if known is not None and self._good(known) and known.headers["Authorization"] != refused:
                self._token = known
                return
            fresh = None
            if known is not None and known.refresh_token:
                try:
                    fresh = self._ask({"grant_type": "refresh_token", "refresh_token": known.refresh_token})
                except _ChainEnded:
                    _LOG.info("Acumatica: the refresh token is no longer good, signing in with the password again")
            if fresh is None:
                fresh = self._sign_in()
            # Before it is used: a refresh token that is lost costs a session of the licence.
            self._tokens.write(self.name, json.dumps(asdict(fresh)))
            self._token = fresh

    def _sign_in(self) -> Token:
        known = self._credentials
        try:
            return self._ask(
                {
                    "grant_type": "password",
                    "username": known.user,
                    "password": known.password,
                    "scope": self._settings.scope,
                }
            )
        except _ChainEnded:
            self._refused = Misconfigured(
                f"Acumatica refused to sign in the user {known.user} (invalid_grant): correct login and password of the "
                "connection; it is not tried again, because repeated failures lock a user"
            )
            raise self._refused from None

    def _ask(self, form: dict[str, str]) -> Token:
        known = self._credentials
        form = {**form, "client_id": known.client_id, "client_secret": known.client_secret}
        path = f"{self._settings.base_path}/identity/connect/token"
        try:
            timeout_s = min(_TOKEN_TIMEOUT_S, self._http.request_timeout_s)
            answer = self._http.request("POST", path, timeout_s=timeout_s, data=form)
        except (NotSent, NoAnswer) as error:
            raise Retryable(f"Acumatica gave no token: {error}") from None
        if answer.status == 200:
            return self._token_of(answer)
        if answer.status == 404:
            raise Misconfigured(
                "Acumatica has no sign-in at this address (HTTP 404): check the connection's host and port and erp.base_path"
            )
        code = _oauth_error(answer)
        if answer.status == 400 and code == "invalid_grant":
            raise _ChainEnded
        if answer.status in (400, 401, 403) and code:
            raise Misconfigured(f"Acumatica refused the sign-in ({code}): {_OAUTH_FIXES.get(code, _OAUTH_FIX)}")
        raise Retryable(f"Acumatica gave no token (HTTP {answer.status})", answer.retry_after_s)

    def _token_of(self, answer: Answer) -> Token:
        try:
            given = values.record_of(values.read(answer.body))
            kind, token = given.get("token_type", "Bearer"), given["access_token"]
            lasts = float(given.get("expires_in", 3600))
            if not isinstance(token, str) or not token or str(kind).lower() != "bearer":
                raise Unreadable("no bearer token")
            return Token(token, str(given.get("refresh_token") or ""), self._clock() + lasts)
        except (Unreadable, KeyError, TypeError, ValueError):
            raise Retryable("Acumatica's answer to the sign-in holds no token that can be read") from None

    def _read(self) -> Token | None:
        stored = self._tokens.read(self.name)
        if stored is None:
            return None
        try:
            return Token(**json.loads(stored))
        except (ValueError, TypeError):
            return None


class CookieAccess:
    """The legacy login: a session of one's own, given back at the end. Acumatica ends it after 20 idle minutes."""

    def __init__(self, http: HttpClient, settings: AcumaticaSettings, credentials: Credentials) -> None:
        self._http = http
        self._settings = settings
        self._credentials = credentials
        self._open = False
        self._cookies: tuple[str, ...] = ()
        self._refused: Misconfigured | None = None

    def headers(self) -> Mapping[str, str]:
        """See :class:`Access`; the cookies themselves are kept by the HTTP client."""
        if not self._open:
            self._log_in()
        return {}

    def renew(self, refused: Mapping[str, str]) -> None:
        """See :class:`Access`."""
        self._open = False
        self._log_in()

    def secrets(self) -> tuple[str, ...]:
        """See :class:`Access`."""
        return self._cookies

    def close(self) -> None:
        """Log out: a session that is not given back keeps a seat of the licence."""
        if not self._open:
            return
        self._open = False
        _log_out(self._http, self._settings, {})

    def _log_in(self) -> None:
        if self._refused is not None:
            raise self._refused
        known = self._credentials
        body = {"name": known.user, "password": known.password, "tenant": known.tenant}
        if self._settings.branch:
            body["branch"] = self._settings.branch
        try:
            answer = self._http.request("POST", f"{self._settings.base_path}/entity/auth/login", json=body)
        except (NotSent, NoAnswer) as error:
            raise Retryable(f"Acumatica: logging in failed: {error}") from None
        if answer.status in (200, 204):
            self._open = True
            given = answer.headers.get_list("Set-Cookie")
            self._cookies = tuple(cookie.partition(";")[0].partition("=")[2] for cookie in given)
            return
        text = values.explained(answer.body) or answer.body[:200].decode("utf-8", "replace")
        texts = self._settings.errors
        if answer.status == 429 or texts.says("login_limit", text):
            wait = answer.retry_after_s or self._settings.login_limit_wait_s
            raise Retryable("Acumatica has no free session for API users (API Login Limit)", wait)
        if answer.status in (400, 401, 403, 404) or texts.says("login_refused", text):
            self._refused = Misconfigured(
                f"Acumatica refused the login of {known.user} to tenant {known.tenant} (HTTP {answer.status}): "
                f"{self._http.masked(text)[:300]}. Correct the connection or erp.base_path; it is not tried again"
            )
            raise self._refused
        raise Retryable(f"Acumatica: logging in failed (HTTP {answer.status})", answer.retry_after_s)


def _log_out(http: HttpClient, settings: AcumaticaSettings, headers: Mapping[str, str]) -> None:
    """Give the session back; a failure is a warning only."""
    try:
        # An explicit length of 0: the web server refuses the request without one.
        path = f"{settings.base_path}/entity/auth/logout"
        answer = http.request("POST", path, content=b"", headers=headers, timeout_s=_LOGOUT_TIMEOUT_S)
    except ExpenseError as error:
        _LOG.warning("Acumatica: the session could not be logged out, its seat is free after it times out: %s", error)
        return
    if answer.status not in (200, 204):
        _LOG.warning("Acumatica: the session was not logged out (HTTP %s)", answer.status)


_OAUTH_FIX = "correct the connection's client_id and client_secret, and the connected application in Acumatica"
_OAUTH_FIXES = {
    "invalid_client": "correct client_id and client_secret in the connection's extra",
    "unauthorized_client": "the connected application must have the flow Resource Owner Password Credentials",
    "unsupported_grant_type": "the connected application must have the flow Resource Owner Password Credentials",
    "invalid_scope": "the connected application gives no refresh tokens: allow them there, or set erp.scope: api",
}


def store_name(base_url: str, settings: AcumaticaSettings, credentials: Credentials, connection: str) -> str:
    """Under which name a connection's tokens are kept: another address, application or user never shares them."""
    parts = (base_url, settings.base_path, credentials.client_id, credentials.user, credentials.tenant, settings.scope)
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return f"acumatica:{connection}:{digest}"


def _oauth_error(answer: Answer) -> str:
    try:
        given: Any = values.read(answer.body)
    except Unreadable:
        return ""
    error = given.get("error") if isinstance(given, dict) else None
    return error if isinstance(error, str) and error.replace("_", "").isalpha() else ""
