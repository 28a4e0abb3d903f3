"""What the error tokens of IFS mean, open to change per customer.

A refusal by a business rule carries ``Lu.TOKEN: text`` in its details. Texts are translated, tokens are not, so only they are
read. What is not known is left to a person in IFS's own words: it is never repeated blindly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

ErrorClass = Literal["dimension", "demand", "period", "bug", "config", "unknown"]

ERROR_CLASSES: Mapping[str, ErrorClass] = {
    "CodePartValue.NOT_EXIST": "dimension",
    "CodePartValue.NOT_VALID": "dimension",
    "CodePartValue.BLOCKED": "dimension",
    "CodePartValue.BUDGET_ONLY": "dimension",
    "VoucherRow.CODEPART_MANDATORY": "demand",
    "VoucherRow.CODEPART_BLOCKED": "demand",
    "VoucherRow.CODEPART_NOT_USED": "demand",
    "AccountingPeriod.NOT_EXIST": "period",
    "AccountingPeriod.CLOSED": "period",
    "UserGroupPeriod.CLOSED": "period",
    "Voucher.NOT_BALANCED": "bug",
    "Voucher.NO_ROWS": "bug",
    "Voucher.TOO_MANY_ROWS": "bug",
    "Voucher.NUMBER_GIVEN": "bug",
    "Voucher.PERIOD_MISMATCH": "bug",
    "VoucherRow.AMOUNT_SIDE": "bug",
    "VoucherRow.AMOUNT_ZERO": "bug",
    "VoucherRow.AMOUNT_NEGATIVE": "bug",
    "VoucherRow.AMOUNT_DECIMALS": "bug",
    "VoucherRow.AMOUNT_DIGITS": "bug",
    "VoucherRow.ROWNO": "bug",
    "VoucherType.NOT_EXIST": "config",
    "VoucherType.NOT_MANUAL": "config",
    "UserGroup.NOT_ALLOWED": "config",
    "CurrencyCode.NOT_EXIST": "config",
    "StatutoryFee.NOT_EXIST": "config",
}

FIXES: Mapping[ErrorClass, str] = {
    "dimension": "add, extend or release the code part value in IFS, or map to another value in the tenant file (mapping)",
    "demand": "correct the mapping in the tenant file (mapping.dimensions, erp.code_parts, posting.credit) or the account's "
    "code part demands in IFS",
    "period": "open the accounting period, also for the user group, in IFS, or set posting.closed_period: next_open in the "
    "tenant file",
    "bug": "report it: the document was built wrongly",
    "config": "correct erp.voucher_type, erp.user_group or posting.currency in the tenant file, or the set-up in IFS",
    "unknown": "correct in IFS, in Expensify or in the tenant file what it names",
}
