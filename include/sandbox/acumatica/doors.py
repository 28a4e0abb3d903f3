"""Who is let in: OAuth 2.0 chains and cookie sessions, and the seats that they take."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from include.sandbox.acumatica.answers import Fail, failure
from include.sandbox.acumatica.licence import Licence

__all__ = ["Chain", "Doors", "User"]

_REFUSED = {"message": "Authorization has been denied for this request."}
_SCOPES = frozenset({"api", "offline_access", "openid", "profile", "email", "api:concurrent_access"})


@dataclass
class User:
    """`branches` None means all branches."""

    name: str
    password: str
    branches: frozenset[str] | None = None

    def sees(self, branch: str) -> bool:
        """Whether the user may see records of a branch."""
        return self.branches is None or branch in self.branches or not branch


@dataclass
class Chain:
    """One sign-in and all that was refreshed from it: one server session, opened by its first data call."""

    user: User
    refresh: str = ""
    access: dict[str, float] = field(default_factory=dict)
    cookie: str = ""
    used_at: float = 0.0
    seated: bool = False


@dataclass
class Doors:
    """`applications` maps client_id (`GUID@Tenant`) to its secret; `flow` is the one flow they have."""

    licence: Licence
    tenant: str = "Company"
    applications: dict[str, str] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    flow: str = "password"
    refresh_tokens: bool = True
    access_s: float = 3600.0
    cookie_idle_s: float = 1200.0
    clock: Callable[[], float] = time.monotonic
    chains: list[Chain] = field(default_factory=list)
    grants: list[str] = field(default_factory=list)

    def add_user(self, user: User) -> User:
        """Let a user sign in."""
        self.users[user.name.lower()] = user
        return user

    @property
    def seated(self) -> int:
        """Sessions that hold a seat now."""
        self._end_idle()
        return sum(chain.seated for chain in self.chains)

    def take_seats(self, count: int) -> None:
        """Sessions of other integrations."""
        for _ in range(count):
            cookie = secrets.token_hex(12)
            self.chains.append(Chain(User("other", ""), cookie=cookie, seated=True, used_at=self.clock() + 10**9))

    def revoke_access(self) -> None:
        """All access tokens end now; refresh tokens stay good."""
        for chain in self.chains:
            chain.access.clear()

    def revoke_all(self) -> None:
        """All sessions and their tokens end."""
        self.chains.clear()

    # OAuth

    def token(self, form: Mapping[str, str]) -> dict[str, object]:
        """The token endpoint; raises 400."""
        secret = self.applications.get(form.get("client_id", ""))
        if secret is None or form.get("client_secret") != secret:
            raise Fail(400, {"error": "invalid_client"})
        kind = form.get("grant_type", "")
        if kind == "password":
            chain = self._sign_in(form)
        elif kind == "refresh_token":
            chain = self._refreshed(form.get("refresh_token", ""))
        elif kind == "client_credentials":
            raise Fail(400, {"error": "unauthorized_client"})
        else:
            raise Fail(400, {"error": "unsupported_grant_type"})
        self.grants.append(kind)
        access = secrets.token_urlsafe(32)
        chain.access[access] = self.clock() + self.access_s
        chain.used_at = self.clock()
        answer: dict[str, object] = {
            "access_token": access,
            "expires_in": int(self.access_s),
            "token_type": "Bearer",
            "scope": form.get("scope", "api offline_access"),
        }
        if chain.refresh:
            # Every refresh rotates: the one before is worthless from here on.
            chain.refresh = secrets.token_urlsafe(32)
            answer["refresh_token"] = chain.refresh
        return answer

    def _sign_in(self, form: Mapping[str, str]) -> Chain:
        if self.flow != "password":
            raise Fail(400, {"error": "unauthorized_client"})
        scopes = form.get("scope", "").split()
        if not scopes or not set(scopes) <= _SCOPES or ("offline_access" in scopes and not self.refresh_tokens):
            raise Fail(400, {"error": "invalid_scope"})
        user = self.users.get(form.get("username", "").lower())
        if user is None or user.password != form.get("password"):
            raise Fail(400, {"error": "invalid_grant"})
        chain = Chain(user, refresh="new" if "offline_access" in scopes else "")
        self.chains.append(chain)
        return chain

    def _refreshed(self, token: str) -> Chain:
        for chain in self.chains:
            if chain.refresh and chain.refresh == token:
                return chain
        raise Fail(400, {"error": "invalid_grant"})

    # Cookie

    def login(self, body: Mapping[str, object]) -> str:
        """A session's cookie; raises 500 for wrong credentials, 429 when no seat is free."""
        user = self.users.get(str(body.get("name", "")).lower())
        if user is None or user.password != body.get("password"):
            raise failure("Invalid credentials. Please try again.")
        if self.seated >= self.licence.users:
            raise Fail(429, "The custom error module does not recognize this error.")
        chain = Chain(user, cookie=secrets.token_hex(12), seated=True, used_at=self.clock())
        self.chains.append(chain)
        self.grants.append("login")
        return chain.cookie

    def logout(self, cookie: str, authorization: str = "") -> None:
        """Give the seat back: of the cookie's session, or of the token's."""
        token = authorization.removeprefix("Bearer ")
        self.chains = [
            chain
            for chain in self.chains
            if not ((cookie and chain.cookie == cookie) or (token and token in chain.access))
        ]

    # Both

    def admit(self, authorization: str, cookie: str) -> Chain:
        """The session of a request; raises 401, or 500 when its first call finds no seat."""
        self._end_idle()
        scheme, _, token = authorization.partition(" ")
        for chain in self.chains:
            if scheme == "Bearer" and chain.access.get(token, 0.0) > self.clock():
                return self._seat(chain)
            if not authorization and cookie and chain.cookie == cookie:
                return self._seat(chain)
        raise Fail(401, _REFUSED)

    def _seat(self, chain: Chain) -> Chain:
        if not chain.seated:
            if self.seated >= self.licence.users:
                raise failure("API Login Limit")
            chain.seated = True
        chain.used_at = max(chain.used_at, self.clock())
        return chain

    def _end_idle(self) -> None:
        now = self.clock()
        self.chains = [chain for chain in self.chains if not chain.cookie or now - chain.used_at <= self.cookie_idle_s]
        for chain in self.chains:
            chain.access = {token: until for token, until in chain.access.items() if until > now}
            if not chain.cookie and not chain.refresh and not chain.access:
                chain.seated = False
