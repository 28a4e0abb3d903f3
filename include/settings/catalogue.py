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

_NAME = re.compile(r"^[a-z0-9][a-z0-9_]{0,99}$")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_Loader):  # type: ignore[misc]
    """The C loader, refusing a key that stands twice in one mapping (YAML keeps the last without a word)."""


def _unique_mapping(loader: Any, node: yaml.MappingNode) -> dict[Hashable, Any]:
    loader.flatten_mapping(node)
    seen: set[Hashable] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, Hashable) and key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        seen.add(key)
    built: dict[Hashable, Any] = loader.construct_mapping(node, deep=True)
    return built


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


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
    if not _NAME.match(name):
        raise TenantFileError(
            f"{path.name}: the file's name is the tenant's name: use lower-case letters, digits and `_`"
        )
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
    except FileNotFoundError:
        raise TenantFileError(f"{path.name}: there is no such file in {path.parent}") from None
    except OSError as error:
        raise TenantFileError(f"{path.name}: cannot be opened ({type(error).__name__})") from None
    except Exception as error:  # noqa: BLE001
        # PyYAML lets the errors of its value types through, too: ValueError for 2026-13-45.
        raise TenantFileError(f"{path.name}: not readable as YAML: {' '.join(str(error).split())}") from None
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


def load_all(folder: Path | None = None) -> Catalogue:
    """Read every ``*.yaml`` of the folder. Never raises for the content of a file."""
    where = folder or tenants_folder()
    catalogue = Catalogue()
    paths = sorted(where.glob("*.yaml")) if where.is_dir() else []
    for path in paths:
        try:
            catalogue.tenants[path.stem] = load(path.stem, where)
        except TenantFileError as error:
            catalogue.errors[path.name] = str(error)
    for path in sorted(where.glob("*.yml")) if where.is_dir() else []:
        catalogue.errors[path.name] = f"{path.name}: tenant files end in .yaml: rename it"
    _refuse_collisions(catalogue)
    return catalogue


def _refuse_collisions(catalogue: Catalogue) -> None:
    """Two tenants that would give the same references in the same company, or share a former name, both stop."""
    same: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, tenant in catalogue.tenants.items():
        if tenant.per == "day":
            erp, prefix = tenant.erp, tenant.posting.reference_prefix
            same["reference", erp.type, erp.connection, erp.company_setting, prefix].append(name)
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
