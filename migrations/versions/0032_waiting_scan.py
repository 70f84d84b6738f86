"""waiting scan: files handed in by the pile, until the clerk has confirmed to whom each belongs"""

import sqlalchemy as sa
from alembic import op

revision = '0032'
down_revision = '0031'
branch_labels = None
depends_on = None

KINDS = (
    "kind IN ('photo', 'id_card', 'education', 'title', 'registration', 'pledge', 'qualification', 'old_certificate', "
    "'continuing_education', 'end_of_employment', 'employment_contract', 'transfer_proof', 'loss_statement', "
    "'correction_proof', 'renaming_approval', 'dismissal_proof')"
)
DOUBTS = (
    "doubt IN ('no_person', 'unknown_name', 'homonyms', 'unknown_number', 'bad_number', 'part_of_number', 'two_people', "
    "'no_paper', 'two_papers', 'of_no_person')"
)


def upgrade() -> None:
    op.create_table(
        'waiting_scan',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('account_id', sa.Integer(), nullable=False),
        sa.Column('enterprise_id', sa.Integer(), nullable=False),
        sa.Column('source', sa.String(length=64), nullable=False, comment='SHA-256 of the file as it was sent'),
        sa.Column('folder', sa.String(length=120), nullable=False, comment='as sent, personal numbers masked'),
        sa.Column('filename', sa.String(length=120), nullable=False, comment='personal numbers masked'),
        sa.Column('digest', sa.String(length=64), nullable=False),
        sa.Column('mime', sa.String(length=40), nullable=False),
        sa.Column('size', sa.Integer(), nullable=False),
        sa.Column(
            'portrait_digest', sa.String(length=64), nullable=True, comment='of the same picture, checked as a portrait'
        ),
        sa.Column('portrait_size', sa.Integer(), nullable=True),
        sa.Column('person_id', sa.Integer(), nullable=True),
        sa.Column('kind', sa.String(length=30), nullable=True),
        sa.Column('side', sa.String(length=30), nullable=False),
        sa.Column('doubt', sa.String(length=30), nullable=True),
        sa.Column('by_phone', sa.Boolean(), nullable=False),
        sa.Column('received_at', sa.DateTime(), nullable=False),
        sa.CheckConstraint(KINDS, name='ck_waiting_scan_kind'),
        sa.CheckConstraint("side IN ('whole', 'front', 'back')", name='ck_waiting_scan_side'),
        sa.CheckConstraint(DOUBTS, name='ck_waiting_scan_doubt'),
        sa.CheckConstraint(
            'doubt IS NOT NULL OR person_id IS NOT NULL AND kind IS NOT NULL', name='ck_waiting_scan_given'
        ),
        sa.CheckConstraint('length(digest) = 64 AND length(source) = 64', name='ck_waiting_scan_digests'),
        sa.CheckConstraint('size > 0', name='ck_waiting_scan_size'),
        sa.ForeignKeyConstraint(['account_id'], ['ab_user.id'], name='fk_waiting_scan_account'),
        sa.ForeignKeyConstraint(['enterprise_id'], ['enterprise.id'], name='fk_waiting_scan_enterprise'),
        sa.ForeignKeyConstraint(['person_id'], ['person.id'], name='fk_waiting_scan_person', ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('account_id', 'enterprise_id', 'source', name='uq_waiting_scan_source'),
    )
    for column in INDEXED:
        op.create_index(f'ix_waiting_scan_{column}', 'waiting_scan', [column])


INDEXED = ('digest', 'enterprise_id', 'person_id', 'portrait_digest', 'received_at')


def downgrade() -> None:
    for column in INDEXED:
        op.drop_index(f'ix_waiting_scan_{column}', 'waiting_scan')
    op.drop_table('waiting_scan')
