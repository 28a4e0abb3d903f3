"""Whether what the ERP shows under a journal's reference is that journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from include.accounting.money import written
from include.erps.port import Draft, ErpDocument


def differences(draft: Draft, documents: Sequence[ErpDocument]) -> str:
    """What keeps the documents found from being ours; empty when exactly one live document equals the draft."""
    if len(documents) > 1:
        numbers = ", ".join(str(document.number) for document in documents)
        return f"{len(documents)} documents ({numbers})"
    document = documents[0]
    name = f"document {document.number}"
    if not document.live:
        return f"{name}, which is {document.status or 'voided'}"
    if document.total_cents is not None and document.total_cents != draft.control_total_cents:
        return f"{name} over {written(document.total_cents)} instead of {written(draft.control_total_cents)}"
    if document.currency is not None and document.currency != draft.currency:
        return f"{name} in {document.currency} instead of {draft.currency}"
    if document.posting_date is not None and document.posting_date != draft.posting_date:
        return f"{name} of {document.posting_date} instead of {draft.posting_date}"
    if document.lines is not None:
        theirs = Counter((account.upper(), cents) for account, cents in document.lines)
        ours = Counter((line.account.upper(), line.amount_cents) for line in draft.sent_lines)
        if theirs != ours:
            return f"{name} with other lines"
    return ""
