"""A mail server on loopback: takes everything, keeps it."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class MailServer:
    """``messages`` are (recipients, message), oldest first. ``refuses`` answers every recipient with 550."""

    port: int = 0
    messages: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    refuses: bool = False
    sessions: int = 0

    def texts(self) -> list[str]:
        """The decoded bodies."""
        return [message.get_body().get_content() for _, message in self.messages]  # type: ignore[union-attr]


@contextmanager
def running() -> Iterator[MailServer]:
    """A server for the length of the block."""
    server = MailServer()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            server.sessions += 1
            recipients: list[str] = []
            self.say("220 ready")
            while line := self.rfile.readline():
                command = line.decode().strip()
                match command.upper().split(" ")[0]:
                    case "EHLO" | "HELO":
                        self.say("250 here")
                    case "RCPT" if server.refuses:
                        self.say("550 no such person")
                    case "RCPT":
                        recipients.append(command.partition("<")[2].partition(">")[0])
                        self.say("250 ok")
                    case "DATA":
                        self.say("354 go on")
                        content = b"".join(iter(self.rfile.readline, b".\r\n")).replace(b"\r\n..", b"\r\n.")
                        message = message_from_bytes(content, policy=policy.default)
                        server.messages.append((recipients, message))
                        recipients = []
                        self.say("250 taken")
                    case "QUIT":
                        self.say("221 bye")
                        return
                    case _:
                        self.say("250 ok")

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as listening:
        listening.daemon_threads = True
        server.port = listening.server_address[1]
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()
