"""Progress of rendering after an approval of many: who sees it, failures and retries."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app.core.clock import now
from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.vocabulary import Role, State
from app.files.folder_store import FolderStore
from app.models import Account, CertificateVersion, Job, Paper
from app.web.certificates.render_progress import AT_ONCE, FAULTS
from app.worker.handlers import HANDLERS
from app.worker.runner import JobContext, run_due
from tests import make
from tests.hostile_files import jpeg
from tests.query_counter import queries
from tests.web.applications.case_fixture import confirmed
from tests.workflow_fixture import Firm


def later():
    return now() + timedelta(hours=1)


@pytest.fixture
def tools(system, session) -> JobContext:
    return JobContext(
        system.engine, None, FolderStore(system.settings.blobs), later, seal=EmbeddedSeal(system.settings.seals)
    )


@pytest.fixture
def cases(session, system):
    """``cases(n)``: ids of so many applications that can be approved, with real photos."""
    firm = Firm(session)

    def fill(many: int) -> list[int]:
        ids = [firm.application(State.AWAITING_APPROVAL).id for _ in range(many)]
        session.execute(update(Paper).values(digest=FolderStore(system.settings.blobs).put(jpeg(413, 579))))
        session.commit()
        return ids

    return fill


@pytest.fixture
def browsers(session, signed_in, cases):
    def sign_in(role: Role, region: str = "430000"):
        facts = {} if role is Role.ENTERPRISE_CLERK else {"region_code": region}
        account: Account = make.account(session, f"{role.value}-{region}", role, **facts)
        client = signed_in(account)
        with client.session_transaction() as cookie:
            cookie["locale"] = "en"
        session.rollback()
        return client

    return sign_in


def approve(approver, ids):
    """Plan and confirm; the page of the batch if something was not done."""
    return confirmed(approver, approver.post("/approval/batch/approve", data={"rowid": ids}))


def test_many_are_watched_and_few_are_there_at_once(session, browsers, cases, tools):
    approver, few = browsers(Role.APPROVER), cases(AT_ONCE)
    session.rollback()
    assert approve(approver, few).headers["Location"] == "/approval/"
    assert session.scalar(select(func.count(CertificateVersion.id)).where(CertificateVersion.digest.is_(None))) == 0
    many = cases(AT_ONCE + 1)
    session.rollback()
    place = approve(approver, many).headers["Location"]
    assert re.fullmatch(r"/papers-drawn/\?batch=\d+", place)
    page = approver.get(place).text
    assert "Drawing e-certificates: 0 / 6" in page
    assert 'http-equiv="refresh"' in page
    progress = approver.get(place.replace("/?", "/progress?")).json
    assert (progress["done"], progress["total"], progress["waiting"]) == (0, 6, 6)
    run_due(tools, HANDLERS, most=9)
    page = approver.get(place).text
    assert "All 6 e-certificates are ready." in page
    assert "data-poll=" not in page


def test_a_batch_approved_in_part_leads_there_too(session, browsers, cases):
    approver, ids = browsers(Role.APPROVER), cases(AT_ONCE + 1)
    session.rollback()
    assert "/papers-drawn/?batch=" in approve(approver, [*ids, 2**31 - 1]).text


def test_one_that_is_opened_before_its_turn_is_drawn_at_once_and_only_once(session, browsers, cases, tools):
    approver, ids = browsers(Role.APPROVER), cases(AT_ONCE + 1)
    session.rollback()
    approve(approver, ids)
    first = session.scalar(select(func.min(CertificateVersion.id)))
    session.rollback()
    paper = approver.get(f"/certificates/{first}.pdf").data
    run_due(tools, HANDLERS, most=9)
    assert approver.get(f"/certificates/{first}.pdf").data == paper


def test_a_failed_one_is_named_with_its_reason_and_tried_again(session, browsers, cases, tools, system):
    approver, ids = browsers(Role.APPROVER), cases(AT_ONCE + 1)
    session.rollback()
    place = approve(approver, ids).headers["Location"]
    elsewhere = replace(tools, store=FolderStore(system.settings.home / "elsewhere"))
    run_due(elsewhere, HANDLERS, most=9)
    page = approver.get(place).text
    assert "Could not be drawn: 6" in page
    assert str(FAULTS["file-missing"]) in page
    answer = approver.post(place.replace("/?", "/again?"), follow_redirects=True)
    assert "6 e-certificates are drawn anew." in answer.text
    run_due(tools, HANDLERS, most=9)
    assert "All 6" in approver.get(place).text
    assert session.scalar(select(func.count(Job.id)).where(Job.kind == "papers")) == 2


def test_the_page_needs_no_more_queries_for_more_certificates(session, browsers, cases, system):
    approver, asked = browsers(Role.APPROVER), []
    for many in (6, 20):
        ids = cases(many)
        session.rollback()
        place = approve(approver, ids).headers["Location"]
        with queries(system.engine) as seen:
            approver.get(place)
        asked.append(len(seen))
    assert asked[0] == asked[1]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.APPROVER], ids=lambda role: role.value)
def test_other_roles_are_refused(browsers, role):
    browser = browsers(role)
    assert [browser.get(f"/papers-drawn/{page}").status_code for page in ("", "progress")] == [403, 403]
    assert browser.post("/papers-drawn/again").status_code == 403


def test_an_approver_of_another_region_sees_nothing(session, browsers, cases):
    approver, other, ids = browsers(Role.APPROVER), browsers(Role.APPROVER, "430200"), cases(AT_ONCE + 1)
    session.rollback()
    place = approve(approver, ids).headers["Location"]
    assert other.get(place).status_code == 404
    assert other.get(place.replace("/?", "/progress?")).status_code == 404
    assert "0 e-certificates are still to be drawn." in other.get("/papers-drawn/").text


@pytest.mark.parametrize("batch", ["0", "-1", "x", "9" * 50, "%00"])
def test_an_invalid_batch_number_shows_no_batch(browsers, batch):
    assert browsers(Role.APPROVER).get(f"/papers-drawn/?batch={batch}").status_code == 200
