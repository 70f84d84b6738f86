"""Public pages that are kept until something changes."""

import pytest
from flask import render_template
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.core.vocabulary import Role
from app.models import ExamNotice
from tests import make
from tests.web.public.conftest import RequestFacts


@pytest.fixture
def drawn(visitor: FlaskClient, monkeypatch) -> list[str]:
    """The templates that are rendered."""
    seen: list[str] = []

    def noted(template, **context):
        seen.append(template)
        return render_template(template, **context)

    monkeypatch.setattr("flask_appbuilder.baseviews.render_template", noted)
    return seen


def notice(session: Session, title: str) -> ExamNotice:
    made = make.notice(title=title)
    session.add(made)
    session.commit()
    return made


def test_a_page_is_drawn_once_until_a_line_is_logged(visitor, session, drawn):
    notice(session, "一号通知")
    first, second = visitor.get("/"), visitor.get("/")
    assert first.data == second.data
    assert drawn == ["public/front.html"]
    notice(session, "二号通知")
    assert "二号通知" in visitor.get("/").text


def test_language_and_large_type_have_pages_of_their_own(visitor, session):
    notice(session, "一号通知")
    chinese = visitor.get("/").text
    visitor.post("/preference", data={"locale": "en", "size": "large"})
    english = visitor.get("/").text
    assert 'lang="en" data-theme="" data-size="large"' in english
    visitor.post("/preference", data={"locale": "zh", "size": ""})
    assert visitor.get("/").text == chinese


def test_whoever_has_the_page_gets_no_body_again(visitor, session):
    notice(session, "一号通知")
    etag = visitor.get("/").headers["ETag"]
    again = visitor.get("/", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    notice(session, "二号通知")
    assert visitor.get("/", headers={"If-None-Match": etag}).status_code == 200


def test_a_kept_page_sets_no_cookie_and_is_for_nobody_who_is_signed_in(visitor, session):
    notice(session, "一号通知")
    for path in ("/", "/lookup", "/notices"):
        assert "Set-Cookie" not in visitor.get(path).headers
    RequestFacts.actor = make.officer(Role.ACCEPTANCE_OFFICER)
    assert visitor.get("/").status_code == 302


def test_a_flash_is_shown_once(visitor, session):
    notice(session, "一号通知")
    visitor.get("/notices")
    with visitor.session_transaction() as kept:
        kept["_flashes"] = [("info", "只此一次")]
    assert "只此一次" in visitor.get("/notices").text
    assert "只此一次" not in visitor.get("/notices").text
