"""Cost centres of the ERP as the tags of one level.

Expensify replaces all tag levels with what it is sent (also under the action called "merge"), so what is sent is always the
whole list, with everything that must stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from include.reference_data.changes import Change
from include.reference_data.source import CostCenter


def levels_of(tags: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Both shapes of a policy's ``tags`` section (flat, or by level) as a list of levels."""
    if any("tags" in entry for entry in tags):
        return [{**level, "tags": [dict(tag) for tag in level.get("tags") or ()]} for level in tags]
    return [{"name": "Tag", "tags": [dict(tag) for tag in tags]}]


def tag_changes(
    policy_id: str,
    tags: Sequence[Mapping[str, Any]],
    cost_centers: Sequence[CostCenter],
    level: int,
    *,
    allow_removal: bool,
) -> tuple[list[Change], list[dict[str, Any]]]:
    """The difference of one level, and the whole ``tags`` section to send.

    A tag is a cost centre's name with the code as its GL code. Tags that the ERP does not know stay unless
    ``allow_removal``.

    :param level: 1 is the first level.
    """
    levels = levels_of(tags)
    while len(levels) < level:
        levels.append({"name": f"Level {len(levels) + 1}", "tags": []})
    present = {str(tag.get("name", "")).strip(): tag for tag in levels[level - 1]["tags"]}
    wanted = {center.name.strip() or center.code: center for center in cost_centers if center.active}
    by_code = {center.code: center for center in cost_centers}
    changes: list[Change] = []
    result: dict[str, dict[str, Any]] = {}
    for name, center in sorted(wanted.items()):
        tag = present.get(name)
        record = {**(tag or {}), "name": name, "enabled": True, "glCode": center.code}
        result[name] = record
        if tag is None:
            changes.append(Change("tag", "add", policy_id, name, f"cost centre {center.code} of the ERP", record))
        elif str(tag.get("glCode") or "") != center.code or tag.get("enabled") is False:
            changes.append(Change("tag", "change", policy_id, name, f"its code becomes {center.code}", record))
    for name, tag in sorted(present.items()):
        if name in wanted:
            continue
        known = by_code.get(str(tag.get("glCode") or ""))
        why = "inactive in the ERP" if known is not None and not known.active else "unknown to the ERP"
        if allow_removal:
            changes.append(Change("tag", "remove", policy_id, name, why, dict(tag)))
        else:
            result[name] = dict(tag)
            kept = f"{why}; `reference_data.allow_removal` is off, so it stays"
            changes.append(Change("tag", "keep", policy_id, name, kept))
    levels[level - 1] = {**levels[level - 1], "tags": [result[name] for name in sorted(result)]}
    return changes, levels
