"""search: what names and numbers are searched by, and the keys that names are sorted by

Filled by ``db.derived.fill_missing`` after the migration; SQLite's indexes are made by ``db.search.install``.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None

SEARCHED = ('application', 'certificate', 'enterprise', 'person')
SORTED = {'certificate': 'holder_sort', 'enterprise': 'name_sort', 'person': 'name_sort'}


def upgrade() -> None:
    is_postgres = op.get_context().dialect.name == 'postgresql'
    for table in SEARCHED:
        kind = postgresql.TSVECTOR() if is_postgres else sa.Text()
        op.add_column(table, sa.Column('search', kind, server_default='', nullable=False))
        if is_postgres:
            op.create_index(
                f'ix_{table}_search', table, ['search'], postgresql_using='gin', postgresql_with={'gin_pending_list_limit': 256}
            )
    for table, key in SORTED.items():
        kind = sa.String(length=160, collation='C' if is_postgres else None)
        op.add_column(table, sa.Column(key, kind, server_default='', nullable=False))
        op.create_index(f'ix_{table}_{key}', table, [key, 'id'])


def downgrade() -> None:
    is_postgres = op.get_context().dialect.name == 'postgresql'
    for table, key in SORTED.items():
        op.drop_index(f'ix_{table}_{key}', table)
        op.drop_column(table, key)
    for table in SEARCHED:
        if is_postgres:
            op.drop_index(f'ix_{table}_search', table)
        else:
            for trigger in ('added', 'removed', 'changed'):
                op.execute(f'DROP TRIGGER IF EXISTS {table}_search_{trigger}')
            op.execute(f'DROP TABLE {table}_search')
        op.drop_column(table, 'search')
