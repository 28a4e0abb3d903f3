"""Checks that journals and invoices share: parameters, texts, dates, amounts, accounts, analysis."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from xml.etree.ElementTree import Element

from include.sandbox.syspro.books import AnalysisLine, Company
from include.sandbox.syspro.findings import Finding
from include.sandbox.syspro.markup import money_cents, parse_date, text_of

__all__ = ["CODE_LENGTH", "Reader"]

CODE_LENGTH = 35


@dataclass
class Reader:
    """Reads one element's children and collects what is wrong with them.

    Elements that nobody asks for are never looked at, so a misspelt one is ignored without a message.
    """

    source: Element
    path: str
    entry: int | None = None
    findings: list[Finding] = field(default_factory=list)

    def report(self, name: str, value: str, number: str, text: str, *, warning: bool = False) -> None:
        """Add a finding about one element."""
        self.findings.append(Finding(name, value, number, text, self.entry, warning))

    def text(self, name: str, length: int, *, mandatory: bool = False) -> str:
        """A text of at most `length` characters."""
        value = text_of(self.source, name)
        if mandatory and not value:
            self.report(name, value, "100030", f"XML element '{{{self.path}}}{{{name}}}' cannot be spaces")
        if len(value) > length:
            message = f"Value for XML element '{name}' exceeds the maximum length of {length}"
            self.report(name, value, "100033", message)
        return value

    def choice(self, name: str, allowed: str, default: str) -> str:
        """One of several letters."""
        value = text_of(self.source, name) or default
        if len(value) != 1 or value not in allowed:
            self.invalid(name, value)
        return value

    def whole(self, name: str, digits: int, default: int) -> int:
        """A whole number of at most `digits` digits."""
        value = text_of(self.source, name)
        if not value:
            return default
        if not (value.isascii() and value.isdigit() and len(value) <= digits):
            self.invalid(name, value)
            return default
        return int(value)

    def date(self, name: str, default: date) -> date:
        """A CCYY-MM-DD date."""
        value = text_of(self.source, name)
        if not value:
            return default
        parsed = parse_date(value)
        if parsed is None:
            message = f"Date '{value}' is invalid for XML element '{name}' it must be CCYY-MM-DD format"
            self.report(name, value, "100028", message)
        return parsed or default

    def cents(self, name: str) -> int:
        """An amount; absent is zero."""
        value = text_of(self.source, name)
        if not value:
            return 0
        cents = money_cents(value)
        if cents is None:
            self.report(
                name, value, "100032", f"Value '{value}' is not a valid amount for XML element '{name}'"
            )
        return cents or 0

    def invalid(self, name: str, value: str) -> None:
        """Report a value outside what the element allows."""
        self.report(name, value, "100031", f"Value '{value}' is invalid for XML element '{name}'")

    def account(self, company: Company) -> str:
        """The ledger code of an entry: it must exist, not be on hold, and not be a control account."""
        code = self.text("LedgerCode", CODE_LENGTH, mandatory=True)
        account = company.accounts.get(code)
        if not code:
            return code
        if account is None:
            self.report("LedgerCode", code, "230001", f"Ledger code '{code}' not found")
        elif account.on_hold:
            self.report("LedgerCode", code, "230002", f"Ledger code '{code}' is on hold")
        elif account.control:
            message = f"Ledger code '{code}' is a control account"
            self.report("LedgerCode", code, "230003", message, warning=True)
        return code

    def analysis(self, company: Company, code: str, cents: int, *, ignore: bool) -> tuple[AnalysisLine, ...]:
        """The entry's analysis: codes that exist, categories the account demands, amounts that add up."""
        account = company.accounts.get(code)
        lines = tuple(_analysis_line(child) for child in self.source.findall("AnalysisLineEntry"))
        if ignore or account is None:
            return lines
        for line in lines:
            for category, value in line.codes:
                if value not in company.analysis_codes.get(category, {}):
                    message = f"Analysis code '{value}' not found for category {category}"
                    self.report(f"AnalysisCode{category}", value, "230008", message)
        given = [{category for category, _ in line.codes} for line in lines]
        if account.analysis and (not given or any(account.analysis - categories for categories in given)):
            self.report("LedgerCode", code, "230008", f"Ledger code '{code}' requires analysis")
        unequal = sum(line.cents for line in lines) != cents or any(line.cents * cents < 0 for line in lines)
        if lines and unequal:
            self.report("EntryAmount", "", "230008", "Analysis does not equal entry amount")
        return lines


def _analysis_line(source: Element) -> AnalysisLine:
    named = ((category, text_of(source, f"AnalysisCode{category}")) for category in range(1, 6))
    codes = tuple((category, value) for category, value in named if value)
    return AnalysisLine(codes, money_cents(text_of(source, "EntryAmount")) or 0, text_of(source, "Comment"))
