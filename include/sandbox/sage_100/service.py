"""State and access rules of a Sage 100 installation; the two channels are `agent` and `soap`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web

from include.sandbox.sage_100.agent import agent_routes
from include.sandbox.sage_100.books import Company, User
from include.sandbox.sage_100.refusals import Refusal
from include.sandbox.sage_100.soap import soap_routes
from include.sandbox.stage import Answer, Stage

__all__ = ["Sage100"]

_BAD_PASSWORDS = 3


class Sage100:
    """A Sage 100 server with several companies.

    Tests set the attributes: `enabled` (web services of the whole system), `extension` (false: the delivered SOAP service,
    without ledger operations), `agent_prefix`, `api_keys`, `writer_limit`, `soap_limit` and `agent_limit` (bytes of a
    request), `null_date` (what the SOAP service writes for a blank date).
    """

    name = "sage_100"

    def __init__(self) -> None:
        self.companies: dict[str, Company] = {}
        self.users: dict[str, User] = {}
        self.api_keys: set[str] = set()
        self.enabled = True
        self.extension = True
        self.agent_prefix = "/v1"
        self.writer_limit = 1
        self.soap_limit = 65_536
        self.agent_limit = 1024 * 1024
        self.null_date = "1753-01-01T00:00:00"
        self._writing: set[object] = set()

    def add_company(self, company: Company) -> Company:
        """Install a company."""
        self.companies[company.code] = company
        return company

    def company(self, code: str) -> Company:
        """The company of that code."""
        return self.companies[code]

    def add_user(self, user: User) -> User:
        """Let a user log on."""
        self.users[user.name.upper()] = user
        return user

    def routes(self, stage: Stage) -> Iterable[web.AbstractRouteDef]:
        return [*agent_routes(self, stage), *soap_routes(self, stage)]

    def documents(self) -> list[dict[str, object]]:
        return [
            {
                "company": entry.company,
                "journal": f"{entry.source_journal}/{entry.number}",
                "period": f"{entry.period.year}/{entry.period.number}",
                "reference": entry.reference,
                "date": entry.date.isoformat(),
                "debit": f"{entry.debit_cents // 100}.{entry.debit_cents % 100:02d}",
                "entries": len(entry.lines),
                "status": entry.status,
            }
            for company in self.companies.values()
            for entry in company.entries
        ]

    def log_on(self, name: str, password: str) -> User:
        """Check a user; bad passwords lock."""
        user = self.users.get(name.upper())
        if user is None or user.locked:
            raise Refusal("AUTH_FAILED", "The user logon or password is not valid.")
        if user.password != password:
            user.bad_passwords += 1
            user.locked = user.bad_passwords >= _BAD_PASSWORDS
            raise Refusal("AUTH_FAILED", "The user logon or password is not valid.")
        user.bad_passwords = 0
        return user

    def open_company(self, user: User, code: str, *, create: bool = False) -> Company:
        """The company, if system, company, user and role allow it."""
        if len(code) != 3:
            raise Refusal("COMPANY_INVALID", "The company code must have exactly 3 characters.")
        company = self.companies.get(code)
        if company is None:
            raise Refusal("COMPANY_NOT_FOUND", f"Company {code} is not on file.")
        allowed = user.companies is None or code in user.companies
        if not (self.enabled and company.enabled and user.enabled and allowed) or (create and not user.may_create):
            raise Refusal("ACCESS_DENIED", "The user has no access.")
        return company

    async def write(
        self,
        request: web.Request,
        stage: Stage,
        operation: str,
        text: str,
        effect: Callable[[], Answer],
        locked: Callable[[], Answer],
    ) -> web.StreamResponse:
        """Run a create as one of at most `writer_limit` writers; `locked` answers whoever comes above it.

        A create whose connection is lost while it still works keeps its place until it has taken effect.
        """
        place = object()
        with stage.lock:
            admitted = len(self._writing) < self.writer_limit
            if admitted:
                self._writing.add(place)

        def run() -> Answer:
            if not admitted:
                return locked()
            try:
                return effect()
            finally:
                if late:
                    self._writing.discard(place)

        late = False
        try:
            return await stage.perform(request, self.name, operation, text, run)
        finally:
            call = next((one for one in reversed(stage.calls) if one.text is text), None)
            with stage.lock:
                late = call is not None and "LateEffect" in call.faults and call.status is None
                if not late:
                    self._writing.discard(place)
