"""From Expensify's names to ERP values. Pure; called once per distinct name, never once per expense.

Order for an account or a dimension: ``values``, then the GL code kept in Expensify, then ``default``, then nothing where
nothing is required, else the expense is held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from include.settings.mapping import Dimension, ValueMap
from include.settings.posting import CardAccounts, CreditAccount
from include.settings.tenant import Tenant

UNMAPPED = "?"
"""Account of a line whose expenses have none yet: the journal is held, its totals are right all the same."""


@dataclass(frozen=True)
class Mapped:
    """A value and the rule that gave it; ``value`` is ``None`` when no rule did."""

    value: str | None
    rule: str


def look_up(section: ValueMap, name: str | None, gl_code: str | None, where: str) -> Mapped:
    """Apply one section of ``mapping``; ``where`` is its key in the tenant file."""
    trimmed = (name or "").strip()
    if trimmed and trimmed in section.values:
        return Mapped(section.values[trimmed], f"{where}.values[{trimmed!r}]")
    code = (gl_code or "").strip()
    if trimmed and section.expensify_gl_code and code:
        return Mapped(code, f"GL code of {trimmed!r} in Expensify")
    if section.default is not None:
        return Mapped(section.default, f"{where}.default")
    return Mapped(None, f"no rule in {where} for {trimmed!r}" if trimmed else f"nothing to map in {where}")


def gl_account(tenant: Tenant, category: str | None, gl_code: str | None) -> Mapped:
    """The GL account of a category."""
    return look_up(tenant.mapping.gl_account, category, gl_code, "mapping.gl_account")


def dimension(section: Dimension, name: str, tags: tuple[tuple[str, str | None], ...]) -> Mapped:
    """The value of the dimension ``name`` for an expense's tag levels."""
    tag, gl_code = tags[section.tag - 1] if len(tags) >= section.tag else (None, None)
    return look_up(section, tag, gl_code, f"mapping.dimensions.{name}")


def card_account(cards: CardAccounts | None, bank: str | None, card_name: str | None) -> CreditAccount | None:
    """The balancing account of a company card: by ``bank``, then by ``cardName``, else the default."""
    if cards is None:
        return None
    for feed in (bank, card_name):
        found = cards.by_card.get((feed or "").strip())
        if found is not None:
            return found
    return cards.default


def tag_text(tags: tuple[tuple[str, str | None], ...], level: int) -> str:
    """The tag at ``level`` (1 is the first), or ``""``."""
    return tags[level - 1][0] if len(tags) >= level else ""


def filled(dimensions: Mapping[str, Mapped]) -> dict[str, str]:
    """The dimensions that have a value, in stable order."""
    return {name: mapped.value for name, mapped in sorted(dimensions.items()) if mapped.value is not None}
