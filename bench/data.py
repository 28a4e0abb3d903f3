"""Raw exports of any size, line by line as Expensify's template prints them; the same bytes for the same size."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson

EXPENSES_PER_REPORT = 8
REPORTS_PER_RENDERING = 5000
FIRST_DAY = date(2026, 10, 1)
DAYS = 30
STARTED_AT = "2026-11-02T06:00:00+00:00"
CATEGORIES = [f"Category {number:02d}" for number in range(1, 26)]
PLANTS = [f"Plant {number}" for number in range(1, 13)]
PROJECTS = {plant: [f"{plant} project {number}" for number in range(1, 5)] for plant in PLANTS}
CARDS = ["Amex Corp", "Chase Ink"]


def write_export(path: Path, expenses: int) -> Path:
    """An archive's plain text with exactly ``expenses`` expense lines, in reports of :data:`EXPENSES_PER_REPORT`."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as file:
            file.writelines(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records(expenses))
        unfinished.replace(path)
    return path


def records(expenses: int) -> Iterator[dict[str, Any]]:
    """Every record of the export, in order."""
    chance = random.Random(expenses)
    sizes = [EXPENSES_PER_REPORT] * (expenses // EXPENSES_PER_REPORT)
    if rest := expenses % EXPENSES_PER_REPORT:
        sizes.append(rest)
    yield {"k": "X", "v": 1, "part": 1, "parts": 1, "started_at": STARTED_AT, "states": ["APPROVED", "REIMBURSED"]}
    transaction_id = 4_056_343_049_275_000_000
    for start in range(0, len(sizes), REPORTS_PER_RENDERING):
        rendering = sizes[start : start + REPORTS_PER_RENDERING]
        yield {"k": "B", "v": 1, "reports": len(rendering)}
        for number, size in enumerate(rendering, start=start):
            day = FIRST_DAY + timedelta(days=chance.randrange(DAYS))
            report_id = f"R{number:08d}"
            lines = [_expense(chance, report_id, transaction_id + offset, day) for offset in range(size)]
            transaction_id += size + chance.randrange(1, 500)
            yield _report(chance, report_id, day, sum(line["amount"] for line in lines))
            yield from lines
            yield {"k": "Z", "reportID": report_id, "n": size}
        yield {"k": "F", "reports": len(rendering)}


def _report(chance: random.Random, report_id: str, day: date, total: int) -> dict[str, Any]:
    person = chance.randrange(5000)
    return {
        "k": "R",
        "reportID": report_id,
        "oldReportID": str(31_000_000 + int(report_id[1:])),
        "reportName": f"Expenses {day:%B} {report_id}",
        "status": chance.choice(["Approved", "Reimbursed"]),
        "stateNum": 3,
        "accountEmail": f"person{person}@company.example",
        "accountID": str(7_000_000 + person),
        "submitterName": f"Person {person}",
        "managerEmail": f"manager{person % 200}@company.example",
        "managerName": f"Manager {person % 200}",
        "created": f"{day - timedelta(days=6):%Y-%m-%d}",
        "submitted": f"{day - timedelta(days=1):%Y-%m-%d} 15:12:00",
        "approved": f"{day:%Y-%m-%d} 18:{chance.randrange(60):02d}:{chance.randrange(60):02d}",
        "currency": "USD",
        "total": total,
        "policyID": "0123456789ABCDEF",
        "policyName": "Midwest Manufacturing",
        "isACHReimbursed": False,
        "approvers": [
            {
                "email": f"manager{person % 200}@company.example",
                "date": f"{day:%Y-%m-%d}",
                "name": f"Manager {person % 200}",
            }
        ],
    }


def _expense(chance: random.Random, report_id: str, transaction_id: int, day: date) -> dict[str, Any]:
    is_card = chance.random() < 0.3
    spent = day - timedelta(days=chance.randrange(3, 30))
    plant = chance.choice(PLANTS)
    line: dict[str, Any] = {
        "k": "E",
        "reportID": report_id,
        "transactionID": str(transaction_id),
        "merchant": f"Merchant {chance.randrange(20_000)}",
        "amount": chance.randrange(100, 200_000),
        "modifiedAmount": 0,
        "convertedAmount": 0,
        "currency": "USD",
        "created": f"{spent:%Y-%m-%d}",
        "inserted": f"{spent:%Y-%m-%d} {chance.randrange(24):02d}:{chance.randrange(60):02d}:{chance.randrange(60):02d}",
        "category": chance.choice(CATEGORIES),
        "categoryGlCode": "",
        "tag": plant,
        "ntag1": plant,
    }
    if chance.random() < 0.3:
        line["ntag2"] = chance.choice(PROJECTS[plant])
        line["tag"] = f"{plant}:{line['ntag2']}"
    line |= {
        "reimbursable": not is_card,
        "billable": False,
        "hasTax": False,
        "taxAmount": 0,
        "modifiedTaxAmount": 0,
        "mcc": str(chance.randrange(3000, 8000)),
        "bank": chance.choice(CARDS) if is_card else "",
        "managedCard": is_card,
        "type": "transaction",
    }
    if is_card:
        line |= {
            "cardName": "Corporate",
            "cardID": str(chance.randrange(10**6)),
            "cardLast4": f"{chance.randrange(10**4):04d}",
        }
    return {name: value for name, value in line.items() if value != ""}
