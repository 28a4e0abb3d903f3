"""The documents that are posted, from fixed templates.

SYSPRO ignores elements that it does not know: a misspelt name loses its value without a message. Hence no free-form building;
the names and their order are written here once and tested.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from include.accounting.money import decimal_text
from include.erps.port import Draft, Line
from include.erps.windows_1252 import windows_1252

if TYPE_CHECKING:
    from include.erps.syspro.settings import SysproSettings


@dataclass(frozen=True)
class Posting:
    """One call of ``Transaction/Post``: the business object and its two XML texts. Holds no secret."""

    business_object: str
    parameters: str
    document: str

    @property
    def text(self) -> str:
        """What is kept as evidence of what was sent."""
        return f"{self.parameters}\n{self.document}"


def amount(cents: int) -> str:
    """Signed cents as SYSPRO reads them: two decimals, a point, no grouping."""
    return decimal_text(cents)


def leaf(name: str, value: str) -> str:
    """An element with escaped text that SYSPRO can store."""
    return f"<{name}>{escape(windows_1252(value))}</{name}>"


def posting(
    draft: Draft, settings: SysproSettings, *, year: int, period: int, ap_period: str = "C", validate_only: bool = False
) -> Posting:
    """The call that posts a draft, or only validates it.

    :param year: ledger year, :param period: ledger period of a journal. :param ap_period: of a bill, relative to the
        current period: ``C``, ``P`` (previous) or ``B`` (the one before that).
    """
    only = "Y" if validate_only else "N"
    if draft.kind == "bill":
        return Posting("APSTIN", _invoice_parameters(ap_period, only), _invoice(draft, settings))
    return Posting("GENTJL", _journal_parameters(only), _journal(draft, settings, year, period))


def _journal_parameters(validate_only: str) -> str:
    # A warning must refuse (IgnoreWarnings N) and one bad entry must stop all (ApplyIfEntireDocumentValid Y).
    return (
        "<PostGlJournal><Parameters><IgnoreWarnings>N</IgnoreWarnings>"
        "<ApplyIfEntireDocumentValid>Y</ApplyIfEntireDocumentValid>"
        f"<ValidateOnly>{validate_only}</ValidateOnly><ActionType>A</ActionType>"
        "<ValidatePasswords>N</ValidatePasswords><IgnoreAnalysis>N</IgnoreAnalysis></Parameters></PostGlJournal>"
    )


def _journal(draft: Draft, settings: SysproSettings, year: int, period: int) -> str:
    day = draft.posting_date.isoformat()
    entries = "".join(
        "<JournalDetails>"
        + leaf("LedgerCode", line.account)
        + leaf("Date", day)
        # The header's reference is not copied to the entries, and only theirs can be searched.
        + leaf("Reference", draft.reference)
        + leaf("EntryAmount", amount(line.amount_cents))
        + leaf("Comment", _cut(line.description or draft.description, settings.sizes.text))
        + _analysis(line, settings)
        + "</JournalDetails>"
        for line in draft.sent_lines
    )
    return (
        "<PostGlJournal><Item>"
        + leaf("JournalType", settings.journal_type)
        + leaf("AuthorizeJournal", settings.authorize_journal)
        + leaf("PostJournal", "Y")
        + leaf("JournalDate", day)
        + leaf("JournalReference", draft.reference)
        + leaf("Notation", _cut(draft.description, settings.sizes.text))
        # Without them SYSPRO takes its current period, whatever the date says.
        + leaf("PostingPeriod", str(period))
        + leaf("PostingYear", str(year))
        + entries
        + "</Item></PostGlJournal>"
    )


def _invoice_parameters(ap_period: str, validate_only: str) -> str:
    return (
        f"<PostApInvoice><Parameters><PostingPeriod>{ap_period}</PostingPeriod><IgnoreWarnings>N</IgnoreWarnings>"
        "<ApplyIfEntireDocumentValid>Y</ApplyIfEntireDocumentValid>"
        f"<ValidateOnly>{validate_only}</ValidateOnly><AutomaticTaxCalculation>N</AutomaticTaxCalculation>"
        "<IgnoreAnalysis>N</IgnoreAnalysis></Parameters></PostApInvoice>"
    )


def _invoice(draft: Draft, settings: SysproSettings) -> str:
    text = _cut(draft.description, settings.sizes.text)
    distribution = "".join(
        "<LedgerDistribution>"
        + leaf("LedgerCode", line.account)
        + leaf("LedgerNotation", _cut(line.description or draft.description, settings.sizes.text))
        + leaf("LedgerValue", amount(line.amount_cents))
        + _analysis(line, settings)
        + "</LedgerDistribution>"
        for line in draft.sent_lines
    )
    return (
        "<PostApInvoice><Item>"
        + leaf("Supplier", settings.supplier or "")
        + leaf("TransactionCode", "I")
        + leaf("Invoice", draft.reference)
        + leaf("TransactionValue", amount(payable_cents(draft)))
        + leaf("Notation", text)
        + leaf("TransactionReference", draft.reference)
        + leaf("JournalNotation", text)
        + leaf("InvoiceDate", draft.posting_date.isoformat())
        + leaf("TaxBasis", settings.tax_basis)
        + leaf("TaxValue", "0.00")
        + distribution
        + "</Item></PostApInvoice>"
    )


def payable_cents(draft: Draft) -> int:
    """What the supplier is owed by a bill: the sum of the lines that are sent, refunds deducted."""
    return sum(line.amount_cents for line in draft.sent_lines)


def _analysis(line: Line, settings: SysproSettings) -> str:
    codes = analysis_codes(line, settings)
    if not codes:
        return ""
    named = "".join(leaf(f"AnalysisCode{category}", code) for category, code in sorted(codes.items()))
    return f"<AnalysisLineEntry>{named}{leaf('EntryAmount', amount(line.amount_cents))}</AnalysisLineEntry>"


def analysis_codes(line: Line, settings: SysproSettings) -> dict[int, str]:
    """Category (1 to 5) to code for the dimensions that this line carries."""
    return {
        category: line.dimensions[dimension]
        for category, dimension in settings.analysis.items()
        if line.dimensions.get(dimension)
    }


def _cut(text: str, length: int) -> str:
    return windows_1252(text).strip()[:length].rstrip()
