"""A run's parameters, as people fill in Airflow's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def listed(params: Mapping[str, Any], name: str) -> list[str]:
    """The entries of a list of texts, trimmed; the form leaves blank ones, and nothing where nobody wrote anything."""
    return [str(value).strip() for value in params.get(name) or () if str(value).strip()]
