"""what the administrator sets in the system, and the office's calendar"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('parameter',
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.Column('changed_at', sa.DateTime(), nullable=False),
    sa.Column('changed_by', sa.String(length=130), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_table('calendar_day',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('working', sa.Boolean(), nullable=False),
    sa.Column('name', sa.String(length=40), nullable=False, comment='the holiday: 国庆节'),
    sa.PrimaryKeyConstraint('day')
    )
    with op.batch_alter_table('application', schema=None) as batch_op:
        batch_op.add_column(sa.Column('promised_days', sa.Integer(), nullable=True, comment='within how many working days the acceptance slip says'))
        batch_op.add_column(sa.Column('promised_on', sa.Date(), nullable=True, comment='and by which day'))


def downgrade() -> None:
    with op.batch_alter_table('application', schema=None) as batch_op:
        batch_op.drop_column('promised_on')
        batch_op.drop_column('promised_days')

    op.drop_table('calendar_day')
    op.drop_table('parameter')
