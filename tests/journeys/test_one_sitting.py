"""A newcomer with the demonstration data, in one sitting: from publishing a notice to a certificate.

Only the pages are used; the days pass by the demonstration's clock.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.vocabulary import CertificateEventKind, JobState, SignupState, State
from app.files.folder_store import FolderStore
from app.models import (
    Application,
    Certificate,
    CertificateEvent,
    CertificateVersion,
    ExamNotice,
    ExamPass,
    ExamSignup,
    Job,
    Person,
)
from app.worker import handlers, schedule
from app.worker.runner import JobContext, run_due
from tests.journeys.http_visitor import Visitor
from tests.journeys.test_chains import filled_in

DAY = timedelta(days=1)
ACCOUNTS = ("enterprise1", "exam", "acceptance", "review", "approval")


@dataclass
class Sitting:
    """Everybody signed in to the demonstration, and the person whose story is followed."""

    engine: object
    visitors: dict[str, Visitor]
    person_id: int

    def look(self, query):
        with Session(self.engine, expire_on_commit=False) as session:
            return session.scalars(query).all()

    def move_to(self, day: date) -> None:
        page = self.visitors["exam"].press("/demo-clock/", "/demo-clock/move", day=day.isoformat())
        assert f"演示时钟：{day}" in page.text


@pytest.fixture
def sitting(strict, demo, system) -> Sitting:
    person_id = demo.scalars(select(Person.id).where(Person.name == "方圆")).one()
    demo.rollback()
    password = system.settings.demo_password
    visitors = {name: Visitor(strict).sign_in(name, password) for name in ACCOUNTS}
    return Sitting(system.engine, visitors, person_id)


def notice_of(sitting, number: int) -> ExamNotice:
    return sitting.look(select(ExamNotice).where(ExamNotice.title.contains(f"第{number}期")))[0]


def test_the_demonstration_has_an_exam_at_every_stage(sitting):
    now, today = clock.now(), clock.office_day(clock.now())
    stages = {
        "scores published": notice_of(sitting, 1).scores_submitted_at is not None,
        "waiting for scores": notice_of(sitting, 2).exam_on < today and notice_of(sitting, 2).scores_imported_at is None,
        "sign-up over, all admitted": notice_of(sitting, 3).signup_end < now and notice_of(sitting, 3).exam_on > today,
        "under review": notice_of(sitting, 4).signup_end < now and notice_of(sitting, 4).exam_on > today,
        "open": notice_of(sitting, 5).signup_start < now < notice_of(sitting, 5).signup_end,
        "not open yet": notice_of(sitting, 6).signup_start > now,
    }
    assert all(stages.values()), stages
    for number, state in ((2, SignupState.ADMITTED), (3, SignupState.ADMITTED), (4, SignupState.SUBMITTED)):
        states = select(ExamSignup.state).where(ExamSignup.notice_id == notice_of(sitting, number).id)
        assert set(sitting.look(states)) == {state}


def sign_up(sitting) -> int:
    """The exam clerk publishes a notice, the enterprise signs the person up for it."""
    at = clock.office_time(clock.now())
    sitting.visitors["exam"].press(
        "/exam/notices/add", "/exam/notices/add", title="关于举办第9期考核的通知", categories=["C1"],
        signup_start=f"{at - DAY:%Y-%m-%dT%H:%M}", signup_end=f"{at + 5 * DAY:%Y-%m-%dT%H:%M}",
        exam_on=f"{at + 15 * DAY:%Y-%m-%d}",
    )  # fmt: skip
    [notice] = sitting.look(select(ExamNotice.id).where(ExamNotice.title.contains("第9期")))
    page, person = f"/exam/notices/{notice}/signup", sitting.person_id
    signed_up = select(ExamSignup.id).where(ExamSignup.person_id == person, ExamSignup.notice_id == notice)
    sitting.visitors["enterprise1"].press(page, page, rowid=[person], then="save", **{f"category-{person}": "C1"})
    [signup] = sitting.look(signed_up)
    sitting.visitors["enterprise1"].press("/exam/signups/", "/exam/signups/submit", rowid=[signup])
    sitting.visitors["exam"].press(f"/exam/review/{signup}", f"/exam/review/{signup}", decision="yes")
    return notice


def score(sitting, notice: int) -> None:
    """Refused before the day of the exam; on it, brought in and submitted."""
    exam, page = sitting.visitors["exam"], f"/exam/notices/{notice}/scores"
    workbook = exam.press("/exam/notices/", f"/exam/notices/{notice}/export").data
    sheet = filled_in(workbook, {"方圆": 88})
    checked = exam.press(page, page, sheet=(sheet, "成绩.xlsx"))
    exam.press(checked, f"{checked.request.path}/confirm")
    exam.press(f"{page}/submit", f"{page}/submit")
    assert len(sitting.look(select(ExamPass.id).where(ExamPass.person_id == sitting.person_id))) == 1


def apply(sitting) -> int:
    """The new application, through all its steps."""
    handler = {"handler_name": "周经办", "handler_mobile": "13800000001"}
    pick = [f"{sitting.person_id}-C1"]
    sitting.visitors["enterprise1"].press("/filings/add", "/filings/add", rowid=pick, then="submit", **handler)
    [case] = sitting.look(select(Application.id).where(Application.person_id == sitting.person_id))
    for who, decision in (("acceptance", "accept"), ("review", "endorse"), ("approval", "approve")):
        sitting.visitors[who].press(f"/cases/{case}", f"/cases/{case}/decide", decision=decision)
    assert sitting.look(select(Application.state).where(Application.id == case)) == [State.APPROVED]
    return case


def test_from_a_notice_to_a_certificate_in_one_sitting(sitting):
    today = clock.office_day(clock.now())
    notice = sign_up(sitting)
    sitting.move_to(today + 15 * DAY)
    score(sitting, notice)
    case = apply(sitting)
    [certificate] = sitting.look(select(Certificate).where(Certificate.person_id == sitting.person_id))
    assert certificate.issued_on == today + 15 * DAY
    archive = sitting.visitors["enterprise1"].see(f"/archive/{case}")
    path = re.search(r'href="(/certificates/\d+\.pdf)\?download=1"', archive)[1]
    answer = sitting.visitors["enterprise1"].client.get(f"{path}?download=1")
    assert (answer.mimetype, answer.data[:5]) == ("application/pdf", b"%PDF-")


def worker(sitting, system) -> JobContext:
    seal = EmbeddedSeal(system.settings.seals)
    office = system.settings.office
    return JobContext(sitting.engine, None, FolderStore(system.settings.blobs), clock.now, office=office, seal=seal)


def test_nightly_work_follows_the_clock_and_the_worker_draws_what_is_issued(sitting, system):
    today, context = clock.office_day(clock.now()), worker(sitting, system)
    sitting.move_to(today + 40 * DAY)
    with context.sessions.begin() as session:
        schedule.enqueue_due(session, at=clock.now(), days_ahead=context.days_ahead())
    night = schedule.last_night_start(clock.now() + 40 * DAY).date()
    assert sitting.look(select(Job.key).where(Job.kind == "nightly")) == [f"nightly:{night}"]
    working = {kind: handler for kind, handler in handlers.HANDLERS.items() if kind in ("nightly", "papers")}
    assert set(run_due(context, working, most=20)) == {JobState.DONE}
    with Session(sitting.engine) as session:
        undrawn = select(func.count(CertificateVersion.id)).where(CertificateVersion.digest.is_(None))
        assert session.scalar(undrawn) == 0
        expired = select(func.count(CertificateEvent.id)).where(CertificateEvent.deed == CertificateEventKind.EXPIRED)
        assert session.scalar(expired) > 0  # of those that run out within forty days
