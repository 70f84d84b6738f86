"""discrepancies among imported records, and what was decided about each; landlines of enterprises"""

import sqlalchemy as sa
from alembic import op

revision = '0027'
down_revision = '0026'
branch_labels = None
depends_on = None


def upgrade() -> None:
    telephone = sa.Column('telephone', sa.String(length=24), server_default='', nullable=False, comment='landline of the office')
    op.add_column('enterprise', telephone)
    op.create_table('discrepancy',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=30), nullable=False),
    sa.Column('subject', sa.String(length=80), nullable=False, comment='what it is about: the same in every comparison'),
    sa.Column('values_key', sa.String(length=40), nullable=False, comment='keyed digest of the values that were compared'),
    sa.Column('sides', sa.JSON(), nullable=False, comment='the rows compared, such as certificate:12; see reconciliation.sides'),
    sa.Column('holder', sa.String(length=50), nullable=False, comment='name in the first of them'),
    sa.Column('number', sa.String(length=40), nullable=False, comment='certificate number in the first of them'),
    sa.Column('state', sa.String(length=30), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False, comment='how often it was opened: what is decided is what was shown'),
    sa.Column('found_at', sa.DateTime(), nullable=False, comment='when it was last opened'),
    sa.Column('seen_at', sa.DateTime(), nullable=False, comment='of the last comparison that found it'),
    sa.Column('decision', sa.String(length=30), nullable=True),
    sa.Column('reason', sa.String(length=500), nullable=False, comment='of the decision'),
    sa.Column('decided_at', sa.DateTime(), nullable=True),
    sa.Column('decided_by', sa.String(length=130), nullable=False),
    sa.CheckConstraint("kind IN ('number_shared', 'number_twice', 'category_twice', 'enterprises', 'names', 'ends_first', 'term', 'category_number', 'year_number', 'too_young')", name='ck_discrepancy_kind'),
    sa.CheckConstraint("state IN ('open', 'right', 'to_correct', 'postponed', 'gone')", name='ck_discrepancy_state'),
    sa.CheckConstraint("decision IN ('right', 'to_correct', 'postponed')", name='ck_discrepancy_decision'),
    sa.CheckConstraint("state IN ('open', 'gone') OR (decision IS NOT NULL AND state = decision)", name='ck_discrepancy_state_decided'),
    sa.CheckConstraint('(decided_at IS NULL) = (decision IS NULL)', name='ck_discrepancy_decided_at'),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('subject', 'kind', name='uq_discrepancy_subject')
    )
    op.create_index('ix_discrepancy_found_at', 'discrepancy', ['found_at', 'id'], unique=False)
    op.create_index('ix_discrepancy_kind', 'discrepancy', ['kind', 'found_at', 'id'], unique=False)
    op.create_index('ix_discrepancy_state', 'discrepancy', ['state', 'found_at', 'id'], unique=False)
    op.create_index('ix_discrepancy_state_kind', 'discrepancy', ['state', 'kind', 'found_at', 'id'], unique=False)


def downgrade() -> None:
    op.drop_table('discrepancy')
    op.drop_column('enterprise', 'telephone')
