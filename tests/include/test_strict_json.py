"""What two readers could read differently is not read at all."""

from __future__ import annotations

from decimal import Decimal

import pytest

from include import strict_json
from include.strict_json import DEEPEST, NotJson


def test_orderly_json_is_read_without_a_float() -> None:
    body = b'{"value": [{"Amount": 12.50, "No": 7, "Big": 1E+2, "Text": "\\u00e9\\ud83c\\udf55", "No value": null}]}'
    (row,) = strict_json.read(body)["value"]
    assert row == {"Amount": Decimal("12.50"), "No": 7, "Big": Decimal(100), "Text": "é🍕", "No value": None}
    assert isinstance(row["Amount"], Decimal)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_encoding_that_json_knows_is_read(encoding: str) -> None:
    assert strict_json.read('{"a": "Łódź"}'.encode(encoding)) == {"a": "Łódź"}


WRONG = {
    "key twice": b'{"value": [1], "value": []}',
    "key twice inside": b'[{"a": {"b": 1, "b": 1}}]',
    "key twice, written differently": b'{"value": 1, "valu\\u0065": 2}',
    "not a number": b'{"a": NaN}',
    "infinity": b"[Infinity]",
    "minus infinity": b"[-Infinity]",
    "huge exponent": b"[1e999]",
    "tiny exponent": b"[1e-999999999]",
    "absurd exponent": b"[1e999999999999]",
    "five thousand digits": b"[" + b"9" * 5000 + b"]",
    "hundred digits": b"[" + b"9" * 100 + b"]",
    "a hundred thousand levels": b"[" * 100_000 + b"]" * 100_000,
    "a hundred thousand objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "one level too deep": b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
    "half a pair": b'["\\ud800"]',
    "half a pair as a key": b'{"\\udc00": 1}',
    "broken utf-8": b'{"a": "\xff"}',
    "surrogate in utf-8": b'{"a": "\xed\xa0\x80"}',
    "nul": b"\x00",
    "empty": b"",
    "cut": b'{"value": [',
    "two values": b"{} {}",
    "html": b"<html></html>",
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
def test_anything_else_is_not_json(body: bytes) -> None:
    with pytest.raises(NotJson) as caught:
        strict_json.read(body)
    assert len(str(caught.value)) <= 100


def test_as_deep_as_allowed() -> None:
    value = strict_json.read(b"[" * DEEPEST + b"]" * DEEPEST)
    for _ in range(DEEPEST - 1):
        (value,) = value
    assert value == []
