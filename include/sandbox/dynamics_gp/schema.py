"""The types of the legacy SOAP endpoint and a strict reader for them.

A real server loses an element that is out of order or in another namespace without a word; this one refuses it, so that a
client's mistake shows. Absent elements are defaults, as on a real server.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lxml import etree

__all__ = ["DYN", "GP", "OPERATIONS", "Malformed", "read"]

GP = "http://schemas.microsoft.com/dynamics/gp/2006/01"
DYN = "http://schemas.microsoft.com/dynamics/2006/01"
SEC = "http://schemas.microsoft.com/dynamics/security/2006/01"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SPACES = {"gp": GP, "dyn": DYN, "sec": SEC}

_LIKE = "LikeRestrictionOfString"
_DATES = "BetweenRestrictionOfNullableOfDateTime"
_INTS = "BetweenRestrictionOfNullableOfInt32"

# name: (base, abstract, members). A member's mark: ! required, ~ nillable, * repeated and nillable.
_TYPES: dict[str, tuple[str, bool, str]] = {
    "dyn:Key": ("", True, ""),
    "dyn:OrganizationKey": ("dyn:Key", True, ""),
    "dyn:CompanyKey": ("dyn:OrganizationKey", False, "Id:int!"),
    "dyn:Context": (
        "",
        False,
        "WorkOnBehalfOf:string OrganizationKey:dyn:OrganizationKey CultureName:string CurrencyType:dyn:CurrencyType! "
        "RoleKey:sec:RoleKey TenantName:string",
    ),
    "sec:RoleKey": ("dyn:Key", False, "Id:guid!"),
    "gp:BusinessObject": ("", True, "Extensions:gp:ExtensionList"),
    "gp:ExtensionList": ("", False, ""),
    "gp:GreatPlainsKey": ("dyn:Key", True, "CompanyKey:dyn:CompanyKey"),
    "gp:ReferenceKey": ("gp:GreatPlainsKey", True, ""),
    "gp:TransactionKey": ("gp:GreatPlainsKey", True, ""),
    "gp:BatchKey": ("gp:ReferenceKey", False, "Source:string Id:string CreatedDateTime:dateTime~"),
    "gp:CurrencyKey": ("gp:ReferenceKey", False, "ISOCode:string"),
    "gp:SourceDocumentKey": ("gp:ReferenceKey", False, "Id:string"),
    "gp:GLAccountNumberKey": ("gp:ReferenceKey", False, "Id:string IsEncrypted:boolean!"),
    "gp:GLTransactionKey": ("gp:TransactionKey", False, "JournalId:int! Date:dateTime!"),
    "gp:GLTransactionLineKey": ("dyn:Key", False, "TransactionKey:gp:GLTransactionKey SequenceNumber:int!"),
    "gp:Amount": ("", True, ""),
    "gp:MoneyAmount": ("gp:Amount", False, "Currency:string Value:decimal! DecimalDigits:int!"),
    "gp:GLIntercompany": ("", False, "Key:dyn:CompanyKey OriginalJournalId:int~"),
    "gp:GLOriginatingDocument": ("", False, "AuditTrailCode:string PostedDate:dateTime~ Series:string~"),
    "gp:GLTransaction": (
        "gp:BusinessObject",
        False,
        "Key:gp:GLTransactionKey BatchKey:gp:BatchKey CurrencyKey:gp:CurrencyKey Lines:gp:ArrayOfGLTransactionLine "
        "Reference:string SourceDocumentKey:gp:SourceDocumentKey ExchangeRate:decimal~ ExchangeDate:dateTime~ "
        "LedgerType:gp:GLLedgerType~ AuditTrailCode:string Intercompany:gp:GLIntercompany IsVoided:boolean~ "
        "ModifiedBy:string ModifiedDate:dateTime~ OriginatingDocument:gp:GLOriginatingDocument PostedBy:string "
        "TransactionState:gp:GLTransactionState~",
    ),
    "gp:ArrayOfGLTransactionLine": ("", False, "GLTransactionLine:gp:GLTransactionLine*"),
    "gp:GLTransactionLine": (
        "gp:BusinessObject",
        False,
        "Key:gp:GLTransactionLineKey CreditAmount:gp:Amount DebitAmount:gp:Amount Description:string "
        "GLAccountKey:gp:GLAccountNumberKey ExchangeRate:decimal~ ExchangeDate:dateTime~ "
        "IntercompanyKey:dyn:CompanyKey",
    ),
    "gp:ArrayOfString": ("", False, "string:string*"),
    "gp:ArrayOfNullableOfDateTime": ("", False, "dateTime:dateTime*"),
    "gp:ArrayOfNullableOfInt32": ("", False, "int:int*"),
    "gp:ArrayOfStates": ("", False, "GLTransactionState:gp:GLTransactionState*"),
    "gp:ArrayOfLedgers": ("", False, "GLLedgerType:gp:GLLedgerType*"),
    "gp:ArrayOfSummaryTypes": ("", False, "GLAccountSummaryType:gp:GLAccountSummaryType*"),
    f"gp:{_LIKE}": (
        "",
        False,
        "EqualValue:string NotEqualValue:string Items:gp:ArrayOfString From:string To:string GreaterThan:string "
        "LessThan:string Like:string",
    ),
    f"gp:{_DATES}": (
        "",
        False,
        "EqualValue:dateTime~ NotEqualValue:dateTime~ Items:gp:ArrayOfNullableOfDateTime From:dateTime~ To:dateTime~ "
        "GreaterThan:dateTime~ LessThan:dateTime~",
    ),
    f"gp:{_INTS}": (
        "",
        False,
        "EqualValue:int~ NotEqualValue:int~ Items:gp:ArrayOfNullableOfInt32 From:int~ To:int~ GreaterThan:int~ "
        "LessThan:int~",
    ),
    "gp:RestrictionOfNullableOfBoolean": ("", False, "EqualValue:boolean~ NotEqualValue:boolean~"),
    "gp:StateRestriction": (
        "",
        False,
        "EqualValue:gp:GLTransactionState~ NotEqualValue:gp:GLTransactionState~ Items:gp:ArrayOfStates",
    ),
    "gp:LedgerRestriction": (
        "",
        False,
        "EqualValue:gp:GLLedgerType~ NotEqualValue:gp:GLLedgerType~ Items:gp:ArrayOfLedgers",
    ),
    "gp:SummaryTypeRestriction": (
        "",
        False,
        "EqualValue:gp:GLAccountSummaryType~ NotEqualValue:gp:GLAccountSummaryType~ Items:gp:ArrayOfSummaryTypes",
    ),
    "gp:GLAccountCriteria": (
        "",
        False,
        f"CreatedDate:gp:{_DATES} ModifiedDate:gp:{_DATES} IsActive:gp:RestrictionOfNullableOfBoolean "
        f"GLAccountId:gp:{_LIKE} Description:gp:{_LIKE} Alias:gp:{_LIKE} AccountType:gp:SummaryTypeRestriction",
    ),
    "gp:GLTransactionCriteria": (
        "",
        False,
        f"CurrencyISOCode:gp:{_LIKE} Date:gp:{_DATES} ModifiedDate:gp:{_DATES} JournalId:gp:{_LIKE} BatchId:gp:{_LIKE} "
        f"FiscalYear:gp:{_INTS} RecurringTransactionSequence:gp:{_INTS} SourceDocumentId:gp:{_LIKE} "
        "TransactionState:gp:StateRestriction LedgerType:gp:LedgerRestriction",
    ),
    "gp:GLAccountFormatCriteria": ("", False, ""),
    "gp:EmployeeCriteria": (
        "",
        False,
        f"EmployeeKeyId:gp:{_LIKE} FamilyName:gp:{_LIKE} GivenName:gp:{_LIKE} EmployeeClassId:gp:{_LIKE} "
        f"PositionId:gp:{_LIKE}",
    ),
    "gp:Policy": ("", False, "Key:gp:PolicyKey Behaviors:gp:ArrayOfBehavior Name:string RootBusinessObjectName:string"),
    "gp:PolicyKey": ("dyn:Key", False, "Id:guid!"),
    "gp:ArrayOfBehavior": ("", False, "Behavior:gp:Behavior*"),
    "gp:Behavior": (
        "",
        False,
        "Key:gp:BehaviorKey Name:string Description:string Internal:boolean~ Options:gp:ArrayOfBehaviorOption "
        "SelectedOption:gp:BehaviorOption",
    ),
    "gp:BehaviorKey": ("dyn:Key", False, "PolicyKey:gp:PolicyKey Id:guid!"),
    "gp:ArrayOfBehaviorOption": ("", False, "BehaviorOption:gp:BehaviorOption*"),
    "gp:BehaviorOption": ("", False, "Key:gp:BehaviorOptionKey Name:string Description:string"),
    "gp:BehaviorOptionKey": ("dyn:Key", False, "BehaviorKey:gp:BehaviorKey Id:int!"),
}

OPERATIONS: dict[str, str] = {
    "CreateGLTransaction": "glTransaction:gp:GLTransaction context:dyn:Context policy:gp:Policy",
    "GetGLTransactionByKey": "key:gp:GLTransactionKey context:dyn:Context",
    "GetGLTransactionList": "criteria:gp:GLTransactionCriteria context:dyn:Context",
    "GetGLAccountByKey": "key:gp:GLAccountNumberKey context:dyn:Context",
    "GetGLAccountList": "criteria:gp:GLAccountCriteria context:dyn:Context",
    "GetPolicyByOperation": "operation:string context:dyn:Context",
    "GetLoggedValidationResultByKey": "logId:guid! context:dyn:Context",
    "GetCompanyByKey": "key:dyn:CompanyKey context:dyn:Context",
    "GetGLAccountFormatList": "criteria:gp:GLAccountFormatCriteria context:dyn:Context",
    "GetEmployeeList": "criteria:gp:EmployeeCriteria context:dyn:Context",
}


def _words(*words: str) -> Callable[[str], bool]:
    return lambda text: text in words


_SIMPLE: dict[str, Callable[[str], bool]] = {
    "string": lambda text: True,
    "int": lambda text: re.fullmatch(r"-?\d{1,10}", text, re.ASCII) is not None,
    "boolean": _words("true", "false", "0", "1"),
    # Exponents and thousands separators are no xs:decimal.
    "decimal": lambda text: re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII) is not None,
    "dateTime": lambda text: (
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", text, re.ASCII) is not None
    ),
    "guid": lambda text: re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text) is not None,
    "dyn:CurrencyType": _words("Local", "Transactional"),
    "gp:GLLedgerType": _words("Base", "IFRS", "Local"),
    "gp:GLTransactionState": _words("Work", "Open", "History"),
    "gp:GLAccountSummaryType": _words("Posting", "Unit", "Fixed Allocation", "Variable Allocation"),
}


class Malformed(Exception):
    """The request does not fit the schema."""


@dataclass(frozen=True)
class _Member:
    name: str
    space: str
    type: str
    nillable: bool
    repeated: bool


def read(call: etree._Element, operation: str) -> dict[str, Any]:
    """The arguments of an operation: nested dicts of text, lists for what repeats, None for nil.

    :raises Malformed: an element is unknown, out of order, in another namespace, of another type or not nillable.
    """
    return _members(call, _parsed(OPERATIONS[operation], GP), operation)


def _members(parent: etree._Element, members: list[_Member], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    at = 0
    for element in parent:
        if not isinstance(element.tag, str):
            continue
        name = etree.QName(element)
        while at < len(members) and (members[at].space, members[at].name) != (name.namespace, name.localname):
            at += 1
        if at == len(members):
            raise Malformed(f"the element {name.text} is not expected at this place of {where}")
        member = members[at]
        value = _value(element, member, f"{where}/{member.name}")
        if member.repeated:
            found.setdefault(member.name, []).append(value)
        else:
            found[member.name] = value
            at += 1
    return found


def _value(element: etree._Element, member: _Member, where: str) -> Any:
    if element.get(f"{{{_XSI}}}nil") in ("true", "1"):
        if not member.nillable:
            raise Malformed(f"{where} must not be nil")
        return None
    if member.type in _SIMPLE:
        text = element.text or ""
        if len(element) or not _SIMPLE[member.type](text if member.type == "string" else text.strip()):
            raise Malformed(f"{where}: {text[:40]!r} is no {member.type}")
        return text if member.type == "string" else text.strip()
    actual = _actual(element, member.type, where)
    return {"": actual, **_members(element, _all_members(actual), where)}


def _actual(element: etree._Element, declared: str, where: str) -> str:
    named = element.get(f"{{{_XSI}}}type")
    if named is None:
        if _TYPES[declared][1]:
            raise Malformed(f"{where}: the type {declared} is abstract, xsi:type is missing")
        return declared
    prefix, _, name = named.rpartition(":")
    space = element.nsmap.get(prefix or None)
    actual = next((f"{short}:{name}" for short, uri in _SPACES.items() if uri == space), "")
    up = actual
    while up and up != declared:
        up = _TYPES.get(up, ("", False, ""))[0]
    if not up or actual not in _TYPES or _TYPES[actual][1]:
        raise Malformed(f"{where}: {named} is no type that fits {declared}")
    return actual


def _all_members(name: str) -> list[_Member]:
    base, _, own = _TYPES[name]
    # An element takes the namespace of the type that declares it.
    space = _SPACES[name.partition(":")[0]]
    return (_all_members(base) if base else []) + _parsed(own, space)


def _parsed(text: str, space: str) -> list[_Member]:
    found = []
    for word in text.split():
        name, _, kind = word.partition(":")
        mark = kind[-1] if kind[-1] in "!~*" else ""
        found.append(_Member(name, space, kind.rstrip("!~*"), mark in ("~", "*"), mark == "*"))
    return found
