"""Arrows point one way: dags -> operators -> hooks -> include. Read from the source, so that lazy imports count too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def imports_of(file: Path) -> Iterator[tuple[int, str]]:
    """Every imported module, wherever in the file, and strings given to ``import_module``."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name in ("import_module", "__import__") and node.args and isinstance(node.args[0], ast.Constant):
                yield node.lineno, str(node.args[0].value)


def forbidden(folder: str, *modules: str) -> list[str]:
    files = sorted((PROJECT / folder).rglob("*.py"))
    assert files, folder
    return [
        f"{file.relative_to(PROJECT)}:{line} imports {name}"
        for file in files
        for line, name in imports_of(file)
        if any(name == module or name.startswith(f"{module}.") for module in modules)
    ]


@pytest.mark.parametrize(
    ("folder", "above"),
    [
        ("include", ["airflow", "expensify_erp", "dags", "plugins", "scripts", "tests"]),
        ("plugins/expensify_erp/hooks", ["expensify_erp.operators", "include.sandbox", "scripts", "tests"]),
        ("plugins/expensify_erp/operators", ["include.sandbox", "scripts", "tests"]),
        (
            "plugins/expensify_erp/page",
            ["expensify_erp.operators", "include.erps", "include.sandbox", "scripts", "tests"],
        ),
        ("dags", ["expensify_erp.hooks", "include.ledger", "include.sandbox", "scripts", "tests"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_floor_imports_the_ones_above_it(folder: str, above: list[str]) -> None:
    assert forbidden(folder, *above) == []


def test_production_code_imports_no_simulated_server() -> None:
    found = [line for line in forbidden("include", "include.sandbox") if not line.startswith("include/sandbox/")]
    assert found == []


def test_the_reader_of_imports_sees_lazy_and_relative_ones(tmp_path: Path) -> None:
    file = tmp_path / "sample.py"
    file.write_text("def f():\n    from airflow.sdk import DAG\n    import a.b\n    import_module('airflow.x')\n")
    assert set(imports_of(file)) == {(2, "airflow.sdk"), (2, "airflow.sdk.DAG"), (3, "a.b"), (4, "airflow.x")}
