"""Runs the ledger's migrations on the connection that :class:`include.ledger.database.Ledger` passes in."""

from alembic import context

from include.ledger.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
