"""The page's tabs. A further screen adds its line here and its router in ``screens``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tab:
    """``path`` is relative to the page; a screen below it (one journal below the journals) marks the same tab."""

    path: str
    label: str

    def is_current(self, here: str) -> bool:
        """Whether the address ``here`` belongs to this tab."""
        return here in ("", "/") if self.path == "/" else here == self.path or here.startswith(f"{self.path}/")


TABS: tuple[Tab, ...] = (
    Tab("/", "Overview"),
    Tab("/journals", "Journals"),
    Tab("/held", "Held"),
    Tab("/expenses", "Expenses"),
    Tab("/findings", "Findings"),
    Tab("/reconcile", "Reconcile"),
    Tab("/cut-over", "Cut-over"),
)
