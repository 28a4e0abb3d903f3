from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import Misconfigured
from include.expensify.archive import (
    DamagedArchive,
    archive_keys,
    read_chunks,
    read_lines,
    remove_older_than,
    writing,
    written_at,
)

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
KEYS = archive_keys(OLD)
LINES = [b'{"k":"B"}', b"", b'{"merchant":"Secret Clinic"}', b"x" * 300, b'{"k":"F"}']


def store(path: Any, content: bytes = b"\n".join(LINES) + b"\n", chunk_bytes: int = 64, **options: Any) -> None:
    with writing(path, options.pop("keys", KEYS), chunk_bytes=chunk_bytes, **options) as archive:
        for start in range(0, len(content), 50):
            archive.write(content[start : start + 50])
        assert archive.bytes_written == len(content)


def test_what_is_written_comes_back_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "tenant" / "run.export"
    store(path)
    assert list(read_lines(path, KEYS)) == LINES
    assert b"".join(read_chunks(path, KEYS)) == b"\n".join(LINES) + b"\n"


def test_nothing_readable_is_on_the_disk_and_only_the_owner_may_read(tmp_path: Path) -> None:
    path = tmp_path / "run.export"
    store(path)
    assert b"Clinic" not in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@given(content=st.binary(max_size=500), chunk=st.integers(min_value=1, max_value=200))
@settings(max_examples=60)
def test_any_content_survives_any_chunk_size(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, chunk: int
) -> None:
    path = tmp_path_factory.mktemp("a") / "run.export"
    store(path, content, chunk)
    expected = content.split(b"\n")
    assert list(read_lines(path, KEYS)) == (expected[:-1] if not expected[-1] else expected)


def test_a_new_key_in_front_encrypts_and_old_files_stay_readable(tmp_path: Path) -> None:
    old, new = tmp_path / "old.export", tmp_path / "new.export"
    store(old)
    rotated = archive_keys(f"{NEW}, {OLD}")
    store(new, keys=rotated)
    assert list(read_lines(old, rotated)) == LINES
    assert list(read_lines(new, archive_keys(NEW))) == LINES


def test_a_missing_key_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "run.export"
    store(path)
    with pytest.raises(Misconfigured, match=r"no key opens run\.export: add the key .* expense_archive"):
        list(read_lines(path, archive_keys(NEW)))


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "no key"), (" , ", "no key"), (f"{OLD},geheim", "key number 2")],
    ids=["empty", "only a comma", "second is none"],
)
def test_bad_keys_are_refused_without_showing_them(text: str, message: str) -> None:
    with pytest.raises(Misconfigured, match=message) as caught:
        archive_keys(text)
    assert "geheim" not in str(caught.value)


def tokens(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("damage", ["no end", "cut token", "lost", "swapped", "twice", "foreign", "changed", "behind"])
def test_damage_is_found_wherever_it_is(tmp_path: Path, damage: str) -> None:
    path, other = tmp_path / "run.export", tmp_path / "other.export"
    store(path)
    store(other)
    head, *rest = tokens(path)
    assert len(rest) > 4
    foreign = tokens(other)
    rest = {
        "no end": rest[:-1],
        "cut token": [*rest[:-1], rest[-1][:40]],
        "lost": [*rest[:2], *rest[3:]],
        "swapped": [rest[0], rest[2], rest[1], *rest[3:]],
        "twice": [rest[0], *rest],
        "foreign": [*rest[:2], foreign[3], *rest[3:]],
        "changed": [*rest[:2], rest[2][:50] + b"AAAA" + rest[2][54:], *rest[3:]],
        "behind": [*rest, foreign[1]],
    }[damage]
    path.write_bytes(b"".join([head, *rest]))
    with pytest.raises(DamagedArchive, match=r"run\.export"):
        list(read_lines(path, KEYS))


@given(st.data())
@settings(max_examples=60)
def test_a_file_cut_off_at_any_byte_is_never_read_as_complete(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("a") / "run.export"
    store(path)
    content = path.read_bytes()
    # Without the very last line end the end mark is still whole.
    path.write_bytes(content[: data.draw(st.integers(min_value=0, max_value=len(content) - 2))])
    with pytest.raises((DamagedArchive, Misconfigured)):
        list(read_lines(path, KEYS))


def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.export"
    path.write_bytes(b'{"k":"B"}\n')
    with pytest.raises(DamagedArchive, match="no raw export of ours"):
        list(read_lines(path, KEYS))


def test_an_error_while_writing_leaves_the_earlier_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "run.export"
    store(path)
    with pytest.raises(TypeError), writing(path, KEYS, chunk_bytes=2) as archive:
        archive.write([b"half", None])  # type: ignore[arg-type]
    assert list(read_lines(path, KEYS)) == LINES
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.export"]


class Remote:
    """An object of a store without renames: visible once it is closed."""

    def __init__(self, objects: dict[str, bytes], name: str) -> None:
        self.objects = objects
        self.name = name

    def open(self, mode: str) -> IO[Any]:
        if mode == "rb":
            return io.BytesIO(self.objects[self.name])
        remote = self

        class Upload(io.BytesIO):
            def close(self) -> None:
                if not self.closed:
                    remote.objects[remote.name] = self.getvalue()
                super().close()

        return Upload()

    def unlink(self) -> None:
        del self.objects[self.name]


def test_an_object_store_needs_only_open_and_unlink() -> None:
    objects: dict[str, bytes] = {}
    store(Remote(objects, "run.export"))
    assert list(read_lines(Remote(objects, "run.export"), KEYS)) == LINES
    with pytest.raises(RuntimeError), writing(Remote(objects, "bad.export"), KEYS):
        raise RuntimeError
    assert list(objects) == ["run.export"]


def test_airflow_paths_work(tmp_path: Path) -> None:
    io_path = pytest.importorskip("airflow.sdk").ObjectStoragePath
    from airflow.sdk.io import attach

    attach("memory", fs=pytest.importorskip("fsspec.implementations.memory").MemoryFileSystem())
    for base in (f"file://{tmp_path}", "memory://bucket"):
        path = io_path(base) / "tenant" / "run.export"
        store(path, now=datetime(2026, 1, 1, tzinfo=UTC))
        assert list(read_lines(path, KEYS)) == LINES
        assert remove_older_than(io_path(base), 90, datetime(2026, 6, 1, tzinfo=UTC)) == ["run.export"]
        assert not path.exists()


def test_old_archives_are_removed_and_nothing_else(tmp_path: Path) -> None:
    now = datetime(2026, 4, 1, 12, tzinfo=UTC)
    made = {
        "old.export": datetime(2026, 1, 1, 11, 59, 59, tzinfo=UTC),
        "edge.export": datetime(2026, 1, 1, 12, tzinfo=UTC),
        "new.export": datetime(2026, 3, 31, tzinfo=UTC),
        "left.export.12ab.part": datetime(2026, 1, 1, tzinfo=UTC),
    }
    for name, at in made.items():
        path = tmp_path / "tenant" / name
        store(path, now=at)
        assert written_at(path) == at
    (tmp_path / "foreign.export").write_bytes(b"not ours")
    (tmp_path / "notes.txt").write_bytes(b"expensify-erp archive 1 2000-01-01T00:00:00+00:00\n")
    assert sorted(remove_older_than(tmp_path, 90, now)) == ["left.export.12ab.part", "old.export"]
    left = {entry.name for entry in tmp_path.rglob("*") if entry.is_file()}
    assert left == {"edge.export", "new.export", "foreign.export", "notes.txt"}
    assert remove_older_than(tmp_path / "absent", 90, now) == []


def test_memory_stays_flat_both_ways(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "run.export"
    line = b"y" * 999 + b"\n"

    def lines() -> Iterator[bytes]:
        for _ in range(20_000):
            yield line

    tracemalloc.start()
    try:
        with writing(path, KEYS, chunk_bytes=256 * 1024) as archive:
            for one in lines():
                archive.write(one)
        assert sum(1 for _ in read_lines(path, KEYS)) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
