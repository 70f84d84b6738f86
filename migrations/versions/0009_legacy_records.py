"""legacy records"""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

DEEDS = "'extended', 'moved', 'replaced', 'cancelled', 'superseded', 'suspended', 'reinstated', 'revoked', 'withdrawn', 'expired'"


def change_deeds(says: str) -> None:
    with op.batch_alter_table('certificate_event') as batch_op:
        batch_op.drop_constraint('ck_certificate_event_deed', type_='check')
        batch_op.create_check_constraint('ck_certificate_event_deed', f"deed IN ({says})")


def upgrade() -> None:
    change_deeds(f"'issued', 'imported', {DEEDS}")
    op.create_table('legacy_import',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=30), nullable=False),
    sa.Column('phase', sa.String(length=30), nullable=False),
    sa.Column('filename', sa.String(length=120), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False, comment='of the sheet: what is confirmed is what was checked'),
    sa.Column('sheet_object', sa.String(length=64), nullable=True),
    sa.Column('report_object', sa.String(length=64), nullable=True),
    sa.Column('passwords_object', sa.String(length=64), nullable=True, comment='until it is fetched, once'),
    sa.Column('passwords_at', sa.DateTime(), nullable=True),
    sa.Column('total', sa.Integer(), nullable=False, comment='rows'),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('counts', sa.JSON(), nullable=False, comment='rows by outcome, once checked or imported'),
    sa.Column('fault', sa.String(length=500), nullable=False, comment='why the sheet as a whole cannot be read'),
    sa.Column('received_at', sa.DateTime(), nullable=False),
    sa.Column('by', sa.String(length=64), nullable=False, comment='who handed it in, then who confirmed it'),
    sa.Column('finished_at', sa.DateTime(), nullable=True),
    sa.Column('expires_at', sa.DateTime(), nullable=False, comment='sheet and report are removed then'),
    sa.CheckConstraint("kind IN ('accounts', 'passes', 'certificates')", name='ck_legacy_import_kind'),
    sa.CheckConstraint("phase IN ('checking', 'checked', 'importing', 'done', 'unreadable', 'discarded')", name='ck_legacy_import_phase'),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('legacy_import', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_legacy_import_received_at'), ['received_at'], unique=False)

    op.create_table('legacy_chunk',
    sa.Column('import_id', sa.Integer(), nullable=False),
    sa.Column('first', sa.Integer(), nullable=False),
    sa.Column('outcomes', sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(['import_id'], ['legacy_import.id'], name='fk_legacy_chunk_import'),
    sa.PrimaryKeyConstraint('import_id', 'first')
    )
    op.create_table('legacy_record',
    sa.Column('kind', sa.String(length=30), nullable=False),
    sa.Column('key', sa.String(length=40), nullable=False, comment='by what it is known again'),
    sa.Column('row_id', sa.Integer(), nullable=False, comment='account, exam_pass or certificate'),
    sa.Column('import_id', sa.Integer(), nullable=False),
    sa.Column('taken', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint("kind IN ('accounts', 'passes', 'certificates')", name='ck_legacy_record_kind'),
    sa.ForeignKeyConstraint(['import_id'], ['legacy_import.id'], name='fk_legacy_record_import'),
    sa.PrimaryKeyConstraint('kind', 'key')
    )
    with op.batch_alter_table('legacy_record', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_legacy_record_import_id'), ['import_id'], unique=False)



def downgrade() -> None:
    op.execute("DELETE FROM certificate_event WHERE deed = 'imported'")
    change_deeds(f"'issued', {DEEDS}")
    with op.batch_alter_table('legacy_record', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_legacy_record_import_id'))

    op.drop_table('legacy_record')
    op.drop_table('legacy_chunk')
    with op.batch_alter_table('legacy_import', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_legacy_import_received_at'))

    op.drop_table('legacy_import')
