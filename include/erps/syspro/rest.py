"""e.net over REST: every operation is a GET, posting included, with all its input in the query string.

The URL therefore holds password, session and document: it never reaches a log or an error text.
"""

from __future__ import annotations

from collections.abc import Mapping

from include.erps.syspro.addresses import Argument, Operation, target
from include.erps.syspro.answers import unwrapped
from include.erps.syspro.channel import Reply
from include.transport import HttpClient


class RestChannel:
    """The default channel.

    :param max_url_bytes: the longest path and query that is sent.
    """

    name = "rest"

    def __init__(self, http: HttpClient, base_path: str, max_url_bytes: int, query_attempts: int) -> None:
        self._http = http
        self._base_path = base_path
        self._max_url_bytes = max_url_bytes
        self._query_attempts = query_attempts

    def fits(self, operation: Operation, arguments: Mapping[Argument, str]) -> bool:
        """Whether the call is short enough for a URL."""
        return len(target(self._base_path, operation, arguments)) <= self._max_url_bytes

    def call(self, operation: Operation, arguments: Mapping[Argument, str], timeout_s: float | None = None) -> Reply:
        """One call. Only a query is repeated when its answer is lost.

        :raises NotSent: nothing reached the server. :raises NoAnswer: no complete answer came back.
        """
        path = target(self._base_path, operation, arguments)
        if operation == "query":
            answer = self._http.request_repeatedly("GET", path, attempts=self._query_attempts, timeout_s=timeout_s)
        else:
            answer = self._http.request("GET", path, timeout_s=timeout_s)
        return Reply(answer.status, unwrapped(answer.body), answer.retry_after_s)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()
