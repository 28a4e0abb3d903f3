"""The ledger against the ERP, journal by journal and document by document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from include.accounting.money import written
from include.erps.port import ErpDocument
from include.ledger.adoption import differences
from include.reconcile.sides import Booked, Books, Difference

_SETTLE_ALTERED = (
    "Set the document right in the ERP, or void it there and reissue the journal with settle; if it may stand as it is, adopt it "
    "with settle"
)


def by_reference(documents: Iterable[ErpDocument]) -> dict[str, list[ErpDocument]]:
    """Documents under each reference (upper case), by number."""
    found: dict[str, list[ErpDocument]] = defaultdict(list)
    for document in documents:
        found[(document.reference or "").upper()].append(document)
    return {name: sorted(of_one, key=lambda one: one.number or "") for name, of_one in found.items()}


def compare_documents(books: Books, documents: Sequence[ErpDocument]) -> list[Difference]:
    """All differences between the ledger and the ERP."""
    listed = by_reference(documents)
    found: list[Difference] = []
    for key in sorted(books.journals):
        journal = books.journals[key]
        under = listed.get(journal.reference.upper(), []) if journal.reference else []
        found += _of_posted(journal, under) if journal.state == "posted" else _of_other(journal, under)
    known = books.references | {journal.reference.upper() for journal in books.journals.values() if journal.reference}
    for name in sorted(listed.keys() - known):
        found += [_unknown(document) for document in listed[name] if document.live]
    return found


def _of_posted(journal: Booked, documents: Sequence[ErpDocument]) -> Iterator[Difference]:
    live = [document for document in documents if document.live]
    total = control_cents(journal)
    said = f"Journal {journal.key} ({journal.reference}), {_written(total, journal)}"
    if not documents:
        if not journal.by_hand:
            yield _difference(
                "missing_in_erp",
                journal,
                f"{said}, was posted as {journal.document_number or 'a document without a number'}, and the ERP does not show it",
                "If somebody deleted it there, reissue the journal with settle; if its reference was changed, change it back",
                0,
                journal.document_number,
            )
    elif not live:
        numbers = ", ".join(f"{one.number} ({one.status or 'voided'})" for one in documents)
        yield _difference(
            "voided_in_erp",
            journal,
            f"{said}, is voided in the ERP: {numbers}",
            "Reissue the journal with settle, or close it if it must not be posted again",
            0,
            documents[0].number,
        )
    elif len(live) > 1:
        numbers = ", ".join(str(one.number) for one in live)
        yield _difference(
            "posted_twice",
            journal,
            f"{said}, stands in the ERP {len(live)} times: {numbers}",
            "Void all but one of them in the ERP",
            sum(one.total_cents or 0 for one in live),
            numbers,
        )
    elif not (journal.accepted or journal.by_hand) and journal.draft is not None:
        yield from _altered(journal, live[0], said)


def _altered(journal: Booked, document: ErpDocument, said: str) -> Iterator[Difference]:
    assert journal.draft is not None
    told = differences(journal.draft, [document])
    ours = journal.document_number
    if not told and ours and document.number and document.number != ours:
        told = f"document {document.number} instead of {ours}"
    if told:
        shown = document.total_cents
        yield _difference(
            "altered_in_erp",
            journal,
            f"{said}, was altered in the ERP: it shows {told}",
            _SETTLE_ALTERED,
            shown if shown is not None else control_cents(journal),
            document.number,
        )


def _of_other(journal: Booked, documents: Sequence[ErpDocument]) -> Iterator[Difference]:
    """A document under a journal that is not posted. A conflict says so itself; a lease may be about to find it."""
    live = [document for document in documents if document.live]
    if not live or journal.state in ("conflict", "posting"):
        return
    numbers = ", ".join(str(one.number) for one in live)
    total = sum(one.total_cents or 0 for one in live)
    if journal.is_settled and "reissued" in journal.because:
        yield _difference(
            "posted_twice",
            journal,
            f"Journal {journal.key} was reissued, and its old document {numbers} is live in the ERP again",
            "Void the old document in the ERP",
            total,
            numbers,
        )
    elif not journal.is_settled:
        yield _difference(
            "unknown_document",
            journal,
            f"The ERP has {numbers} over {_written(total, journal)} under {journal.reference}, and journal {journal.key} is "
            f"{journal.state} in the ledger",
            "If the document is right, adopt it with settle; else void it in the ERP",
            total,
            numbers,
            expected=0,
        )


def _unknown(document: ErpDocument) -> Difference:
    total = (
        written(document.total_cents, document.currency) if document.total_cents is not None else "an unknown amount"
    )
    return Difference(
        "unknown_document",
        f"The ERP has document {document.number} over {total} under {document.reference}, which looks like ours, and the ledger "
        "does not know it",
        "Find out who posted it (by hand, or another installation); void it, or close the report with settle so that it is never "
        "posted a second time",
        document.currency or "",
        0,
        document.total_cents,
        document=f"{document.reference} {document.number}",
    )


def _difference(
    kind: str,
    journal: Booked,
    message: str,
    next_step: str,
    found: int | None,
    document: str | None,
    expected: int | None = None,
) -> Difference:
    return Difference(
        kind,  # type: ignore[arg-type]
        message,
        next_step,
        journal.currency,
        control_cents(journal) if expected is None else expected,
        found,
        report_id=journal.report_ids[0] if len(journal.report_ids) == 1 else None,
        journal_key=journal.key,
        document=document,
    )


def control_cents(journal: Booked) -> int | None:
    """What the ERP should show as the document's total; ``None`` where nothing was frozen (adopted before any check)."""
    return journal.draft.control_total_cents if journal.draft is not None else None


def _written(cents: int | None, journal: Booked) -> str:
    return written(cents, journal.currency) if cents is not None else "amount not kept"


def unread(journals: Mapping[str, Booked], documents: Sequence[ErpDocument]) -> list[str]:
    """What the documents of posted journals do not tell, so that it was not compared; and what nobody can compare."""
    posted = {
        journal.reference.upper(): journal
        for journal in journals.values()
        if journal.state == "posted" and journal.reference
    }
    ours = [document for document in documents if (document.reference or "").upper() in posted]
    said = []
    for name, missing in {
        "total": [one for one in ours if one.total_cents is None],
        "currency": [one for one in ours if one.currency is None],
        "date": [one for one in ours if one.posting_date is None],
        "lines": [one for one in ours if one.lines is None],
    }.items():
        if missing:
            many = "one document" if len(missing) == 1 else f"{len(missing)} documents"
            said.append(f"The ERP does not tell the {name} of {many}: not compared")
    by_hand = sorted(journal.key for journal in posted.values() if journal.by_hand)
    if by_hand:
        said.append(
            f"{len(by_hand)} journals were adopted as documents that a person names ({', '.join(by_hand[:3])}"
            f"{' ...' if len(by_hand) > 3 else ''}): those documents were not compared"
        )
    accepted = sorted(journal.key for journal in posted.values() if journal.accepted)
    if accepted:
        said.append(
            f"{len(accepted)} documents stand as a person accepted them ({', '.join(accepted[:3])}): not compared"
        )
    return said
