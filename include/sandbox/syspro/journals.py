"""Business object GENTJL: posting a general ledger journal.

Nothing in it prevents the same reference from being posted twice; each call that succeeds makes a journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal
from xml.etree.ElementTree import Element

from include.sandbox.syspro.books import Company, Journal, JournalLine, Operator
from include.sandbox.syspro.entries import Reader
from include.sandbox.syspro.findings import Finding, rejected, warned
from include.sandbox.syspro.markup import amount, element, root, text_of

__all__ = ["Rules", "post_journal", "read_rules"]


@dataclass(frozen=True)
class Rules:
    """The parameters that steer a posting object."""

    warnings: str
    validate_only: bool
    ignore_analysis: bool
    findings: tuple[Finding, ...]
    relative_period: str = "C"


def read_rules(parameters: Element | None) -> Rules:
    """Read `Parameters`; what is absent has SYSPRO's default, what is unknown is ignored."""
    inner = parameters.find("Parameters") if parameters is not None else None
    reader = Reader(inner if inner is not None else Element("Parameters"), "Parameters")
    warnings = reader.choice("IgnoreWarnings", "NYW", "N")
    reader.choice("ApplyIfEntireDocumentValid", "YN", "Y")
    validate_only = reader.choice("ValidateOnly", "NY", "N") == "Y"
    ignore_analysis = reader.choice("IgnoreAnalysis", "NY", "N") == "Y"
    # Maintaining an existing journal (M) is not offered: the integration only ever adds.
    if text_of(reader.source, "ActionType") not in ("", "A"):
        reader.invalid("ActionType", text_of(reader.source, "ActionType"))
    # A relative period belongs to payables; in a journal's parameters the element is unknown and ignored.
    relative = text_of(reader.source, "PostingPeriod") or "C"
    return Rules(warnings, validate_only, ignore_analysis, tuple(reader.findings), relative)


def post_journal(
    company: Company,
    operator: Operator,
    parameters: Element | None,
    document: Element,
    *,
    today: date,
    version: str,
    lower: bool,
) -> str:
    """Validate the document and, unless it is only to be validated, post it. Returns the answer's XML.

    `today` is the server's date, used where the document has none; `lower` writes the names in an error
    answer in lower case.
    """
    rules = read_rules(parameters)
    items = document.findall("Item")
    item = items[0] if items else Element("Item")
    head = Reader(item, "Item")
    head.findings.extend(rules.findings)
    if len(items) > 1:
        head.invalid("Item", str(len(items)))
    journal = _read(head, company, operator, rules, today)
    errors = [one for one in head.findings if not one.warning]
    warnings = [one for one in head.findings if one.warning]
    if errors or (warnings and rules.warnings == "N"):
        invalid = {one.entry for one in (*errors, *warnings)}
        echo = rejected((*errors, *warnings), lines="JournalDetails", lower=lower)
        status = _status(0, 0, len(invalid), failed=True)
        return root("postgljournal", echo + status, version)
    if not rules.validate_only:
        company.journals.append(journal)
    notes = warned(warnings) if rules.warnings == "W" else ""
    posted = 0 if rules.validate_only else 1
    counters = _status(posted, len(journal.lines) if posted else 0, 0)
    return root("postgljournal", _accepted(journal, notes, numbered=bool(posted)) + counters, version)


def _read(head: Reader, company: Company, operator: Operator, rules: Rules, today: date) -> Journal:
    kind = head.choice("JournalType", "NPUSLAIE", "N")
    authorize = head.choice("AuthorizeJournal", "DAU", "D")
    post = head.choice("PostJournal", "YN", "Y") == "Y"
    if kind == "U":
        head.text("SourceCode", 2, mandatory=True)
    if text_of(head.source, "JournalNumber"):
        head.invalid("JournalNumber", text_of(head.source, "JournalNumber"))
    _check_rights(head, company, operator, authorize, post)
    year = head.whole("PostingYear", 4, company.year)
    # An absent period means the ledger's current one, whatever the journal's date says.
    period = head.whole("PostingPeriod", 2, company.period)
    _check_period(head, company, year, period)
    lines = _read_lines(head, company, rules, today)
    debits = sum(line.cents for line in lines if line.cents > 0)
    credits = -sum(line.cents for line in lines if line.cents < 0)
    if not lines:
        head.report("JournalDetails", "", "230010", "Journal has no entries")
    elif debits != credits:
        sides = f"debits {amount(debits, 0)} credits {amount(credits, 0)}"
        head.report(
            "EntryAmount", amount(debits - credits, 0), "230006", f"Journal does not balance: {sides}"
        )
    status: Literal["P", "U"] = "P" if post else "U"
    return Journal(
        company=company.id,
        year=year,
        period=period,
        number=company.next_number(year),
        date=head.date("JournalDate", today),
        lines=lines,
        reference=head.text("JournalReference", 30),
        notation=head.text("Notation", 100),
        type=kind,
        status=status,
        authorized=authorize == "A" or not company.authorization_required,
    )


def _check_rights(head: Reader, company: Company, operator: Operator, authorize: str, post: bool) -> None:
    if post and not operator.may_post:
        head.report("PostJournal", "Y", "230011", f"Operator '{operator.name}' may not post journals")
    if authorize in "AU" and not operator.may_authorize:
        message = f"Operator '{operator.name}' may not authorize journals"
        head.report("AuthorizeJournal", authorize, "230011", message)
    if post and company.authorization_required and authorize != "A":
        message = "Journal must be authorized before it can be posted"
        head.report("AuthorizeJournal", authorize, "230012", message)


def _check_period(head: Reader, company: Company, year: int, period: int) -> None:
    if not 1 <= period <= company.periods_per_year:
        head.invalid("PostingPeriod", str(period))
    elif year not in (company.year, company.year - 1):
        message = f"Posting year {year} must be the current or previous ledger year"
        head.report("PostingYear", str(year), "230007", message)
    elif (year, period) > (company.year, company.period):
        message = f"Posting period {period} of {year} is in the future"
        head.report("PostingPeriod", str(period), "230005", message)
    elif (year, period) in company.closed:
        head.report("PostingPeriod", str(period), "230004", f"Posting period {period} of {year} is closed")


def _read_lines(head: Reader, company: Company, rules: Rules, today: date) -> list[JournalLine]:
    lines: list[JournalLine] = []
    for position, source in enumerate(head.source.findall("JournalDetails"), start=1):
        entry = Reader(source, "JournalDetails", position)
        cents = entry.cents("EntryAmount")
        if cents == 0 and not entry.findings:
            continue  # zero entries are thrown away silently, misspelt amounts with them
        code = entry.account(company)
        lines.append(
            JournalLine(
                entry=len(lines) + 1,
                ledger_code=code,
                cents=cents,
                date=entry.date("Date", today),
                reference=entry.text("Reference", 30),
                comment=entry.text("Comment", 100),
                analysis=entry.analysis(company, code, cents, ignore=rules.ignore_analysis),
            )
        )
        head.findings.extend(entry.findings)
    return lines


def _accepted(journal: Journal, notes: str, *, numbered: bool) -> str:
    number = f"{journal.number:>10}" if numbered else ""
    key = (
        element("GlYear", str(journal.year))
        + element("GlPeriod", str(journal.period))
        + element("GlJournal", number)
    )
    return (
        f"<Item><Transaction><Key>{key}</Key>"
        + element("JournalDate", f"{journal.date:%Y%m%d}")
        + element("NumOfEntries", str(len(journal.lines)))
        + element("DebitAmount", amount(journal.debit_cents))
        + element("CreditAmount", amount(journal.debit_cents))
        + element("JnlPostingType", journal.type)
        + element("Jnlstatus", journal.status)
        + element("Currency")
        + element("Authorised", "Y" if journal.authorized else "N")
        + notes
        + "</Transaction></Item>"
    )


def _status(journals: int, postings: int, invalid: int, *, failed: bool = False) -> str:
    # A zero is written as such in a refusal, but as an empty element in an answer without errors.
    def count(number: int) -> str:
        return str(number) if number or failed else ""

    return (
        "<StatusOfItems>"
        + element("JournalsProcessed", count(journals))
        + element("PostingsProcessed", count(postings))
        + element("PostingsInvalid", count(invalid))
        + "</StatusOfItems>"
    )
