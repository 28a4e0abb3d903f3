"""Requests to one Acumatica tenant: paced, let in, repeated only where nothing can happen twice.

From half of the licence's requests per minute on, Acumatica delays requests, and beyond it refuses them with 429. So all
processes that use one connection share a budget below that half.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from include.erps.acumatica import values
from include.erps.acumatica.access import Access
from include.erps.acumatica.settings import AcumaticaSettings
from include.erps.acumatica.values import Record, Unreadable
from include.errors import ExpenseError, LookupFailed, Misconfigured, Retryable
from include.request_budget import RequestBudget
from include.transport import REPEATABLE_STATUS, Answer, HttpClient, NoAnswer, NotSent

_LOG = logging.getLogger(__name__)
_FILTER_CHARACTERS = 1500


_MOST_SINGLE_READS = 200


class CannotOptimize(LookupFailed):
    """Acumatica reads lists by an optimised export and cannot do that for these fields."""


class Forbidden(Misconfigured):
    """HTTP 403: the user has no right on the form behind the entity, or the feature is off."""


@dataclass(frozen=True)
class Query:
    """What is asked of a list. ``expand`` names details and linked records: without it they never come."""

    entity: str
    select: str
    where: str = ""
    expand: str = ""

    def parameters(self) -> dict[str, str]:
        """As URL parameters."""
        named = {"$filter": self.where, "$expand": self.expand, "$select": self.select}
        return {name: value for name, value in named.items() if value}


class Session:
    """One client's requests; see :class:`include.erps.acumatica.client.AcumaticaErp`.

    :param wait: sleeps for so many seconds.
    """

    def __init__(
        self,
        http: HttpClient,
        settings: AcumaticaSettings,
        access: Access,
        budget: RequestBudget | None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._settings = settings
        self._access = access
        self._budget = budget
        self._wait = wait
        self._prepared: Mapping[str, str] | None = None

    @property
    def root(self) -> str:
        """Path of the endpoint, to the exact version."""
        return f"{self._settings.base_path}/entity/{self._settings.endpoint}/{self._settings.version}"

    def masked(self, text: str) -> str:
        """``text`` without passwords and tokens."""
        for secret in self._access.secrets():
            if secret:
                text = text.replace(secret, "***")
        return self._http.masked(text)

    def close(self) -> None:
        """Give back what is not shared, and close the connection."""
        self._access.close()
        self._http.close()

    def sign_in(self) -> None:
        """Obtain what lets requests in, unless it is there.

        :raises Retryable, Misconfigured: as every request.
        """
        self._take()
        self._access.headers()

    # --- reading ---

    def one(self, path: str, *, subject: str, expand: str = "") -> Record:
        """One record by its path below the endpoint.

        :raises LookupFailed: no readable answer; also when it is absent, for that is HTTP 500 here.
        """
        answer = self._read(f"{self.root}/{path}", {"$expand": expand} if expand else {}, subject)
        try:
            return values.record_of(values.read(answer.body))
        except Unreadable as error:
            raise LookupFailed(f"Acumatica's answer about {subject} cannot be read: {error}") from None

    def rows(self, query: Query, *, subject: str, page: int | None = None) -> list[Record]:
        """All rows of a list, each once.

        :raises LookupFailed: no complete answer.
        """
        try:
            return self._listed(query, subject, page)
        except CannotOptimize:
            if not query.expand:
                raise
        bare = self._listed(Query(query.entity, _own_fields(query.select), query.where), subject, page)
        if len(bare) > _MOST_SINGLE_READS:
            raise LookupFailed(
                f"Acumatica cannot list {subject} with details, and they are too many to read one by one"
            )
        return [self.one(f"{query.entity}/{row['id']}", subject=subject, expand=query.expand) for row in bare]

    def _listed(self, query: Query, subject: str, page: int | None) -> list[Record]:
        size = page or self._settings.page_size
        found: dict[str, Record] = {}
        while True:
            skip = len(found)
            parameters = {**query.parameters(), "$top": str(size), **({"$skip": str(skip)} if skip else {})}
            answer = self._read(f"{self.root}/{query.entity}", parameters, subject)
            try:
                rows = values.records_of(values.read(answer.body))
            except Unreadable as error:
                raise LookupFailed(f"Acumatica's answer about {subject} cannot be read: {error}") from None
            for row in rows:
                identity = row.get("id")
                if not isinstance(identity, str) or not identity:
                    raise LookupFailed(f"Acumatica's answer about {subject} has rows without an id")
                found.setdefault(identity, row)
            if len(rows) < size:
                return list(found.values())
            if len(found) == skip:
                raise LookupFailed(
                    f"Acumatica answers with the same rows of {subject} again: the list may be incomplete"
                )
            if len(found) >= self._settings.lookup_max_rows:
                raise LookupFailed(f"Acumatica has more rows of {subject} than erp.lookup_max_rows allows")

    def any_of(self, query: Query, conditions: Iterable[str], *, subject: str) -> list[Record]:
        """All rows that meet any of the ``conditions``, asked in as few requests as URLs allow."""
        found: dict[str, Record] = {}
        for chunk in self._chunks(list(conditions)):
            where = " or ".join(chunk)
            if query.where:
                where = f"{query.where} and ({where})"
            asked = Query(query.entity, query.select, where, query.expand)
            for row in self.rows(asked, subject=subject):
                found.setdefault(str(row["id"]), row)
        return list(found.values())

    def status_of(self, location: str, subject: str) -> Answer:
        """The answer about an operation under way, by the address that its start gave (with or without a host).

        :raises Retryable: no answer, or an address outside this endpoint: tokens go nowhere else.
        """
        path = urlsplit(location).path
        if not path.startswith(f"{self._settings.base_path}/entity/"):
            raise Retryable(f"Acumatica's answer to {subject} names no address to ask about it")
        return self._admitted("GET", path, {})

    def endpoints(self) -> dict[str, list[str]]:
        """The endpoints that the site offers, with their versions; asked without a login.

        :raises Retryable: no readable answer.
        """
        try:
            answer = self._http.request_repeatedly("GET", f"{self._settings.base_path}/entity", attempts=2)
        except (NotSent, NoAnswer) as error:
            raise Retryable(f"Acumatica cannot be reached: {error}") from None
        if answer.status in REPEATABLE_STATUS or answer.status >= 500:
            raise Retryable(f"Acumatica does not list its endpoints (HTTP {answer.status})", answer.retry_after_s)
        try:
            listed = values.read(answer.body) if answer.status == 200 else None
            # Older builds answer with the bare list.
            rows = values.records_of(listed.get("endpoints") if isinstance(listed, dict) else listed)
        except Unreadable:
            if answer.status == 200 and answer.body.lstrip().startswith((b"{", b"[")):
                raise Retryable("Acumatica's list of endpoints cannot be read: it was cut off or damaged") from None
            raise Misconfigured(
                f"There is no Acumatica at this address (HTTP {answer.status} for its list of endpoints): check the "
                "connection's host and port and erp.base_path"
            ) from None
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(str(row.get("name")), []).append(str(row.get("version")))
        return found

    def check_endpoint(self) -> None:
        """:raises Misconfigured: the site does not offer the endpoint in exactly this version; it names those it offers."""
        name, version = self._settings.endpoint, self._settings.version
        offered = self.endpoints()
        if version in offered.get(name, ()):
            return
        if name in offered:
            versions = ", ".join(sorted(offered[name]))
            raise Misconfigured(
                f"This Acumatica site offers no version {version} of the endpoint {name}; it offers {versions}. Set "
                "erp.version to one of them"
            )
        raise Misconfigured(
            f"This Acumatica site has no endpoint {name}; it has {', '.join(sorted(offered)) or 'none'}. Correct erp.endpoint"
        )

    # --- writing ---

    def prepare(self) -> None:
        """Everything that comes before a request with an effect: its place in the budget, and a fresh token."""
        self._take()
        self._prepared = self._access.headers()

    def put_once(self, entity: str, text: str, parameters: Mapping[str, str]) -> Answer:
        """The one request with an effect; :meth:`prepare` comes before it. 401 renews what was refused, and is returned.

        :raises NotSent: nothing reached the server. :raises NoAnswer: no complete answer came back.
        """
        assert self._prepared is not None
        headers, self._prepared = self._prepared, None
        answer = self._send("PUT", f"{self.root}/{entity}", headers, parameters, content=text.encode())
        if answer.status == 401:
            try:
                self._access.renew(headers)
            except ExpenseError as error:
                # The refused request had no effect, whatever becomes of the next sign-in: the next request meets it again.
                _LOG.warning("Acumatica: the session could not be renewed: %s", error)
        return answer

    def act(self, path: str, text: str, subject: str) -> Answer:
        """Start an action that may be started again without harm.

        :raises Retryable: no answer.
        """
        return self._admitted("POST", f"{self.root}/{path}", {}, content=text.encode())

    # --- one request ---

    def _read(self, path: str, parameters: Mapping[str, str], subject: str) -> Answer:
        """The 200 answer of a GET, repeated where waiting helps."""
        texts, attempts = self._settings.errors, self._settings.read_attempts
        failure = LookupFailed(f"Acumatica could not be asked about {subject}")
        for attempt in range(attempts):
            if attempt:
                self._wait(min(self._delay(failure, attempt), self._settings.retry_wait_max_s))
            try:
                answer = self._admitted("GET", path, parameters)
            except (NotSent, NoAnswer) as error:
                failure = LookupFailed(f"Acumatica could not be asked about {subject}: {error}")
                continue
            except (LookupFailed, Misconfigured):
                raise
            except Retryable as error:
                raise LookupFailed(f"Acumatica could not be asked about {subject}: {error}", error.delay_s) from None
            if answer.status == 200:
                return answer
            said = self._said(answer)
            if answer.status == 500 and texts.says("login_limit", said):
                raise LookupFailed(self._no_seat(), answer.retry_after_s or self._settings.login_limit_wait_s)
            self._raise_for_settings(answer, said, subject)
            failure = LookupFailed(
                f"Acumatica answered HTTP {answer.status} about {subject}{said}", answer.retry_after_s
            )
            if texts.says("cannot_optimize", said):
                raise CannotOptimize(str(failure))
            passing = texts.says("busy", said) or texts.says("transient", said)
            if answer.status not in REPEATABLE_STATUS and not (answer.status == 500 and passing):
                raise failure
        raise failure

    def _raise_for_settings(self, answer: Answer, said: str, subject: str) -> None:
        if answer.status == 404:
            self.check_endpoint()
            raise Misconfigured(f"Acumatica's endpoint has nothing under the address of {subject} (HTTP 404)")
        if answer.status == 403:
            raise Forbidden(
                f"Acumatica does not let the integration's user read {subject}{said}: give its role access to the form, or "
                "switch the feature on"
            )

    def _admitted(self, method: str, path: str, parameters: Mapping[str, str], **options: Any) -> Answer:
        """One request that may be repeated once after a 401.

        :raises Misconfigured: refused again with what has just been issued.
        """
        for _ in range(2):
            self._take()
            headers = self._access.headers()
            answer = self._send(method, path, headers, parameters, **options)
            if answer.status != 401:
                return answer
            self._access.renew(headers)
        raise Misconfigured(
            "Acumatica refuses the session that it has just opened (HTTP 401): check that the connected application and the "
            "user belong to the same tenant and that the user may use the web services"
        )

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], parameters: Mapping[str, str], **options: Any
    ) -> Answer:
        sent = {**headers, "Accept": "application/json"}
        if self._settings.branch:
            # Else a session works in the branch that its user was in last.
            sent["PX-CbApiBranch"] = self._settings.branch
        if "content" in options:
            sent["Content-Type"] = "application/json"
        # A blank as %20: whether a + means one in a URL is up to who reads it.
        query = "&".join(f"{name}={quote(value, safe=',/')}" for name, value in parameters.items())
        address = quote(path, safe="/%") + (f"?{query}" if query else "")
        answer = self._http.request(method, address, headers=sent, **options)
        if answer.status == 429 and self._budget is not None:
            self._budget.pause(
                min(answer.retry_after_s or self._settings.retry_wait_s, self._settings.retry_wait_max_s)
            )
        return answer

    def _take(self) -> None:
        if self._budget is not None:
            self._budget.take()

    def _delay(self, failure: Retryable, attempt: int) -> float:
        if failure.delay_s is not None:
            return failure.delay_s
        longest = min(self._settings.retry_wait_max_s, self._settings.retry_wait_s * 2 ** (attempt - 1))
        return random.uniform(0, longest)

    def _said(self, answer: Answer) -> str:
        text = self.masked(values.explained(answer.body))
        if not text and answer.status == 429:
            text = self.masked(answer.body[:200].decode("utf-8", "replace"))
        return f": {text}" if text else ""

    def _no_seat(self) -> str:
        return (
            "Acumatica has no free session for API users (API Login Limit): other integrations hold them; sessions that were "
            "not logged out end by themselves"
        )

    def _chunks(self, conditions: Sequence[str]) -> Iterator[list[str]]:
        chunk: list[str] = []
        size = 0
        for condition in conditions:
            length = len(quote(condition)) + 8
            if chunk and (len(chunk) >= self._settings.lookup_chunk or size + length > _FILTER_CHARACTERS):
                yield chunk
                chunk, size = [], 0
            chunk.append(condition)
            size += length
        if chunk:
            yield chunk


def _own_fields(select: str) -> str:
    return ",".join(name for name in select.split(",") if "/" not in name)


def literal(text: str) -> str:
    """A text in a filter."""
    return "'" + text.replace("'", "''") + "'"


def equal(field: str, text: str) -> str:
    """``field`` has this text."""
    return f"{field} eq {literal(text)}"
