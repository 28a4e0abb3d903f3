"""JSON of a server that is not trusted: what two readers could read differently is not read at all.

A key that occurs twice, a number no amount can be, nesting without end: Python's own reader takes the last key, makes an
infinity of ``1e999`` and leaves its recursion limit to the caller. An answer whose rows stand under a key that comes again,
empty, would then say "not there", and what is not there is created.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NoReturn

DEEPEST = 64
"""Levels of nesting. The deepest honest answer has about ten."""
_LONGEST_NUMBER = 60
_LARGEST_EXPONENT = 40


class NotJson(ValueError):
    """The text is not JSON, or not such that every reader reads the same."""


def read(body: bytes, *, exact: bool = True) -> Any:
    """The value; numbers with a fraction or an exponent as :class:`~decimal.Decimal`.

    :param exact: false makes them floats, for a system whose amounts are texts: a float is then what its reader refuses.
    :raises NotJson: it is none, or it is ambiguous, too deep or holds a number of an absurd size.
    """
    try:
        text = body.decode(json.detect_encoding(body))
        # Python's reader takes a byte order mark in front for an error.
        value = (_EXACT if exact else _FLOATING).decode(text.removeprefix("\ufeff"))
        if "\\u" in text:
            # Half a surrogate pair is a text that can be neither stored nor sent.
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except RecursionError:
        raise NotJson(f"nested more than {DEEPEST} levels deep") from None
    except ValueError as error:
        raise NotJson(str(error)[:100]) from None
    if body.count(b"[") + body.count(b"{") > DEEPEST:
        _limit_depth(value)
    return value


def _limit_depth(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise NotJson(f"nested more than {DEEPEST} levels deep")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("a key occurs twice in one object")
    return found


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if len(text) > _LONGEST_NUMBER or abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise NotJson("a number of an absurd size")
    return number


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise NotJson("a number of an absurd size")
    return int(text)


def _constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is no number")


def _decoder(number: Callable[[str], Decimal | float]) -> json.JSONDecoder:
    return json.JSONDecoder(parse_float=number, parse_int=_whole, parse_constant=_constant, object_pairs_hook=_object)


_EXACT = _decoder(_number)
_FLOATING = _decoder(lambda text: float(_number(text)))
