"""legacy rows: how each row of an import is read and what became of it, answers to doubtful cells, words mapped for a column"""

import sqlalchemy as sa
from alembic import op

PHASES = "phase IN ('checking', 'checked', 'importing', 'done', 'unreadable', 'discarded'%s)"

revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('legacy_row',
    sa.Column('import_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), autoincrement=False, nullable=False, comment='from 0, in the order of the sheet'),
    sa.Column('number', sa.Integer(), nullable=False, comment='of the row in the sheet; one row may have become several'),
    sa.Column('outcome', sa.String(length=30), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint("outcome IN ('added', 'updated', 'unchanged', 'doubtful', 'refused')", name='ck_legacy_row_outcome'),
    sa.ForeignKeyConstraint(['import_id'], ['legacy_import.id'], name='fk_legacy_row_import', ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('import_id', 'position')
    )
    op.create_index('ix_legacy_row_outcome', 'legacy_row', ['import_id', 'outcome', 'position'], unique=False)
    with op.batch_alter_table('legacy_import', schema=None) as batch_op:
        batch_op.add_column(sa.Column('layout', sa.LargeBinary(), nullable=True, comment='how the sheet was read: its titles, and of each column what was found'))
        batch_op.add_column(sa.Column('answers', sa.LargeBinary(), nullable=True, comment='texts in place of cells, by row and column'))
        batch_op.add_column(sa.Column('mapping', sa.JSON(), nullable=False, server_default='{}', comment='titles and words that the office mapped for whole columns; the next import begins with it'))
        batch_op.add_column(sa.Column('revision', sa.Integer(), nullable=False, server_default='0', comment='of answers and mapping, so that only what was shown is confirmed'))
        batch_op.drop_constraint('ck_legacy_import_phase', type_='check')
        batch_op.create_check_constraint('ck_legacy_import_phase', PHASES % ", 'dry_run', 'undoing', 'undone'")
    with op.batch_alter_table('legacy_import', schema=None) as batch_op:
        batch_op.alter_column('mapping', server_default=None)
        batch_op.alter_column('revision', server_default=None)
    # The outcomes of an interrupted import are not carried over: it begins again, and finds what it wrote unchanged.
    op.execute("UPDATE legacy_import SET done = 0 WHERE phase = 'importing'")
    op.drop_table('legacy_chunk')


def downgrade() -> None:
    op.create_table('legacy_chunk',
    sa.Column('import_id', sa.Integer(), nullable=False),
    sa.Column('first', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('outcomes', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['import_id'], ['legacy_import.id'], name='fk_legacy_chunk_import'),
    sa.PrimaryKeyConstraint('import_id', 'first')
    )
    op.execute("UPDATE legacy_import SET done = 0 WHERE phase = 'importing'")
    op.execute("UPDATE legacy_import SET phase = 'done' WHERE phase = 'undoing'")
    op.execute("UPDATE legacy_import SET phase = 'discarded' WHERE phase IN ('undone', 'dry_run')")
    with op.batch_alter_table('legacy_import', schema=None) as batch_op:
        batch_op.drop_constraint('ck_legacy_import_phase', type_='check')
        batch_op.create_check_constraint('ck_legacy_import_phase', PHASES % '')
        batch_op.drop_column('revision')
        batch_op.drop_column('mapping')
        batch_op.drop_column('answers')
        batch_op.drop_column('layout')
    op.drop_index('ix_legacy_row_outcome', table_name='legacy_row')
    op.drop_table('legacy_row')
