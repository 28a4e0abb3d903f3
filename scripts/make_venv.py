"""Make the project's own ``.venv`` from the lock files, or leave it alone when it is complete.

Run by `make` with whatever ``python3`` the machine has: standard library only, and syntax that an old Python still
reads, so that it can say "too old" instead of failing with a syntax error.

A ``.venv`` is complete when its stamp holds the fingerprint of the lock, this file and the Python that made it. Anything
else (killed half-way, lock changed, Python upgraded or gone) is thrown away and made again. Two `make`s at the same
time: the second waits for the first. Nothing outside the project is written, caches included.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
STAMP = VENV / "complete"
CACHE = PROJECT / ".run" / "cache"
PROVIDER = PROJECT / "provider"
PROVIDER_STAMP = VENV / "provider"
LOCK = PROJECT / "requirements-dev.lock"  # a superset of requirements.lock, with the same versions
OLDEST, NEWEST = (3, 11), (3, 13)
PYTHON = str(VENV / "bin" / "python")
PIP = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir", "--quiet", "install"]
UV = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", PYTHON]


def main() -> int:
    this = sys.version_info[:2]
    if not OLDEST <= this <= NEWEST:
        return fail(
            f"{sys.executable} is Python {this[0]}.{this[1]}; Airflow 3.3.2 here needs 3.11, 3.12 or 3.13.",
            "Install one and name it: make PYTHON=python3.12",
        )
    if not is_importable("ensurepip") or not is_importable("venv"):
        return fail(
            f"{sys.executable} cannot make virtual environments (its venv module is missing).",
            f"On Debian and Ubuntu: apt-get install python{this[0]}.{this[1]}-venv   (or python3-venv)",
        )
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "venv.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another make is preparing .venv; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        return make(fingerprint()) or install_provider()


def make(wanted: str) -> int:
    if is_complete(wanted):
        return 0
    started = time.monotonic()
    say(f"making .venv with {sys.executable} (once; a minute or two)")
    if VENV.exists():
        shutil.rmtree(VENV)
    env = {**environment(), "UV_CACHE_DIR": str(CACHE / "uv")}
    # A company's own certificate authority is in the system's store, not in uv's.
    env.setdefault("UV_SYSTEM_CERTS", "1")
    if run([sys.executable, "-m", "venv", str(VENV)], env):
        return fail("`python -m venv` failed; its words are above.", "The folder .venv is not usable; run make again.")
    uv_pin = VENV / "uv.txt"
    uv_pin.write_text(pinned("uv"))
    locked = ["--require-hashes", "-r", str(LOCK)]
    # uv is ten times faster, but it does not read pip's configuration (a company's mirror, a proxy's certificate).
    if run([*PIP, "--require-hashes", "--no-deps", "-r", str(uv_pin)], env) or run([*UV, *locked], env):
        say("uv could not install the requirements; trying pip, which reads your pip configuration")
        if run([*PIP, *locked], env):
            return fail(
                "the requirements could not be installed; pip's words are above.",
                "Is a package index reachable from here (pip's own settings are used)? Then run make again.",
            )
    STAMP.write_text(wanted)
    say(f".venv is complete after {time.monotonic() - started:.0f} s")
    return 0


def install_provider() -> int:
    """The project's own connection types, from its folder. Everything it needs, its build tool too, is in the lock."""
    wanted = provider_fingerprint()
    if PROVIDER_STAMP.is_file() and PROVIDER_STAMP.read_text() == wanted:
        return 0
    env = environment()
    alone = ["--no-deps", "--no-build-isolation", "--no-index", str(PROVIDER)]
    # Without its cache, which knows a folder by its pyproject.toml alone and would give back an older build.
    if run([*UV, "--no-cache", "--reinstall", *alone], env) and run([*PIP, "--force-reinstall", *alone], env):
        return fail("the connection types (provider/) could not be installed.", "pip's words are above.")
    PROVIDER_STAMP.write_text(wanted)
    return 0


def provider_fingerprint() -> str:
    files = sorted(path for path in PROVIDER.rglob("*") if path.suffix in (".py", ".toml"))
    parts = [str(VENV).encode(), *(part for path in files for part in (str(path).encode(), path.read_bytes()))]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def fingerprint() -> str:
    parts = [LOCK.read_bytes(), Path(__file__).read_bytes(), sys.version.encode(), str(VENV).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def is_complete(wanted: str) -> bool:
    if not STAMP.is_file() or STAMP.read_text() != wanted:
        return False
    # The Python it was made with may be gone or broken since.
    try:
        works = subprocess.run(
            [str(VENV / "bin" / "python"), "-c", "import ssl, yaml"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except OSError:
        return False
    return works.returncode == 0


def pinned(name: str) -> str:
    """The lock's own lines for one package: version and hashes."""
    lines, taking = [], False
    for line in LOCK.read_text().splitlines():
        if not line.startswith((" ", "#")):
            taking = line.startswith(f"{name}==")
        if taking and not line.lstrip().startswith("#"):
            lines.append(line)
    if not lines:
        raise SystemExit(f"{LOCK.name} does not pin {name}: run `make lock`")
    return "\n".join(lines) + "\n"


def is_importable(module: str) -> bool:
    try:
        __import__(module)
    except ImportError:
        return False
    return True


def environment() -> dict[str, str]:
    """For installing into ``.venv`` and nowhere else."""
    env = {**os.environ, "VIRTUAL_ENV": str(VENV), "UV_NO_PROGRESS": "1"}
    env.pop("PYTHONPATH", None)
    env.pop("PYTHONHOME", None)
    return env


def run(command: list[str], env: dict[str, str]) -> int:
    try:
        return subprocess.run(command, env=env, cwd=PROJECT, check=False).returncode
    except OSError as error:
        say(str(error))
        return 1


def say(text: str) -> None:
    print(f"make: {text}", file=sys.stderr, flush=True)


def fail(what: str, next_step: str) -> int:
    say(what)
    say(next_step)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
