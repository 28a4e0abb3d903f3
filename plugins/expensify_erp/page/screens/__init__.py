"""The page's screens, one module each."""

from __future__ import annotations

from expensify_erp.page.screens import cut_over, expenses, findings, held, journal, journals, overview, reconcile

ROUTERS = (
    overview.router,
    journals.router,
    journal.router,
    held.router,
    expenses.router,
    findings.router,
    reconcile.router,
    cut_over.router,
)
