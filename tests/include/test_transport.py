"""The HTTP client against a server that misbehaves byte by byte, over real sockets."""

import gzip
import io
import logging
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from include.transport import HttpClient, NoAnswer, NotSent, send_next_by, tls_context

Play = Callable[[socket.socket], None]
KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
# A server that ends each connection says so: the client must not use it again before it sees the end.
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"


class Scripted:
    """Plays one script per connection, the last one for ever; ``requests`` holds what each connection sent first."""

    def __init__(self, *plays: Play, context: ssl.SSLContext | None = None) -> None:
        self._plays = list(plays)
        self._context = context
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(2)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        with suppress(OSError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                self.requests.append(connection.recv(65536))
                play = self._plays.pop(0) if len(self._plays) > 1 else self._plays[0]
                play(connection)
                # Closing with a part of the request unread would reset the connection and take the answer with it.
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    continue


@pytest.fixture
def serve() -> Iterator[Callable[..., Scripted]]:
    servers: list[Scripted] = []

    def start(*plays: Play, context: ssl.SSLContext | None = None) -> Scripted:
        servers.append(Scripted(*plays, context=context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def says(answer: bytes) -> Play:
    return lambda connection: connection.sendall(answer)


def drips(head: bytes, drop: bytes, seconds: float = 3.0) -> Play:
    def play(connection: socket.socket) -> None:
        connection.sendall(head)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            connection.sendall(drop)
            time.sleep(0.05)

    return play


def silence(connection: socket.socket) -> None:
    time.sleep(1.5)


def reads_slowly(connection: socket.socket) -> None:
    end = time.monotonic() + 3
    while time.monotonic() < end:
        connection.recv(262_144)
        time.sleep(0.05)


# --- the total deadline ---

SLOW: dict[str, Play] = {
    "headers": drips(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "one endless header": drips(b"HTTP/1.1 200 OK\r\nX-A: ", b"b"),
    "body": drips(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", b"x"),
    "chunks": drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "interim answers": drips(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "silence": silence,
}


@pytest.mark.parametrize("name", SLOW)
def test_the_deadline_holds_however_slowly_the_answer_drips(serve: Callable[..., Scripted], name: str) -> None:
    server = serve(SLOW[name])
    began = time.monotonic()
    with HttpClient(server.url, request_timeout_s=0.4) as client, pytest.raises(NoAnswer):
        client.request("POST", "/")
    assert 0.3 < time.monotonic() - began < 0.9


def test_the_deadline_holds_against_a_server_that_reads_slowly(serve: Callable[..., Scripted]) -> None:
    server = serve(reads_slowly)
    began = time.monotonic()
    with HttpClient(server.url, request_timeout_s=0.4) as client, pytest.raises(NoAnswer):
        client.request("POST", "/", content=b"x" * 32_000_000)
    assert time.monotonic() - began < 1.2


def test_the_deadline_holds_for_a_tls_handshake(serve: Callable[..., Scripted]) -> None:
    server = serve(silence)
    began = time.monotonic()
    with HttpClient(server.url.replace("http", "https"), request_timeout_s=0.4) as client, pytest.raises(NotSent):
        client.request("POST", "/")
    assert time.monotonic() - began < 0.9


def test_each_request_has_its_own_deadline(serve: Callable[..., Scripted]) -> None:
    server = serve(says(OK))
    with HttpClient(server.url, request_timeout_s=0.3) as client:
        client.request("GET", "/")
        time.sleep(0.4)
        assert client.request("GET", "/").body == b"ok"
    with HttpClient(serve(SLOW["body"]).url, request_timeout_s=60) as client:
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            client.request("GET", "/", timeout_s=0.3)
        assert time.monotonic() - began < 0.8


# --- what reached the server ---


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}", "http://no-such-host.invalid", "http://[::1", "ftp://127.0.0.1", "x"]
)
def test_what_cannot_be_reached_was_not_sent(url: str) -> None:
    with HttpClient(url.format(port=unused_port()), request_timeout_s=3) as client, pytest.raises(NotSent):
        client.request("POST", "/secret?password=hunter2")


LOST = {
    "closed at once": lambda connection: None,
    "half a status line": says(b"HTTP/1.1 2"),
    "no headers' end": says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"),
    "half a body": says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"),
    "half a chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
    "no HTTP": says(b"SSH-2.0-OpenSSH\r\n"),
    "not gzip": says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok"),
    "packed twice": says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 2\r\n\r\nok"),
}


@pytest.mark.parametrize("name", LOST)
def test_what_was_sent_and_not_answered_is_no_answer_and_is_never_repeated(
    serve: Callable[..., Scripted], name: str
) -> None:
    server = serve(LOST[name])
    with HttpClient(server.url, request_timeout_s=3) as client, pytest.raises(NoAnswer) as caught:
        client.request("POST", "/secret?password=hunter2", content=b"hunter2")
    assert len(server.requests) == 1
    assert "hunter2" not in str(caught.value)
    assert str(server.port) not in str(caught.value)


def test_a_kept_connection_that_the_server_closes_on_the_next_request_is_not_used_twice(
    serve: Callable[..., Scripted],
) -> None:
    def once(connection: socket.socket) -> None:
        connection.sendall(KEPT)
        server.requests.append(connection.recv(65536))

    server = serve(once)
    with HttpClient(server.url, request_timeout_s=3) as client:
        client.request("GET", "/")
        with pytest.raises(NoAnswer):
            client.request("POST", "/create")
    assert [request.split()[1] for request in server.requests] == [b"/", b"/create"]


# --- sizes ---


def test_a_longer_body_than_allowed_is_given_up(serve: Callable[..., Scripted]) -> None:
    body = b"x" * 1001
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    server = serve(says(head + body))
    with HttpClient(server.url, max_body_bytes=1000) as client:
        with pytest.raises(NoAnswer, match="longer than 1,000 bytes"):
            client.request("GET", "/")
        with pytest.raises(NoAnswer, match="longer than 1,000 bytes"):
            client.download("GET", "/", io.BytesIO())
    with HttpClient(server.url, max_body_bytes=1001) as client:
        assert len(client.request("GET", "/").body) == 1001


def test_a_packed_body_counts_unpacked(serve: Callable[..., Scripted]) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    server = serve(says(head + bomb))
    with HttpClient(server.url, max_body_bytes=1_000_000) as client:
        into = io.BytesIO()
        with pytest.raises(NoAnswer, match="longer than 1,000,000 bytes"):
            client.download("GET", "/", into)
    assert len(into.getvalue()) <= 1_000_000


def test_a_download_is_written_whole_and_its_head_kept(serve: Callable[..., Scripted]) -> None:
    body = bytes(range(256)) * 400
    server = serve(says(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)))
    into = io.BytesIO()
    with HttpClient(server.url) as client:
        answer = client.download("GET", "/", into)
    assert into.getvalue() == body
    assert answer.body == body[:4096]


# --- redirects, credentials, repeats ---


def test_a_redirect_is_an_answer_and_credentials_go_nowhere_else(serve: Callable[..., Scripted]) -> None:
    other = serve(says(OK))
    server = serve(says(f"HTTP/1.1 307 Moved\r\nLocation: {other.url}/\r\nContent-Length: 0\r\n\r\n".encode("ascii")))
    with HttpClient(server.url, headers={"Authorization": "Bearer hunter2"}) as client:
        assert client.request("POST", "/").status == 307
        assert client.request_repeatedly("GET", "/").status == 307
    assert other.requests == []


def status(code: int, headers: str = "") -> Play:
    return says(f"HTTP/1.1 {code} X\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n".encode("ascii"))


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_one_request_is_never_repeated(serve: Callable[..., Scripted], code: int) -> None:
    server = serve(status(code))
    with HttpClient(server.url) as client:
        assert client.request("POST", "/").status == code
    assert len(server.requests) == 1


REPEATED: dict[str, tuple[list[Play], int, int]] = {
    "429 then good": ([status(429, "Retry-After: 0\r\n"), says(OK)], 200, 2),
    "502 and 504 then good": ([status(502, "Retry-After: 0\r\n"), status(504, "Retry-After: 0\r\n"), says(OK)], 200, 3),
    "always 503": ([status(503, "Retry-After: 0\r\n")], 503, 3),
    "500 is no repeat": ([status(500), says(OK)], 500, 1),
    "404 is no repeat": ([status(404), says(OK)], 404, 1),
    "lost then good": ([lambda connection: None, says(OK)], 200, 2),
}


@pytest.mark.parametrize("name", REPEATED)
def test_what_has_no_effect_is_repeated(serve: Callable[..., Scripted], name: str) -> None:
    plays, expected, count = REPEATED[name]
    server = serve(*plays)
    with HttpClient(server.url) as client:
        assert client.request_repeatedly("GET", "/", attempts=3).status == expected
    assert len(server.requests) == count


def test_repeats_end_with_the_last_error(serve: Callable[..., Scripted]) -> None:
    server = serve(lambda connection: None)
    with HttpClient(server.url) as client, pytest.raises(NoAnswer):
        client.request_repeatedly("GET", "/", attempts=2)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), (" 0 ", 0.0), ("", None), ("-1", None), ("1.5", None), ("soon", None), ("\xb2", None), ("9" * 400, 86_400.0),
     ("Wed, 21 Oct 2026 07:28:00 GMT", None)],
)  # fmt: skip
def test_retry_after_in_seconds(serve: Callable[..., Scripted], value: str, seconds: float | None) -> None:
    server = serve(
        says(b"HTTP/1.1 429 X\r\nRetry-After: " + value.encode("latin-1") + b"\r\nContent-Length: 0\r\n\r\n")
    )
    with HttpClient(server.url) as client:
        assert client.request("GET", "/").retry_after_s == seconds


# --- secrets ---


def test_secrets_are_masked_longest_first() -> None:
    client = HttpClient("http://x", secrets=["abc", "abcdef", ""])
    assert client.masked("abcdef abc xyz") == "*** *** xyz"


def test_no_log_line_holds_a_query_a_header_or_a_body(
    serve: Callable[..., Scripted], caplog: pytest.LogCaptureFixture
) -> None:
    cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=hunter2\r\nContent-Length: 7\r\n\r\nhunter2"
    server = serve(says(cookie))
    # Importing Airflow in the same process silences httpx.
    caplog.set_level(logging.DEBUG, logger="httpx")
    with caplog.at_level(logging.DEBUG), HttpClient(server.url, headers={"X-Key": "hunter2"}) as client:
        client.request("POST", "/logon?password=hunter2", params=None, content=b"hunter2")
    assert "/logon" in caplog.text
    assert "hunter2" not in caplog.text


# --- TLS ---


def test_a_request_whose_leave_ran_out_is_not_sent_and_the_next_one_is(serve: Callable[..., Scripted]) -> None:
    server = serve(says(OK))
    with HttpClient(server.url) as client:
        send_next_by(time.monotonic() - 0.01)
        with pytest.raises(NotSent, match="stood still"):
            client.request("POST", "/", content=b"journal")
        assert server.requests == []
        send_next_by(time.monotonic() + 60)
        assert client.request("POST", "/").status == 200
        send_next_by(time.monotonic() - 0.01)
        send_next_by(None)
        assert client.request("POST", "/").status == 200


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def secure(serve: Callable[..., Scripted], certificate: Path) -> Scripted:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return serve(says(OK), context=context)


def test_an_unknown_certificate_is_refused_before_anything_is_sent(secure: Scripted) -> None:
    with HttpClient(secure.url) as client, pytest.raises(NotSent, match="certificate verify failed"):
        client.request("POST", "/?password=hunter2")
    assert secure.requests == []


def test_a_ca_bundle_makes_it_known(secure: Scripted, certificate: Path) -> None:
    with HttpClient(secure.url, verify=str(certificate)) as client:
        assert client.request("GET", "/").body == b"ok"


def test_another_host_name_is_refused_all_the_same(secure: Scripted, certificate: Path) -> None:
    url = secure.url.replace("127.0.0.1", "localhost")
    with HttpClient(url, verify=str(certificate)) as client, pytest.raises(NotSent, match="certificate verify failed"):
        client.request("GET", "/")
    assert secure.requests == []


def test_only_the_connection_itself_can_switch_verification_off(secure: Scripted) -> None:
    with HttpClient(secure.url, verify=False) as client:
        assert client.request("GET", "/").body == b"ok"


def test_a_bundle_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gone\.pem' in the connection's extra `verify` does not exist"):
        tls_context(str(tmp_path / "gone.pem"))
    (tmp_path / "empty.pem").write_text("no certificate", encoding="utf-8")
    with pytest.raises(ValueError, match=r"empty\.pem' .* holds no certificate"):
        tls_context(str(tmp_path / "empty.pem"))


def _packed(packing: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {packing}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body


def _bare_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


TEXT = b"<journal>" + b"Caf\xc3\xa9 " * 40_000 + b"</journal>"
PACKED = {
    "gzip": ("gzip", gzip.compress(TEXT)),
    "gzip in two members": ("gzip", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
    "gzip by its old name": ("X-Gzip", gzip.compress(TEXT)),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "deflate without its header": ("deflate", _bare_deflate(TEXT)),
    "not packed": ("identity", TEXT),
}


@pytest.mark.parametrize(("packing", "body"), PACKED.values(), ids=PACKED.keys())
def test_a_packed_answer_is_unpacked(serve: Callable[..., Scripted], packing: str, body: bytes) -> None:
    with HttpClient(serve(says(_packed(packing, body))).url) as client:
        assert client.request("GET", "/").body == TEXT


DAMAGED = {
    "no end": ("gzip", gzip.compress(TEXT)[:-12]),
    "wrong checksum": ("gzip", gzip.compress(TEXT)[:-8] + b"\0" * 8),
    "rubbish behind": ("gzip", gzip.compress(TEXT) + b"rubbish"),
    "brotli": ("br", b"\x0b\x02\x80hello\x03"),
    "zstandard": ("zstd", b"\x28\xb5\x2f\xfd"),
}


@pytest.mark.parametrize(("packing", "body"), DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_or_unknown_packing_is_no_answer(serve: Callable[..., Scripted], packing: str, body: bytes) -> None:
    with HttpClient(serve(says(_packed(packing, body))).url) as client, pytest.raises(NoAnswer):
        client.request("GET", "/")
