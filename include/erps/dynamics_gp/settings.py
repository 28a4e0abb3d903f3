"""The tenant file's ``erp`` section for Dynamics GP, and GP's pure rules.

Much of what a GP site looks like from outside is its own: URLs, batch names, account format, and the whole SBA service, which a
partner writes. Whatever the client had to assume is a setting here.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from include.erps.port import Draft, ErpSettings, Line, Problem

REFERENCE_LENGTH = 30
BATCH_LENGTH = 15
ACCOUNT_LENGTH = 75
_AMOUNT_LIMIT_CENTS = 10**16
_REFERENCE = re.compile(r"[!-~]+( [!-~]+)*", re.ASCII)
_BATCH_FIELDS = ("yyyymm", "yyyymmdd", "yyyy", "mm", "currency")


class SbaPaths(BaseModel):
    """Where the SBA service has its resources. ``{tenant}`` and ``{company}`` are filled in, percent-encoded."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    root: str = "/Tenants({tenant})/Companies({company})"
    accounts: str = "/Financial/Accounts"
    cost_centers: str = "/Financial/CostCenters"
    fiscal_periods: str = "/Financial/FiscalPeriods"
    journals: str = "/Financial/JournalEntries"
    employees: str = "/HumanResources/Employees"


class SbaEnvelope(BaseModel):
    """The members of an SBA answer around its content."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    payload: str = "Payload"
    items: str = "Items"
    total: str = "TotalCount"
    next: str = "NextSkip"
    messages: str = "Messages"
    code: str = "Code"
    text: str = "Text"
    field: str = "Field"


class DynamicsGpSettings(ErpSettings):
    """How one tenant posts to one GP company. The Windows account is in the Airflow connection."""

    file_settings: ClassVar[tuple[str, ...]] = ("fiscal_calendar",)

    type: Literal["dynamics_gp"]
    api: Literal["soap", "sba"] = "soap"
    company_name: str | None = Field(default=None, alias="company", min_length=1)
    company_id: int | None = None
    company_id_search: int = Field(default=50, ge=1, le=2000)
    account_template: str = Field(default="{cost_center}-{gl_account}-00", alias="account")
    batch: str = "EXP{yyyymm}"
    source_document: str = Field(default="GJ", min_length=1, max_length=11)
    ledger_type: Literal["Base", "IFRS", "Local"] = "Base"
    send_currency: bool = True
    currency_ids: dict[str, str] = Field(default_factory=dict)
    fiscal_calendar: str | None = None

    cost_center: str = "cost_center"
    cost_center_segment: int = Field(default=1, ge=1, le=10)
    segment_separator: str = Field(default="-", min_length=1, max_length=1)
    not_cost_centers: list[str] = Field(default_factory=list)

    settle_s: float = Field(default=180, ge=0)
    number_delay_s: float = Field(default=30, gt=0)
    busy_delay_s: float = Field(default=120, gt=0)
    query_attempts: int = Field(default=2, ge=1, le=5)
    clock_margin_s: float = Field(default=600, ge=0)
    policy_recheck_s: float = Field(default=300, ge=0)
    refused_password_pause_s: float = Field(default=900, ge=0)

    soap_path: str = "/DynamicsGPWebServices/DynamicsGPService.asmx"
    culture: str = "en-US"
    list_cap: int = Field(default=1000, ge=2)
    lookup_requests: int = Field(default=200, ge=2)
    account_chunk: int = Field(default=100, ge=1)
    batch_busy_pattern: str = (
        r"batch\b.*\b(being posted|posting|in use|being edited|marked|locked|not available|unavailable)"
    )

    base_path: str = "/GPService"
    sba_tenant: str = Field(default="DefaultTenant", min_length=1)
    page_size: int = Field(default=100, ge=1, le=500)
    paths: SbaPaths = SbaPaths()
    envelope: SbaEnvelope = SbaEnvelope()
    fields: dict[str, str] = Field(default_factory=dict)

    @field_validator("base_path", "soap_path")
    @classmethod
    def _path(cls, value: str) -> str:
        if not value.startswith("/") or value.endswith("/") or "?" in value:
            raise ValueError("write the path with a leading and without a trailing slash, such as /GPService")
        return value

    @field_validator("account_template")
    @classmethod
    def _template(cls, template: str) -> str:
        names = _names(template, "{cost_center}-{gl_account}-00")
        if "gl_account" not in names:
            raise ValueError(f"{template!r} leaves {{gl_account}} out, so all expenses would go to one account; add it")
        return template

    @field_validator("batch")
    @classmethod
    def _batch(cls, pattern: str) -> str:
        unknown = sorted(set(_names(pattern, "EXP{yyyymm}")) - set(_BATCH_FIELDS))
        if unknown:
            raise ValueError(
                f"{pattern!r}: {{{unknown[0]}}} is unknown; a batch may name {', '.join(_BATCH_FIELDS)} of the posting date"
            )
        longest = _batch_id(pattern, date(2026, 12, 31), "USD")
        if not 1 <= len(longest) <= BATCH_LENGTH or longest != longest.strip():
            raise ValueError(
                f"the batch {longest!r} must have 1 to {BATCH_LENGTH} characters and no blanks at its ends"
            )
        return pattern

    @field_validator("batch_busy_pattern")
    @classmethod
    def _pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return pattern

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        if self.api == "soap":
            if self.company_name is None and self.company_id is None:
                raise ValueError("set `company` (the company's display name in GP) or `company_id`")
            if not self.fiscal_calendar:
                raise ValueError(
                    "api: soap cannot read fiscal periods; set `fiscal_calendar` to a CSV with the columns "
                    "first_day,last_day,year,period,open"
                )
        elif self.company_name is None:
            raise ValueError("api: sba needs `company`, the company's display name in GP")
        return self

    @property
    def company_setting(self) -> str:
        """The display name; the id where only that is set."""
        return self.company_name or str(self.company_id)

    @property
    def account_templates(self) -> Mapping[str, str]:
        """The one template, ``account``."""
        return {"account": self.account_template}

    def account(self, gl_account: str, dimensions: Mapping[str, str]) -> str:
        """The account number from the template.

        :raises ValueError: the template names a dimension that the line does not have.
        """
        try:
            return self.account_template.format_map({**dimensions, "gl_account": gl_account})
        except KeyError as missing:
            raise ValueError(f"the account template {self.account_template!r} needs the dimension {missing}") from None

    def company(self, connection_extra: Mapping[str, Any]) -> str:
        """The company as the tenant file names it; the connection does not know companies."""
        return self.company_setting

    def reference(self, key: str, prefix: str, per: str) -> str:
        """``<prefix> <key>`` per report, ``<prefix>-<key>`` per day: at most 30 characters, the Expensify ID whole.

        :raises ValueError: it does not fit; the journal is held.
        """
        joint = "-" if per == "day" else " "
        reference = f"{prefix}{joint}{key}" if prefix else key
        if not _REFERENCE.fullmatch(reference):
            raise ValueError(
                f"the reference {reference!r} may hold only visible ASCII characters and single blanks between them; "
                "set another posting.reference_prefix"
            )
        if len(reference) > REFERENCE_LENGTH:
            raise ValueError(
                f"the reference {reference} has {len(reference)} characters and Dynamics GP takes {REFERENCE_LENGTH}; "
                "set a shorter posting.reference_prefix"
            )
        return reference

    def batch_id(self, draft: Draft) -> str:
        """The batch of a draft: what its check froze, else the pattern filled with the posting date."""
        frozen = draft.details.get("batch")
        return frozen if isinstance(frozen, str) else _batch_id(self.batch, draft.posting_date, draft.currency)

    def segment(self, account: str) -> str | None:
        """The cost centre of an account number, by its segment's position."""
        parts = account.split(self.segment_separator)
        return parts[self.cost_center_segment - 1] if len(parts) >= self.cost_center_segment else None

    def problems(self, draft: Draft) -> list[Problem]:
        """Number of lines, lengths and sizes; what GP would refuse or cut."""
        found = [problem for line in draft.sent_lines for problem in self._line_problems(line)]
        if len(draft.sent_lines) < 2:
            found.append(
                Problem(
                    "too_few_lines",
                    draft.reference,
                    f"The journal {draft.reference} has fewer than two lines",
                    "correct the report in Expensify, or close the journal with the settle DAG",
                )
            )
        return list(dict.fromkeys(found))

    def _line_problems(self, line: Line) -> list[Problem]:
        found = []
        if not line.account or line.account != line.account.strip() or not line.account.isprintable():
            found.append(
                Problem(
                    "code_characters",
                    line.account,
                    f"The account {line.account!r} is empty or holds characters that Dynamics GP cannot store",
                    "correct mapping.gl_account, a dimension's values or erp.account in the tenant file",
                )
            )
        if len(line.account) > ACCOUNT_LENGTH:
            found.append(
                Problem(
                    "account_too_long",
                    line.account,
                    f"The account {line.account} has {len(line.account)} characters; Dynamics GP takes {ACCOUNT_LENGTH}",
                    "shorten it in the tenant file (mapping.gl_account or erp.account)",
                )
            )
        if abs(line.amount_cents) >= _AMOUNT_LIMIT_CENTS:
            found.append(
                Problem(
                    "amount_too_large",
                    line.account,
                    f"Account {line.account}: the amount has more than fourteen digits",
                    "check the expenses behind this line",
                )
            )
        return found


def _names(template: str, example: str) -> list[str]:
    try:
        parts = [part for part in string.Formatter().parse(template) if part[1] is not None]
    except ValueError:
        raise ValueError(f"{template!r} is no template; write it like {example}") from None
    if any(not str(name).isidentifier() or spec or conversion for _, name, spec, conversion in parts):
        raise ValueError(f"{template!r}: write only names in braces, such as {example}")
    return [str(name) for _, name, _, _ in parts]


def _batch_id(pattern: str, day: date, currency: str) -> str:
    return pattern.format(
        yyyymm=f"{day:%Y%m}", yyyymmdd=f"{day:%Y%m%d}", yyyy=f"{day:%Y}", mm=f"{day:%m}", currency=currency
    )
