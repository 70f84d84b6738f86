"""row regions: the region of a row in the row itself, and indexes in the order of each list"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None

# table: the table it belongs to, by which column, the name of the foreign key, and what the region is of
OWNERS = {
    'person': ('enterprise', 'enterprise_id', 'fk_person_enterprise', 'of the enterprise; empty without one'),
    'certificate': ('enterprise', 'enterprise_id', 'fk_certificate_enterprise', 'of the enterprise'),
    'exam_pass': ('person', 'person_id', 'fk_exam_pass_person', 'of the person'),
    'certificate_measure': ('certificate', 'certificate_id', 'fk_certificate_measure_certificate', 'of the certificate'),
}
PLACES = ('enterprise', 'person', 'certificate')  # whose id and region together are the target of a key
EMPLOYED = "(enterprise_id IS NULL) = (region_code = '')"
PARTIAL = {
    'ix_application_due_on': 'due_on IS NOT NULL',
    'ix_application_limits': 'due_on IS NOT NULL',
    'ix_application_place_due_on': 'due_on IS NOT NULL',
    'ix_application_extended': 'extended_to IS NOT NULL',
}

REMOVED: dict[str, dict[str, list[str]]] = {
    'application': {
        'ix_application_region_code': ['region_code'],
        'ix_application_closed_at': ['closed_at'],
        'ix_application_submitted_at': ['submitted_at'],
    },
    'certificate': {
        'ix_certificate_enterprise_id': ['enterprise_id'],
        'ix_certificate_holder': ['holder'],
        'ix_certificate_valid_to': ['valid_to'],
    },
    'certificate_measure': {
        'ix_certificate_measure_proposed_at': ['proposed_at'],
        'ix_certificate_measure_state': ['state', 'last_day'],
    },
    'employment_release': {
        'ix_employment_release_region_code': ['region_code'],
        'ix_employment_release_released_at': ['released_at'],
    },
    'enterprise': {'ix_enterprise_name': ['name']},
    'entry': {'ix_entry_at': ['at'], 'ix_entry_deed': ['deed', 'at']},
    'exam_signup': {
        'ix_exam_signup_notice_id': ['notice_id'],
        'ix_exam_signup_region_code': ['region_code'],
        'ix_exam_signup_state': ['state'],
    },
    'identity_correction': {
        'ix_identity_correction_region_code': ['region_code'],
        'ix_identity_correction_state': ['state'],
    },
    'job': {'ix_job_finished_at': ['finished_at']},
    'message': {'ix_message_due_at': ['due_at'], 'ix_message_state': ['state']},
    'person': {'ix_person_enterprise_id': ['enterprise_id'], 'ix_person_name': ['name']},
}
ADDED: dict[str, dict[str, list[str]]] = {
    'ab_user': {'ix_ab_user_first_name': ['first_name', 'id'], 'ix_ab_user_last_login': ['last_login', 'id']},
    'application': {
        'ix_application_closed_at': ['closed_at', 'id'],
        'ix_application_due_on': ['due_on', 'id', 'region_code'],
        'ix_application_extended': ['state', 'due_on', 'id'],
        'ix_application_limits': ['state', 'region_code', 'due_on', 'extended_to'],
        'ix_application_submitted_at': ['submitted_at', 'matter'],
        'ix_application_state_closed_at': ['state', 'closed_at', 'id'],
    },
    'certificate': {
        'ix_certificate_valid_to': ['valid_to', 'id', 'status', 'suspended_to'],
        'ix_certificate_status': ['status', 'id', 'region_code'],
        'ix_certificate_status_holder': ['status', 'holder_sort', 'id', 'region_code'],
        'ix_certificate_status_valid_to': ['status', 'valid_to', 'id', 'region_code'],
        'ix_certificate_enterprise': ['enterprise_id', 'id'],
        'ix_certificate_enterprise_holder': ['enterprise_id', 'holder_sort', 'id'],
        'ix_certificate_enterprise_valid_to': ['enterprise_id', 'valid_to', 'id'],
    },
    'certificate_measure': {
        'ix_certificate_measure_state': ['state', 'last_day', 'id'],
        'ix_certificate_measure_state_proposed_at': ['state', 'proposed_at', 'id'],
    },
    'employment_release': {'ix_employment_release_released_at': ['released_at', 'id']},
    'enterprise': {
        'ix_enterprise_name': ['name', 'id'],
        'ix_enterprise_registration': ['registration', 'name_sort', 'id'],
        'ix_enterprise_registration_uscc': ['registration', 'uscc'],
    },
    'entry': {'ix_entry_at': ['at', 'id'], 'ix_entry_deed': ['deed', 'at', 'id']},
    'exam_pass': {'ix_exam_pass_source': ['source', 'passed_on', 'id', 'region_code']},
    'exam_signup': {
        'ix_exam_signup_notice': ['notice_id', 'id'],
        'ix_exam_signup_notice_state': ['notice_id', 'state', 'submitted_at', 'id'],
        'ix_exam_signup_state': ['state', 'submitted_at', 'id'],
    },
    'identity_correction': {'ix_identity_correction_state': ['state', 'asked_at', 'id']},
    'job': {
        'ix_job_due_at': ['due_at', 'id'],
        'ix_job_finished_at': ['finished_at', 'id'],
        'ix_job_state_finished_at': ['state', 'finished_at', 'id'],
    },
    'legacy_record': {'ix_legacy_record_row': ['kind', 'row_id']},
    'message': {
        'ix_message_due_at': ['due_at', 'id'],
        'ix_message_sent_at': ['sent_at', 'id'],
        'ix_message_state': ['state', 'due_at', 'id'],
        'ix_message_state_sent_at': ['state', 'sent_at', 'id'],
    },
    'person': {
        'ix_person_enterprise': ['enterprise_id', 'id'],
        'ix_person_enterprise_name': ['enterprise_id', 'name_sort', 'id'],
    },
}
BY_PLACE: dict[str, tuple[tuple[str, ...], ...]] = {  # what follows the prefecture in each index
    'application': (
        (), ('state', 'submitted_at'), ('state', 'due_on'), ('state', 'closed_at'), ('closed_at',), ('due_on',),
        ('submitted_at', 'matter'),
    ),
    'certificate': ((), ('holder_sort',), ('valid_to',), ('status',)),
    'certificate_measure': ((), ('state', 'last_day'), ('state', 'proposed_at')),
    'employment_release': (('released_at',),),
    'exam_pass': (('source', 'passed_on'),),
    'exam_signup': ((), ('notice_id',), ('notice_id', 'state', 'submitted_at'), ('state', 'submitted_at')),
    'identity_correction': ((), ('state', 'asked_at')),
    'person': ((), ('name_sort',)),
}


def upgrade() -> None:
    _drop(REMOVED)
    for table in PLACES:  # before any key refers to it; for those that are filled below, in ``_place``
        if table not in OWNERS:
            with op.batch_alter_table(table) as batch_op:
                batch_op.create_unique_constraint(f'uq_{table}_place', ['id', 'region_code'])
    for table, owner in OWNERS.items():
        _place(table, *owner)
    _create(ADDED)
    for name, table, columns in _by_place():
        also = ['status', 'suspended_to'] if name == 'ix_certificate_place_valid_to' else []
        all_columns = [sa.text('substr(region_code, 1, 4)'), *columns, 'id', 'region_code', *also]
        op.create_index(name, table, all_columns, **_where(name))


def downgrade() -> None:
    for name, table, _columns in _by_place():
        op.drop_index(name, table)
    _drop(ADDED)
    for table, (owner, column, key, _comment) in reversed(OWNERS.items()):
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_constraint(key, type_='foreignkey')
            batch_op.create_foreign_key(key, owner, [column], ['id'])
            if table == 'person':
                batch_op.drop_constraint('ck_person_placed_iff_employed', type_='check')
            if table in PLACES:
                batch_op.drop_constraint(f'uq_{table}_place', type_='unique')
            batch_op.drop_column('region_code')
    with op.batch_alter_table('enterprise') as batch_op:
        batch_op.drop_constraint('uq_enterprise_place', type_='unique')
    _create(REMOVED)


def _place(table: str, owner: str, column: str, key: str, comment: str) -> None:
    """Give each row the region of its owner, and hold it equal."""
    kind = sa.String(length=6)
    op.add_column(table, sa.Column('region_code', kind, comment=f'{comment}; see db.row_regions'))
    of_owner = f'(SELECT region_code FROM {owner} WHERE {owner}.id = {table}.{column})'
    op.execute(f"UPDATE {table} SET region_code = coalesce({of_owner}, '')")  # noqa: S608 - names above
    with op.batch_alter_table(table) as batch_op:
        batch_op.alter_column('region_code', existing_type=kind, nullable=False)
        if table in PLACES:
            batch_op.create_unique_constraint(f'uq_{table}_place', ['id', 'region_code'])
        if table == 'person':
            batch_op.create_check_constraint('ck_person_placed_iff_employed', EMPLOYED)
        batch_op.drop_constraint(key, type_='foreignkey')
        batch_op.create_foreign_key(key, owner, [column, 'region_code'], ['id', 'region_code'], onupdate='CASCADE')


def _by_place() -> list[tuple[str, str, tuple[str, ...]]]:
    return [
        ('_'.join((f'ix_{table}_place', *columns)), table, columns) for table, each in BY_PLACE.items() for columns in each
    ]


def _where(name: str) -> dict[str, Any]:
    dialects = ('sqlite', 'postgresql') if name in PARTIAL else ()
    return {f'{dialect}_where': sa.text(PARTIAL[name]) for dialect in dialects}


def _create(indexes: dict[str, dict[str, list[str]]]) -> None:
    for table, named in indexes.items():
        for name, columns in named.items():
            op.create_index(name, table, columns, **_where(name))


def _drop(indexes: dict[str, dict[str, list[str]]]) -> None:
    for table, named in indexes.items():
        for name in named:
            op.drop_index(name, table)
