"""codes"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

BLOCK = 65536  # statuslist.BLOCK: places beyond these are dealt out by the house

# Prints that are there already take the first places, in no order at all.
SHUFFLE = """
UPDATE certificate_version SET status_index = shuffled.place
FROM (SELECT id, row_number() OVER (ORDER BY random()) - 1 AS place FROM certificate_version) AS shuffled
WHERE shuffled.id = certificate_version.id
"""
GIVEN = """
INSERT INTO series (key, last)
SELECT 'status-list', (count(*) + :block - 1) / :block * :block FROM certificate_version HAVING count(*) > 0
"""


def upgrade() -> None:
    op.add_column('certificate_version', sa.Column('status_index', sa.Integer(), nullable=True, comment='its place in the status list; see ``certificates.statuslist``'))
    op.execute(SHUFFLE)
    op.get_bind().execute(sa.text(GIVEN), {'block': BLOCK})
    op.create_index('uq_certificate_version_status_index', 'certificate_version', ['status_index'], unique=True)


def downgrade() -> None:
    op.drop_index('uq_certificate_version_status_index', table_name='certificate_version')
    op.drop_column('certificate_version', 'status_index')
    op.execute("DELETE FROM series WHERE key = 'status-list'")
