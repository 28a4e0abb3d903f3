"""The tenant file's ``erp`` section for SYSPRO, and SYSPRO's pure rules.

SYSPRO does not publish its business-object schemas; whatever the client had to assume about a server is a setting here.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from include.erps.port import Draft, ErpSettings, Kind, Line, Problem
from include.erps.syspro import documents
from include.erps.syspro.addresses import target
from include.erps.syspro.refusals import ErrorClass, Refusals, TextClass
from include.erps.windows_1252 import windows_1252

_REFERENCE = re.compile(r"[A-Z0-9-]+", re.ASCII)
_COMPANY = re.compile(r"[A-Z0-9]{1,4}", re.ASCII)
_AMOUNT_LIMIT_CENTS = 10**14  # twelve digits before the point
_LONGEST_SESSION = "0" * 80
_BILL_ONLY = ("supplier", "tax_basis", "ap_period")


class FieldSizes(BaseModel):
    """Characters that a field takes on this server."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    reference: int = Field(default=30, ge=1)
    invoice: int = Field(default=20, ge=1)
    account: int = Field(default=35, ge=1)
    text: int = Field(default=100, ge=1)


class TableNames(BaseModel):
    """Tables and columns of the look-ups. An empty ``analysis_company`` leaves that filter out."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    journals: str = "GenJournalDetail"
    journal_company: str = "Company"
    journal_year: str = "GlYear"
    journal_period: str = "GlPeriod"
    journal_number: str = "Journal"
    journal_entry: str = "EntryNumber"
    journal_side: str = "EntryType"
    journal_account: str = "GlCode"
    journal_value: str = "EntryValue"
    journal_reference: str = "Reference"
    journal_date: str = "EntryDate"
    journal_posted: str = "EntryPosted"
    accounts: str = "GenMaster"
    account_company: str = "Company"
    account_code: str = "GlCode"
    account_control: str = "ControlAccFlag"
    account_hold: str = "AccOnHldFlag"
    analysis: str = "GenAnalysisCode"
    analysis_company: str = ""
    analysis_category: str = "AnalysisType"
    analysis_code: str = "AnalysisCode"
    suppliers: str = "ApSupplier"
    supplier_code: str = "Supplier"
    supplier_hold: str = "OnHold"
    invoices: str = "ApInvoice"
    invoice_supplier: str = "Supplier"
    invoice_number: str = "Invoice"
    invoice_date: str = "InvoiceDate"
    invoice_value: str = "OrigInvValue"


class AnswerPaths(BaseModel):
    """Where an answer has its values: names joined by ``/``, the first anywhere below the root, in any case."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    journal_root: str = "postgljournal"
    journal_year: str = "Key/GlYear"
    journal_period: str = "Key/GlPeriod"
    journal_number: str = "Key/GlJournal"
    journal_date: str = "Transaction/JournalDate"
    journal_debit: str = "Transaction/DebitAmount"
    journal_status: str = "Transaction/Jnlstatus"
    journals_processed: str = "StatusOfItems/JournalsProcessed"
    postings_invalid: str = "StatusOfItems/PostingsInvalid"
    invoice_root: str = "postapinvoice"
    invoice_journal: str = "Item/Journal"
    invoice_year: str = "Item/TrnYear"
    invoice_month: str = "Item/TrnMonth"
    items_processed: str = "StatusOfItems/ItemsProcessed"
    items_invalid: str = "StatusOfItems/ItemsInvalid"
    items_rejected: str = "StatusOfItems/ItemsRejectedWithWarnings"
    items_warned: str = "StatusOfItems/ItemsProcessedWithWarnings"
    account_root: str = "LedgerQuery"
    current_year: str = "GlYear"
    current_period: str = "GlPeriod"
    currency: str = "Currency"


class SysproSettings(ErpSettings):
    """How one tenant posts to one SYSPRO company. Credentials and the company's id are in the Airflow connection."""

    needs_pool: ClassVar[bool] = True
    default_per: ClassVar[Literal["day", "report"]] = "day"
    file_settings: ClassVar[tuple[str, ...]] = ("fiscal_calendar",)

    type: Literal["syspro"]
    document: Literal["gl_journal", "ap_invoice"] = "gl_journal"
    supplier: str | None = Field(default=None, min_length=1, max_length=15)
    account_template: str = Field(default="{gl_account}-{cost_center}", alias="account")
    analysis: dict[int, str] = Field(default_factory=dict)
    gl_company: str | None = None
    fiscal_calendar: str | None = None
    journal_type: Literal["N", "P", "S", "L", "A", "I", "E"] = "N"
    authorize_journal: Literal["A", "D"] = "A"
    tax_basis: Literal["I", "E"] = "I"
    ap_period: Literal["auto", "C", "P", "B"] = "auto"
    currency_codes: dict[str, str] = Field(default_factory=dict)

    transport: Literal["auto", "rest", "soap"] = "auto"
    base_path: str = "/SYSPROWCFService/Rest"
    soap_base_url: str | None = None
    soap_base_path: str = "/SYSPROWebServices"
    allow_http: bool = False
    max_url_bytes: int = Field(default=14000, ge=1000, le=60000)
    session_idle_renew_s: float = Field(default=600, gt=0)
    seats_delay_s: float = Field(default=300, ge=0)
    period_recheck_s: float = Field(default=60, ge=0)
    query_attempts: int = Field(default=2, ge=1, le=5)
    lookup_chunk: int = Field(default=40, ge=1)
    lookup_rows: int = Field(default=500, ge=2)
    lookup_max_rows: int = Field(default=20000, ge=2)
    lists_by_prefix: bool = True

    sizes: FieldSizes = FieldSizes()
    tables: TableNames = TableNames()
    answers: AnswerPaths = AnswerPaths()
    error_classes: dict[str, ErrorClass] = Field(default_factory=dict)
    error_patterns: dict[ErrorClass, str] = Field(default_factory=dict)
    text_patterns: dict[TextClass, str] = Field(default_factory=dict)

    @field_validator("base_path", "soap_base_path")
    @classmethod
    def _path(cls, value: str) -> str:
        if not value.startswith("/") or value.endswith("/") or "?" in value:
            raise ValueError(
                "write the path with a leading and without a trailing slash, such as /SYSPROWCFService/Rest"
            )
        return value

    @field_validator("account_template")
    @classmethod
    def _template(cls, template: str) -> str:
        try:
            parts = list(string.Formatter().parse(template))
        except ValueError:
            raise ValueError(f"{template!r} is no template; write it like {{gl_account}}-{{cost_center}}") from None
        names = [name for _, name, _, _ in parts if name is not None]
        if any(
            not name.isidentifier() or spec or conversion for _, name, spec, conversion in parts if name is not None
        ):
            raise ValueError(f"{template!r}: write only names in braces, such as {{gl_account}}-{{cost_center}}")
        if "gl_account" not in names:
            raise ValueError(f"{template!r} leaves {{gl_account}} out, so all expenses would go to one account; add it")
        return template

    @field_validator("analysis")
    @classmethod
    def _categories(cls, analysis: dict[int, str]) -> dict[int, str]:
        wrong = sorted(category for category in analysis if not 1 <= category <= 5)
        if wrong:
            raise ValueError(f"SYSPRO has the analysis categories 1 to 5; {wrong[0]} is none of them")
        return analysis

    @field_validator("error_patterns", "text_patterns")
    @classmethod
    def _patterns(cls, patterns: dict[str, str]) -> dict[str, str]:
        for name, pattern in patterns.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"the pattern of {name} is not a regular expression: {error}") from None
        return patterns

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        if self.document == "ap_invoice" and not self.supplier:
            raise ValueError("document: ap_invoice needs the supplier that is invoiced; set `supplier`")
        given = [name for name in _BILL_ONLY if name in self.model_fields_set and getattr(self, name) is not None]
        if self.document == "gl_journal" and given:
            raise ValueError(f"`{given[0]}` is only used with document: ap_invoice; remove it or change `document`")
        if self.transport == "rest" and self.soap_base_url:
            raise ValueError("`soap_base_url` is not used with transport: rest; remove it or set transport: auto")
        if self.lookup_max_rows < self.lookup_rows:
            raise ValueError("`lookup_max_rows` must not be smaller than `lookup_rows`; raise it")
        return self

    @property
    def document_kind(self) -> Kind:
        """A bill for ``ap_invoice``, else a journal."""
        return "bill" if self.document == "ap_invoice" else "journal"

    @property
    def account_templates(self) -> Mapping[str, str]:
        """The one template, ``account``."""
        return {"account": self.account_template}

    @property
    def refusals(self) -> Refusals:
        """What this server's error numbers and texts mean."""
        return Refusals.known(self.error_classes, self.error_patterns, self.text_patterns)

    def account(self, gl_account: str, dimensions: Mapping[str, str]) -> str:
        """The GL code from the template.

        :raises ValueError: the template names a dimension that the line does not have.
        """
        try:
            return self.account_template.format_map({**dimensions, "gl_account": gl_account})
        except KeyError as missing:
            raise ValueError(f"the account template {self.account_template!r} needs the dimension {missing}") from None

    def company(self, connection_extra: Mapping[str, Any]) -> str:
        """The connection's ``company_id``, in upper case.

        :raises ValueError: it is missing or no company id.
        """
        company = str(connection_extra.get("company_id") or "").strip().upper()
        if not _COMPANY.fullmatch(company):
            raise ValueError("the SYSPRO connection's extra needs `company_id`: one to four letters or digits")
        return company

    def reference(self, key: str, prefix: str, per: str) -> str:
        """``<prefix>-<key>`` in upper case: what SYSPRO neither changes nor cuts, and what the look-up searches."""
        reference = (f"{prefix}-{key}" if prefix else key).upper()
        if not _REFERENCE.fullmatch(reference):
            raise ValueError(
                f"the reference {reference!r} may hold only A-Z, 0-9 and '-'; set another posting.reference_prefix"
            )
        longest = self.sizes.reference
        if self.document == "ap_invoice":
            longest = min(longest, self.sizes.invoice)
        if len(reference) > longest:
            raise ValueError(
                f"the reference {reference} has {len(reference)} characters and SYSPRO takes {longest}; "
                "set a shorter posting.reference_prefix"
            )
        return reference

    def problems(self, draft: Draft) -> list[Problem]:
        """Amounts, account codes and the document's length; a net refund as an AP invoice."""
        found = [problem for line in draft.sent_lines for problem in self._line_problems(line)]
        if draft.kind == "bill":
            found += self._bill_problems(draft)
        if self.transport == "rest" and not found:
            found += self._length_problems(draft)
        return list(dict.fromkeys(found))

    def _line_problems(self, line: Line) -> list[Problem]:
        codes = {
            "account": line.account,
            **{f"analysis {n}": c for n, c in documents.analysis_codes(line, self).items()},
        }
        found = [
            Problem(
                "code_characters",
                code,
                f"The {what} code {code!r} holds characters that SYSPRO cannot store",
                "use only characters of Windows-1252 and no blanks at its ends in the tenant file's mapping",
            )
            for what, code in codes.items()
            if windows_1252(code) != code or code != code.strip() or not code
        ]
        if len(line.account) > self.sizes.account:
            found.append(
                Problem(
                    "account_too_long",
                    line.account,
                    f"The account {line.account} has {len(line.account)} characters; SYSPRO takes {self.sizes.account}",
                    "shorten it in the tenant file (mapping.gl_account or erp.account)",
                )
            )
        if abs(line.amount_cents) >= _AMOUNT_LIMIT_CENTS:
            found.append(
                Problem(
                    "amount_too_large",
                    line.account,
                    f"Account {line.account}: {documents.amount(line.amount_cents)} has more than twelve digits",
                    "check the expenses behind this line",
                )
            )
        return found

    def _bill_problems(self, draft: Draft) -> list[Problem]:
        payable = documents.payable_cents(draft)
        if payable > 0 and self.supplier:
            return []
        if not self.supplier:
            return [
                Problem(
                    "supplier_missing",
                    draft.reference,
                    "No supplier is set for AP invoices",
                    "set erp.document: ap_invoice and erp.supplier in the tenant file",
                )
            ]
        return [
            Problem(
                "net_refund",
                draft.reference,
                f"The report comes to {documents.amount(payable)}; SYSPRO takes only AP invoices above zero",
                "key the refund in SYSPRO by hand and close the journal with the settle DAG, or correct the report",
            )
        ]

    def _length_problems(self, draft: Draft) -> list[Problem]:
        posting = documents.posting(draft, self, year=2000, period=12)
        size = len(
            target(
                self.base_path,
                "post",
                {
                    "user_id": _LONGEST_SESSION,
                    "business_object": posting.business_object,
                    "parameters": posting.parameters,
                    "document": posting.document,
                },
            )
        )
        if size <= self.max_url_bytes:
            return []
        return [
            Problem(
                "document_too_long",
                draft.reference,
                f"The document with {len(draft.sent_lines)} lines is {size} bytes long as a URL; the limit is "
                f"{self.max_url_bytes}",
                "set erp.transport: auto in the tenant file, so that it goes by SOAP; it is never split",
            )
        ]
