import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.accounting.money import cents_from_text, decimal_text, has_forbidden_fraction, written


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("125.40", 12540), (" 125.4 ", 12540), ("-3", -300), ("0", 0), ("-0.01", -1), (".5", 50), ("7.", 700), ("+1.00", 100),
        ("99999999.99", 9_999_999_999), ("1.5000", 150), ("-0.00", 0),
    ],
)  # fmt: skip
def test_amounts_are_read_to_the_cent(text: str, cents: int) -> None:
    assert cents_from_text(text) == cents


@pytest.mark.parametrize(
    "text", ["", ".", "1,000.00", "1e3", "0.001", "--1", "+-1", "½", "１", "NaN", "1.2.3", "- 1", "0x1"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|fraction"):
        cents_from_text(text)


def test_amounts_are_written_for_people_and_for_documents() -> None:
    assert [written(-124_050, "USD"), written(5), written(0, "EUR")] == ["-1,240.50 USD", "0.05", "0.00 EUR"]
    assert [decimal_text(-124_050), decimal_text(5), decimal_text(-5)] == ["-1240.50", "0.05", "-0.05"]


@given(st.integers(-(10**15), 10**15))
def test_no_cent_is_lost_on_the_way_through_text(cents: int) -> None:
    assert cents_from_text(decimal_text(cents)) == cents
    assert cents_from_text(written(cents).replace(",", "")) == cents


def test_a_fraction_of_a_yen_does_not_exist() -> None:
    assert has_forbidden_fraction(150_050, "JPY")
    assert has_forbidden_fraction(-1, "KRW")
    assert not has_forbidden_fraction(150_000, "JPY")
    assert not has_forbidden_fraction(150_050, "USD")
