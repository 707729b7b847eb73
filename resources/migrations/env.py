"""How Alembic runs our migrations: on the connection that `upgrade_database` hands in.

There is no alembic.ini and no logging set-up: the program that upgrades owns both. Migrations only
go forward; the way back is the backup taken before.
"""

from alembic import context

from resources.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
)
with context.begin_transaction():
    context.run_migrations()
