"""Run by Alembic for each command: the migrations, on the connection that `service.migrations` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
