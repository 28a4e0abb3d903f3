from datetime import date
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from include.erps.ifs_cloud import odata
from include.sandbox.ifs_cloud.expressions import key_values, predicate

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def test_keys_name_all_parts_and_quote_only_texts() -> None:
    assert odata.key({"Company": "10", "AccountingYear": 2026, "VoucherNo": 2026000001}) == (
        "(Company='10',AccountingYear=2026,VoucherNo=2026000001)"
    )
    assert odata.key({"CodePartValue": "O'HARE/A&B #1+2%"}) == "(CodePartValue='O%27%27HARE%2FA%26B%20%231%2B2%25')"
    assert odata.key({}) == "()"


def test_queries_keep_the_dollar_and_write_blanks_as_percent_20() -> None:
    where = odata.both(odata.equal("Company", "10"), odata.one_of("CodePartValue", ["100", "O'H", "a+b"]))
    assert odata.query({"filter": where, "top": "5"}) == (
        "$filter=Company%20eq%20'10'%20and%20CodePartValue%20in%20('100','O''H','a%2Bb')&$top=5"
    )


def test_dates_stand_bare() -> None:
    assert odata.equal("VoucherDate", date(2026, 11, 30)) == "VoucherDate eq 2026-11-30"


def test_paths() -> None:
    assert odata.path("/main", "CompanyHandling", "CompanySet(Company='10')") == (
        "/main/CompanyHandling.svc/CompanySet(Company='10')"
    )


@given(TEXTS)
def test_every_text_comes_back_from_a_key(text: str) -> None:
    written = odata.key({"Value": text})
    assert written.isascii()
    assert not set(written) & set(" +/&#?")
    assert key_values(unquote(written)[1:-1]) == {"Value": text}


@given(TEXTS)
def test_every_text_comes_back_from_a_filter(text: str) -> None:
    written = odata.query({"filter": odata.equal("Value", text)})
    assert written.isascii()
    assert not set(written) & set(" +/&#")
    test = predicate(unquote(written.removeprefix("$filter=")), {"Value": "string"}, "Set")
    assert test({"Value": text})
    assert not test({"Value": text + "x"})


@given(st.lists(TEXTS, max_size=30), st.integers(1, 5), st.integers(20, 200))
def test_chunks_hold_every_value_once_in_order(values: list[str], most: int, chars: int) -> None:
    chunks = odata.chunks(values, most, chars)
    assert [value for chunk in chunks for value in chunk] == values
    assert all(1 <= len(chunk) <= most for chunk in chunks)
