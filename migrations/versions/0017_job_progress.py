"""job progress: attempts are counted since the last progress"""

import sqlalchemy as sa
from alembic import op

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.add_column(
            sa.Column('furthest', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='the most that was ever done')
        )
        batch_op.alter_column(
            'attempts', existing_type=sa.Integer(), existing_nullable=False, comment='since the job last made progress'
        )


def downgrade() -> None:
    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.alter_column('attempts', existing_type=sa.Integer(), existing_nullable=False, comment=None)
        batch_op.drop_column('furthest')
