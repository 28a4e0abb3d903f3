"""The files around the code agree with each other: one Airflow, one set of versions, no addresses, nothing forgotten."""

import re
from pathlib import Path

import pytest
import yaml

from scripts.astro_settings import AirflowObjects, read_settings

PROJECT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def direct(file: str) -> set[str]:
    lines = (line.split("#")[0].strip() for line in (PROJECT / file).read_text().splitlines())
    return {normal(re.split(r"[\[<>=!~; ]", line)[0]) for line in lines if line and not line.startswith("-")}


def pins(lock: str) -> dict[str, set[str]]:
    """A universal lock may pin a package twice, for different Pythons."""
    found: dict[str, set[str]] = {}
    for line in (PROJECT / lock).read_text().splitlines():
        if match := PIN.match(line):
            found.setdefault(normal(match[1]), set()).add(match[2])
    return found


@pytest.mark.parametrize(
    ("file", "lock"),
    [
        ("requirements.txt", "requirements.lock"),
        ("requirements.txt", "requirements-dev.lock"),
        ("requirements-dev.txt", "requirements-dev.lock"),
    ],
)
def test_every_direct_dependency_is_locked(file: str, lock: str) -> None:
    assert direct(file) <= set(pins(lock)), "run `make lock`"


def test_both_locks_carry_the_same_versions() -> None:
    runtime, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: dev.get(name) for name in runtime} == runtime, "run `make lock`"


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_airflow_and_every_file_by_hash_without_an_address(lock: str) -> None:
    text = (PROJECT / lock).read_text()
    assert pins(lock)["apache-airflow"] == {"3.3.2"}
    assert not re.search(r"https?:|--index-url|--extra-index|--find-links|file:", text)
    requirements = re.split(r"(?m)^(?=[A-Za-z0-9])", text)[1:]
    assert requirements
    assert [r.split()[0] for r in requirements if "--hash=sha256:" not in r] == []


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt", "Dockerfile", "Makefile", "packages.txt"])
def test_no_package_host_is_named(file: str) -> None:
    assert not re.search(r"https?://", (PROJECT / file).read_text())


def test_requirements_pin_airflow_exactly() -> None:
    assert "\napache-airflow==3.3.2\n" in (PROJECT / "requirements.txt").read_text()


def test_the_image_carries_the_same_airflow_and_installs_what_is_listed() -> None:
    text = (PROJECT / "Dockerfile").read_text()
    assert re.search(r"(?m)^ARG BASE_IMAGE=apache/airflow:3\.3\.2-python3\.1[1-3]$", text)
    assert "-r /tmp/requirements/requirements.txt -c /tmp/requirements/requirements.lock" in text
    assert "packages.txt" in text
    assert "PYTHONPATH=${AIRFLOW_HOME}:${AIRFLOW_HOME}/plugins" in text
    users = re.findall(r"(?m)^USER (\S+)$", text)
    assert users[-1] == "${RUN_AS}", "the image must not run as root"
    assert "ARG RUN_AS=airflow" in text


def test_the_image_has_the_connection_types_and_their_test_button() -> None:
    text = (PROJECT / "Dockerfile").read_text()
    assert "RUN pip install --no-cache-dir --no-deps --no-build-isolation --no-index /tmp/provider" in text
    assert "AIRFLOW__CORE__TEST_CONNECTION=Enabled" in text


def test_what_the_image_copies_is_not_ignored() -> None:
    allowed = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied: set[str] = set()
    for line in re.findall(r"(?m)^COPY (.+)$", (PROJECT / "Dockerfile").read_text()):
        copied |= {part for part in line.split()[:-1] if not part.startswith("--")}
    assert copied == allowed


def test_the_astro_project_has_a_name() -> None:
    assert yaml.safe_load((PROJECT / ".astro" / "config.yaml").read_text())["project"]["name"] == "expensify-erp"


@pytest.fixture(scope="module")
def settings() -> AirflowObjects:
    return read_settings(PROJECT / "airflow_settings.yaml")


def test_demo_connections_lead_to_loopback_only(settings: AirflowObjects) -> None:
    for connection in settings.connections:
        assert (connection.conn_id, connection.conn_host) == (connection.conn_id, "127.0.0.1")
        assert connection.conn_port == 8765
        # Airflow masks no secret shorter than five characters.
        assert len(connection.conn_password or "") >= 5


def test_demo_connections_and_pools_cover_the_demo_tenants(settings: AirflowObjects) -> None:
    files = sorted((PROJECT / "include" / "sandbox" / "tenants").glob("*.yaml"))
    assert files
    connections = {connection.conn_id for connection in settings.connections}
    pools = {pool.pool_name for pool in settings.pools} | {"default_pool"}
    missing = []
    for file in files:
        tenant = yaml.safe_load(file.read_text())
        for kind in ("expensify", "erp"):
            if tenant[kind]["connection"] not in connections:
                missing.append(f"{file.name}: connection {tenant[kind]['connection']}")
        if tenant["erp"].get("pool", "default_pool") not in pools:
            missing.append(f"{file.name}: pool {tenant['erp']['pool']}")
    assert missing == [], "add them to airflow_settings.yaml"


def test_ci_runs_lint_and_test_and_nothing_hides_a_failure() -> None:
    text = (PROJECT / ".ci" / "run").read_text()
    assert text.startswith("#!/usr/bin/env bash")
    assert "make lint ||" in text
    assert "make test ||" in text
    assert text.rstrip().endswith('exit "$status"')
    assert (PROJECT / ".ci" / "run").stat().st_mode & 0o111
