"""limits_and_reasons: the day until which a correction is awaited, acceptance by law, stock reasons"""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None

ACTIONS = ('submit', 'withdraw', 'abandon', 'release', 'refuse_release', 'release_by_office', 'accept', 'return', 'decline',
           'endorse', 'refuse_review', 'approve', 'refuse_approval', 'extend')
DUE = "deadline of the next step: the office's, or the enterprise's while it corrects"


def change_actions(actions: tuple[str, ...]) -> None:
    with op.batch_alter_table('step') as batch_op:
        batch_op.drop_constraint('ck_step_action', type_='check')
        batch_op.create_check_constraint('ck_step_action', f"action IN ({', '.join(map(repr, actions))})")


def upgrade() -> None:
    op.create_table('stock_reason',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('matter', sa.String(length=30), nullable=False, comment='empty: every matter'),
    sa.Column('step', sa.String(length=30), nullable=False),
    sa.Column('text', sa.String(length=300), nullable=False, comment='the fact stands between 【 and 】'),
    sa.Column('clause', sa.String(length=150), nullable=False, comment='the article relied on'),
    sa.Column('offered', sa.Boolean(), nullable=False, comment='false: kept, not offered to officers'),
    sa.CheckConstraint("matter = '' OR matter IN ('new', 'renewal', 'transfer', 'replacement', 'cancellation')", name='ck_stock_reason_matter'),
    sa.CheckConstraint("step IN ('return', 'decline', 'refuse_review', 'refuse_approval', 'refuse_release', 'release_by_office', 'extend', 'reject_signup')", name='ck_stock_reason_step'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('matter', 'step', 'text', name='uq_stock_reason')
    )
    with op.batch_alter_table('application', schema=None) as batch_op:
        batch_op.add_column(sa.Column('counts_from', sa.Date(), nullable=True, comment='day of receipt, from which it counts as accepted because the limit for acceptance had passed (art. 32)'))
        batch_op.create_check_constraint('ck_application_counted_as_accepted_when_accepted', 'counts_from IS NULL OR accepted_at IS NOT NULL')
        batch_op.alter_column('due_on', existing_type=sa.Date(), existing_nullable=True, comment=DUE, existing_comment="deadline of the office's next step")
        batch_op.create_index('ix_application_due', ['state', 'due_on', 'id'], unique=False)
    with op.batch_alter_table('step', schema=None) as batch_op:
        batch_op.add_column(sa.Column('brought_up', sa.Boolean(), server_default=sa.false(), nullable=False, comment='of a further return: the officer states that the correction itself brought it up'))
        batch_op.add_column(sa.Column('awaited_until', sa.Date(), nullable=True, comment='of a return: last day on which the correction is awaited'))
    change_actions((*ACTIONS[:8], 'lapse', *ACTIONS[8:]))


def downgrade() -> None:
    """An application that the office closed for want of correction is, to the older version, one that was given up."""
    op.execute("UPDATE step SET action = 'abandon' WHERE action = 'lapse'")
    change_actions(ACTIONS)
    with op.batch_alter_table('step', schema=None) as batch_op:
        batch_op.drop_column('awaited_until')
        batch_op.drop_column('brought_up')
    op.execute("UPDATE application SET due_on = NULL, due_from = NULL, due_days = NULL WHERE state = 'returned'")
    with op.batch_alter_table('application', schema=None) as batch_op:
        batch_op.drop_index('ix_application_due')
        batch_op.alter_column('due_on', existing_type=sa.Date(), existing_nullable=True, comment="deadline of the office's next step", existing_comment=DUE)
        batch_op.drop_constraint('ck_application_counted_as_accepted_when_accepted', type_='check')
        batch_op.drop_column('counts_from')
    op.drop_table('stock_reason')
