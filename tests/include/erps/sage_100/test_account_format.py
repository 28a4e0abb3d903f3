import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.erps.sage_100.account_format import AccountFormat

DEMO = AccountFormat.parse("-N03N02N02")


@pytest.mark.parametrize(
    ("form", "account", "expected"),
    [
        ("-N03N02N02", "600-1-0", "600-01-00"),
        ("-N03N02N02", "600-01-00", "600-01-00"),
        ("-N03N02N02", " 6-1-0 ", "006-01-00"),
        ("-N05A03", "600-ab", "00600-AB"),
        (".A10", "main01", "MAIN01"),
        ("/N15N15", "1/2", "000000000000001/000000000000002"),
    ],
)
def test_values_are_zero_filled_and_upper_cased(form: str, account: str, expected: str) -> None:
    assert AccountFormat.parse(form).written(account) == expected


@pytest.mark.parametrize(
    ("account", "sentence"),
    [
        ("600-01", "has 2 segments and the format -N03N02N02 has 3"),
        ("6000100", "has 1 segments"),
        ("600-01-00-9", "has 4 segments"),
        ("6000-01-00", "segment 1 .* longer than 3"),
        ("600-A-00", "segment 2 .* only digits"),
        ("600--00", "segment 2 .* is empty"),
        ("600-0²-00", "segment 2 .* letters and digits"),
        ("600-0.-00", "segment 2 .* letters and digits"),
    ],
)
def test_what_does_not_fit_is_never_guessed(account: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        DEMO.written(account)


@pytest.mark.parametrize("text", ["", "N03", "-", "-X03", "-N3", "-N00", "-" + "N01" * 11, "-N03 "])
def test_what_is_no_format(text: str) -> None:
    with pytest.raises(ValueError, match="account format"):
        AccountFormat.parse(text)


@given(st.from_regex(r"[0-9]{1,3}-[0-9]{1,2}-[0-9]{1,2}", fullmatch=True))
def test_a_written_account_stays_as_it_is(account: str) -> None:
    written = DEMO.written(account)
    assert DEMO.written(written) == written
    assert [int(part) for part in written.split("-")] == [int(part) for part in account.split("-")]
