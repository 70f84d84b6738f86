"""A form sent after the session had lapsed: nothing is done, and the account that sent it finds it filled in again."""

import html
import re
from datetime import timedelta
from io import BytesIO

import pytest
from sqlalchemy import func, select, update

from app.core.clock import now, office_day
from app.core.sign_in_vocabulary import SessionEndReason
from app.core.vocabulary import Role
from app.models import Application, ExamNotice, InterruptedForm, Person, UserSession
from app.web.auth.interrupted import FORMS
from tests import make
from tests.hostile_files import jpeg
from tests.web.applications.case_fixture import Firm
from tests.web.form_steps import tickets

ON_SQLITE = pytest.mark.parametrize("system", ["sqlite"], indirect=True)
TYPED = {"name": "王小明", "id_number": make.id_number(), "education": "bachelor", "position": "safety_officer"}
PATH = "/people/add"
BACK = f"/sessions/interrupted?back={PATH}&kept=1"


def lapse(session, *, minutes: int = 31, **facts) -> None:
    session.rollback()
    session.execute(update(UserSession).values(seen_at=now() - timedelta(minutes=minutes), **facts))
    session.commit()


def count(session, model) -> int:
    session.rollback()
    found = session.scalar(select(func.count()).select_from(model))
    session.rollback()
    return found


def hidden(page: str) -> dict[str, list[str]]:
    """What the page sends that offers the form again."""
    form = page.partition('class="card-body"')[2].partition("</form>")[0]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form):
        found.setdefault(name, []).append(html.unescape(value))
    return found


def after(answer) -> str:
    """Where the sign-in page will lead."""
    assert answer.status_code == 302
    way, _mark, wish = answer.location.partition("?next=")
    assert way == "/login/"
    return html.unescape(wish).replace("%3F", "?").replace("%3D", "=").replace("%26", "&")


def test_a_form_sent_too_late_comes_back_filled_for_the_account_that_sent_it(session, signed_in, holder):
    account, other = holder(Role.ENTERPRISE_CLERK), holder(Role.ENTERPRISE_CLERK)
    client = signed_in(account)
    bad = {"paper_title": (BytesIO(b"MZ"), "x.jpg")}
    page = client.post(PATH, data=TYPED | bad | {"paper_photo": (BytesIO(jpeg(413, 579)), "a.jpg")}).text
    lapse(session)
    late = TYPED | tickets(page) | {"then": "submit", "paper_title": (BytesIO(jpeg()), "b.jpg")}
    assert after(client.post(PATH, data=late)) == BACK
    assert (count(session, Person), count(session, InterruptedForm)) == (0, 1)
    assert hidden(signed_in(other).get(BACK).text) == {}
    back = signed_in(account)
    page = back.get(BACK).text
    assert "上报没有办成" in page
    assert "（1 份）" in page
    found = hidden(page)
    assert "then" not in found
    page = back.post(PATH, data=found)
    assert (page.status_code, count(session, Person)) == (200, 0)
    for shown in ('value="王小明"', "尚未保存", 'name="paper_photo-kept"'):
        assert shown in page.text
    assert back.post(PATH, data=TYPED | tickets(page.text)).status_code == 302
    assert session.scalars(select(Person.name)).all() == ["王小明"]


@ON_SQLITE
def test_nothing_is_kept_without_a_session_that_lapsed_of_itself(session, signed_in, holder, app):
    """Not for strangers, not after signing out or a change of password, not days later; and then the old way holds."""
    for change in (
        {"ended_at": now(), "ended_why": SessionEndReason.SIGNED_OUT},
        {"ended_at": now(), "ended_why": SessionEndReason.PASSWORD_CHANGED},
        {"ended_at": now() - timedelta(hours=13), "ended_why": SessionEndReason.IDLE},
    ):
        client = signed_in(holder(Role.ENTERPRISE_CLERK))
        lapse(session, **change)
        assert after(client.post(PATH, data=TYPED)) == PATH, change
    assert after(app.test_client().post(PATH, data=TYPED)) == PATH
    assert count(session, InterruptedForm) == 0


@ON_SQLITE
def test_a_malformed_form_is_kept_as_far_as_it_has_names(session, signed_in, holder):
    client = signed_in(holder(Role.ENTERPRISE_CLERK))
    lapse(session)
    part = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n1\r\n'
    nameless = part + b"--x\r\nContent-Disposition: form-data\r\n\r\n2\r\n--x--\r\n"
    assert after(client.post(PATH, data=nameless, content_type="multipart/form-data; boundary=x")) == BACK
    assert session.scalars(select(InterruptedForm.sent)).one()["fields"] == [["name", "1"]]


@ON_SQLITE
@pytest.mark.usefixtures("strict")
def test_another_site_puts_no_words_into_a_form(session, signed_in, holder):
    client = signed_in(holder(Role.ENTERPRISE_CLERK))
    lapse(session)
    assert after(client.post(PATH, data=TYPED)) == "/sessions/interrupted?back=/"
    assert count(session, InterruptedForm) == 0


@ON_SQLITE
def test_a_second_window_keeps_its_form_and_another_press_is_said_to_have_done_nothing(session, signed_in, holder):
    """The first window has shown the sign-in page already. What is no form is named as not done, with the way back."""
    account = holder(Role.ENTERPRISE_CLERK)
    client = signed_in(account)
    lapse(session)
    assert after(client.get("/people/list/")) == "/people/list/"
    assert client.get("/login/").status_code == 200
    assert after(client.post(PATH, data=TYPED)) == BACK
    sent = client.post(
        "/applications/new/submit", data={"rowid": 1}, headers={"Referer": "http://localhost/applications/new/"}
    )
    wish = after(sent)
    assert wish == "/sessions/interrupted?back=/applications/new/"
    page = signed_in(account).get(wish).text
    assert "没有办成" in page
    assert 'href="/applications/new/"' in page
    assert count(session, InterruptedForm) == 1


@ON_SQLITE
def test_every_form_that_is_kept_is_shown_as_sent_and_saves_nothing(session, signed_in, holder, app, system):
    """``restored`` in each of ``FORMS``: what was typed is on the page, no row changes; none of them asks for a secret."""
    firm = Firm(session, signed_in, system)
    person, certificate = (
        firm.passer(),
        make.certificate(make.person(firm.enterprise), valid_to=office_day(now()) + timedelta(60)),
    )
    grade, at = make.qualification(firm.enterprise, number="D243000002"), now()
    notice = make.notice(signup_start=at - timedelta(1), signup_end=at + timedelta(1), published_at=at - timedelta(1))
    session.add_all([certificate, grade, notice])
    session.commit()
    clerk = firm.browser(Role.ENTERPRISE_CLERK)
    exam = signed_in(holder(Role.EXAM_CLERK))
    handler = {"handler_name": "欧阳修", "handler_mobile": "13812345678"}
    clerk.post("/filings/add", data=handler | {"rowid": f"{person.id}-C1"})
    clerk.post("/claims/renewal/add", data=handler | {"rowid": certificate.id})
    filings = dict(session.execute(select(Application.matter, Application.filing_id)).all())
    session.rollback()
    new, claim = (filings[kind] for kind in sorted(filings, key=lambda kind: kind.value != "new"))
    sent = {  # endpoint -> browser, address, fields, what must be seen
        "PersonScreen.add": (clerk, PATH, TYPED, "王小明"),
        "PersonScreen.edit": (clerk, f"/people/edit/{person.id}", TYPED, "王小明"),
        "QualificationScreen.add": (clerk, "/qualifications/add", {"number": "D1234567"}, "D1234567"),
        "QualificationScreen.edit": (clerk, f"/qualifications/edit/{grade.id}", {"number": "D1234567"}, "D1234567"),
        "EnterpriseView.mine": (clerk, "/enterprise/", {"address": "芙蓉路九号"}, "芙蓉路九号"),
        "FilingView.add": (clerk, "/filings/add", {"handler_name": "苏轼"}, "苏轼"),
        "FilingView.edit": (clerk, f"/filings/{new}/edit", {"handler_name": "苏轼"}, "苏轼"),
        "ClaimView.add": (clerk, "/claims/renewal/add", {"handler_name": "苏轼"}, "苏轼"),
        "ClaimView.edit": (clerk, f"/claims/{claim}/edit", {"handler_name": "苏轼"}, "苏轼"),
        "CorrectionRequestScreen.ask": (clerk, f"/identity-requests/ask/{person.id}", {"name": "王小明"}, "王小明"),
        "NoticeScreen.add": (exam, "/exam/notices/add", {"title": "秋季考核"}, "秋季考核"),
        "NoticeScreen.edit": (exam, f"/exam/notices/edit/{notice.id}", {"title": "秋季考核"}, "秋季考核"),
        "NoticeScreen.signup": (clerk, f"/exam/notices/{notice.id}/signup", {"rowid": person.id}, "checked"),
    }
    assert sent.keys() | {"CorrectionView.edit"} == FORMS
    before = {model: count(session, model) for model in (Person, Application, ExamNotice)}
    for endpoint, (browser, path, typed, shown) in sent.items():
        answer = browser.post(path, data=typed | {"restored": "1"})
        assert (answer.status_code, shown in answer.text) == (200, True), (endpoint, answer.text)
        assert "NOT saved yet" in answer.text or "尚未保存" in answer.text, endpoint
        names = re.findall(r'type="password"', answer.text)
        assert names == [], endpoint
    assert before == {model: count(session, model) for model in before}
    assert session.scalars(select(Person.name).where(Person.id == person.id)).one() != "王小明"
