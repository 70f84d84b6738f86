"""How a migration is run and drafted, on SQLite and on PostgreSQL alike.

Law: a migration is a photograph. It names plain column types and imports nothing of the house, whose types will change.
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


class LateKeys(MigrateOperation):
    """Foreign keys of tables that point at each other. SQLite takes them in the table; PostgreSQL only afterwards."""

    def __init__(self, keys: list[ForeignKeyConstraint], *, drop: bool) -> None:
        self.keys = keys
        self.drop = drop


@renderers.dispatch_for(LateKeys)
def _render_late_keys(_context: AutogenContext, late: LateKeys) -> list[str]:
    lines = ['if op.get_context().dialect.name != "sqlite":']
    for key in sorted(late.keys, key=lambda key: str(key.name)):
        here, there = key.table.name, key.referred_table.name
        if late.drop:
            lines.append(f"op.drop_constraint({key.name!r}, {here!r}, type_='foreignkey')")
        else:
            ends = [element.column.name for element in key.elements]
            lines.append(f"op.create_foreign_key({key.name!r}, {here!r}, {there!r}, {key.column_keys!r}, {ends!r})")
    return [*lines, ""]  # the empty line ends the block


def add_late_keys(_context: Any, _revision: Any, scripts: list[MigrationScript]) -> None:
    for script in scripts:
        if script.upgrade_ops is None or script.downgrade_ops is None:
            continue
        made = {op.table_name for op in script.upgrade_ops.ops if isinstance(op, CreateTableOp)}
        keys = [key for table in made for key in Model.metadata.tables[table].foreign_key_constraints if key.use_alter]
        if keys:
            script.upgrade_ops.ops.append(LateKeys(keys, drop=False))
            script.downgrade_ops.ops.insert(0, LateKeys(keys, drop=True))


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | bool:
    """``Moment``, ``Word``, ``Secret`` … are written down as what lies in the store."""
    if kind == "type" and isinstance(item, TypeDecorator) and type(item).__module__.startswith("app."):
        return f"sa.{item.impl_instance!r}"
    return False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Model.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render_item,
        process_revision_directives=add_late_keys,
        autogenerate_plugins=["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


handed_in = context.config.attributes.get("connection")
if handed_in is None:  # called by ``flask db …``, inside an application
    with db.engine.connect() as own:
        run(own)
        own.commit()
else:
    run(handed_in)
