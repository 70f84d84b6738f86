"""The front page."""

from app.core.vocabulary import Role, Stage
from app.web.public.front import stages
from tests import make
from tests.web.public.conftest import RequestFacts, published


def test_the_front_page_links_to_sign_in_and_public_services(visitor):
    page = visitor.get("/").text
    assert 'href="/login/"' in page
    assert 'href="/lookup"' in page


def test_the_front_page_shows_the_newest_notices_masked(visitor, session):
    published(session)
    session.add(make.notice())
    session.commit()
    page = visitor.get("/").text
    assert "2026年第1期安管人员考核" in page
    assert "湖南湘江建设有限公司" in page
    assert "0519491231" not in page


def test_a_signed_in_user_is_redirected_to_the_dashboard(visitor):
    RequestFacts.actor = make.officer(Role.VIEWER)
    answer = visitor.get("/")
    assert (answer.status_code, answer.location) == (302, "/work/")


def test_the_diagram_of_the_procedure_has_every_deciding_stage():
    assert [(node.label, len(node.onward)) for node in stages()] == [(stage, 1) for stage in Stage]
