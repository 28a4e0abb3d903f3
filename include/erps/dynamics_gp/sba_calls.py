"""The SBA service on the wire: paths, envelopes, pages, all under names that a customer's service may spell differently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from include import strict_json
from include.erps.dynamics_gp.auth import nothing_executed
from include.erps.dynamics_gp.settings import DynamicsGpSettings
from include.errors import LookupFailed, Misconfigured, Rejected, Retryable
from include.transport import Answer, HttpClient

_MISCONFIGURED = {
    "TenantNotFound": "the SBA service has no such tenant: correct erp.sba_tenant in the tenant file",
    "CompanyNotFound": "the SBA service has no company of this name: correct erp.company in the tenant file",
    "UnknownResource": "the SBA service does not have this resource: correct erp.paths in the tenant file",
    "NotMapped": "the Windows account is not mapped to a Dynamics GP user: map it in GP's user setup",
    "CompanyAccess": "the Windows account may not use this company: give its GP user access",
}

REFUSED = frozenset({400, 405, 406, 413, 415, 422})
"""Statuses of an answer that definitely refuses what was sent."""


class NoEnvelope(Exception):
    """The answer is not one of the SBA service."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"HTTP {answer.status} without a readable SBA answer")
        self.answer = answer


@dataclass(frozen=True)
class Message:
    """One objection of an error answer."""

    code: str
    text: str
    field: str

    def __str__(self) -> str:
        at = f" ({self.field})" if self.field and self.field not in self.text else ""
        return f"{self.text or self.code}{at}"


@dataclass(frozen=True)
class Reply:
    """An answer of the service: its content, or its objections. ``raw`` holds no secret."""

    status: int
    payload: Any
    messages: tuple[Message, ...]
    raw: str

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(message.code for message in self.messages)


class SbaCalls:
    """Requests under one tenant and company."""

    def __init__(self, http: HttpClient, settings: DynamicsGpSettings) -> None:
        assert settings.company_name is not None
        self._http = http
        self._settings = settings
        self._root = settings.base_path + settings.paths.root.format(
            tenant=quote(settings.sba_tenant, safe=""), company=quote(settings.company_name, safe="")
        )

    def path(self, resource: str, key: str | None = None) -> str:
        """A resource's path; its key goes into brackets, percent-encoded."""
        return f"{self._root}{resource}" + (f"({quote(key, safe='')})" if key is not None else "")

    def name(self, field: str) -> str:
        """What this customer's service calls a member of the contract."""
        return self._settings.fields.get(field, field)

    def member(self, value: Mapping[str, Any], field: str) -> Any:
        """A member's value; ``None`` when it is absent."""
        return value.get(self.name(field))

    def get(self, subject: str, path: str, **parameters: str) -> Reply | None:
        """A question; ``None`` when the thing asked for does not exist.

        :raises LookupFailed: there is no reliable answer. :raises Misconfigured: tenant, company, path or rights.
        """
        options: dict[str, Any] = {"headers": {"Accept": "application/json"}}
        if parameters:
            options["params"] = parameters
        try:
            answer = self._http.request_repeatedly("GET", path, attempts=self._settings.query_attempts, **options)
            reply = self.reply(answer)
        except NoEnvelope as error:
            if error.answer.status in (403, 404):
                raise Misconfigured(
                    "there is no SBA service at the connection's host and erp.base_path, or a gateway refuses the request"
                ) from None
            raise LookupFailed(
                f"Dynamics GP gave no readable answer about {subject}: {error}", error.answer.retry_after_s
            ) from None
        except Retryable as error:
            raise LookupFailed(f"Dynamics GP could not be asked about {subject}: {error}", error.delay_s) from None
        if reply.status == 404 and "NotFound" in reply.codes:
            return None
        if reply.status != 200:
            self.require_access(reply)
            words = "; ".join(map(str, reply.messages))[:500]
            raise LookupFailed(f"Dynamics GP refused the question about {subject}: {words}")
        return reply

    def items(
        self, subject: str, path: str, asked: Mapping[str, str] | None = None, *, sized: bool = True
    ) -> list[dict[str, Any]]:
        """All items of a list, page by page.

        :param asked: filters.
        :param sized: whether the resource takes a page's size; one that does not is asked for a further page only when it says
            that there is one.
        :raises LookupFailed: a page is missing or the list is not the length it says.
        """
        names = self._settings.envelope
        found: list[dict[str, Any]] = []
        skip = 0
        size = {"Top": str(self._settings.page_size)} if sized else {}
        while True:
            start = {"Skip": str(skip)} if sized or skip else {}
            reply = self.get(subject, path, **(asked or {}), **size, **start)
            payload: dict[str, Any] = reply.payload if reply is not None and isinstance(reply.payload, dict) else {}
            rows = payload.get(names.items)
            if (
                not isinstance(rows, list)
                or names.next not in payload
                or not all(isinstance(row, dict) for row in rows)
            ):
                raise LookupFailed(f"Dynamics GP's answer about {subject} is not a list")
            found += rows
            following, total = payload[names.next], payload.get(names.total)
            if following is None:
                if isinstance(total, int) and total != len(found):
                    raise LookupFailed(
                        f"Dynamics GP's list of {subject} is incomplete: {len(found)} of {total} rows came"
                    )
                return found
            if not isinstance(following, int) or following <= skip:
                raise LookupFailed(f"Dynamics GP's list of {subject} does not come to an end")
            skip = following

    def post_once(self, path: str, content: bytes) -> Reply:
        """Send a document, once.

        :raises include.transport.NotSent: not reached, or not let in. :raises include.transport.NoAnswer: no answer.
        :raises NoEnvelope: not an answer of the service.
        """
        headers = {"Accept": "application/json", "Content-Type": "application/json; charset=utf-8"}
        with nothing_executed():
            answer = self._http.request("POST", path, content=content, headers=headers)
        return self.reply(answer)

    def put(self, subject: str, path: str, content: bytes) -> None:
        """Set a state, which may be repeated.

        :raises Rejected: refused in GP's own words. :raises Retryable: no answer, or one that does not tell.
        """
        headers = {"Accept": "application/json", "Content-Type": "application/json; charset=utf-8"}
        options: dict[str, Any] = {"content": content, "headers": headers}
        try:
            reply = self.reply(
                self._http.request_repeatedly("PUT", path, attempts=self._settings.query_attempts, **options)
            )
        except NoEnvelope as error:
            raise Retryable(f"Dynamics GP gave no readable answer to {subject}: {error}") from None
        if reply.status in (200, 201):
            return
        words = "; ".join(map(str, reply.messages))[:500]
        if reply.status in REFUSED and reply.messages:
            raise Rejected(f"Dynamics GP refused {subject}: {words}", reply.raw)
        self.require_access(reply)
        raise Retryable(f"Dynamics GP answered {subject} with status {reply.status}: {words}")

    def require_access(self, reply: Reply) -> None:
        """:raises Misconfigured: the refusal is about tenant, company, path or rights."""
        for code in sorted(reply.codes & _MISCONFIGURED.keys()):
            raise Misconfigured(_MISCONFIGURED[code])
        if reply.status in (401, 403):
            raise Misconfigured(f"Dynamics GP refused the Windows account: {'; '.join(map(str, reply.messages))[:300]}")

    def reply(self, answer: Answer) -> Reply:
        """Read an answer by its envelope. :raises NoEnvelope: it has none."""
        names = self._settings.envelope
        try:
            content = strict_json.read(answer.body)
        except strict_json.NotJson:
            raise NoEnvelope(answer) from None
        raw = self.masked(answer.body.decode("utf-8", "replace")[:20_000])
        if not isinstance(content, dict):
            raise NoEnvelope(answer)
        if answer.status in (200, 201):
            if names.payload not in content:
                raise NoEnvelope(answer)
            return Reply(answer.status, content[names.payload], (), raw)
        messages = content.get(names.messages)
        if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
            raise NoEnvelope(answer)
        said = tuple(
            Message(
                *(
                    self.masked(" ".join(str(one.get(name) or "").split()))
                    for name in (names.code, names.text, names.field)
                )
            )
            for one in messages
        )
        return Reply(answer.status, None, said, raw)

    def masked(self, text: str) -> str:
        """``text`` without the password."""
        return self._http.masked(text)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()
