"""The folder of tenant files.

``EXPENSIFY_ERP_TENANTS`` names another folder than ``include/tenants``. A file that is wrong never hides the others:
:func:`load_all` returns good tenants and errors side by side.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from include.errors import Misconfigured
from include.settings.tenant import Tenant, tenant_from
from include.settings.values import WrittenInt

_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,99}")
_MOST_BYTES = 1_000_000
_MERGE_TAG = "tag:yaml.org,2002:merge"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_Loader):  # type: ignore[misc]
    """The C loader, refusing a key that stands twice in one mapping (YAML keeps the last without a word)."""


def _integer(loader: Any, node: yaml.ScalarNode) -> WrittenInt:
    try:
        number = WrittenInt(loader.construct_yaml_int(node))
    except ValueError:
        raise _wrong(node, f"{node.value[:40]!r} is not a number") from None
    number.written = node.value
    return number


def _date(loader: Any, node: yaml.ScalarNode) -> object:
    try:
        return loader.construct_yaml_timestamp(node)
    except (ValueError, OverflowError, AttributeError):
        raise _wrong(node, f"{node.value!r} is a date that does not exist") from None


def _wrong(node: yaml.Node, message: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, message, node.start_mark)


def _unique_mapping(loader: Any, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: set[Hashable] = set()
    for key_node, _ in node.value:
        # A merged mapping (`<<`) is there to be overridden.
        if key_node.tag == _MERGE_TAG:
            continue
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, Hashable) and key in seen:
            raise _wrong(key_node, f"the key {key!r} stands twice")
        if isinstance(key, bool):
            raise _wrong(key_node, f"the name {key_node.value} is a truth value to YAML: write it in quotes")
        seen.add(key)
    built: dict[Hashable, Any] = loader.construct_mapping(node, deep=True)
    return built


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)
_StrictLoader.add_constructor("tag:yaml.org,2002:int", _integer)
_StrictLoader.add_constructor("tag:yaml.org,2002:timestamp", _date)


class TenantFileError(Misconfigured):
    """A tenant file is wrong; the message names the file, the key and what is expected."""


@dataclass
class Catalogue:
    """All tenants of a folder: those that are right, and for every file that is not, why."""

    tenants: dict[str, Tenant] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def tenants_folder() -> Path:
    """The folder that holds the tenant files."""
    configured = os.environ.get("EXPENSIFY_ERP_TENANTS")
    return Path(configured) if configured else Path(__file__).resolve().parent.parent / "tenants"


def load(name: str, folder: Path | None = None) -> Tenant:
    """Read one tenant file.

    :raises TenantFileError: it does not exist or is wrong.
    """
    path = (folder or tenants_folder()) / f"{name}.yaml"
    if not _NAME.fullmatch(name):
        raise TenantFileError(
            f"{path.name}: the file's name is the tenant's name: use lower-case letters, digits and `_`"
        )
    content = _parsed(path)
    if not isinstance(content, dict):
        raise TenantFileError(f"{path.name}: expected keys such as `schedule:` and `erp:` at the top level")
    try:
        return tenant_from(content, name, path.parent)
    except ValueError as error:
        raise TenantFileError(f"{path.name}: {error}") from None
    except Exception as error:  # noqa: BLE001
        # A value of a shape that no check foresaw must not take the other tenants down.
        raise TenantFileError(
            f"{path.name}: a value has an unexpected shape ({type(error).__name__}: {error})"
        ) from None


def _parsed(path: Path) -> object:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise TenantFileError(f"{path.name}: there is no such file in {path.parent}") from None
    except OSError as error:
        raise TenantFileError(f"{path.name}: cannot be read: {error.strerror}") from None
    if len(raw) > _MOST_BYTES:
        raise TenantFileError(
            f"{path.name}: longer than {_MOST_BYTES:,} bytes, and every parse of the DAGs reads it: move long lists into CSV "
            "files"
        )
    try:
        return yaml.load(raw.decode("utf-8-sig"), _StrictLoader)
    except UnicodeDecodeError:
        raise TenantFileError(f"{path.name}: not UTF-8: save it again with the encoding UTF-8") from None
    except yaml.YAMLError as error:
        said = " ".join(str(error).split()).replace(' in "<unicode string>"', "")
        tab = ": indent with blanks, YAML allows no tabs" if "cannot start any token" in said and b"\t" in raw else ""
        raise TenantFileError(f"{path.name}: not readable as YAML: {said}{tab}") from None
    except RecursionError:
        raise TenantFileError(f"{path.name}: not readable as YAML: nested too deeply") from None
    except (ValueError, OverflowError) as error:
        # PyYAML lets a few values through that Python cannot build.
        raise TenantFileError(f"{path.name}: holds a value that cannot be read: {error}") from None


def load_all(folder: Path | None = None) -> Catalogue:
    """Read every ``*.yaml`` of the folder. Never raises for the content of a file."""
    where = folder or tenants_folder()
    catalogue = Catalogue()
    for path in sorted(where.iterdir()) if where.is_dir() else []:
        if path.name.endswith(".yaml"):
            try:
                catalogue.tenants[path.stem] = load(path.stem, where)
            except TenantFileError as error:
                catalogue.errors[path.name] = str(error)
        elif path.name.lower().endswith((".yml", ".yaml", ".yaml.txt")):
            catalogue.errors[path.name] = f"{path.name}: tenant files end in .yaml: rename it"
    _refuse_collisions(catalogue)
    return catalogue


def for_parsing(prefix: str, wanted_dag_id: str | None) -> list[Tenant]:
    """The tenants whose DAGs (``<prefix><tenant>``) a DAG file defines: all valid ones, or only that of a wanted DAG.

    A task's start parses its DAG file again; this keeps its cost the same with 1 and with 1,000 tenants. Never raises for
    the content of a file.
    """
    if wanted_dag_id is None:
        return list(load_all().tenants.values())
    if not wanted_dag_id.startswith(prefix):
        return []
    try:
        return [load(wanted_dag_id.removeprefix(prefix))]
    except TenantFileError:
        return []


def _refuse_collisions(catalogue: Catalogue) -> None:
    """Two tenants that would give the same references in the same company, or share a former name, both stop."""
    same: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, tenant in catalogue.tenants.items():
        if tenant.per == "day":
            erp, prefix = tenant.erp, tenant.posting.reference_prefix
            same["reference", erp.type, erp.connection, erp.company_setting, prefix.upper()].append(name)
        for former in tenant.names:
            same["name", former].append(name)
    for kind, names in [(key[0], names) for key, names in same.items() if len(names) > 1]:
        for name in names:
            others = ", ".join(f"{other}.yaml" for other in names if other != name)
            if kind == "reference":
                why = (
                    f"{name}.yaml: same ERP connection, company and `posting.reference_prefix` as {others}: their "
                    "journals would share references. Give each its own `reference_prefix`"
                )
            else:
                why = f"{name}.yaml: `formerly` claims a name that {others} uses too: one tenant per name"
            catalogue.errors[f"{name}.yaml"] = why
            catalogue.tenants.pop(name, None)
