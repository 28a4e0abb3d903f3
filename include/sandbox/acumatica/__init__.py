"""Acumatica's contract-based REST API with a general ledger, payables and a licence's limits behind it."""

from include.sandbox.acumatica.books import Books, Preferences, Row
from include.sandbox.acumatica.doors import Doors, User
from include.sandbox.acumatica.licence import Licence
from include.sandbox.acumatica.service import Acumatica

__all__ = ["Acumatica", "Books", "Doors", "Licence", "Preferences", "Row", "User"]
