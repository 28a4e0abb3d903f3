"""Windows authentication as IIS does it: per connection, NTLM in three legs, Negotiate with NTLM or Kerberos inside.

The tokens are checked by the library that clients use, as acceptor: a wrong password, a replayed answer or an answer on another
connection is refused for real.
"""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from weakref import WeakKeyDictionary

from aiohttp import web

__all__ = ["Door", "WindowsAccount"]

Word = Literal["Negotiate", "NTLM"]
_ENVIRONMENT = threading.Lock()


@dataclass
class WindowsAccount:
    """A domain account. `user` is `DOMAIN\\user`, `upn` the other form. `gp_user`: mapped to a user of GP."""

    user: str
    password: str
    upn: str = ""
    gp_user: bool = True
    disabled: bool = False
    companies: frozenset[int] | None = None
    """Ids of the companies the account may use; None: all."""

    def may_use(self, company_id: int) -> bool:
        """Whether the account's GP user has access to a company."""
        return self.companies is None or company_id in self.companies


@dataclass
class _Connection:
    """What one TCP connection has proved so far."""

    context: Any = None
    word: str = ""
    challenged: bool = False
    account: WindowsAccount | None = None


@dataclass(frozen=True)
class Entrance:
    """Outcome of one request: the account and headers for its answer, or none and the headers of the 401."""

    account: WindowsAccount | None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Door:
    """Who may come in. `words` are the schemes offered; `persists` false: asked again for every request.

    `refusals` counts completed exchanges that failed; from `lock_after` of them on, every account is locked. `legs` records
    each leg as `word:size of the body`, for tests. `hostname` and the environment's keytab serve Kerberos.
    """

    words: tuple[Word, ...] = ("Negotiate", "NTLM")
    persists: bool = True
    lock_after: int | None = None
    hostname: str = "localhost"
    accounts: dict[str, WindowsAccount] = field(default_factory=dict)
    refusals: int = 0
    legs: list[str] = field(default_factory=list)
    _connections: WeakKeyDictionary[Any, _Connection] = field(default_factory=WeakKeyDictionary)

    def add(self, account: WindowsAccount) -> WindowsAccount:
        """Let an account in."""
        assert ":" not in account.password
        self.accounts[account.user.casefold()] = account
        return account

    def expire(self) -> None:
        """Forget what every connection has proved."""
        self._connections.clear()

    def enter(self, request: web.Request, body_bytes: int) -> Entrance:
        """Judge one request by its connection and its Authorization header."""
        connection = self._connections.setdefault(request.transport, _Connection())
        word, _, text = request.headers.get("Authorization", "").partition(" ")
        if not text:
            self.legs.append(f"-:{body_bytes}")
            account = connection.account
            if account is None:
                return Entrance(None, self._offers())
            if not self.persists:
                connection.account = None
                return Entrance(None, self._offers())
            return Entrance(account)
        self.legs.append(f"{word}:{body_bytes}")
        if word not in self.words:
            return Entrance(None, self._offers())
        return self._step(connection, word, text)

    def _step(self, connection: _Connection, word: str, text: str) -> Entrance:
        import spnego
        from spnego.exceptions import SpnegoError

        connection.account = None
        with self._credentials():
            try:
                token = base64.b64decode(text, validate=True)
                if connection.context is None or connection.word != word:
                    connection.context = spnego.server(hostname=self.hostname, service="HTTP", protocol=word.lower())
                    connection.word = word
                answer = connection.context.step(token)
            except (SpnegoError, binascii.Error, ValueError, IndexError, TypeError):
                self.refusals += connection.challenged
                connection.context, connection.challenged = None, False
                return Entrance(None, self._offers())
        offered = base64.b64encode(answer).decode() if answer else ""
        if not connection.context.complete:
            connection.challenged = True
            return Entrance(None, (("WWW-Authenticate", f"{word} {offered}"),))
        principal = str(connection.context.client_principal or "")
        connection.context, connection.challenged = None, False
        account = self._account(principal)
        if account is None or account.disabled or (self.lock_after is not None and self.refusals >= self.lock_after):
            self.refusals += 1
            return Entrance(None, self._offers())
        connection.account = account
        return Entrance(account, (("WWW-Authenticate", f"{word} {offered}"),) if offered else ())

    def _account(self, principal: str) -> WindowsAccount | None:
        wanted = principal.casefold()
        for account in self.accounts.values():
            if wanted in (account.user.casefold(), account.upn.casefold()) and wanted:
                return account
        return None

    def _offers(self) -> tuple[tuple[str, str], ...]:
        return tuple(("WWW-Authenticate", word) for word in self.words)

    @contextmanager
    def _credentials(self) -> Iterator[None]:
        """The acceptor reads the domain's passwords from a file that the environment names."""
        lines = []
        for account in self.accounts.values():
            domain, _, user = account.user.rpartition("\\")
            lines.append(f"{domain}:{user}:{account.password}")
            if account.upn:
                lines.append(f":{account.upn}:{account.password}")
        with _ENVIRONMENT, tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "users")
            file.touch(mode=0o600)
            file.write_text("\n".join(lines), encoding="utf-8")
            before: Mapping[str, str | None] = {"NTLM_USER_FILE": os.environ.get("NTLM_USER_FILE")}
            os.environ["NTLM_USER_FILE"] = str(file)
            try:
                yield
            finally:
                for name, value in before.items():
                    if value is None:
                        os.environ.pop(name, None)
                    else:
                        os.environ[name] = value
