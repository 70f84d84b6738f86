"""restored chain: which restore of a backup a checkpoint comes after"""

import sqlalchemy as sa
from alembic import op

revision = '0026'
down_revision = '0025'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not in a batch, which would rebuild the table without the triggers that let it only grow.
    op.add_column(
        'checkpoint',
        sa.Column(
            'restored', sa.String(length=40), server_default='', nullable=False,
            comment='moment of the last restore that the chain has gone through',
        ),
    )


def downgrade() -> None:
    op.drop_column('checkpoint', 'restored')
