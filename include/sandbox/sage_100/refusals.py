"""Every refusal with its name on both channels."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KINDS", "Kind", "Refusal"]


@dataclass(frozen=True)
class Kind:
    """HTTP status of the agent and the SOAP ErrorCode; empty where the SOAP service has none."""

    status: int
    soap: str
    retryable: bool = False


KINDS = {
    "INVALID_REQUEST": Kind(400, "CI_InvalidValue"),
    "COMPANY_INVALID": Kind(400, "WS_InvalidCompany"),
    "API_KEY_INVALID": Kind(401, ""),
    "AUTH_FAILED": Kind(401, "WS_LogonFailed"),
    "ACCESS_DENIED": Kind(403, "WS_NoAccess"),
    "COMPANY_NOT_FOUND": Kind(404, "WS_InvalidCompany"),
    "NOT_FOUND": Kind(404, ""),
    "METHOD_NOT_ALLOWED": Kind(405, ""),
    "LENGTH_REQUIRED": Kind(411, ""),
    "PAYLOAD_TOO_LARGE": Kind(413, ""),
    "ACCOUNT_NOT_FOUND": Kind(422, "CI_NOF"),
    "ENTRY_NOT_FOUND": Kind(404, "CI_NoKey"),
    "BATCH_IN_USE": Kind(409, "BATCH_IN_USE", retryable=True),
    "RECORD_LOCKED": Kind(423, "RECORD_LOCKED", retryable=True),
    "FIELD_REQUIRED": Kind(422, "CI_Required"),
    "FIELD_TOO_LONG": Kind(422, "CI_CharLength"),
    "READ_ONLY_FIELD": Kind(400, "CI_ReadOnly"),
    "INVALID_CHARACTER": Kind(422, "CI_InvalidCharacter"),
    "INVALID_VALUE": Kind(422, "CI_InvalidValue"),
    "INVALID_AMOUNT": Kind(422, "CI_InvalidValue"),
    "SOURCE_JOURNAL_NOT_FOUND": Kind(422, "CI_NOF"),
    "ACCOUNT_INACTIVE": Kind(422, "GL_AccountInactive"),
    "UNBALANCED": Kind(422, "GL_OutOfBalance"),
    "PERIOD_CLOSED": Kind(422, "GL_PeriodClosed"),
    "PERIOD_NOT_FOUND": Kind(422, "GL_PeriodNotFound"),
    "SAGE_UNAVAILABLE": Kind(503, "SAGE_UNAVAILABLE", retryable=True),
}


@dataclass
class Refusal(Exception):
    """A request is refused; nothing was written. `column` is Sage's name of the value at fault, for SOAP's CI_NOF."""

    code: str
    message: str
    field: str = ""
    column: str = ""

    @property
    def kind(self) -> Kind:
        """Its names."""
        return KINDS[self.code]

    @property
    def soap_message(self) -> str:
        """Sage's own wording of a value that is not on file names class and column."""
        if self.column:
            return f"Could not set GL_GeneralJournal_bus column {self.column}: {self.message}"
        return self.message
