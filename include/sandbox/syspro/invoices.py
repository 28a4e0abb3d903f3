"""Business object APSTIN: posting a supplier's invoice with its ledger distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from xml.etree.ElementTree import Element

from include.sandbox.syspro.books import Company, Invoice, Journal, JournalLine, Operator, Period
from include.sandbox.syspro.entries import Reader
from include.sandbox.syspro.findings import rejected, warned
from include.sandbox.syspro.journals import Rules, read_rules
from include.sandbox.syspro.markup import amount, element, root

__all__ = ["post_invoices"]

_BACK = {"C": 0, "P": 1, "B": 2}


@dataclass(frozen=True)
class _Item:
    invoice: Invoice
    reader: Reader

    @property
    def errors(self) -> bool:
        return any(not finding.warning for finding in self.reader.findings)

    @property
    def warnings(self) -> bool:
        return bool(self.reader.findings) and not self.errors


def post_invoices(
    company: Company,
    operator: Operator,
    parameters: Element | None,
    document: Element,
    *,
    today: date,
    version: str,
    lower: bool,
) -> str:
    """Validate all items and, if the whole document is valid, post them. Returns the answer's XML."""
    rules = read_rules(parameters)
    sources = document.findall("Item") or [Element("Item")]
    items: list[_Item] = []
    for source in sources:
        reader = Reader(source, "Item")
        reader.findings.extend(rules.findings)
        earlier = [item.invoice for item in items]
        items.append(_Item(_read(reader, company, rules, today, earlier), reader))
    blocked = any(item.errors or (item.warnings and rules.warnings == "N") for item in items)
    parts: list[str] = []
    for item in items:
        if blocked:
            if item.reader.findings:
                parts.append(rejected(item.reader.findings, lines="LedgerDistribution", lower=lower))
            continue
        if not rules.validate_only:
            _book(company, item.invoice)
        notes = warned(item.reader.findings) if rules.warnings == "W" else ""
        parts.append(_accepted(item.invoice, notes, numbered=not rules.validate_only))
    return root("postapinvoice", "".join(parts) + _status(items, rules, blocked=blocked), version)


def _read(reader: Reader, company: Company, rules: Rules, today: date, earlier: Sequence[Invoice]) -> Invoice:
    supplier = company.supplier_key(reader.text("Supplier", 15, mandatory=True))
    known = company.suppliers.get(supplier)
    if known is None and supplier.strip("0"):
        reader.report("Supplier", supplier, "220001", f"Supplier '{supplier}' not found")
    elif known is not None and known.on_hold:
        reader.report("Supplier", supplier, "220002", f"Supplier '{supplier}' is on hold", warning=True)
    kind = reader.choice("TransactionCode", "IACD", "I")
    number = reader.text("Invoice", 20, mandatory=True).upper()
    exists = any((one.supplier, one.invoice) == (supplier, number) for one in (*company.invoices, *earlier))
    if kind == "I" and (exists or (supplier, number) in company.registered):
        message = f"Invoice '{number}' already exists for supplier '{supplier}'"
        reader.report("Invoice", number, "220003", message)
    elif kind != "I" and not exists:
        reader.report("Invoice", number, "220006", f"Invoice '{number}' not found for supplier '{supplier}'")
    value = reader.cents("TransactionValue")
    if value <= 0 and not any(one.element == "TransactionValue" for one in reader.findings):
        shown = amount(value, 0)
        message = f"Value '{shown}' is not a valid amount for XML element 'TransactionValue'"
        reader.report("TransactionValue", shown, "100032", message)
    basis, tax = reader.choice("TaxBasis", "EI", "E"), reader.cents("TaxValue")
    day = reader.date("InvoiceDate", today)
    reader.date("DueDate", today)
    reader.date("DiscountDate", today)
    reference = reader.text("TransactionReference", 30)
    lines = _distribution(reader, company, rules, day, reference)
    expected = value if basis == "I" else value - tax
    total = sum(line.cents for line in lines)
    if total != expected:
        sides = f"{amount(total, 0)} does not equal invoice value {amount(expected, 0)}"
        reader.report("LedgerValue", amount(total, 0), "220004", f"Distribution total {sides}")
    year, period = _period(reader, company, rules)
    reader.text("JournalNotation", 100)
    return Invoice(
        supplier=supplier,
        invoice=number,
        date=day,
        cents=value,
        lines=lines,
        reference=reference,
        notation=reader.text("Notation", 100),
        tax_cents=tax,
        year=year,
        period=period,
    )


def _distribution(reader: Reader, company: Company, rules: Rules, day: date, reference: str) -> list[JournalLine]:
    lines: list[JournalLine] = []
    for position, source in enumerate(reader.source.findall("LedgerDistribution"), start=1):
        entry = Reader(source, "LedgerDistribution", position)
        cents = entry.cents("LedgerValue")
        code = entry.account(company)
        lines.append(
            JournalLine(
                entry=position,
                ledger_code=code,
                cents=cents,
                date=day,
                reference=reference,
                comment=entry.text("LedgerNotation", 100),
                analysis=entry.analysis(company, code, cents, ignore=rules.ignore_analysis),
            )
        )
        reader.findings.extend(entry.findings)
    return lines


def _period(reader: Reader, company: Company, rules: Rules) -> Period:
    # Relative to the payables' own current period: C is it, P the one before, B the one before that.
    letter = rules.relative_period
    if letter not in _BACK:
        reader.invalid("PostingPeriod", letter)
        return company.ap_year, company.ap_period
    if letter in company.ap_closed:
        reader.report("PostingPeriod", letter, "220005", "Accounts Payable period is closed")
    months = company.ap_year * company.periods_per_year + company.ap_period - 1 - _BACK[letter]
    return months // company.periods_per_year, months % company.periods_per_year + 1


def _book(company: Company, invoice: Invoice) -> None:
    same = [one.journal for one in company.invoices if (one.year, one.period) == (invoice.year, invoice.period)]
    invoice.journal = max(same, default=0) + 1
    if company.ap_integrated:
        # The credit side is SYSPRO's own: the control account of payables (and tax, were there any).
        total = sum(line.cents for line in invoice.lines)
        control = JournalLine(
            len(invoice.lines) + 1,
            company.ap_control,
            -total,
            invoice.date,
            invoice.reference,
            invoice.invoice,
        )
        invoice.gl_journal = Journal(
            company=company.id,
            year=invoice.year,
            period=invoice.period,
            number=company.next_number(invoice.year),
            date=invoice.date,
            lines=[*invoice.lines, control],
            reference=invoice.reference,
            notation=invoice.notation,
            source="AP",
        )
        company.journals.append(invoice.gl_journal)
    company.invoices.append(invoice)


def _accepted(invoice: Invoice, notes: str, *, numbered: bool) -> str:
    parts = [element("Supplier", invoice.supplier), element("Invoice", invoice.invoice)]
    if numbered:
        parts += [
            element("Journal", f"{invoice.journal:010d}"),
            element("TrnYear", str(invoice.year)),
            element("TrnMonth", f"{invoice.period:02d}"),
        ]
    if numbered and invoice.gl_journal is not None:
        parts += [
            element("GlYear", str(invoice.gl_journal.year)),
            element("GlPeriod", f"{invoice.gl_journal.period:02d}"),
            element("GlJournal", f"{invoice.gl_journal.number:>10}"),
        ]
    return f"<Item>{''.join(parts)}{notes}</Item>"


def _status(items: Sequence[_Item], rules: Rules, *, blocked: bool) -> str:
    invalid = sum(item.errors for item in items)
    by_warning = sum(item.warnings for item in items) if rules.warnings == "N" else 0
    with_warning = sum(item.warnings for item in items) if rules.warnings == "W" and not blocked else 0
    # An item that fails by a warning alone counts as processed, too: the four counters must be read together.
    processed = by_warning if blocked else (0 if rules.validate_only else len(items))
    counters = (
        ("ItemsProcessed", processed),
        ("ItemsInvalid", invalid),
        ("ItemsRejectedWithWarnings", by_warning),
        ("ItemsProcessedWithWarnings", with_warning),
    )
    return f"<StatusOfItems>{''.join(element(name, f'{count:06d}') for name, count in counters)}</StatusOfItems>"
