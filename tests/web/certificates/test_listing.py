"""The list of certificates."""

from datetime import timedelta

from app.core.clock import now, office_day
from tests import make
from tests.web.base.test_list_export import sheet


def test_the_list_of_certificates_marks_what_expires_and_what_has_expired(firm, clerk, session):
    today = office_day(now())
    for days in (10, -1, 400):
        session.add(make.certificate(firm.passer(), valid_to=today + timedelta(days=days)))
    session.commit()
    page = clerk.get("/certificates/").text
    assert "expires in 10 days" in page
    assert page.count('<span class="tag ok">Valid</span>') == 2
    assert page.count('<span class="tag bad">Expired</span>') == 1


def test_only_rows_within_reach_are_in_it(firm, clerk, session):
    others = make.person(make.enterprise(name="别家"))
    session.add_all([make.certificate(firm.passer(), number="湘建安C1(2020)0000001"), make.certificate(others)])
    session.commit()
    assert list(sheet(clerk.post("/certificates/export")).iloc[:, 2]) == ["湘建安C1(2020)0000001"]
