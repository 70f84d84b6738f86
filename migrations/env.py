"""Alembic environment: runs and drafts migrations on SQLite and PostgreSQL.

A migration names plain column types and imports nothing of ``app``, whose types will change.
"""

from typing import Any

from alembic import context
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import CreateTableOp, MigrateOperation, MigrationScript
from sqlalchemy import Connection, ForeignKeyConstraint
from sqlalchemy.types import TypeDecorator

from app.db.session import db
from app.models import Model


class CircularKeys(MigrateOperation):
    """Foreign keys of tables that refer to each other. SQLite needs them in CREATE TABLE, PostgreSQL after it."""

    def __init__(self, keys: list[ForeignKeyConstraint], *, drop: bool) -> None:
        self.keys = keys
        self.drop = drop


@renderers.dispatch_for(CircularKeys)
def _render_circular_keys(_context: AutogenContext, operation: CircularKeys) -> list[str]:
    lines = ['if op.get_context().dialect.name != "sqlite":']
    for key in sorted(operation.keys, key=lambda key: str(key.name)):
        source, target = key.table.name, key.referred_table.name
        if operation.drop:
            lines.append(f"op.drop_constraint({key.name!r}, {source!r}, type_='foreignkey')")
        else:
            columns = [element.column.name for element in key.elements]
            lines.append(f"op.create_foreign_key({key.name!r}, {source!r}, {target!r}, {key.column_keys!r}, {columns!r})")
    return [*lines, ""]  # the empty line ends the block


def add_circular_keys(_context: Any, _revision: Any, scripts: list[MigrationScript]) -> None:
    for script in scripts:
        if script.upgrade_ops is None or script.downgrade_ops is None:
            continue
        created = {op.table_name for op in script.upgrade_ops.ops if isinstance(op, CreateTableOp)}
        keys = [key for table in created for key in Model.metadata.tables[table].foreign_key_constraints if key.use_alter]
        if keys:
            script.upgrade_ops.ops.append(CircularKeys(keys, drop=False))
            script.downgrade_ops.ops.insert(0, CircularKeys(keys, drop=True))


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | bool:
    """Column types of ``app`` are rendered as the plain types they are stored as."""
    if kind == "type" and isinstance(item, TypeDecorator) and type(item).__module__.startswith("app."):
        return f"sa.{item.impl_instance!r}"
    return False


def is_drafted(_thing: Any, name: str | None, kind: str, *_rest: Any) -> bool:
    """All but search indexes: ``db.search.install`` makes SQLite's, PostgreSQL's are written into a migration by hand."""
    return kind not in ("table", "index") or not (name or "").partition("_search")[1]


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Model.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render_item,
        process_revision_directives=add_circular_keys,
        autogenerate_plugins=["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
        compare_server_default=True,
        include_object=is_drafted,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is None:  # ``flask db …``, inside an application
    with db.engine.connect() as connection:
        run(connection)
        connection.commit()
else:
    run(given)
