"""The tenant whose expenses :mod:`bench.data` makes: SYSPRO, one journal per day."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from bench.data import CATEGORIES, FIRST_DAY, PLANTS, PROJECTS
from include.settings.tenant import Tenant, tenant_from

TARGET = "syspro://bench/EDU1"


def tenant() -> Tenant:
    """Everything in the export has an account."""
    projects = [project for of_plant in PROJECTS.values() for project in of_plant]
    content: dict[str, Any] = {
        "schedule": "0 6 * * *",
        "timezone": "America/Chicago",
        "start_date": date(FIRST_DAY.year, FIRST_DAY.month, 1),
        "expensify": {"connection": "expensify", "policies": ["0123456789ABCDEF"]},
        "erp": {"type": "syspro", "connection": "syspro", "pool": "syspro", "account": "{gl_account}-{cost_center}"},
        "posting": {"currency": "USD", "credit": {"reimbursable": "2150-00", "company_card": "2160-00"}},
        "mapping": {
            "gl_account": {"values": {name: f"{6100 + 10 * at}" for at, name in enumerate(CATEGORIES)}},
            "dimensions": {
                "cost_center": {
                    "tag": 1,
                    "required": True,
                    "values": {name: f"P{at}" for at, name in enumerate(PLANTS)},
                },
                "project": {"tag": 2, "values": {name: f"J{at}" for at, name in enumerate(projects)}},
            },
        },
    }
    return tenant_from(content, "bench", Path())
