"""What a journal costs its ERP in requests: the look-up, the create, and what an ERP needs besides.

Figures are for journals posted two per session; a change that makes an ERP be asked more often fails here.
"""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.include.erps.adapter import Adapter
from tests.include.erps.requests_per_journal import requests_of_posting

JOURNALS = 6
SESSIONS = 3
EXPECTED: dict[tuple[str, str], dict[str, int]] = {
    # One more per session for the calendar, and the first of all for the company.
    ("syspro", "SysproAdapter"): {"Query/Query:COMFND": JOURNALS + SESSIONS + 1, "Transaction/Post:GENTJL": JOURNALS},
    ("acumatica", "BillAdapter"): {"GET Bill": JOURNALS, "PUT Bill": JOURNALS, "GET Ledger": 1},
    ("acumatica", "JournalAdapter"): {
        "GET JournalTransaction": JOURNALS,
        "PUT JournalTransaction": JOURNALS,
        "GET Ledger": 1,
    },
    # Found by reference, then with its lines; the policy is asked for once per session.
    ("dynamics_gp", "SoapAdapter"): {
        "GetGLTransactionList": 2 * JOURNALS,
        "CreateGLTransaction": JOURNALS,
        "GetPolicyByOperation": SESSIONS,
    },
    ("dynamics_gp", "SbaAdapter"): {"GET JournalEntries": JOURNALS, "POST JournalEntries": JOURNALS},
    # Each of the two accounts of these journals is read before the create.
    ("sage_100", "AgentAdapter"): {
        "agent:FindEntries": JOURNALS,
        "agent:CreateEntry": JOURNALS,
        "agent:Account": 2 * JOURNALS,
    },
    ("ifs_cloud", "IfsCloudAdapter"): {
        "HoldRows": JOURNALS,
        "LedgerRows": JOURNALS,
        "Template": JOURNALS,
        "Create": JOURNALS,
        "Company": SESSIONS,
    },
}


def adapter_of(erp: str, name: str) -> Adapter:
    adapter: Adapter = getattr(import_module(f"tests.include.erps.{erp}.test_conformance"), name)()
    return adapter


@pytest.mark.parametrize(("erp", "name"), EXPECTED, ids=[f"{erp}-{name}" for erp, name in EXPECTED])
def test_a_journal_costs_its_erp_so_many_requests(erp: str, name: str) -> None:
    assert requests_of_posting(adapter_of(erp, name), JOURNALS) == EXPECTED[erp, name]
