"""The tenant file's ``erp`` section for Acumatica, and Acumatica's pure rules.

What the vendor does not document about a site's behaviour is assumed here and can be set otherwise.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from include.erps.port import Draft, ErpSettings, Kind, Problem

BILL, DEBIT_ADJUSTMENT = "Bill", "Debit Adj."
EMPLOYEE = "employee"
"""The value of ``vendor`` that bills whoever submitted the report."""

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_.]+", re.ASCII)
_HEADER = "Expensify {}:"
_VENDOR_REF_LENGTH = 40
_HEADER_LENGTH = 512
_CODE_LENGTHS = {"account": 10, "subaccount": 30, "project": 30, "project task": 30}
_BILL_ONLY = ("vendor", "tax_category", "send_total")


class Statuses(BaseModel):
    """What the words of the ``Status`` fields mean here; compared without case."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    released: list[str] = ["Open", "Closed", "Posted", "Unposted", "Pre-Released"]
    releasable: list[str] = ["Balanced"]
    dead: list[str] = ["Voided", "Rejected"]
    payable_vendor: list[str] = ["Active", "One-Time", "Hold Payments"]
    active_employee: list[str] = ["Active"]
    active_project: list[str] = ["Active"]
    open_period: list[str] = ["Open"]


class ErrorTexts(BaseModel):
    """Regular expressions, in any case, for error texts of a site in another language or release."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    login_limit: str = r"API Login Limit|custom error module does not recognize"
    busy: str = r"previous operation has not been completed"
    transient: str = r"timeout|timed out|deadlock"
    refused: str = r"PXSetupNotEnteredException"
    permanent: str = r"\bPX\.[\w.]*Exception\b"
    # We always send one that is neither empty nor too long: whatever else is wrong with it, another document has it.
    duplicate: str = r"(^|; )VendorRef: |duplicate.*vendor ref"
    not_releasable: str = r"status is invalid for processing"
    cannot_optimize: str = r"CannotOptimizeException|Optimization cannot be performed"
    login_refused: str = r"invalid credentials"

    @field_validator("*")
    @classmethod
    def _pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
        return pattern

    def says(self, kind: str, text: str) -> bool:
        """Whether ``text`` is an error of that kind (a field's name)."""
        return re.search(getattr(self, kind), text, re.IGNORECASE | re.DOTALL) is not None


class AcumaticaSettings(ErpSettings):
    """How one tenant posts to one Acumatica tenant. Credentials are in the Airflow connection."""

    default_lines: ClassVar[Literal["group", "expense"]] = "expense"
    marks: ClassVar[Literal["optional", "required", "refused"]] = "required"
    takes_negative_bill: ClassVar[bool] = True
    max_lines: ClassVar[int | None] = 500

    type: Literal["acumatica"]
    settle_s: float = Field(default=660, ge=0)
    request_timeout_s: float = Field(default=600, gt=0)

    base_path: str = ""
    endpoint: str = "Default"
    version: str = "24.200.001"
    auth: Literal["oauth", "cookie"] = "oauth"
    scope: str = "api offline_access"
    allow_http: bool = False

    document: Literal["bill", "journal"] = "bill"
    vendor: str | None = Field(default=None, min_length=1, max_length=30)
    branch: str | None = Field(default=None, max_length=30, pattern=r"^[\x21-\x7e][\x20-\x7e]*$")
    ledger: str | None = Field(default=None, min_length=1, max_length=10)
    subaccount: str | None = "{cost_center}"
    balancing_subaccount: str | None = Field(default=None, min_length=1, max_length=30)
    project: str | None = "{project}"
    project_task: str | None = None
    non_project: str | None = Field(default=None, min_length=1, max_length=30)
    tax_category: str | None = Field(default=None, min_length=1, max_length=15)
    send_total: bool = False
    release: bool = False
    calendar_company: str | None = Field(default=None, min_length=1)

    requests_per_minute: int = Field(default=100, ge=4)
    budget_share: float = Field(default=0.45, gt=0, le=1)
    read_attempts: int = Field(default=4, ge=1, le=10)
    retry_wait_s: float = Field(default=2, gt=0)
    retry_wait_max_s: float = Field(default=60, gt=0)
    login_limit_wait_s: float = Field(default=300, ge=0)
    lookup_chunk: int = Field(default=40, ge=1, le=200)
    page_size: int = Field(default=500, ge=2)
    lookup_max_rows: int = Field(default=50000, ge=2)
    release_poll_s: float = Field(default=1, gt=0)
    release_timeout_s: float = Field(default=300, gt=0)
    change_overlap_s: float = Field(default=300, ge=0)
    period_recheck_s: float = Field(default=60, ge=0)

    statuses: Statuses = Statuses()
    errors: ErrorTexts = ErrorTexts()

    @field_validator("base_path")
    @classmethod
    def _path(cls, value: str) -> str:
        if value and (not value.startswith("/") or value.endswith("/") or set(value) & set("?#")):
            raise ValueError(
                "write the instance's path with a leading and without a trailing slash, such as /AcumaticaERP"
            )
        return value

    @field_validator("endpoint", "version")
    @classmethod
    def _name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(f"{value!r}: write the endpoint's name and version as in Default and 24.200.001")
        return value

    @field_validator("subaccount", "project", "project_task")
    @classmethod
    def _template(cls, template: str | None) -> str | None:
        if template is None:
            return None
        try:
            parts = list(string.Formatter().parse(template))
        except ValueError:
            raise ValueError(f"{template!r} is no template; write it like {{cost_center}}") from None
        for _, name, spec, conversion in parts:
            if name is not None and (not name.isidentifier() or spec or conversion):
                raise ValueError(f"{template!r}: write only names in braces, such as {{cost_center}}")
        if not template:
            raise ValueError("write null instead of an empty text")
        return template

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        if self.document == "bill" and not self.vendor:
            raise ValueError(
                "document: bill needs `vendor`: a vendor's id, or `employee` for the employee who submitted the report"
            )
        given = [name for name in _BILL_ONLY if name in self.model_fields_set and getattr(self, name)]
        if self.document == "journal" and given:
            raise ValueError(f"`{given[0]}` is only used with document: bill; remove it or change `document`")
        if self.project_task and not self.project:
            raise ValueError("`project_task` needs `project`")
        return self

    @property
    def only_per_report(self) -> str | None:
        """A bill to the submitting employee stands for that employee's report."""
        if self.vendor == "employee":
            return "`erp.vendor: employee` pays each report's own employee. Set `posting.per: report`"
        return None

    @property
    def document_kind(self) -> Kind:
        """A bill or a journal, as ``document`` says."""
        return self.document

    @property
    def bills_employees(self) -> bool:
        """Whether the vendor of a bill is the employee who submitted the report."""
        return self.vendor is not None and self.vendor.lower() == EMPLOYEE

    @property
    def account_templates(self) -> Mapping[str, str]:
        """The subaccount: a line must not lack a part of it. Projects are optional."""
        return {"subaccount": self.subaccount} if self.subaccount else {}

    def line_subaccount(self, dimensions: Mapping[str, str]) -> str | None:
        """The subaccount of a line; ``balancing_subaccount`` for one without the template's dimensions."""
        return rendered(self.subaccount, dimensions) or (self.balancing_subaccount if self.subaccount else None)

    def line_project(self, dimensions: Mapping[str, str]) -> tuple[str | None, str | None]:
        """Project and task of a line; ``non_project`` (never with a task) for one that has no project."""
        project = rendered(self.project, dimensions)
        if project is None or project == self.non_project:
            return self.non_project, None
        return project, rendered(self.project_task, dimensions)

    def company(self, connection_extra: Mapping[str, Any]) -> str:
        """The Acumatica tenant, with the instance's path where one host serves several.

        :raises ValueError: the connection does not name it.
        """
        tenant = tenant_of(connection_extra, self.auth)
        return "/".join(part for part in (self.base_path.strip("/").lower(), tenant.lower()) if part)

    def reference(self, key: str, prefix: str, per: str) -> str:
        """The bare key (the report ID) per report, ``<prefix>-<key>`` per day. A bill's VendorRef; in a journal's header."""
        reference = f"{prefix}-{key}" if per == "day" and prefix else key
        if not _REFERENCE.fullmatch(reference):
            raise ValueError(
                f"the reference {reference!r} may hold only letters, digits and '-', '_', '.'; set another "
                "posting.reference_prefix"
            )
        if len(reference) > _VENDOR_REF_LENGTH:
            raise ValueError(
                f"the reference {reference} has {len(reference)} characters and Acumatica takes {_VENDOR_REF_LENGTH}"
            )
        return reference

    def description(self, key: str, reference: str, summary: str) -> str:
        """``Expensify <reference>: ...``. The colon ends the reference: R1 is the beginning of R10."""
        rest = summary.strip()
        for known in (f"Expensify {reference}", f"Expensify {key}", "Expensify "):
            if rest.startswith(known):
                rest = rest[len(known) :].strip()
                break
        return f"{header(reference)} {plain(rest)}"[:_HEADER_LENGTH].strip()

    def problems(self, draft: Draft) -> list[Problem]:
        """Lengths, missing parts, the number of lines, and who is to be paid."""
        found: list[Problem] = []
        for line in draft.sent_lines:
            project, task = self.line_project(line.dimensions)
            subaccount = self.line_subaccount(line.dimensions)
            codes = {"account": line.account, "subaccount": subaccount, "project": project, "project task": task}
            found += [_too_long(what, code) for what, code in codes.items() if code and _wrong_code(what, code)]
            if self.subaccount and not subaccount:
                found.append(_no_subaccount(line.account, self.subaccount))
            if project and project != self.non_project and self.project_task and not task:
                found.append(_no_task(project, self.project_task))
        if self.max_lines is not None and len(draft.sent_lines) > self.max_lines:
            found.append(_too_many(draft, self.max_lines))
        if draft.kind == "bill":
            found += self._bill_problems(draft)
        return list(dict.fromkeys(found))

    def _bill_problems(self, draft: Draft) -> list[Problem]:
        if not self.vendor:
            return [
                Problem(
                    "vendor_missing", draft.reference, "No vendor is set for bills", "set erp.vendor in the tenant file"
                )
            ]
        if self.bills_employees and not draft.submitter_email and not draft.submitter_id:
            return [
                Problem(
                    "employee_missing",
                    draft.reference,
                    "The bill has no single submitter with an e-mail address, so nobody is known to be paid",
                    "use posting.per: report with erp.vendor: employee, and see that the report has a submitter",
                )
            ]
        return []


def rendered(template: str | None, dimensions: Mapping[str, str]) -> str | None:
    """The template filled in; ``None`` without a template or when a dimension has no value."""
    if template is None:
        return None
    try:
        return template.format_map(dimensions).strip() or None
    except KeyError:
        return None


def header(reference: str) -> str:
    """How the description of a journal of ours begins."""
    return _HEADER.format(reference)


def plain(text: str) -> str:
    """``text`` on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def tenant_of(extra: Mapping[str, Any], auth: str) -> str:
    """The Acumatica tenant that a connection's extra selects: behind the ``@`` of ``client_id``, or ``tenant``.

    :raises ValueError: it selects none; Acumatica would silently take its default tenant.
    """
    if auth == "oauth":
        _, at, tenant = str(extra.get("client_id") or "").strip().rpartition("@")
        if not at or not tenant.strip():
            raise ValueError("the Acumatica connection's extra needs `client_id` as Acumatica shows it: <id>@<tenant>")
        return tenant.strip()
    tenant = str(extra.get("tenant") or "").strip()
    if not tenant:
        raise ValueError(
            "the Acumatica connection's extra needs `tenant`: without it Acumatica takes its default tenant"
        )
    return tenant


def _wrong_code(what: str, code: str) -> bool:
    return len(code) > _CODE_LENGTHS[what] or code != code.strip() or not code.isprintable()


def _too_long(what: str, code: str) -> Problem:
    return Problem(
        "code_invalid",
        code,
        f"The {what} {code!r} is no code that Acumatica can have (at most {_CODE_LENGTHS[what]} printable characters, no "
        "blanks at its ends)",
        "correct it in the tenant file's mapping",
    )


def _no_subaccount(account: str, template: str) -> Problem:
    return Problem(
        "subaccount_missing",
        account,
        f"The line on account {account} lacks a dimension of erp.subaccount {template!r}",
        "give the balancing account its dimensions under posting.credit in the tenant file, or set erp.balancing_subaccount",
    )


def _no_task(project: str, template: str) -> Problem:
    return Problem(
        "project_task_missing",
        project,
        f"The line on project {project} lacks a dimension of erp.project_task {template!r}",
        "tag the expense in Expensify, or give the dimension a default in the tenant file",
    )


def _too_many(draft: Draft, limit: int) -> Problem:
    return Problem(
        "too_many_lines",
        draft.reference,
        f"The document has {len(draft.sent_lines)} lines; Acumatica takes {limit}",
        "set posting.lines: group in the tenant file, or split the report in Expensify",
    )
