"""What an answer of Expensify means.

The HTTP status says little: errors come as JSON ``{"responseCode": 410, "responseMessage": "..."}`` under HTTP 200, successes
as a bare file name, and proxies in between answer with HTML. So the body's code counts first, the HTTP status second.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from include.errors import Misconfigured, Refused, Retryable
from include.transport import Answer

RATE_LIMIT_PAUSE_S = 60.0
"""Without a ``Retry-After``, wait the longer of the two windows (20 requests in 60 s): refused requests may count too."""
LONGEST_ENVELOPE = 256 * 1024
_SHOWN_MESSAGE = 300
_OK = frozenset({200, 207})
# Code 500 is also used for what no repetition mends; only its text tells.
_RIGHTS = re.compile(r"not authori[sz]ed|permission|not an admin", re.IGNORECASE)
_INVALID = re.compile(
    r"required|missing|malformed|invalid|not supported|unsupported|no template|must (be|not)|expected format",
    re.IGNORECASE,
)
_FILE_NAME = re.compile(r"[^\s<>{}\[\]\"'/\\\x00-\x1f\x7f]{1,255}")


class BadCredentials(Misconfigured):
    """Expensify does not know the credentials. They may have been replaced meanwhile: read the connection again, once."""

    reread_connection = True


class NoRights(Misconfigured):
    """The credentials are right, their owner lacks a role."""


class InvalidRequest(Refused):
    """Expensify refuses the request: an unknown workspace or object, or a value it does not take. ``code`` is its own."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class RateLimited(Retryable):
    """Too many requests with these credentials, from whichever process."""


@dataclass(frozen=True)
class Reply:
    """An answer, read. ``code`` is ``None`` when it is nothing Expensify would say (HTML, empty, unreadable code)."""

    code: int | None
    http_status: int
    message: str
    data: Mapping[str, Any] | None
    text: str
    retry_after_s: float | None

    @property
    def ok(self) -> bool:
        """True for a success by the body's code, or by the HTTP status of a body without one."""
        return self.code in _OK


def _code(value: object) -> int | None:
    """200, 200.0, "200" and "200.0" are all 200."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | str):
        try:
            number = float(value)
        except ValueError:
            return None
        return int(number) if number == number and abs(number) < 10_000 and number == int(number) else None
    return None


def read_reply(answer: Answer) -> Reply:
    """Read an answer whose ``body`` is complete."""
    text = answer.body.decode("utf-8-sig", "replace").strip()
    data: Mapping[str, Any] | None = None
    if text.startswith("{"):
        try:
            parsed = orjson.loads(text)
        except orjson.JSONDecodeError:
            parsed = None
        data = parsed if isinstance(parsed, dict) else None
    code: int | None = answer.status
    message = ""
    if data is not None and "responseCode" in data:
        code = _code(data["responseCode"])
        message = str(data.get("responseMessage") or "")
    elif answer.status == 200 and (not text or text.startswith("<")):
        code = None
    return Reply(code, answer.status, message, data, text, answer.retry_after_s)


def file_name(reply: Reply) -> str | None:
    """The file name in the reply of a ``file`` job: bare, in quotes, or in an object. ``None`` when there is none."""
    if not reply.ok:
        return None
    name: object = reply.text
    if reply.data is not None:
        name = reply.data.get("filename") or reply.data.get("fileName")
    elif reply.text.startswith('"') and reply.text.endswith('"'):
        name = reply.text[1:-1]
    return name if isinstance(name, str) and _FILE_NAME.fullmatch(name) else None


def failure(reply: Reply, action: str, masked: Callable[[str], str]) -> Exception:
    """The error for a reply that is no success.

    :param action: what was attempted, for the message, like "export 3 reports".
    :param masked: removes secrets from Expensify's words.
    """
    words = masked(reply.message)[:_SHOWN_MESSAGE].strip()
    said = f"Expensify could not {action} (code {reply.code}" + (f": {words})" if words else ")")
    authentication = "authentication error" in reply.message.lower()
    if reply.code == 401 or authentication:
        return BadCredentials(
            f"Expensify refused the credentials while asked to {action}: correct login (partnerUserID) and password "
            "(partnerUserSecret) of the Expensify connection; a lost secret can only be generated anew"
        )
    own_words = reply.data is not None and "responseCode" in reply.data
    if reply.code == 429:
        delay = reply.retry_after_s if reply.retry_after_s is not None else RATE_LIMIT_PAUSE_S
        return RateLimited(f"{said}: too many requests with these credentials, by any program; wait and repeat", delay)
    if reply.http_status in range(300, 400):
        return Misconfigured(
            f"{said}: the server redirects, which is not followed. Correct host and schema of the Expensify connection"
        )
    if own_words and (reply.code == 403 or (reply.code == 500 and _RIGHTS.search(reply.message))):
        return NoRights(
            f"{said}: the owner of the credentials lacks a role. Make the owner (connection's login) an admin of the workspace, "
            "for cards and employees of the domain"
        )
    if own_words and reply.code in (404, 410, 666):
        return InvalidRequest(f"{said}: check workspace IDs and names in the tenant file", reply.code)
    if own_words and reply.code == 500 and _INVALID.search(reply.message):
        return InvalidRequest(f"{said}: check the tenant file's Expensify settings", 500)
    if reply.code is None or reply.ok:
        what = "nothing" if not reply.text else "HTML" if reply.text.startswith("<") else "something unreadable"
        return Retryable(
            f"Expensify answered with {what} when asked to {action} (HTTP {reply.http_status}); repeat later"
        )
    return Retryable(f"{said}; repeat later")
