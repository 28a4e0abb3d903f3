"""Which documents carry a draft's reference, and which of them finance has reversed.

A reversal made in Acumatica carries the reference of what it reverses: a debit adjustment the bill's VendorRef, a reversing
batch the journal's description. It is never taken for a document of ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from include.erps.acumatica import values
from include.erps.acumatica.lookups import Lookups
from include.erps.acumatica.outcomes import document_of
from include.erps.acumatica.settings import DEBIT_ADJUSTMENT, AcumaticaSettings
from include.erps.acumatica.values import Record, Unreadable
from include.erps.port import Draft, ErpDocument, Kind
from include.errors import LookupFailed


@dataclass(frozen=True)
class Finding:
    """The look-up of one client."""

    settings: AcumaticaSettings
    lookups: Lookups

    def find(self, draft: Draft) -> list[ErpDocument]:
        """See :meth:`include.erps.port.Erp.find`."""
        entity = "Bill" if draft.kind == "bill" else "JournalTransaction"

        def read(row: Record) -> Record:
            return self.lookups.with_lines(entity, row, f"document {draft.reference}")

        look_up = self.lookups.bills if draft.kind == "bill" else self.lookups.journals
        try:
            return self.documents_of(draft.kind, look_up(draft.reference), read, refund=draft.control_total_cents < 0)
        except Unreadable as error:
            raise LookupFailed(f"Acumatica's documents of {draft.reference} cannot be read: {error}") from None

    def documents_of(
        self, kind: Kind, rows: Sequence[Record], read: Callable[[Record], Record], *, refund: bool
    ) -> list[ErpDocument]:
        """What the rows of one reference are, with what finance has reversed marked as such.

        :param read: gives a row its details. :param refund: the reference stands for a debit adjustment.
        :raises Unreadable: a row does not tell what it must.
        """
        return self._bills(rows, read, refund) if kind == "bill" else self._journals(rows, read)

    def status_of(self, draft: Draft, document: ErpDocument) -> str:
        """The document's status now; empty when it is not there (any more)."""
        rows = self._rows(draft)
        number = "ReferenceNbr" if draft.kind == "bill" else "BatchNbr"
        return next(
            (values.text_of(row, "Status") for row in rows if values.text_of(row, number) == document.number), ""
        )

    def _rows(self, draft: Draft) -> list[Record]:
        if draft.kind == "journal":
            return self.lookups.journals(draft.reference)
        wanted = draft.control_total_cents < 0
        return [row for row in self.lookups.bills(draft.reference) if _is_adjustment(row) is wanted]

    def _bills(self, rows: Sequence[Record], read: Callable[[Record], Record], refund: bool) -> list[ErpDocument]:
        adjustments = [row for row in rows if _is_adjustment(row)]
        bills = [row for row in rows if not _is_adjustment(row)]
        if refund:
            # With a bill under the same reference, the adjustment may be its reversal: both are shown, a person decides.
            return [self._document("bill", row, read) for row in [*adjustments, *bills]]
        return [self._marked(self._document("bill", bill, read), self._reversal(bill, adjustments)) for bill in bills]

    def _reversal(self, bill: Record, adjustments: list[Record]) -> str | None:
        """The number of a debit adjustment over the bill's whole amount, to the same vendor."""
        for row in adjustments:
            same = values.text_of(row, "Vendor").lower() == values.text_of(bill, "Vendor").lower()
            whole = values.cents_of(row, "Amount") == values.cents_of(bill, "Amount")
            if same and whole and not self._is_dead(values.text_of(row, "Status")):
                return values.text_of(row, "ReferenceNbr")
        return None

    def _journals(self, rows: Sequence[Record], read: Callable[[Record], Record]) -> list[ErpDocument]:
        found = [self._document("journal", row, read) for row in rows]
        found.sort(key=lambda document: document.number or "")
        if len(found) == 2 and found[0].live and found[1].live and _reverses(found[1], found[0]):
            return [self._marked(found[0], found[1].number)]
        return found

    def _document(self, kind: Kind, row: Record, read: Callable[[Record], Record]) -> ErpDocument:
        full = read(row)
        document = document_of(kind, full)
        if not document.number:
            raise Unreadable("a document without a number")
        return replace(document, live=not self._is_dead(values.text_of(full, "Status")))

    def _is_dead(self, status: str) -> bool:
        return status.lower() in (word.lower() for word in self.settings.statuses.dead)

    def _marked(self, document: ErpDocument, reversal: str | None) -> ErpDocument:
        if reversal is None:
            return document
        return replace(document, live=False, status=f"{document.status}, reversed by {reversal}")


def _is_adjustment(row: Record) -> bool:
    return values.text_of(row, "Type") == DEBIT_ADJUSTMENT


def _reverses(later: ErpDocument, earlier: ErpDocument) -> bool:
    if not later.lines or not earlier.lines:
        return False
    negated = Counter((account.upper(), -cents) for account, cents in later.lines)
    return negated == Counter((account.upper(), cents) for account, cents in earlier.lines)
