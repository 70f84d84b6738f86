"""clock"""

from datetime import date, timedelta

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

# table, name of the check, what it said, what it says
CHECKS = (
    ('step', 'ck_step_action',
     "action IN ('submit', 'withdraw', 'abandon', 'release', 'refuse_release', 'release_by_office', 'accept', 'return', 'decline', 'endorse', 'refuse_review', 'approve', 'refuse_approval')",
     "action IN ('submit', 'withdraw', 'abandon', 'release', 'refuse_release', 'release_by_office', 'accept', 'return', 'decline', 'endorse', 'refuse_review', 'approve', 'refuse_approval', 'extend')"),
    ('certificate_event', 'ck_certificate_event_deed',
     "deed IN ('issued', 'extended', 'moved', 'replaced', 'cancelled', 'superseded', 'suspended', 'reinstated', 'revoked', 'withdrawn')",
     "deed IN ('issued', 'extended', 'moved', 'replaced', 'cancelled', 'superseded', 'suspended', 'reinstated', 'revoked', 'withdrawn', 'expired')"),
)


def change_checks(now: int) -> None:
    for table, check, *says in CHECKS:
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_constraint(check, type_='check')
            batch_op.create_check_constraint(check, says[now])


def start_clocks() -> None:
    """A clock that runs already: since acceptance, or submission, by the calendar that counted it (Monday to Friday)."""
    case = sa.table('application', sa.column('id', sa.Integer), sa.column('submitted_at', sa.DateTime), sa.column('accepted_at', sa.DateTime),
                    sa.column('due_on', sa.Date), sa.column('due_from', sa.Date), sa.column('due_days', sa.Integer))
    rows = op.get_bind().execute(sa.select(case.c.id, case.c.submitted_at, case.c.accepted_at, case.c.due_on).where(case.c.due_on.is_not(None))).all()
    for key, submitted_at, accepted_at, due_on in rows:
        begun = accepted_at or submitted_at
        start = min((begun + timedelta(hours=8)).date(), due_on) if begun else due_on
        op.execute(case.update().where(case.c.id == key).values(due_from=start, due_days=weekdays(start, due_on)))


def weekdays(start: date, end: date) -> int:
    return sum((start + timedelta(days=n)).weekday() < 5 for n in range(1, (end - start).days + 1))


def upgrade() -> None:
    op.create_table('occasion',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=30), nullable=False),
    sa.Column('subject', sa.Integer(), nullable=False, comment='the id of the certificate, application or account'),
    sa.Column('day', sa.Date(), nullable=False, comment="the last day of the certificate, the first of the draft, the officer's day"),
    sa.Column('days', sa.Integer(), nullable=False, comment='so many days before it'),
    sa.Column('at', sa.DateTime(), nullable=False),
    sa.CheckConstraint("kind IN ('expired', 'expiring', 'unsent', 'deadlines')", name='ck_occasion_kind'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('kind', 'subject', 'day', 'days', name='uq_occasion')
    )
    with op.batch_alter_table('occasion', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_occasion_at'), ['at'], unique=False)

    with op.batch_alter_table('application', schema=None) as batch_op:
        batch_op.add_column(sa.Column('due_from', sa.Date(), nullable=True, comment='the day on which that clock started; it does not count'))
        batch_op.add_column(sa.Column('due_days', sa.Integer(), nullable=True, comment="the clock's working days, an extension included"))
        batch_op.add_column(sa.Column('extended_to', sa.Date(), nullable=True, comment='the later day that the head allowed (行政许可法 art. 42)'))
    start_clocks()
    with op.batch_alter_table('application', schema=None) as batch_op:
        batch_op.create_check_constraint('ck_application_due_iff_counted', '(due_on IS NULL) = (due_from IS NULL) AND (due_on IS NULL) = (due_days IS NULL)')
        batch_op.create_check_constraint('ck_application_extended_when_accepted', 'extended_to IS NULL OR accepted_at IS NOT NULL')

    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.add_column(sa.Column('result', sa.JSON(), nullable=True, comment='what came of it, counted; see jobs.RESULTS'))

    change_checks(1)
    with op.batch_alter_table('step', schema=None) as batch_op:
        batch_op.create_index('uq_step_one_extension', ['application_id'], unique=True, sqlite_where=sa.text("action = 'extend'"), postgresql_where=sa.text("action = 'extend'"))


def downgrade() -> None:
    with op.batch_alter_table('step', schema=None) as batch_op:
        batch_op.drop_index('uq_step_one_extension', sqlite_where=sa.text("action = 'extend'"), postgresql_where=sa.text("action = 'extend'"))

    change_checks(0)

    with op.batch_alter_table('job', schema=None) as batch_op:
        batch_op.drop_column('result')

    with op.batch_alter_table('application', schema=None) as batch_op:
        batch_op.drop_constraint('ck_application_extended_when_accepted', type_='check')
        batch_op.drop_constraint('ck_application_due_iff_counted', type_='check')
        batch_op.drop_column('extended_to')
        batch_op.drop_column('due_days')
        batch_op.drop_column('due_from')

    with op.batch_alter_table('occasion', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_occasion_at'))

    op.drop_table('occasion')
