"""What keeps the page fast, done aside: after a run, never inside a claim or a posting."""

from __future__ import annotations

from include.ledger.database import Ledger
from include.ledger.views import sums, words


def catch_up(ledger: Ledger) -> None:
    """Fold the sums and index the words of what has changed. The page is right without it, only slower.

    Any number of processes may call it at once.
    """
    sums.fold(ledger)
    words.index(ledger)
