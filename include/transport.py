"""One HTTP client for all systems: total deadlines, size limits, no redirects, repeats only where the caller allows them.

Errors say whether a request can have had an effect::

    NotSent    no byte of the request reached the server (DNS, connect, TLS)
    NoAnswer   it was sent, at least in part, and no complete answer came back

Neither carries a URL or a body: both may hold credentials.
"""

from __future__ import annotations

import ipaddress
import logging
import ssl
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import urlsplit

import httpcore
import httpx
import tenacity

from include.deadline import Deadline, DeadlineBackend
from include.errors import Misconfigured, Retryable

REPEATABLE_STATUS = frozenset({429, 502, 503, 504})
_LONGEST_RETRY_AFTER_S = 86_400.0
_PACKINGS = frozenset({"gzip", "x-gzip", "deflate"})
_PIECE_BYTES = 64 * 1024


class _WithoutQuery(logging.Filter):
    """Cuts the query off the URLs that httpx logs at INFO: SYSPRO takes passwords and documents there."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                argument.copy_with(query=None) if isinstance(argument, httpx.URL) else argument
                for argument in record.args
            )
        return True


logging.getLogger("httpx").addFilter(_WithoutQuery())
# At DEBUG it writes the answers' headers, and with them session cookies.
logging.getLogger("httpcore").setLevel(logging.INFO)


class NotSent(Retryable):
    """No byte of the request reached the server."""


class NoAnswer(Retryable):
    """The request was sent, at least in part; no complete, readable answer came back."""


@contextmanager
def _named_errors() -> Iterator[None]:
    """Turn the wire's errors into :class:`NotSent` and :class:`NoAnswer`, keeping only the error's kind."""
    try:
        yield
    except (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout, httpcore.ProxyError) as error:
        raise NotSent(f"the server could not be reached ({type(error).__name__}: {error})") from None
    except (httpcore.UnsupportedProtocol, httpcore.LocalProtocolError) as error:
        raise NotSent(f"the request could not be sent ({type(error).__name__})") from None
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
        raise NoAnswer(f"no complete answer came back ({type(error).__name__})") from None


class _BodyStream(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes], close: Any) -> None:
        self._stream = stream
        self._close = close

    def __iter__(self) -> Iterator[bytes]:
        with _named_errors():
            yield from self._stream

    def close(self) -> None:
        if self._close is not None:
            self._close()


class _DeadlineTransport(httpx.BaseTransport):
    def __init__(self, context: ssl.SSLContext, deadline: Deadline) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=1,
            keepalive_expiry=30,
            network_backend=DeadlineBackend(deadline),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        wire_request = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _named_errors():
            answer = self._pool.handle_request(wire_request)
        assert isinstance(answer.stream, Iterable)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_BodyStream(answer.stream, getattr(answer.stream, "close", None)),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


def require_https(url: str, system: str, because: str, *, allow_http: bool) -> None:
    """Credentials travel to another machine only under TLS, unless the tenant file says otherwise.

    :raises Misconfigured: the address is not https; ``because`` says what would be readable on the way.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname and (allow_http or _is_this_machine(parts.hostname)):
        return
    raise Misconfigured(
        f"{system}'s address must be https: {because}. Set the connection's schema and host, or erp.allow_http: true in the "
        "tenant file for a server that has no TLS"
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def tls_context(verify: bool | str) -> ssl.SSLContext:
    """The TLS settings for ``verify``: true, false (only when the connection itself says so), or a CA bundle's path.

    :raises ValueError: the bundle cannot be read.
    """
    if isinstance(verify, str):
        if not Path(verify).is_file():
            raise ValueError(f"the CA bundle {verify!r} in the connection's extra `verify` does not exist")
        try:
            return ssl.create_default_context(cafile=verify)
        except (ssl.SSLError, OSError):
            raise ValueError(
                f"the CA bundle {verify!r} in the connection's extra `verify` holds no certificate that can be read"
            ) from None
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@dataclass(frozen=True)
class Answer:
    """A complete answer. ``body`` is the decoded content."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def retry_after_s(self) -> float | None:
        """Seconds of a numeric ``Retry-After`` header (a day at most), else ``None``."""
        value = self.headers.get("Retry-After", "").strip()
        if not (value.isascii() and value.isdigit()):
            return None
        return min(float(value), _LONGEST_RETRY_AFTER_S)


def _unpacked(response: httpx.Response) -> Iterator[bytes]:
    """The content in pieces of bounded size: a few packed bytes may stand for more than any memory holds.

    :raises NoAnswer: it is packed in a way that was not asked for, or its end is missing.
    """
    packing = response.headers.get("Content-Encoding", "").strip().lower()
    if packing in ("", "identity"):
        yield from response.iter_raw(_PIECE_BYTES)
        return
    if packing not in _PACKINGS:
        raise NoAnswer("the answer is packed in a way that was not asked for")
    unpacker: Any = None
    try:
        for packed in response.iter_raw(_PIECE_BYTES):
            while packed:
                if unpacker is None:
                    # What calls itself "deflate" may come without the zlib header that belongs to it.
                    bare = packing == "deflate" and packed[0] & 0x0F != 0x08
                    unpacker = zlib.decompressobj(-zlib.MAX_WBITS if bare else zlib.MAX_WBITS | 32)
                yield unpacker.decompress(packed, _PIECE_BYTES)
                packed = unpacker.unconsumed_tail
                if unpacker.eof:
                    # A gzip file may be several, one behind the other.
                    packed, unpacker = unpacker.unused_data, None
        while unpacker is not None and (rest := unpacker.decompress(unpacker.unconsumed_tail, _PIECE_BYTES)):
            yield rest
    except zlib.error:
        raise NoAnswer("the answer's packing is damaged") from None
    if unpacker is not None and not unpacker.eof:
        raise NoAnswer("the answer's packing has no end")


class HttpClient:
    """HTTP to one host.

    :param base_url: scheme, host and port, without a trailing slash.
    :param request_timeout_s: total deadline of one request, first byte sent to last byte read.
    :param max_body_bytes: a longer answer, unpacked, is given up as :class:`NoAnswer`. Reading 16 MB of hostile JSON takes some
        hundred MB of memory, and no honest answer but an export comes near it.
    :param secrets: texts that :meth:`masked` removes.
    """

    def __init__(
        self,
        base_url: str,
        *,
        verify: bool | str = True,
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
        request_timeout_s: float = 120,
        max_body_bytes: int = 16 * 1024 * 1024,
        secrets: Sequence[str] = (),
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.request_timeout_s = request_timeout_s
        self.max_body_bytes = max_body_bytes
        self._secrets = tuple(sorted((secret for secret in secrets if secret), key=len, reverse=True))
        self._deadline = Deadline()
        self._client = httpx.Client(
            transport=_DeadlineTransport(tls_context(verify), self._deadline),
            auth=auth,
            headers={"Accept-Encoding": "gzip, deflate", **(headers or {})},
            timeout=None,
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def masked(self, text: str) -> str:
        """``text`` without the client's secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def request(self, method: str, path: str, *, timeout_s: float | None = None, **options: Any) -> Answer:
        """Send one request, once. ``options`` are httpx's (``params``, ``data``, ``content``, ``headers`` ...).

        :raises NotSent: nothing reached the server. :raises NoAnswer: no complete answer within the deadline.
        """
        body = bytearray()
        with self._streamed(method, path, timeout_s, options) as response:
            for chunk in self._chunks(response):
                body += chunk
        return Answer(response.status_code, response.headers, bytes(body))

    def download(
        self, method: str, path: str, into: IO[bytes], *, timeout_s: float | None = None, **options: Any
    ) -> Answer:
        """Like :meth:`request`, but write the content to ``into``; the answer's ``body`` holds its first 4,096 bytes."""
        head = bytearray()
        with self._streamed(method, path, timeout_s, options) as response:
            for chunk in self._chunks(response):
                into.write(chunk)
                if len(head) < 4096:
                    head += chunk[: 4096 - len(head)]
        return Answer(response.status_code, response.headers, bytes(head))

    def request_repeatedly(
        self, method: str, path: str, *, attempts: int = 4, timeout_s: float | None = None, **options: Any
    ) -> Answer:
        """:meth:`request` for what has no effect on the server: repeated with back-off after lost answers, 429, 502, 503, 504.

        The last answer is returned as it is, also when it is one of those.
        """

        def wait(state: tenacity.RetryCallState) -> float:
            asked: float | None = None
            if state.outcome is not None and not state.outcome.failed:
                asked = state.outcome.result().retry_after_s
            return min(asked if asked is not None else back_off(state), 60.0)

        back_off = tenacity.wait_random_exponential(multiplier=0.5, max=10)
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(attempts),
            wait=wait,
            retry=tenacity.retry_if_exception_type((NotSent, NoAnswer))
            | tenacity.retry_if_result(lambda answer: answer.status in REPEATABLE_STATUS),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        answer = retrying(lambda: self.request(method, path, timeout_s=timeout_s, **options))
        assert isinstance(answer, Answer)
        return answer

    @contextmanager
    def _streamed(
        self, method: str, path: str, timeout_s: float | None, options: dict[str, Any]
    ) -> Iterator[httpx.Response]:
        self._deadline.at = time.monotonic() + (timeout_s if timeout_s is not None else self.request_timeout_s)
        try:
            with self._client.stream(method, self.base_url + path, **options) as response:
                yield response
        except httpx.InvalidURL:
            raise NotSent("the request's address is not a valid URL: check the connection's host") from None
        except (httpx.DecodingError, httpx.RequestError) as error:
            raise NoAnswer(f"the answer could not be read ({type(error).__name__})") from None
        finally:
            self._deadline.at = float("inf")

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        size = 0
        for chunk in _unpacked(response):
            size += len(chunk)
            if size > self.max_body_bytes:
                raise NoAnswer(f"the answer is longer than {self.max_body_bytes:,} bytes")
            yield chunk
