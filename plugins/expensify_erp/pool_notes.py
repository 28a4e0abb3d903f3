"""How a run of ``preflight`` learns of Airflow's pools: the scheduler, which can read them, notes them on the run."""

from __future__ import annotations

import re
from collections.abc import Mapping

_BEGINS = "Pools of this Airflow: "
_ONE = re.compile(r"(\S+) \((-?\d+)\)")


def written(pools: Mapping[str, int]) -> str:
    """``Pools of this Airflow: default_pool (128), syspro_midwest (1)``. A note takes 1,000 characters."""
    return (_BEGINS + ", ".join(f"{name} ({slots})" for name, slots in sorted(pools.items())))[:1000]


def read(note: str | None, wanted: str) -> dict[str, int] | None:
    """The pools of a note; ``None`` when there is none, or when it was cut and lacks the one wanted."""
    if not note or not note.startswith(_BEGINS):
        return None
    found = {name: int(slots) for name, slots in _ONE.findall(note.removeprefix(_BEGINS))}
    return found if wanted in found or len(note) < 1000 else None
