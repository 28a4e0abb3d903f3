"""Under which names the ledger holds anything at all."""

from __future__ import annotations

import sqlalchemy as sa

from include.ledger import tables
from include.ledger.database import Ledger


def tenant_names(ledger: Ledger) -> list[str]:
    """Every tenant name that journals, runs or findings carry, in order; those without a tenant file any more too."""
    named = [sa.select(table.c.tenant).distinct() for table in (tables.journal, tables.run, tables.finding)]
    with ledger.read() as connection:
        return sorted(connection.execute(sa.union(*named)).scalars())
