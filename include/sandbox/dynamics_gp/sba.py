"""The SBA service: JSON over HTTP, strict about members, types and parameters."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

from include.sandbox.dynamics_gp.books import Company, CostCenter, Employee
from include.sandbox.dynamics_gp.handshake import WindowsAccount
from include.sandbox.dynamics_gp.rules import Entry, EntryLine, Finding, check, taken
from include.sandbox.dynamics_gp.sba_rows import account_row, center_row, employee_row, journal_row, period_row
from include.sandbox.stage import Answer, json_answer

__all__ = ["SbaRequest", "SbaService"]

_PATH = re.compile(
    r"/GPService/Tenants\((?P<tenant>[^)]*)\)/(?:help|Companies(?:\((?P<company>[^)]*)\)"
    r"/(?P<series>\w+)/(?P<resource>\w+)(?:\((?P<key>[^)]*)\))?)?)"
)
_RESOURCES = {
    "Accounts": "Financial",
    "CostCenters": "Financial",
    "FiscalPeriods": "Financial",
    "Batches": "Financial",
    "JournalEntries": "Financial",
    "Employees": "HumanResources",
}
_COMMON = {"ModifiedDateFrom", "ModifiedDateTo", "Top", "Skip"}
_PARAMETERS: dict[str, set[str]] = {
    "Accounts": {"IsActive", "AccountNumberPrefix", *_COMMON},
    "CostCenters": _COMMON,
    "FiscalPeriods": {"Date", "Year"},
    "Batches": set(),
    "JournalEntries": {"Reference", "BatchId", "State", "TransactionDate", *_COMMON},
    "Employees": _COMMON,
}
_HEADER = {"BatchId", "Reference", "TransactionDate", "SourceDocument", "CurrencyId", "Lines"}
_LINE = {"AccountNumber", "DebitAmount", "CreditAmount", "Description", "SequenceNumber"}
_LENGTHS = {"Description": 30, "FirstName": 15, "LastName": 20, "Email": 80, "Department": 6}
_STATUS = {"BatchUnavailable": 409, "FieldTooLong": 400, "MissingField": 400, "InvalidAmount": 400}
_LONGEST = 1_000_000


class _Site(Protocol):
    companies: dict[int, Company]
    tenant: str


class _Refused(Exception):
    def __init__(self, status: int, code: str, text: str = "", field: str = "") -> None:
        super().__init__(code)
        self.status = status
        self.findings = [Finding(code, text or code, field)]


class _Number(str):
    """A JSON number as it was written."""


@dataclass(frozen=True)
class SbaRequest:
    """A request as far as its address tells."""

    method: str
    target: str
    content_type: str
    accept: str
    body: bytes

    @property
    def operation(self) -> str:
        """Method and resource, for faults and the record: `GET JournalEntries`, `GET JournalEntries()` for one."""
        found = _PATH.fullmatch(self.target.partition("?")[0])
        resource = (found and found["resource"]) or "Companies"
        return f"{self.method} {resource}{'()' if found and found['key'] is not None else ''}"


class SbaService:
    """Runs requests for an account that has come in."""

    def __init__(self, site: _Site) -> None:
        self._site = site

    def run(self, request: SbaRequest, account: WindowsAccount) -> Answer:
        """Carry a request out."""
        try:
            status, payload, headers = self._run(request, account)
        except _Refused as refused:
            return _refusal(refused.status, refused.findings)
        answer = json_answer({"Status": _status(status), "Payload": payload}, status)
        return Answer(answer.body, status, {**answer.headers, **headers})

    def _run(self, request: SbaRequest, account: WindowsAccount) -> tuple[int, Any, dict[str, str]]:
        path, _, query = request.target.partition("?")
        found = _PATH.fullmatch(path)
        if "application/json" not in request.accept:
            raise _Refused(406, "MediaType")
        if found is None:
            raise _Refused(404, "UnknownResource")
        if unquote(found["tenant"]) != self._site.tenant:
            raise _Refused(404, "TenantNotFound")
        if not account.gp_user:
            raise _Refused(403, "NotMapped", "The Windows account is not mapped to a user of Dynamics GP.")
        if found["company"] is None:
            rows = [{"Name": one.name, "CompanyId": one.id} for one in self._site.companies.values()]
            return 200, _page(rows, {}), {}
        company = next((one for one in self._site.companies.values() if one.name == unquote(found["company"])), None)
        if company is None:
            raise _Refused(404, "CompanyNotFound", "The company does not exist.")
        if not account.may_use(company.id):
            raise _Refused(403, "CompanyAccess", "The user has no access to this company.")
        if _RESOURCES.get(found["resource"]) != found["series"]:
            raise _Refused(404, "UnknownResource")
        key = unquote(found["key"]) if found["key"] is not None else None
        return self._resource(company, request, found["resource"], key, query, path)

    def _resource(
        self, company: Company, request: SbaRequest, resource: str, key: str | None, query: str, path: str
    ) -> tuple[int, Any, dict[str, str]]:
        if request.method == "GET":
            values = dict(parse_qsl(query, keep_blank_values=True))
            unknown = sorted(set(values) - (_PARAMETERS[resource] if key is None else set()))
            if unknown:
                raise _Refused(400, "InvalidParameter", f"The parameter {unknown[0]} is unknown.", unknown[0])
            if key is not None:
                return 200, self._one(company, resource, key), {}
            rows = self._rows(company, resource, values)
            return 200, _page(rows, values if "Top" in _PARAMETERS[resource] else {"Top": "500"}), {}
        if request.method == "POST" and resource == "JournalEntries" and key is None:
            number = self._post(company, _content(request))
            journal = company.journal(number)
            return 201, journal_row(journal, lines=True), {"Location": f"{path}({number})"}
        if request.method == "PUT" and resource in ("CostCenters", "Employees") and key is not None:
            return self._put(company, resource, key, _content(request))
        raise _Refused(405, "MethodNotAllowed")

    def _rows(self, company: Company, resource: str, values: Mapping[str, str]) -> list[dict[str, Any]]:
        since, until = (_moment(values, name) for name in ("ModifiedDateFrom", "ModifiedDateTo"))

        def changed(moment: datetime) -> bool:
            return (since is None or moment >= since) and (until is None or moment <= until)

        if resource == "Accounts":
            active = values.get("IsActive")
            if active not in (None, "true", "false"):
                raise _Refused(400, "InvalidParameter", field="IsActive")
            prefix = values.get("AccountNumberPrefix", "").upper()
            return [
                account_row(one, company)
                for code, one in sorted(company.accounts.items())
                if code.startswith(prefix) and active in (None, str(one.active).lower()) and changed(one.modified)
            ]
        if resource == "CostCenters":
            return [center_row(one) for _, one in sorted(company.cost_centers.items()) if changed(one.modified)]
        if resource == "Employees":
            return [employee_row(one) for _, one in sorted(company.employees.items()) if changed(one.modified)]
        if resource == "FiscalPeriods":
            day = _day(values["Date"], "InvalidParameter", "Date") if "Date" in values else None
            return [
                period_row(one)
                for one in sorted(company.periods, key=lambda one: one.first_day)
                if (day is None or one.first_day <= day <= one.last_day)
                and values.get("Year", str(one.year)) == str(one.year)
            ]
        if resource == "Batches":
            return [self._batch(company, name) for name in sorted({one.batch for one in company.journals if one.batch})]
        asked = {name: values[name] for name in ("Reference", "BatchId", "State", "TransactionDate") if name in values}
        rows = [journal_row(one) for one in company.journals if not company.hidden and changed(one.modified)]
        return [row for row in rows if all(row[name] == value for name, value in asked.items())]

    def _one(self, company: Company, resource: str, key: str) -> dict[str, Any]:
        found: dict[str, Any] | None = None
        if resource == "Accounts" and key.upper() in company.accounts:
            found = account_row(company.accounts[key.upper()], company)
        elif resource == "CostCenters" and key.upper() in company.cost_centers:
            found = center_row(company.cost_centers[key.upper()])
        elif resource == "Employees" and key.upper() in company.employees:
            found = employee_row(company.employees[key.upper()])
        elif resource == "Batches" and any(one.batch == key for one in company.journals):
            found = self._batch(company, key)
        elif resource == "JournalEntries":
            found = next((journal_row(one, lines=True) for one in company.journals if str(one.number) == key), None)
        if found is None:
            raise _Refused(404, "NotFound", f"{resource} has no {key}.")
        return found

    def _batch(self, company: Company, name: str) -> dict[str, Any]:
        return {
            "BatchId": name,
            "Source": "GL_Normal",
            "Status": "Posting" if name in company.busy_batches else "Available",
            "TransactionCount": sum(one.batch == name for one in company.journals),
        }

    def _post(self, company: Company, content: dict[str, Any]) -> int:
        _known(content, _HEADER, "")
        for name in ("BatchId", "Reference", "TransactionDate", "Lines"):
            if not content.get(name):
                raise _Refused(400, "MissingField", f"{name} is required.", name)
        texts = {name: _text(content, name, "") for name in ("BatchId", "Reference", "SourceDocument", "CurrencyId")}
        if not isinstance(content["Lines"], list):
            raise _Refused(400, "MalformedJson", "Lines is no array.", "Lines")
        lines = []
        for at, line in enumerate(content["Lines"]):
            where = f"Lines[{at}]"
            if not isinstance(line, dict):
                raise _Refused(400, "MalformedJson", f"{where} is no object.", where)
            _known(line, _LINE, where)
            if not line.get("AccountNumber"):
                raise _Refused(400, "MissingField", "AccountNumber is required.", f"{where}.AccountNumber")
            sequence = line.get("SequenceNumber", _Number(str((at + 1) * 16384)))
            if not isinstance(sequence, _Number) or not sequence.isdecimal():
                raise _Refused(400, "InvalidParameter", "SequenceNumber is no whole number.", f"{where}.SequenceNumber")
            lines.append(
                EntryLine(
                    int(sequence),
                    _text(line, "AccountNumber", where),
                    _amount(line, "DebitAmount", where),
                    _amount(line, "CreditAmount", where),
                    _text(line, "Description", where),
                )
            )
        day = _day(_text(content, "TransactionDate", ""), "InvalidDate", "TransactionDate")
        entry = Entry(
            day,
            texts["BatchId"],
            texts["Reference"],
            tuple(lines),
            source_document=texts["SourceDocument"] or "GJ",
            currency=texts["CurrencyId"],
        )
        findings = check(company, entry)
        if findings:
            refused = _Refused(max(_STATUS.get(one.code, 422) for one in findings), findings[0].code)
            refused.findings = findings
            if any(one.code == "BatchUnavailable" for one in findings) and len(findings) == 1:
                refused.status = 409
            raise refused
        return taken(company, entry)

    def _put(
        self, company: Company, resource: str, key: str, content: dict[str, Any]
    ) -> tuple[int, Any, dict[str, str]]:
        for name, length in _LENGTHS.items():
            if len(_text(content, name, "")) > length:
                raise _Refused(400, "FieldTooLong", f"{name} has more than {length} characters.", name)
        if resource == "CostCenters":
            _known(content, {"Description", "IsActive"}, "")
            new = key.upper() not in company.cost_centers
            center = CostCenter(key, _text(content, "Description", ""), _yes(content, "IsActive"), company.now())
            company.cost_centers[key.upper()] = center
            return 201 if new else 200, center_row(center), {}
        _known(content, {"FirstName", "LastName", "Email", "Department", "CostCenter", "IsActive"}, "")
        names = ("FirstName", "LastName", "Email", "Department", "CostCenter")
        first, last, email, department, cost_center = (_text(content, name, "") for name in names)
        if cost_center and cost_center.upper() not in company.cost_centers:
            raise _Refused(422, "CostCenterNotFound", f"There is no cost center {cost_center}.", "CostCenter")
        new = key.upper() not in company.employees
        employee = Employee(key, first, last, email, department, cost_center, _yes(content, "IsActive"), company.now())
        company.add_employee(employee)
        return 201 if new else 200, employee_row(employee), {}


def _content(request: SbaRequest) -> dict[str, Any]:
    if len(request.body) > _LONGEST:
        raise _Refused(413, "TooLarge")
    if request.content_type.replace(" ", "").lower() != "application/json;charset=utf-8":
        raise _Refused(415, "MediaType")
    try:
        content = json.loads(request.body, parse_float=_Number, parse_int=_Number)
    except ValueError:
        raise _Refused(400, "MalformedJson", "The body is not JSON.") from None
    if not isinstance(content, dict):
        raise _Refused(400, "MalformedJson", "The body is no object.")
    return content


def _known(content: Mapping[str, Any], names: set[str], where: str) -> None:
    unknown = sorted(set(content) - names)
    if unknown:
        raise _Refused(
            400, "UnknownField", f"{unknown[0]} is unknown or read-only.", f"{where}.{unknown[0]}".strip(".")
        )


def _text(content: Mapping[str, Any], name: str, where: str) -> str:
    value = content.get(name, "")
    if not isinstance(value, str) or isinstance(value, _Number):
        raise _Refused(400, "InvalidParameter", f"{name} is no text.", f"{where}.{name}".strip("."))
    return value


def _yes(content: Mapping[str, Any], name: str) -> bool:
    value = content.get(name, True)
    if not isinstance(value, bool):
        raise _Refused(400, "InvalidParameter", f"{name} is neither true nor false.", name)
    return value


def _amount(line: Mapping[str, Any], name: str, where: str) -> Decimal:
    value = line.get(name)
    if value is None:
        raise _Refused(400, "MissingField", f"{name} is required.", f"{where}.{name}")
    if not isinstance(value, _Number) or not re.fullmatch(r"\d+(\.\d{1,2})?", value):
        raise _Refused(400, "InvalidAmount", f"{name} is no amount with at most two decimals.", f"{where}.{name}")
    return Decimal(value)


def _day(text: str, code: str, field: str) -> date:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise _Refused(400, code, f"{field} is no date.", field) from None


def _moment(values: Mapping[str, str], name: str) -> datetime | None:
    if name not in values:
        return None
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", values[name]):
        raise _Refused(400, "InvalidParameter", f"{name} is no UTC time.", name)
    return datetime.fromisoformat(values[name])


def _page(rows: list[dict[str, Any]], values: Mapping[str, str]) -> dict[str, Any]:
    top, skip = values.get("Top", "100"), values.get("Skip", "0")
    if not top.isdecimal() or not 1 <= int(top) <= 500 or not skip.isdecimal():
        raise _Refused(400, "InvalidParameter", "Top is 1 to 500, Skip a whole number.", "Top")
    end = int(skip) + int(top)
    return {
        "Items": rows[int(skip) : end],
        "TotalCount": len(rows),
        "NextSkip": end if end < len(rows) else None,
    }


def _status(code: int) -> dict[str, Any]:
    return {"Code": code, "CorrelationId": str(uuid.uuid4())}


def _refusal(status: int, findings: list[Finding]) -> Answer:
    messages = [{"Level": "Error", "Code": one.code, "Text": one.text, "Field": one.field} for one in findings]
    return json_answer({"Status": _status(status), "Messages": messages}, status)
