"""How far a posted journal has come inside the ERP, as far as the ERP's words at the last look tell.

Sage 100 keeps a new entry ``UNPOSTED`` until the register update, Dynamics GP in the ``Work`` file until its batch is posted,
Acumatica ``Balanced`` or on ``Hold`` until it is released, SYSPRO ``U`` until the journal is posted, IFS in the hold table (which
alone shows a status) until the ledger is updated. A journal without its number or release yet (``incomplete``) counts too.
"""

from __future__ import annotations

import sqlalchemy as sa

# The triggers that keep the sums were made with these words: who adds one adds a migration.
UNFINISHED_WORDS = ("u", "unposted", "work", "balanced", "hold", "on hold", "pending approval")
_ANY_STATUS = "ifs_cloud:"


def is_unfinished(row: sa.RowMapping) -> bool:
    """Of a journal's row: created in the ERP and not yet posted there."""
    if row["state"] != "posted":
        return False
    status = row["erp_status"]
    if row["incomplete"]:
        return True
    return status is not None and (row["target"].startswith(_ANY_STATUS) or status.lower() in UNFINISHED_WORDS)


def unfinished(journal: sa.FromClause) -> sa.ColumnElement[bool]:
    """The same as a condition."""
    columns = journal.c
    return sa.and_(
        columns.state == "posted",
        sa.or_(
            columns.incomplete,
            sa.and_(columns.target.startswith(_ANY_STATUS, autoescape=True), columns.erp_status.is_not(None)),
            sa.func.lower(columns.erp_status).in_(UNFINISHED_WORDS),
        ),
    )
