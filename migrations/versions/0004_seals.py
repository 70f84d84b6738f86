"""seals"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('certificate_version', schema=None) as batch_op:
        batch_op.add_column(sa.Column('sealed_by', sa.String(length=64), nullable=True, comment='SHA-256 of the certificate of the seal on it'))
        batch_op.add_column(sa.Column('sealed_at', sa.DateTime(), nullable=True))
        batch_op.create_index(batch_op.f('ix_certificate_version_digest'), ['digest'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('certificate_version', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_certificate_version_digest'))
        batch_op.drop_column('sealed_at')
        batch_op.drop_column('sealed_by')
