"""The workbench leads to what waits, and counts exactly that."""

import re
from datetime import datetime, time, timedelta

import pytest

from app.core.clock import OFFICE_ZONE
from app.core.vocabulary import PaperKind, Role, State
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
