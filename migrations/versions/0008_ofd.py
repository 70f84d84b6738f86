"""ofd"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('certificate_version', schema=None) as batch_op:
        batch_op.add_column(sa.Column('ofd', sa.String(length=64), nullable=True, comment='the OFD in the store, once somebody asked for it'))
        batch_op.create_index(batch_op.f('ix_certificate_version_ofd'), ['ofd'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('certificate_version', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_certificate_version_ofd'))
        batch_op.drop_column('ofd')
