"""What the fork server holds ready, so that no task's process pays for it. Loaded there alone: it changes its whole process."""

from __future__ import annotations

import gc
import importlib
from contextlib import suppress

from include import transport

for _name in (
    "airflow.providers.common.io.assets.file",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.lineage",
    "croniter",
    "cryptography.x509",
    "encodings.cp1252",
    "encodings.utf_8_sig",
    "expensify_erp.hooks.acumatica",
    "expensify_erp.hooks.dynamics_gp",
    "expensify_erp.hooks.ifs_cloud",
    "expensify_erp.hooks.sage_100",
    "expensify_erp.hooks.syspro",
    "include.accounting.grouping",
    "include.erps.acumatica.client",
    "include.erps.dynamics_gp.client",
    "include.erps.dynamics_gp.periods",
    "include.erps.dynamics_gp.sba",
    "include.erps.dynamics_gp.soap",
    "include.erps.dynamics_gp.soap_journals",
    "include.erps.ifs_cloud.client",
    "include.erps.sage_100.agent",
    "include.erps.sage_100.client",
    "include.erps.sage_100.soap",
    "include.erps.syspro.client",
    "include.erps.syspro.soap",
    "spnego._ntlm",
    "spnego._ntlm_raw.md4",
    "upath.implementations.local",
    "zeep.wsdl.wsdl",
    "zeep.wsdl.bindings",
):
    with suppress(ImportError):
        importlib.import_module(_name)
# Loading the machine's certificates anew for each client is a third of a task's time; nothing here speaks TLS.
_tls = transport.tls_context(True)
transport.tls_context = lambda verify: _tls

# What is there now is never collected: a collection would copy every page of it in each process.
gc.collect()
gc.freeze()
