"""matters"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

# table, name of the check, what it said, what it says
CHECKS = (
    ('application', 'ck_application_state',
     "state IN ('draft', 'awaiting_acceptance', 'returned', 'not_accepted', 'awaiting_review', 'review_refused', 'awaiting_approval', 'approval_refused', 'approved')",
     "state IN ('draft', 'awaiting_release', 'release_refused', 'awaiting_acceptance', 'returned', 'not_accepted', 'awaiting_review', 'review_refused', 'awaiting_approval', 'approval_refused', 'approved', 'abandoned')"),
    ('application', 'ck_application_closed_iff_dated',
     "(state IN ('not_accepted', 'review_refused', 'approval_refused', 'approved')) = (closed_at IS NOT NULL)",
     "(state IN ('not_accepted', 'review_refused', 'approval_refused', 'approved', 'abandoned')) = (closed_at IS NOT NULL)"),
    ('application', 'ck_application_submitted_iff_dated',
     "(state = 'draft') = (submitted_at IS NULL)",
     "state = 'abandoned' OR (state = 'draft') = (submitted_at IS NULL)"),
    ('step', 'ck_step_action',
     "action IN ('submit', 'accept', 'return', 'decline', 'endorse', 'refuse_review', 'approve', 'refuse_approval')",
     "action IN ('submit', 'withdraw', 'abandon', 'release', 'refuse_release', 'release_by_office', 'accept', 'return', 'decline', 'endorse', 'refuse_review', 'approve', 'refuse_approval')"),
    ('step', 'ck_step_source',
     "source IN ('draft', 'awaiting_acceptance', 'returned', 'not_accepted', 'awaiting_review', 'review_refused', 'awaiting_approval', 'approval_refused', 'approved')",
     "source IN ('draft', 'awaiting_release', 'release_refused', 'awaiting_acceptance', 'returned', 'not_accepted', 'awaiting_review', 'review_refused', 'awaiting_approval', 'approval_refused', 'approved', 'abandoned')"),
    ('step', 'ck_step_target',
     "target IN ('draft', 'awaiting_acceptance', 'returned', 'not_accepted', 'awaiting_review', 'review_refused', 'awaiting_approval', 'approval_refused', 'approved')",
     "target IN ('draft', 'awaiting_release', 'release_refused', 'awaiting_acceptance', 'returned', 'not_accepted', 'awaiting_review', 'review_refused', 'awaiting_approval', 'approval_refused', 'approved', 'abandoned')"),
    ('paper', 'ck_paper_kind',
     "kind IN ('photo', 'id_card', 'education', 'title', 'registration', 'pledge', 'qualification')",
     "kind IN ('photo', 'id_card', 'education', 'title', 'registration', 'pledge', 'qualification', 'old_certificate', 'continuing_education', 'end_of_employment', 'employment_contract', 'transfer_proof', 'loss_statement', 'correction_proof', 'renaming_approval', 'dismissal_proof')"),
    ('paper', 'ck_paper_has_one_owner',
     'CASE WHEN person_id IS NULL THEN 0 ELSE 1 END + CASE WHEN qualification_id IS NULL THEN 0 ELSE 1 END + CASE WHEN pledging_enterprise_id IS NULL THEN 0 ELSE 1 END = 1',
     "CASE WHEN person_id IS NULL THEN 0 ELSE 1 END + CASE WHEN qualification_id IS NULL THEN 0 ELSE 1 END + CASE WHEN pledging_enterprise_id IS NULL THEN 0 ELSE 1 END + CASE WHEN application_id IS NULL THEN 0 ELSE 1 END = 1"),
)


def change_checks(now: int) -> None:
    for name in dict.fromkeys(table for table, *_ in CHECKS):
        with op.batch_alter_table(name) as batch_op:
            for table, check, *says in CHECKS:
                if table == name:
                    batch_op.drop_constraint(check, type_='check')
                    batch_op.create_check_constraint(check, says[now])


def upgrade() -> None:
    op.create_table('paper_rule',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('matter', sa.String(length=30), nullable=False),
    sa.Column('category', sa.String(length=30), nullable=False, comment='empty: every category'),
    sa.Column('reason_code', sa.String(length=30), nullable=False, comment='empty: every reason'),
    sa.Column('paper', sa.String(length=30), nullable=False),
    sa.Column('required', sa.Boolean(), nullable=False, comment='no: may be handed in, is not asked for'),
    sa.Column('required_from', sa.Date(), nullable=False),
    sa.CheckConstraint("category = '' OR category IN ('A', 'B', 'C1', 'C2', 'C3', 'C')", name='ck_paper_rule_category'),
    sa.CheckConstraint("matter IN ('new', 'renewal', 'transfer', 'replacement', 'cancellation')", name='ck_paper_rule_matter'),
    sa.CheckConstraint("paper IN ('photo', 'id_card', 'education', 'title', 'registration', 'pledge', 'qualification', 'old_certificate', 'continuing_education', 'end_of_employment', 'employment_contract', 'transfer_proof', 'loss_statement', 'correction_proof', 'renaming_approval', 'dismissal_proof')", name='ck_paper_rule_paper'),
    sa.CheckConstraint("reason_code = '' OR CASE matter WHEN 'replacement' THEN reason_code IN ('from_other_province', 'wrong_information', 'lost', 'enterprise_renamed', 'paper_to_electronic') WHEN 'cancellation' THEN reason_code IN ('left', 'no_safety_work', 'deceased', 'over_age', 'enterprise_dissolved', 'other') ELSE reason_code = '' END", name='ck_paper_rule_reason'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('matter', 'category', 'reason_code', 'paper', name='uq_paper_rule')
    )
    op.create_table('certificate_event',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('certificate_id', sa.Integer(), nullable=False),
    sa.Column('deed', sa.String(length=30), nullable=False),
    sa.Column('status', sa.String(length=30), nullable=False),
    sa.Column('reason', sa.String(length=500), nullable=False),
    sa.Column('application_id', sa.Integer(), nullable=True),
    sa.Column('actor_id', sa.Integer(), nullable=True),
    sa.Column('actor', sa.String(length=130), nullable=False),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.CheckConstraint("deed IN ('issued', 'extended', 'moved', 'replaced', 'cancelled', 'superseded', 'suspended', 'reinstated', 'revoked', 'withdrawn')", name='ck_certificate_event_deed'),
    sa.CheckConstraint("status IN ('01', '02', '03', '04', '05', '06', '07', '99')", name='ck_certificate_event_status'),
    sa.ForeignKeyConstraint(['actor_id'], ['ab_user.id'], name='fk_certificate_event_actor'),
    sa.ForeignKeyConstraint(['application_id'], ['application.id'], name='fk_certificate_event_application'),
    sa.ForeignKeyConstraint(['certificate_id'], ['certificate.id'], name='fk_certificate_event_certificate'),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('certificate_event', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_certificate_event_application_id'), ['application_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_certificate_event_certificate_id'), ['certificate_id'], unique=False)

    with op.batch_alter_table('application', schema=None) as batch_op:
        batch_op.add_column(sa.Column('reason_code', sa.String(length=30), server_default='', nullable=False, comment='why, where the matter asks; see ``vocabulary.REASONS``'))
        batch_op.add_column(sa.Column('details', sa.LargeBinary(), nullable=True, comment='what the reason asks for; see ``particulars``'))
        batch_op.add_column(sa.Column('releasing_enterprise_id', sa.Integer(), nullable=True, comment='the old enterprise of a transfer, which must agree'))
        batch_op.add_column(sa.Column('snapshot_before', sa.LargeBinary(), nullable=True, comment='the same, one submission earlier: before and after a correction'))
        batch_op.drop_index(batch_op.f('uq_application_one_open_per_person_and_category'), sqlite_where=sa.text("state IN ('draft', 'awaiting_acceptance', 'returned', 'awaiting_review', 'awaiting_approval')"))
        batch_op.create_index('uq_application_one_open_per_person_and_category', ['person_id', 'category'], unique=True, sqlite_where=sa.text("certificate_id IS NULL AND state IN ('draft', 'awaiting_release', 'release_refused', 'awaiting_acceptance', 'returned', 'awaiting_review', 'awaiting_approval')"), postgresql_where=sa.text("certificate_id IS NULL AND state IN ('draft', 'awaiting_release', 'release_refused', 'awaiting_acceptance', 'returned', 'awaiting_review', 'awaiting_approval')"))
        batch_op.create_index(batch_op.f('ix_application_releasing_enterprise_id'), ['releasing_enterprise_id'], unique=False)
        batch_op.create_index('uq_application_one_open_per_certificate_and_enterprise', ['certificate_id', 'enterprise_id'], unique=True, sqlite_where=sa.text("certificate_id IS NOT NULL AND state IN ('draft', 'awaiting_release', 'release_refused', 'awaiting_acceptance', 'returned', 'awaiting_review', 'awaiting_approval')"), postgresql_where=sa.text("certificate_id IS NOT NULL AND state IN ('draft', 'awaiting_release', 'release_refused', 'awaiting_acceptance', 'returned', 'awaiting_review', 'awaiting_approval')"))
        batch_op.create_index('uq_application_one_under_way_per_certificate', ['certificate_id'], unique=True, sqlite_where=sa.text("certificate_id IS NOT NULL AND state IN ('awaiting_release', 'awaiting_acceptance', 'returned', 'awaiting_review', 'awaiting_approval')"), postgresql_where=sa.text("certificate_id IS NOT NULL AND state IN ('awaiting_release', 'awaiting_acceptance', 'returned', 'awaiting_review', 'awaiting_approval')"))
        batch_op.create_foreign_key('fk_application_releasing_enterprise', 'enterprise', ['releasing_enterprise_id'], ['id'])
        batch_op.create_check_constraint('ck_application_acts_on_a_certificate', "matter = 'new' OR reason_code = 'from_other_province' OR certificate_id IS NOT NULL")
        batch_op.create_check_constraint('ck_application_reason_fits_matter', "CASE matter WHEN 'replacement' THEN reason_code IN ('from_other_province', 'wrong_information', 'lost', 'enterprise_renamed', 'paper_to_electronic') WHEN 'cancellation' THEN reason_code IN ('left', 'no_safety_work', 'deceased', 'over_age', 'enterprise_dissolved', 'other') ELSE reason_code = '' END")
        batch_op.create_check_constraint('ck_application_released_by_another', 'releasing_enterprise_id <> enterprise_id')
        batch_op.create_check_constraint('ck_application_transfer_iff_released', "(matter = 'transfer') = (releasing_enterprise_id IS NOT NULL)")

    with op.batch_alter_table('certificate', schema=None) as batch_op:
        batch_op.add_column(sa.Column('printed_enterprise', sa.String(length=120), server_default='', nullable=False, comment="the enterprise's name as printed (R120)"))

    with op.batch_alter_table('certificate_version', schema=None) as batch_op:
        batch_op.create_index('uq_certificate_version_one_current', ['certificate_id'], unique=True, sqlite_where=sa.text('replaced_at IS NULL'), postgresql_where=sa.text('replaced_at IS NULL'))

    with op.batch_alter_table('paper', schema=None) as batch_op:
        batch_op.add_column(sa.Column('application_id', sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f('ix_paper_application_id'), ['application_id'], unique=False)
        batch_op.create_index('uq_paper_one_current_per_application', ['application_id', 'kind'], unique=True, sqlite_where=sa.text('replaced_at IS NULL AND application_id IS NOT NULL'), postgresql_where=sa.text('replaced_at IS NULL AND application_id IS NOT NULL'))
        batch_op.create_foreign_key('fk_paper_application', 'application', ['application_id'], ['id'])

    with op.batch_alter_table('step', schema=None) as batch_op:
        batch_op.add_column(sa.Column('marks', sa.JSON(), nullable=True, comment='what is to be corrected, item by item'))

    change_checks(1)
    op.execute('UPDATE certificate SET printed_enterprise = (SELECT name FROM enterprise WHERE id = certificate.enterprise_id)')


def downgrade() -> None:
    change_checks(0)

    with op.batch_alter_table('step', schema=None) as batch_op:
        batch_op.drop_column('marks')

    with op.batch_alter_table('paper', schema=None) as batch_op:
        batch_op.drop_constraint('fk_paper_application', type_='foreignkey')
        batch_op.drop_index('uq_paper_one_current_per_application', sqlite_where=sa.text('replaced_at IS NULL AND application_id IS NOT NULL'), postgresql_where=sa.text('replaced_at IS NULL AND application_id IS NOT NULL'))
        batch_op.drop_index(batch_op.f('ix_paper_application_id'))
        batch_op.drop_column('application_id')

    with op.batch_alter_table('certificate_version', schema=None) as batch_op:
        batch_op.drop_index('uq_certificate_version_one_current', sqlite_where=sa.text('replaced_at IS NULL'), postgresql_where=sa.text('replaced_at IS NULL'))

    with op.batch_alter_table('certificate', schema=None) as batch_op:
        batch_op.drop_column('printed_enterprise')

    with op.batch_alter_table('application', schema=None) as batch_op:
        batch_op.drop_constraint('ck_application_transfer_iff_released', type_='check')
        batch_op.drop_constraint('ck_application_released_by_another', type_='check')
        batch_op.drop_constraint('ck_application_reason_fits_matter', type_='check')
        batch_op.drop_constraint('ck_application_acts_on_a_certificate', type_='check')
        batch_op.drop_constraint('fk_application_releasing_enterprise', type_='foreignkey')
        batch_op.drop_index('uq_application_one_under_way_per_certificate', sqlite_where=sa.text("certificate_id IS NOT NULL AND state IN ('awaiting_release', 'awaiting_acceptance', 'returned', 'awaiting_review', 'awaiting_approval')"), postgresql_where=sa.text("certificate_id IS NOT NULL AND state IN ('awaiting_release', 'awaiting_acceptance', 'returned', 'awaiting_review', 'awaiting_approval')"))
        batch_op.drop_index('uq_application_one_open_per_certificate_and_enterprise', sqlite_where=sa.text("certificate_id IS NOT NULL AND state IN ('draft', 'awaiting_release', 'release_refused', 'awaiting_acceptance', 'returned', 'awaiting_review', 'awaiting_approval')"), postgresql_where=sa.text("certificate_id IS NOT NULL AND state IN ('draft', 'awaiting_release', 'release_refused', 'awaiting_acceptance', 'returned', 'awaiting_review', 'awaiting_approval')"))
        batch_op.drop_index(batch_op.f('ix_application_releasing_enterprise_id'))
        batch_op.drop_index('uq_application_one_open_per_person_and_category', sqlite_where=sa.text("certificate_id IS NULL AND state IN ('draft', 'awaiting_release', 'release_refused', 'awaiting_acceptance', 'returned', 'awaiting_review', 'awaiting_approval')"), postgresql_where=sa.text("certificate_id IS NULL AND state IN ('draft', 'awaiting_release', 'release_refused', 'awaiting_acceptance', 'returned', 'awaiting_review', 'awaiting_approval')"))
        batch_op.create_index(batch_op.f('uq_application_one_open_per_person_and_category'), ['person_id', 'category', 'matter'], unique=True, sqlite_where=sa.text("state IN ('draft', 'awaiting_acceptance', 'returned', 'awaiting_review', 'awaiting_approval')"), postgresql_where=sa.text("state IN ('draft', 'awaiting_acceptance', 'returned', 'awaiting_review', 'awaiting_approval')"))
        batch_op.drop_column('snapshot_before')
        batch_op.drop_column('releasing_enterprise_id')
        batch_op.drop_column('details')
        batch_op.drop_column('reason_code')

    with op.batch_alter_table('certificate_event', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_certificate_event_certificate_id'))
        batch_op.drop_index(batch_op.f('ix_certificate_event_application_id'))

    op.drop_table('certificate_event')
    op.drop_table('paper_rule')
