"""Employees of the ERP against the members of a policy.

Expensify identifies a person by employee ID: a known ID with another e-mail renames the account. So an ID or an e-mail that
stands twice is never sent, nor one that would make one account out of two.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.reference_data.changes import Change
from include.reference_data.source import Employee


@dataclass(frozen=True)
class Rules:
    """What the tenant file says. ``default_manager``: who approves for employees whose ERP names nobody."""

    allow_removal: bool = False
    default_manager: str | None = None


def concerned(
    changed: Sequence[Employee], everybody: Sequence[Employee], unresolved: Collection[str]
) -> frozenset[str]:
    """The employee IDs to compare after some have changed.

    Also who reports to one of them (the manager's e-mail is part of their record), who shares an e-mail with one of them, and
    who could not be sent the last time (``unresolved``: e-mails or IDs): what stood in the way may lie with somebody else.
    """
    ids = {one.employee_id for one in changed}
    emails = {_email(one) for one in changed} - {""}
    waiting = {subject.lower() for subject in unresolved}
    return frozenset(
        one.employee_id
        for one in everybody
        if one.employee_id in ids
        or one.manager_id in ids
        or _email(one) in emails
        or {_email(one), one.employee_id.lower()} & waiting
    )


def employee_changes(
    policy_id: str,
    everybody: Sequence[Employee],
    members: Sequence[Mapping[str, Any]],
    rules: Rules,
    only: Collection[str] | None = None,
) -> list[Change]:
    """The difference, one change per person, sorted by subject.

    :param everybody: all employees of the ERP. :param only: the employee IDs to compare; ``None``: everybody, and then members
        that the ERP does not know are told too. :param members: the policy's ``employees`` section: ``email``, ``employeeID``,
        ``submitsTo``, ``role``.
    """
    comparison = _Comparison(policy_id, everybody, members, rules)
    chosen = [one for one in everybody if only is None or one.employee_id in only]
    changes = [change for one in chosen if (change := comparison.change(one)) is not None]
    if only is None:
        changes += comparison.unknown_members()
    return sorted(changes, key=lambda change: (change.subject, change.action))


class _Comparison:
    def __init__(
        self, policy_id: str, everybody: Sequence[Employee], members: Sequence[Mapping[str, Any]], rules: Rules
    ) -> None:
        self._policy_id = policy_id
        self._employees = {one.employee_id: one for one in everybody}
        self._ids = Counter(one.employee_id for one in everybody)
        self._emails: dict[str, list[str]] = defaultdict(list)
        for one in everybody:
            if one.active:
                self._emails[_email(one)].append(one.employee_id)
        self._by_email = {_text(member, "email").lower(): member for member in members}
        self._by_id = {_text(member, "employeeID"): member for member in members if _text(member, "employeeID")}
        self._rules = rules
        # An ERP that shows nobody at all is misread more likely than deserted.
        self._may_remove = rules.allow_removal and any(one.active for one in everybody)

    def change(self, one: Employee) -> Change | None:
        email = _email(one)
        by_email = self._by_email.get(email) if email else None
        by_id = self._by_id.get(one.employee_id)
        member = by_email or by_id
        if self._ids[one.employee_id] > 1:
            return self._skip(one.employee_id, f"the ERP lists the employee ID {one.employee_id} more than once")
        if not one.active:
            # Somebody who came back has an old, inactive record beside the new one.
            if member is None or (email or _text(member, "email").lower()) in self._emails:
                return None
            return self._removal(member, one.employee_id, f"{one.name} is inactive in the ERP")
        if not email:
            return self._without_email(one, by_id)
        having = self._emails[email]
        if len(having) > 1:
            if one.employee_id != having[0]:
                return None  # said once for all of them
            ids = ", ".join(having)
            return self._skip(
                email, f"{len(having)} employees of the ERP have this e-mail ({ids}): correct all but one there"
            )
        if by_email is not None and by_id is not None and by_email is not by_id:
            return self._skip(
                email,
                f"Expensify has the employee ID {one.employee_id} at {_text(by_id, 'email')}: correct it there, else one account "
                "would become the other",
            )
        manager, why_not = self._manager(one, member)
        if manager is None:
            return self._skip(email, why_not)
        return self._compared(one, email, manager, member)

    def unknown_members(self) -> list[Change]:
        emails = {_email(one) for one in self._employees.values()}
        return [
            self._removal(member, "", "the ERP has no such employee")
            for email, member in self._by_email.items()
            if email
            and email not in emails
            and _text(member, "employeeID")
            and _text(member, "employeeID") not in self._employees
            and member.get("role") != "admin"
        ]

    def _compared(self, one: Employee, email: str, manager: str, member: Mapping[str, Any] | None) -> Change | None:
        record = {
            "employeeEmail": email,
            "managerEmail": manager,
            "employeeID": one.employee_id,
            "policyID": self._policy_id,
            **({"firstName": one.first_name} if one.first_name else {}),
            **({"lastName": one.last_name} if one.last_name else {}),
        }
        if member is None:
            return Change("employee", "add", self._policy_id, email, f"{one.name} is active in the ERP", record)
        differing = [
            f"{label} {theirs or 'missing'} becomes {ours}"
            for label, theirs, ours in (
                ("e-mail", _text(member, "email").lower(), email),
                ("employee ID", _text(member, "employeeID"), one.employee_id),
                ("manager", _text(member, "submitsTo").lower(), manager),
            )
            if theirs != ours
        ]
        if not differing:
            return None
        return Change("employee", "change", self._policy_id, email, ", ".join(differing), record)

    def _without_email(self, one: Employee, member: Mapping[str, Any] | None) -> Change | None:
        if one.tells_email:
            known = f"; Expensify knows {_text(member, 'email')}" if member is not None else ""
            return self._skip(one.employee_id, f"{one.name} has no e-mail in the ERP{known}: enter it there")
        if member is not None:
            return None
        return self._skip(
            one.employee_id,
            f"{one.name} is not in the policy, and the ERP's interface tells no e-mails: add the person in Expensify, with the "
            f"employee ID {one.employee_id}",
        )

    def _manager(self, one: Employee, member: Mapping[str, Any] | None) -> tuple[str | None, str]:
        """The manager's e-mail, or the reason why there is none."""
        if not one.manager_id:
            present = _text(member, "submitsTo").lower() if member is not None else ""
            default = present or (self._rules.default_manager or "").strip().lower()
            return default or None, (
                f"the ERP names no manager of {one.name}, and Expensify demands one: name one there, or set "
                "`reference_data.default_manager`"
            )
        manager = self._employees.get(one.manager_id)
        fault = (
            "is not in the ERP's list of employees"
            if manager is None
            else "is inactive in the ERP"
            if not manager.active
            else "has no e-mail in the ERP"
            if not _email(manager)
            else ""
        )
        if manager is None or fault:
            called = f" ({manager.name})" if manager is not None and manager.name != one.manager_id else ""
            return None, f"{one.name}'s manager {one.manager_id}{called} {fault}: correct it there"
        return _email(manager), ""

    def _removal(self, member: Mapping[str, Any], employee_id: str, reason: str) -> Change:
        email = _text(member, "email").lower()
        why_not = ""
        if member.get("role") == "admin":
            why_not = "an admin of the policy is removed by hand only"
        elif not self._rules.allow_removal:
            why_not = "`reference_data.allow_removal` is off, so nobody is removed"
        elif not self._may_remove:
            why_not = "the ERP shows no active employee at all, so nobody is removed"
        if why_not:
            return Change("employee", "keep", self._policy_id, email, f"{reason}; {why_not}")
        record = {
            "employeeEmail": email,
            "managerEmail": _text(member, "submitsTo") or email,
            "employeeID": _text(member, "employeeID") or employee_id,
            "policyID": self._policy_id,
            "isTerminated": True,
        }
        return Change("employee", "remove", self._policy_id, email, reason, record)

    def _skip(self, subject: str, reason: str) -> Change:
        return Change("employee", "skip", self._policy_id, subject, reason)


def refused(sent: Sequence[Change], answer: Mapping[str, Any]) -> list[Change]:
    """Those of the changes that Expensify skipped, with its own reasons (an answer of 200 may hold skipped ones)."""
    reasons = {
        _text(entry, "email").lower(): _text(entry, "reason") or "no reason given"
        for entry in answer.get("skippedEmployees") or ()
    }
    return [
        Change("employee", "skip", change.policy_id, change.subject, f"Expensify skipped it: {reasons[change.subject]}")
        for change in sent
        if change.subject in reasons
    ]


def _email(one: Employee) -> str:
    return (one.email or "").strip().lower()


def _text(values: Mapping[str, Any], name: str) -> str:
    return str(values.get(name) or "").strip()
