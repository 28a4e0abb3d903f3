"""Logging on with a Windows account: NTLM and Negotiate (Kerberos) over HTTP.

Both prove the account to one TCP connection in a few steps; the server executes nothing before the last of them. So the body of
a request travels only with the step that completes the exchange, and a 401 is always "nothing happened".

A refused password is never tried again: Windows locks the account after a few. One session tries once; what it learned is kept
for the sessions after it (:class:`RefusedPassword`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import importlib.util
import json
import logging
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Literal

import httpx

from include.clock import Clock, utc_now
from include.erps.shared_state import TokenStore
from include.errors import Misconfigured
from include.transport import NoAnswer, NotSent

Scheme = Literal["ntlm", "negotiate"]

_WORDS: dict[Scheme, str] = {"ntlm": "NTLM", "negotiate": "Negotiate"}
# MIT Kerberos: no KDC of the realm answers; the realm's KDC cannot be resolved.
_KDC_AWAY = frozenset({-1765328228, -1765328164, -1765328228 & 0xFFFFFFFF, -1765328164 & 0xFFFFFFFF})
# ... and: no KDC is known for the realm.
_REALM_UNKNOWN = frozenset({-1765328230, -1765328230 & 0xFFFFFFFF})
_log = logging.getLogger(__name__)


class RefusedPassword:
    """Remembers between sessions that a password was refused, for ``pause_s`` seconds or until it is changed.

    Only a digest is kept.
    """

    def __init__(
        self,
        store: TokenStore,
        connection: str,
        login: str,
        password: str,
        *,
        pause_s: float,
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._name = f"dynamics_gp refused password {connection}"
        self._digest = hashlib.scrypt(password.encode(), salt=login.encode(), n=2**12, r=8, p=1).hex()
        self._pause_s = pause_s
        self._clock = clock

    def until(self) -> datetime | None:
        """Until when this very password is not tried again; ``None``: it may be tried."""
        text = self._store.read(self._name)
        if text is None:
            return None
        try:
            kept = json.loads(text)
            until = datetime.fromisoformat(kept["until"])
        except (ValueError, KeyError, TypeError):
            return None
        return until if kept.get("password") == self._digest and self._clock() < until else None

    def note(self) -> None:
        """It was refused just now."""
        until = self._clock() + timedelta(seconds=self._pause_s)
        self._store.write(self._name, json.dumps({"password": self._digest, "until": until.isoformat()}))


class WindowsAuth(httpx.Auth):
    """An httpx authentication flow; the client's pool must hold one connection.

    :param login: ``DOMAIN\\user`` or ``user@domain``.
    :param scheme: ``negotiate`` uses Kerberos where the Python packages ``gssapi`` and ``krb5`` are installed and the login (or
        ``realm``) names a realm with a KDC, else NTLM inside Negotiate.
    :param host: the server's name, for the service principal ``HTTP/<host>``.

    :raises Misconfigured: the account was refused, or the server does not offer the scheme.
    :raises NotSent: the exchange could not be completed (a proxy cut the connection, no KDC answers); nothing happened.
    """

    def __init__(
        self,
        login: str,
        password: str,
        scheme: Scheme,
        host: str,
        *,
        realm: str | None = None,
        refused_before: RefusedPassword | None = None,
    ) -> None:
        self._login = login
        self._password = password
        self._scheme = scheme
        self._host = host
        self._realm = realm
        self._refused_before = refused_before
        self._asked_before = False
        self._refused: str | None = None
        self._known = False
        self._tickets: tuple[str, Any] | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Complete the exchange where the server asks for it."""
        self._stop_if_refused()
        if self._known or not request.content:
            response = yield request
        else:
            response = yield _bare(request)
            if response.status_code != 401:
                response = yield request
        if response.status_code != 401:
            return
        self._require_offer(response)
        context = self._context(_binding(response))
        token = self._step(context, None)
        # Over NTLM the first token only asks for the challenge; a Kerberos ticket is complete at once.
        steps = 2 if context.negotiated_protocol == "ntlm" else 1
        challenged_on: object = None
        for step in range(1, 6):
            leg = request if step >= steps else _bare(request)
            leg.headers["Authorization"] = f"{_WORDS[self._scheme]} {base64.b64encode(token).decode()}"
            response = yield leg
            request.headers.pop("Authorization", None)
            answer = self._token(response)
            connection = response.extensions.get("network_stream")
            if response.status_code != 401:
                self._finish(context, answer, early=step < steps)
                if step < steps:
                    # The server executed an empty request: it knows the connection already.
                    response = yield request
                return
            if answer is None and step < steps:
                # The password was not given yet, so it was not refused either.
                raise NotSent("the server broke the log-on off before it asked for the password; nothing was executed")
            if step >= steps:
                if step >= 2 and steps == 2 and connection is not challenged_on:
                    raise NotSent(
                        "the connection was not kept between the steps of the log-on, so nothing was executed: a proxy in "
                        "between must not share or close connections"
                    )
                self._refuse()
            challenged_on = connection
            token = self._step(context, answer)
        raise NotSent("the log-on did not come to an end; nothing was executed")

    # --- the exchange ---

    def _context(self, binding: Any) -> Any:
        import spnego

        credential: Any = spnego.Password(self._login, self._password)
        try:
            if self._scheme == "negotiate" and self._has_tickets():
                assert self._tickets is not None
                # A ticket cannot be used over NTLM: the password is never tried a second time in another way.
                credential = spnego.KerberosCCache(self._tickets[0], self._principal())
            return spnego.client(
                [credential],
                hostname=self._host,
                service="HTTP",
                protocol=self._scheme,
                channel_bindings=binding,
                context_req=spnego.ContextReq.mutual_auth if self._tickets else spnego.ContextReq.default,
            )
        except Exception as error:  # noqa: BLE001 (the Kerberos library's own errors have no common base without it)
            raise self._failed(error) from None

    def _has_tickets(self) -> bool:
        """Log on to the login's realm, once; false where Kerberos is not installed or knows no such realm."""
        principal = self._principal()
        if self._tickets is None and principal is not None and has_kerberos():
            try:
                self._tickets = _tickets(principal, self._password)
            except Exception as error:
                # Nobody was asked, so the password may still be tried the other way.
                if not _causes(error)[0] & _REALM_UNKNOWN:
                    raise
                _log.warning("Kerberos has no server for the realm of %s: NTLM is used instead", principal)
        return self._tickets is not None

    def _step(self, context: Any, answer: bytes | None) -> bytes:
        import spnego.exceptions

        try:
            token = context.step(answer)
        except (spnego.exceptions.SpnegoError, ValueError, IndexError) as error:
            raise self._failed(error) from None
        if not token:
            raise NotSent("the server's answer to the log-on cannot be used; nothing was executed")
        assert isinstance(token, bytes)
        return token

    def _finish(self, context: Any, answer: bytes | None, *, early: bool) -> None:
        """Check what the server proves of itself, where it does."""
        import spnego.exceptions

        self._known = True
        if early or answer is None or context.complete:
            return
        try:
            context.step(answer)
        except (spnego.exceptions.SpnegoError, ValueError) as error:
            raise NoAnswer(f"the server did not prove that it is {self._host} ({type(error).__name__})") from None

    def _token(self, response: httpx.Response) -> bytes | None:
        word = _WORDS[self._scheme].lower()
        for value in response.headers.get_list("WWW-Authenticate"):
            for part in value.split(","):
                scheme, _, text = part.strip().partition(" ")
                if scheme.lower() == word and text:
                    try:
                        return base64.b64decode(text.strip(), validate=True)
                    except binascii.Error:
                        return None
        return None

    def _principal(self) -> str | None:
        user = self._login.rpartition("\\")[2]
        if self._realm:
            return f"{user.partition('@')[0]}@{self._realm}"
        if "@" not in user:
            return None
        name, _, domain = user.partition("@")
        # Kerberos realms are upper case; Windows does not care.
        return f"{name}@{domain.upper()}"

    # --- refusals ---

    def _require_offer(self, response: httpx.Response) -> None:
        offered = [
            part.strip().partition(" ")[0]
            for value in response.headers.get_list("WWW-Authenticate")
            for part in value.split(",")
        ]
        word = _WORDS[self._scheme]
        if word.lower() in (one.lower() for one in offered):
            return
        known = [one for one in ("Negotiate", "NTLM") if one.lower() in (name.lower() for name in offered)]
        if known:
            raise Misconfigured(
                f"the Dynamics GP server takes {' and '.join(known)}, not {word}: set `auth` in the connection's extra to "
                f"{known[0].lower()}"
            )
        raise Misconfigured(
            "the Dynamics GP server refused the request and offers no Windows log-on: check host and port of the "
            "connection, and that Windows authentication is on in IIS"
        )

    def _stop_if_refused(self) -> None:
        if not self._asked_before and self._refused_before is not None:
            self._asked_before = True
            until = self._refused_before.until()
            if until is not None:
                self._refused = (
                    f"the Windows account {self._login} was refused a short while ago; to keep it from being locked, this "
                    f"password is not tried again before {until:%H:%M:%S} UTC: correct the connection's login and password"
                )
        if self._refused is not None:
            raise Misconfigured(self._refused)

    def _refuse(self) -> None:
        also = f", the clock, and the service principal HTTP/{self._host}" if self._tickets else ""
        self._refused = (
            f"the Dynamics GP server refused the Windows account {self._login}: correct the connection's login and password "
            "(DOMAIN\\user), and check that the account is neither disabled, expired nor locked"
            f"{also}. It is not tried again by itself"
        )
        if self._refused_before is not None:
            self._refused_before.note()
        raise Misconfigured(self._refused)

    def _failed(self, error: Exception) -> Misconfigured | NotSent:
        codes, said = _causes(error)
        if codes & _KDC_AWAY:
            return NotSent("no Kerberos server (KDC) answers, so nothing was sent: check krb5.conf and the network")
        if self._scheme == "ntlm" or not codes:
            return NotSent(f"the log-on failed ({type(error).__name__}); nothing was executed")
        self._refused = (
            f"Kerberos refused the log-on ({said}): check the connection's login (user@REALM) and password, and that the "
            f"server's account has the service principal HTTP/{self._host}. It is not tried again by itself"
        )
        if self._refused_before is not None:
            self._refused_before.note()
        return Misconfigured(self._refused)


@contextmanager
def nothing_executed() -> Iterator[None]:
    """Around a request with an effect: a log-on that fails is a request that was not carried out.

    :raises NotSent: the account was refused. Who asks GP anything after that hears of it as :class:`Misconfigured`.
    """
    try:
        yield
    except Misconfigured as error:
        raise NotSent(str(error)) from None


def has_kerberos() -> bool:
    """Whether the Python packages for Kerberos are installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("gssapi", "krb5"))


def _bare(request: httpx.Request) -> httpx.Request:
    """The request without its body: for the steps that execute nothing."""
    headers = httpx.Headers(request.headers)
    for name in ("Content-Length", "Content-Type", "Transfer-Encoding", "Authorization"):
        headers.pop(name, None)
    return httpx.Request(request.method, request.url, headers=headers, extensions=request.extensions)


def _binding(response: httpx.Response) -> Any:
    """Ties the log-on to this TLS connection (``tls-server-end-point``, RFC 5929); ``None`` without TLS."""
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream is not None else None
    # The pool hands out ssl's inner object, which has no public class.
    certificate = tls.getpeercert(True) if tls is not None else None
    if certificate is None:
        return None
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from spnego.channel_bindings import GssChannelBindings

    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
        name = algorithm.name if algorithm is not None else "sha256"
    except (ValueError, UnsupportedAlgorithm):
        name = "sha256"
    digest = hashlib.new("sha256" if name in ("md5", "sha1") else name, certificate).digest()
    return GssChannelBindings(application_data=b"tls-server-end-point:" + digest)


def _tickets(principal: str, password: str) -> tuple[str, Any]:
    """Log on to the realm: name of a ticket cache in memory, and the cache, which lives as long as it is held."""
    import krb5

    context = krb5.init_context()
    client = krb5.parse_name_flags(context, principal.encode())
    options = krb5.get_init_creds_opt_alloc(context)
    krb5.get_init_creds_opt_set_canonicalize(options, True)
    ticket = krb5.get_init_creds_password(context, client, options, password=password.encode())
    cache = krb5.cc_new_unique(context, b"MEMORY")
    krb5.cc_initialize(context, cache, ticket.client)
    krb5.cc_store_cred(context, cache, ticket)
    return f"MEMORY:{(cache.name or b'').decode()}", (context, cache)


def _causes(error: BaseException | None) -> tuple[set[int], str]:
    """Numbers and the innermost words of an error of Kerberos and all that it wraps."""
    codes: set[int] = set()
    said = ""
    for _ in range(8):
        if error is None:
            break
        for name in ("err_code", "min_code"):
            code = getattr(error, name, None)
            if isinstance(code, int):
                codes.add(code)
                words = str(error).strip().splitlines()
                said = re.sub(r"\s*-?\d{8,}$", "", words[-1])[:200] if words else said
        inner = getattr(error, "base_error", None)
        error = inner if isinstance(inner, BaseException) else error.__cause__
    return codes, said
