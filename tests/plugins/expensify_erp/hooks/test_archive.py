"""Where raw exports lie, and under which keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.sdk import conf
from cryptography.fernet import Fernet
from expensify_erp.hooks import archive
from expensify_erp.hooks.archive import ArchiveHook

from include.errors import Misconfigured

SetConnection = Callable[..., None]
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, set_connection: SetConnection) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_EXPENSE_ARCHIVE", raising=False)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "home"))


def fernet_key_of_airflow(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setattr(archive.conf, "get", lambda *names, **_: key if names == ("core", "fernet_key") else None)


def test_without_a_connection_it_is_a_folder_in_airflows_home(tmp_path: Path) -> None:
    assert str(ArchiveHook().get_conn()) == (tmp_path / "home" / "expense_archive").as_uri()


@pytest.mark.parametrize("as_url", [False, True], ids=["path", "URL"])
def test_a_local_folder_as_path_or_as_url(tmp_path: Path, set_connection: SetConnection, as_url: bool) -> None:
    folder = tmp_path / "raw exports"
    set_connection("expense_archive", "generic", host=folder.as_uri() if as_url else str(folder))
    made = ArchiveHook().folder_of("acme")
    (made / "x").write_text("y")
    where = Path(str(made).removeprefix("file://").replace("%20", " "))
    assert where == folder / "acme"


def test_an_object_store(set_connection: SetConnection) -> None:
    set_connection("expense_archive", "generic", host="memory://exports/raw")
    path = ArchiveHook().get_conn()
    assert (path.protocol, str(path)) == ("memory", "memory://exports/raw")


def test_a_file_per_export_whose_name_any_store_takes(tmp_path: Path) -> None:
    now = datetime(2026, 11, 2, 6, 0, 0, 123456, tzinfo=UTC)
    file = ArchiveHook().new_file("acme", "scheduled__2026-11-02T12:00:00+00:00/../x y", now)
    assert file.name == "scheduled__2026-11-02T12_00_00+00_00_.._x_y.20261102T060000123456Z.export"
    later = ArchiveHook().new_file("acme", "scheduled__2026-11-02T12:00:00+00:00/../x y", now.replace(microsecond=7))
    assert later.name != file.name


def test_the_first_key_encrypts_and_all_decrypt(set_connection: SetConnection) -> None:
    set_connection("expense_archive", "generic", password=f"{NEW}, {OLD}")
    keys = ArchiveHook().keys()
    assert keys.decrypt(Fernet(OLD).encrypt(b"before")) == b"before"
    assert Fernet(NEW).decrypt(keys.encrypt(b"after")) == b"after"


def test_a_connection_without_keys_uses_airflows_own(
    set_connection: SetConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_connection("expense_archive", "generic", host="memory://exports")
    fernet_key_of_airflow(monkeypatch, NEW)
    assert Fernet(NEW).decrypt(ArchiveHook().keys().encrypt(b"x")) == b"x"


def test_airflows_own_key_is_the_one_in_its_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", OLD)
    assert conf.get("core", "fernet_key") == OLD
    assert Fernet(OLD).decrypt(ArchiveHook().keys().encrypt(b"x")) == b"x"


def test_no_key_anywhere_is_an_error_and_never_clear_text(monkeypatch: pytest.MonkeyPatch) -> None:
    fernet_key_of_airflow(monkeypatch, "")
    with pytest.raises(Misconfigured, match="raw exports cannot be encrypted: set Fernet keys as password"):
        ArchiveHook().keys()


def test_a_wrong_key_is_named_by_its_place_and_not_shown(set_connection: SetConnection) -> None:
    set_connection("expense_archive", "generic", password=f"{NEW},not-a-key-at-all")
    with pytest.raises(Misconfigured, match="key number 2 of the archive's comma list") as caught:
        ArchiveHook().keys()
    assert "not-a-key-at-all" not in str(caught.value)
