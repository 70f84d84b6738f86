"""identity_binding: for whom a sign-up was submitted, who was examined, and the ID number that a certificate shows

These columns are encrypted or keyed, so existing rows are filled by 'anguan init', which has the keys.
"""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('exam_signup', schema=None) as batch_op:
        batch_op.add_column(sa.Column('identity', sa.LargeBinary(), nullable=True, comment='name and ID number that it was submitted for'))
    with op.batch_alter_table('exam_pass', schema=None) as batch_op:
        batch_op.add_column(sa.Column('identity', sa.LargeBinary(), nullable=True, comment='name and ID number of who was examined'))
    with op.batch_alter_table('certificate_version', schema=None) as batch_op:
        batch_op.add_column(sa.Column('id_number', sa.String(length=40), nullable=True, comment='of the printed one, for the lookup'))
        batch_op.create_index(batch_op.f('ix_certificate_version_id_number'), ['id_number'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('certificate_version', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_certificate_version_id_number'))
        batch_op.drop_column('id_number')
    with op.batch_alter_table('exam_pass', schema=None) as batch_op:
        batch_op.drop_column('identity')
    with op.batch_alter_table('exam_signup', schema=None) as batch_op:
        batch_op.drop_column('identity')
