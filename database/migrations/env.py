"""Alembic's entry: runs the migrations on the connection that `database.migrate` hands over, inside its transaction."""

from alembic import context

from database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
