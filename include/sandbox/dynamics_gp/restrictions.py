"""The criteria of list operations, applied to rows as SQL Server would."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["boolean_fits", "moment_fits", "text_fits", "word_fits"]

Criteria = Mapping[str, Any] | None


def text_fits(value: str, restriction: Criteria) -> bool:
    """A text, compared without case."""
    if not restriction:
        return True
    one = value.upper()
    given = {name: text for name, text in restriction.items() if name and text not in (None, "")}
    listed = given.pop("Items", None)
    asked = {name: str(text).upper() for name, text in given.items()}
    return (
        ("EqualValue" not in asked or one == asked["EqualValue"])
        and ("NotEqualValue" not in asked or one != asked["NotEqualValue"])
        and (listed is None or one in [str(item).upper() for item in listed.get("string", [])])
        and ("From" not in asked or one >= asked["From"])
        and ("To" not in asked or one <= asked["To"])
        and ("GreaterThan" not in asked or one > asked["GreaterThan"])
        and ("LessThan" not in asked or one < asked["LessThan"])
        and ("Like" not in asked or _like(asked["Like"]).fullmatch(one) is not None)
    )


def moment_fits(value: datetime, restriction: Criteria) -> bool:
    """A time, without a zone (UTC for times of change)."""
    if not restriction:
        return True
    asked = {
        name: _moment(text) for name, text in restriction.items() if name and isinstance(text, str) and name != "Items"
    }
    listed = restriction.get("Items")
    return (
        ("EqualValue" not in asked or value == asked["EqualValue"])
        and ("NotEqualValue" not in asked or value != asked["NotEqualValue"])
        and (not listed or value in [_moment(text) for text in listed.get("dateTime", []) if text])
        and ("From" not in asked or value >= asked["From"])
        and ("To" not in asked or value <= asked["To"])
        and ("GreaterThan" not in asked or value > asked["GreaterThan"])
        and ("LessThan" not in asked or value < asked["LessThan"])
    )


def word_fits(value: str, restriction: Criteria, item: str) -> bool:
    """A value of an enumeration; `item` names the elements of its list."""
    if not restriction:
        return True
    equal, different, listed = (restriction.get(name) for name in ("EqualValue", "NotEqualValue", "Items"))
    return (
        (equal is None or value == equal)
        and (different is None or value != different)
        and (not listed or value in listed.get(item, []))
    )


def boolean_fits(value: bool, restriction: Criteria) -> bool:
    """A yes or no."""
    if not restriction:
        return True
    equal, different = restriction.get("EqualValue"), restriction.get("NotEqualValue")
    return (equal is None or value == (equal in ("true", "1"))) and (
        different is None or value != (different in ("true", "1"))
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _like(pattern: str) -> re.Pattern[str]:
    parts = re.findall(r"\[.\]|.", pattern, re.S)
    return re.compile(
        "".join(
            ".*" if part == "%" else "." if part == "_" else re.escape(part[1] if len(part) == 3 else part)
            for part in parts
        ),
        re.S,
    )
