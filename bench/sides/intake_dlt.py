"""dlt loads the same file into a SQLite database: one table of reports, one of expenses, columns and types found by itself."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def prepare(export: str) -> Callable[[], str]:
    """:param export: path of the export's lines."""
    folder = tempfile.TemporaryDirectory(dir=Path(export).parent)
    os.environ["DLT_DATA_DIR"] = f"{folder.name}/dlt"
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    # SQLite has one writer: with dlt's usual twenty, a large load ends with "database is locked".
    os.environ["LOAD__WORKERS"] = "1"
    import dlt
    import orjson

    def lines(kind: str) -> Iterator[list[dict[str, Any]]]:
        batch = []
        with open(export, "rb") as file:
            for line in file:
                record = orjson.loads(line)
                if record["k"] == kind:
                    batch.append(record)
                    if len(batch) == 10_000:
                        yield batch
                        batch = []
        yield batch

    def timed() -> str:
        pipeline = dlt.pipeline(
            "bench",
            destination=dlt.destinations.sqlalchemy(f"sqlite:///{folder.name}/dlt.db"),
            dataset_name="main",
            pipelines_dir=f"{folder.name}/pipelines",
        )
        pipeline.run(
            [
                dlt.resource(lines("E"), name="expense", primary_key="transactionID"),
                dlt.resource(lines("R"), name="report", primary_key="reportID"),
            ]
        )
        rows = pipeline.last_trace.last_normalize_info.row_counts["expense"]
        folder.cleanup()
        return f"{rows} expenses"

    return timed
