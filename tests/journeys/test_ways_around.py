"""Where identities, measures, bans and matters meet: none of them is a way around another."""

from datetime import date, timedelta
from threading import Event, Thread

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import exams, workflow
from app.accounts.identity_corrections import CorrectionRequest, approve, ask
from app.accounts.registry import update_person
from app.certificates import lifecycle, status_changes
from app.core.errors import Unmet
from app.core.office import Office
from app.core.vocabulary import Action, Category, CertificateStatus, MatterKind, MeasureGround, Position, Role, SignupState
from app.files.folder_store import FolderStore
from app.files.storage import keep_scan
from app.models import Certificate, ExamPass
from tests import make, measures
from tests.applications.sheet_imports.conftest import means, take  # noqa: F401
from tests.applications.sheet_imports.sheets import PASSES, row
from tests.hostile_files import jpeg
from tests.make import NOON, TODAY
from tests.workflow_fixture import Firm

DAY, OFFICE = timedelta(days=1), Office()
ACCEPTANCE, REVIEWER, APPROVER = map(make.officer, (Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER))


@pytest.fixture
def firm(session):
    return Firm(session)


@pytest.fixture
def correct(session, firm, system):
    """``correct(person, **typed)``: asked for, and approved."""

    def asked_and_approved(person, **typed):
        scan = keep_scan(FolderStore(system.settings.blobs), jpeg(900, 600), "a.jpg", office=OFFICE)
        given = {"name": person.name, "id_number": "", "reason": "录入时写错", "scan": scan}
        request = CorrectionRequest(**{**given, **typed})
        clerk = make.clerk(firm.enterprise)
        made = ask(session, person.id, request, clerk, at=NOON, office=OFFICE)
        session.commit()
        approve(session, made.id, ACCEPTANCE, at=NOON, office=OFFICE)
        session.commit()

    return asked_and_approved


def passer(session, firm, **facts):
    person = firm.person(**facts)
    session.add(make.exam_pass(person))
    session.commit()
    return person


def act(session, application, action, actor):
    refused = workflow.carry_out(session, [application.id], action, actor, at=NOON, office=OFFICE).refused
    session.commit()
    return [refusal.code for refusal in refused.get(application.id, ())]


def as_far_as_approval(session, firm, application):
    for action, actor in (
        (Action.SUBMIT, make.clerk(firm.enterprise)),
        (Action.ACCEPT, ACCEPTANCE),
        (Action.ENDORSE, REVIEWER),
    ):
        assert act(session, application, action, actor) == []


def revoke_another(session, person):
    other = make.certificate(person, category=Category.A)
    session.add(other)
    session.commit()
    measures.impose(session, other, measures.REVOKED, ground=MeasureGround.DECEIT)


# --- identity ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [{"name": "李ع"}, {"id_number": make.id_number(date(2099, 1, 1))}, {"id_number": make.id_number(date(2020, 1, 1))}],
    ids=["unprintable", "not-born", "child"],
)
def test_a_correction_takes_no_name_or_number_that_the_person_form_refuses(session, firm, correct, typed):
    with pytest.raises(Unmet):
        correct(passer(session, firm), **typed)


def test_a_sheet_taken_over_again_makes_no_second_pass_of_a_corrected_person(session, firm, correct, means):  # noqa: F811
    line = row(PASSES, enterprise=firm.enterprise.name, uscc=firm.enterprise.uscc)
    session.rollback()
    take(means, PASSES, line)
    correct(session.scalars(select(ExamPass)).one().person, id_number=make.id_number())
    take(means, PASSES, line)
    assert session.scalar(select(func.count(ExamPass.id))) == 1


@pytest.mark.parametrize("status", [CertificateStatus.CANCELLED, CertificateStatus.VALID, CertificateStatus.REVOKED])
def test_a_passer_whose_certificate_has_ended_can_be_corrected(session, firm, correct, status):
    person = passer(session, firm)
    session.add(make.certificate(person, status=status, valid_to=TODAY - 10 * DAY))
    session.commit()
    correct(person, name="李蕾")


def test_an_unbound_pass_of_a_certificate_holder_can_be_settled(session, firm, correct):
    person = firm.person(position=Position.PROJECT_MANAGER)
    firm.certificate(person)
    session.add(make.exam_pass(person, category=Category.B, identity=None))
    session.commit()
    correct(person)


@pytest.mark.parametrize("stored", ["张\u200b三", "阿里.木", "张三·"])
def test_a_name_stored_in_an_old_spelling_does_not_lock_the_person(session, firm, stored):
    person = firm.certificate(firm.person(name=stored)).person
    session.commit()
    person.mobile = "13800000001"
    update_person(session, person, make.clerk(firm.enterprise), on=TODAY, office=OFFICE)


# --- measures and bans --------------------------------------------------------------------------------------


@pytest.mark.parametrize("matter", [MatterKind.CANCELLATION, MatterKind.NEW], ids=lambda matter: matter.value)
def test_no_approval_lets_the_holder_escape_a_proposed_revocation(session, firm, matter):
    certificate = firm.certificate(valid_to=TODAY + 400 * DAY)
    measure = measures.propose(session, certificate, measures.REVOKED, ground=MeasureGround.DECEIT)
    if matter is MatterKind.CANCELLATION:
        application = firm.on(certificate, matter)
    else:  # C3 takes the place of C1
        application = make.application(certificate.person, category=Category.C3)
        session.add_all([make.exam_pass(certificate.person, category=Category.C3), application])
        session.commit()
    as_far_as_approval(session, firm, application)
    act(session, application, Action.APPROVE, APPROVER)
    measures.confirm(session, measure)
    session.refresh(certificate.person)
    assert certificate.person.banned_until


def test_who_is_banned_after_acceptance_is_not_approved(session, firm):
    application = firm.application()
    as_far_as_approval(session, firm, application)
    revoke_another(session, application.person)
    assert "banned" in act(session, application, Action.APPROVE, APPROVER)


def test_who_is_banned_after_filing_from_another_province_is_not_accepted(session, firm):
    application = firm.on_a_certificate_of_another_province()
    assert act(session, application, Action.SUBMIT, make.clerk(firm.enterprise)) == []
    revoke_another(session, application.person)
    assert "banned" in act(session, application, Action.ACCEPT, ACCEPTANCE)


def test_who_is_banned_after_being_admitted_passes_no_exam(session, firm):
    notice = make.notice(signup_start=NOON - 10 * DAY, signup_end=NOON - 5 * DAY, exam_on=TODAY)
    person = firm.person()
    session.add(make.signup(notice, person, state=SignupState.ADMITTED, score=90))
    session.commit()
    revoke_another(session, person)
    try:
        exams.submit_scores(session, notice.id, make.officer(Role.EXAM_CLERK), at=NOON)
    except Unmet:
        session.rollback()
    assert session.scalar(select(func.count(ExamPass.id))) == 0


@pytest.mark.parametrize("system", ["postgresql"], indirect=True)  # SQLite has one writer at a time
@pytest.mark.parametrize("first", ["measure", "approval"])
def test_a_c3_and_a_measure_against_the_c1_wait_for_each_other(session, firm, engine, system, monkeypatch, first):
    certificate = firm.certificate(valid_to=TODAY + 400 * DAY)
    application = make.application(certificate.person, category=Category.C3)
    session.add_all([make.exam_pass(certificate.person, category=Category.C3), application])
    session.commit()
    as_far_as_approval(session, firm, application)
    measure, decider = measures.propose(session, certificate, measures.WITHDRAWN), measures.approver(session)
    session.commit()
    begun, failed, real = Event(), [], lifecycle._end

    def slow(decision, ended):
        begun.set()
        Event().wait(1.5)
        real(decision, ended)

    def run(work):
        with Session(engine) as own:
            try:
                work(own)
                own.commit()
            except Exception as error:  # noqa: BLE001 - reported below
                failed.append(error)

    def approved(own):
        workflow.carry_out(own, [application.id], Action.APPROVE, APPROVER, at=NOON, office=OFFICE)

    def confirmed(own):
        status_changes.confirm(own, [measure.id], decider, at=NOON, office=OFFICE)
        if first == "measure":
            begun.set()
            Event().wait(1.5)

    if first == "approval":
        monkeypatch.setattr(lifecycle, "_end", slow)
    threads = [
        Thread(target=run, args=(work,)) for work in ((approved, confirmed) if first == "approval" else (confirmed, approved))
    ]
    threads[0].start()
    begun.wait(10)
    threads[1].start()
    for thread in threads:
        thread.join(20)
    now = session.get(Certificate, certificate.id, populate_existing=True)
    assert failed == []
    assert now.status is CertificateStatus.WITHDRAWN
