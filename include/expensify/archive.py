"""Raw exports at rest: compressed and encrypted in independent chunks, so that memory stays flat both ways.

A file is text lines: one header line with the time of writing, one Fernet token per chunk, one token as end mark. A chunk's
plain text is the file's random ID, the chunk's number, and its content compressed with zlib; the end mark holds the number
of chunks. So a lost, moved or foreign chunk and a cut-off file are all found when the file is read.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Protocol

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from include.errors import Misconfigured, Refused

SUFFIX = ".export"
CHUNK_BYTES = 2 * 1024 * 1024
_MAGIC = b"expensify-erp archive 1 "
_HEAD = struct.Struct(">16scQ")
_CONTENT, _END = b"C", b"E"
_LONGEST_TOKEN = 64 * 1024 * 1024


class ArchivePath(Protocol):
    """What a path must offer: :class:`pathlib.Path` and Airflow's ``ObjectStoragePath`` do."""

    @property
    def name(self) -> str: ...

    def open(self, mode: str) -> IO[Any]: ...

    def unlink(self) -> Any: ...


class ArchiveFolder(Protocol):
    """A folder of archives."""

    def iterdir(self) -> Iterable[Any]: ...


class DamagedArchive(Refused):
    """The file is cut off, changed, or none of ours. Clear the run's ``extract`` task to export again."""


def archive_keys(text: str) -> MultiFernet:
    """The keys of a comma list: the first encrypts, all decrypt. To rotate, put a new key in front.

    :raises Misconfigured: a key is no Fernet key.
    """
    keys = []
    for position, key in enumerate((part.strip() for part in text.split(",")), start=1):
        if key:
            try:
                keys.append(Fernet(key))
            except ValueError:
                raise Misconfigured(
                    f"key number {position} of the archive's comma list (connection expense_archive, password) is not a "
                    "Fernet key: 32 bytes in URL-safe base64"
                ) from None
    if not keys:
        raise Misconfigured("the archive has no key: set a Fernet key as password of the connection expense_archive")
    return MultiFernet(keys)


class ArchiveWriter:
    """The writing end; made by :func:`writing`. Counts what it was given in ``bytes_written``."""

    def __init__(self, file: IO[bytes], keys: MultiFernet, chunk_bytes: int, now: datetime) -> None:
        self._file = file
        self._keys = keys
        self._chunk_bytes = chunk_bytes
        self._id = secrets.token_bytes(16)
        self._chunks = 0
        self._buffer = bytearray()
        self.bytes_written = 0
        file.write(_MAGIC + now.astimezone(UTC).isoformat(timespec="seconds").encode() + b"\n")

    def write(self, data: bytes, /) -> int:
        """Add bytes; whole chunks go to the file."""
        self._buffer += data
        self.bytes_written += len(data)
        while len(self._buffer) >= self._chunk_bytes:
            self._put(bytes(self._buffer[: self._chunk_bytes]))
            del self._buffer[: self._chunk_bytes]
        return len(data)

    def finish(self) -> None:
        """Write what is left and the end mark."""
        if self._buffer:
            self._put(bytes(self._buffer))
            self._buffer.clear()
        self._token(_HEAD.pack(self._id, _END, self._chunks))

    def _put(self, content: bytes) -> None:
        self._token(_HEAD.pack(self._id, _CONTENT, self._chunks) + zlib.compress(content, 6))
        self._chunks += 1

    def _token(self, plain: bytes) -> None:
        self._file.write(self._keys.encrypt(plain) + b"\n")


def _local(path: ArchivePath) -> Path | None:
    """The path on this machine's disk, where a rename is atomic; ``None`` for an object store."""
    protocol = getattr(path, "protocol", None)
    if protocol is None and isinstance(path, Path):
        return path
    if protocol in ("", "file"):
        return Path(str(getattr(path, "path", path)))
    return None


@contextmanager
def writing(
    path: ArchivePath, keys: MultiFernet, *, chunk_bytes: int = CHUNK_BYTES, now: datetime | None = None
) -> Iterator[ArchiveWriter]:
    """Write an archive: all of it or nothing.

    On a disk the file appears under its name only when complete, readable by its owner alone. An object store makes an
    object visible when it is closed; after an error it is deleted, and would be refused by :func:`read_lines` anyway.
    """
    at = now or datetime.now(UTC)
    local = _local(path)
    if local is None:
        try:
            with path.open("wb") as file:
                writer = ArchiveWriter(file, keys, chunk_bytes, at)
                yield writer
                writer.finish()
        except BaseException:
            with contextlib.suppress(Exception):
                path.unlink()
            raise
        return
    local.parent.mkdir(parents=True, exist_ok=True)
    temporary = local.with_name(f"{local.name}.{secrets.token_hex(4)}.part")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            writer = ArchiveWriter(file, keys, chunk_bytes, at)
            yield writer
            writer.finish()
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(local)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_chunks(path: ArchivePath, keys: MultiFernet) -> Iterator[bytes]:
    """The content, chunk by chunk.

    :raises Misconfigured: no key fits. :raises DamagedArchive: at the place where it is cut off or changed; what came before
        is genuine, but not all.
    """
    with path.open("rb") as file:
        if not file.readline(200).startswith(_MAGIC):
            raise DamagedArchive(
                f"{path.name} is no raw export of ours, or its beginning is lost: clear the extract task"
            )
        file_id: bytes | None = None
        chunks = 0
        for token in iter(lambda: file.readline(_LONGEST_TOKEN), b""):
            try:
                plain = keys.decrypt(token.strip())
                own, kind, number = _HEAD.unpack_from(plain)
            except (InvalidToken, struct.error):
                if file_id is None:
                    raise Misconfigured(
                        f"no key opens {path.name}: add the key it was written with to the comma list in the password of the "
                        "connection expense_archive (or the file is damaged: clear the extract task)"
                    ) from None
                raise _damaged(path, chunks, "cannot be read") from None
            if number != chunks or file_id not in (None, own):
                raise _damaged(path, chunks, "is missing or stands elsewhere")
            file_id = own
            if kind == _END:
                if file.readline(1):
                    raise _damaged(path, chunks, "follows the end mark")
                return
            try:
                content = zlib.decompress(plain[_HEAD.size :])
            except zlib.error:
                raise _damaged(path, chunks, "cannot be decompressed") from None
            yield content
            chunks += 1
        raise _damaged(path, chunks, "and the end mark are missing: the file is cut off")


def _damaged(path: ArchivePath, chunk: int, what: str) -> DamagedArchive:
    return DamagedArchive(
        f"the raw export {path.name} is damaged: chunk {chunk} {what}. Clear the extract task to export again."
    )


def read_lines(path: ArchivePath, keys: MultiFernet) -> Iterator[bytes]:
    """The content line by line, without line ends. Errors as :func:`read_chunks`."""
    rest: Sequence[bytes] = ()
    for chunk in read_chunks(path, keys):
        head, *lines = chunk.split(b"\n")
        if not lines:
            # A line longer than a chunk: collect the pieces, join once.
            rest = [*rest, head]
            continue
        yield b"".join([*rest, head])
        yield from lines[:-1]
        rest = [lines[-1]]
    if any(rest):
        yield b"".join(rest)


def written_at(path: ArchivePath) -> datetime | None:
    """When the archive was written (UTC), from its own first line; ``None`` when it is none of ours."""
    with path.open("rb") as file:
        first = file.readline(200)
    if not first.startswith(_MAGIC):
        return None
    try:
        return datetime.fromisoformat(first[len(_MAGIC) :].decode("ascii").strip())
    except ValueError:
        return None


def remove_older_than(folder: ArchiveFolder, days: int, now: datetime) -> list[str]:
    """Delete the archives below ``folder`` that were written more than ``days`` days before ``now``; their names.

    Age is read from the file itself, because object stores do not agree on file times. What is no archive of ours stays.
    """
    limit = now - timedelta(days=days)
    removed: list[str] = []
    try:
        entries = list(folder.iterdir())
    except FileNotFoundError:
        return removed
    for entry in entries:
        # Another process may remove the same file at the same time.
        with contextlib.suppress(FileNotFoundError):
            if entry.is_dir():
                removed += remove_older_than(entry, days, now)
            elif entry.name.endswith((SUFFIX, ".part")):
                at = written_at(entry)
                if at is not None and at < limit:
                    entry.unlink()
                    removed.append(entry.name)
    return removed
