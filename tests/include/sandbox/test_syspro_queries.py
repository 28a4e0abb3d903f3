"""COMFND, GENQRY and GENQGL."""

import re
from datetime import date

import pytest

from include.sandbox.server import Sandbox
from include.sandbox.syspro import Company
from tests.include.sandbox.raw_clients import SysproCaller, journal

DAY = date(2026, 11, 20)


def expression(
    column: str, condition: str, value: str, link: str = "", left: str = "(", right: str = ")"
) -> str:
    follow = f"<AndOr>{link}</AndOr>" if link else ""
    return (
        f"<Expression><OpenBracket>{left}</OpenBracket>{follow}<Column>{column}</Column>"
        f"<Condition>{condition}</Condition><Value>{value}</Value>"
        f"<CloseBracket>{right}</CloseBracket></Expression>"
    )


def query(table: str, columns: str, where: str = "", rows: str = "500", order: str = "") -> str:
    listed = "".join(f"<Column>{name}</Column>" for name in columns.split())
    sort = "".join(f"<Column>{name}</Column>" for name in order.split())
    return (
        f"<Query><TableName>{table}</TableName><ReturnRows>{rows}</ReturnRows><Columns>{listed}</Columns>"
        f"<Where>{where}</Where><OrderBy>{sort}</OrderBy></Query>"
    )


def rows(text: str) -> list[list[str]]:
    assert text.startswith("<?xml"), text
    found = re.findall(r"<Row>(.*?)</Row>", text)
    return [[value.strip() for value in re.findall(r">([^<]*)</", row)] for row in found]


def test_an_entry_comes_back_unsigned_with_its_side(syspro: SysproCaller, session: str) -> None:
    syspro.post_gl(session, journal())
    columns = "GlYear GlPeriod Journal EntryNumber EntryType GlCode EntryValue Reference EntryPosted"
    where = expression("Reference", "EQ", "EXP-1") + expression("GlYear", "EQ", "2026", "And")
    text = syspro.query(session, query("GenJournalDetail", columns, where, order="EntryNumber"))
    assert rows(text) == [
        ["2026", "11", "1", "1", "D", "6100-P1", "125.40", "EXP-1", "Y"],
        ["2026", "11", "1", "2", "C", "2150-00", "125.40", "EXP-1", "Y"],
    ]
    assert "<Journal>         1</Journal>" in text
    assert "<EntryValue>         125.40</EntryValue>" in text
    assert f"<Reference>{'EXP-1':<30}</Reference>" in text
    assert "<RowsReturned>     2</RowsReturned></GenJournalDetail>" in text


def test_other_companies_show_without_a_company_filter(
    sandbox: Sandbox, syspro: SysproCaller, session: str, edu1: Company
) -> None:
    other = sandbox.syspro.add_company(Company("EDU2"))
    for company in (edu1, other):
        company.enter_journal([("6100-P1", 500), ("2150-00", -500)], day=DAY, reference="EXP-7")
    found = expression("Reference", "EQ", "EXP-7")
    open_query = query("GenJournalDetail", "Company EntryNumber", found, order="Company EntryNumber")
    assert rows(syspro.query(session, open_query)) == [
        ["EDU1", "1"],
        ["EDU1", "2"],
        ["EDU2", "1"],
        ["EDU2", "2"],
    ]
    narrow = query("GenJournalDetail", "Company", found + expression("Company", "EQ", "edu1", "And"))
    assert rows(syspro.query(session, narrow)) == [["EDU1"], ["EDU1"]]


def test_rows_are_cut_silently(syspro: SysproCaller, session: str, edu1: Company) -> None:
    text = syspro.query(session, query("GenMaster", "GlCode", rows="2", order="GlCode"))
    assert rows(text) == [["2100-00"], ["2150-00"]]
    assert "<RowsReturned>     2</RowsReturned>" in text


def test_no_rows(syspro: SysproCaller, session: str) -> None:
    text = syspro.query(session, query("GenMaster", "GlCode", expression("GlCode", "EQ", "NONE")))
    assert rows(text) == []
    assert "<RowsReturned>     0</RowsReturned>" in text


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (expression("GlCode", "EQ", "A"), "A"),
        (expression("GlCode", "NE", "A"), "BCD"),
        (expression("GlCode", "GT", "B"), "CD"),
        (expression("GlCode", "GE", "B"), "BCD"),
        (expression("GlCode", "LT", "B"), "A"),
        (expression("GlCode", "LE", "b"), "AB"),
        (expression("Description", "LIKE", "%st%"), "AB"),
        (expression("Description", "LIKE", "_ast"), "A"),
        (expression("GlCode", "EQ", "A") + expression("GlCode", "EQ", "C", "Or"), "AC"),
        # And binds before Or ...
        (
            expression("GlCode", "EQ", "A", left="", right="")
            + expression("GlCode", "EQ", "B", "Or", left="", right="")
            + expression("Description", "EQ", "nothing", "And", left="", right=""),
            "A",
        ),
        # ... unless brackets say otherwise.
        (
            expression("GlCode", "EQ", "A", left="((", right=")")
            + expression("GlCode", "EQ", "B", "Or", left="(", right="))")
            + expression("Description", "EQ", "rust", "And"),
            "B",
        ),
    ],
)
def test_conditions(
    sandbox: Sandbox, syspro: SysproCaller, session: str, edu1: Company, where: str, expected: str
) -> None:
    edu1.accounts.clear()
    for code, description in zip("ABCD", ("last", "rust", "xyz", ""), strict=True):
        edu1.add_account(code, description)
    text = syspro.query(session, query("GenMaster", "GlCode", where, order="GlCode"))
    assert "".join(row[0] for row in rows(text)) == expected


def test_numbers_compare_as_numbers(syspro: SysproCaller, session: str, edu1: Company) -> None:
    for _ in range(11):
        edu1.enter_journal([("6100-P1", 1)], day=DAY)
    where = expression("Journal", "GE", "        10")
    text = syspro.query(session, query("GenJournalDetail", "Journal", where, order="Journal"))
    assert rows(text) == [["10"], ["11"]]


@pytest.mark.parametrize(
    "bad",
    [
        query("GenNothing", "GlCode"),
        query("GenMaster", "Amount"),
        query("GenMaster", "GlCode", "GlCode = 'A'"),
        query("GenMaster", "GlCode", expression("GlCode", "EQ", "A", "And")),
        query("GenMaster", "GlCode", expression("GlCode", "EQ", "A") + expression("GlCode", "EQ", "B")),
        query("GenMaster", "GlCode", expression("GlCode", "EQ", "A", left="((")),
        query("GenMaster", "GlCode", expression("GlCode", "EQ", "A", right="))")),
        query("GenMaster", "GlCode", expression("GlCode", "=", "A")),
        query("GenMaster", "GlCode", expression("Nothing", "EQ", "A")),
        query("GenJournalDetail", "Journal", expression("GlYear", "EQ", "this")),
        query("GenMaster", "GlCode", rows="all"),
    ],
)
def test_query_objects_fail_by_text(syspro: SysproCaller, session: str, bad: str) -> None:
    assert syspro.query(session, bad).startswith("ERROR: ")


def test_a_cancelled_journal_is_gone_and_an_altered_one_differs(
    syspro: SysproCaller, session: str, edu1: Company
) -> None:
    syspro.post_gl(session, journal())
    syspro.post_gl(session, journal())
    edu1.cancel_journal(2026, 1)
    edu1.alter_journal(2026, 2, entry=1, cents=99)
    text = syspro.query(session, query("GenJournalDetail", "Journal EntryValue", order="EntryNumber"))
    assert rows(text) == [["2", "0.99"], ["2", "125.40"]]


def test_the_other_tables(syspro: SysproCaller, session: str, edu1: Company) -> None:
    edu1.add_supplier("101", "Clearing", on_hold=True)
    edu1.analysis_codes[2] = {"P-1": "Project"}
    edu1.put_account_on_hold("2150-00")
    held = query("GenMaster", "GlCode AccOnHldFlag ControlAccFlag", order="GlCode")
    assert rows(syspro.query(session, held)) == [
        ["2100-00", "", "Y"],
        ["2150-00", "Y", "N"],
        ["6100-P1", "", "N"],
    ]
    suppliers = query("ApSupplier", "Supplier SupplierName OnHold")
    assert rows(syspro.query(session, suppliers)) == [["0000101", "Clearing", "Y"]]
    codes = query("GenAnalysisCode", "AnalysisType AnalysisCode")
    assert rows(syspro.query(session, codes)) == [["2", "P-1"]]
    assert rows(syspro.query(session, query("ApInvoice", "Supplier Invoice"))) == []


def test_one_account(syspro: SysproCaller, session: str) -> None:
    syspro.post_gl(session, journal())
    key = "<Query><Key><LedgerCode>2150-00</LedgerCode></Key></Query>"
    text = syspro.query(session, key, "GENQRY")
    assert "<LedgerQuery Language=" in text
    assert "<GlYear>2026</GlYear><GlPeriod>11</GlPeriod>" in text
    assert "<CurrentBalance>        -125.40</CurrentBalance>" in text
    missing = syspro.query(session, key.replace("2150-00", "9999"), "GENQRY")
    assert missing == "ERROR: Ledger code '9999' not found"
    lower = key.replace("Key>", "key>")
    assert "<LedgerCode>2150-00</LedgerCode>" in syspro.query(session, lower, "GENQGL")
    assert syspro.query(session, lower, "GENQRY") == "ERROR: Ledger code '' not found"
