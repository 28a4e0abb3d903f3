"""The least that has to happen: parse the same lines, group them, insert the same expense rows into the same table at once.

The table is the ledger's own, with its claim as primary key and its indexes. Nothing is checked, mapped or compared.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import polars

from bench.books import TARGET
from include.ledger.database import Ledger
from include.ledger.stored import EXPENSE_COLUMNS


def prepare(export: str) -> Callable[[], str]:
    """:param export: path of the export's lines."""
    folder = tempfile.TemporaryDirectory(dir=Path(export).parent)
    ledger = Ledger(f"sqlite:///{folder.name}/ledger.db")
    ledger.create_if_missing()

    def timed() -> str:
        rows: list[tuple[Any, ...]] = []
        days, amounts, categories, tags = [], [], [], []
        day = ""
        with open(export, "rb") as lines:
            for line in lines:
                record = orjson.loads(line)
                if record["k"] == "R":
                    day = record["approved"][:10]
                elif record["k"] == "E":
                    get = record.get
                    rows.append(
                        (
                            TARGET,
                            record["transactionID"],
                            "bench",
                            record["reportID"],
                            day,
                            1,
                            2,
                            record["amount"],
                            record["amount"],
                            get("modifiedAmount"),
                            get("convertedAmount"),
                            get("currency"),
                            get("created"),
                            get("merchant"),
                            get("category"),
                            get("categoryGlCode"),
                            get("tag"),
                            get("reimbursable"),
                            get("bank"),
                            get("cardName"),
                            get("cardLast4"),
                            get("taxCode"),
                            get("taxAmount"),
                        )
                    )
                    days.append(day)
                    amounts.append(record["amount"])
                    categories.append(get("category"))
                    tags.append(get("tag"))
        frame = polars.DataFrame({"day": days, "category": categories, "tag": tags, "amount": amounts})
        groups = frame.group_by("day", "category", "tag").agg(polars.col("amount").sum())
        marks = ", ".join("?" * len(EXPENSE_COLUMNS))
        statement = f"INSERT INTO expense ({', '.join(EXPENSE_COLUMNS)}) VALUES ({marks})"  # noqa: S608
        with ledger.write() as connection:
            connection.exec_driver_sql(statement, rows)
        ledger.close()
        folder.cleanup()
        return f"{groups.height} groups"

    return timed
