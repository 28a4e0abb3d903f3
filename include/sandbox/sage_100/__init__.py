"""Sage 100 behind a local HTTP agent and behind the SOAP service with a general-ledger extension."""

from include.sandbox.sage_100.books import Account, Company, Entry, EntryLine, Period, User
from include.sandbox.sage_100.service import Sage100

__all__ = ["Account", "Company", "Entry", "EntryLine", "Period", "Sage100", "User"]
