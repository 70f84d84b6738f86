"""papers drawn by jobs"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('certificate_version', schema=None) as batch_op:
        batch_op.add_column(sa.Column('fault', sa.String(length=200), server_default='', nullable=False, comment='why it could not be drawn'))
        batch_op.create_index(batch_op.f('ix_certificate_version_issued_at'), ['issued_at'], unique=False)
        batch_op.create_index('ix_certificate_version_undrawn', ['id'], unique=False, sqlite_where=sa.text('digest IS NULL'), postgresql_where=sa.text('digest IS NULL'))


def downgrade() -> None:
    with op.batch_alter_table('certificate_version', schema=None) as batch_op:
        batch_op.drop_index('ix_certificate_version_undrawn', sqlite_where=sa.text('digest IS NULL'), postgresql_where=sa.text('digest IS NULL'))
        batch_op.drop_index(batch_op.f('ix_certificate_version_issued_at'))
        batch_op.drop_column('fault')
