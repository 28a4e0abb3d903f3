"""IFS Cloud's OData service and token server, with a hold table, a ledger and the job between them."""

from include.sandbox.ifs_cloud.books import (
    Account,
    Client,
    CodeValue,
    Company,
    Period,
    Voucher,
    VoucherRow,
    VoucherType,
)
from include.sandbox.ifs_cloud.service import IfsCloud

__all__ = ["Account", "Client", "CodeValue", "Company", "IfsCloud", "Period", "Voucher", "VoucherRow", "VoucherType"]
