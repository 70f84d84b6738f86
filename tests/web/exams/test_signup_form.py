"""The page on which an enterprise signs its people up."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.core.clock import now, office_day
from app.core.vocabulary import PaperKind, Position
from app.eligibility.picking import PAGE
from app.models import ExamNotice
from tests import make
from tests.web.exams.exam_steps import C1, DAY, SELECTED, SUBMITTED, end_sign_up, pick, row_of, states


def test_everybody_is_listed_with_what_they_lack_and_a_link_to_fix_it(own, notice, hire):
    hire(name="齐全人")
    [lacking] = hire(name="缺件人", without=(PaperKind.PHOTO, PaperKind.TITLE))
    hire(name="禁考人", banned_until=office_day(now()) + 30 * DAY)
    text = own.get(f"/exam/notices/{notice.id}/signup").text
    assert "Can be signed up" in row_of(text, "齐全人")
    assert "2 scans missing" in row_of(text, "缺件人")
    assert f"/people/edit/{lacking.id}?next=/exam/notices/{notice.id}/signup#paper-photo" in row_of(text, "缺件人")
    assert "Cannot be signed up" in row_of(text, "禁考人")
    assert 'name="rowid"' not in row_of(text, "缺件人") + row_of(text, "禁考人")


def test_people_are_found_by_name_and_by_what_they_lack_and_who_can_be_picked_stands_on_top(own, notice, hire, sign):
    hire(2, name="齐全人")
    hire(3, name="缺件人", without=(PaperKind.PHOTO,))
    sign(SUBMITTED, names=["已报人"])
    page = f"/exam/notices/{notice.id}/signup"
    for asked, found in (
        ({}, ["齐全人"] * 2 + ["缺件人"] * 3 + ["已报人"]),
        ({"show": "complete"}, ["齐全人"] * 2),
        ({"show": "lacks"}, ["缺件人"] * 3),
        ({"show": "listed"}, ["已报人"]),
        ({"find": "qqr"}, ["齐全人"] * 2),
        ({"find": "缺件"}, ["缺件人"] * 3),
    ):
        text = own.post(page, data={"then": "find", **asked}).text
        assert re.findall("<b>([齐缺已].*?)</b>", text) == found, asked
        assert f"{len(found)} match, page 1 of 1" in text
    assert re.findall("<b>([齐缺已].*?)</b>", own.get(f"{page}?show=lacks").text) == ["缺件人"] * 3


def test_who_is_ticked_stays_so_over_pages_and_all_who_fit_a_category_are_ticked_at_once(session, own, notice, hire):
    """Without script: every press of the picker is a form that is sent."""
    page, fit = f"/exam/notices/{notice.id}/signup", hire(PAGE + 2, position=Position.SAFETY_OFFICER)
    managers = hire(2, position=Position.PROJECT_MANAGER)
    hire(name="缺件人", without=(PaperKind.PHOTO,))
    [foreign] = hire(at=make.enterprise(name="湖南别家建设有限公司"))

    def ticked(form, **more):
        text = own.post(page, data={**form, **more}).text
        found = {int(key) for key in re.findall(r'name="rowid" value="(\d+)" checked', text)}
        hidden = re.findall(r'name="category-(\d+)" value="(\w*)"', text)
        selects = re.findall(r'name="category-(\d+)"\s+aria-label(.*?)</select>', text, re.DOTALL)
        shown = [(key, code) for key, rest in selects for code in re.findall(r'value="(\w+)"\s+selected', rest)]
        return found, {int(key): code for key, code in shown + hidden if int(key) in found}

    chosen, categories = ticked(pick(fit[0], foreign, then="page:2"))
    assert (chosen, categories) == ({fit[0].id}, {fit[0].id: "C1"})
    chosen, categories = ticked({"then": "tick:C2"})
    assert chosen == {person.id for person in fit}
    assert set(categories.values()) == {"C2"}
    chosen, categories = ticked(pick(fit[0], then="tick:C2"))
    assert (len(chosen), categories[fit[0].id], categories[fit[1].id]) == (PAGE + 2, "C1", "C2")
    assert ticked({"then": "tick:B"}) == ({one.id for one in managers}, {one.id: "B" for one in managers})
    assert ticked({"then": "tick:Z"})[0] == set()
    assert states(session) == []
    form = {"rowid": sorted(chosen), **{f"category-{key}": code for key, code in categories.items()}}
    own.post(page, data={**form, "then": "submit"})
    assert states(session) == [SUBMITTED] * (PAGE + 2)


@pytest.mark.parametrize(
    ("position", "preset"),
    [(Position.PROJECT_MANAGER, ["B"]), (Position.GENERAL_MANAGER, ["A"]), (Position.SAFETY_OFFICER, []), (None, [])],
)
def test_a_category_is_preset_only_where_exactly_one_fits(position, preset, own, notice, hire):
    hire(position=position)
    assert re.findall(r'<option value="(\w+)"\s+selected', own.get(f"/exam/notices/{notice.id}/signup").text) == preset


def test_saving_is_not_signing_up_and_the_page_warns_of_it(session, own, notice, hire):
    answer = own.post(f"/exam/notices/{notice.id}/signup", data=pick(*hire(2)), follow_redirects=True)
    assert "NOT signed up yet" in answer.text
    assert "Submit these 2 people" in answer.text
    assert states(session) == [SELECTED] * 2
    assert "not signed up yet" in own.get("/exam/signups/").text


def test_save_and_submit_is_one_request(session, own, notice, hire):
    answer = own.post(f"/exam/notices/{notice.id}/signup", data=pick(*hire(2), then="submit"), follow_redirects=True)
    assert "done for 2 (" in answer.text
    assert states(session) == [SUBMITTED] * 2


def test_every_refusal_is_shown_and_the_choice_stays(session, own, notice, hire):
    [fit] = hire(name="齐全人", position=Position.PROJECT_MANAGER)
    [lacking] = hire(name="缺件人", without=(PaperKind.PHOTO, PaperKind.ID_CARD))
    form = pick(fit, lacking, then="submit", **{f"c{fit.id}": "B"})
    answer = own.post(f"/exam/notices/{notice.id}/signup", data=form)
    assert answer.status_code == 422
    assert answer.text.count("缺件人: the scan") == 2
    assert "checked" in row_of(answer.text, "齐全人")
    assert re.search(r'<option value="B"\s+selected', row_of(answer.text, "齐全人"))
    assert states(session) == []


@pytest.mark.parametrize("category", ["", "C", "Z", "9" * 50])
def test_an_unknown_category_is_refused(category, session, own, notice, hire):
    [person] = hire()
    answer = own.post(f"/exam/notices/{notice.id}/signup", data=pick(person, **{f"c{person.id}": category}))
    assert answer.status_code == 422
    assert "choose a category" in answer.text
    assert states(session) == []


def test_who_is_on_the_list_is_not_ticked_with_the_others_but_may_sit_a_further_category(session, own, notice, sign, hire):
    [signup] = sign(SUBMITTED, names=["已报人"], category=C1)
    held = {"category": C1, "valid_to": office_day(now()) + timedelta(days=60)}  # so that a further one is no first one
    session.add(make.certificate(signup.person, **held))
    session.commit()
    hire(name="未报人")
    page = f"/exam/notices/{notice.id}/signup"
    assert 'name="rowid"' not in row_of(own.get(page).text, "已报人")
    further = row_of(own.get(f"{page}?show=listed").text, "已报人")
    assert 'name="rowid"' in further
    assert re.findall(r'option value="(\w*)"', further) == ["", "C2", "C3"]
    person = signup.person
    own.post(page, data=pick(person, **{f"c{person.id}": "C2"}))
    assert states(session) == [SUBMITTED, SELECTED]


def test_a_post_with_nobody_ticked_is_refused(own, notice, hire):
    hire()
    answer = own.post(f"/exam/notices/{notice.id}/signup", data={"then": "save"})
    assert (answer.status_code, "choose at least one" in answer.text) == (422, True)


def test_when_sign_up_is_closed_nobody_can_be_ticked(session, own, notice, hire):
    people = hire(2, name="未报人")
    end_sign_up(session, notice)
    page = own.get(f"/exam/notices/{notice.id}/signup").text
    assert "it is closed" in page
    assert "未报人" not in page
    assert 'name="rowid"' not in page
    assert own.post(f"/exam/notices/{notice.id}/signup", data=pick(*people)).status_code == 422
    assert states(session) == []


def test_too_few_places_refuse_all(session, own, notice, hire):
    session.execute(update(ExamNotice).values(quota=1))
    session.commit()
    answer = own.post(f"/exam/notices/{notice.id}/signup", data=pick(*hire(2), then="submit"))
    assert "1 places left" in answer.text
    assert states(session) == []
