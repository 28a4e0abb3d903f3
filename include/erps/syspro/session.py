"""One session of one operator: logged on when first needed, renewed before it dies, given back at the end.

A session occupies a licensed seat, and a second log-on of the same operator ends the first, wherever it is in use. Repeated
bad passwords lock the operator: after one refusal this object never logs on again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from include.erps.syspro.addresses import Argument, Operation
from include.erps.syspro.channel import Channel, Reply
from include.erps.syspro.refusals import Refusals, TextClass
from include.errors import ExpenseError, Misconfigured, Retryable
from include.transport import NoAnswer, NotSent

_LOG = logging.getLogger(__name__)
_LOGOFF_TIMEOUT_S = 15.0
_SHORTEST_MASKED = 4
_ID_LENGTHS = range(8, 81)
_WRONG_ADDRESS = frozenset({401, 403, 404, 405})


@dataclass(frozen=True)
class Credentials:
    """Who logs on where. ``company_password`` is sent even when it is empty."""

    operator: str
    operator_password: str = field(repr=False)
    company_id: str
    company_password: str = field(default="", repr=False)

    def masked(self, text: str) -> str:
        """``text`` without the passwords, plain or as in a URL."""
        secrets = (self.operator_password, self.company_password)
        # A secret of a few characters occurs in every number; masking it would only ruin the text.
        forms = {
            form for secret in secrets if len(secret) >= _SHORTEST_MASKED for form in (secret, quote(secret, safe=""))
        }
        for form in sorted(forms, key=len, reverse=True):
            text = text.replace(form, "***")
        return text


class TooLong(Exception):
    """The call fits none of the channels that the tenant allows."""


class Session:
    """The one session in use, and the channel it was made with.

    :param channels: openers by preference; one is opened when first needed.
    :param idle_renew_s: a session unused for so long is given back and made anew before the next call.
    """

    def __init__(
        self,
        channels: Sequence[Callable[[], Channel]],
        credentials: Credentials,
        refusals: Refusals,
        *,
        idle_renew_s: float,
        seats_delay_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._openers = tuple(channels)
        self._open: dict[int, Channel] = {}
        self._credentials = credentials
        self._refusals = refusals
        self._idle_renew_s = idle_renew_s
        self._seats_delay_s = seats_delay_s
        self._monotonic = monotonic
        self._id = ""
        self._channel: Channel | None = None
        self._used_at = 0.0
        self._refused: Misconfigured | None = None

    def masked(self, text: str) -> str:
        """``text`` without the session's id and the passwords."""
        text = self._credentials.masked(text)
        return text.replace(self._id, "***") if self._id else text

    def fits_preferred(self, operation: Operation, arguments: Mapping[Argument, str]) -> bool:
        """Whether the preferred channel can carry the call."""
        return self._channel_at(0).fits(operation, self._with_session(arguments))

    def ask(self, business_object: str, document: str, parameters: str | None = None) -> Reply:
        """A call without effect: a query, or a post that only validates. Repeated once with a new session if need be.

        :raises Retryable: no answer, or the session was lost twice. :raises Misconfigured: the log-on was refused.
        :raises TooLong: no channel can carry it.
        """
        operation: Operation = "query" if parameters is None else "post"
        arguments = _arguments(business_object, document, parameters)
        for _ in range(2):
            self.prepare(operation, arguments)
            reply = self._send(operation, arguments)
            if refusal_of(reply, self._refusals) != "session":
                return reply
            self.forget()
        raise Retryable(
            f"SYSPRO ended the session of operator {self._credentials.operator} twice in a row: somebody else logs on with "
            "the same operator; give the integration an operator of its own"
        )

    def prepare(self, operation: Operation, arguments: Mapping[Argument, str]) -> None:
        """Be logged on, freshly enough, on a channel that can carry the call.

        :raises Retryable, Misconfigured, TooLong: as :meth:`ask`.
        """
        channel = self._suitable(operation, arguments)
        idle = self._monotonic() - self._used_at > self._idle_renew_s
        if self._id and (channel is not self._channel or idle):
            self.log_off()
        if not self._id:
            self._log_on(channel)

    def sign_in(self) -> str:
        """Log on, unless logged on already; the name of the channel in use.

        :raises Retryable, Misconfigured: as :meth:`ask`.
        """
        self.prepare("query", {})
        assert self._channel is not None
        return self._channel.name

    def send_once(self, business_object: str, document: str, parameters: str) -> Reply:
        """The one request with an effect; :meth:`prepare` comes before it.

        :raises NotSent: nothing reached the server. :raises NoAnswer: no complete answer came back.
        """
        return self._send("post", _arguments(business_object, document, parameters))

    def renew(self) -> None:
        """Replace a session that SYSPRO no longer knows; a failure waits for the next call to be reported."""
        channel = self._channel
        self.forget()
        try:
            self._log_on(channel or self._channel_at(0))
        except ExpenseError as error:
            _LOG.warning("SYSPRO: logging on again failed: %s", error)

    def forget(self) -> None:
        """Drop the session's id without logging off: SYSPRO no longer knows it."""
        self._id, self._channel = "", None

    def log_off(self) -> None:
        """Give the seat back. A failure is a warning only: it takes nothing away from what was posted."""
        if not self._id or self._channel is None:
            return
        channel, arguments = self._channel, {"user_id": self._id}
        self.forget()
        try:
            reply = channel.call("logoff", arguments, _LOGOFF_TIMEOUT_S)  # type: ignore[arg-type]
        except ExpenseError as error:
            _LOG.warning("SYSPRO: the session could not be logged off, its seat is free after its time-out: %s", error)
            return
        if reply.body.text.strip("0") or not reply.body.text:
            _LOG.warning("SYSPRO: the session was not logged off in order (HTTP %s)", reply.status)

    def close(self) -> None:
        """Log off and close the connections."""
        self.log_off()
        for channel in self._open.values():
            channel.close()

    def _channel_at(self, position: int) -> Channel:
        if position not in self._open:
            self._open[position] = self._openers[position]()
        return self._open[position]

    def _suitable(self, operation: Operation, arguments: Mapping[Argument, str]) -> Channel:
        # The channel in use goes first: changing it costs a log-off and a log-on.
        if self._channel is not None and self._channel.fits(operation, self._with_session(arguments)):
            return self._channel
        for position in range(len(self._openers)):
            channel = self._channel_at(position)
            if channel.fits(operation, self._with_session(arguments)):
                return channel
        raise TooLong

    def _with_session(self, arguments: Mapping[Argument, str]) -> dict[Argument, str]:
        return {"user_id": self._id or "0" * _ID_LENGTHS[-1], **arguments}

    def _send(self, operation: Operation, arguments: Mapping[Argument, str]) -> Reply:
        assert self._channel is not None
        try:
            return self._channel.call(operation, self._with_session(arguments))
        finally:
            self._used_at = self._monotonic()

    def _log_on(self, channel: Channel) -> None:
        if self._refused is not None:
            raise self._refused
        known = self._credentials
        arguments: dict[Argument, str] = {
            "operator": known.operator,
            "operator_password": known.operator_password,
            "company_id": known.company_id,
            "company_password": known.company_password,
        }
        try:
            reply = channel.call("logon", arguments)
        except (NotSent, NoAnswer) as error:
            raise Retryable(f"SYSPRO: logging on failed: {error}") from None
        identity = self._identity(reply, channel)
        self._id, self._channel, self._used_at = identity, channel, self._monotonic()

    def _identity(self, reply: Reply, channel: Channel) -> str:
        """The session's id: an opaque word, at times padded with blanks."""
        text = reply.body.text
        kind = refusal_of(reply, self._refusals)
        if kind == "seats":
            raise Retryable("SYSPRO: all licensed e.net seats are taken", self._seats_delay_s)
        if kind is not None:
            words = self._credentials.masked(text[:300])
            self._refused = Misconfigured(
                f"SYSPRO refused the log-on of operator {self._credentials.operator} to company "
                f"{self._credentials.company_id}: {words}. Correct the connection; it is not tried again, because SYSPRO locks "
                "operators after repeated failures"
            )
            raise self._refused
        if reply.status in _WRONG_ADDRESS:
            raise Misconfigured(
                f"SYSPRO's {channel.name} service answered HTTP {reply.status} to the log-on: check the connection's host and "
                "port and the tenant file's erp.base_path or erp.soap_base_path"
            )
        if reply.status != 200:
            raise Retryable(f"SYSPRO answered HTTP {reply.status} to the log-on", reply.retry_after_s)
        if len(text) not in _ID_LENGTHS or len(text.split()) != 1 or text.startswith(("<", "{")):
            raise Retryable("SYSPRO's answer to the log-on is no session id")
        return text


def refusal_of(reply: Reply, refusals: Refusals) -> TextClass | None:
    """The class of an ``ERROR`` text. SYSPRO sends these under HTTP 200: under another status they are a proxy's words."""
    return refusals.text_class(reply.body.text[:1000]) if reply.status == 200 else None


def _arguments(business_object: str, document: str, parameters: str | None) -> dict[Argument, str]:
    arguments: dict[Argument, str] = {"business_object": business_object}
    if parameters is not None:
        arguments["parameters"] = parameters
    arguments["document"] = document
    return arguments
