"""Money is integer cents: hundredths of the major unit in every currency, yen too."""

from __future__ import annotations

# ISO 4217 currencies without a minor unit: a fraction of one cannot be paid, so it is held.
WHOLE_UNIT_CURRENCIES = frozenset(
    {
        "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF",
    }
)  # fmt: skip


def written(cents: int, currency: str | None = None) -> str:
    """For people: ``-1,240.50 USD``."""
    sign = "-" if cents < 0 else ""
    units, rest = divmod(abs(cents), 100)
    return f"{sign}{units:,}.{rest:02d}" + (f" {currency}" if currency else "")


def decimal_text(cents: int) -> str:
    """For documents: always two decimals, ``.``, no grouping: ``-1240.50``."""
    sign = "-" if cents < 0 else ""
    units, rest = divmod(abs(cents), 100)
    return f"{sign}{units}.{rest:02d}"


def cents_from_text(text: str) -> int:
    """Cents of a decimal text with at most two significant decimals (``" 125.40"``, ``-3``, ``1.5``).

    :raises ValueError: it is not such a number; never rounds.
    """
    stripped = text.strip()
    digits = stripped.lstrip("+-")
    if len(stripped) - len(digits) > 1:
        raise ValueError(f"{text!r} is not an amount")
    units, _, decimals = digits.partition(".")
    if not (units or decimals) or not (units + decimals).isascii() or not (units + decimals).isdigit():
        raise ValueError(f"{text!r} is not an amount")
    if decimals[2:].strip("0"):
        raise ValueError(f"{text!r} has a fraction of a cent")
    cents = int(units or "0") * 100 + int(decimals[:2].ljust(2, "0"))
    return -cents if stripped.startswith("-") else cents


def has_forbidden_fraction(cents: int, currency: str) -> bool:
    """True for a fraction that the currency does not have (0.50 JPY)."""
    return currency in WHOLE_UNIT_CURRENCIES and cents % 100 != 0
