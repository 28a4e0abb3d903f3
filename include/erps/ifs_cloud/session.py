"""Requests to the OData service: token, headers, shared budget, repeats of what has no effect, and pages.

Every request counts against a budget that all tasks of the connection share; a 429 makes all of them wait. Only reads are
repeated here. A request with an effect is sent once, and what became of it is for :mod:`include.erps.ifs_cloud.outcomes` to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import tenacity

from include.erps.ifs_cloud import odata
from include.erps.ifs_cloud.answers import Fault, JsonObject, Unreadable, fault_of, object_of
from include.erps.ifs_cloud.settings import IfsCloudSettings
from include.erps.ifs_cloud.tokens import Tokens
from include.errors import Misconfigured, Retryable
from include.request_budget import RequestBudget
from include.transport import Answer, HttpClient, NoAnswer, NotSent

JSON = "application/json;IEEE754Compatible=true"
_PAUSE_S = 5.0
_LOCKED_S = 5.0


class Unavailable(Misconfigured):
    """A projection, an entity set or a field cannot be read: its name, the service user's rights or the address is wrong."""


class _Again(Exception):
    """A read that may succeed when it is repeated; ``wait_s`` is the server's wish."""

    def __init__(self, error: Retryable, wait_s: float | None = None, *, at_once: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait_s = wait_s
        self.at_once = at_once


class Session:
    """Reads and writes of one service user."""

    def __init__(self, http: HttpClient, tokens: Tokens, budget: RequestBudget, settings: IfsCloudSettings) -> None:
        self._http = http
        self._tokens = tokens
        self._budget = budget
        self._settings = settings
        self._token = ""

    def close(self) -> None:
        """Close the connection. The token stays for the next task."""
        self._http.close()

    def masked(self, text: str) -> str:
        """``text`` without secrets."""
        text = self._http.masked(text)
        return text.replace(self._token, "***") if self._token else text

    def sign_in(self) -> None:
        """Have a token. :raises Misconfigured: client, secret or realm is wrong. :raises Retryable: no answer."""
        self._token = self._tokens.current()

    def read(self, path: str, subject: str) -> Answer | None:
        """One GET; ``None`` when there is no such entity (404).

        :raises Misconfigured: address, rights or a setting is wrong. :raises Retryable: no answer that can be used.
        """
        back_off = tenacity.wait_random_exponential(
            multiplier=self._settings.back_off_s, max=self._settings.back_off_max_s
        )

        def wait(state: tenacity.RetryCallState) -> float:
            failure = state.outcome.exception() if state.outcome else None
            assert isinstance(failure, _Again)
            return 0.0 if failure.at_once else max(back_off(state), failure.wait_s or 0.0)

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._settings.query_attempts),
            wait=wait,
            # A longer wait than that gives the worker back: the error carries it to whoever tries again.
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, _Again) and (error.wait_s or 0) <= self._settings.back_off_max_s
            ),
            reraise=True,
        )
        try:
            return retrying(self._read_once, path, subject)
        except _Again as again:
            raise again.error from None

    def rows(
        self, path: str, where: str, keys: tuple[str, ...], select: tuple[str, ...], subject: str
    ) -> list[JsonObject]:
        """All rows of a collection.

        A server may give a link to the next page, or stop after ``$top`` rows without a word: the link is followed where there
        is one, otherwise reading goes on behind the last row for as long as pages come back full.

        :param keys: the full key, by which rows are ordered. :param select: fields; none: all of them.
        :raises Misconfigured, Retryable: as :meth:`read`; also for an answer that is cut or not a collection.
        """
        found: list[JsonObject] = []
        for page in self._pages(path, where, keys, select, subject):
            found += page
            if len(found) > self._settings.lookup_max_rows:
                raise Retryable(f"IFS has more {subject} than erp.lookup_max_rows allows")
        return found

    def _pages(
        self, path: str, where: str, keys: tuple[str, ...], select: tuple[str, ...], subject: str
    ) -> Iterator[list[JsonObject]]:
        size = self._settings.page_size
        options = {"filter": where, "orderby": ",".join(keys)}
        if select:
            options["select"] = ",".join(select)
        address = f"{path}?{odata.query({**options, 'top': str(size)})}"
        read = of_this_top = 0
        seen: set[str] = set()
        while True:
            seen.add(address)
            answer = self.read(address, subject)
            if answer is None:
                raise Unavailable(f"IFS has no entity set for {subject}: correct erp.projections in the tenant file")
            rows, link = _page(answer, subject)
            yield rows
            read, of_this_top = read + len(rows), of_this_top + len(rows)
            if link is not None:
                address = self._resolved(address, link, subject)
            elif size in (len(rows), of_this_top):
                # Links may end where ``$top`` ends, however many pages they made of it.
                of_this_top = 0
                address = f"{path}?{odata.query({**options, 'top': str(size), 'skip': str(read)})}"
            else:
                return
            if address in seen:
                raise Retryable(f"IFS's pages of {subject} lead in a circle")

    def prepare_to_send(self) -> None:
        """A token and a place in the budget, so that nothing but the one request follows.

        :raises Retryable, Misconfigured: there is none.
        """
        # In this order: a token may live for three minutes only, and the budget may take longer.
        self._budget.take()
        self._token = self._tokens.current()

    def send_once(self, path: str, content: str, headers: Mapping[str, str]) -> Answer:
        """The one POST with an effect, after :meth:`prepare_to_send`. Never repeated.

        A 401 drops the token and a 429 makes everybody wait, for the caller's next try.

        :raises NotSent: nothing reached the server. :raises NoAnswer: no complete answer came back.
        """
        answer = self._http.request(
            "POST", path, content=content.encode(), headers={**self._headers(), **headers, "Content-Type": JSON}
        )
        self._note(answer)
        return answer

    def renew_token(self) -> None:
        """Get another token than the refused one."""
        self._token = self._tokens.replace(self._token)

    def _read_once(self, path: str, subject: str) -> Answer | None:
        answer = self._authorized(path, subject)
        if answer.status == 200:
            return answer
        fault = fault_of(answer)
        if answer.status == 404 and fault is not None and fault.code != "MI_METADATA_NOTFOUND":
            return None
        raise self._failure(answer, fault, subject)

    def _authorized(self, path: str, subject: str) -> Answer:
        """The answer to a GET; a refused token is replaced once."""
        answer = self._get(path, subject)
        if answer.status != 401:
            return answer
        self.renew_token()
        answer = self._get(path, subject)
        if answer.status == 401:
            raise Misconfigured(
                f"IFS refuses a fresh token when asked about {subject}: check the connection's realm and the client's "
                "service user in IFS"
            )
        return answer

    def _get(self, path: str, subject: str) -> Answer:
        self._budget.take()
        self._token = self._tokens.current()
        try:
            answer = self._http.request("GET", path, headers=self._headers())
        except (NotSent, NoAnswer) as error:
            raise _Again(Retryable(f"IFS could not be asked about {subject}: {error}")) from None
        self._note(answer)
        return answer

    def _note(self, answer: Answer) -> None:
        if answer.status == 429:
            asked = answer.retry_after_s
            self._budget.pause(_PAUSE_S if asked is None else asked)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}", "Accept": JSON}

    def _failure(self, answer: Answer, fault: Fault | None, subject: str) -> Exception:
        said = f": {self.masked(str(fault))}" if fault else ""
        status = answer.status
        message = f"IFS answered HTTP {status} about {subject}{said}"
        if status == 429 or status in (502, 503, 504):
            return _Again(Retryable(message, answer.retry_after_s), answer.retry_after_s)
        if status == 423 or (fault and _locked(fault)):
            return _Again(Retryable(message, _LOCKED_S))
        if status >= 500 and status != 501:
            renewed = fault is not None and fault.code == "MI_MODIFIED_ERROR"
            return _Again(Retryable(message), at_once=renewed)
        if fault is None and status == 404:
            # Not the service's own 404: the environment is restarting, or a proxy stands in between.
            return _Again(Retryable(message))
        return Unavailable(f"{message}. {_advice(status, fault)}")

    def _resolved(self, address: str, link: str, subject: str) -> str:
        """The next page's path. The token goes to no other host, whatever a link says."""
        base = self._http.base_url
        absolute = urlsplit(urljoin(f"{base}{address}", link))
        if (absolute.scheme, absolute.netloc) != tuple(urlsplit(base)[:2]):
            raise Unavailable(
                f"IFS's next page of {subject} is on another host: set the connection's host to the one IFS names itself by"
            )
        return absolute.path + (f"?{absolute.query}" if absolute.query else "")


def _locked(fault: Fault) -> bool:
    return "FND_LOCKED" in fault.text or fault.oracle == "20113"


def _page(answer: Answer, subject: str) -> tuple[list[JsonObject], str | None]:
    try:
        body: Mapping[str, Any] = object_of(answer)
    except Unreadable as error:
        raise Retryable(f"IFS's answer about {subject} cannot be read: {error}") from None
    rows, link = body.get("value"), body.get("@odata.nextLink")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Retryable(f"IFS's answer about {subject} is no collection")
    return rows, str(link) if link else None


def _advice(status: int, fault: Fault | None) -> str:
    if status == 403:
        return "Grant the projection to the service user's permission set in IFS"
    if status == 404:
        return "Correct the projection's name in erp.projections of the tenant file"
    if fault is not None and "EXPRESSION_PROPERTY_NOT_IN_TYPE" in fault.text + fault.code:
        return "The entity set lacks a field that is asked for: name another projection or style in the tenant file"
    return "Correct erp.base_path or erp.projections in the tenant file"
