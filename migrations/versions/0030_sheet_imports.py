"""imports of scores and people beside those of the old system: whose they are"""

import sqlalchemy as sa
from alembic import op

KINDS = "kind IN ('accounts', 'passes', 'certificates'%s)"

revision = '0030'
down_revision = '0029'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('legacy_import', schema=None) as batch_op:
        batch_op.add_column(sa.Column('enterprise_id', sa.Integer(), nullable=True, comment='whose people it brings'))
        batch_op.add_column(sa.Column('notice_id', sa.Integer(), nullable=True, comment='of which exam it brings scores'))
        batch_op.add_column(sa.Column('region_code', sa.String(length=6), server_default='', nullable=False, comment='of the exam clerks who may reach it'))
        batch_op.create_foreign_key('fk_legacy_import_enterprise', 'enterprise', ['enterprise_id'], ['id'])
        batch_op.create_foreign_key('fk_legacy_import_notice', 'exam_notice', ['notice_id'], ['id'])
        batch_op.create_index('ix_legacy_import_enterprise', ['enterprise_id', 'id'], unique=False)
        batch_op.create_index('ix_legacy_import_notice', ['notice_id', 'id'], unique=False)
        batch_op.drop_constraint('ck_legacy_import_kind', type_='check')
        batch_op.create_check_constraint('ck_legacy_import_kind', KINDS % ", 'scores', 'roster'")


def downgrade() -> None:
    """What they brought stays; their records go."""
    op.execute("DELETE FROM legacy_row WHERE import_id IN (SELECT id FROM legacy_import WHERE kind NOT IN ('accounts', 'passes', 'certificates'))")
    op.execute("DELETE FROM legacy_import WHERE kind NOT IN ('accounts', 'passes', 'certificates')")
    with op.batch_alter_table('legacy_import', schema=None) as batch_op:
        batch_op.drop_constraint('ck_legacy_import_kind', type_='check')
        batch_op.create_check_constraint('ck_legacy_import_kind', KINDS % '')
        batch_op.drop_index('ix_legacy_import_notice')
        batch_op.drop_index('ix_legacy_import_enterprise')
        batch_op.drop_constraint('fk_legacy_import_notice', type_='foreignkey')
        batch_op.drop_constraint('fk_legacy_import_enterprise', type_='foreignkey')
        batch_op.drop_column('region_code')
        batch_op.drop_column('notice_id')
        batch_op.drop_column('enterprise_id')
