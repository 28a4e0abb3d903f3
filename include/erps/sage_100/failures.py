"""What a refusal of Sage 100 means: by its code, else by its HTTP status; both open to change per customer.

The agent names its own codes, the SOAP extension follows Sage's naming (``CI_`` for values, ``GL_`` for the ledger, ``WS_``
for the service). A failure that neither table nor rule knows leaves the outcome of a create open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

ErrorClass = Literal["auth", "config", "data", "period", "absent", "busy", "unknown"]
"""``auth`` and ``config`` stop, ``data`` and ``period`` refuse this document, ``absent`` says that a record asked for does
not exist, ``busy`` did nothing and may be tried again, ``unknown`` says nothing about the effect."""

ERROR_CLASSES: Mapping[str, ErrorClass] = {
    # agent
    "INVALID_REQUEST": "config",
    "COMPANY_INVALID": "config",
    "API_KEY_INVALID": "auth",
    "AUTH_FAILED": "auth",
    "ACCESS_DENIED": "config",
    "COMPANY_NOT_FOUND": "config",
    "NOT_FOUND": "config",
    "ACCOUNT_NOT_FOUND": "absent",
    "ENTRY_NOT_FOUND": "absent",
    "BATCH_IN_USE": "busy",
    "PAYLOAD_TOO_LARGE": "data",
    "RECORD_LOCKED": "busy",
    "FIELD_REQUIRED": "data",
    "FIELD_TOO_LONG": "data",
    "READ_ONLY_FIELD": "config",
    "INVALID_CHARACTER": "data",
    "INVALID_VALUE": "data",
    "INVALID_AMOUNT": "data",
    "SOURCE_JOURNAL_NOT_FOUND": "config",
    "ACCOUNT_INACTIVE": "data",
    "UNBALANCED": "data",
    "PERIOD_CLOSED": "period",
    "PERIOD_NOT_FOUND": "period",
    "INTERNAL_ERROR": "unknown",
    "SAGE_UNAVAILABLE": "busy",
    "SAGE_TIMEOUT": "unknown",
    # SOAP extension
    "WS_InvalidCompany": "config",
    "WS_LogonFailed": "auth",
    "WS_NoAccess": "config",
    "WS_Exception": "unknown",
    "CI_NoKey": "absent",
    "CI_NOF": "data",
    "CI_ReadOnly": "config",
    "GL_PeriodClosed": "period",
    "GL_PeriodNotFound": "period",
    # the Windows service host itself
    "ActionNotSupported": "config",
    "DeserializationFailed": "config",
    "InternalServiceFault": "unknown",
}

# Sage's own checks of a value or of the ledger come before anything is written.
_CHECKS = ("CI_", "GL_")

# What SOAP itself calls a fault says nothing of its cause.
_SOAP_CODES = frozenset({"Client", "Server", "Sender", "Receiver"})

STATUS_CLASSES: Mapping[int, ErrorClass] = {
    401: "auth", 408: "unknown", 409: "data", 413: "data", 422: "data", 423: "busy", 429: "busy",
}  # fmt: skip
"""Of answers without a known code (a proxy, the web server). Other 4xx are ``config``, the rest ``unknown``: also 503, which a
proxy may answer for a request that Sage still works on."""

FIXES: Mapping[str, str] = {
    "API_KEY_INVALID": "correct `api_key` in the connection's extra",
    "AUTH_FAILED": "correct login and password of the connection, and look whether Sage has locked the user",
    "WS_LogonFailed": "correct login and password of the connection, and look whether Sage has locked the user",
    "ACCESS_DENIED": "allow web services or the agent for system, company and user, and give the user's role the task",
    "WS_NoAccess": "allow web services for system, company and user, and give the user's role the task",
    "COMPANY_INVALID": "correct erp.company in the tenant file: exactly three characters",
    "COMPANY_NOT_FOUND": "correct erp.company in the tenant file",
    "WS_InvalidCompany": "correct erp.company in the tenant file: exactly three characters of a company that exists",
    "NOT_FOUND": "correct erp.base_path in the tenant file",
    "SOURCE_JOURNAL_NOT_FOUND": "correct erp.source_journal in the tenant file, or add the source journal in Sage",
    "ACCOUNT_NOT_FOUND": "correct the mapping in the tenant file, or add the account in Sage",
    "CI_NOF": "correct the mapping or erp.source_journal in the tenant file, or add the value in Sage",
    "ACCOUNT_INACTIVE": "map to another account in the tenant file, or make the account active in Sage",
    "GL_AccountInactive": "map to another account in the tenant file, or make the account active in Sage",
    "PERIOD_CLOSED": "open the period in Sage, or set posting.closed_period: next_open in the tenant file",
    "GL_PeriodClosed": "open the period in Sage, or set posting.closed_period: next_open in the tenant file",
    "PERIOD_NOT_FOUND": "set up the fiscal year in Sage",
    "GL_PeriodNotFound": "set up the fiscal year in Sage",
    "PAYLOAD_TOO_LARGE": "raise the server's request limit, or post the report by hand",
    "ActionNotSupported": "the operation is not available: the delivered web service has no general ledger; have the "
    "extension installed (docs/sage_100.md), or set erp.api: agent",
    "DeserializationFailed": "give erp.wsdl the extension's own WSDL: its elements differ from ours",
}


class Failure(Exception):
    """A complete answer that is no success.

    :param code: Sage's, the agent's or the service host's own code, if the answer has one.
    :param raw: the answer without secrets.
    """

    def __init__(
        self, status: int, code: str | None, message: str, retry_after_s: float | None = None, raw: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s
        self.raw = raw

    def __str__(self) -> str:
        name = self.code or f"HTTP {self.status}"
        words = self.message.strip().rstrip(".")
        said = f"{name} ({words})" if words else name
        fix = FIXES.get(self.code or "")
        return f"{said}; {fix}" if fix else said


def error_class(failure: Failure, changes: Mapping[str, ErrorClass]) -> ErrorClass:
    """The class of a failure; ``changes`` are a customer's own codes, laid over the defaults."""
    code = failure.code
    if code is not None:
        known = changes.get(code) or ERROR_CLASSES.get(code)
        if known is not None:
            return known
        if code.startswith(_CHECKS):
            return "data"
    if failure.status in STATUS_CLASSES:
        return STATUS_CLASSES[failure.status]
    return "config" if 400 <= failure.status < 500 else "unknown"


def is_unlisted(failure: Failure, changes: Mapping[str, ErrorClass]) -> bool:
    """Whether the failure has a code of Sage's or the agent's that neither table nor rule knows."""
    code = failure.code
    if code is None or code in _SOAP_CODES or code.startswith(_CHECKS):
        return False
    return code not in changes and code not in ERROR_CLASSES
