"""Mapping coverage: where each category and tag of the policies would land, by which rule, and what is missing."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

from include.accounting import mapping
from include.erps.port import Kind, Problem
from include.erps.site import Level
from include.expensify.records import split_levels
from include.preflight.seen import Seen, Use
from include.preflight.workspaces import Workspace
from include.settings.posting import CreditAccount
from include.settings.tenant import Tenant

MOST_COMBINATIONS = 500
"""Accounts built from a category and a tag are asked for in each combination, up to so many; those in use come first."""
_NAMED = 3

What = Literal["category", "tag", "credit"]


@dataclass(frozen=True)
class Probe:
    """An account with dimensions whose existence the ERP is asked about."""

    account: str
    dimensions: tuple[tuple[str, str], ...] = ()
    kind: Kind = "journal"


@dataclass
class Row:
    """One name of Expensify, or one balancing account. ``value`` is the GL account or dimension value, ``None``: no rule.

    ``used`` counts reports still to be posted that carry it. ``note`` says what is missing; ``level`` how much it matters.
    """

    what: What
    name: str
    goes_to: str
    rule: str
    policies: tuple[str, ...] = ()
    value: str | None = None
    dimension: str | None = None
    used: int = 0
    level: Level = "ok"
    note: str = ""
    probes: list[Probe] = field(default_factory=list)
    in_use: set[Probe] = field(default_factory=set)
    """Those of the probes that reports still to be posted need."""

    def open_as(self, note: str) -> None:
        """Something is missing: it blocks what is in use, and is a warning for the rest."""
        self.level = "blocking" if self.used or self.what == "credit" else "warning"
        self.note = note


def rows_of(tenant: Tenant, workspaces: Sequence[Workspace], seen: Seen | None) -> list[Row]:
    """Every enabled category and tag of the policies, what reports use besides, and the balancing accounts."""
    uses = dict(seen.uses) if seen is not None else {}
    categories = _categories(tenant, workspaces, uses)
    tags = _tags(tenant, workspaces, uses)
    _give_probes(tenant, categories, tags, uses)
    return [*categories, *tags, *_credits(tenant)]


def judge(rows: Sequence[Row], answers: Mapping[Probe, Sequence[Problem]]) -> None:
    """Note on each row what the ERP says of its probes."""
    for row in rows:
        asked = [probe for probe in row.probes if probe in answers]
        bad = [(probe, problems[0]) for probe in asked if (problems := _relevant(row, probe, answers[probe]))]
        if not bad or row.level != "ok":
            continue
        problem = bad[0][1]
        if len(bad) == len(asked):
            row.open_as(f"{problem.message}. {problem.fix}")
            continue
        more = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
        # Not every account has to exist for every tag: what no report needs is only worth a word.
        row.level = "blocking" if any(one in row.in_use for one, _ in bad) else "warning"
        bad.sort(key=lambda one: one[0] not in row.in_use)
        named = ", ".join(one.account for one, _ in bad[:_NAMED])
        row.note = f"{len(asked) - len(bad)} of {len(asked)} combinations exist in the ERP; missing: {named}{more}"


def _relevant(row: Row, probe: Probe, problems: Sequence[Problem]) -> list[Problem]:
    about_account = [one for one in problems if one.code.startswith("account") or one.subject == probe.account]
    if row.what != "tag":
        return about_account
    value = (row.value or "").upper()
    about_value = [one for one in problems if value and value in one.subject.upper() and one not in about_account]
    return about_value or (about_account if value and value in probe.account.upper() else [])


def _categories(tenant: Tenant, workspaces: Sequence[Workspace], uses: Mapping[Use, int]) -> list[Row]:
    found: dict[tuple[str, str], Row] = {}

    def note(policy_id: str, name: str, gl_code: str | None, used: int) -> None:
        mapped = mapping.gl_account(tenant, name, gl_code)
        row = found.setdefault(
            (name, mapped.value or ""),
            Row("category", name or "(none)", mapped.value or "?", mapped.rule, value=mapped.value),
        )
        row.used += used
        if policy_id and policy_id not in row.policies:
            row.policies += (policy_id,)
        if mapped.value is None:
            row.open_as(f"has no account: write it under mapping.gl_account.values in {tenant.name}.yaml")

    for workspace in workspaces:
        for category in workspace.categories or ():
            if category.get("enabled") is not False and _text(category, "name"):
                note(workspace.policy_id, _text(category, "name"), _text(category, "glCode") or None, 0)
    for use, count in uses.items():
        note(use.policy_id, use.category, use.category_gl_code, count)
    return sorted(found.values(), key=lambda row: row.name.lower())


def _tags(tenant: Tenant, workspaces: Sequence[Workspace], uses: Mapping[Use, int]) -> list[Row]:
    found: dict[tuple[str, str, str], Row] = {}

    def note(policy_id: str, level: int, name: str, gl_code: str | None, used: int) -> None:
        tags = (*((("", None),) * (level - 1)), (name, gl_code))
        for dimension, section in tenant.mapping.dimensions.items():
            if section.tag != level:
                continue
            mapped = mapping.dimension(section, dimension, tags)
            goes_to = f"{dimension} {mapped.value}" if mapped.value else f"{dimension}: nothing"
            row = found.setdefault(
                (dimension, name, mapped.value or ""),
                Row("tag", name or "(none)", goes_to, mapped.rule, value=mapped.value, dimension=dimension),
            )
            row.used += used
            if policy_id and policy_id not in row.policies:
                row.policies += (policy_id,)
            if mapped.value is None and section.required:
                row.open_as(f"has no {dimension}: write it under mapping.dimensions.{dimension}.values")

    for workspace in workspaces:
        for level, name, gl_code in _tags_of(workspace.tags or ()):
            note(workspace.policy_id, level, name, gl_code, 0)
    for use, count in uses.items():
        for section in tenant.mapping.dimensions.values():
            name, gl_code = use.tags[section.tag - 1] if len(use.tags) >= section.tag else ("", None)
            if name or section.required:
                note(use.policy_id, section.tag, name, gl_code, count)
    return sorted(found.values(), key=lambda row: (row.dimension or "", row.name.lower()))


def _tags_of(tags: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, str, str | None]]:
    """(level, name, GL code) of the enabled tags; Expensify gives levels, or one flat list with joined names."""
    for number, row in enumerate(tags, start=1):
        inner = row.get("tags")
        if isinstance(inner, list):
            for tag in inner:
                if isinstance(tag, Mapping) and tag.get("enabled") is not False and _text(tag, "name"):
                    yield number, _text(tag, "name"), _text(tag, "glCode") or None
        elif row.get("enabled") is not False and _text(row, "name"):
            parts = split_levels(_text(row, "name"))
            gl_code = _text(row, "glCode") or None
            for level, part in enumerate(parts, start=1):
                yield level, part, gl_code if len(parts) == 1 else None


def _text(row: Mapping[str, Any], key: str) -> str:
    return str(row.get(key) or "").strip()


def _credits(tenant: Tenant) -> list[Row]:
    credit = tenant.posting.credit
    listed: list[tuple[str, CreditAccount]] = []
    if credit.reimbursable is not None and tenant.erp.document_kind == "journal":
        listed.append(("reimbursable", credit.reimbursable))
    if credit.already_reimbursed is not None:
        listed.append(("already_reimbursed", credit.already_reimbursed))
    if credit.company_card is not None and tenant.company_card != "exclude":
        listed += [
            (f"company_card.by_card[{card!r}]", one) for card, one in sorted(credit.company_card.by_card.items())
        ]
        if credit.company_card.default is not None:
            listed.append(("company_card.default", credit.company_card.default))
    return [
        Row(
            "credit",
            name,
            one.account,
            f"posting.credit.{name}",
            value=one.account,
            probes=[Probe(one.account, tuple(sorted(one.dimensions.items())))],
        )
        for name, one in listed
    ]


def _give_probes(tenant: Tenant, categories: Sequence[Row], tags: Sequence[Row], uses: Mapping[Use, int]) -> None:
    """Combine accounts and dimension values as expenses would."""
    template = tenant.erp.account_templates.get("account", "")
    in_account = {name for _, name, _, _ in string.Formatter().parse(template) if name and name != "gl_account"}
    values: dict[str, list[str]] = {}
    for name, section in tenant.mapping.dimensions.items():
        known = [row.value for row in tags if row.dimension == name and row.value]
        values[name] = list(dict.fromkeys(known)) or ([section.default] if section.default else [])
    base = {name: listed[0] for name, listed in values.items() if listed}
    accounts = list(dict.fromkeys(row.value for row in categories if row.value))
    varied = [name for name in tenant.mapping.dimensions if name in in_account and values[name]]

    wanted: dict[tuple[str, tuple[tuple[str, str], ...]], None] = {}
    for use in uses:
        gl_account = mapping.gl_account(tenant, use.category, use.category_gl_code).value
        if gl_account:
            dimensions = mapping.filled(
                {name: mapping.dimension(one, name, use.tags) for name, one in tenant.mapping.dimensions.items()}
            )
            wanted[gl_account, tuple(sorted(dimensions.items()))] = None
    in_use = set(wanted)
    for gl_account in accounts:
        for combination in product(*(values[name] for name in varied)):
            if len(wanted) >= MOST_COMBINATIONS:
                break
            wanted[gl_account, _sorted({**base, **dict(zip(varied, combination, strict=True))})] = None
    for name, listed in values.items():
        for value in listed if name not in varied and accounts else ():
            wanted[accounts[0], _sorted({**base, name: value})] = None
    for gl_account, pairs in wanted:
        try:
            account = tenant.erp.account(gl_account, dict(pairs))
        except ValueError as error:
            for row in categories:
                if row.value == gl_account and row.level == "ok":
                    row.open_as(f"gives an account that the ERP cannot have: {error}")
            continue
        probe = Probe(account, pairs, tenant.erp.document_kind)
        for row in (*categories, *tags):
            mapped = row.value == gl_account if row.what == "category" else (row.dimension, row.value) in pairs
            if row.value and mapped:
                row.probes.append(probe)
                if (gl_account, pairs) in in_use:
                    row.in_use.add(probe)


def _sorted(dimensions: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(dimensions.items()))
