"""The plugins folder as Airflow loads it: every file that is not ignored, under its bare name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]

PROBE = """
import json, sys
from airflow import plugins_manager
plugins, errors = plugins_manager._get_plugins()
from airflow.listeners.listener import get_listener_manager
listeners = get_listener_manager()
plugins_manager.integrate_listener_plugins(listeners)
ours = [plugin for plugin in plugins if plugin.source and "$PLUGINS" in str(plugin.source)]
import expensify_erp.pool_listener
stems = {file.rpartition("/")[2][:-3] for file in json.loads('$FILES')}
print(json.dumps({
    "names": [plugin.name for plugin in plugins if str(plugin.name).startswith("expensify")],
    "errors": errors,
    "bare": sorted(stem for stem in stems if stem in sys.modules and stem != "__init__"
                   and "expensify_erp" in str(getattr(sys.modules[stem], "__file__", ""))),
    "listens": listeners.pm.is_registered(expensify_erp.pool_listener),
    "page_is_loaded": "expensify_erp.page.app" in sys.modules,
    "doors": [one["url_prefix"] for one in plugins_manager.get_fastapi_plugins()[0]],
    "views": [[one["name"], one["url_route"], one["destination"]] for one in plugins_manager._get_ui_plugins()[0]],
    "times": sum(1 for plugin in listeners.pm.get_plugins() if "pool_listener" in str(plugin)),
}))
"""


def load(plugins: Path, home: Path) -> dict[str, Any]:
    files = [str(file.relative_to(plugins)) for file in sorted((plugins / "expensify_erp").rglob("*.py"))]
    program = PROBE.replace("$FILES", json.dumps(files)).replace("$PLUGINS", str(plugins))
    environment = os.environ | {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins)}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def copy_of_the_project(folder: Path) -> Path:
    """``plugins/`` and ``include/`` elsewhere, so that neither the working folder nor PYTHONPATH helps."""
    for name in ("plugins", "include"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "plugins"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("project")
    plugins = copy_of_the_project(folder)
    (folder / "home").mkdir()
    return load(plugins, folder / "home")


def test_airflow_finds_one_plugin_and_no_import_error(loaded: dict[str, Any]) -> None:
    assert (loaded["names"], loaded["errors"]) == (["expensify_erp"], {})


def test_no_module_is_imported_a_second_time_under_its_bare_name(loaded: dict[str, Any]) -> None:
    assert loaded["bare"] == []


def test_the_pool_listener_listens_once(loaded: dict[str, Any]) -> None:
    assert (loaded["listens"], loaded["times"]) == (True, 1)


def test_the_ledger_page_has_its_door_and_its_place_in_the_navigation(loaded: dict[str, Any]) -> None:
    assert loaded["doors"] == ["/expense-ledger"]
    assert loaded["views"] == [["Ledger", "expense-ledger", "nav"]]


def test_a_task_that_loads_the_plugin_does_not_load_the_page(loaded: dict[str, Any]) -> None:
    assert loaded["page_is_loaded"] is False


def test_the_ignore_file_is_what_keeps_the_package_out(tmp_path: Path) -> None:
    plugins = copy_of_the_project(tmp_path)
    (tmp_path / "home").mkdir()
    (plugins / ".airflowignore").unlink()
    assert "retries" in load(plugins, tmp_path / "home")["bare"]
