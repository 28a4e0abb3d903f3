"""Expensify: is it there, are the credentials good, and is each policy one that can be exported?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from include.erps.site import Finding, ok
from include.settings.tenant import Tenant

CLASSIC_TYPES = frozenset({"team", "corporate", "collect", "control"})
"""What Expensify calls the workspaces that its Integration Server covers; others show as ``free``, ``personalPolicy`` ..."""


class Workspaces(Protocol):
    """What is asked of :class:`include.expensify.client.ExpensifyClient`."""

    def policies(self, *, admin_only: bool = True) -> list[dict[str, Any]]: ...

    def policy(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, dict[str, Any]]: ...


@dataclass(frozen=True)
class Workspace:
    """One policy of the tenant: the facts of the list, and its categories and tags (``None``: not read)."""

    policy_id: str
    name: str
    categories: tuple[Mapping[str, Any], ...] | None = None
    tags: tuple[Mapping[str, Any], ...] | None = None


def visible(tenant: Tenant, expensify: Workspaces) -> tuple[list[Workspace], list[Finding]]:
    """The tenant's policies among those that the credentials see, and what is to be said of each.

    A tenant that names none takes all the credentials see.
    """
    listed = {str(row.get("id")): row for row in expensify.policies(admin_only=False)}
    found = ok("Expensify", f"answers, the credentials of {tenant.expensify.connection} are good")
    wanted = tenant.expensify.policies or sorted(listed)
    if not wanted:
        found.append(
            Finding(
                "blocking", "Expensify", "the credentials see no policy", "make their owner an admin of the workspace"
            )
        )
    workspaces = []
    for policy_id in wanted:
        row = listed.get(policy_id)
        if row is None:
            found.append(
                Finding(
                    "blocking",
                    f"policy {policy_id}",
                    "the credentials do not see this policy",
                    "correct expensify.policies, or make the credentials' owner an admin of the workspace",
                )
            )
            continue
        found += _findings(policy_id, row, tenant)
        workspaces.append(Workspace(policy_id, str(row.get("name") or policy_id)))
    return workspaces, found


def with_sections(workspaces: Sequence[Workspace], expensify: Workspaces) -> tuple[list[Workspace], list[Finding]]:
    """The workspaces with their categories and tags."""
    if not workspaces:
        return [], []
    read = expensify.policy([one.policy_id for one in workspaces], ["categories", "tags"])
    full, found = [], []
    for one in workspaces:
        sections = read.get(one.policy_id, {})
        categories = tuple(row for row in sections.get("categories") or () if isinstance(row, Mapping))
        tags = tuple(row for row in sections.get("tags") or () if isinstance(row, Mapping))
        full.append(Workspace(one.policy_id, one.name, categories, tags))
        found += ok(f"policy {one.policy_id}", f"{len(categories)} categories and {_tags(tags)} can be read")
    return full, found


def _tags(tags: Sequence[Mapping[str, Any]]) -> str:
    if tags and "tags" in tags[0]:
        return f"{len(tags)} tag levels"
    return f"{len(tags)} tags"


def _findings(policy_id: str, row: Mapping[str, Any], tenant: Tenant) -> list[Finding]:
    subject, name = f"policy {policy_id}", str(row.get("name") or "?")
    found: list[Finding] = []
    kind, role, currency = (str(row.get(key) or "") for key in ("type", "role", "outputCurrency"))
    if kind.lower() not in CLASSIC_TYPES:
        found.append(
            Finding(
                "blocking",
                subject,
                f"{name} is of the type {kind or 'unknown'}, no Classic workspace: the Integration Server covers those only",
                "use a Collect or Control workspace of Expensify Classic, or take the policy out of expensify.policies",
            )
        )
    if role != "admin":
        level = "warning" if role == "auditor" else "blocking"
        found.append(
            Finding(
                level,  # type: ignore[arg-type]
                subject,
                f"the credentials' owner is {role or 'no member'} of {name} and may not see everybody's reports",
                "make the owner an admin of the workspace",
            )
        )
    if currency and currency != tenant.posting.currency and not tenant.erp.takes_foreign_currency:
        found.append(
            Finding(
                "blocking",
                subject,
                f"{name} reports in {currency}, posting.currency is {tenant.posting.currency}: its reports would be held",
                "change the workspace's currency, or give it a tenant of its own",
            )
        )
    return found or ok(subject, f"{name}, a Classic workspace ({kind}) in {currency}, seen as {role}")
