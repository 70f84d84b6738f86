"""The number of queries of the exam lists does not grow with their rows."""

import pytest

from app.core.clock import now, office_day
from app.core.vocabulary import PaperKind
from app.db.session import db
from tests import make
from tests.query_counter import queries
from tests.web.exams.exam_steps import DAY


@pytest.fixture
def watched(app):
    """The engine of the application, which differs from that of the test session."""
    with app.app_context():
        return db.engine


def statements(engine, client, path) -> int:
    client.get(path)
    with queries(engine) as seen:
        assert client.get(path).status_code == 200
    assert seen
    return len(seen)


def test_lists_need_no_more_queries_for_fifty_rows_than_for_three(watched, clerk, own, sign, session):
    paths = [(clerk, "/exam/review/?size=100"), (own, "/exam/signups/?size=100")]
    sign(n=3)
    few = [statements(watched, who, path) for who, path in paths]
    sign(n=47)
    assert [statements(watched, who, path) for who, path in paths] == few


def test_the_sign_up_page_needs_no_more_queries_for_fifty_people_than_for_three(watched, own, hire, notice):
    hire(3)
    few = statements(watched, own, f"/exam/notices/{notice.id}/signup")
    hire(20)
    hire(27, without=(PaperKind.PHOTO,))
    assert statements(watched, own, f"/exam/notices/{notice.id}/signup") == few


def test_the_list_of_notices_needs_no_more_queries_for_fifty_than_for_three(watched, clerk, own, session, sign):
    def publish(n):
        at = now()
        when = {"signup_start": at - DAY, "signup_end": at + DAY, "published_at": at, "exam_on": office_day(at) + 9 * DAY}
        made = [make.notice(**when) for _n in range(n)]
        session.add_all(made)
        session.commit()
        for notice in made:
            sign(on=notice)

    publish(3)
    few = [statements(watched, who, "/exam/notices/?size=100") for who in (clerk, own)]
    publish(47)
    assert [statements(watched, who, "/exam/notices/?size=100") for who in (clerk, own)] == few
