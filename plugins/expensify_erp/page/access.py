"""Who sees what: Airflow's own auth manager decides, tenant by tenant.

Whoever may read the DAG ``expenses__<tenant>`` sees that tenant's money, also under its earlier names; nobody else does.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.configuration import conf
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException

from expensify_erp.dag_names import EXPENSES
from expensify_erp.page.opened_ledger import LedgerDep
from include.ledger.views.tenant_names import tenant_names as names_in_ledger
from include.settings import catalogue

SETTLE_DAG = "settle"
_NAMES_LAST_S = 15.0


@dataclass(frozen=True)
class Visible:
    """What one user may see.

    :param names: tenant to all its names in the ledger, its earlier ones included.
    :param user: the user, for questions about what may be changed.
    """

    names: dict[str, tuple[str, ...]]
    user: BaseUser

    @property
    def tenants(self) -> list[str]:
        """The tenants, in order."""
        return sorted(self.names)

    @property
    def all_names(self) -> tuple[str, ...]:
        """Every name under which the ledger may hold something that this user sees."""
        return tuple(sorted(name for names in self.names.values() for name in names))

    def of(self, tenant: str) -> tuple[str, ...]:
        """The names of one tenant.

        :raises HTTPException: 404; a tenant that may not be seen is not told from one that is not there.
        """
        found = self.names.get(tenant)
        if found is None:
            raise HTTPException(404, "There is no such tenant, or you may not see it.")
        return found

    @cached_property
    def _owners(self) -> dict[str, str]:
        return {name: tenant for tenant, names in self.names.items() for name in names}

    def owner(self, name: str) -> str:
        """The tenant that a name in the ledger belongs to today."""
        return self._owners.get(name, name)

    def chosen(self, tenant: str | None) -> tuple[str, ...]:
        """The names of the tenant that a filter names, or all."""
        return self.of(tenant) if tenant else self.all_names


class _Names:
    """The names in the ledger and in the tenant files; both change rarely, and every request asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, tuple[str, ...]] = {}
        self._key: object = None
        self._until = 0.0

    def get(self, ledger: LedgerDep) -> dict[str, tuple[str, ...]]:
        with self._lock:
            now = time.monotonic()
            key = (ledger.url, catalogue.tenants_folder())
            if key != self._key or now > self._until:
                self._found = tenant_names(catalogue.load_all(), names_in_ledger(ledger))
                self._key, self._until = key, now + _NAMES_LAST_S
            return self._found


_names = _Names()


def tenant_names(files: catalogue.Catalogue, in_ledger: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Each tenant with all its names; a name in the ledger without a tenant file stands for itself."""
    found = {name: tuple(tenant.names) for name, tenant in files.tenants.items()}
    taken = {name for names in found.values() for name in names}
    found.update({name: (name,) for name in in_ledger if name not in taken})
    return found


def readable(tenants: Iterable[str], user: BaseUser) -> set[str]:
    """Those of ``tenants`` whose DAG the user may read."""
    dag_ids = {f"{EXPENSES}{tenant}" for tenant in tenants}
    by_team: dict[str | None, set[str]] = defaultdict(set)
    for dag_id, team in _teams(dag_ids).items():
        by_team[team].add(dag_id)
    allowed: set[str] = set()
    for team, listed in by_team.items():
        allowed |= get_auth_manager().filter_authorized_dag_ids(dag_ids=listed, user=user, method="GET", team_name=team)
    return {dag_id.removeprefix(EXPENSES) for dag_id in allowed & dag_ids}


def _teams(dag_ids: Iterable[str]) -> dict[str, str | None]:
    """The team that owns each DAG; none where this Airflow has no teams."""
    listed = list(dag_ids)
    if not listed or not conf.getboolean("core", "multi_team", fallback=False):
        return dict.fromkeys(listed)
    return dict.fromkeys(listed) | DagModel.get_dag_id_to_team_name_mapping(listed)


def _visible(user: GetUserDep, ledger: LedgerDep) -> Visible:
    names = _names.get(ledger)
    allowed = readable(names, user)
    return Visible({tenant: every for tenant, every in names.items() if tenant in allowed}, user)


VisibleDep = Annotated[Visible, Depends(_visible)]


def may_replay(user: BaseUser, tenant: str) -> bool:
    """Whether Airflow will let this user clear a box of the tenant's runs and start one."""
    dag_id = f"{EXPENSES}{tenant}"
    return _may(user, dag_id, "PUT", DagAccessEntity.TASK_INSTANCE) and _may(user, dag_id, "POST", DagAccessEntity.RUN)


def may_settle(user: BaseUser) -> bool:
    """Whether Airflow will let this user start the DAG ``settle``."""
    return _may(user, SETTLE_DAG, "POST", DagAccessEntity.RUN)


def _may(user: BaseUser, dag_id: str, method: ResourceMethod, entity: DagAccessEntity) -> bool:
    details = DagDetails(id=dag_id, team_name=_teams([dag_id])[dag_id])
    return get_auth_manager().is_authorized_dag(method=method, access_entity=entity, details=details, user=user)
