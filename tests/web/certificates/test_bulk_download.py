"""Many certificates in one zip, from the page."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote

import pytest
from sqlalchemy import select

from app.certificates.pdf import zip_download
from app.certificates.pdf.zip_download import ZipEntry
from app.core.clock import now
from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.errors import NotFound
from app.core.office import Office
from app.core.vocabulary import AuditAction, Role
from app.models import Account, AuditEntry, Certificate
from app.worker.handlers import HANDLERS
from app.worker.runner import JobContext, run_due
from tests import make
from tests.certificates.pdf.conftest import VIEWER, certificates, opened
from tests.pdf_text import stored_versions


@pytest.fixture
def tools(system, session, store) -> JobContext:
    return JobContext(system.engine, None, store, now, seal=EmbeddedSeal(system.settings.seals))


@pytest.fixture
def browsers(session, signed_in):
    def enter(role: Role, name: str = "", **facts):
        account: Account = make.account(session, name or role.value, role, **facts)
        client = signed_in(account)
        with client.session_transaction() as cookie:
            cookie["locale"] = "en"
        session.rollback()
        return client

    return enter


def test_a_few_are_sent_at_once_and_audited(session, store, browsers):
    ids = stored_versions(session, store, 3)
    viewer = browsers(Role.VIEWER)
    answer = viewer.post("/certificates/pack", data={"rowid": certificates(session)[:2]})
    assert (answer.status_code, answer.mimetype, answer.headers["Cache-Control"]) == (200, "application/zip", "no-store")
    found = opened(answer.data)
    assert len(found) == 2
    assert all(name.startswith("古丽·买买提-C1-湘建安C1(2024)") and body[:4] == b"%PDF" for name, body in found.items())
    (line,) = session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.EXPORT))
    assert (line.actor, line.change["certificates"], line.change["versions"]) == ("viewer", 2, ids[:2])


def test_all_that_match_the_query_and_nothing_else(session, store, browsers):
    stored_versions(session, store, 2)
    first = session.scalar(select(Certificate.number).order_by(Certificate.id))
    session.rollback()
    viewer = browsers(Role.VIEWER)
    assert "pack?every=1&amp;number=" in viewer.get("/certificates/", query_string={"number": first}).text
    assert len(opened(viewer.post("/certificates/pack", query_string={"every": 1, "number": first}).data)) == 1
    assert len(opened(viewer.post("/certificates/pack?every=1").data)) == 2


def test_the_file_is_named_in_chinese_within_a_header_of_ascii(session, store, browsers):
    stored_versions(session, store, 1)
    viewer = browsers(Role.VIEWER)
    with viewer.session_transaction() as cookie:
        cookie["locale"] = "zh"
    header = viewer.post("/certificates/pack?every=1").headers["Content-Disposition"]
    assert header.isascii()
    assert unquote(header).endswith(".zip")
    assert "安管人员证书" in unquote(header)


def prepared(session, store, viewer) -> str:
    stored_versions(session, store, 7)
    answer = viewer.post("/certificates/pack", data={"rowid": certificates(session)})
    assert answer.status_code == 302
    return answer.headers["Location"].partition("?")[0]


def test_many_are_prepared_and_then_fetched_by_who_asked(session, store, browsers, tools):
    viewer = browsers(Role.VIEWER)
    place = prepared(session, store, viewer)
    assert "Preparing the certificates: 0 / 7" in viewer.get(place).text
    assert viewer.get(f"{place}/progress").json["waiting"] == 1
    run_due(tools, HANDLERS, most=9)
    assert "7 certificates are ready for download." in viewer.get(place).text
    assert len(opened(viewer.get(f"{place}.zip").data)) == 7


@pytest.mark.parametrize("role", [Role.VIEWER, Role.APPROVER, Role.ENTERPRISE_CLERK, Role.ADMIN], ids=lambda role: role.value)
def test_a_bundle_is_not_there_for_anybody_else(session, store, browsers, tools, role):
    place = prepared(session, store, browsers(Role.VIEWER))
    run_due(tools, HANDLERS, most=9)
    other = browsers(role, "other")
    wanted = 403 if role is Role.ADMIN else 404
    assert [other.get(place + end).status_code for end in ("", "/progress", ".zip")] == [wanted] * 3


def test_a_bundle_is_gone_after_its_time_and_with_the_reach(session, store):
    ids = stored_versions(session, store, 1)
    number = zip_download.prepare(session, [ZipEntry(ids[0], "a.pdf", None, 1)], VIEWER, at=make.NOON)
    late = make.NOON + timedelta(minutes=60, seconds=1)
    assert zip_download.prepared(session, number, VIEWER, at=make.NOON, office=Office()).total == 1
    for actor, at in ((VIEWER, late), (replace(VIEWER, region="430100"), make.NOON), (replace(VIEWER, id=2), make.NOON)):
        with pytest.raises(NotFound):
            zip_download.prepared_entries(session, number, actor, at=at, office=Office())


@pytest.mark.parametrize("role", [Role.ADMIN, Role.EXAM_CLERK], ids=lambda role: role.value)
def test_who_has_no_business_with_certificates_packs_none(browsers, role):
    assert browsers(role).post("/certificates/pack", data={"rowid": [1]}).status_code == 403


def test_an_empty_selection_is_reported(browsers):
    page = browsers(Role.VIEWER).post("/certificates/pack", follow_redirects=True).text
    assert "None of these certificates is in force and has an electronic version." in page
