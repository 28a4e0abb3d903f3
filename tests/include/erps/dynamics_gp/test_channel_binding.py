"""Extended Protection: over TLS, the log-on carries the fingerprint of the server's certificate."""

import base64
import hashlib
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import spnego
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

from include.erps.dynamics_gp.auth import WindowsAuth
from include.errors import Misconfigured
from include.transport import HttpClient


class Server(ThreadingHTTPServer):
    """Takes NTLM only when it is bound to ``certificate``."""

    certificate: bytes
    hash_name = "sha256"
    daemon_threads = True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    context: Any = None
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        word, _, token = self.headers.get("Authorization", "").partition(" ")
        if not token:
            return self.answer(401, word or "NTLM")
        if self.context is None:
            digest = hashlib.new(self.server.hash_name, self.server.certificate).digest()
            binding = GssChannelBindings(application_data=b"tls-server-end-point:" + digest)
            self.context = spnego.server(protocol="ntlm", channel_bindings=binding)
        try:
            challenge = self.context.step(base64.b64decode(token))
        except SpnegoError:
            return self.answer(401, "NTLM")
        if not self.context.complete:
            return self.answer(401, f"NTLM {base64.b64encode(challenge).decode()}")
        return self.answer(200, "", body)

    def answer(self, status: int, offer: str, body: bytes = b"") -> None:
        self.send_response(status)
        if offer:
            self.send_header("WWW-Authenticate", offer)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps the test's output clean."""


def certificate(algorithm: hashes.HashAlgorithm) -> tuple[bytes, bytes, bytes]:
    """PEM, key and DER of a self-signed certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gp")])
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
        .sign(key, algorithm)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (
        built.public_bytes(serialization.Encoding.PEM),
        private,
        built.public_bytes(serialization.Encoding.DER),
    )


@pytest.fixture(params=["sha256", "sha384"])
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    users = tmp_path / "users"
    users.write_text("CORP:robot:right-password")
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
    algorithm = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384()}[request.param]
    pem, key, der = certificate(algorithm)
    (tmp_path / "server.pem").write_bytes(pem)
    (tmp_path / "server.key").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    running = Server(("127.0.0.1", 0), Handler)
    running.socket = context.wrap_socket(running.socket, server_side=True)
    running.certificate, running.hash_name = der, request.param
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


def client(server: Server, tmp_path: Path) -> HttpClient:
    auth = WindowsAuth("CORP\\robot", "right-password", "ntlm", "127.0.0.1")
    url = f"https://127.0.0.1:{server.server_address[1]}"
    return HttpClient(url, verify=str(tmp_path / "server.pem"), auth=auth, request_timeout_s=10)


def test_the_certificate_is_part_of_the_log_on(server: Server, tmp_path: Path) -> None:
    with client(server, tmp_path) as http:
        answer = http.request("POST", "/", content=b"journal")
    assert (answer.status, answer.body) == (200, b"journal")


def test_a_log_on_passed_on_by_another_server_is_refused(server: Server, tmp_path: Path) -> None:
    server.certificate = b"another server's certificate"
    with client(server, tmp_path) as http, pytest.raises(Misconfigured):
        http.request("POST", "/", content=b"journal")
