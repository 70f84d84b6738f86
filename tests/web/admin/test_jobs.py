"""The page of background jobs: what is dead, why, and its retry."""

import re

import pytest
from sqlalchemy import select

from app.core.vocabulary import JobState, Role
from app.models import Job
from app.outbox.jobs import JobRequest, enqueue, enqueue_all
from app.web.admin.jobs import REMEDIES, what_to_do
from app.worker import handlers
from tests import make


@pytest.fixture
def stored_job(session):
    """``stored_job()``: the only job, as the database has it."""

    def read() -> Job:
        session.rollback()
        session.expire_all()
        found = session.scalars(select(Job)).one()
        session.rollback()
        return found

    return read


@pytest.fixture
def dead(session, stored_job) -> int:
    enqueue(session, "test", "one", {}, at=make.NOON)
    job = session.scalars(select(Job)).one()
    job.state, job.finished_at, job.fault, job.attempts = JobState.DEAD, make.NOON, "worker lost", 5
    session.commit()
    return job.id


def test_the_page_shows_dead_jobs_with_their_error_and_retries_by_post_only(admin, dead, stored_job):
    page = admin.get("/jobs/list/?state=dead").text
    assert f"/jobs/again/{dead}" in page
    assert "lost or hung" in page or "异常退出或停止响应" in page
    assert admin.get(f"/jobs/again/{dead}").status_code == 405
    assert admin.post(f"/jobs/again/{dead}").status_code == 302
    assert (stored_job().state, stored_job().attempts) == (JobState.READY, 0)
    assert admin.post(f"/jobs/again/{dead}").status_code == 404


def test_nobody_else_sees_jobs(session, signed_in, dead, stored_job):
    for n, role in enumerate(set(Role) - {Role.ADMIN, Role.ENTERPRISE_CLERK}):
        client = signed_in(make.account(session, f"u{n}", role))
        assert client.get("/jobs/list/").status_code == 403
        assert client.post(f"/jobs/again/{dead}").status_code == 403
    assert stored_job().state is JobState.DEAD


def test_a_job_says_what_it_does_and_how_much(admin, session):
    enqueue_all(session, [JobRequest("papers", "papers::4", {"versions": [4, 5, 6, 7]}, total=4)], at=make.NOON)
    session.commit()
    page = admin.get("/jobs/list/").text
    assert "papers:" not in page.partition("<main")[2]
    assert re.search(r"Draw e-certificates \(4 in all\)|生成电子证照（共 4 份）", page)


def test_every_state_says_what_to_do():
    ready, again, running = Job(kind="test", state=JobState.READY, attempts=0), Job(state=JobState.READY, attempts=3), Job(
        state=JobState.RUNNING)  # fmt: skip
    dead, mail = Job(kind="test", state=JobState.DEAD), Job(kind="messages", state=JobState.DEAD)
    assert [what_to_do(job) for job in (ready, running)] == ["Nothing", "Nothing"]
    assert "tried 3 times" in what_to_do(again)
    assert "Try again" in what_to_do(dead)
    assert "SMS provider" in what_to_do(mail)
    assert REMEDIES.keys() <= handlers.HANDLERS.keys()
