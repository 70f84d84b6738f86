"""Measures by sheet: checked row by row, done as checked or not at all, by the administrator and nobody else."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.certificates.bulk_status_changes import COLUMNS, carry_out, plan, template
from app.core.errors import NotAllowed, Stale, Unmet
from app.core.office import Office
from app.core.vocabulary import AuditAction, CertificateEventKind, CertificateStatus, Role
from app.files import spreadsheets
from app.files.spreadsheets import SheetRefused
from app.models import AuditEntry, Certificate, CertificateEvent
from tests import make
from tests.certificates.measure_steps import SUSPENDED, VALID, sheet, statuses
from tests.query_counter import queries

pytest_plugins = ("tests.certificates.measure_steps",)  # its fixtures

ADMIN = make.officer(Role.ADMIN)


def check(session, data: bytes, actor=ADMIN, office=None):
    return plan(session, data, actor, on=make.TODAY, office=office or Office())


def do(session, data: bytes, digest: str = ""):
    digest = digest or check(session, data).digest
    return carry_out(session, data, ADMIN, at=make.NOON, office=Office(), digest=digest)


# --- the dry run -----------------------------------------------------------------------------------------------
def test_a_check_writes_nothing_and_reports_the_result_of_each_row(session, held):
    first, second, third = held(3)
    planned = check(
        session, sheet((first, "暂扣"), (second, "撤销"), (third, "恢复"), ("湘建安A(2020)9", "吊销"), (first, "吊销"))
    )
    assert [bool(line.refused) for line in planned.lines] == [False, False, True, True, True]
    assert [str(line.refused).split(" ")[0:4] for line in planned.lines[2:]] == [
        ["The", "certificate", "is", "now"],
        ["No", "certificate", "in", "your"],
        ["This", "certificate", "stands", "in"],
    ]
    assert (planned.counts, planned.final) == ([(CertificateEventKind.SUSPENDED, 1), (CertificateEventKind.REVOKED, 1)], 1)
    assert statuses(session) == [VALID] * 3


def test_another_name_and_another_region_are_the_same_as_no_certificate(session, held):
    ours, theirs = held(), held(owner=make.enterprise(region_code="430200"))
    sentences = [
        check(session, sheet((ours[0], "暂扣"), name="王五")).lines[0].refused,
        check(session, sheet((theirs[0], "暂扣")), make.officer(Role.ADMIN, region="430100")).lines[0].refused,
        check(session, sheet(("无此号", "暂扣"))).lines[0].refused,
    ]
    assert len({str(sentence) for sentence in sentences}) == 1


def test_a_bad_cell_leaves_its_row_and_no_other(session, held):
    first, second = held(2)
    planned = check(session, sheet((first, "没收"), (second, "暂扣")))
    assert ["is not on the list" in str(line.refused) for line in planned.lines] == [True, False]
    assert len(planned.orders) == 1


# --- done ------------------------------------------------------------------------------------------------------
def test_every_row_that_can_be_done_is_done_and_leaves_its_line_of_history(session, held):
    numbers = held(3)
    held(1, status=SUSPENDED)
    fourth = session.scalar(select(Certificate.number).where(Certificate.status == SUSPENDED))
    do(session, sheet(*zip([*numbers, fourth, "无"], ["暂扣", "撤销", "吊销", "恢复", "暂扣"], strict=True)))
    session.commit()
    assert statuses(session) == [SUSPENDED, CertificateStatus.REVOKED, CertificateStatus.WITHDRAWN, VALID]
    events = session.scalars(select(CertificateEvent)).all()
    assert {event.reason for event in events} == {"发生事故 (湘建罚〔2026〕1号)"}
    assert len(events) == 4
    (line,) = session.scalars(
        select(AuditEntry).where(AuditEntry.deed == AuditAction.CHANGE, AuditEntry.table == "certificate")
    )
    assert line.change["measures"] | {"sha256": ""} == {
        "suspended": 1, "reinstated": 1, "revoked": 1, "withdrawn": 1, "left": 1, "sha256": ""
    }  # fmt: skip


def test_a_second_run_of_the_same_sheet_does_nothing(session, held):
    data = sheet((held()[0], "暂扣"))
    digest = check(session, data).digest
    do(session, data, digest)
    session.commit()
    with pytest.raises(Stale):
        do(session, data, digest)
    with pytest.raises(Unmet):
        do(session, data)


def test_what_changed_since_the_check_stops_the_whole_sheet(session, held):
    first, second = held(2)
    data = sheet((first, "暂扣"), (second, "暂扣"))
    digest = check(session, data).digest
    session.scalars(select(Certificate).where(Certificate.number == second)).one().status = CertificateStatus.CANCELLED
    session.commit()
    with pytest.raises(Stale):
        do(session, data, digest)
    assert statuses(session) == [VALID, CertificateStatus.CANCELLED]


@pytest.mark.parametrize("final", ["撤销", "吊销"])
def test_what_ended_for_good_is_reinstated_by_no_sheet(session, held, final):
    (number,) = held()
    do(session, sheet((number, final)))
    assert check(session, sheet((number, "恢复"))).orders == []


def test_as_many_statements_for_many_rows_as_for_few(session, system, held):
    asked = []
    for many in (2, 60):
        data = sheet(*((number, "暂扣") for number in held(many)))
        digest = check(session, data).digest
        with queries(system.engine) as seen:
            do(session, data, digest)
            session.commit()
        asked.append(len(seen))
    assert asked[0] == asked[1] <= 9  # of them four for the chain of the audit log, one for the status list


# --- who, and what is handed in -----------------------------------------------------------------------------------
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN], ids=lambda role: role.value)
def test_only_the_administrator_may(session, held, role):
    data = sheet((held()[0], "暂扣"))
    with pytest.raises(NotAllowed):
        check(session, data, make.officer(role))
    with pytest.raises(NotAllowed):
        carry_out(session, data, make.officer(role), at=make.NOON, office=Office(), digest="")


def test_what_is_no_sheet_of_measures_is_refused(session):
    for data in (b"", b"%PDF-1.4", b"PK\x03\x04"):
        with pytest.raises(SheetRefused):
            check(session, data)
    with pytest.raises(Unmet):
        check(session, spreadsheets.write(COLUMNS[:3], [{"number": "1", "name": "李雷"}], sheet_title="x"))
    with pytest.raises(SheetRefused):
        check(session, sheet(*([("1", "暂扣")] * 4)), office=Office(largest_batch=2))


# --- views --------------------------------------------------------------------------------------------
def test_the_template_is_read_as_it_was_written():
    assert spreadsheets.read(template(), COLUMNS).errors == []


def test_an_expired_certificate_is_revoked_but_not_suspended(session, held):
    (number,) = held(valid_to=make.TODAY - timedelta(days=1))
    assert [bool(check(session, sheet((number, word))).orders) for word in ("暂扣", "吊销", "撤销")] == [False, False, True]
