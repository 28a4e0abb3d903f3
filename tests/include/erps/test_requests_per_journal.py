"""What a journal costs its ERP in requests: the look-up, the create, its number, and what an ERP needs besides.

Figures are for journals posted two per session; a change that makes an ERP be asked more often fails here.
"""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.include.erps.adapter import Adapter
from tests.include.erps.requests_per_journal import requests_of_posting

JOURNALS = 6
# What is asked once, not per journal: it is kept over all sessions for a minute or five (include/erps/kept_answers.py).
SYSPRO = {"Query/Query:COMFND": JOURNALS + 2, "Transaction/Post:GENTJL": JOURNALS}
SAGE_AGENT = {"agent:FindEntries": JOURNALS, "agent:CreateEntry": JOURNALS}
SAGE_SOAP = {"soap:GetGLJournalEntries": JOURNALS, "soap:CreateGLJournalEntry": JOURNALS}
EXPECTED: dict[tuple[str, str], dict[str, int]] = {
    # An empty ledger shows no entry of the company, so an account is asked for, too: two, once.
    ("syspro", "SysproAdapter"): SYSPRO,
    ("syspro", "SysproSoapAdapter"): SYSPRO,
    # The supplier, whose existence makes "no such invoice" an answer; the check has just seen the current period.
    ("syspro", "SysproInvoiceAdapter"): {"Query/Query:COMFND": JOURNALS + 1, "Transaction/Post:APSTIN": JOURNALS},
    ("acumatica", "BillAdapter"): {"GET Bill": JOURNALS, "PUT Bill": JOURNALS, "GET Ledger": 1},
    ("acumatica", "JournalAdapter"): {
        "GET JournalTransaction": JOURNALS,
        "PUT JournalTransaction": JOURNALS,
        "GET Ledger": 1,
    },
    # Listed by date and by change before the create, by date after it: the create does not tell the number.
    ("dynamics_gp", "SoapAdapter"): {
        "GetGLTransactionList": 3 * JOURNALS,
        "CreateGLTransaction": JOURNALS,
        "GetPolicyByOperation": 1,
    },
    ("dynamics_gp", "SbaAdapter"): {"GET JournalEntries": JOURNALS, "POST JournalEntries": JOURNALS},
    # The check has just seen the accounts.
    ("sage_100", "AgentAdapter"): SAGE_AGENT,
    ("sage_100", "SoapAdapter"): SAGE_SOAP,
    ("ifs_cloud", "IfsCloudAdapter"): {
        "HoldRows": JOURNALS,
        "LedgerRows": JOURNALS,
        "Template": JOURNALS,
        "Create": JOURNALS,
        "Company": 1,
    },
}


def adapter_of(erp: str, name: str) -> Adapter:
    adapter: Adapter = getattr(import_module(f"tests.include.erps.{erp}.test_conformance"), name)()
    return adapter


@pytest.mark.parametrize(("erp", "name"), EXPECTED, ids=[f"{erp}-{name}" for erp, name in EXPECTED])
def test_a_journal_costs_its_erp_so_many_requests(erp: str, name: str) -> None:
    assert requests_of_posting(adapter_of(erp, name), JOURNALS) == EXPECTED[erp, name]
