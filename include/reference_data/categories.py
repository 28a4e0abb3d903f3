"""GL codes of Expensify's categories against the accounts of the ledger."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from include.reference_data.changes import Change


def category_changes(
    policy_id: str,
    categories: Sequence[Mapping[str, Any]],
    mapped: Mapping[str, str],
    accounts: Collection[str],
) -> list[Change]:
    """Each enabled category carries a code that exists in the ledger, or is listed with the reason why not.

    :param categories: the policy's section: ``name``, ``enabled``, ``glCode``. :param mapped: the tenant file's
        ``mapping.gl_account.values``, which wins over the code kept in Expensify.
    """
    changes = []
    for category in sorted(categories, key=lambda item: str(item.get("name"))):
        name = str(category.get("name", "")).strip()
        if not name or category.get("enabled") is False:
            continue
        present = str(category.get("glCode") or "").strip()
        wanted = mapped.get(name, present)
        if not wanted:
            reason = "no account in the tenant file and no GL code in Expensify"
            changes.append(Change("category", "skip", policy_id, name, reason))
        elif wanted not in accounts:
            reason = f"its account {wanted} does not exist in the ledger, or is inactive"
            changes.append(Change("category", "skip", policy_id, name, reason))
        elif wanted != present:
            # Sent with what it has: an update without a field would clear it.
            record = {**category, "name": name, "enabled": True, "glCode": wanted}
            reason = f"GL code {present or 'missing'} becomes {wanted}"
            changes.append(Change("category", "change", policy_id, name, reason, record))
    return changes
