"""lists: views of each user, names of regions, and indexes for what was published, passed and decided"""

import sqlalchemy as sa
from alembic import op


revision = '0033'
down_revision = '0032'
branch_labels = None
depends_on = None

PREFECTURE = sa.text('substr(region_code, 1, 4)')


def upgrade() -> None:
    op.create_table(
        'list_view',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('account_id', sa.Integer(), nullable=False),
        sa.Column('screen', sa.String(length=60), nullable=False, comment='the endpoint of the list'),
        sa.Column('name', sa.String(length=40), nullable=False, comment='empty: the usual layout'),
        sa.Column('query', sa.String(length=1000), nullable=False, comment='filter and order, as in the address'),
        sa.Column('columns', sa.String(length=500), nullable=False, comment='between commas; empty: all'),
        sa.Column('dense', sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(['account_id'], ['ab_user.id'], name='fk_list_view_account'),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('account_id', 'screen', 'name', name='uq_list_view'),
    )
    op.add_column(
        'region',
        sa.Column(
            'own_name', sa.Boolean(), server_default=sa.false(), nullable=False,
            comment="named by the administrator; 'anguan init' leaves the name",
        ),
    )
    op.drop_index('ix_public_notice_published_at', 'public_notice')
    op.create_index('ix_public_notice_published_at', 'public_notice', ['published_at', 'id'])
    op.create_index(
        'ix_public_notice_place_published_at', 'public_notice', [PREFECTURE, 'published_at', 'id', 'region_code']
    )
    op.create_index('ix_exam_pass_place', 'exam_pass', [PREFECTURE, 'id', 'region_code'])
    op.create_index('ix_certificate_measure_decided_at', 'certificate_measure', ['decided_at', 'id'])
    op.create_index(
        'ix_certificate_measure_place_decided_at', 'certificate_measure', [PREFECTURE, 'decided_at', 'id', 'region_code']
    )


def downgrade() -> None:
    op.drop_index('ix_certificate_measure_place_decided_at', 'certificate_measure')
    op.drop_index('ix_certificate_measure_decided_at', 'certificate_measure')
    op.drop_index('ix_exam_pass_place', 'exam_pass')
    op.drop_index('ix_public_notice_place_published_at', 'public_notice')
    op.drop_index('ix_public_notice_published_at', 'public_notice')
    op.create_index('ix_public_notice_published_at', 'public_notice', ['published_at'])
    op.drop_column('region', 'own_name')
    op.drop_table('list_view')
