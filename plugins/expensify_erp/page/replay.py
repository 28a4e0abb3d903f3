"""What a replay button needs: which boxes to clear, and the run to start where they are gone.

The button itself asks Airflow's public API from the browser, with the session of whoever presses it: Airflow checks the user's
rights, writes the user into its audit log, and this page holds no right of its own that could be borrowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from expensify_erp.dag_names import EXPENSES
from include.ledger.views.journal_list import JournalId
from include.ledger.views.replaying import TASK_ID, Box


def replay_of(identity: JournalId, boxes: Iterable[Box], owner: str) -> dict[str, Any]:
    """JSON values for one journal.

    ``boxes``: newest run first; the first one that Airflow still has is cleared with its downstream. ``start``: the run that
    takes the journal when none is left, in the DAG of the tenant as it is called today.
    """
    return {
        "tenant": identity.tenant,
        "target": identity.target,
        "key": identity.key,
        "boxes": [
            {"dag_id": box.dag_id, "run_id": box.run_id, "task_id": TASK_ID, "map_index": box.map_index}
            for box in boxes
        ],
        "start": {"dag_id": f"{EXPENSES}{owner}", "conf": {"journals": [identity.key]}},
    }
