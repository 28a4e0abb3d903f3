"""The Expensify Integration Server: one address, one form post per job, credentials in each, few requests per minute."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self, cast
from urllib.parse import quote, quote_plus

from include.errors import Retryable
from include.expensify.query import ALL_STATES, ExportQuery
from include.expensify.replies import (
    LONGEST_ENVELOPE,
    RATE_LIMIT_PAUSE_S,
    RateLimited,
    Reply,
    failure,
    file_name,
    read_reply,
)
from include.request_budget import RequestBudget
from include.transport import Answer, HttpClient, NoAnswer, NotSent

PATH = "/Integration-Server/ExpensifyIntegrations"
MARK_CHUNK = 200
MOST_LOST_EXPORTS = 2
"""Each answer of an export may be waited for many minutes: given up after so many lost ones."""
TEMPLATE = Path(__file__).with_name("template.ftl").read_text(encoding="utf-8")
# The job's only purpose is what happens after it, so its file says nothing and is not downloaded.
MARK_TEMPLATE = "<#-- expensify-erp mark v1 -->marked"
_LONGEST_OBEYED_WAIT_S = 120.0


class _Truncatable(Protocol):
    def seek(self, offset: int, /) -> int: ...
    def tell(self) -> int: ...
    def truncate(self) -> int: ...
    def write(self, data: bytes, /) -> int: ...


class _HoldingBack:
    """A sink that passes nothing on until it is clear that the content is no short error answer."""

    def __init__(self, into: _Truncatable) -> None:
        self._into = into
        self._start = into.tell()
        self.held = bytearray()
        self.size = 0

    def write(self, data: bytes, /) -> int:
        self.size += len(data)
        if self.size <= LONGEST_ENVELOPE:
            self.held += data
            return len(data)
        self.release()
        return self._into.write(data)

    def release(self) -> None:
        if self.held:
            self._into.write(bytes(self.held))
            self.held.clear()

    def undo(self) -> None:
        self._into.seek(self._start)
        self._into.truncate()


class ExpensifyClient:
    """Jobs of the Integration Server. Every job offered here is safe to repeat, and is repeated a few times.

    All methods raise :class:`include.errors.Retryable` when Expensify cannot be reached or is busy (``delay_s`` says how long
    to wait), :class:`~include.expensify.replies.BadCredentials`, :class:`~include.expensify.replies.NoRights` and
    :class:`~include.expensify.replies.InvalidRequest` for what a person has to change. No message holds the secret.

    :param http: the server. Its ``max_body_bytes`` bounds a download (about 700 bytes per expense).
    :param file_timeout_s: total deadline of an export: the server answers only when it has built the file, for minutes.
    :param download_timeout_s: total deadline of one download.
    :param ready_within_s: how long a file that is not there yet is asked for again.
    :param attempts: how often one request is sent at most.
    """

    def __init__(
        self,
        http: HttpClient,
        partner_user_id: str,
        partner_user_secret: str,
        budget: RequestBudget,
        path: str = PATH,
        *,
        file_timeout_s: float = 600,
        download_timeout_s: float = 1800,
        request_timeout_s: float = 120,
        ready_within_s: float = 600,
        attempts: int = 4,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._partner_user_id = partner_user_id
        self._partner_user_secret = partner_user_secret
        self._budget = budget
        self._path = path
        self._file_timeout_s = file_timeout_s
        self._download_timeout_s = download_timeout_s
        self._request_timeout_s = request_timeout_s
        self._ready_within_s = ready_within_s
        self._attempts = attempts
        self._sleep = sleep
        self._clock = clock

    def __repr__(self) -> str:
        return f"ExpensifyClient({self._http.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def export(self, query: ExportQuery, *, template: str = TEMPLATE) -> str:
        """Have the reports of ``query`` written to a file on the server; its name, for :meth:`download`.

        Changes nothing in Expensify: no report is marked. A lost answer is asked for anew, which costs a request and leaves
        an orphan file.
        """
        return self._file_job(query.filters, query.states, template, f"export {query}")

    def mark_exported(
        self, report_ids: Sequence[str], label: str, on_marked: Callable[[Sequence[str]], None] | None = None
    ) -> None:
        """Set the export label on reports, 200 per request. It cannot be taken off again; setting it twice is harmless.

        ``on_marked`` is called with the IDs of each request that succeeded, so that a later failure loses nothing.

        :raises ValueError: an ID or the label is empty.
        """
        if not label.strip():
            raise ValueError("an empty export label")
        finish = [{"actionName": "markAsExported", "label": label}]
        unique = list(dict.fromkeys(report_ids))
        for start in range(0, len(unique), MARK_CHUNK):
            chunk = unique[start : start + MARK_CHUNK]
            query = ExportQuery(ALL_STATES, report_ids=tuple(chunk))
            self._file_job(query.filters, query.states, MARK_TEMPLATE, f"mark {len(chunk)} reports as exported", finish)
            if on_marked is not None:
                on_marked(chunk)

    def download(self, name: str, into: IO[bytes]) -> int:
        """Write the content of a file to ``into`` (seekable; emptied behind its position before each try); bytes written.

        A file may not be ready when its name is known: an empty body or "not found" is asked for again, with growing pauses,
        for ``ready_within_s``. The export itself is not repeated.
        """
        job = {"type": "download", "fileName": name, "fileSystem": "integrationServer"}
        action = "hand out the exported file"
        target = cast(_Truncatable, into)
        deadline = self._clock() + self._ready_within_s
        tries = failures = 0
        while True:
            sink = _HoldingBack(target)
            problem: Exception
            try:
                answer = self._post(job, {}, self._download_timeout_s, cast(IO[bytes], sink))
                reply = self._download_reply(answer, sink)
                if reply is None:
                    sink.release()
                    return sink.size
                problem = failure(reply, action, self._masked)
                waits = reply.code == 404 or (reply.http_status in (200, 404) and not reply.text)
                if waits:
                    problem = Retryable("the exported file was not ready in time: export again later")
                else:
                    self._respect_limit(problem)
                    if not isinstance(problem, Retryable):
                        raise problem
                    failures += 1
            except (NotSent, NoAnswer) as error:
                problem = _named(error, action)
                failures += 1
            sink.undo()
            tries += 1
            pause = self._pause_before(tries)
            if failures >= self._attempts or self._clock() + pause > deadline:
                raise problem
            if not isinstance(problem, RateLimited):
                self._sleep(pause)

    def policies(self, *, admin_only: bool = True) -> list[dict[str, Any]]:
        """The workspaces the credentials see: ``id``, ``name``, ``owner``, ``role``, ``outputCurrency``, ``type`` each."""
        job = {"type": "get", "inputSettings": {"type": "policyList", "adminOnly": admin_only}}
        listed = self._json_job(job, "list the workspaces").get("policyList") or []
        if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
            raise Retryable("Expensify's list of workspaces cannot be read: ask again later")
        return listed

    def policy(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Sections of workspaces by workspace ID, as Expensify gives them.

        :param fields: of ``categories``, ``reportFields``, ``tags``, ``tax``, ``employees``.
        :raises InvalidRequest: one of the IDs is unknown; Expensify then answers for none.
        """
        if not ids or not fields:
            raise ValueError("a policy query needs at least one workspace ID and one field")
        settings = {"type": "policy", "policyIDList": list(ids), "fields": list(fields)}
        answer = self._json_job({"type": "get", "inputSettings": settings}, f"read {len(ids)} workspaces")
        found = answer.get("policyInfo") or {}
        if not isinstance(found, dict) or not all(isinstance(sections, dict) for sections in found.values()):
            raise Retryable(f"Expensify's answer about {len(ids)} workspaces cannot be read: ask again later")
        return found

    def update_policy(self, policy_id: str, sections: Mapping[str, Any]) -> None:
        """Change sections of a workspace: ``categories``, ``tags``, ``reportFields``, in Expensify's shape.

        Tags are always replaced as a whole, also under ``"action": "merge"``: give every tag that is to stay.
        """
        if (sections.get("tags") or {}).get("action") == "merge":
            raise ValueError(
                "tags cannot be merged: Expensify deletes every tag that is not listed. Send the full list"
            )
        job = {"type": "update", "inputSettings": {"type": "policy", "policyID": policy_id}, **sections}
        self._json_job(job, f"update the workspace {policy_id}")

    def update_employees(
        self, employees: Sequence[Mapping[str, Any]], *, dry_run: bool = False, fix_approval_chains: bool = True
    ) -> dict[str, Any]:
        """Add, change and remove members. Success with ``skippedEmployees`` in the result is normal: read it."""
        job = {
            "type": "update",
            "dry-run": dry_run,
            "dataSource": "request",
            "inputSettings": {"type": "employees", "entity": "generic"},
            "setEmployeePrimaryPolicy": "none",
            "shouldFixApprovalChains": fix_approval_chains,
        }
        data = json.dumps(list(employees), ensure_ascii=False)
        return dict(self._json_job(job, f"update {len(employees)} employees", {"data": data}))

    def _file_job(
        self,
        filters: Mapping[str, str],
        states: Sequence[str],
        template: str,
        action: str,
        finish: Sequence[Mapping[str, str]] = (),
    ) -> str:
        job: dict[str, Any] = {
            "type": "file",
            "onReceive": {"immediateResponse": ["returnRandomFileName"]},
            "inputSettings": {"type": "combinedReportData", "reportState": ",".join(states), "filters": dict(filters)},
            "outputSettings": {"fileExtension": "txt", "fileBasename": "erp"},
        }
        if finish:
            job["onFinish"] = list(finish)
        reply = self._repeated(
            job,
            {"template": template},
            self._file_timeout_s,
            action,
            lambda it: file_name(it) is not None,
            MOST_LOST_EXPORTS,
        )
        name = file_name(reply)
        assert name is not None
        return name

    def _json_job(
        self, job: Mapping[str, Any], action: str, fields: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        reply = self._repeated(
            job,
            fields or {},
            self._request_timeout_s,
            action,
            lambda it: it.data is not None and "responseCode" in it.data,
        )
        assert reply.data is not None
        return reply.data

    def _repeated(
        self,
        job: Mapping[str, Any],
        fields: Mapping[str, str],
        timeout_s: float,
        action: str,
        understood: Callable[[Reply], bool],
        most_lost: int = 4,
    ) -> Reply:
        lost = 0
        for attempt in range(1, self._attempts + 1):
            problem: Exception
            try:
                reply = read_reply(self._post(job, fields, timeout_s))
                if reply.ok and understood(reply):
                    return reply
                problem = failure(reply, action, self._masked)
            except (NotSent, NoAnswer) as error:
                problem = _named(error, action)
                lost += isinstance(error, NoAnswer)
            self._respect_limit(problem)
            if not isinstance(problem, Retryable) or attempt == self._attempts or lost >= most_lost:
                raise problem
            if not isinstance(problem, RateLimited):
                self._sleep(self._pause_before(attempt))
        raise AssertionError("at least one attempt is made")

    def _respect_limit(self, problem: Exception) -> None:
        """After a refusal for too many requests let every process wait; a very long wait is left to the caller."""
        if isinstance(problem, RateLimited):
            delay = problem.delay_s if problem.delay_s is not None else RATE_LIMIT_PAUSE_S
            self._budget.pause(delay)
            if delay > _LONGEST_OBEYED_WAIT_S:
                raise problem

    def _pause_before(self, attempt: int) -> float:
        """Seconds before the next try: 1, 2, 4 ... 30, with jitter so that processes do not move in step."""
        return min(30.0, 2.0 ** min(attempt - 1, 5)) * random.uniform(0.75, 1.25)

    def _post(
        self, job: Mapping[str, Any], fields: Mapping[str, str], timeout_s: float, into: IO[bytes] | None = None
    ) -> Answer:
        self._budget.take()
        credentials = {"partnerUserID": self._partner_user_id, "partnerUserSecret": self._partner_user_secret}
        description = json.dumps({**job, "credentials": credentials}, ensure_ascii=False)
        form = {"requestJobDescription": description, **fields}
        if into is None:
            return self._http.request("POST", self._path, timeout_s=timeout_s, data=form)
        return self._http.download("POST", self._path, into, timeout_s=timeout_s, data=form)

    def _download_reply(self, answer: Answer, sink: _HoldingBack) -> Reply | None:
        """The failure in a download's answer; ``None`` when it is the file."""
        reply = read_reply(Answer(answer.status, answer.headers, bytes(sink.held) if sink.held else answer.body))
        envelope = reply.data is not None and "responseCode" in reply.data and sink.size <= LONGEST_ENVELOPE
        if answer.status == 200 and not envelope and reply.text and not reply.text.startswith("<"):
            return None
        return reply

    def _masked(self, text: str) -> str:
        """``text`` without the secret, also where the server quotes the request as it was encoded."""
        text = self._http.masked(text)
        secret = self._partner_user_secret
        for form in (secret, json.dumps(secret)[1:-1], quote(secret), quote(secret, safe=""), quote_plus(secret)):
            text = text.replace(form, "***") if form else text
        return text


def _named(error: NotSent | NoAnswer, action: str) -> NotSent | NoAnswer:
    """The transport's error, of the same kind, with what was attempted."""
    return type(error)(f"Expensify could not {action}: {error}", error.delay_s)
