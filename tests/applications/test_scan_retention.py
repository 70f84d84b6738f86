"""Scans are removed after the periods of the parameters unless still needed; their rows stay."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Event, Thread

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.orm import sessionmaker

from app.applications import attachments, scan_retention
from app.applications.attachments import PaperRemoved, bytes_of
from app.core.office import Office
from app.core.vocabulary import AuditAction, CertificateStatus, PaperKind, Role, State
from app.files.folder_store import FolderStore
from app.models import Application, AuditEntry, Paper, Qualification
from app.outbox import jobs
from app.worker import handlers, runner
from tests import make
from tests.applications.retention_steps import DAY
from tests.applications.test_attachments import picture

pytest_plugins = ("tests.applications.retention_steps",)  # its fixtures
OFFICE = Office(replaced_scan_days=10, closed_scan_years=2)
DUE = datetime(2028, 3, 2, 4, tzinfo=UTC)  # two years later


@pytest.fixture
def night(system, session, store):
    """``night(at)``: run the removal at that moment; how many scans it removed."""

    def run(at, office=OFFICE):
        session.rollback()
        count = handlers.remove_due_scans(
            sessionmaker(system.engine), store, office, at=at, before=at - handlers.MIN_ORPHAN_AGE
        )
        session.expire_all()
        return count

    return run


def of_applicant(session, scan, person, state, **facts):
    """An application in this state, submitted in earlier days, and a scan of its own."""
    application = make.application(person, state, **facts)
    session.add(application)
    session.commit()
    return application, scan(application_id=application.id, enterprise_id=person.enterprise_id)


# --- when -------------------------------------------------------------------------------------------
def test_a_replaced_scan_goes_on_the_day_and_not_on_the_day_before(scan, person, store, night):
    gone = scan(b"old", person_id=person.id, replaced_at=make.NOON)
    current = scan(b"new", person_id=person.id)
    late = datetime(2026, 3, 11, 15, 59, tzinfo=UTC)  # a minute before the office's midnight
    assert night(late) == 0
    assert night(late + timedelta(minutes=1)) == 1
    assert (gone.removed_at, gone.filename, gone.kind) == (late + timedelta(minutes=1), "扫描件.jpg", PaperKind.ID_CARD)
    assert (gone.digest, store.has(gone.digest)) == (sha256(b"old").hexdigest(), False)
    assert (current.removed_at, store.has(current.digest)) == (None, True)


REFUSED = (State.NOT_ACCEPTED, State.REVIEW_REFUSED, State.APPROVAL_REFUSED, State.ABANDONED)


@pytest.mark.parametrize("state", REFUSED, ids=lambda state: state.value)
def test_scans_of_what_was_refused_or_given_up_go_years_after_and_not_the_day_before(session, scan, person, night, state):
    _application, paper = of_applicant(session, scan, person, state)
    assert night(DUE - DAY) == 0
    assert night(DUE) == 1
    assert paper.replaced_at == paper.removed_at == DUE  # no current paper without its bytes


def test_what_was_closed_on_the_29th_of_february_is_kept_no_day_too_short(session, scan, person, night):
    leap = datetime(2024, 2, 29, 4, tzinfo=UTC)
    of_applicant(session, scan, person, State.REVIEW_REFUSED, closed_at=leap)
    assert night(datetime(2026, 2, 28, 4, tzinfo=UTC)) == 0
    assert night(datetime(2026, 3, 1, 4, tzinfo=UTC)) == 1


def test_a_replaced_scan_that_a_refused_application_was_submitted_with_is_kept_as_long_as_it(session, scan, person, night):
    paper = scan(person_id=person.id, replaced_at=make.NOON)
    session.add(make.application(person, State.REVIEW_REFUSED))
    session.commit()
    assert night(make.NOON + 300 * DAY) == 0
    assert night(DUE - DAY) == 0
    assert night(DUE) == 1
    assert paper.removed_at == DUE


def test_nought_keeps_for_ever(session, scan, person, night):
    scan(b"1", person_id=person.id, replaced_at=make.NOON)
    of_applicant(session, scan, make.person(person.enterprise), State.ABANDONED)
    for_ever = replace(OFFICE, replaced_scan_days=0, closed_scan_years=0)
    assert night(DUE + 9999 * DAY, for_ever) == 0
    assert night(DUE, replace(OFFICE, replaced_scan_days=0)) == 1
    assert night(DUE, replace(OFFICE, closed_scan_years=0)) == 1


# --- what somebody needs ----------------------------------------------------------------------------
@pytest.mark.parametrize("state", [State.AWAITING_REVIEW, State.RETURNED, State.DRAFT], ids=lambda state: state.value)
def test_a_running_case_keeps_its_own_scans_and_those_it_was_submitted_with(session, scan, person, night, state):
    of_applicant(session, scan, person, state)
    if state is not State.DRAFT:
        scan(b"of the person", person_id=person.id, replaced_at=make.NOON)
    assert night(DUE + 9999 * DAY) == 0


@pytest.mark.parametrize("owner", ["qualification", "pledging_enterprise"])
def test_papers_of_the_enterprise_are_kept_for_a_running_case_and_go_without_one(session, scan, person, night, owner):
    grade = make.qualification(person.enterprise)
    session.add(grade)
    session.commit()
    row = grade.id if owner == "qualification" else person.enterprise_id
    kind = PaperKind.QUALIFICATION if owner == "qualification" else PaperKind.PLEDGE
    application = make.application(person, State.AWAITING_ACCEPTANCE)
    session.add(application)
    scan(kind=kind, replaced_at=make.NOON, **{f"{owner}_id": row})
    assert night(DUE) == 0
    session.execute(delete(Application))
    session.commit()
    assert night(DUE) == 1
    assert session.scalar(select(func.count(Qualification.id))) == 1


def test_what_an_approved_application_rests_on_is_kept(session, scan, person, night):
    held = make.certificate(person, valid_to=make.TODAY)
    of_applicant(session, scan, person, State.APPROVED, certificate=held)
    scan(b"of the person", person_id=person.id, replaced_at=make.NOON)
    assert night(DUE + 9999 * DAY) == 0


@pytest.mark.parametrize("status", list(CertificateStatus), ids=lambda status: status.value)
def test_whoever_holds_a_certificate_in_force_keeps_every_scan(session, scan, person, night, status):
    session.add(make.certificate(person, status=status, valid_to=DUE.date()))
    of_applicant(session, scan, person, State.REVIEW_REFUSED)
    scan(b"replaced later", person_id=person.id, uploaded_at=make.NOON, replaced_at=make.NOON + DAY)
    in_force = status in (CertificateStatus.VALID, CertificateStatus.SUSPENDED)
    assert night(DUE) == (0 if in_force else 2)
    assert night(DUE + DAY) == (2 if in_force else 0)


def test_what_still_counts_on_the_persons_page_stays_whatever_became_of_an_application(session, scan, person, night):
    scan(person_id=person.id)
    session.add(make.application(person, State.ABANDONED))
    session.commit()
    assert night(DUE + 9999 * DAY) == 0


# --- bytes ------------------------------------------------------------------------------------------
def test_bytes_that_another_paper_shares_stay(scan, person, store, night):
    gone = scan(b"same", person_id=person.id, replaced_at=make.NOON)
    scan(b"same", person_id=person.id)
    assert night(DUE) == 1
    assert gone.removed_at == DUE
    assert store.read(gone.digest) == b"same"


def test_twice_is_harmless_and_a_night_broken_off_goes_on(system, session, scan, person, store, night, monkeypatch):
    monkeypatch.setattr(scan_retention, "SLICE", 2)
    papers = [scan(b"%d" % n, person_id=person.id, replaced_at=make.NOON) for n in range(5)]

    def dies(_done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        handlers.remove_due_scans(
            sessionmaker(system.engine), store, OFFICE, at=DUE, before=DUE - handlers.MIN_ORPHAN_AGE, progress=dies
        )
    session.expire_all()
    assert [store.has(paper.digest) for paper in papers] == [False, False, True, True, True]
    assert [night(DUE), night(DUE)] == [3, 0]
    assert not any(store.has(paper.digest) for paper in papers)


def test_what_a_crash_leaves_behind_the_commit_the_sweeper_takes(system, session, scan, person, tmp_path):
    gone, store = scan(person_id=person.id, replaced_at=make.NOON), FolderStore(tmp_path / "blobs")
    os.utime(store.path(store.put(b"scan")), (0, 0))
    with sessionmaker(system.engine).begin() as own:
        assert scan_retention.remove_some(own, DUE.date(), OFFICE, at=DUE).digests == (gone.digest,)
    assert store.has(gone.digest)
    jobs.enqueue(session, "sweep", "k", {}, at=DUE)
    session.commit()
    runner.run_due(runner.JobContext(system.engine, None, store, lambda: DUE), handlers.HANDLERS, most=1)
    assert not store.has(gone.digest)


def test_what_was_handed_in_again_just_now_is_spared(scan, person, store, night):
    gone = scan(person_id=person.id, replaced_at=make.NOON)
    now = DUE.timestamp()
    os.utime(store.path(gone.digest), (now, now))
    assert night(DUE) == 1
    assert store.has(gone.digest)


def test_an_application_that_comes_to_life_meanwhile_keeps_its_scan(system, session, scan, person, store):
    """The removal waits for the lock on an application being resubmitted, and then checks again."""
    application, paper = of_applicant(session, scan, person, State.NOT_ACCEPTED)
    done = Event()

    def work():
        handlers.remove_due_scans(sessionmaker(system.engine), store, OFFICE, at=DUE, before=DUE - handlers.MIN_ORPHAN_AGE)
        done.set()

    with sessionmaker(system.engine).begin() as clerk:
        held = clerk.get(Application, application.id, with_for_update=True)
        held.closed_at, held.state = None, State.RETURNED
        clerk.flush()
        thread = Thread(target=work)
        thread.start()
        assert not done.wait(0.2)
    thread.join()
    session.refresh(paper)
    assert (paper.removed_at, store.has(paper.digest)) == (None, True)


# --- audit log and pages -----------------------------------------------------------------------------
def test_the_audit_log_has_a_line_for_each_row_and_one_for_the_slice(session, scan, person, night):
    papers = [scan(b"%d" % n, person_id=person.id, replaced_at=make.NOON) for n in range(2)]
    before = session.scalar(select(func.max(AuditEntry.id)))
    night(DUE)
    lines = session.scalars(select(AuditEntry).where(AuditEntry.id > before).order_by(AuditEntry.id)).all()
    assert {(line.deed, line.table, line.row) for line in lines} == {
        (AuditAction.DELETE, "paper", ""), *((AuditAction.CHANGE, "paper", str(paper.id)) for paper in papers)
    }  # fmt: skip
    assert next(line.change for line in lines if line.deed is AuditAction.DELETE) == {"scans": 2}


def test_a_removed_paper_says_so_instead_of_opening(session, scan, person, store, night, signed_in, holder):
    paper = scan(picture(), person_id=person.id, enterprise_id=person.enterprise_id, replaced_at=make.NOON)
    officer, other = signed_in(holder(Role.ACCEPTANCE_OFFICER)), signed_in(holder(Role.ENTERPRISE_CLERK))
    pages = (f"/papers/{paper.id}", f"/papers/{paper.id}/small")
    session.rollback()
    assert [officer.get(page).status_code for page in pages] == [200, 200]
    night(DUE)
    for page in pages:
        answer = officer.get(page, headers={"Accept-Language": "zh"})
        assert (answer.status_code, "按保存期限规定，已于 2028-03-02 删除" in answer.text) == (410, True)
        assert other.get(page).status_code == 404
    with pytest.raises(PaperRemoved):
        bytes_of(paper, store)
    assert attachments.current(session, person) == {}


def test_the_dry_run_counts_by_cause_and_takes_nothing(session, scan, person, store):
    scan(b"1", person_id=person.id, replaced_at=make.NOON, size=30)
    scan(b"2", person_id=person.id, replaced_at=make.NOON, size=12)
    of_applicant(session, scan, make.person(person.enterprise), State.ABANDONED)
    assert scan_retention.count_removable(session, DUE.date(), OFFICE) == {"replaced": (2, 42), "closed": (1, 1000)}
    assert session.scalar(select(func.count(Paper.id)).where(Paper.removed_at.is_not(None))) == 0
