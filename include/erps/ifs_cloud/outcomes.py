"""What became of a create, by status, then code, then token.

Only an error in the service's own form says anything of a create; a proxy's page, a cut body or a 5xx leaves its outcome open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from include.erps.ifs_cloud.answers import (
    Fault,
    JsonObject,
    Unreadable,
    cents,
    day,
    fault_of,
    object_of,
    text,
    whole,
)
from include.erps.ifs_cloud.lookups import number_of
from include.erps.ifs_cloud.refusals import FIXES
from include.erps.ifs_cloud.settings import IfsCloudSettings
from include.erps.port import Draft, ErpDocument
from include.errors import NotExecuted, Rejected, UnknownOutcome
from include.transport import Answer

# Refused before or by the rules, all rows or none.
_DEFINITE = frozenset({400, 403, 404, 405, 406, 410, 413, 414, 415, 422, 428, 501})
_LOCKED_DELAY_S = 10.0


class OutOfDate(Exception):
    """The template's tag had changed: this create was not carried out, but an earlier one of ours may be what changed it."""


@dataclass(frozen=True)
class Outcomes:
    """Reads the answers to creates. :param masked: removes secrets from a kept text."""

    settings: IfsCloudSettings
    masked: Callable[[str], str]

    def created(self, draft: Draft, answer: Answer) -> ErpDocument:
        """The voucher that a create made.

        :raises OutOfDate: the tag was old. :raises Rejected: refused. :raises NotExecuted: not carried out.
        :raises UnknownOutcome: neither is certain.
        """
        raw = self.masked(answer.body.decode("utf-8", "replace"))
        if answer.status in (200, 201):
            try:
                return self._voucher(object_of(answer), raw)
            except Unreadable as error:
                raise UnknownOutcome(
                    f"IFS's answer to {draft.reference} cannot be read: {error}", raw_answer=raw
                ) from None
        fault = fault_of(answer)
        said = self.masked(str(fault)) if fault else ""
        if answer.status == 401:
            raise NotExecuted(f"IFS refused the token before {draft.reference} was read")
        if answer.status == 429:
            raise NotExecuted(f"IFS's request limit is reached; {draft.reference} was not read", answer.retry_after_s)
        if answer.status == 412:
            raise OutOfDate
        if fault is not None and answer.status < 500:
            if answer.status == 409 or "FND_MODIFIED" in fault.text or fault.oracle == "20114":
                raise OutOfDate
            if answer.status == 423 or "FND_LOCKED" in fault.text or fault.oracle == "20113":
                raise NotExecuted(f"IFS has a record locked that {draft.reference} needs: {said}", _LOCKED_DELAY_S)
        if fault is not None and answer.status in _DEFINITE:
            raise Rejected(f"IFS refused {draft.reference}: {said}. What to do: {self._fix(answer.status, fault)}", raw)
        raise UnknownOutcome(
            f"HTTP {answer.status} came back for {draft.reference} {said}".rstrip(), answer.retry_after_s, raw
        )

    def _fix(self, status: int, fault: Fault) -> str:
        if status == 403:
            return "grant the posting projection to the service user's permission set in IFS"
        if fault.code == "MI_METADATA_NOTFOUND":
            return "correct erp.projections.posting in the tenant file"
        if status == 428:
            return "set erp.post_if_match: true in the tenant file"
        return FIXES[self.settings.classes.get(fault.token, "unknown")]

    def _voucher(self, body: JsonObject, raw: str) -> ErpDocument:
        if text(body, "Company") != self.settings.company_id:
            raise Unreadable("it speaks of another company")
        lines = _lines(body.get("VoucherRowArray"))
        status = body.get("VoucherStatus")
        return ErpDocument(
            number=number_of(text(body, "VoucherType"), whole(body, "AccountingYear"), whole(body, "VoucherNo")),
            total_cents=sum(amount for _, amount in lines if amount > 0) if lines else None,
            posting_date=day(body, "VoucherDate"),
            lines=lines,
            # `Approved` or, for voucher types with approval, `AwaitingApproval`: both are posted for us.
            status=str(status) if status else None,
            raw_answer=raw,
        )


def _lines(rows: object) -> tuple[tuple[str, int], ...] | None:
    """The rows as the answer shows them; ``None`` when it does not: the number alone says that the voucher is made."""
    if not isinstance(rows, list) or not rows:
        return None
    try:
        lines = tuple(
            (text(row, "Account"), cents(row, "CurrencyDebetAmount") - cents(row, "CurrencyCreditAmount"))
            for row in rows
            if isinstance(row, dict)
        )
    except Unreadable:
        return None
    return lines if len(lines) == len(rows) and all(amount for _, amount in lines) else None
