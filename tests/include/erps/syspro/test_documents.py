from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from include.erps.port import Line
from include.erps.syspro.documents import amount, leaf, posting
from include.erps.windows_1252 import windows_1252
from tests.include.erps.syspro.conftest import bill, journal, settings


def test_the_journal_element_by_element() -> None:
    call = posting(journal(), settings(), year=2026, period=11)
    assert call.business_object == "GENTJL"
    assert call.parameters == (
        "<PostGlJournal><Parameters><IgnoreWarnings>N</IgnoreWarnings><ApplyIfEntireDocumentValid>Y</ApplyIfEntireDocumentValid>"
        "<ValidateOnly>N</ValidateOnly><ActionType>A</ActionType><ValidatePasswords>N</ValidatePasswords>"
        "<IgnoreAnalysis>N</IgnoreAnalysis></Parameters></PostGlJournal>"
    )
    assert call.document == (
        "<PostGlJournal><Item><JournalType>N</JournalType><AuthorizeJournal>A</AuthorizeJournal><PostJournal>Y</PostJournal>"
        "<JournalDate>2026-11-20</JournalDate><JournalReference>EXP-20261120-1</JournalReference>"
        "<Notation>Expensify 2026-11-20</Notation><PostingPeriod>11</PostingPeriod><PostingYear>2026</PostingYear>"
        "<JournalDetails><LedgerCode>6100-100</LedgerCode><Date>2026-11-20</Date><Reference>EXP-20261120-1</Reference>"
        "<EntryAmount>125.40</EntryAmount><Comment>Travel</Comment></JournalDetails>"
        "<JournalDetails><LedgerCode>2150-00</LedgerCode><Date>2026-11-20</Date><Reference>EXP-20261120-1</Reference>"
        "<EntryAmount>-125.40</EntryAmount><Comment>Payable</Comment></JournalDetails></Item></PostGlJournal>"
    )


def test_the_invoice_element_by_element() -> None:
    invoices = settings(document="ap_invoice", supplier="0000101")
    call = posting(bill(), invoices, year=2026, period=11, ap_period="P", validate_only=True)
    assert call.business_object == "APSTIN"
    assert call.parameters == (
        "<PostApInvoice><Parameters><PostingPeriod>P</PostingPeriod><IgnoreWarnings>N</IgnoreWarnings>"
        "<ApplyIfEntireDocumentValid>Y</ApplyIfEntireDocumentValid><ValidateOnly>Y</ValidateOnly>"
        "<AutomaticTaxCalculation>N</AutomaticTaxCalculation><IgnoreAnalysis>N</IgnoreAnalysis></Parameters></PostApInvoice>"
    )
    assert call.document == (
        "<PostApInvoice><Item><Supplier>0000101</Supplier><TransactionCode>I</TransactionCode><Invoice>EXP-R1</Invoice>"
        "<TransactionValue>125.40</TransactionValue><Notation>Expensify 2026-11-20</Notation>"
        "<TransactionReference>EXP-R1</TransactionReference><JournalNotation>Expensify 2026-11-20</JournalNotation>"
        "<InvoiceDate>2026-11-20</InvoiceDate><TaxBasis>I</TaxBasis><TaxValue>0.00</TaxValue>"
        "<LedgerDistribution><LedgerCode>6100-100</LedgerCode><LedgerNotation>Travel</LedgerNotation>"
        "<LedgerValue>125.40</LedgerValue></LedgerDistribution></Item></PostApInvoice>"
    )


def test_analysis_codes_carry_the_entrys_amount() -> None:
    draft = journal(
        "EXP-1", Line(1, "6100", -500, {"project": "A&B", "grant": "G1", "other": "x"}), Line(2, "2150", 500)
    )
    text = posting(draft, settings(analysis={2: "grant", 1: "project"}), year=2026, period=11).document
    assert (
        "<AnalysisLineEntry><AnalysisCode1>A&amp;B</AnalysisCode1><AnalysisCode2>G1</AnalysisCode2>"
        "<EntryAmount>-5.00</EntryAmount></AnalysisLineEntry></JournalDetails>"
    ) in text
    assert text.count("<AnalysisLineEntry>") == 1


def test_texts_are_cut_after_transliteration() -> None:
    draft = journal("EXP-1", Line(1, "6100", 100, {}, "ﬁ" * 80), Line(2, "2150", -100))
    text = posting(draft, settings(sizes={"text": 5}), year=2026, period=11).document
    assert "<Comment>fifif</Comment>" in text
    assert "<Notation>Expen</Notation>" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Café – €5", "Café – €5"),
        ("Cafe\u0301", "Café"),
        ("Łódź, Kraków, Đà Nẵng", "Lódz, Kraków, Dà Nang"),
        ("a\u2011b\u200bc\u202fd", "a-bc d"),
        ("東京 → Ω", "?? ? ?"),
        ("tab\tnew\nline\x00\x85", "tab new line  "),
        ("\ud800", "?"),
    ],
)
def test_transliteration(text: str, expected: str) -> None:
    assert windows_1252(text) == expected


@given(st.text())
def test_every_text_becomes_storable_xml(text: str) -> None:
    element = etree.fromstring(leaf("Comment", text).encode("cp1252"), etree.XMLParser(encoding="cp1252"))
    assert (element.text or "") == windows_1252(text)
    assert windows_1252(windows_1252(text)) == windows_1252(text)


@given(st.text(alphabet=st.characters(codec="cp1252", exclude_categories=["Cc", "Cf"])))
def test_what_is_storable_stays(text: str) -> None:
    assert windows_1252(text) == text


@given(st.integers(min_value=-(10**14) + 1, max_value=10**14 - 1))
def test_amounts_are_exact(cents: int) -> None:
    text = amount(cents)
    assert Decimal(text) * 100 == cents
    assert text[-3] == "."
    assert text.count(".") == 1
    assert text.removeprefix("-").replace(".", "").isdigit()


@pytest.mark.parametrize(
    ("cents", "text"), [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (12540, "125.40"), (-100, "-1.00")]
)
def test_amounts_by_hand(cents: int, text: str) -> None:
    assert amount(cents) == text
