"""`make run` before anything starts: ports, a second run, the fresh folder."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scripts.astro_settings import read_settings
from scripts.run import CannotRun, Demo, check_port, make_fresh, only_one, port_of, with_own_places


def test_a_port_in_use_names_the_port_and_the_way_out() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(CannotRun, match=f"port {port} is in use.*make run AIRFLOW_PORT={port + 1}"):
            check_port(port, "AIRFLOW_PORT", "Airflow's UI")


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1"])
def test_a_port_must_be_a_number(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_PORT", text)
    with pytest.raises(CannotRun, match="SANDBOX_PORT"):
        port_of("SANDBOX_PORT", 8765)


def test_a_second_run_is_refused_and_names_the_first(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(CannotRun, match=f"process {os.getpid()}"), only_one(tmp_path):
        pass
    with only_one(tmp_path):
        pass


def test_a_killed_run_leaves_no_lock(tmp_path: Path) -> None:
    code = f"""
import os
from pathlib import Path
from scripts.run import only_one
with only_one(Path({str(tmp_path)!r})):
    os.kill(os.getpid(), 9)
"""
    project = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(project)}, check=False)
    assert (tmp_path / "run.lock").read_text()
    with only_one(tmp_path):
        assert (tmp_path / "run.lock").read_text() == str(os.getpid())


def demo(tmp_path: Path) -> Demo:
    tenants = tmp_path / "source"
    tenants.mkdir()
    (tenants / "midwest.yaml").write_text("timezone: America/Chicago\nstart_date: 2020-01-01  # first day\nerp: {}\n")
    (tenants / "categories.csv").write_text("a,b\n")
    return Demo(folder=tmp_path / "run", tenants=tenants)


def test_the_folder_is_made_fresh_and_the_start_date_is_near(tmp_path: Path) -> None:
    stage = demo(tmp_path)
    stage.own_tenants.mkdir(parents=True)
    (stage.own_tenants / "gone.yaml").touch()
    stage.ledger.touch()
    assert make_fresh(stage) == ["midwest"]
    assert not stage.ledger.exists()
    assert sorted(path.name for path in stage.own_tenants.iterdir()) == ["categories.csv", "midwest.yaml"]
    text = (stage.own_tenants / "midwest.yaml").read_text()
    assert "# first day" in text
    assert yaml.safe_load(text)["start_date"].year > 2020
    assert "2020-01-01" in (stage.tenants / "midwest.yaml").read_text()


def test_connections_follow_the_sandbox_to_another_port(tmp_path: Path) -> None:
    project = Path(__file__).resolve().parents[2]
    moved = read_settings(project / "airflow_settings.yaml").moved(ports={8765: 9000})
    assert {connection.conn_port for connection in moved.connections} == {9000}
    own = with_own_places(moved, Demo(folder=tmp_path))
    assert own.connection("expense_ledger").conn_host == str(tmp_path / "ledger.db")
    assert own.connection("expense_archive").conn_host == (tmp_path / "archive").as_uri()


def test_a_settings_file_with_an_unknown_key_is_an_error_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "airflow_settings.yaml"
    file.write_text("airflow:\n  connections:\n    - conn_id: a\n      conn_type: http\n      conn_pasword: x\n")
    with pytest.raises(ValueError, match=r"connections\.0\.conn_pasword"):
        read_settings(file)
