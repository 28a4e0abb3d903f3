"""Many documents at once, with their lines: by days and the beginning of their description, and by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from include.erps.acumatica import values
from include.erps.acumatica.finding import Finding
from include.erps.acumatica.lookups import Lookups
from include.erps.acumatica.session import Forbidden
from include.erps.acumatica.settings import DEBIT_ADJUSTMENT, AcumaticaSettings, header
from include.erps.acumatica.values import Record, Unreadable
from include.erps.port import DocumentList, DocumentsAsked, Draft, ErpDocument, Kind
from include.errors import LookupFailed


@dataclass(frozen=True)
class Listing:
    """The lists of one client."""

    settings: AcumaticaSettings
    lookups: Lookups
    finding: Finding

    def documents(self, asked: DocumentsAsked) -> DocumentList:
        """See :meth:`include.erps.port.Erp.documents`."""
        kinds = dict.fromkeys([self.settings.document_kind, *(draft.kind for draft in asked.drafts)])
        # A tenant of bills has journals too: company cards, and payables that are zero.
        kinds["journal"] = None
        found: list[ErpDocument] = []
        gaps = []
        for kind in kinds:
            drafts = {draft.reference.lower(): draft for draft in asked.drafts if draft.kind == kind}
            try:
                found += self._of_kind(kind, asked, drafts)
            except Unreadable as error:
                raise LookupFailed(f"Acumatica's documents cannot be read: {error}") from None
            except Forbidden:
                if drafts or kind == self.settings.document_kind:
                    raise
                gaps.append(
                    "The integration's user may not read general ledger batches in Acumatica: a journal that the ledger does not "
                    "know would not be seen"
                )
        return DocumentList(tuple(found), tuple(gaps))

    def _of_kind(self, kind: Kind, asked: DocumentsAsked, drafts: dict[str, Draft]) -> list[ErpDocument]:
        lookups, days = self.lookups, (asked.first_day, asked.last_day)
        names = [draft.reference for draft in drafts.values()] + list(asked.references)
        if kind == "bill":
            rows = [*lookups.bills_between(asked.prefix, *days), *lookups.bills_of(names)]
        else:
            rows = [*lookups.journals_between(asked.prefix, *days), *lookups.journals_of(names)]
        found = []
        for name, (reference, of_one) in sorted(_by_reference(kind, rows).items()):
            draft = drafts.get(name)
            refund = draft.control_total_cents < 0 if draft else all(map(_is_adjustment, of_one))
            for document in self.finding.documents_of(kind, of_one, lambda row: row, refund=refund):
                found.append(replace(document, reference=reference))
        return found


def _by_reference(kind: Kind, rows: Iterable[Record]) -> dict[str, tuple[str, list[Record]]]:
    """Rows under each reference (in lower case: Acumatica compares without case), each row once."""
    once = {str(row["id"]): row for row in rows}
    found: dict[str, list[Record]] = defaultdict(list)
    written: dict[str, str] = {}
    for row in once.values():
        named = values.text_of(row, "VendorRef") if kind == "bill" else ""
        reference = named or _in_description(values.text_of(row, "Description"))
        found[reference.lower()].append(row)
        written.setdefault(reference.lower(), reference)
    return {name: (written[name], of_one) for name, of_one in found.items()}


def _in_description(text: str) -> str:
    """The reference that a description of ours begins with; the whole description where it is not of that form."""
    before = header("").removesuffix(":")
    inner, colon, _ = text[len(before) :].partition(":")
    return inner.strip() if colon else text


def _is_adjustment(row: Record) -> bool:
    return values.text_of(row, "Type") == DEBIT_ADJUSTMENT
