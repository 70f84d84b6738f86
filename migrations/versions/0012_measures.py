"""measures: proposed by one officer and confirmed by another; the ban they set; their public notices"""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

TASKS = "'expired', 'expiring', 'unsent', 'deadlines'"


def change_tasks(says: str) -> None:
    with op.batch_alter_table('occasion', schema=None) as batch_op:
        batch_op.drop_constraint('ck_occasion_kind', type_='check')
        batch_op.create_check_constraint('ck_occasion_kind', f"kind IN ({says})")


def upgrade() -> None:
    op.create_table('certificate_measure',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('certificate_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=30), nullable=False),
    sa.Column('ground', sa.String(length=30), nullable=False),
    sa.Column('facts', sa.String(length=300), nullable=False, comment="what was found, in the officer's words"),
    sa.Column('document_number', sa.String(length=80), nullable=False, comment='number of the document'),
    sa.Column('document_digest', sa.String(length=64), nullable=False, comment='scan; see files.storage'),
    sa.Column('document_mime', sa.String(length=40), nullable=False),
    sa.Column('document_name', sa.String(length=120), nullable=False),
    sa.Column('last_day', sa.Date(), nullable=True, comment='of a suspension; it ends by itself on the day after'),
    sa.Column('state', sa.String(length=30), nullable=False),
    sa.Column('holder', sa.String(length=50), nullable=False, comment='as printed when it was decided'),
    sa.Column('enterprise_name', sa.String(length=120), nullable=False, comment='of the certificate when it was decided'),
    sa.Column('proposed_by_id', sa.Integer(), nullable=False),
    sa.Column('proposed_by', sa.String(length=130), nullable=False),
    sa.Column('proposed_at', sa.DateTime(), nullable=False),
    sa.Column('decided_by_id', sa.Integer(), nullable=True),
    sa.Column('decided_by', sa.String(length=130), nullable=False),
    sa.Column('decided_at', sa.DateTime(), nullable=True),
    sa.Column('decision_reason', sa.String(length=500), nullable=False),
    sa.Column('banned_until', sa.Date(), nullable=True, comment='the ban that this measure set'),
    sa.Column('ended_at', sa.DateTime(), nullable=True, comment='of a suspension'),
    sa.CheckConstraint("(kind = 'suspended') = (last_day IS NOT NULL)", name='ck_certificate_measure_term'),
    sa.CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name='ck_certificate_measure_ended'),
    sa.CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name='ck_certificate_measure_decided'),
    sa.CheckConstraint("decided_by_id <> proposed_by_id OR state = 'retracted'", name='ck_certificate_measure_two_people'),
    sa.CheckConstraint("ground IN ('accident', 'principal_duties', 'officer_duties', 'set_right', 'not_responsible', 'deceit', 'concealment', 'official_fault')", name='ck_certificate_measure_ground'),
    sa.CheckConstraint("kind IN ('suspended', 'reinstated', 'revoked', 'withdrawn')", name='ck_certificate_measure_kind'),
    sa.CheckConstraint("state IN ('proposed', 'confirmed', 'refused', 'retracted', 'ended')", name='ck_certificate_measure_state'),
    sa.CheckConstraint('(decided_at IS NULL) = (decided_by_id IS NULL)', name='ck_certificate_measure_decided_by'),
    sa.ForeignKeyConstraint(['certificate_id'], ['certificate.id'], name='fk_certificate_measure_certificate'),
    sa.ForeignKeyConstraint(['decided_by_id'], ['ab_user.id'], name='fk_certificate_measure_decider'),
    sa.ForeignKeyConstraint(['proposed_by_id'], ['ab_user.id'], name='fk_certificate_measure_proposer'),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('certificate_measure', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_certificate_measure_certificate_id'), ['certificate_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_certificate_measure_proposed_at'), ['proposed_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_certificate_measure_proposed_by_id'), ['proposed_by_id'], unique=False)
        batch_op.create_index('ix_certificate_measure_state', ['state', 'last_day'], unique=False)
        batch_op.create_index('uq_certificate_measure_one_proposed', ['certificate_id'], unique=True, sqlite_where=sa.text("state = 'proposed'"), postgresql_where=sa.text("state = 'proposed'"))
        batch_op.create_index('uq_certificate_measure_one_suspension', ['certificate_id'], unique=True, sqlite_where=sa.text("state = 'confirmed' AND kind = 'suspended'"), postgresql_where=sa.text("state = 'confirmed' AND kind = 'suspended'"))

    with op.batch_alter_table('person', schema=None) as batch_op:
        batch_op.add_column(sa.Column('banned_for', sa.String(length=30), nullable=True, comment='why; set by a measure'))
        batch_op.create_check_constraint('ck_person_banned_for', "banned_for IN ('accident', 'principal_duties', 'officer_duties', 'set_right', 'not_responsible', 'deceit', 'concealment', 'official_fault')")

    with op.batch_alter_table('public_notice', schema=None) as batch_op:
        batch_op.add_column(sa.Column('measure_id', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('measure', sa.String(length=30), nullable=True))
        batch_op.alter_column('application_id',
               existing_type=sa.INTEGER(),
               nullable=True)
        batch_op.alter_column('matter',
               existing_type=sa.VARCHAR(length=30),
               nullable=True)
        batch_op.alter_column('stage',
               existing_type=sa.VARCHAR(length=30),
               nullable=True)
        batch_op.create_index(batch_op.f('ix_public_notice_measure_id'), ['measure_id'], unique=False)
        batch_op.create_foreign_key('fk_public_notice_measure', 'certificate_measure', ['measure_id'], ['id'])
        batch_op.create_check_constraint('ck_public_notice_measure', "measure IN ('suspended', 'reinstated', 'revoked', 'withdrawn')")
        batch_op.create_check_constraint('ck_public_notice_of_one_thing', '(application_id IS NULL) = (measure_id IS NOT NULL) AND (matter IS NULL) = (measure_id IS NOT NULL) AND (stage IS NULL) = (measure_id IS NOT NULL) AND (measure IS NULL) = (measure_id IS NULL)')

    change_tasks(f"'suspensions', {TASKS}")


def downgrade() -> None:
    op.execute("DELETE FROM occasion WHERE kind = 'suspensions'")
    change_tasks(TASKS)
    op.execute('DELETE FROM public_notice WHERE measure_id IS NOT NULL')
    with op.batch_alter_table('public_notice', schema=None) as batch_op:
        batch_op.drop_constraint('ck_public_notice_of_one_thing', type_='check')
        batch_op.drop_constraint('ck_public_notice_measure', type_='check')
        batch_op.drop_constraint('fk_public_notice_measure', type_='foreignkey')
        batch_op.drop_index(batch_op.f('ix_public_notice_measure_id'))
        batch_op.alter_column('stage',
               existing_type=sa.VARCHAR(length=30),
               nullable=False)
        batch_op.alter_column('matter',
               existing_type=sa.VARCHAR(length=30),
               nullable=False)
        batch_op.alter_column('application_id',
               existing_type=sa.INTEGER(),
               nullable=False)
        batch_op.drop_column('measure')
        batch_op.drop_column('measure_id')

    with op.batch_alter_table('person', schema=None) as batch_op:
        batch_op.drop_constraint('ck_person_banned_for', type_='check')
        batch_op.drop_column('banned_for')

    with op.batch_alter_table('certificate_measure', schema=None) as batch_op:
        batch_op.drop_index('uq_certificate_measure_one_suspension', sqlite_where=sa.text("state = 'confirmed' AND kind = 'suspended'"), postgresql_where=sa.text("state = 'confirmed' AND kind = 'suspended'"))
        batch_op.drop_index('uq_certificate_measure_one_proposed', sqlite_where=sa.text("state = 'proposed'"), postgresql_where=sa.text("state = 'proposed'"))
        batch_op.drop_index('ix_certificate_measure_state')
        batch_op.drop_index(batch_op.f('ix_certificate_measure_proposed_by_id'))
        batch_op.drop_index(batch_op.f('ix_certificate_measure_proposed_at'))
        batch_op.drop_index(batch_op.f('ix_certificate_measure_certificate_id'))

    op.drop_table('certificate_measure')
