"""The demo: five companies, one for each ERP. What a tenant file must map stands in the company's own module."""

from __future__ import annotations

from datetime import date

from include.sandbox.acumatica import Acumatica
from include.sandbox.acumatica import demo as acumatica
from include.sandbox.dynamics_gp import DynamicsGp
from include.sandbox.dynamics_gp import demo as dynamics_gp
from include.sandbox.ifs_cloud import IfsCloud
from include.sandbox.ifs_cloud import demo as ifs_cloud
from include.sandbox.sage_100 import Sage100
from include.sandbox.sage_100 import demo as sage_100
from include.sandbox.server import Sandbox
from include.sandbox.stage import Service
from include.sandbox.syspro import demo as syspro

EXPECTED_HELD: dict[str, set[str]] = {
    "albion_field_services": ifs_cloud.EXPECTED_HELD,
    "atlantic_distribution": sage_100.EXPECTED_HELD,
    "harbor_logistics": set(),
    "midwest_manufacturing": syspro.EXPECTED_HELD,
    "pacific_studio": acumatica.EXPECTED_HELD,
}
"""Reports that are rightly held, by tenant: everything else must post."""


def services() -> tuple[Service, ...]:
    """The servers beside Expensify and SYSPRO, which every sandbox has."""
    return (Acumatica(base_path="/AcumaticaERP"), DynamicsGp(), IfsCloud(), Sage100())


def seed(sandbox: Sandbox, today: date) -> None:
    """Fill a sandbox that was made with :func:`services`; reports are approved on the three days before ``today``."""
    for company in (acumatica, dynamics_gp, ifs_cloud, sage_100, syspro):
        company.seed(sandbox, today)
