"""exams: notices that change, corrected scores, papers of a sign-up; people freed by the authority"""

import sqlalchemy as sa
from alembic import op

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None

MATTER_REASONS = "CASE matter WHEN 'replacement' THEN reason_code IN ('from_other_province', 'wrong_information', 'lost', 'enterprise_renamed', 'paper_to_electronic') WHEN 'cancellation' THEN reason_code IN ('left', 'no_safety_work', 'deceased', 'over_age', 'enterprise_dissolved', 'other') ELSE reason_code = '' END"
SIGNUP_STATES = "'selected', 'submitted', 'admitted', 'rejected', 'passed', 'failed', 'absent'"
SIGNUP_PAPERS = ('photo', 'id_card', 'education', 'title')


def change_signup_states(says: str) -> None:
    with op.batch_alter_table('exam_signup', schema=None) as batch_op:
        batch_op.drop_constraint('ck_exam_signup_state', type_='check')
        batch_op.create_check_constraint('ck_exam_signup_state', f"state IN ({says})")


def change_paper_reasons(says: str, *, nullable: bool) -> None:
    with op.batch_alter_table('paper_rule', schema=None) as batch_op:
        batch_op.drop_constraint('ck_paper_rule_reason', type_='check')
        batch_op.alter_column('matter', existing_type=sa.VARCHAR(length=30), nullable=nullable)
        batch_op.create_check_constraint('ck_paper_rule_reason', says)


def upgrade() -> None:
    op.create_table('exam_notice_file',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('notice_id', sa.Integer(), nullable=False),
    sa.Column('filename', sa.String(length=120), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False, comment='see files.storage'),
    sa.Column('mime', sa.String(length=40), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('uploaded_at', sa.DateTime(), nullable=False),
    sa.Column('uploaded_by', sa.String(length=64), nullable=False),
    sa.CheckConstraint('length(digest) = 64', name='ck_exam_notice_file_digest_sha256'),
    sa.CheckConstraint('size > 0', name='ck_exam_notice_file_size'),
    sa.ForeignKeyConstraint(['notice_id'], ['exam_notice.id'], name='fk_exam_notice_file_notice'),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('exam_notice_file', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_exam_notice_file_digest'), ['digest'], unique=False)
        batch_op.create_index(batch_op.f('ix_exam_notice_file_notice_id'), ['notice_id'], unique=False)

    op.create_table('exam_notice_event',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('notice_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=30), nullable=False),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.Column('by', sa.String(length=130), nullable=False),
    sa.Column('reason', sa.String(length=500), nullable=False),
    sa.Column('changes', sa.JSON(), nullable=False, comment='field: value before, value after'),
    sa.CheckConstraint("NOT (kind IN ('recalled', 'cancelled')) OR reason <> ''", name='ck_exam_notice_event_with_reason'),
    sa.CheckConstraint("kind IN ('changed', 'recalled', 'republished', 'cancelled')", name='ck_exam_notice_event_kind'),
    sa.ForeignKeyConstraint(['notice_id'], ['exam_notice.id'], name='fk_exam_notice_event_notice'),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('exam_notice_event', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_exam_notice_event_notice_id'), ['notice_id'], unique=False)

    op.create_table('score_correction',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('signup_id', sa.Integer(), nullable=False),
    sa.Column('old_score', sa.Numeric(precision=5, scale=2), nullable=True),
    sa.Column('old_absent', sa.Boolean(), nullable=False),
    sa.Column('new_score', sa.Numeric(precision=5, scale=2), nullable=True),
    sa.Column('new_absent', sa.Boolean(), nullable=False),
    sa.Column('reason', sa.String(length=500), nullable=False),
    sa.Column('state', sa.String(length=30), nullable=False),
    sa.Column('proposed_by_id', sa.Integer(), nullable=False),
    sa.Column('proposed_by', sa.String(length=130), nullable=False),
    sa.Column('proposed_at', sa.DateTime(), nullable=False),
    sa.Column('decided_by_id', sa.Integer(), nullable=True),
    sa.Column('decided_by', sa.String(length=130), nullable=False),
    sa.Column('decided_at', sa.DateTime(), nullable=True),
    sa.Column('decision_reason', sa.String(length=500), nullable=False),
    sa.CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name='ck_score_correction_decided'),
    sa.CheckConstraint("decided_by_id <> proposed_by_id OR state = 'retracted'", name='ck_score_correction_two_people'),
    sa.CheckConstraint("reason <> ''", name='ck_score_correction_with_reason'),
    sa.CheckConstraint("state IN ('proposed', 'confirmed', 'refused', 'retracted')", name='ck_score_correction_state'),
    sa.CheckConstraint('(decided_at IS NULL) = (decided_by_id IS NULL)', name='ck_score_correction_decided_by'),
    sa.CheckConstraint('new_absent = (new_score IS NULL) AND (new_absent OR new_score BETWEEN 0 AND 100)', name='ck_score_correction_new'),
    sa.CheckConstraint('old_absent = (old_score IS NULL) AND (old_absent OR old_score BETWEEN 0 AND 100)', name='ck_score_correction_old'),
    sa.ForeignKeyConstraint(['decided_by_id'], ['ab_user.id'], name='fk_score_correction_decider'),
    sa.ForeignKeyConstraint(['proposed_by_id'], ['ab_user.id'], name='fk_score_correction_proposer'),
    sa.ForeignKeyConstraint(['signup_id'], ['exam_signup.id'], name='fk_score_correction_signup'),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('score_correction', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_score_correction_signup_id'), ['signup_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_score_correction_state'), ['state'], unique=False)
        batch_op.create_index('uq_score_correction_one_proposed', ['signup_id'], unique=True, sqlite_where=sa.text("state = 'proposed'"), postgresql_where=sa.text("state = 'proposed'"))

    op.create_table('employment_release',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('person_id', sa.Integer(), nullable=False),
    sa.Column('old_enterprise_id', sa.Integer(), nullable=False),
    sa.Column('new_enterprise_id', sa.Integer(), nullable=False, comment='which asked for it'),
    sa.Column('region_code', sa.String(length=6), nullable=False, comment='of the new enterprise'),
    sa.Column('reason', sa.String(length=500), nullable=False),
    sa.Column('filename', sa.String(length=120), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False, comment='the evidence; see files.storage'),
    sa.Column('mime', sa.String(length=40), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('released_at', sa.DateTime(), nullable=False),
    sa.Column('released_by', sa.String(length=130), nullable=False),
    sa.CheckConstraint("reason <> ''", name='ck_employment_release_with_reason'),
    sa.CheckConstraint('length(digest) = 64', name='ck_employment_release_digest_sha256'),
    sa.CheckConstraint('old_enterprise_id <> new_enterprise_id', name='ck_employment_release_two_enterprises'),
    sa.ForeignKeyConstraint(['new_enterprise_id'], ['enterprise.id'], name='fk_employment_release_new'),
    sa.ForeignKeyConstraint(['old_enterprise_id'], ['enterprise.id'], name='fk_employment_release_old'),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name='fk_employment_release_person'),
    sa.ForeignKeyConstraint(['region_code'], ['region.code'], name='fk_employment_release_region'),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('employment_release', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_employment_release_digest'), ['digest'], unique=False)
        batch_op.create_index(batch_op.f('ix_employment_release_new_enterprise_id'), ['new_enterprise_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_employment_release_old_enterprise_id'), ['old_enterprise_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_employment_release_person_id'), ['person_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_employment_release_region_code'), ['region_code'], unique=False)
        batch_op.create_index(batch_op.f('ix_employment_release_released_at'), ['released_at'], unique=False)

    with op.batch_alter_table('exam_notice', schema=None) as batch_op:
        batch_op.add_column(sa.Column('exam_time', sa.String(length=60), server_default='', nullable=False, comment='of the day, as typed'))
        batch_op.add_column(sa.Column('contact', sa.String(length=120), server_default='', nullable=False, comment='whom to ask, and how'))
        batch_op.add_column(sa.Column('state', sa.String(length=30), server_default='published', nullable=False))
        batch_op.create_check_constraint('ck_exam_notice_state', "state IN ('published', 'recalled', 'cancelled')")

    change_signup_states(f"{SIGNUP_STATES}, 'cancelled'")
    change_paper_reasons(f"reason_code = '' OR matter IS NOT NULL AND {MATTER_REASONS} OR matter IS NULL AND reason_code = 'titled'", nullable=True)
    op.create_index('uq_paper_rule_signup', 'paper_rule', ['category', 'reason_code', 'paper'], unique=True, sqlite_where=sa.text('matter IS NULL'), postgresql_where=sa.text('matter IS NULL'))
    # What a sign-up asked for until now; without these lines it would ask for nothing until 'anguan init'.
    for paper in SIGNUP_PAPERS:
        op.execute(f"INSERT INTO paper_rule (matter, category, reason_code, paper, required, required_from) VALUES (NULL, '', '', '{paper}', true, '2018-01-01')")


def downgrade() -> None:
    op.execute('DELETE FROM paper_rule WHERE matter IS NULL')
    op.drop_index('uq_paper_rule_signup', 'paper_rule')
    change_paper_reasons(f"reason_code = '' OR {MATTER_REASONS}", nullable=False)
    op.execute("UPDATE exam_signup SET state = 'rejected', reason = '考试已取消' WHERE state = 'cancelled'")
    change_signup_states(SIGNUP_STATES)
    with op.batch_alter_table('exam_notice', schema=None) as batch_op:
        batch_op.drop_constraint('ck_exam_notice_state', type_='check')
        batch_op.drop_column('state')
        batch_op.drop_column('contact')
        batch_op.drop_column('exam_time')

    op.drop_table('employment_release')
    op.drop_table('score_correction')
    op.drop_table('exam_notice_event')
    op.drop_table('exam_notice_file')
