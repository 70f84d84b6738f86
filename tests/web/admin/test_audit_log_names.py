"""Names of the records that lines of the audit log are about."""

from app.core.vocabulary import AuditAction, PaperKind
from app.db import audit
from app.models import AuditEntry
from app.web.admin.audit_log_names import NAMED, names_of, references
from tests import make

UNNAMED = {"calendar_day", "exam_notice_event", "job", "paper_rule", "region", "worker"}


def about(table: str, row: object, **change) -> AuditEntry:
    return AuditEntry(at=make.NOON, actor="x", deed=AuditAction.READ, table=table, row=str(row), change=change)


def test_every_audited_kind_of_record_has_a_name_or_is_known_to_have_none():
    assert {kind.__tablename__ for kind in audit.AUDITED} - NAMED.keys() == UNNAMED


def test_all_kinds_of_records_are_asked_for_in_one_statement(session):
    assert names_of(session, [about(table, 10**8) for table in NAMED]) == {}
    assert names_of(session, []) == {}


def test_records_and_what_they_refer_to_are_named_and_the_lost_are_not(session):
    firm = make.enterprise(name="湘江建设")
    person = make.person(firm, name="韩梅梅")
    session.add(person)
    session.flush()
    lines = [about("person", person.id, enterprise_id=[None, firm.id]), about("person", 10**6), about("person", "1/2")]
    assert names_of(session, lines) == {("person", person.id): "韩梅梅", ("enterprise", firm.id): "湘江建设"}
    assert references("exam_signup")["notice_id"] == "exam_notice"


def test_a_number_in_a_file_name_is_masked(session):
    firm, number = make.enterprise(), make.id_number()
    session.add(firm)
    session.flush()
    scan = make.paper(PaperKind.PLEDGE, pledging_enterprise_id=firm.id, enterprise_id=firm.id)
    scan.filename = f"{number}.jpg"
    session.add(scan)
    session.flush()
    assert number not in names_of(session, [about("paper", scan.id)])["paper", scan.id]
