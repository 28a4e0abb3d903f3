"""The ERPs this package posts to, one line each. Modules are imported only for the tenants that use them."""

from dataclasses import dataclass
from importlib import import_module

from include.erps.port import ErpSettings


@dataclass(frozen=True)
class Registered:
    """Where an ERP's settings class and Airflow hook live (``module:Class``)."""

    settings: str
    hook: str


ERPS: dict[str, Registered] = {
    "syspro": Registered("include.erps.syspro.settings:SysproSettings", "expensify_erp.hooks.syspro:SysproHook"),
    "dynamics_gp": Registered(
        "include.erps.dynamics_gp.settings:DynamicsGpSettings", "expensify_erp.hooks.dynamics_gp:DynamicsGpHook"
    ),
}


def settings_class(erp_type: str) -> type[ErpSettings]:
    """The settings model of an ERP type.

    :raises KeyError: the type is unknown.
    """
    module, _, name = ERPS[erp_type].settings.partition(":")
    found = getattr(import_module(module), name)
    assert isinstance(found, type)
    assert issubclass(found, ErpSettings)
    return found
