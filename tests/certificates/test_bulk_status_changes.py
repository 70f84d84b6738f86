"""Measures by sheet: checked row by row, proposed as checked or not at all, by a reviewer; confirmed by another person."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from app.certificates.bulk_status_changes import COLUMNS, carry_out, plan, template
from app.core.errors import NotAllowed, Stale, Unmet
from app.core.office import Office
from app.core.vocabulary import CertificateEventKind, CertificateStatus, MeasureGround, MeasureState, Role
from app.files import spreadsheets
from app.files.spreadsheets import SheetRefused
from app.models import AuditEntry, Certificate, CertificateEvent
from tests import make, measures
from tests.certificates.measure_steps import SUSPENDED, VALID, proposed, sheet, statuses
from tests.query_counter import queries

pytest_plugins = ("tests.certificates.measure_steps",)  # its fixtures


def check(session, data: bytes, actor=None, office=None, document=measures.DOCUMENT):
    actor = actor or measures.reviewer(session)
    return plan(session, data, actor, document=document, on=make.TODAY, office=office or Office())


def do(session, data: bytes, digest: str = "", at=make.NOON):
    """What the sheet proposes; the caller commits."""
    digest, actor = digest or check(session, data).digest, measures.reviewer(session)
    return carry_out(session, data, actor, document=measures.DOCUMENT, at=at, office=Office(), digest=digest)


def why(planned) -> list[str]:
    """Of each row why nothing is proposed; empty if something is."""
    return [" ".join(row.reasons) for row in planned.rows]


# --- the dry run -----------------------------------------------------------------------------------------------


def test_a_check_writes_nothing_and_reports_the_result_of_each_row(session, held):
    first, second, third = held(3)
    planned = check(
        session, sheet((first, "暂扣"), (second, "撤销"), (third, "恢复"), ("湘建安A(2020)9", "吊销"), (first, "吊销"))
    )
    assert [bool(reason) for reason in why(planned)] == [False, False, True, True, True]
    assert planned.left == planned.rows[2:]
    assert [reason.split(" ")[0:4] for reason in why(planned)[2:]] == [
        ["The", "certificate", "is", "now"],
        ["No", "certificate", "in", "your"],
        ["This", "certificate", "stands", "in"],
    ]
    assert (planned.counts, planned.final) == ([(CertificateEventKind.SUSPENDED, 1), (CertificateEventKind.REVOKED, 1)], 1)
    assert statuses(session) == [VALID] * 3


def test_another_name_and_another_region_are_the_same_as_no_certificate(session, held):
    measures.officer(session, "local", Role.REVIEWER, region="430100")
    ours, theirs = held(), held(owner=make.enterprise(region_code="430200"))
    sentences = [
        why(check(session, sheet((ours[0], "暂扣"), name="王五"))),
        why(check(session, sheet((theirs[0], "暂扣")), measures.officer(session, "local", Role.REVIEWER, region="430100"))),
        why(check(session, sheet(("无此号", "暂扣")))),
    ]
    assert sentences[0] == sentences[1] == sentences[2] != [""]


def test_a_bad_cell_leaves_its_row_and_no_other(session, held):
    first, second = held(2)
    planned = check(session, sheet((first, "没收"), (second, "暂扣")))
    assert ["is not on the list" in reason for reason in why(planned)] == [True, False]
    assert len(planned.proposals) == 1


# --- done ------------------------------------------------------------------------------------------------------


def test_every_row_that_can_be_proposed_is_proposed_and_changes_nothing(session, held):
    numbers = held(3)
    held(1, status=SUSPENDED)
    fourth = session.scalar(select(Certificate.number).where(Certificate.status == SUSPENDED))
    do(session, sheet(*zip([*numbers, fourth, "无"], ["暂扣", "撤销", "吊销", "恢复", "暂扣"], strict=True)))
    session.commit()
    assert statuses(session) == [VALID, VALID, VALID, SUSPENDED]
    found = proposed(session)
    assert [(m.kind, m.ground, m.last_day, m.state) for m in found] == [
        (measures.SUSPENDED, MeasureGround.OFFICER_DUTIES, date(2026, 8, 31), MeasureState.PROPOSED),
        (measures.REVOKED, MeasureGround.DECEIT, None, MeasureState.PROPOSED),
        (measures.WITHDRAWN, MeasureGround.OFFICER_DUTIES, None, MeasureState.PROPOSED),
        (measures.REINSTATED, MeasureGround.SET_RIGHT, None, MeasureState.PROPOSED),
    ]
    assert {(m.facts, m.document_number, m.document_digest) for m in found} == {
        ("发生事故", "湘建罚〔2026〕1号", measures.DOCUMENT.digest)
    }
    summary = next(
        entry
        for entry in session.scalars(select(AuditEntry).where(AuditEntry.table == "certificate_measure"))
        if "measures" in entry.change
    )
    assert summary.change["measures"] | {"sha256": ""} == {
        "suspended": 1, "reinstated": 1, "revoked": 1, "withdrawn": 1, "left": 1, "sha256": ""
    }  # fmt: skip


def test_another_person_confirms_what_a_sheet_proposed_all_together(session, held):
    first, second = held(2)
    do(session, sheet((first, "暂扣"), (second, "撤销")))
    session.commit()
    both = measures.officer(session, "reviewer-who-proposes", Role.APPROVER)
    assert measures.confirm(session, *proposed(session), actor=both).done == []
    assert len(measures.confirm(session, *proposed(session)).done) == 2
    assert statuses(session) == [SUSPENDED, CertificateStatus.REVOKED]
    events = session.scalars(select(CertificateEvent)).all()
    assert all("发生事故" in event.reason and "湘建罚〔2026〕1号" in event.reason for event in events)
    assert len(events) == 2


@pytest.mark.parametrize("number", range(1, 5))
def test_a_sheet_proposes_what_its_rows_propose_one_by_one(session, held, number):
    rows = [(held()[0], kind) for kind in ["暂扣", "撤销", "吊销", "暂扣"][:number]]
    do(session, sheet(*rows))
    session.commit()
    together = [(m.kind, m.ground, m.facts, m.last_day, m.state) for m in proposed(session)]
    for measure in proposed(session):
        session.delete(measure)
    session.commit()
    for row in rows:
        do(session, sheet(row))
        session.commit()
    assert [(m.kind, m.ground, m.facts, m.last_day, m.state) for m in proposed(session)] == together


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"ground": "欺骗贿赂"}, "no ground"),
        ({"ground": "心情不好"}, "not on the list"),
        ({"last_day": ""}, "Please give the last day"),
        ({"last_day": "2026-02-30"}, "is not a date"),
        ({"last_day": "2026-03-01"}, "in the past"),
        ({"last_day": "2028-01-01"}, "at most 12 months"),
    ],
)
def test_a_row_whose_ground_or_term_does_not_fit_is_left(session, held, more, code):
    data = sheet((held()[0], "暂扣"), **{"ground": "专职未履职", **more})
    try:
        refused = why(check(session, data))[0]
    except Unmet as error:  # no row can be read
        refused = str(error)
    assert code in refused


@pytest.mark.parametrize("text", ["2026-08-31", "2026/8/31", "2026年8月31日", "2026.8.31"])
def test_a_day_is_read_however_it_is_usually_written(session, held, text):
    (proposal,) = check(session, sheet((held()[0], "暂扣"), last_day=text)).proposals
    assert proposal.last_day == date(2026, 8, 31)


def test_a_sheet_without_its_document_proposes_nothing_unless_the_office_does_without(session, held):
    data = sheet((held()[0], "暂扣"))
    assert check(session, data, document=None).proposals == []
    assert len(check(session, data, document=None, office=Office(measure_document=False)).proposals) == 1


def test_a_certificate_with_an_open_proposal_is_left(session, held):
    data = sheet((held()[0], "暂扣"))
    do(session, data)
    session.commit()
    assert "awaits its decision" in why(check(session, data))[0]


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
    session.commit()
    assert measures.confirm(session, *proposed(session)).done
    assert check(session, sheet((number, "恢复"))).proposals == []


def test_as_many_statements_for_many_rows_as_for_few(session, system, held):
    asked = []
    for many in (2, 60):
        data = sheet(*((number, "暂扣") for number in held(many)))
        digest = check(session, data).digest
        with queries(system.engine) as seen:
            do(session, data, digest)
            session.commit()
        asked.append(len(seen))
    assert asked[0] == asked[1] <= 18  # of them four for the chain of the audit log


# --- who, and what is handed in -----------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.REVIEWER], ids=lambda role: role.value)
def test_only_a_reviewer_may(session, held, role):
    data, actor = sheet((held()[0], "暂扣")), measures.officer(session, "somebody", role)
    with pytest.raises(NotAllowed):
        check(session, data, actor)
    with pytest.raises(NotAllowed):
        carry_out(session, data, actor, at=make.NOON, office=Office(), digest="")


def test_what_is_no_sheet_of_measures_is_refused(session):
    for data in (b"", b"%PDF-1.4", b"PK\x03\x04"):
        with pytest.raises(SheetRefused):
            check(session, data)
    with pytest.raises(Unmet):
        check(session, spreadsheets.write(COLUMNS[:3], [{"number": "1", "name": "李雷"}], sheet_title="x"))
    with pytest.raises(SheetRefused):
        check(session, sheet(*([("1", "暂扣")] * 4)), office=Office(largest_batch=2))


def test_the_template_is_read_as_it_was_written():
    assert spreadsheets.read(template(), COLUMNS).errors == []


def test_an_expired_certificate_is_revoked_but_not_suspended(session, held):
    (number,) = held(valid_to=make.TODAY - timedelta(days=1))
    assert [bool(check(session, sheet((number, word))).proposals) for word in ("暂扣", "吊销", "撤销")] == [
        False,
        False,
        True,
    ]
