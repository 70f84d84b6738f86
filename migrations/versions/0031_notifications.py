"""notifications: messages inside the system, and the reminder of a correction"""

import sqlalchemy as sa
from alembic import op


revision = '0031'
down_revision = '0030'
branch_labels = None
depends_on = None

KINDS = (
    "kind IN ('application', 'release', 'deadline', 'certificate', 'exam', 'signup', 'people', 'enterprise', 'work', 'measure', "
    "'batch', 'account', 'system')"
)
TASKS = "kind IN ('suspensions', 'expired', 'expiring', 'unsent', 'deadlines')"
TASKS_NOW = "kind IN ('suspensions', 'expired', 'expiring', 'unsent', 'corrections', 'deadlines')"


def upgrade() -> None:
    op.create_table(
        'notification',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('account_id', sa.Integer(), nullable=False),
        sa.Column('kind', sa.String(length=30), nullable=False),
        sa.Column(
            'subject_id', sa.Integer(), nullable=True,
            comment='of the row that it is about; which table depends on the kind',
        ),
        sa.Column('text', sa.String(length=500), nullable=False),
        sa.Column('state', sa.String(length=30), nullable=False),
        sa.Column('at', sa.DateTime(), nullable=False),
        sa.CheckConstraint(KINDS, name='ck_notification_kind'),
        sa.CheckConstraint("state IN ('unread', 'read')", name='ck_notification_state'),
        sa.ForeignKeyConstraint(['account_id'], ['ab_user.id'], name='fk_notification_account'),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index('ix_notification_account', 'notification', ['account_id', 'at', 'id'])
    op.create_index('ix_notification_account_state', 'notification', ['account_id', 'state', 'at', 'id'])
    op.create_index('ix_notification_at', 'notification', ['at', 'id'])
    _allow(TASKS_NOW)


def downgrade() -> None:
    op.execute("DELETE FROM occasion WHERE kind = 'corrections'")
    _allow(TASKS)
    op.drop_table('notification')


def _allow(tasks: str) -> None:
    with op.batch_alter_table('occasion') as batch:
        batch.drop_constraint('ck_occasion_kind', type_='check')
        batch.create_check_constraint('ck_occasion_kind', tasks)
