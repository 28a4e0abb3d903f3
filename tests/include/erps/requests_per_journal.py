"""How many requests an ERP gets for posting journals, counted by the simulated server."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from tests.include.erps.adapter import Adapter

PER_SESSION = 2
"""A run of 300 journals has boxes of two, and a box is one session."""
# Log-ons, tokens and handshakes are not counted: a session has them however many journals it posts.
SIGN_ON = frozenset({"Logon", "Logoff", "token", "Token", "login", "logout", "endpoints"})


def requests_of_posting(adapter: Adapter, journals: int) -> Counter[str]:
    """Check ``journals`` drafts in one session as `validate` does, then look up, create and complete each as `load` does.

    Returns the requests of looking up, creating and completing, by operation; those of the one check are left out.
    """
    with adapter.sandbox:
        with adapter.open(timeout_s=60) as erp:
            verdicts = erp.check([adapter.draft(key=f"R{number}") for number in range(journals)])
        drafts = iter([verdict.draft for verdict in verdicts])
        before = len(adapter.sandbox.calls)
        while box := list(islice(drafts, PER_SESSION)):
            with adapter.open(timeout_s=60) as erp:
                for draft in box:
                    assert erp.find(draft) == []
                    assert erp.complete(draft, erp.create(draft, lambda document: None)).number is not None
        counted = Counter(call.operation for call in adapter.sandbox.calls[before:] if call.service == adapter.service)
        return Counter({operation: times for operation, times in counted.items() if operation not in SIGN_ON})
