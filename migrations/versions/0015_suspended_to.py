"""certificate.suspended_to: the last day of a suspension, so that its status is true on the day after"""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        'certificate',
        sa.Column('suspended_to', sa.Date(), nullable=True, comment='last day of the suspension; valid from the day after'),
    )
    op.execute(
        "UPDATE certificate SET suspended_to = (SELECT max(measure.last_day) FROM certificate_measure AS measure "
        "WHERE measure.certificate_id = certificate.id AND measure.kind = 'suspended' AND measure.state = 'confirmed') "
        "WHERE status = '02'"
    )


def downgrade() -> None:
    with op.batch_alter_table('certificate', schema=None) as batch_op:
        batch_op.drop_column('suspended_to')
