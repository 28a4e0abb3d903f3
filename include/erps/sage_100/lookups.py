"""What is known of one company's books, asked once per session: account format, accounts, sub-accounts, periods."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, timedelta

from include.erps.kept_answers import KeptAnswers
from include.erps.sage_100.account_format import AccountFormat
from include.erps.sage_100.answers import Account, Entry, Period
from include.erps.sage_100.session import Session
from include.erps.sage_100.settings import Sage100Settings
from include.errors import LookupFailed, Misconfigured

_ACCOUNTS = "accounts"


class Lookups:
    """Questions about one company. Every method raises what :meth:`Session.ask` raises.

    :param kept: which accounts earlier sessions saw active.
    """

    def __init__(self, session: Session, settings: Sage100Settings, kept: KeptAnswers) -> None:
        self._session = session
        self._settings = settings
        self._kept = kept
        self._format: AccountFormat | None = None
        self._accounts: dict[str, Account | None] = {}
        self._complete = False
        self._sent: dict[str, str | None] = {}
        self._sub_accounts: dict[str, frozenset[str]] = {}
        self._years: dict[int, list[Period]] = {}

    def account_format(self) -> AccountFormat:
        """The company's account format.

        :raises Misconfigured: the tenant file names another one.
        """
        if self._format is None:
            text = self._session.ask("account format", lambda channel: channel.structure()).account_format
            try:
                self._format = AccountFormat.parse(text)
            except ValueError as error:
                raise LookupFailed(f"Sage 100's account format cannot be read: {error}") from None
            ours = self._settings.account_format
            if ours is not None and ours != text:
                raise Misconfigured(
                    f"erp.account_format in the tenant file is {ours}, the company's is {text}: correct it or leave it out"
                )
        return self._format

    def accounts(self, codes: Iterable[str]) -> dict[str, Account]:
        """The accounts that exist, by exact text; many at once by reading the whole chart of accounts."""
        wanted = set(codes)
        unknown = sorted(wanted - self._accounts.keys())
        if unknown and not self._complete:
            asked_at = self._kept.now()
            if len(unknown) >= self._settings.bulk_accounts_from:
                chart = self._session.ask("the chart of accounts", lambda channel: channel.accounts())
                self._accounts = {account.account: account for account in chart}
                self._complete = True
            else:
                self._accounts.update((code, self._account(code)) for code in unknown)
            self._keep(unknown, asked_at)
        return {code: found for code in wanted if (found := self._accounts.get(code)) is not None}

    def accounts_lately(self, codes: Iterable[str]) -> dict[str, Account]:
        """The accounts that exist, by exact text: as some task saw them active within the last ``account_recheck_s``, the
        others asked for now. What this session saw longer ago does not count.
        """
        wanted = set(codes)
        known = {code: seen for code, (_, seen) in self._seen().items() if code in wanted}
        self._accounts, self._complete = {}, False
        found = known | self.accounts(wanted - known.keys())
        self._sent = {code: account.account_key for code, account in found.items()}
        return found

    def created_anew(self, entry: Entry) -> list[str]:
        """Accounts of a new entry with another key than the one they were seen with: Sage made them for the entry."""
        return [
            line.account
            for line in entry.lines or ()
            if (seen := self._sent.get(line.account)) and line.account_key and seen != line.account_key
        ]

    def forget_seen(self) -> None:
        """Ask for every account from here on: Sage refused an entry, perhaps for one of them."""
        self._kept.forget(_ACCOUNTS)

    def _seen(self) -> dict[str, tuple[float, Account]]:
        """The accounts that were active lately, with the moment each was asked for."""
        lasts_s = self._settings.account_recheck_s
        try:
            rows = json.loads(self._kept.read(_ACCOUNTS, lasts_s) or "{}")
            return {
                code: (asked_at, Account.model_validate(row))
                for code, (asked_at, row) in rows.items()
                if 0 <= self._kept.now() - asked_at < lasts_s
            }
        except ValueError:
            # Kept by another release of this package.
            return {}

    def _keep(self, codes: Iterable[str], asked_at: float) -> None:
        """Accounts that are active now; of any other, what an earlier task saw no longer counts."""
        if not self._settings.account_recheck_s:
            return
        seen = self._seen()
        for code in codes:
            account = self._accounts.get(code)
            if account is not None and account.status == "A":
                seen[code] = (asked_at, account)
            else:
                seen.pop(code, None)
        rows = {code: (at, account.model_dump(mode="json", by_alias=True)) for code, (at, account) in seen.items()}
        self._kept.write(_ACCOUNTS, json.dumps(rows), asked_at)

    def _account(self, code: str) -> Account | None:
        found = self._session.ask_if_any(f"account {code}", lambda channel: channel.account(code))
        if found is not None and found.account != code:
            raise LookupFailed(f"Sage 100 answered about account {found.account} when asked for {code}")
        return found

    def sub_accounts(self, segment: int) -> frozenset[str]:
        """The codes of one segment; 2 is the first after the main account."""
        number = f"{segment:02d}"
        if number not in self._sub_accounts:
            rows = self._session.ask(f"sub-accounts of segment {number}", lambda channel: channel.sub_accounts(number))
            self._sub_accounts[number] = frozenset(row.sub_account_code for row in rows)
        return self._sub_accounts[number]

    def period_of(self, day: date) -> Period | None:
        """The fiscal period of a day. A fiscal year may bear the number of the year before or after."""
        for year in (day.year, day.year + 1, day.year - 1):
            for period in self._periods(year):
                if period.start_date <= day <= period.end_date:
                    return period
        return None

    def next_open_day(self, day: date) -> date | None:
        """The first day after ``day`` in an open period of this or the next fiscal years."""
        periods = [period for year in range(day.year - 1, day.year + 3) for period in self._periods(year)]
        following = day + timedelta(days=1)
        days = [max(period.start_date, following) for period in periods if is_open(period) and period.end_date > day]
        return min(days, default=None)

    def _periods(self, year: int) -> list[Period]:
        if year not in self._years:
            found = self._session.ask_if_any(f"fiscal year {year}", lambda channel: channel.periods(str(year)))
            self._years[year] = found or []
        return self._years[year]

    def entries(self, reference: str) -> list[Entry]:
        """Every journal entry of this company with exactly this reference.

        :raises LookupFailed: also when the answer holds an entry that was not asked for.
        """
        self._session.rest()
        rows = self._session.ask(f"entries of {reference}", lambda channel: channel.entries(reference))
        found: dict[tuple[str, str, int, date], Entry] = {}
        for row in rows:
            # References differ in case alone, too: "not ours" must never be read as "not there".
            if row.external_reference != reference or row.company_code not in (None, self._settings.company_code):
                raise LookupFailed(f"Sage 100's look-up of {reference} returned an entry that was not asked for")
            # While a register is updated, an entry may stand in the journal and in the posted entries at once.
            found[row.source_journal, row.entry_no, row.total_debit, row.posting_date] = row
        return list(found.values())


def is_open(period: Period) -> bool:
    """Whether a period takes postings."""
    return period.status == "O"
