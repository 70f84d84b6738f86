"""statistics: counts by month, and an index that finds the steps of a month"""

import sqlalchemy as sa
from alembic import op


revision = '0029'
down_revision = '0028'
branch_labels = None
depends_on = None

INDICATORS = (
    "indicator IN ('filed', 'withdrawn', 'outcome', 'reason', 'days', 'in_time', 'moved_in', 'moved_out', 'work', 'exam', "
    "'backlog', 'in_force', 'expiring')"
)
MATTERS = "matter = '' OR matter IN ('new', 'renewal', 'transfer', 'replacement', 'cancellation')"


def upgrade() -> None:
    op.create_table(
        'statistics_month',
        sa.Column('month', sa.Date(), nullable=False, comment='its first day'),
        sa.Column('counted_at', sa.DateTime(), nullable=False),
        sa.Column(
            'holdings_at', sa.DateTime(), nullable=True,
            comment='when backlog and certificates were counted; NULL: not while it ran',
        ),
        sa.PrimaryKeyConstraint('month'),
    )
    op.create_table(
        'statistics_count',
        sa.Column('indicator', sa.String(length=30), nullable=False),
        sa.Column('month', sa.Date(), nullable=False),
        sa.Column('region_code', sa.String(length=6), nullable=False),
        sa.Column('matter', sa.String(length=30), nullable=False, comment='empty: of no matter, as an exam'),
        sa.Column('category', sa.String(length=30), nullable=False),
        sa.Column('subject', sa.String(length=20), nullable=False, comment='see core.indicators.Indicator'),
        sa.Column('value', sa.String(length=300), nullable=False, comment='see core.indicators.Indicator'),
        sa.Column('count', sa.Integer(), nullable=False),
        sa.CheckConstraint(INDICATORS, name='ck_statistics_count_indicator'),
        sa.CheckConstraint(MATTERS, name='ck_statistics_count_matter'),
        sa.CheckConstraint("category IN ('A', 'B', 'C1', 'C2', 'C3', 'C')", name='ck_statistics_count_category'),
        sa.CheckConstraint('count > 0', name='ck_statistics_count_positive'),
        sa.ForeignKeyConstraint(['month'], ['statistics_month.month'], name='fk_statistics_count_month'),
        sa.ForeignKeyConstraint(['region_code'], ['region.code'], name='fk_statistics_count_region'),
        sa.PrimaryKeyConstraint('indicator', 'month', 'region_code', 'matter', 'category', 'subject', 'value'),
        sqlite_with_rowid=False,
    )
    op.create_index('ix_step_at', 'step', ['at', 'id'])


def downgrade() -> None:
    op.drop_index('ix_step_at', 'step')
    op.drop_table('statistics_count')
    op.drop_table('statistics_month')
