"""What Expensify has and the ERP lacks, for an ERP that may be given it.

The ERP's own values always win: this fills gaps, and changes or removes nothing that is there. Where the ERP's interface
cannot be written to, the same comes out as a list for a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from include.reference_data.changes import Change
from include.reference_data.source import CostCenter, Employee
from include.reference_data.tags import Level, levels_of, name_of

_BY_HAND = "the ERP's interface cannot take it: enter it there by hand"


def lacking_cost_centers(
    policies: Mapping[str, Sequence[Mapping[str, Any]]], cost_centers: Sequence[CostCenter], level: Level, *, able: bool
) -> list[Change]:
    """Tags with a code that no cost center of the ERP has, one change per code; tags without a code are told.

    :param policies: policy ID to the policy's ``tags`` section. :param able: the ERP can be given them.
    """
    known = {center.code.upper() for center in cost_centers}
    changes = []
    for policy_id, tags in sorted(policies.items()):
        for tag in levels_of(tags, level.number)[level.number - 1]["tags"]:
            name, code = name_of(tag), level.code_of(tag)
            if not name or tag.get("enabled") is False or code.upper() in known:
                continue
            if not code:
                reason = "the tag has no code: give it a GL code in Expensify, or map it in the tenant file"
                changes.append(Change("erp_cost_center", "skip", policy_id, name, reason))
                continue
            known.add(code.upper())
            if able:
                reason = f"the tag {name} stands for it in Expensify"
                record = {"code": code, "name": name}
                changes.append(Change("erp_cost_center", "add", policy_id, code, reason, record))
            else:
                reason = f"the tag {name} stands for it in Expensify; {_BY_HAND}"
                changes.append(Change("erp_cost_center", "skip", policy_id, code, reason))
    return changes


def lacking_employees(
    policies: Mapping[str, Sequence[Mapping[str, Any]]], everybody: Sequence[Employee], *, able: bool
) -> list[Change]:
    """Members whom the ERP does not know, and e-mails that it does not have. Names are never invented.

    :param policies: policy ID to the policy's ``employees`` section.
    """
    by_id = {one.employee_id.upper(): one for one in everybody}
    emails = {(one.email or "").strip().lower() for one in everybody}
    changes: list[Change] = []
    seen: set[str] = set()
    for policy_id, members in sorted(policies.items()):
        for member in sorted(members, key=lambda member: str(member.get("email"))):
            email = str(member.get("email") or "").strip().lower()
            employee_id = str(member.get("employeeID") or "").strip()
            if not email or not employee_id or email in emails or employee_id.upper() in seen:
                continue
            change = _lacking(policy_id, email, employee_id, member, by_id.get(employee_id.upper()), able=able)
            if change is not None:
                seen.add(employee_id.upper())
                changes.append(change)
    return changes


def _lacking(
    policy_id: str, email: str, employee_id: str, member: Mapping[str, Any], known: Employee | None, *, able: bool
) -> Change | None:
    if known is not None:
        if known.email or not known.tells_email or not known.active:
            return None
        reason = f"{known.name} has no e-mail in the ERP; in Expensify it is {email}"
        if not able:
            return Change("erp_employee", "skip", policy_id, employee_id, f"{reason}; {_BY_HAND}")
        return Change("erp_employee", "change", policy_id, employee_id, reason, {"email": email})
    first, last = (str(member.get(name) or "").strip() for name in ("firstName", "lastName"))
    reason = f"{email} is a member of the policy and not in the ERP"
    if not able:
        return Change("erp_employee", "skip", policy_id, employee_id, f"{reason}; {_BY_HAND}")
    if not first or not last:
        why = "Expensify does not tell the person's name: enter the employee in the ERP"
        return Change("erp_employee", "skip", policy_id, employee_id, f"{reason}; {why}")
    record = {"email": email, "first_name": first, "last_name": last}
    return Change("erp_employee", "add", policy_id, employee_id, reason, record)
