"""letters: slips, notices and decisions as issued documents"""

import sqlalchemy as sa
from alembic import op

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('letter',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=30), nullable=False),
    sa.Column('number', sa.String(length=80), nullable=False, comment='文号'),
    sa.Column('title', sa.String(length=60), nullable=False, comment='as printed'),
    sa.Column('issued_on', sa.Date(), nullable=False, comment='the day it bears'),
    sa.Column('application_id', sa.Integer(), nullable=True),
    sa.Column('step_id', sa.Integer(), nullable=True),
    sa.Column('measure_id', sa.Integer(), nullable=True),
    sa.Column('face', sa.LargeBinary(), nullable=False, comment='all that is printed'),
    sa.Column('made_at', sa.DateTime(), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=True, comment='sealed PDF in the store, once drawn'),
    sa.Column('sealed_by', sa.String(length=64), nullable=True, comment='SHA-256 of the certificate of the seal on it'),
    sa.Column('sealed_at', sa.DateTime(), nullable=True),
    sa.Column('fault', sa.String(length=200), server_default='', nullable=False, comment='why it could not be drawn'),
    sa.CheckConstraint("kind IN ('acceptance', 'correction', 'closing', 'non_acceptance', 'extension', 'grant', 'refusal', 'measure')", name='ck_letter_kind'),
    sa.CheckConstraint('(digest IS NULL) = (sealed_at IS NULL)', name='ck_letter_stored_iff_sealed'),
    sa.CheckConstraint('(step_id IS NULL) <> (measure_id IS NULL)', name='ck_letter_of_one_thing'),
    sa.CheckConstraint('(step_id IS NULL) = (application_id IS NULL)', name='ck_letter_step_of_an_application'),
    sa.ForeignKeyConstraint(['application_id'], ['application.id'], name='fk_letter_application'),
    sa.ForeignKeyConstraint(['measure_id'], ['certificate_measure.id'], name='fk_letter_measure'),
    sa.ForeignKeyConstraint(['step_id'], ['step.id'], name='fk_letter_step'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('measure_id', name='uq_letter_measure'),
    sa.UniqueConstraint('number', name='uq_letter_number'),
    sa.UniqueConstraint('step_id', name='uq_letter_step')
    )
    with op.batch_alter_table('letter', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_letter_application_id'), ['application_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_letter_digest'), ['digest'], unique=False)
        batch_op.create_index('ix_letter_undrawn', ['id'], unique=False, sqlite_where=sa.text('digest IS NULL'), postgresql_where=sa.text('digest IS NULL'))


def downgrade() -> None:
    with op.batch_alter_table('letter', schema=None) as batch_op:
        batch_op.drop_index('ix_letter_undrawn', sqlite_where=sa.text('digest IS NULL'), postgresql_where=sa.text('digest IS NULL'))
        batch_op.drop_index(batch_op.f('ix_letter_digest'))
        batch_op.drop_index(batch_op.f('ix_letter_application_id'))

    op.drop_table('letter')
