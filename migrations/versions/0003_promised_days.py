"""promised days"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('step', schema=None) as batch_op:
        batch_op.add_column(sa.Column('promised_on', sa.Date(), nullable=True, comment='the day the office owes its next step by, as promised then'))
    # Of what is still under way the promise is known.
    op.execute(
        "UPDATE step SET promised_on = (SELECT due_on FROM application WHERE application.id = step.application_id)"
        " WHERE action = 'accept' AND round = (SELECT round FROM application WHERE application.id = step.application_id)"
    )


def downgrade() -> None:
    with op.batch_alter_table('step', schema=None) as batch_op:
        batch_op.drop_column('promised_on')
