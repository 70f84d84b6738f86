"""系统状态: for the system administrator alone; what is wrong, since when, what to do, and figures in words."""

import pytest

from app.core.vocabulary import JobState, Role
from app.models import Job, OpenFinding
from tests import make


@pytest.fixture
def wrong(session):
    now = make.NOON
    session.add_all([
        Job(kind="x", key="k", payload={}, state=JobState.DEAD, due_at=now, created_at=now, finished_at=now, fault="OSError"),
        OpenFinding(code="scanner-away", place="tcp://x:1", details={}, found_by="scanner", began_at=now),
        OpenFinding(code="old-queue", place="", details={"since": "x", "n": "9"}, found_by="queue", began_at=now),
        OpenFinding(code="sms-away", place="x", details={"why": "x"}, found_by="messages", began_at=now, ended_at=now),
    ])  # fmt: skip
    session.commit()


def test_it_says_what_is_wrong_since_when_and_what_to_do(admin, wrong):
    page = admin.get("/status/").text
    assert "ClamAV（tcp://x:1）没有应答：所有上传都会被拒绝。" in page
    assert "启动 clamd，或更正 ANGUAN_CLAMD。" in page
    assert "2026-03-02 12:00" in page  # since when
    assert "有 1 项后台作业已放弃；最近一项的原因：OSError。" in page  # found just now
    assert page.index("立即处理") < page.index("需要关注")


def test_what_is_found_live_is_asked_anew_and_what_has_ended_is_not_shown(admin, wrong):
    page = admin.get("/status/").text
    assert "old-queue" not in page  # the watch found it five minutes ago
    assert "sms-away" not in page


def test_figures_are_shown_in_words(admin, wrong):
    page = admin.get("/status/").text
    for words in ("作业 · 已放弃", "印章有效期至 · 文书", "磁盘剩余空间 · 数据目录", "一小时内登录失败"):
        assert words in page, words
    assert "anguan_" not in page


def test_nobody_else_sees_it(signed_in, holder):
    for role in set(Role) - {Role.ADMIN, Role.ENTERPRISE_CLERK}:
        assert signed_in(holder(role)).get("/status/").status_code == 403


def test_the_workbench_of_the_administrator_says_so_and_nobody_elses(admin, wrong, signed_in, holder):
    page = admin.get("/work/").text
    assert "系统状态：待处理问题" in page
    assert 'href="/status/"' in page
    assert "系统状态" not in signed_in(holder(Role.AUDITOR)).get("/work/").text
