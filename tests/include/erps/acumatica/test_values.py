import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.erps.acumatica import values
from include.erps.acumatica.values import Money, Unreadable


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_cents_survive_the_wire(cents: int) -> None:
    sent = values.written(values.wrapped({"Amount": Money(cents)}))
    assert values.cents_of(values.read(sent.encode()), "Amount") == cents
    assert json.loads(sent, parse_float=Decimal)["Amount"]["value"] == Decimal(cents) / 100


@pytest.mark.parametrize(
    ("cents", "text"), [(0, "0.00"), (1, "0.01"), (-1, "-0.01"), (-101, "-1.01"), (123456789012345, "1234567890123.45")]
)
def test_money_is_written_with_two_decimals(cents: int, text: str) -> None:
    assert values.written({"x": Money(cents)}) == f'{{"x":{text}}}'


def test_only_fields_are_wrapped() -> None:
    sent = values.wrapped({"A": "x", "B": 1, "C": True, "D": None, "Details": [{"E": {"value": "y"}}]})
    assert json.loads(values.written(sent)) == {
        "A": {"value": "x"}, "B": {"value": 1}, "C": {"value": True}, "D": {"value": None},
        "Details": [{"E": {"value": "y"}}],
    }  # fmt: skip


@pytest.mark.parametrize("text", ['say "hi"', "line\nbreak", "東 €", "back\\slash", "</script>", "\u2028"])
def test_texts_survive_the_wire(text: str) -> None:
    assert values.value_of(values.read(values.written(values.wrapped({"T": text})).encode()), "T") == text


def test_an_empty_field_has_no_value() -> None:
    record = {"A": {}, "B": {"value": None}, "C": "bare", "D": {"value": "  x "}}
    assert [values.value_of(record, name) for name in "ABCE"] == [None] * 4
    assert (values.text_of(record, "A"), values.text_of(record, "D")) == ("", "x")
    assert values.cents_of(record, "A") is None
    assert values.day_of(record, "A") is None
    assert values.truth_of({"Y": {"value": "true"}}, "Y") is None


@pytest.mark.parametrize(
    ("text", "cents"),
    [("12.3400", 1234), ("12.34", 1234), ("12", 1200),
        ("1.2e1", 1200), ("12.3401", 1235), ("-12.3401", -1235), ('"12.34"', 1234)],
)  # fmt: skip
def test_amounts(text: str, cents: int) -> None:
    assert values.cents_of(values.read(f'{{"A":{{"value":{text}}}}}'.encode()), "A") == cents


@pytest.mark.parametrize("text", ['"x"', "true", "[]", '"NaN"', '"Infinity"', '"1e999999"', '"1e-999999"', '"1e40"'])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(Unreadable):
        values.cents_of(values.read(f'{{"A":{{"value":{text}}}}}'.encode()), "A")


@pytest.mark.parametrize(
    "text", ["2026-10-31", "2026-10-31T00:00:00", "2026-10-31T00:00:00+00:00", "2026-10-31T23:59:59-12:00"]
)
def test_a_date_is_a_day_and_not_an_instant(text: str) -> None:
    assert values.day_of({"D": {"value": text}}, "D") == date(2026, 10, 31)


def test_every_error_of_a_tree_is_read_the_specific_ones_first() -> None:
    tree = {
        "error": "Inserting  'AP Transactions' record raised at least one error.",
        "Vendor": {"value": "X", "error": "'Vendor' cannot be found."},
        "Details": [{"Account": {"value": "1"}}, {"Account": {"value": "9", "error": "no\n account"}, "error": "line"}],
        "MainContact": {"Address": {"City": {"error": "deep"}}},
        "note": {"value": "", "error": ""},
    }
    assert values.complaints(tree) == [
        "Vendor: 'Vendor' cannot be found.",
        "Details 2: line",
        "Details 2.Account: no account",
        "MainContact.Address.City: deep",
        "Inserting 'AP Transactions' record raised at least one error.",
    ]


def test_errors_inside_errors_are_explained_without_the_stack() -> None:
    body = {
        "message": "An error has occurred.",
        "exceptionMessage": "outer",
        "exceptionType": "PX.Data.PXException",
        "stackTrace": "at secret place",
        "innerException": {"exceptionMessage": "inner", "innerException": {"exceptionMessage": "innermost"}},
    }
    assert values.explained(json.dumps(body).encode()) == "outer | PX.Data.PXException | inner | innermost"
    assert values.explained(b"<html>404</html>") == ""
    assert values.explained(b"null") == ""
    state = {"message": "The request is invalid.", "modelState": {"entity.Vendor": ["Error converting"]}}
    assert values.explained(json.dumps(state).encode()) == "The request is invalid. | entity.Vendor: Error converting"
