"""diary: its chain, its checkpoints, and triggers that let it only grow"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

DEEDS = "'create', 'change', 'delete', 'read', 'export', 'sign_in', 'sign_in_failed', 'sign_out'"
FAULTS = "'changed', 'missing', 'moved', 'unlinked', 'cut', 'forged'"
KEPT = ('entry', 'link', 'checkpoint')
NO = 'the diary is only added to'

# Lines may go when they are half a year old (six months: the least the law allows), and their links with them.
# A migration that rebuilds one of these tables on SQLite (batch_alter_table) must make its triggers anew.
SQLITE_MAY_GO = {
    'entry': "OLD.at < datetime('now', '-180 days')",
    'link': "NOT EXISTS (SELECT 1 FROM entry WHERE id = OLD.entry_id AND at >= datetime('now', '-180 days'))",
    'checkpoint': '0',
}
POSTGRES_MAY_GO = {
    'entry': "OLD.at < timezone('UTC', now()) - interval '180 days'",
    'link': "NOT EXISTS (SELECT FROM entry WHERE id = OLD.entry_id AND at >= timezone('UTC', now()) - interval '180 days')",
    'checkpoint': 'false',
}


def guard_sqlite(table: str) -> None:
    op.execute(f"CREATE TRIGGER {table}_is_not_changed BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, '{NO}'); END")
    op.execute(
        f"CREATE TRIGGER {table}_is_not_deleted BEFORE DELETE ON {table} WHEN NOT ({SQLITE_MAY_GO[table]}) "
        f"BEGIN SELECT RAISE(ABORT, '{NO}'); END"
    )


def guard_postgres(table: str) -> None:
    op.execute(
        f"CREATE FUNCTION {table}_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'DELETE' THEN IF {POSTGRES_MAY_GO[table]} THEN RETURN OLD; END IF; END IF; "
        f"RAISE EXCEPTION '{NO} (% of %)', TG_OP, TG_TABLE_NAME; END $$"
    )
    for when in ('UPDATE OR DELETE', 'TRUNCATE'):
        each = 'STATEMENT' if when == 'TRUNCATE' else 'ROW'
        name = f"{table}_{'is_not_emptied' if when == 'TRUNCATE' else 'only_grows'}"
        op.execute(f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH {each} EXECUTE FUNCTION {table}_only_grows()")


def change_deeds(says: str) -> None:
    with op.batch_alter_table('entry', table_kwargs={'sqlite_autoincrement': True}) as batch_op:
        batch_op.drop_constraint('ck_entry_deed', type_='check')
        batch_op.create_check_constraint('ck_entry_deed', f"deed IN ({says})")


def upgrade() -> None:
    change_deeds(f"{DEEDS}, 'refused'")
    with op.batch_alter_table('entry', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_entry_address'), ['address'], unique=False)
        batch_op.create_index('ix_entry_deed', ['deed', 'at'], unique=False)
        batch_op.create_index('ix_entry_thing', ['table', 'row'], unique=False)
    op.create_table('link',
    sa.Column('seq', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('entry_id', sa.Integer(), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False, comment='keyed, over the hash before, the number and the line'),
    sa.CheckConstraint('seq > 0', name='ck_link_seq'),
    sa.CheckConstraint('length(hash) = 64', name='ck_link_hash'),
    sa.ForeignKeyConstraint(['entry_id'], ['entry.id'], name='fk_link_entry'),
    sa.PrimaryKeyConstraint('seq'),
    sa.UniqueConstraint('entry_id', name='uq_link_entry')
    )
    op.create_table('checkpoint',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('first', sa.Integer(), nullable=False, comment='the first line that is kept: those before were exported and removed'),
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.Column('kid', sa.String(length=8), nullable=False, comment='which of certificates.keys signed'),
    sa.Column('signature', sa.String(length=100), nullable=False),
    sa.CheckConstraint('first > 0 AND first <= seq + 1', name='ck_checkpoint_first'),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_checkpoint_seq', 'checkpoint', ['seq'], unique=False)
    op.create_table('inspection',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.Column('lines', sa.Integer(), nullable=False),
    sa.Column('fault', sa.String(length=30), nullable=True, comment='the first; none: unbroken'),
    sa.Column('seq', sa.Integer(), nullable=True),
    sa.Column('entry_id', sa.Integer(), nullable=True),
    sa.Column('checkpoint', sa.Integer(), nullable=True, comment='the line whose checkpoint speaks against it'),
    sa.CheckConstraint(f"fault IN ({FAULTS})", name='ck_inspection_fault'),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('ix_inspection_at', 'inspection', ['at'], unique=False)
    for table in KEPT:
        (guard_sqlite if op.get_context().dialect.name == 'sqlite' else guard_postgres)(table)


def downgrade() -> None:
    for table in KEPT:
        if op.get_context().dialect.name == 'sqlite':
            op.execute(f"DROP TRIGGER {table}_is_not_changed")
            op.execute(f"DROP TRIGGER {table}_is_not_deleted")
        else:
            op.execute(f"DROP FUNCTION {table}_only_grows() CASCADE")
    op.drop_table('inspection')
    op.drop_table('checkpoint')
    op.drop_table('link')
    op.execute("DELETE FROM entry WHERE deed = 'refused'")
    with op.batch_alter_table('entry', schema=None) as batch_op:
        batch_op.drop_index('ix_entry_thing')
        batch_op.drop_index('ix_entry_deed')
        batch_op.drop_index(batch_op.f('ix_entry_address'))
    change_deeds(DEEDS)
