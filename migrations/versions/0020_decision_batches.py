"""decision_batches: batches of decisions with their rows, and the stored result of the automatic checks"""

import sqlalchemy as sa
from alembic import op

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('decision_batch',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=64), nullable=False, comment='digest of the request: the same request is the same batch'),
    sa.Column('action', sa.String(length=30), nullable=False),
    sa.Column('reason', sa.String(length=1000), nullable=False),
    sa.Column('chosen_by', sa.LargeBinary(), nullable=False, comment='filter of the list, and whether all its pages were selected'),
    sa.Column('state', sa.String(length=30), nullable=False),
    sa.Column('actor_id', sa.Integer(), nullable=False),
    sa.Column('actor', sa.String(length=130), nullable=False),
    sa.Column('region_code', sa.String(length=6), nullable=False, comment="the actor's"),
    sa.Column('retry_of_id', sa.Integer(), nullable=True),
    sa.Column('planned_at', sa.DateTime(), nullable=False),
    sa.Column('confirmed_at', sa.DateTime(), nullable=True),
    sa.Column('finished_at', sa.DateTime(), nullable=True),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('fit', sa.Integer(), nullable=False, comment='would pass, by the plan'),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('refused', sa.Integer(), nullable=False, comment='passed by the plan, refused when it was carried out'),
    sa.CheckConstraint("(state = 'done') = (finished_at IS NOT NULL)", name='ck_decision_batch_finished_iff_dated'),
    sa.CheckConstraint("(state IN ('running', 'done')) = (confirmed_at IS NOT NULL)", name='ck_decision_batch_confirmed_iff_dated'),
    sa.CheckConstraint("action IN ('submit', 'withdraw', 'abandon', 'release', 'refuse_release', 'release_by_office', 'accept', 'return', 'lapse', 'decline', 'endorse', 'refuse_review', 'approve', 'refuse_approval', 'extend')", name='ck_decision_batch_action'),
    sa.CheckConstraint("state IN ('planned', 'running', 'done', 'discarded')", name='ck_decision_batch_state'),
    sa.CheckConstraint('done >= 0 AND refused >= 0 AND done + refused <= fit AND fit <= total', name='ck_decision_batch_counts'),
    sa.ForeignKeyConstraint(['actor_id'], ['ab_user.id'], name='fk_decision_batch_actor'),
    sa.ForeignKeyConstraint(['region_code'], ['region.code'], name='fk_decision_batch_region'),
    sa.ForeignKeyConstraint(['retry_of_id'], ['decision_batch.id'], name='fk_decision_batch_retry_of', ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('key', name='uq_decision_batch_key')
    )
    with op.batch_alter_table('decision_batch', schema=None) as batch_op:
        batch_op.create_index('ix_decision_batch_own', ['actor_id', 'planned_at', 'id'], unique=False)
        batch_op.create_index('ix_decision_batch_planned', ['planned_at', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_decision_batch_retry_of_id'), ['retry_of_id'], unique=False)

    op.create_table('decision_batch_row',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('batch_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False, comment='from 1'),
    sa.Column('application_id', sa.Integer(), nullable=True, comment="NULL: no application within the actor's reach"),
    sa.Column('seen', sa.Integer(), nullable=True, comment="the application's last step when it was planned"),
    sa.Column('result', sa.String(length=30), nullable=False),
    sa.Column('reasons', sa.JSON(), nullable=True, comment='refusals: code, sentence, place'),
    sa.Column('at', sa.DateTime(), nullable=True, comment='when it was carried out or refused'),
    sa.CheckConstraint("result IN ('waiting', 'done', 'refused', 'left')", name='ck_decision_batch_row_result'),
    sa.ForeignKeyConstraint(['application_id'], ['application.id'], name='fk_decision_batch_row_application'),
    sa.ForeignKeyConstraint(['batch_id'], ['decision_batch.id'], name='fk_decision_batch_row_batch', ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('batch_id', 'application_id', name='uq_decision_batch_row_application'),
    sa.UniqueConstraint('batch_id', 'position', name='uq_decision_batch_row_position')
    )
    with op.batch_alter_table('decision_batch_row', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_decision_batch_row_application_id'), ['application_id'], unique=False)
        batch_op.create_index('ix_decision_batch_row_result', ['batch_id', 'result', 'position'], unique=False)

    with op.batch_alter_table('application', schema=None) as batch_op:
        batch_op.add_column(sa.Column('check_result', sa.String(length=30), nullable=True, comment='of the automatic checks in this state, at checked_at; for the filter of the queues'))
        batch_op.add_column(sa.Column('checked_at', sa.DateTime(), nullable=True, comment='NULL: not since it reached this state'))
        batch_op.create_index('ix_application_check_result', ['state', 'check_result', 'due_on', 'id'], unique=False)
        batch_op.create_index('ix_application_checked', ['state', 'checked_at', 'id'], unique=False)
        batch_op.create_check_constraint('ck_application_check_result', "check_result IN ('passes', 'warns', 'fails')")


def downgrade() -> None:
    with op.batch_alter_table('application', schema=None) as batch_op:
        batch_op.drop_constraint('ck_application_check_result', type_='check')
        batch_op.drop_index('ix_application_checked')
        batch_op.drop_index('ix_application_check_result')
        batch_op.drop_column('checked_at')
        batch_op.drop_column('check_result')

    with op.batch_alter_table('decision_batch_row', schema=None) as batch_op:
        batch_op.drop_index('ix_decision_batch_row_result')
        batch_op.drop_index(batch_op.f('ix_decision_batch_row_application_id'))

    op.drop_table('decision_batch_row')
    with op.batch_alter_table('decision_batch', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_decision_batch_retry_of_id'))
        batch_op.drop_index('ix_decision_batch_planned')
        batch_op.drop_index('ix_decision_batch_own')

    op.drop_table('decision_batch')
