"""The ``erp`` section of a tenant file for IFS Cloud.

No public page names the projection that takes a voucher with its rows, and code parts are named anew in every company: what
differs per customer is a setting with the most likely default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self
from urllib.parse import quote

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator, model_validator

from include.accounting.money import has_forbidden_fraction, written
from include.erps.ifs_cloud.refusals import ERROR_CLASSES, ErrorClass
from include.erps.port import Draft, ErpSettings, Line, Problem

Letter = Literal["B", "C", "D", "E", "F", "G", "H", "I", "J"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*", re.ASCII)
_TEMPLATE_PATH = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_./=,()'~-]|\{company\}|\{voucher_type\})*", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_DIGITS_BEFORE_POINT = 15
_FEWEST_ROWS = 2


class _Names(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="after")
    def _are_names(self) -> Self:
        for setting, value in self:
            if not isinstance(value, str) or not (_NAME.fullmatch(value) or self._may_be(setting, value)):
                raise ValueError(f"`{setting}`: {value!r} is not the name of a projection, an entity set or a field")
        return self

    def _may_be(self, setting: str, value: str) -> bool:
        return False


class Projections(_Names):
    """Projections (without ``.svc``) and their entity sets."""

    posting: str = "ManualVoucherHandling"
    posting_set: str = "VoucherSet"
    template_function: str = "IfsApp.ManualVoucherHandling.Voucher_Default"
    hold: str = "VoucherRowsAnalysis"
    hold_set: str = "VoucherRowSet"
    ledger: str = "GlVoucherRowsAnalysis"
    ledger_set: str = "GlVoucherRowSet"
    company: str = "CompanyHandling"
    company_set: str = "CompanySet"
    code_parts: str = "CodePartValuesHandling"
    code_parts_set: str = "CodePartValueSet"
    accounts: str = "AccountsHandling"
    accounts_set: str = "AccountSet"
    periods: str = "AccountingPeriodsHandling"
    periods_set: str = "AccountingPeriodSet"


class PerLetter(_Names):
    """Where each code part has an entity set of its own; ``{letter}`` is B to J, part A is the account's."""

    projection: str = "VoucherRowsAnalysis"
    code_set: str = "Reference_Code{letter}"
    code_property: str = "Code{letter}"
    account_set: str = "Reference_Account"
    account_property: str = "Account"

    def _may_be(self, setting: str, value: str) -> bool:
        return setting.startswith("code_") and bool(_NAME.fullmatch(value.replace("{letter}", "B")))

    def place(self, letter: str) -> tuple[str, str]:
        """The entity set and the property that hold the values of a code part."""
        if letter == "A":
            return self.account_set, self.account_property
        return self.code_set.format(letter=letter), self.code_property.format(letter=letter)


class Sizes(BaseModel):
    """Field lengths in characters. Texts are cut to them; references and codes never: too long is held."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    reference: int = Field(default=50, ge=1)
    code: int = Field(default=20, ge=1)
    text: int = Field(default=200, ge=1)


class IfsCloudSettings(ErpSettings):
    """``type: ifs_cloud``: manual vouchers with nested rows, written to the hold table of one company."""

    marks: ClassVar[Literal["optional", "required", "refused"]] = "refused"
    max_lines: ClassVar[int | None] = 1000

    type: Literal["ifs_cloud"]
    company_id: str = Field(alias="company", min_length=1, max_length=20)
    voucher_type: str = Field(default="M", min_length=1, max_length=3)
    user_group: str | None = Field(default=None, min_length=1, max_length=30)
    """``None``: the template's."""
    reference_serie: str = Field(default="EXPENSIFY", min_length=1, max_length=50)
    code_parts: dict[str, Letter | None] = Field(default={"cost_center": "B", "project": "C"})
    """Dimension to code part; ``null``: this dimension is not sent on purpose."""
    code_part_style: Literal["one_set", "per_letter"] = Field(
        default="one_set", validation_alias=AliasChoices("code_part_style", "codepart_style")
    )
    projections: Projections = Field(default_factory=Projections)
    per_letter: PerLetter = Field(default_factory=PerLetter)
    base_path: str = "/main/ifsapplications/projection/v1"
    scope: str = "openid microprofile-jwt"
    template_arguments: bool = True
    """Whether the template function takes Company and VoucherType."""
    template_path: str | None = None
    """The template's whole address behind the posting projection, ``{company}`` and ``{voucher_type}`` filled in; ``None``: built
    from ``projections`` and ``template_arguments``."""
    post_if_match: bool = True
    """Whether the create carries the template's ETag."""
    check_accounts: bool = True
    """Whether accounts are asked which code parts they demand and block."""
    read_vouchers: bool = True
    """Whether a voucher found in the hold table is read, to see whether it is cancelled."""
    cancelled_status: str = "Cancelled"
    open_period: str = "Open"
    budget_value: str = "BudgetAccount"
    sizes: Sizes = Field(default_factory=Sizes)
    settle_s: float = Field(default=10, ge=0)
    requests_per_minute: int = Field(default=900, ge=1)
    page_size: int = Field(default=1000, ge=1, lt=5000)
    lookup_chunk: int = Field(default=50, ge=1)
    max_url_chars: int = Field(default=4000, ge=500)
    lookup_max_rows: int = Field(default=100_000, ge=1)
    query_attempts: int = Field(default=6, ge=1)
    back_off_s: float = Field(default=1, ge=0)
    back_off_max_s: float = Field(default=60, ge=0)
    create_sends: int = Field(default=5, ge=1)
    """How often a create is sent that the server refuses because its template is out of date."""
    error_classes: dict[str, ErrorClass] = Field(default_factory=dict)
    """Token (``CodePartValue.NOT_EXIST``) to what it means; laid over the known ones."""
    allow_http: bool = False

    @field_validator("base_path")
    @classmethod
    def _base_path(cls, path: str) -> str:
        if not _PATH.fullmatch(path):
            raise ValueError(f"{path!r} is not a path such as /main/ifsapplications/projection/v1")
        return path

    @field_validator("template_path")
    @classmethod
    def _template_path(cls, path: str | None) -> str | None:
        if path is not None and not _TEMPLATE_PATH.fullmatch(path):
            raise ValueError(
                f"{path!r} is not a path such as VoucherSet/Voucher_Default(Company='{{company}}',VoucherType='{{voucher_type}}')"
            )
        return path

    @field_validator("code_parts")
    @classmethod
    def _once(cls, parts: dict[str, Letter | None]) -> dict[str, Letter | None]:
        letters = [letter for letter in parts.values() if letter]
        twice = next((letter for letter in letters if letters.count(letter) > 1), None)
        if twice:
            raise ValueError(f"two dimensions go to code part {twice}: give each a letter of its own")
        return parts

    @property
    def company_setting(self) -> str:
        """The company."""
        return self.company_id

    @property
    def classes(self) -> Mapping[str, ErrorClass]:
        """What this server's error tokens mean."""
        return {**ERROR_CLASSES, **self.error_classes}

    def company(self, connection_extra: Mapping[str, Any]) -> str:
        """The tenant file's ``company``: one connection may serve several companies."""
        return self.company_id

    def reference(self, key: str, prefix: str, per: str) -> str:
        """The reference number of every row: the key, with ``per: day`` ``<prefix>-<key>``; the serie stands beside it.

        :raises ValueError: it is too long or begins or ends with a blank.
        """
        reference = f"{prefix}-{key}" if per == "day" else key
        if len(reference) > self.sizes.reference:
            raise ValueError(
                f"the reference {reference} has {len(reference)} characters and IFS takes {self.sizes.reference}; "
                "set a shorter posting.reference_prefix"
            )
        if reference != reference.strip() or not reference.isprintable() or not reference:
            raise ValueError(f"the reference {reference!r} holds characters that cannot be searched in IFS")
        return reference

    def serie(self, draft: Draft) -> str:
        """The serie that the draft was checked with: a serie changed in the tenant file later must not hide what was sent."""
        return str(draft.details.get("reference_serie") or self.reference_serie)

    @property
    def names_template_company(self) -> bool:
        """Whether a template is asked for by its company, so that another one's is no answer."""
        return self.template_arguments if self.template_path is None else "{company}" in self.template_path

    def filled_template_path(self) -> str | None:
        """``template_path`` for an address: texts as OData quotes them, encoded."""
        if self.template_path is None:
            return None
        company, voucher_type = (
            quote(value.replace("'", "''"), safe="") for value in (self.company_id, self.voucher_type)
        )
        return self.template_path.replace("{company}", company).replace("{voucher_type}", voucher_type)

    def code_values(self, line: Line) -> dict[str, str]:
        """Code part letter (B to J) to value, for the dimensions that the line carries."""
        letters = ((self.code_parts.get(dimension), value) for dimension, value in line.dimensions.items())
        return {letter: value for letter, value in sorted(letters, key=str) if letter and value}

    def problems(self, draft: Draft) -> list[Problem]:
        """Kind, number of rows, currency, amounts, lengths, and dimensions without a code part."""
        found: list[Problem] = []
        rows = len(draft.sent_lines)
        if draft.kind != "journal":
            found.append(
                Problem("kind", draft.kind, "IFS takes journals only", "report it: the journal was built wrongly")
            )
        if not _FEWEST_ROWS <= rows <= self._most_lines:
            found.append(
                Problem(
                    "lines",
                    str(rows),
                    f"The voucher would have {rows} rows; IFS takes {_FEWEST_ROWS} to {self._most_lines}",
                    "set posting.lines: group in the tenant file, or split the report in Expensify",
                )
            )
        if not _CURRENCY.fullmatch(draft.currency):
            found.append(
                Problem(
                    "currency", draft.currency, f"{draft.currency!r} is no currency code", "correct posting.currency"
                )
            )
        for line in draft.sent_lines:
            found += self._line_problems(line, draft.currency)
        return list(dict.fromkeys(found))

    @property
    def _most_lines(self) -> int:
        assert self.max_lines is not None
        return self.max_lines

    def _line_problems(self, line: Line, currency: str) -> list[Problem]:
        found = [
            Problem(
                "code_form",
                value,
                f"Code part {letter}: {value!r} is empty, has blanks at its ends, or more than {self.sizes.code} characters",
                "correct it in the tenant file (mapping or posting.credit)",
            )
            for letter, value in {"A": line.account, **self.code_values(line)}.items()
            if not value or value != value.strip() or len(value) > self.sizes.code or not value.isprintable()
        ]
        found += [
            Problem(
                "dimension_without_code_part",
                dimension,
                f"The dimension {dimension!r} has no code part in IFS, so its value {value!r} would be lost",
                "name its letter in erp.code_parts of the tenant file, or null to leave it out on purpose",
            )
            for dimension, value in line.dimensions.items()
            if value and dimension not in self.code_parts
        ]
        if not line.amount_cents or has_forbidden_fraction(line.amount_cents, currency):
            found.append(
                Problem(
                    "amount_fraction",
                    line.account,
                    f"Account {line.account}: {written(line.amount_cents, currency)} cannot be booked in this currency",
                    "check the expenses behind this line",
                )
            )
        if len(str(abs(line.amount_cents) // 100)) > _DIGITS_BEFORE_POINT:
            found.append(
                Problem(
                    "amount_too_large",
                    line.account,
                    f"Account {line.account}: {written(line.amount_cents)} has more than {_DIGITS_BEFORE_POINT} digits",
                    "check the expenses behind this line",
                )
            )
        return found
