from __future__ import annotations

from pathlib import Path

import pytest

from scripts import preflight


def test_the_airflow_that_the_shell_names_wins(tmp_path: Path) -> None:
    assert preflight.choose_airflow({"AIRFLOW_HOME": "/somewhere"}, tmp_path / "env") == "the Airflow of AIRFLOW_HOME"


def test_else_it_is_the_demo_with_its_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW_HOME", "EXPENSIFY_ERP_TENANTS"):
        monkeypatch.setenv(name, "before")
    demo = tmp_path / "env"
    demo.write_text(
        "export AIRFLOW_HOME='/a b/airflow'\nexport PATH='/x':\"$PATH\"\nexport EXPENSIFY_ERP_TENANTS='/a b/t'\n"
    )
    assert preflight.choose_airflow({}, demo) == "the demo (make run)"
    import os

    assert (os.environ["AIRFLOW_HOME"], os.environ["EXPENSIFY_ERP_TENANTS"]) == ("/a b/airflow", "/a b/t")


def test_without_either_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(preflight, "DEMO", tmp_path / "env")
    assert preflight.main(["acme"]) == 2
    assert "set AIRFLOW_HOME" in capsys.readouterr().err
