"""The local Windows agent: JSON over HTTP, its own key plus the Sage user's log-on on every request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel

from include import strict_json
from include.erps.sage_100.answers import Account, Entry, Period, Structure, SubAccount, Unreadable, read
from include.erps.sage_100.channel import Created
from include.erps.sage_100.documents import Entry as NewEntry
from include.erps.sage_100.failures import Failure
from include.erps.sage_100.settings import Sage100Settings, agent_body
from include.transport import Answer, HttpClient

M = TypeVar("M", bound=BaseModel)
_LONGEST_ANSWER_KEPT = 200_000


class AgentChannel:
    """:param http: a client that sends the agent's key and the Sage user with every request."""

    def __init__(self, http: HttpClient, settings: Sage100Settings) -> None:
        self._http = http
        self._settings = settings
        self._company = f"{settings.path}/companies/{quote(settings.company_code, safe='')}"

    def structure(self) -> Structure:
        """See :class:`include.erps.sage_100.channel.Channel`."""
        return read(Structure, self._get("/gl/account-structure"))

    def account(self, account: str) -> Account:
        """See :class:`include.erps.sage_100.channel.Channel`."""
        return read(Account, self._get(f"/gl/accounts/{quote(account, safe='')}"))

    def accounts(self) -> list[Account]:
        """All pages; an account that comes or goes meanwhile makes the answer unreadable rather than incomplete."""
        size = self._settings.account_page
        found: dict[str, Account] = {}
        page = 1
        while True:
            answer = self._get("/gl/accounts", page=str(page), pageSize=str(size))
            rows, total = _items(answer, Account), answer.get("total")
            found.update((row.account, row) for row in rows)
            if not isinstance(total, int) or len(rows) > size:
                raise Unreadable("the page of accounts does not tell how many there are")
            if len(rows) < size or page * size >= total:
                break
            page += 1
        if len(found) != total:
            raise Unreadable(f"{len(found)} of {total} accounts came back")
        return list(found.values())

    def sub_accounts(self, segment_no: str) -> list[SubAccount]:
        """See :class:`include.erps.sage_100.channel.Channel`."""
        return _items(self._get("/gl/sub-accounts", segmentNo=segment_no), SubAccount)

    def periods(self, fiscal_year: str) -> list[Period]:
        """See :class:`include.erps.sage_100.channel.Channel`."""
        return _items(self._get("/gl/periods", fiscalYear=fiscal_year), Period)

    def entries(self, reference: str) -> list[Entry]:
        """See :class:`include.erps.sage_100.channel.Channel`."""
        return _items(self._get("/gl/journal-entries", reference=reference), Entry)

    def create(self, entry: NewEntry, before_send: Callable[[str], None]) -> Created:
        """See :class:`include.erps.sage_100.channel.Channel`."""
        body = agent_body(entry)
        headers = {"Content-Type": "application/json", "X-Request-Id": entry.reference}
        before_send(body.decode())
        answer = self._http.request("POST", f"{self._company}/gl/journal-entries", content=body, headers=headers)
        if answer.status not in (200, 201):
            raise self._failure(answer)
        return Created(read(Entry, _json(answer)), self._kept(answer))

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _get(self, path: str, **parameters: str) -> Mapping[str, Any]:
        answer = self._http.request_repeatedly(
            "GET", self._company + path, attempts=self._settings.lookup_attempts, params=parameters
        )
        if answer.status != 200:
            raise self._failure(answer)
        return _json(answer)

    def _failure(self, answer: Answer) -> Failure:
        """By the error object; a proxy or Windows itself answers without one, then only the status counts."""
        code, message = None, ""
        try:
            error = strict_json.read(answer.body)["error"]
            if isinstance(error["code"], str):
                code, message = error["code"], _message(error)
        except (ValueError, KeyError, TypeError):
            pass
        return Failure(answer.status, code, self._http.masked(message), answer.retry_after_s, self._kept(answer))

    def _kept(self, answer: Answer) -> str:
        return self._http.masked(answer.body.decode("utf-8", "replace"))[:_LONGEST_ANSWER_KEPT]


def _message(error: Mapping[str, Any]) -> str:
    details = error.get("details")
    rows = [row for row in details if isinstance(row, dict)] if isinstance(details, list) else []
    said = [f"{row.get('field')}: {row.get('message')}" for row in rows[:5]]
    return " ".join([str(error.get("message") or ""), *said]).strip()


def _json(answer: Answer) -> Mapping[str, Any]:
    try:
        value = strict_json.read(answer.body, exact=False)
    except strict_json.NotJson:
        raise Unreadable("the answer is not complete JSON") from None
    if not isinstance(value, dict):
        raise Unreadable("the answer is no JSON object")
    return value


def _items(answer: Mapping[str, Any], model: type[M]) -> list[M]:
    # An absent list is not an empty one.
    items = answer.get("items")
    if not isinstance(items, list):
        raise Unreadable("the answer has no list `items`")
    return [read(model, item) for item in items]
