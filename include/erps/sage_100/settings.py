"""The tenant file's ``erp`` section for Sage 100, and Sage 100's pure rules.

Neither the ledger's SOAP operations nor the agent is a product of Sage: whatever the client had to assume about a customer's
side is a setting here.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from include.erps.port import Draft, ErpSettings, Line, Problem
from include.erps.sage_100 import documents
from include.erps.sage_100.account_format import AccountFormat
from include.erps.sage_100.failures import ErrorClass

_COMPANY = re.compile(r"[A-Z0-9]{3}", re.ASCII)
_REFERENCE = re.compile(r"[A-Za-z0-9._:-]+", re.ASCII)
_SOAP_ONLY = ("wsdl", "soap_namespace", "soap_binding", "max_soap_bytes")
_AGENT_ONLY = ("api_key_header", "max_agent_bytes")
SOAP_NAMESPACE = "http://mas90.sage.com/ws"
# The envelope around an entry and its lines, and one line without its values, as they are written.
_SOAP_FRAME_BYTES = 1500
_SOAP_LINE_BYTES = 200


class FieldSizes(BaseModel):
    """Characters that a field takes. Texts are cut, references and accounts never."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    reference: int = Field(default=30, ge=1)
    account: int = Field(default=41, ge=1)
    comment: int = Field(default=2048, ge=1)
    line_comment: int = Field(default=2048, ge=1)


class Sage100Settings(ErpSettings):
    """How one tenant posts to one Sage 100 company. Credentials are in the Airflow connection."""

    needs_pool: ClassVar[bool] = True
    default_per: ClassVar[Literal["day", "report"]] = "report"
    marks: ClassVar[Literal["optional", "required", "refused"]] = "required"
    max_lines: ClassVar[int | None] = 200
    file_settings: ClassVar[tuple[str, ...]] = ("wsdl",)

    type: Literal["sage_100"]
    api: Literal["agent", "soap"] = "agent"
    company_code: str = Field(alias="company")
    account_template: str = Field(default="{gl_account}-{cost_center}-00", alias="account")
    account_format: str | None = None
    source_journal: str = Field(default="GJ", pattern=r"^[A-Z0-9]{1,2}$")
    batch_number: str | None = Field(default=None, pattern=r"^[A-Za-z0-9]{1,5}$")

    base_path: str | None = None
    api_key_header: str = Field(default="X-API-Key", pattern=r"^[A-Za-z0-9-]+$")
    wsdl: str | None = None
    soap_namespace: str = Field(default=SOAP_NAMESPACE, min_length=1)
    soap_binding: str = Field(default="BasicHttpBinding_IMasService", min_length=1)
    allow_http: bool = False
    max_soap_bytes: int = Field(default=65536, ge=4096)
    max_agent_bytes: int = Field(default=1024 * 1024, ge=4096)
    most_lines: int = Field(default=200, ge=2, le=200)

    most_listed: int = Field(default=5000, ge=1)
    lookup_attempts: int = Field(default=3, ge=1, le=5)
    account_page: int = Field(default=500, ge=1, le=500)
    bulk_accounts_from: int = Field(default=50, ge=1)
    account_recheck_s: float = Field(default=60, ge=0)
    retry_base_s: float = Field(default=1, ge=0)
    retry_cap_s: float = Field(default=60, ge=0)

    sizes: FieldSizes = FieldSizes()
    error_classes: dict[str, ErrorClass] = Field(default_factory=dict)

    @field_validator("company_code")
    @classmethod
    def _company(cls, code: str) -> str:
        if not _COMPANY.fullmatch(code):
            raise ValueError(f"{code!r} is no company of Sage 100: exactly three of A-Z and 0-9, such as ABC")
        return code

    @field_validator("account_template")
    @classmethod
    def _template(cls, template: str) -> str:
        try:
            parts = list(string.Formatter().parse(template))
        except ValueError:
            raise ValueError(f"{template!r} is no template; write it like {{gl_account}}-{{cost_center}}-00") from None
        named = [(name, spec, conversion) for _, name, spec, conversion in parts if name is not None]
        if any(not name.isidentifier() or spec or conversion for name, spec, conversion in named):
            raise ValueError(f"{template!r}: write only names in braces, such as {{gl_account}}-{{cost_center}}-00")
        if "gl_account" not in [name for name, _, _ in named]:
            raise ValueError(f"{template!r} leaves {{gl_account}} out, so all expenses would go to one account; add it")
        return template

    @field_validator("account_format")
    @classmethod
    def _format(cls, text: str | None) -> str | None:
        if text is not None:
            AccountFormat.parse(text)
        return text

    @field_validator("base_path")
    @classmethod
    def _path(cls, value: str | None) -> str | None:
        if value is not None and (not value.startswith("/") or value.endswith("/") or "?" in value):
            raise ValueError("write the path with a leading and without a trailing slash, such as /sage/v1")
        return value

    @model_validator(mode="after")
    def _combinations(self) -> Self:
        unused = _AGENT_ONLY if self.api == "soap" else _SOAP_ONLY
        given = [name for name in unused if name in self.model_fields_set]
        if given:
            raise ValueError(f"`{given[0]}` is not used with api: {self.api}; remove it or change `api`")
        if self.retry_cap_s < self.retry_base_s:
            raise ValueError("`retry_cap_s` must not be smaller than `retry_base_s`; raise it")
        return self

    @property
    def path(self) -> str:
        """Where the channel is on the server: the agent's prefix, or the SOAP service's address."""
        return self.base_path or ("/v1" if self.api == "agent" else "/ebusinesswebservices/masservice.svc")

    @property
    def company_setting(self) -> str:
        """The tenant file's company code."""
        return self.company_code

    @property
    def account_templates(self) -> Mapping[str, str]:
        """The one template, ``account``."""
        return {"account": self.account_template}

    def account(self, gl_account: str, dimensions: Mapping[str, str]) -> str:
        """The account from the template, in ``account_format`` where the tenant file has it.

        One that does not fit stays as it is: the check names it, and its journal alone is held.

        :raises ValueError: the template names a dimension that the line does not have.
        """
        try:
            account = self.account_template.format_map({**dimensions, "gl_account": gl_account})
        except KeyError as missing:
            raise ValueError(f"the account template {self.account_template!r} needs the dimension {missing}") from None
        if self.account_format is None:
            return account
        try:
            return AccountFormat.parse(self.account_format).written(account)
        except ValueError:
            return account

    def company(self, connection_extra: Mapping[str, Any]) -> str:
        """The tenant file's company code: the connection names none."""
        return self.company_code

    def reference(self, key: str, prefix: str, per: str) -> str:
        """The key itself; ``<prefix>-<key>`` with ``per: day``, whose keys repeat from tenant to tenant. Case is kept."""
        reference = f"{prefix}-{key}" if per == "day" and prefix else key
        if not _REFERENCE.fullmatch(reference):
            raise ValueError(
                f"the reference {reference!r} may hold only letters, digits and . _ : -; set another posting.reference_prefix"
            )
        if len(reference) > self.sizes.reference:
            raise ValueError(
                f"the reference {reference} has {len(reference)} characters and Sage 100 takes {self.sizes.reference}; "
                "set a shorter posting.reference_prefix"
            )
        return reference

    def problems(self, draft: Draft) -> list[Problem]:
        """Number of lines, amounts, account texts, and the document's length."""
        found = [problem for line in draft.sent_lines for problem in self._line_problems(line)]
        lines = len(draft.sent_lines)
        if not 2 <= lines <= self.most_lines:
            found.append(
                Problem(
                    "line_count",
                    draft.reference,
                    f"The journal has {lines} lines; Sage 100 takes 2 to {self.most_lines}",
                    "set posting.lines: group in the tenant file, or split the report in Expensify",
                )
            )
        if not found:
            found += self._length_problems(draft)
        return list(dict.fromkeys(found))

    def _line_problems(self, line: Line) -> list[Problem]:
        found = []
        if documents.storable(line.account) != line.account or not line.account.strip():
            found.append(
                Problem(
                    "code_characters",
                    line.account,
                    f"The account {line.account!r} holds characters that Sage 100 cannot store",
                    "correct the value in the tenant file (mapping or posting.credit)",
                )
            )
        if len(line.account) > self.sizes.account:
            found.append(
                Problem(
                    "account_too_long",
                    line.account,
                    f"The account {line.account} has {len(line.account)} characters; Sage 100 takes {self.sizes.account}",
                    "shorten it in the tenant file (mapping.gl_account or erp.account)",
                )
            )
        # Nine digits before the point.
        if not 0 < abs(line.amount_cents) < 10**11:
            found.append(
                Problem(
                    "amount_too_large" if line.amount_cents else "amount_zero",
                    line.account,
                    f"Account {line.account}: Sage 100 takes 0.01 to 999999999.99 on a line, not "
                    f"{documents.amount(abs(line.amount_cents))}",
                    "check the expenses behind this line",
                )
            )
        return found

    def _length_problems(self, draft: Draft) -> list[Problem]:
        entry = documents.entry(draft, self)
        if self.api == "agent":
            size, most, setting = len(agent_body(entry)), self.max_agent_bytes, "max_agent_bytes"
        else:
            size, most, setting = _soap_bytes(entry), self.max_soap_bytes, "max_soap_bytes"
        if size <= most:
            return []
        return [
            Problem(
                "document_too_long",
                draft.reference,
                f"The document with {len(entry.lines)} lines is {size} bytes long; the server takes {most}",
                f"lower erp.sizes.line_comment, or have the server's limit raised and set erp.{setting}; it is never split",
            )
        ]


def agent_body(entry: documents.Entry) -> bytes:
    """The agent's request body, exactly as it is sent."""
    return json.dumps(entry.as_json(), ensure_ascii=False, separators=(",", ":")).encode()


def _soap_bytes(entry: documents.Entry) -> int:
    """An upper bound of the SOAP request's length: XML of any channel version, escaped texts included."""
    texts = [entry.comment, *(text for line in entry.lines for text in (line.account, line.comment))]
    escaped = sum(len(text.encode()) + 4 * sum(text.count(mark) for mark in "&<>") for text in texts)
    amounts = sum(
        len(documents.amount(cents)) for line in entry.lines for cents in (line.debit_cents, line.credit_cents)
    )
    return _SOAP_FRAME_BYTES + _SOAP_LINE_BYTES * len(entry.lines) + escaped + amounts
