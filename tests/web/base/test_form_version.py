"""Two people with the same form open: no change of one is lost by the save of the other."""

import html
import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from app.core.clock import now, office_day, office_time
from app.core.vocabulary import MatterKind, PaperKind, Role
from app.models import Account, Enterprise, ExamNotice, PaperRule, Person, Qualification
from tests import make
from tests.at_once import at_once
from tests.hostile_files import jpeg
from tests.web.applications.case_fixture import rolling_back
from tests.web.enterprise.conftest import a_qualification, file
from tests.web.form_steps import save, seen

STALE = "您打开之后，此记录已在别处保存"
PERSON = {"name": "李雷", "education": "bachelor", "position": "safety_officer", "major": "", "mobile": "", "id_number": ""}


@pytest.fixture
def firm(session) -> Enterprise:
    enterprise = make.enterprise(name="湖南湘江建设有限公司")
    session.add(enterprise)
    session.commit()
    return enterprise


@pytest.fixture(autouse=True)
def _paper_rules(session):
    """The table of required papers outlives the test."""
    yield
    session.rollback()
    session.execute(delete(PaperRule).where(PaperRule.matter == MatterKind.CANCELLATION, PaperRule.category == "A"))
    session.commit()


@pytest.fixture
def two(session, signed_in, firm):
    """Browsers of two accounts of a role."""

    def two(role, *, strong=False):
        facts = {"enterprise_id": firm.id, "region_code": None} if role is Role.ENTERPRISE_CLERK else {}
        if role in (Role.ADMIN, Role.SECURITY_ADMIN):
            facts = {"region_code": None}
        accounts = [make.account(session, f"{role.value}{n}", role, **facts) for n in (1, 2)]
        return [rolling_back(signed_in(account, strong=strong), session, "zh") for account in accounts]

    return two


def a_notice(session) -> ExamNotice:
    at = now().replace(second=0, microsecond=0)
    days = {"signup_start": at - timedelta(days=1), "signup_end": at + timedelta(days=9)}
    notice = make.notice(number="", place="", body="", quota=None, exam_on=office_day(at) + timedelta(days=20), **days)
    session.add(notice)
    session.commit()
    return notice


def notice_form(notice, **words):
    days = {name: f"{office_time(getattr(notice, name)):%Y-%m-%dT%H:%M}" for name in ("signup_start", "signup_end")}
    texts = {"title": notice.title, "number": "", "place": "", "quota": "", "pass_mark": "60", "body": ""}
    categories = [one.value for one in notice.categories]
    return texts | days | {"exam_on": notice.exam_on.isoformat(), "categories": categories} | words


def forms(session, firm):
    """Per form: role, path, the row and column that two people change, and what they type."""
    person, qualification = make.person(firm), a_qualification(firm)
    rule = PaperRule(
        matter=MatterKind.CANCELLATION, category="A", reason_code="", paper=PaperKind.PHOTO, required=False,
        required_from=make.TODAY,
    )  # fmt: skip
    session.add_all([person, qualification, rule])
    session.commit()
    clerk = make.account(session, "somebody", Role.VIEWER, first_name="旧名")
    rule_form = {"matter": "cancellation", "category": "A", "paper": "photo"}
    dates = {"valid_from": "2020-01-01", "valid_to": "2031-01-01"}
    return {
        "person": (Role.ENTERPRISE_CLERK, f"/people/edit/{person.id}", (Person, person.id, "major"),
                   [PERSON | {"major": word} for word in ("土木", "造价")]),
        "enterprise": (Role.ENTERPRISE_CLERK, "/enterprise/", (Enterprise, firm.id, "address"),
                       [{"address": word} for word in ("芙蓉路", "五一路")]),
        "qualification": (Role.ENTERPRISE_CLERK, f"/qualifications/edit/{qualification.id}",
                          (Qualification, qualification.id, "kind_and_grade"),
                          [{"number": "D1", "kind_and_grade": word, **dates} for word in ("一级", "二级")]),
        "account": (Role.ADMIN, f"/accounts/edit/{clerk.id}", (Account, clerk.id, "first_name"),
                    [{"username": "somebody", "full_name": word, "active": "y"} for word in ("罗一", "罗二")]),
        "register": (Role.ADMIN, f"/enterprises/edit/{firm.id}", (Enterprise, firm.id, "name"),
                     [{"name": word, "uscc": firm.uscc, "region_code": "430100", "registration": "approved"}
                      for word in ("甲公司", "乙公司")]),
        "papers": (Role.ADMIN, f"/required-papers/edit/{rule.id}", (PaperRule, rule.id, "required_from"),
                   [rule_form | {"required_from": word} for word in ("2031-01-01", "2032-01-01")]),
    }  # fmt: skip


def stored(session, row):
    model, key, column = row
    session.rollback()
    value = session.scalar(select(getattr(model, column)).where(model.id == key))
    session.rollback()
    return str(value)


EACH = ["person", "enterprise", "qualification", "account", "register", "papers"]


@pytest.mark.parametrize("which", EACH)
def test_the_second_save_shows_both_versions_and_changes_nothing_until_it_is_repeated(session, firm, two, which):
    role, path, row, (first, second) = forms(session, firm)[which]
    one, other = two(role)
    opened = seen(other, path)
    assert save(one, path, first).status_code == 302
    kept = stored(session, row)
    answer = other.post(path, data=second | opened)
    assert (answer.status_code, STALE in answer.text) == (409, True)
    assert stored(session, row) == kept
    differing = next(name for name in first if first[name] != second[name])
    assert first[differing] in answer.text
    assert f'value="{second[differing]}"' in answer.text
    again = other.post(path, data=second | {"seen": hidden(answer)})
    assert (again.status_code, stored(session, row)) == (302, second[differing])


@pytest.mark.parametrize("which", EACH)
def test_of_two_saves_at_the_same_moment_one_is_told_of_the_other(session, firm, two, which):
    role, path, row, typed = forms(session, firm)[which]
    browsers = two(role)
    sent = [(browser, words | seen(browser, path)) for browser, words in zip(browsers, typed, strict=True)]
    session.rollback()
    codes = at_once(lambda each: FlaskClient.open(each[0], path, method="POST", data=each[1]).status_code, sent)
    assert sorted(codes) == [302, 409]
    differing = next(name for name in typed[0] if typed[0][name] != typed[1][name])
    assert stored(session, row) == typed[codes.index(302)][differing]


def hidden(answer) -> str:
    found = re.search(r'name="seen" value="([^"]*)"', answer.text)
    return html.unescape(found[1])


def test_a_notice_changed_by_two_clerks(session, two):
    notice = a_notice(session)
    one, other = two(Role.EXAM_CLERK)
    path = f"/exam/notices/edit/{notice.id}"
    opened = seen(other, path)
    assert save(one, path, notice_form(notice, place="省考试中心")).status_code == 302
    answer = other.post(path, data=notice_form(notice, body="请携带身份证") | opened)
    assert (answer.status_code, "省考试中心" in answer.text, "请携带身份证" in answer.text) == (409, True, True)
    other.post(path, data=notice_form(notice, place="省考试中心", body="请携带身份证") | {"seen": hidden(answer)})
    session.refresh(notice)
    assert (notice.place, notice.body) == ("省考试中心", "请携带身份证")


def test_a_field_left_alone_takes_the_saved_value_and_the_own_changes_stay(session, firm, two):
    person = make.person(firm)
    session.add(person)
    session.commit()
    one, other = two(Role.ENTERPRISE_CLERK)
    path = f"/people/edit/{person.id}"
    opened = seen(other, path)
    save(one, path, PERSON | {"major": "造价"})
    answer = other.post(path, data=PERSON | {"mobile": "13900000008"} | opened)
    assert answer.status_code == 409
    assert "您未改动" in answer.text
    assert 'value="造价"' in answer.text
    assert 'value="13900000008"' in answer.text
    assert 'name="theirs"' not in answer.text


def test_giving_way_shows_the_saved_values_and_keeps_the_other_own_changes(session, firm, two):
    person = make.person(firm)
    session.add(person)
    session.commit()
    one, other = two(Role.ENTERPRISE_CLERK)
    path = f"/people/edit/{person.id}"
    mine = PERSON | {"major": "土木", "mobile": "13900000008"}
    opened = seen(other, path)
    save(one, path, PERSON | {"major": "造价"})
    answer = other.post(path, data=mine | opened)
    assert 'value="major"' in answer.text
    page = other.post(path, data=mine | {"seen": hidden(answer), "theirs": "major"})
    assert (page.status_code, 'value="造价"' in page.text, 'value="13900000008"' in page.text) == (200, True, True)
    assert other.post(path, data=mine | {"major": "造价", "seen": hidden(page)}).status_code == 302
    session.refresh(person)
    assert (person.major, person.mobile) == ("造价", "13900000008")


def test_a_third_save_after_the_page_with_both_versions_is_shown_again(session, firm, two):
    person = make.person(firm)
    session.add(person)
    session.commit()
    one, other = two(Role.ENTERPRISE_CLERK)
    path = f"/people/edit/{person.id}"
    opened = seen(other, path)
    save(one, path, PERSON | {"major": "造价"})
    answer = other.post(path, data=PERSON | {"major": "土木"} | opened)
    save(one, path, PERSON | {"major": "监理"})
    again = other.post(path, data=PERSON | {"major": "土木", "seen": hidden(answer)})
    assert (again.status_code, "监理" in again.text) == (409, True)


def test_the_same_change_by_both_is_no_difference(session, firm, two):
    person = make.person(firm)
    session.add(person)
    session.commit()
    one, other = two(Role.ENTERPRISE_CLERK)
    path = f"/people/edit/{person.id}"
    opened = seen(other, path)
    save(one, path, PERSON | {"major": "造价"})
    assert other.post(path, data=PERSON | {"major": "造价"} | opened).status_code == 302


def test_a_form_without_a_version_or_with_that_of_another_row_counts_as_not_seen(session, firm, two):
    person, another = make.person(firm), make.person(firm, name="韩梅梅")
    session.add_all([person, another])
    session.commit()
    _one, other = two(Role.ENTERPRISE_CLERK)
    path = f"/people/edit/{person.id}"
    for version in ({}, {"seen": "[1"}, {"seen": "[]"}, {"seen": "[" * 100_000}, seen(other, f"/people/edit/{another.id}")):
        assert other.post(path, data=PERSON | {"major": "土木"} | version).status_code == 409
    session.refresh(person)
    assert person.major == ""


def test_a_scan_replaced_by_somebody_else_is_shown_and_the_chosen_file_kept(session, firm, two):
    person = make.person(firm)
    session.add(person)
    session.commit()
    one, other = two(Role.ENTERPRISE_CLERK)
    path = f"/people/edit/{person.id}"
    opened = seen(other, path)
    assert save(one, path, PERSON | {"paper_photo": file(jpeg(413, 579), "他人.jpg")}).status_code == 302
    answer = other.post(path, data=PERSON | opened | {"paper_photo": file(jpeg(413, 579), "我的.jpg")})
    assert answer.status_code == 409
    for word in ("他人.jpg", "我的.jpg", 'name="paper_photo-kept"'):
        assert word in answer.text
    assert "请重新选择文件" not in answer.text


def test_the_version_on_the_page_says_nothing_of_the_stored_id_number(session, firm, two):
    person = make.person(firm)
    session.add(person)
    session.commit()
    one, other = two(Role.ENTERPRISE_CLERK)
    path = f"/people/edit/{person.id}"
    before, number = seen(other, path), make.id_number()
    assert person.id_number not in other.get(path).text
    save(one, path, PERSON | {"id_number": number})
    answer = other.post(path, data=PERSON | {"major": "土木"} | before)
    assert (answer.status_code, number in answer.text, number[:6] + "********" in answer.text) == (409, False, True)
