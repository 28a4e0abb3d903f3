"""Employees of the ERP against the members of a policy.

Expensify identifies a person by employee ID: a known ID with another e-mail renames the account. So an ID or an e-mail that
stands twice is never sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from include.reference_data.changes import Change
from include.reference_data.source import Employee


def employee_changes(
    policy_id: str,
    employees: Sequence[Employee],
    managers: Mapping[str, str],
    members: Sequence[Mapping[str, Any]],
    *,
    complete: bool,
    allow_removal: bool,
) -> list[Change]:
    """The difference, one change per person, sorted.

    :param employees: those that changed, or all of them (``complete``).
    :param managers: employee ID to e-mail, of every employee that can be a manager.
    :param members: the policy's ``employees`` section: ``email``, ``employeeID``, ``submitsTo``.
    """
    by_email = {str(member.get("email", "")).strip().lower(): member for member in members}
    by_id = {str(member["employeeID"]): member for member in members if member.get("employeeID")}
    emails = Counter((employee.email or "").strip().lower() for employee in employees if employee.active)
    changes = []
    seen: set[str] = set()
    for employee in employees:
        email = (employee.email or "").strip().lower()
        member = by_email.get(email) or by_id.get(employee.employee_id)
        if member is not None:
            seen.add(str(member.get("email", "")).strip().lower())
        change = _change(policy_id, employee, email, member, emails, managers, allow_removal)
        if change is not None:
            changes.append(change)
    if complete:
        changes += [
            _removal(policy_id, member, "the ERP has no such employee", allow_removal)
            for email, member in by_email.items()
            if email and email not in seen and member.get("role") != "admin" and member.get("employeeID")
        ]
    return sorted(changes, key=lambda change: (change.subject, change.action))


def _change(
    policy_id: str,
    employee: Employee,
    email: str,
    member: Mapping[str, Any] | None,
    emails: Mapping[str, int],
    managers: Mapping[str, str],
    allow_removal: bool,
) -> Change | None:
    name = " ".join(part for part in (employee.first_name, employee.last_name) if part) or employee.employee_id
    if not employee.active:
        if member is None:
            return None
        return _removal(policy_id, member, f"{name} is inactive in the ERP", allow_removal)
    if not email:
        return _skip(policy_id, employee.employee_id, f"{name} has no e-mail in the ERP: enter it there")
    if emails[email] > 1:
        return _skip(policy_id, email, f"{emails[email]} employees of the ERP have this e-mail: correct all but one")
    manager = managers.get(employee.manager_id or "")
    if not manager:
        return _skip(policy_id, email, f"{name} has no manager with an e-mail in the ERP, which Expensify demands")
    record = {
        "employeeEmail": email,
        "managerEmail": manager,
        "employeeID": employee.employee_id,
        "policyID": policy_id,
        **({"firstName": employee.first_name} if employee.first_name else {}),
        **({"lastName": employee.last_name} if employee.last_name else {}),
    }
    if member is None:
        return Change("employee", "add", policy_id, email, f"{name} is active in the ERP", record)
    differing = [
        label
        for label, theirs, ours in (
            ("e-mail", str(member.get("email", "")).strip().lower(), email),
            ("employee ID", str(member.get("employeeID") or ""), employee.employee_id),
            ("manager", str(member.get("submitsTo") or "").strip().lower(), manager),
        )
        if theirs != ours
    ]
    if not differing:
        return None
    return Change("employee", "change", policy_id, email, f"another {', '.join(differing)} in the ERP", record)


def _removal(policy_id: str, member: Mapping[str, Any], reason: str, allow_removal: bool) -> Change:
    email = str(member.get("email", "")).strip().lower()
    if not allow_removal:
        why = f"{reason}; `reference_data.allow_removal` is off, so nobody is removed"
        return Change("employee", "keep", policy_id, email, why)
    record = {
        "employeeEmail": email,
        "managerEmail": str(member.get("submitsTo") or email),
        "employeeID": str(member.get("employeeID") or ""),
        "policyID": policy_id,
        "isTerminated": True,
    }
    return Change("employee", "remove", policy_id, email, reason, record)


def _skip(policy_id: str, subject: str, reason: str) -> Change:
    return Change("employee", "skip", policy_id, subject, reason)


def refused(changes: Sequence[Change], answer: Mapping[str, Any]) -> list[Change]:
    """The changes that Expensify skipped, with its own reasons (an answer of 200 may hold skipped ones)."""
    reasons = {
        str(entry.get("email", "")).strip().lower(): str(entry.get("reason", ""))
        for entry in answer.get("skippedEmployees") or ()
    }
    return [
        Change("employee", "skip", change.policy_id, change.subject, f"Expensify skipped it: {reasons[change.subject]}")
        for change in changes
        if change.subject in reasons
    ]
