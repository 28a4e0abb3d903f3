"""The four operations, their arguments, and what they are called in a REST address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote

Operation = Literal["logon", "logoff", "query", "post"]
Argument = Literal[
    "operator",
    "operator_password",
    "company_id",
    "company_password",
    "user_id",
    "business_object",
    "parameters",
    "document",
]

_PATHS: Mapping[Operation, str] = {
    "logon": "/Logon",
    "logoff": "/Logoff",
    "query": "/Query/Query",
    "post": "/Transaction/Post",
}
_NAMES: Mapping[Argument, str] = {
    "operator": "Operator",
    "operator_password": "OperatorPassword",
    "company_id": "CompanyId",
    "company_password": "CompanyPassword",
    "user_id": "UserId",
    "business_object": "BusinessObject",
    "parameters": "XmlParameters",
    "document": "XmlIn",
}


def target(base_path: str, operation: Operation, arguments: Mapping[Argument, str]) -> str:
    """Path and query of a call, percent-encoded UTF-8: what the server's URL limit counts."""
    pairs = (f"{_NAMES[name]}={quote(value, safe='')}" for name, value in arguments.items())
    return f"{base_path}{_PATHS[operation]}?{'&'.join(pairs)}"
