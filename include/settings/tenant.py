"""The tenant file: one YAML file per company, its name is the tenant.

Strings stay strings: an account number without quotes is a number to YAML (``0100`` even becomes 64), so it is refused
with a sentence that says so. Unknown keys are errors. Sums are never configured here.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from include.erps.port import ErpSettings
from include.erps.registry import ERPS, settings_class
from include.settings.mapping import Mapping_
from include.settings.posting import Per, Posting
from include.settings.values import FilledText, Section, ShortText

# croniter takes R for a random value: another schedule at every reading.
_RANDOM_FIELD = re.compile(r"(?<![A-Za-z])[Rr]")


@lru_cache
def _wrong_schedule(value: str) -> str | None:
    """What is wrong with a schedule. Most tenants share a few, and each answer takes a tenth of a millisecond."""
    from croniter import CroniterBadDateError, croniter

    if len(value.split()) != 5 or not croniter.is_valid(value) or _RANDOM_FIELD.search(value):
        return f"{value!r} is not a cron expression of five fields (minute hour day month weekday)"
    try:
        croniter(value).get_next()
    except CroniterBadDateError:
        return f"{value!r} names a day that never comes"
    return None


def _policy(value: str) -> str:
    if not value or any(sign == "," or sign.isspace() for sign in value):
        raise ValueError(f"{value!r} is no workspace ID: one ID per item, without blanks and commas")
    return value


class Expensify(Section):
    """The ``expensify`` section."""

    connection: ShortText
    policies: list[Annotated[ShortText, AfterValidator(_policy)]] = Field(default_factory=list)
    states: list[Literal["APPROVED", "REIMBURSED", "ARCHIVED"]] = Field(
        default=["APPROVED", "REIMBURSED"], min_length=1
    )
    mark_exported: FilledText | None = None
    lookback_days: int = Field(default=7, ge=0, le=90)
    control_total: Literal["hold", "warn"] = "hold"
    request_timeout_s: float = Field(default=600, gt=0)
    """Total deadline of one request; a large export blocks for minutes before it answers."""
    file_ready_within_s: float = Field(default=600, gt=0)
    """How long an exported file that is not there yet is asked for again."""


class Hold(Section):
    """The ``hold`` section."""

    isolate: bool = False


class ReferenceData(Section):
    """The ``reference_data`` section: what flows back from the ERP into Expensify.

    ``default_manager``: e-mail of who approves for employees whose ERP names no manager. ``into_erp``: what Expensify has and
    the ERP lacks goes there too, or is listed where the ERP's interface cannot take it.
    """

    policies: list[ShortText] = Field(min_length=1)
    employees: bool = False
    gl_codes: bool = False
    cost_centers: bool = False
    allow_removal: bool = False
    default_manager: ShortText | None = None
    into_erp: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not (self.employees or self.gl_codes or self.cost_centers):
            raise ValueError("switch on at least one of `employees`, `gl_codes` and `cost_centers`")
        if self.into_erp and self.allow_removal:
            raise ValueError(
                "`into_erp` gives the ERP what only Expensify has, `allow_removal` removes it from Expensify: choose one"
            )
        if self.into_erp and not (self.employees or self.cost_centers):
            raise ValueError("`into_erp` works with `employees` and `cost_centers`: switch one of them on")
        if self.default_manager is not None and "@" not in self.default_manager:
            raise ValueError(f"`default_manager` is an e-mail address, not {self.default_manager!r}")
        return self


class Retention(Section):
    """The ``retention`` section."""

    raw_days: int = Field(default=90, ge=1)


def _file(value: object, name: str, folder: Path) -> str:
    if not isinstance(value, str):
        raise ValueError(f"`{name}` is the path of a CSV file, not {value!r}")
    path = Path(folder, value)
    if not path.is_file():
        raise ValueError(f"`{name}`: the file {path} does not exist")
    return str(path)


def _erp_section(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, dict):
        raise ValueError("expected the settings of an ERP, beginning with `type`")
    erp_type = value.get("type")
    if not isinstance(erp_type, str) or erp_type not in ERPS:
        raise ValueError(f"unknown ERP type {erp_type!r}: expected one of {', '.join(sorted(ERPS))}")
    settings = settings_class(erp_type)
    folder = (info.context or {}).get("folder", Path())
    files = {name: _file(value[name], name, folder) for name in settings.file_settings if value.get(name)}
    return settings.model_validate({**value, **files}, context=info.context)


class Tenant(Section):
    """A whole tenant file. ``name`` is the file's name; ``folder`` is where its relative paths start."""

    DAY_ONLY: ClassVar[str] = "`hold.isolate` works with `posting.per: day` only"

    name: str
    folder: Path
    schedule: ShortText
    timezone: ShortText
    start_date: date
    formerly: list[ShortText] = Field(default_factory=list)
    expensify: Expensify
    erp: Annotated[SerializeAsAny[ErpSettings], BeforeValidator(_erp_section)]
    posting: Posting
    mapping: Mapping_ = Field(default_factory=Mapping_)
    hold: Hold = Field(default_factory=Hold)
    reference_data: ReferenceData | None = None
    retention: Retention = Field(default_factory=Retention)

    @property
    def zone(self) -> ZoneInfo:
        """The tenant's time zone: schedules and approval days are local to it."""
        return ZoneInfo(self.timezone)

    @property
    def names(self) -> tuple[str, ...]:
        """The tenant's present and earlier names, under which its rows stand in the ledger."""
        return tuple(dict.fromkeys((self.name, *self.formerly)))

    @property
    def per(self) -> Per:
        """One journal per approval day, or per report."""
        return self.posting.per or self.erp.default_per

    @property
    def lines(self) -> Literal["group", "expense"]:
        """One journal line per group of expenses, or per expense."""
        return self.posting.lines or self.erp.default_lines

    @property
    def company_card(self) -> Literal["with_reimbursable", "journal", "exclude"]:
        """What becomes of expenses paid with a company card."""
        default: Literal["journal", "with_reimbursable"] = (
            "journal" if self.erp.document_kind == "bill" else "with_reimbursable"
        )
        return self.posting.company_card or default

    @field_validator("schedule")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        if (wrong := _wrong_schedule(value)) is not None:
            raise ValueError(wrong)
        return value

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is not a time zone name such as America/Chicago") from None
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self._check_marking()
        self._check_pool()
        self._check_templates()
        self._check_credits()
        if self.hold.isolate and self.per != "day":
            raise ValueError(self.DAY_ONLY)
        if self.per == "day" and self.erp.only_per_report is not None:
            raise ValueError(f"`posting.per: day` does not fit: {self.erp.only_per_report}")
        if self.posting.date == "report" and self.per != "report":
            raise ValueError("`posting.date: report` works with `posting.per: report` only")
        if self.name in self.formerly:
            raise ValueError(f"`formerly` names the tenant itself ({self.name})")
        return self

    def _check_marking(self) -> None:
        if self.erp.marks == "required" and self.expensify.mark_exported is None:
            raise ValueError(f"`expensify.mark_exported` is required for {self.erp.type}: set a label such as erp-sync")
        if self.erp.marks == "refused" and self.expensify.mark_exported is not None:
            raise ValueError(f"`expensify.mark_exported` must be null for {self.erp.type}: nothing is written back")

    def _check_pool(self) -> None:
        if self.erp.needs_pool and self.erp.pool == "default_pool":
            raise ValueError(
                f"`erp.pool` is required for {self.erp.type}: only one task may talk to it at a time. "
                "Create an Airflow pool with 1 slot and name it here"
            )

    def _check_templates(self) -> None:
        for setting, template in self.erp.account_templates.items():
            for _, name, _, _ in string.Formatter().parse(template):
                if name is None or name == "gl_account":
                    continue
                dimension = self.mapping.dimensions.get(name)
                if dimension is None:
                    raise ValueError(f"`erp.{setting}` names {{{name}}}, which `mapping.dimensions` does not define")
                if not dimension.required and dimension.default is None:
                    raise ValueError(
                        f"`erp.{setting}` names {{{name}}}: set `required: true` or a `default` for that dimension, "
                        "or an account could be built with a hole in it"
                    )

    def _check_credits(self) -> None:
        credit = self.posting.credit
        if self.erp.document_kind == "journal" and credit.reimbursable is None:
            raise ValueError("`posting.credit.reimbursable` is required: the account that balances employees' expenses")
        cards = list(credit.company_card.by_card.values()) if credit.company_card else []
        default_card = [credit.company_card.default] if credit.company_card else []
        for account in [credit.reimbursable, credit.already_reimbursed, *cards, *default_card]:
            for name in account.dimensions if account else ():
                if name not in self.mapping.dimensions:
                    raise ValueError(f"`posting.credit` uses the dimension {name!r}, which `mapping.dimensions` lacks")


def explained(error: ValidationError) -> str:
    """A pydantic error as lines ``key: what is expected``."""
    lines = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"] if part != "[key]")
        message = _SENTENCES.get(problem["type"], problem["msg"].removeprefix("Value error, "))
        if problem["type"] == "string_type":
            message = f"{problem['input']!r} is not text: write it in quotes"
        elif problem["type"] == "string_pattern_mismatch" and place == "posting.currency":
            message = f"{problem['input']!r} is not a currency: expected three capital letters such as USD"
        elif message.startswith("Input should be"):
            message = f"expected {message.removeprefix('Input should be ')}, not {str(problem['input'])[:60]!r}"
        lines.append(f"{place}: {message}" if place else message)
    return "; ".join(lines)


_SENTENCES = {
    "extra_forbidden": "unknown key: check its spelling and its indentation",
    "invalid_key": "unknown key: keys are names, not numbers",
    "missing": "is missing",
    "model_type": "expected keys below it, indented",
    "dict_type": "expected `name: value` pairs below it, or {} for none",
    "list_type": "expected a list such as [a, b]",
    "date_type": "expected a date such as 2026-11-01, without quotes and without a time",
}


def tenant_from(content: Mapping[str, Any], name: str, folder: Path) -> Tenant:
    """Build a tenant from a parsed file.

    :raises ValueError: one sentence per wrong key.
    """
    for reserved in ("name", "folder"):
        if reserved in content:
            raise ValueError(f"{reserved}: unknown key: the file's name is the tenant's name")
    try:
        return Tenant.model_validate({**content, "name": name, "folder": folder}, context={"folder": folder})
    except ValidationError as error:
        raise ValueError(explained(error)) from None
