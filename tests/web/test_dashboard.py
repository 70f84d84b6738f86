"""The workbench leads to what waits, and counts exactly that."""

import re
from datetime import datetime, time, timedelta

import pytest

from app.accounts import rate_limit
from app.core.clock import OFFICE_ZONE, now
from app.core.office import Office
from app.core.vocabulary import AuditAction, ChainFault, PaperKind, Role, SignupState, State
from app.models import AuditEntry, AuditInspection
from app.web.auth.password_form import guess_key, locked_officers
from tests import make
from tests.web.applications.filing.conftest import TODAY, TRANSFER, Holder, certificate_to_transfer


@pytest.fixture
def holder(session, signed_in, system) -> Holder:
    return Holder(session, signed_in, system)


@pytest.fixture
def other(session, signed_in, system) -> Holder:
    return Holder(session, signed_in, system, name="湖南旧东家建设有限公司")


def test_the_workbench_leads_to_what_waits_in_each_matter(holder, other):
    certificate, person = certificate_to_transfer(holder, other)
    holder.file("transfer", certificate, papers=TRANSFER, **person)
    holder.file("renewal", holder.held(), then="")
    work = holder.clerk.get("/work/").text
    assert "/applications/renewal/?state=draft" in work
    assert "/applications/new/?state=draft" not in work
    assert "/releases/" in other.clerk.get("/work/").text.partition("<main")[2]


def test_the_expiring_tile_links_to_exactly_what_it_counts(holder):
    soon, late = holder.held().number, holder.held(valid_to=TODAY + timedelta(days=300)).number
    work = holder.clerk.get("/work/").text
    url = re.search(r'href="(/certificates/[^"]*valid_to_to[^"]*)"', work).group(1).replace("&amp;", "&")
    page = holder.clerk.get(url).text
    assert soon in page
    assert late not in page
    assert "/claims/renewal/add" in page


def test_the_tile_of_missing_scans_counts_what_its_list_shows(holder, session):
    holder.held()  # complete
    lacking = make.person(holder.enterprise, name="缺件人")
    session.add(lacking)
    session.flush()
    session.add_all(make.complete_papers(lacking, without=(PaperKind.PHOTO,)))
    session.commit()
    work = holder.clerk.get("/work/").text
    tile = re.search(r'href="(/people/list/\?scans=incomplete)"><span>[^<]+</span>\s*<b>(\d+)</b>', work)
    rows = holder.clerk.get(tile[1]).text.partition("<tbody")[2].count("<tr ")
    assert (int(tile[2]), rows) == (1, 1)


def test_the_tile_of_this_month_counts_what_the_office_decided_in_it_and_its_list_shows_the_same(session, signed_in, app):
    first = datetime.combine(TODAY.replace(day=1), time(), OFFICE_ZONE)
    firm = make.enterprise(name="湖南办结建筑公司")
    for closed_at, state in (
        (first - timedelta(seconds=1), State.NOT_ACCEPTED),
        (first, State.NOT_ACCEPTED),
        (first, State.REVIEW_REFUSED),
        (first, State.ABANDONED),  # by the enterprise: the office has decided nothing
        (first, State.DRAFT),
    ):
        closed = {} if state is State.DRAFT else {"closed_at": closed_at}
        session.add(make.application(make.person(firm), state, **closed))
    session.commit()
    approver = make.account(session, "approver", Role.APPROVER)
    for roles in ([], approver.roles):
        account = make.account(session, f"viewer-{len(roles)}", Role.VIEWER)
        account.roles = [*account.roles, *roles]
        reader = signed_in(account)
        tile = re.search(r'href="(/closed/[^"]*)"><span>[^<]+</span>\s*<b>(\d+)</b>', reader.get("/work/").text)
        rows = reader.get(tile[1].replace("&amp;", "&")).text.partition("<tbody")[2].count("<tr ")
        assert (int(tile[2]), rows) == (2, 2), roles


def tiles(page: str) -> dict[str, tuple[str, str, str]]:
    """Label → number, address, what stands below."""
    found = re.findall(r'tile[^"]*" href="([^"]*)"><span>([^<]+)</span>\s*<b>([^<]+)</b>((?:\s*<small>[^<]*</small>)*)', page)
    return {label: (number, url.replace("&amp;", "&"), below) for url, label, number, below in found}


def test_the_exam_clerk_sees_the_next_exam_and_its_places(session, signed_in, app):
    exams = signed_in(make.account(session, "exams", Role.EXAM_CLERK))
    assert "已占名额" not in exams.get("/work/").text
    later, near = (make.notice(title=f"第{n}期考核", exam_on=TODAY + timedelta(days=n), quota=30) for n in (9, 2))
    past = make.notice(exam_on=TODAY - timedelta(days=1))
    firm = make.enterprise(name="湖南赴考建筑公司")
    session.add_all([later, near, past])
    for state in (SignupState.SUBMITTED, SignupState.ADMITTED, SignupState.SELECTED):
        session.add(make.signup(near, make.person(firm), state=state))
    session.commit()
    seen = tiles(exams.get("/work/").text)
    assert seen["距下次考试天数"][:2] == ("2", f"/exam/notices/show/{near.id}")
    assert "第2期考核" in seen["距下次考试天数"][2]
    assert seen["已占名额"][0] == "2"
    assert "共30个名额" in seen["已占名额"][2]
    assert seen["待审核报名"][0] == "1"


def test_the_security_administrator_sees_who_is_locked(session, signed_in, app, system):
    office, at = Office(), now()
    keeper = signed_in(make.account(session, "keeper", Role.SECURITY_ADMIN, region_code=None))
    victim = make.account(session, "victim", Role.REVIEWER)
    assert tiles(keeper.get("/work/").text)["已锁定的账号"][0] == "0"
    session.rollback()
    rest = timedelta(minutes=office.lock_minutes)
    for _wrong in range(office.lock_after):
        rate_limit.attempt(system.engine, guess_key(victim.username), limit=office.lock_after, rest=rest, at=at)
    assert locked_officers(session, office, at=at) == [victim.id]
    assert locked_officers(session, office, at=at + rest) == []
    number, url, _below = tiles(keeper.get("/work/").text)["已锁定的账号"]
    rows = keeper.get(url).text.partition("<tbody")[2]
    assert (number, rows.count("<tr "), "victim" in rows) == ("1", 1, True)


def test_the_auditor_sees_the_chain_and_what_was_refused(session, signed_in, app):
    auditor = signed_in(make.account(session, "auditor", Role.AUDITOR, region_code=None))
    midnight = datetime.combine(TODAY - timedelta(days=1), time(), OFFICE_ZONE)
    for at in (midnight - timedelta(seconds=1), midnight, midnight + timedelta(hours=30)):
        session.add(AuditEntry(at=at, actor="x", deed=AuditAction.REFUSED, table="person", row="1", change={}))
    session.commit()
    assert "尚未校验" in tiles(auditor.get("/work/").text)["日志链断裂处"][2]
    session.add(AuditInspection(at=now(), lines=3, fault=ChainFault.CHANGED, seq=2))
    session.commit()
    seen = tiles(auditor.get("/work/").text)
    assert seen["日志链断裂处"][0] == "1"
    number, url, _below = seen["昨日以来拒绝访问"]
    assert (number, auditor.get(url).text.partition("<tbody")[2].count("<tr ")) == ("2", 2)
