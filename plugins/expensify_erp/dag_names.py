"""How the names of a tenant's DAGs begin; the tenant's name follows."""

from __future__ import annotations

EXPENSES = "expenses__"
RECONCILE = "reconcile__"
REFERENCE_DATA = "reference_data__"
