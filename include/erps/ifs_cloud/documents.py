"""The voucher that is sent: the template's values, ours laid over them, and the rows nested."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

from include.accounting.money import WHOLE_UNIT_CURRENCIES, decimal_text
from include.erps.ifs_cloud.settings import IfsCloudSettings
from include.erps.port import Draft, Line

# The template's year and period belong to its own date and the number is the server's to give; the rest is not an input.
_NOT_TAKEN_OVER = frozenset(
    {
        "AccountingYear",
        "AccountingPeriod",
        "VoucherNo",
        "FunctionGroup",
        "CurrencyCode",
        "luname",
        "keyref",
        "Objgrants",
    }
)


def voucher(draft: Draft, template: Mapping[str, Any], settings: IfsCloudSettings) -> str:
    """The JSON text of the create.

    Decimals are texts, as ``IEEE754Compatible=true`` demands. A negative line becomes a credit: amounts stay positive. The
    reference stands on every row: only rows can be searched by it.

    :raises ValueError: neither template nor tenant file names a user group.
    """
    taken = {
        name: value
        for name, value in template.items()
        if name not in _NOT_TAKEN_OVER and not name.startswith("@") and "@odata." not in name and value is not None
    }
    user_group = settings.user_group or taken.get("UserGroup")
    if not user_group:
        raise ValueError("IFS's template names no user group: set erp.user_group in the tenant file")
    ours = {
        "Company": settings.company_id,
        "VoucherType": settings.voucher_type,
        "VoucherDate": draft.posting_date.isoformat(),
        "UserGroup": user_group,
        "VoucherText": cut(draft.description, settings.sizes.text),
        "VoucherRowArray": [
            _row(number, line, draft, settings) for number, line in enumerate(draft.sent_lines, start=1)
        ],
    }
    # A decimal that the template gave as a number goes back as the text that the content type promises.
    return json.dumps({**taken, **ours}, ensure_ascii=False, default=str)


def _row(number: int, line: Line, draft: Draft, settings: IfsCloudSettings) -> dict[str, str]:
    side = "CurrencyDebetAmount" if line.amount_cents > 0 else "CurrencyCreditAmount"
    return {
        "RowNo": str(number),
        "Account": line.account,
        **{f"Code{letter}": value for letter, value in settings.code_values(line).items()},
        "CurrencyCode": draft.currency,
        side: amount(abs(line.amount_cents), draft.currency),
        "Text": cut(line.description or draft.description, settings.sizes.text),
        "ReferenceSerie": settings.serie(draft),
        "ReferenceNumber": draft.reference,
    }


def amount(cents: int, currency: str) -> str:
    """Hundredths as a decimal text with no more decimals than the currency has."""
    if currency in WHOLE_UNIT_CURRENCIES and cents % 100 == 0:
        return str(cents // 100)
    return decimal_text(cents)


def cut(text: str, length: int) -> str:
    """At most ``length`` characters, control characters as blanks, no blanks at the ends."""
    plain = "".join(
        " " if unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") else character for character in text
    )
    return plain.strip()[:length].rstrip()
