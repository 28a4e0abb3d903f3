import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.erps.syspro import answers
from include.erps.syspro.answers import Unreadable, unwrapped
from include.erps.syspro.documents import amount

DECLARED = '<?xml version="1.0" encoding="Windows-1252"?>\n<Answer><Name>Café €</Name></Answer>\n '


@pytest.mark.parametrize(
    "body",
    [
        DECLARED.encode("cp1252"),
        json.dumps(DECLARED).encode(),
        json.dumps(DECLARED, ensure_ascii=False).encode(),
        ('<string xmlns="http://x/">' + DECLARED.replace("&", "&amp;").replace("<", "&lt;") + "</string>").encode(),
    ],
)
def test_the_three_wrappings_give_the_same_document(body: bytes) -> None:
    assert answers.value_at(unwrapped(body).root("ANSWER"), "name") == "Café €"


def test_plain_texts() -> None:
    assert unwrapped(b"3EA613166FE4BF47925DF1CEA14E910100  \r\n").text == "3EA613166FE4BF47925DF1CEA14E910100"
    assert unwrapped(b'"ERROR: Invalid operator password"').text == "ERROR: Invalid operator password"
    assert unwrapped(b"<string>ERROR: a &lt; b</string>").text == "ERROR: a < b"
    assert unwrapped("ERROR: Clé".encode("cp1252")).text == "ERROR: Clé"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Answer><Name>cut",
        b'"<Answer>',
        b"<string>&lt;Answer>",
        b"<Other/>",
        b"plain",
        b"<!DOCTYPE Answer [<!ENTITY e 'x'>]><Answer><Name>&e;</Name></Answer>",
        b"<!DOCTYPE Answer><Answer/>",
        b'<?xml version="1.0" encoding="no-such"?><Answer/>',
    ],
)
def test_what_is_not_the_document_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        unwrapped(body).root("Answer")


def test_values_by_path_in_any_case() -> None:
    root = unwrapped(b"<a><item><KEY><GlJournal>       412</GlJournal></KEY></item><GlJournal>9</GlJournal></a>").root(
        "a"
    )
    assert answers.value_at(root, "Key/GlJournal") == "412"
    assert answers.value_at(root, "Key/GlYear") is None


def test_findings_of_every_shape() -> None:
    root = unwrapped(
        b"<r><item><journaldetails><entrynumber>1</entrynumber><ledgercode><Value>6999</Value><ErrorNumber>0230001</ErrorNumber>"
        b"<ErrorDescription>Ledger code '6999' not found</ErrorDescription></ledgercode></journaldetails>"
        b"<date><value>x</value><warningmessages><warningnumber/><warningdescription>odd</warningdescription></warningmessages>"
        b"</date><ErrorMessages><ErrorDescription>one</ErrorDescription><ErrorDescription>two</ErrorDescription></ErrorMessages>"
        b"<ok><ErrorNumber>000000</ErrorNumber><ErrorDescription/></ok></item></r>"
    ).root("r")
    assert [(one.number, one.text, one.field, one.value, one.warning) for one in answers.findings(root)] == [
        ("230001", "Ledger code '6999' not found", "ledgercode", "6999", False),
        ("", "odd", "date", "x", True),
        ("", "one", "item", "", False),
        ("", "two", "item", "", False),
    ]


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("         125.40", 12540),
        ("000125.4", 12540),
        ("-3", -300),
        (".05", 5),
        ("-0.05", -5),
        ("1.5000", 150),
        ("+2.00", 200),
    ],
)
def test_amounts(text: str, cents: int) -> None:
    assert answers.cents(text) == cents


@pytest.mark.parametrize("text", ["x", "-1", "1.0", "٣", "9" * 19, "0" * 5000])
def test_what_is_no_whole_number(text: str) -> None:
    with pytest.raises(Unreadable) as caught:
        answers.whole(text)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize(
    "text", ["", " ", ".", "1,000.00", "1.005", "12.40-", "٣", "1e3", "NaN", "9" * 5000, "1." + "0" * 5000, None]
)
def test_what_is_no_amount(text: str | None) -> None:
    with pytest.raises(Unreadable):
        answers.cents(text)


@given(st.integers(-(10**14), 10**14))
def test_what_is_written_is_read(cents: int) -> None:
    assert answers.cents(amount(cents).rjust(20)) == cents


def test_counts_and_dates() -> None:
    assert [answers.whole(text) for text in (None, "", "  ", "000001", "     7")] == [0, 0, 0, 1, 7]
    with pytest.raises(Unreadable):
        answers.whole("-1")
    assert (
        answers.day("20261120") == answers.day("2026-11-20") == answers.day("2026-11-20T00:00:00") == date(2026, 11, 20)
    )
    assert [answers.day(text) for text in (None, "", "20261320", "20/11/2026")] == [None] * 4
