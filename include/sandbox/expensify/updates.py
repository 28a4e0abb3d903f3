"""Expensify's `update` jobs: policy sections, report status, employees, tag approvers.

All of them set a state, and several say 200 although part or all of the work was skipped: the answer's lists
tell.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from include.sandbox.expensify.selection import comma_list, state_of
from include.sandbox.expensify.state import JsonObject, Policy, Refusal

__all__ = ["set_reimbursed", "set_tag_approvers", "update_employees", "update_policy"]

_REQUIRED_EMPLOYEE = ("employeeEmail", "managerEmail", "employeeID", "policyID")


def update_policy(policy: Policy, description: JsonObject, csv_text: str | None) -> JsonObject:
    """Change the sections that the request names; a section that is absent stays."""
    changes: list[tuple[str, list[JsonObject]]] = []
    if "categories" in description:
        changes.append(("categories", _merged(policy.categories, _section(description, "categories"))))
    if "tags" in description:
        # Always a full replace: "action":"merge" is accepted and yet deletes the tags that are not listed.
        changes.append(("tags", _tags(_section(description, "tags"), csv_text)))
    if "reportFields" in description:
        changes.append(
            ("report_fields", _merged(policy.report_fields, _section(description, "reportFields")))
        )
    for attribute, rows in changes:
        setattr(policy, attribute, rows)
    return {}


def _section(description: JsonObject, name: str) -> JsonObject:
    section = description[name]
    if not isinstance(section, dict):
        raise Refusal(410, f"'{name}' must be an object")
    return section


def _rows(section: JsonObject) -> list[JsonObject]:
    rows = section.get("data")
    if not isinstance(rows, list) or any(not isinstance(row, dict) or not row.get("name") for row in rows):
        raise Refusal(410, "'data' must be a list of objects that have a name")
    return rows


def _merged(current: list[JsonObject], section: JsonObject) -> list[JsonObject]:
    rows = _rows(section)
    match section.get("action"):
        case "replace":
            return list(rows)
        case "merge":
            merged = {row["name"]: row for row in current}
            for row in rows:
                merged[row["name"]] = {**merged.get(row["name"], {}), **row}
            return list(merged.values())
        case action:
            raise Refusal(410, f"Action '{action}' is not supported")


def _tags(section: JsonObject, csv_text: str | None) -> list[JsonObject]:
    match section.get("source"):
        case "inline":
            return _rows(section)
        case "file":
            if not csv_text:
                raise Refusal(410, "No file submitted")
            config = section.get("config", {})
            if config.get("fileType") != "csv":
                raise Refusal(410, "'fileType' must be csv")
            return _tag_levels(csv_text, header=bool(config.get("header")), codes=bool(config.get("glCodes")))
        case source:
            raise Refusal(410, f"Tag source '{source}' is not supported")


def _tag_levels(text: str, *, header: bool, codes: bool) -> list[JsonObject]:
    # One column per level, or two when GL codes are interleaved; each level lists every name once.
    rows = [row for row in csv.reader(io.StringIO(text)) if any(row)]
    names = rows.pop(0) if header and rows else []
    width, step = max((len(row) for row in rows), default=0), 2 if codes else 1
    levels: list[JsonObject] = []
    for column in range(0, width, step):
        tags: dict[str, JsonObject] = {}
        for row in rows:
            if column < len(row) and row[column]:
                code = row[column + 1] if codes and column + 1 < len(row) else ""
                tags.setdefault(row[column], {"name": row[column], "enabled": True, "glCode": code})
        name = names[column] if column < len(names) else f"Tag {len(levels) + 1}"
        levels.append({"name": name, "tags": list(tags.values())})
    return levels


def set_reimbursed(settings: JsonObject, reports: Mapping[str, JsonObject]) -> JsonObject:
    """Approved reports become Reimbursed, others are listed as skipped; the code is 200 either way."""
    if settings.get("status") != "REIMBURSED":
        raise Refusal(410, f"Status '{settings.get('status')}' is not supported")
    filters = settings.get("filters")
    wanted = comma_list(filters.get("reportIDList")) if isinstance(filters, dict) else None
    if not wanted:
        raise Refusal(410, "'reportIDList' must be specified in 'filters'")
    done: list[str] = []
    skipped: list[JsonObject] = []
    for identity in sorted(wanted & reports.keys()):
        report = reports[identity]
        if state_of(report) == "APPROVED":
            report["status"] = "Reimbursed"
            done.append(identity)
        else:
            skipped.append({"reason": f"Report is in status '{report.get('status')}'", "reportID": identity})
    return {"skippedReports": skipped, "reportIDs": done}


def set_tag_approvers(policy: Policy, description: JsonObject) -> JsonObject:
    """Set or clear ("") the approver of single-level tags."""
    for row in description.get("tagApprovers", []):
        policy.tag_approvers[row["name"]] = row.get("approver", "")
    return {}


def update_employees(description: JsonObject, data: str | None, policies: Mapping[str, Policy]) -> JsonObject:
    """Upsert members by `employeeID`, remove terminated ones; nothing changes when `dry-run` is true."""
    if description.get("dataSource") != "request":
        raise Refusal(410, "'dataSource' must be request")
    if description.get("inputSettings", {}).get("entity") != "generic":
        raise Refusal(410, "'entity' must be generic")
    records = _employee_records(data)
    dry_run = bool(description.get("dry-run", False))
    added: dict[str, list[str]] = {}
    removed: dict[str, list[str]] = {}
    skipped: list[JsonObject] = []
    updated = 0
    for record in records:
        reason = _employee_fault(record, policies)
        if reason:
            skipped.append({"email": record.get("employeeEmail", ""), "reason": reason})
            continue
        policy = policies[record["policyID"]]
        known = _member(policy, record)
        if record.get("isTerminated"):
            if known is not None:
                removed.setdefault(policy.id, []).append(record["employeeEmail"])
                if not dry_run:
                    policy.employees.remove(known)
        else:
            if known is None:
                added.setdefault(policy.id, []).append(record["employeeEmail"])
            if not dry_run:
                _store(policy, known, record)
        updated += 1
    return {
        "dry-run": dry_run,
        "updatedEmployeesCount": updated,
        "diff": {"diffToAdd": added, "diffToRemove": removed},
        "securityGroupEmployeesMap": {},
        "skippedEmployees": skipped,
    }


def _employee_records(data: str | None) -> list[JsonObject]:
    if not data:
        raise Refusal(410, "No data submitted")
    try:
        parsed: Any = json.loads(data)
    except json.JSONDecodeError:
        raise Refusal(410, "Field 'data' is not valid JSON") from None
    records = parsed.get("Employees") if isinstance(parsed, dict) else parsed
    if not isinstance(records, list) or any(not isinstance(record, dict) for record in records):
        raise Refusal(410, "Field 'data' must hold a list of employees")
    grouped = sum(1 for record in records if record.get("domainGroupID"))
    if grouped not in (0, len(records)):
        raise Refusal(410, "'domainGroupID' must be set for all employees or for none")
    return records


def _employee_fault(record: JsonObject, policies: Mapping[str, Policy]) -> str | None:
    for key in _REQUIRED_EMPLOYEE:
        if not record.get(key):
            return f"Missing required field '{key}'"
    if record["policyID"] not in policies:
        return f"No policy found for '{record['policyID']}'"
    if "approvalLimit" in record and not (record.get("overLimitApprover") or record.get("limitApprover")):
        return "'overLimitApprover' is required with 'approvalLimit'"
    return None


def _member(policy: Policy, record: JsonObject) -> JsonObject | None:
    # The employee ID is the identity: a new address under a known ID renames the account.
    for employee in policy.employees:
        if employee.get("employeeID") == record["employeeID"]:
            return employee
    return next((one for one in policy.employees if one.get("email") == record["employeeEmail"]), None)


def _store(policy: Policy, known: JsonObject | None, record: JsonObject) -> None:
    member = known if known is not None else {"role": "user", "customField1": "", "customField2": ""}
    if known is None:
        policy.employees.append(member)
    member["email"] = record["employeeEmail"]
    member["employeeID"] = record["employeeID"]
    member["submitsTo"] = record["managerEmail"]
    member["customField1"] = record.get("customField1") or record["employeeID"]
    # Fields once set cannot be cleared: empty values change nothing.
    for key in ("customField2", "role", "firstName", "lastName", "approvalLimit", "approvesTo"):
        if record.get(key):
            member[key] = record[key]
