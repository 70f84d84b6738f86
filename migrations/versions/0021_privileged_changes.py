"""privileged_changes: changes of privileged accounts, asked for by one administrator and confirmed by the other"""

import sqlalchemy as sa
from alembic import op

revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('privileged_change',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=30), nullable=False),
    sa.Column('role', sa.String(length=30), nullable=True, comment='of a change of role; NULL: none any more'),
    sa.Column('region_code', sa.String(length=6), nullable=True),
    sa.Column('mobile', sa.LargeBinary(), nullable=True, comment='of a change of role or mobile; NULL: none any more'),
    sa.Column('issuer', sa.String(length=64), nullable=False, comment='of a certificate, as in identity'),
    sa.Column('subject', sa.String(length=64), nullable=False),
    sa.Column('label', sa.String(length=200), nullable=False),
    sa.Column('not_after', sa.Date(), nullable=True),
    sa.Column('seen', sa.String(length=40), nullable=False, comment='digest of the account as it was when this was asked'),
    sa.Column('reason', sa.String(length=500), nullable=False),
    sa.Column('state', sa.String(length=30), nullable=False),
    sa.Column('asked_by_id', sa.Integer(), nullable=False),
    sa.Column('asked_by', sa.String(length=130), nullable=False),
    sa.Column('asked_as', sa.String(length=30), nullable=False),
    sa.Column('asked_at', sa.DateTime(), nullable=False),
    sa.Column('lapses_at', sa.DateTime(), nullable=False),
    sa.Column('decided_by_id', sa.Integer(), nullable=True),
    sa.Column('decided_by', sa.String(length=130), nullable=False),
    sa.Column('decided_at', sa.DateTime(), nullable=True),
    sa.Column('decision_reason', sa.String(length=500), nullable=False),
    sa.CheckConstraint("(kind = 'certificate') = (subject <> '')", name='ck_privileged_change_certificate'),
    sa.CheckConstraint("(state = 'asked') = (decided_at IS NULL)", name='ck_privileged_change_decided'),
    sa.CheckConstraint("asked_as IN ('admin', 'security_admin')", name='ck_privileged_change_asked_as'),
    sa.CheckConstraint("decided_by_id NOT IN (asked_by_id, account_id) OR state IN ('retracted', 'lapsed')", name='ck_privileged_change_two_people'),
    sa.CheckConstraint("kind IN ('password', 'mobile', 'role', 'certificate')", name='ck_privileged_change_kind'),
    sa.CheckConstraint("reason <> ''", name='ck_privileged_change_with_reason'),
    sa.CheckConstraint("role IN ('exam_clerk', 'acceptance_officer', 'reviewer', 'approver', 'viewer', 'admin', 'security_admin', 'auditor')", name='ck_privileged_change_role'),
    sa.CheckConstraint("state IN ('asked', 'done', 'refused', 'retracted', 'lapsed')", name='ck_privileged_change_state'),
    sa.ForeignKeyConstraint(['account_id'], ['ab_user.id'], name='fk_privileged_change_account'),
    sa.ForeignKeyConstraint(['asked_by_id'], ['ab_user.id'], name='fk_privileged_change_asker'),
    sa.ForeignKeyConstraint(['decided_by_id'], ['ab_user.id'], name='fk_privileged_change_decider'),
    sa.ForeignKeyConstraint(['region_code'], ['region.code'], name='fk_privileged_change_region'),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('privileged_change', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_privileged_change_account_id'), ['account_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_privileged_change_state'), ['state'], unique=False)
        batch_op.create_index('uq_privileged_change_one_asked', ['account_id'], unique=True, sqlite_where=sa.text("state = 'asked'"), postgresql_where=sa.text("state = 'asked'"))


def downgrade() -> None:
    with op.batch_alter_table('privileged_change', schema=None) as batch_op:
        batch_op.drop_index('uq_privileged_change_one_asked')
        batch_op.drop_index(batch_op.f('ix_privileged_change_state'))
        batch_op.drop_index(batch_op.f('ix_privileged_change_account_id'))

    op.drop_table('privileged_change')
