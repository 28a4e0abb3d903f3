"""Cost centers of the ERP as the tags of one level.

Expensify replaces all tag levels with what it is sent (also under the action called "merge"), so what is sent is always the
whole list, with everything that must stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from include.reference_data.changes import Change
from include.reference_data.source import CostCenter


@dataclass(frozen=True)
class Level:
    """Which tag level holds cost centers (1 is the first), and what the tenant file makes of its names: name to code."""

    number: int
    codes: Mapping[str, str] = field(default_factory=dict)

    def code_of(self, tag: Mapping[str, Any]) -> str:
        """A tag's cost center: by the tenant file, else by its GL code; empty: none."""
        return self.codes.get(name_of(tag)) or str(tag.get("glCode") or "").strip()


def name_of(tag: Mapping[str, Any]) -> str:
    """A tag's name as the export will show it."""
    return str(tag.get("name") or "").strip()


def levels_of(tags: Sequence[Mapping[str, Any]], least: int = 1) -> list[dict[str, Any]]:
    """Both shapes of a policy's ``tags`` section (flat, or by level) as a list of at least so many levels."""
    if any("tags" in entry for entry in tags):
        levels = [{**level, "tags": [dict(tag) for tag in level.get("tags") or ()]} for level in tags]
    else:
        levels = [{"name": "Tag", "tags": [dict(tag) for tag in tags]}]
    while len(levels) < least:
        levels.append({"name": f"Level {len(levels) + 1}", "tags": []})
    return levels


def tag_changes(
    policy_id: str,
    tags: Sequence[Mapping[str, Any]],
    cost_centers: Sequence[CostCenter],
    level: Level,
    *,
    allow_removal: bool,
) -> tuple[list[Change], list[dict[str, Any]]]:
    """The difference of one level, and the whole ``tags`` section to send.

    A cost center that has a tag already, under whatever name, keeps it; else it becomes a tag with its own name (or code).
    Every such tag carries the code as its GL code. Tags that the ERP does not know stay unless ``allow_removal``; those that
    are switched off stay in any case.
    """
    levels = levels_of(tags, level.number)
    present: list[dict[str, Any]] = levels[level.number - 1]["tags"]
    by_name = {name_of(tag): tag for tag in present}
    active = {center.code: center for center in cost_centers if center.active}
    may_remove = allow_removal and bool(active)
    changes: list[Change] = []
    result = dict(by_name)
    matched: set[str] = set()

    for name, tag in by_name.items():
        code = level.code_of(tag)
        if code in active:
            matched.add(code)
            _enable(policy_id, name, tag, code, changes, result)
    missing = [center for code, center in active.items() if code not in matched]
    names = Counter(_tag_name(center) for center in missing)
    taken_over = set()
    for center in missing:
        name = _tag_name(center)
        namesake = by_name.get(name)
        if names[name] > 1:
            reason = f"{names[name]} cost centers of the ERP without a tag are called {name}: rename all but one there"
            changes.append(Change("tag", "skip", policy_id, center.code, reason))
        elif namesake is not None and level.code_of(namesake) in active:
            reason = (
                f"the ERP calls it {name}, and the tag {name} stands for {level.code_of(namesake)}: rename one of them"
            )
            changes.append(Change("tag", "skip", policy_id, center.code, reason))
        elif namesake is not None:
            taken_over.add(name)
            _enable(policy_id, name, namesake, center.code, changes, result)
        else:
            result[name] = {"name": name, "enabled": True, "glCode": center.code}
            changes.append(Change("tag", "add", policy_id, name, f"cost center {center.code} of the ERP", result[name]))
    inactive = {center.code for center in cost_centers if not center.active} - active.keys()
    for name, tag in by_name.items():
        code = level.code_of(tag)
        if code in active or name in taken_over or tag.get("enabled") is False:
            continue
        why = f"cost center {code} is inactive in the ERP" if code in inactive else "unknown to the ERP"
        if may_remove:
            del result[name]
            changes.append(Change("tag", "remove", policy_id, name, why, dict(tag)))
        else:
            off = (
                "`reference_data.allow_removal` is off" if not allow_removal else "the ERP shows no cost center at all"
            )
            changes.append(Change("tag", "keep", policy_id, name, f"{why}; {off}, so it stays"))
    levels[level.number - 1] = {
        **levels[level.number - 1],
        "tags": [result[name] for name in sorted(result)],
    }
    return sorted(changes, key=lambda change: (change.subject, change.action)), levels


def _enable(
    policy_id: str,
    name: str,
    tag: Mapping[str, Any],
    code: str,
    changes: list[Change],
    result: dict[str, dict[str, Any]],
) -> None:
    """Have a tag carry its code, and be switched on."""
    present = str(tag.get("glCode") or "").strip()
    off = tag.get("enabled") is False
    if present == code and not off:
        return
    result[name] = {**tag, "name": name, "enabled": True, "glCode": code}
    parts = [f"its code {present or 'missing'} becomes {code}"] if present != code else []
    parts += ["it is switched on: the cost center is active in the ERP"] if off else []
    changes.append(Change("tag", "change", policy_id, name, ", ".join(parts), result[name]))


def _tag_name(center: CostCenter) -> str:
    return center.name.strip() or center.code
