import json
from decimal import Decimal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.erps.ifs_cloud import answers
from include.erps.ifs_cloud.answers import Unreadable
from include.erps.ifs_cloud.documents import amount, voucher
from include.erps.port import Line
from include.transport import Answer
from tests.include.erps.ifs_cloud.conftest import journal, settings

TEMPLATE = {
    "@odata.context": "x",
    "@odata.etag": 'W/"abc"',
    "Company": "10",
    "VoucherType": "M",
    "VoucherDate": "2026-11-21",
    "AccountingYear": "2026",
    "AccountingPeriod": "11",
    "VoucherNo": None,
    "UserGroup": "AC",
    "FunctionGroup": "M",
    "VoucherText": None,
    "CurrencyCode": "USD",
    "CustomField": "kept",
}


def answer(body: str | bytes, status: int = 200, **headers: str) -> Answer:
    return Answer(status, httpx.Headers(headers), body.encode() if isinstance(body, str) else body)


def test_the_whole_document() -> None:
    assert json.loads(voucher(journal(), TEMPLATE, settings())) == {
        "Company": "10",
        "VoucherType": "M",
        "VoucherDate": "2026-11-20",
        "UserGroup": "AC",
        "VoucherText": "Expensify R00AbC Jane Doe",
        "CustomField": "kept",
        "VoucherRowArray": [
            {
                "RowNo": "1",
                "Account": "4010",
                "CodeB": "100",
                "CodeC": "P1001",
                "CurrencyCode": "USD",
                "CurrencyDebetAmount": "120.50",
                "Text": "Taxi",
                "ReferenceSerie": "EXPENSIFY",
                "ReferenceNumber": "R00AbC",
            },
            {
                "RowNo": "2",
                "Account": "2410",
                "CurrencyCode": "USD",
                "CurrencyCreditAmount": "120.50",
                "Text": "Accrual",
                "ReferenceSerie": "EXPENSIFY",
                "ReferenceNumber": "R00AbC",
            },
        ],
    }


def test_the_user_group_of_the_tenant_file_wins_and_one_is_needed() -> None:
    assert json.loads(voucher(journal(), TEMPLATE, settings(user_group="EXP")))["UserGroup"] == "EXP"
    with pytest.raises(ValueError, match=r"erp\.user_group"):
        voucher(journal(), {**TEMPLATE, "UserGroup": None}, settings())


def test_a_decimal_of_the_template_goes_back_as_a_text() -> None:
    template = {"UserGroup": "AC", "CurrencyRate": Decimal("1.00"), "Correction": False}
    sent = json.loads(voucher(journal(), template, settings()))
    assert (sent["CurrencyRate"], sent["Correction"]) == ("1.00", False)


def test_the_code_parts_of_the_tenant_file_are_used() -> None:
    draft = journal("R1", Line(1, "4010", 1, {"plant": "P1", "project": "X"}), Line(2, "2410", -1))
    rows = json.loads(voucher(draft, TEMPLATE, settings(code_parts={"plant": "F", "project": "J"})))["VoucherRowArray"]
    assert (rows[0]["CodeF"], rows[0]["CodeJ"]) == ("P1", "X")
    assert not {"CodeB", "CodeC"} & set(rows[0])


@pytest.mark.parametrize(
    ("cents", "currency", "text"),
    [(1, "USD", "0.01"), (100, "USD", "1.00"), (12345600, "EUR", "123456.00"), (120500, "JPY", "1205")],
)
def test_amounts_have_the_decimals_of_their_currency(cents: int, currency: str, text: str) -> None:
    assert amount(cents, currency) == text


@given(st.lists(st.integers(-(10**14), 10**14).filter(bool), min_size=1, max_size=20))
def test_no_cent_is_lost_and_no_side_is_negative(amounts: list[int]) -> None:
    lines = [Line(number, "4010", cents) for number, cents in enumerate([*amounts, -sum(amounts)], start=1) if cents]
    rows = json.loads(voucher(journal("R1", *lines), TEMPLATE, settings()))["VoucherRowArray"]
    signed = [
        Decimal(row.get("CurrencyDebetAmount", "0")) - Decimal(row.get("CurrencyCreditAmount", "0")) for row in rows
    ]
    assert [line.amount_cents for line in lines] == [int(value * 100) for value in signed]
    for row in rows:
        (side,) = {"CurrencyDebetAmount", "CurrencyCreditAmount"} & set(row)
        assert Decimal(row[side]) > 0


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ('"120.50"', 12050),
        ("120.5", 12050),
        ("120", 12000),
        ('"-0.01"', -1),
        ("null", 0),
        ("0.10000000000000000000000000000000000000000000000000000", 10),
        ('"9007199254740993.01"', 900719925474099301),
        ("9007199254740993.01", 900719925474099301),
        ('"1E+2"', 10000),
    ],
)
def test_amounts_are_read_to_the_cent(text: str, cents: int) -> None:
    assert answers.cents(answers.object_of(answer(f'{{"Amount":{text}}}')), "Amount") == cents


@pytest.mark.parametrize(
    "text",
    [
        '"0.001"',
        '"0.1000000000000000000000000000000000000001"',
        '"NaN"',
        '"Infinity"',
        "true",
        '"x"',
        '""',
        "[]",
        '"1E+99"',
    ],
)
def test_what_is_no_amount_is_not_rounded(text: str) -> None:
    with pytest.raises(Unreadable):
        answers.cents(answers.object_of(answer(f'{{"Amount":{text}}}')), "Amount")


def test_the_tag_is_the_bodys_else_the_headers() -> None:
    tagged = answer("{}", ETag='W/"b"')
    assert answers.etag_of(tagged, {"@odata.etag": 'W/"a"'}) == 'W/"a"'
    assert answers.etag_of(tagged, {}) == 'W/"b"'
    assert answers.etag_of(answer("{}"), {}) is None


def test_errors_in_their_forms() -> None:
    whole = answers.fault_of(
        answer(
            '{"error":{"code":"DATABASE_ERROR","message":"m",'
            '"details":[{"code":"20111","message":"CodePartValue.NOT_EXIST: gone"}]}}'
        )
    )
    assert whole is not None
    assert (whole.code, whole.oracle, whole.token) == ("DATABASE_ERROR", "20111", "CodePartValue.NOT_EXIST")
    bare = answers.fault_of(answer('{"error":{"message":"Unauthorized"}}'))
    assert bare is not None
    assert (bare.code, bare.token, str(bare)) == ("", "", "Unauthorized")
    for none in ("", "<html>", "[]", '{"error":"unauthorized_client"}'):
        assert answers.fault_of(answer(none)) is None
