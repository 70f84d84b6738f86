"""findings: what the watch found, and when a message may be tried again"""

import sqlalchemy as sa
from alembic import op


revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None

POSTPONED = sa.text("state = 'queued' AND fault <> ''")


def upgrade() -> None:
    op.create_table(
        'finding',
        sa.Column('code', sa.String(length=40), nullable=False, comment='a key of worker.findings.kinds.KINDS'),
        sa.Column('place', sa.String(length=200), nullable=False, comment='empty where there is only one'),
        sa.Column('details', sa.JSON(), nullable=False, comment='what its sentences are filled with'),
        sa.Column('found_by', sa.String(length=60), nullable=False, comment='the check that found it'),
        sa.Column('began_at', sa.DateTime(), nullable=False),
        sa.Column('ended_at', sa.DateTime(), nullable=True, comment='the row is deleted once this was told'),
        sa.Column('told_at', sa.DateTime(), nullable=True, comment='when the operator was told that it began'),
        sa.PrimaryKeyConstraint('code', 'place'),
    )
    op.create_index('ix_finding_began_at', 'finding', ['began_at', 'code', 'place'])
    comment = 'from then on it may be claimed; while it is sent, the end of the claim'
    op.add_column('message', sa.Column('next_try_at', sa.DateTime(), comment=comment))
    op.execute('UPDATE message SET next_try_at = due_at')
    with op.batch_alter_table('message', reflect_kwargs={'resolve_fks': False}) as batch_op:
        batch_op.alter_column('next_try_at', existing_type=sa.DateTime(), nullable=False)
        batch_op.alter_column('due_at', existing_type=sa.DateTime(), existing_nullable=False, comment='when it was to be sent')
        batch_op.create_index('ix_message_next_try', ['state', 'next_try_at', 'id'])
        batch_op.create_index('ix_message_postponed', ['due_at', 'id'], sqlite_where=POSTPONED, postgresql_where=POSTPONED)


def downgrade() -> None:
    with op.batch_alter_table('message', reflect_kwargs={'resolve_fks': False}) as batch_op:
        batch_op.drop_index('ix_message_postponed')
        batch_op.drop_index('ix_message_next_try')
        batch_op.alter_column('due_at', existing_type=sa.DateTime(), existing_nullable=False, comment=None)
        batch_op.drop_column('next_try_at')
    op.drop_table('finding')
