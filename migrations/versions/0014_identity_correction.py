"""identity_correction: corrections of name or ID number before there is a certificate"""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('identity_correction',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.Integer(), nullable=False),
    sa.Column('enterprise_id', sa.Integer(), nullable=False),
    sa.Column('region_code', sa.String(length=6), nullable=False),
    sa.Column('old_name', sa.String(length=50), nullable=False),
    sa.Column('new_name', sa.String(length=50), nullable=False),
    sa.Column('old_id_number', sa.LargeBinary(), nullable=False),
    sa.Column('new_id_number', sa.LargeBinary(), nullable=False),
    sa.Column('reason', sa.String(length=500), nullable=False),
    sa.Column('filename', sa.String(length=120), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False, comment='scan of the ID card; see files.storage'),
    sa.Column('mime', sa.String(length=40), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=30), nullable=False),
    sa.Column('asked_at', sa.DateTime(), nullable=False),
    sa.Column('asked_by', sa.String(length=130), nullable=False),
    sa.Column('decided_at', sa.DateTime(), nullable=True),
    sa.Column('decided_by', sa.String(length=130), nullable=False),
    sa.Column('decision_reason', sa.String(length=500), nullable=False),
    sa.CheckConstraint("(state = 'pending') = (decided_at IS NULL)", name='ck_identity_correction_decided_iff_closed'),
    sa.CheckConstraint("state <> 'rejected' OR decision_reason <> ''", name='ck_identity_correction_rejected_with_reason'),
    sa.CheckConstraint("state IN ('pending', 'approved', 'rejected', 'withdrawn')", name='ck_identity_correction_state'),
    sa.CheckConstraint('length(digest) = 64', name='ck_identity_correction_digest_sha256'),
    sa.ForeignKeyConstraint(['enterprise_id'], ['enterprise.id'], name='fk_identity_correction_enterprise'),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name='fk_identity_correction_person'),
    sa.ForeignKeyConstraint(['region_code'], ['region.code'], name='fk_identity_correction_region'),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('identity_correction', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_identity_correction_digest'), ['digest'], unique=False)
        batch_op.create_index(batch_op.f('ix_identity_correction_enterprise_id'), ['enterprise_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_identity_correction_asked_at'), ['asked_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_identity_correction_new_name'), ['new_name'], unique=False)
        batch_op.create_index(batch_op.f('ix_identity_correction_person_id'), ['person_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_identity_correction_region_code'), ['region_code'], unique=False)
        batch_op.create_index(batch_op.f('ix_identity_correction_state'), ['state'], unique=False)
        batch_op.create_index('uq_identity_correction_one_pending', ['person_id'], unique=True, sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))


def downgrade() -> None:
    with op.batch_alter_table('identity_correction', schema=None) as batch_op:
        batch_op.drop_index('uq_identity_correction_one_pending', sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
        batch_op.drop_index(batch_op.f('ix_identity_correction_state'))
        batch_op.drop_index(batch_op.f('ix_identity_correction_region_code'))
        batch_op.drop_index(batch_op.f('ix_identity_correction_person_id'))
        batch_op.drop_index(batch_op.f('ix_identity_correction_new_name'))
        batch_op.drop_index(batch_op.f('ix_identity_correction_enterprise_id'))
        batch_op.drop_index(batch_op.f('ix_identity_correction_asked_at'))
        batch_op.drop_index(batch_op.f('ix_identity_correction_digest'))

    op.drop_table('identity_correction')
