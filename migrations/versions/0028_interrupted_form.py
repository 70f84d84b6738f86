"""interrupted form: what an account sent after its session had lapsed"""

import sqlalchemy as sa
from alembic import op

revision = '0028'
down_revision = '0027'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'interrupted_form',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('account_id', sa.Integer(), nullable=False),
        sa.Column('path', sa.String(length=200), nullable=False, comment='of the page with the form'),
        sa.Column('sent', sa.LargeBinary(), nullable=False, comment='names and values'),
        sa.Column('kept_at', sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(['account_id'], ['ab_user.id'], name='fk_interrupted_form_account'),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index('ix_interrupted_form_account_id', 'interrupted_form', ['account_id'])
    op.create_index('ix_interrupted_form_kept_at', 'interrupted_form', ['kept_at'])


def downgrade() -> None:
    op.drop_index('ix_interrupted_form_kept_at', 'interrupted_form')
    op.drop_index('ix_interrupted_form_account_id', 'interrupted_form')
    op.drop_table('interrupted_form')
