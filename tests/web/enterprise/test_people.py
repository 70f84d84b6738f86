"""基本信息: what a clerk may edit, what others may read, and what nobody may do."""

import re

import pytest
from sqlalchemy import select

from app.applications import attachments
from app.core.errors import FixPlace
from app.core.vocabulary import PERSON_PAPERS, Category, PaperKind, Role, Sex, SignupState, State
from app.models import Paper, Person
from app.web.fix_links import url_of
from tests import make
from tests.hostile_files import HTML, jpeg, pdf, png
from tests.query_counter import audit_entries, queries
from tests.web.enterprise.conftest import a_qualification, count, file, handed_in, kept, reads
from tests.web.form_steps import asks_for_json, save


def typed(**words) -> dict[str, object]:
    """A person as the form sends it."""
    given = {"name": "李雷", "id_number": make.id_number(), "education": "bachelor", "position": "safety_officer"}
    return {**given, **words}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/people/show/{person}"), ("GET", "/people/edit/{person}"), ("POST", "/people/edit/{person}"),
        ("POST", "/people/release/{person}"), ("POST", "/people/reveal/{person}"),
        ("GET", "/qualifications/edit/{qualification}"), ("POST", "/qualifications/edit/{qualification}"),
        ("POST", "/qualifications/delete/{qualification}"), ("GET", "/papers/{paper}"),
        ("GET", "/papers/{paper}?download=1"), ("GET", "/papers/{paper}/small"), ("GET", "/enterprise/{enterprise}"),
    ],
)  # fmt: skip
def test_records_of_another_enterprise_are_not_found(clerk, session, system, theirs, method, path):
    person, qualification = kept(session, make.person(theirs)), kept(session, a_qualification(theirs))
    paper = handed_in(session, system, person)
    before = audit_entries(session)
    ids = {"person": person.id, "qualification": qualification.id, "paper": paper.id, "enterprise": theirs.id}
    answer = clerk.open(path.format(**ids), method=method, data=typed(name="韩梅梅") if method == "POST" else None)
    assert answer.status_code == 404
    assert audit_entries(session) == before
    assert session.get_one(Person, person.id).name == "李雷"
    assert session.get_one(Person, person.id).enterprise_id == theirs.id


def test_lists_show_only_ones_own(clerk, session, ours, theirs):
    kept(session, make.person(ours, name="本企业人")), kept(session, make.person(theirs, name="别企业人"))
    kept(session, a_qualification(theirs, number="别家资质"))
    assert "本企业人" in (page := clerk.get("/people/list/").text)
    assert "别企业人" not in page
    assert "别家资质" not in clerk.get("/qualifications/list/").text


@pytest.mark.parametrize("role", [Role.EXAM_CLERK, Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER])
def test_officers_read_people_and_enterprises_of_their_region_only(enter, session, system, ours, theirs, role):
    officer = enter(role, region_code="430100")
    near, far = kept(session, make.person(ours)), kept(session, make.person(theirs))
    assert officer.get(f"/people/show/{near.id}").status_code == 200
    assert officer.get(f"/enterprise/{ours.id}").status_code == 200
    assert officer.get(f"/people/show/{far.id}").status_code == 404
    assert officer.get(f"/enterprise/{theirs.id}").status_code == 404
    assert officer.get(f"/papers/{handed_in(session, system, far).id}").status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ENTERPRISE_CLERK])
def test_nobody_but_a_clerk_changes_anything(enter, session, ours, role):
    person, qualification = kept(session, make.person(ours)), kept(session, a_qualification(ours))
    row = f"/people/edit/{person.id}", f"/people/release/{person.id}", f"/qualifications/delete/{qualification.id}"
    client = asks_for_json(enter(role))
    before = audit_entries(session)
    for path in ("/people/add", *row, "/enterprise/", "/qualifications/add", "/people/import/"):
        assert client.post(path, data=typed()).status_code == 403, path
    assert audit_entries(session) == before


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN])
def test_viewers_and_administrators_open_no_papers(enter, session, system, ours, role):
    paper = handed_in(session, system, kept(session, make.person(ours)))
    client = enter(role)
    assert client.get(f"/papers/{paper.id}").status_code == 403
    assert client.get(f"/people/show/{paper.person_id}").status_code == 403
    assert reads(session) == []


def test_an_anonymous_visitor_is_redirected_to_sign_in(client, session, system, ours):
    paper = handed_in(session, system, kept(session, make.person(ours)))
    for path in ("/people/list/", "/enterprise/", "/qualifications/list/", f"/papers/{paper.id}", "/people/import/"):
        answer = client.get(path)
        assert (answer.status_code, "/login/" in answer.location) == (302, True)


@pytest.mark.parametrize("path", ["/people/release/{id}", "/people/reveal/{id}", "/qualifications/delete/{id}"])
def test_no_get_changes_anything(clerk, session, ours, path):
    person = kept(session, make.person(ours))
    before = audit_entries(session)
    assert clerk.get(path.format(id=person.id)).status_code == 405
    assert clerk.head(path.format(id=person.id)).status_code == 405
    assert audit_entries(session) == before


@pytest.mark.parametrize(
    "path",
    ["/people/add", "/people/edit/{id}", "/people/release/{id}", "/people/reveal/{id}", "/enterprise/", "/people/import/"],
)
def test_a_form_without_its_token_is_refused(strict, clerk, session, ours, path):
    person = kept(session, make.person(ours))
    before = audit_entries(session)
    assert clerk.post(path.format(id=person.id), data=typed()).status_code == 400
    assert audit_entries(session) == before


def test_only_fields_of_the_form_are_stored(clerk, session, ours, theirs):
    stowaways = {"enterprise_id": theirs.id, "banned_until": "", "id": 4711, "sex": "2", "uscc": "X", "region_code": "430000"}
    person = kept(session, make.person(ours, banned_until=make.TODAY))
    save(clerk, f"/people/edit/{person.id}", typed(id_number="", name="李大雷") | stowaways)
    clerk.post("/people/add", data=typed(name="韩梅梅") | stowaways | {"banned_until": "2030-01-01"})
    save(clerk, "/enterprise/", stowaways | {"name": "改名有限公司", "address": "芙蓉路"})
    session.expire_all()
    assert (person.name, person.enterprise_id, person.banned_until) == ("李大雷", ours.id, make.TODAY)
    new = session.scalars(select(Person).where(Person.name == "韩梅梅")).one()
    assert (new.enterprise_id, new.banned_until) == (ours.id, None)
    assert (ours.name, ours.region_code, ours.address) == ("湖南湘江建设有限公司", "430100", "芙蓉路")
    assert theirs.address == ""


def test_a_person_is_entered_with_papers_and_sex_and_birth_date_follow(clerk, session, ours):
    number = make.id_number()
    files = {"paper_photo": file(jpeg(), "张三 照片.jpg"), "paper_id_card": file(pdf(2), "身份证.pdf")}
    answer = clerk.post("/people/add", data=typed(id_number=number, mobile="138 0000 0000") | files)
    assert answer.status_code == 302
    person = session.scalars(select(Person)).one()
    assert (person.enterprise_id, person.id_number, person.mobile) == (ours.id, number, "13800000000")
    assert (person.sex, person.birth_date.isoformat()) == (
        Sex.MALE if int(number[16]) % 2 else Sex.FEMALE,
        f"{number[6:10]}-{number[10:12]}-{number[12:14]}",
    )
    papers = {paper.kind: paper.filename for paper in session.scalars(select(Paper))}
    assert papers == {PaperKind.PHOTO: "张三 照片.jpg", PaperKind.ID_CARD: "身份证.pdf"}


def test_full_width_digits_a_small_x_and_every_middle_dot_are_understood(clerk, session):
    clerk.post("/people/add", data=typed(name="买买提•艾力", id_number="１１０１０５１９４９１２３１００２ｘ"))
    person = session.scalars(select(Person)).one()
    assert (person.name, person.id_number) == ("买买提·艾力", "11010519491231002X")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"id_number": "110105194912310021"}, "check digit is wrong"),
        ({"id_number": "11010519491231"}, "has 18 characters"),
        ({"id_number": ""}, "Please fill this in"),
        ({"name": ""}, "Please fill this in"),
        ({"name": "张3"}, "a character that does not belong there"),
        ({"mobile": "12345678901"}, "A mobile number has 11 digits"),
        ({"education": "doctor"}, 'class="err" id="education-e"'),
        ({"position": ""}, "Please fill this in"),
        ({"major": "土" * 61}, "At most 60 characters"),
    ],
)
def test_invalid_input_is_named_and_stays_in_the_form(clerk, session, words, sentence):
    answer = clerk.post("/people/add", data=typed(name="王小明", major="土木工程") | words)
    assert answer.status_code == 422
    assert sentence in answer.text
    kept_words = {"name": "王小明", "major": "土木工程"} | words
    assert all(f'value="{kept_words[name]}"' in answer.text for name in ("name", "major") if kept_words[name])
    assert count(session, Person) == 0


@pytest.mark.parametrize(
    ("data", "name", "sentence"),
    [
        (HTML, "照片.jpg", "照片.jpg: this is a HTML file"),
        (jpeg()[:3000], "照片.jpg", "照片.jpg: the"),
        (png(40, 40), "小.png", "小.png: the photo has"),
        (b"MZ" + b"0" * 100, "setup.exe", "setup.exe: this is a EXE file"),
        (b"", "空.jpg", "The file is empty"),
    ],
)
def test_one_bad_file_stores_nothing_and_keeps_the_input(clerk, session, data, name, sentence):
    files = {"paper_photo": file(data, name), "paper_id_card": file(jpeg(), "身份证.jpg")}
    answer = clerk.post("/people/add", data=typed(name="王小明") | files)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="王小明"' in answer.text
    assert "need not be chosen again" in answer.text
    assert (count(session, Person), count(session, Paper)) == (0, 0)


def test_a_bad_file_leaves_a_known_person_and_the_papers_as_they_were(clerk, session, system, ours):
    person = kept(session, make.person(ours))
    old = handed_in(session, system, person)
    files = {"paper_photo": file(jpeg(), "新.jpg"), "paper_title": file(HTML, "职称.pdf")}
    answer = save(clerk, f"/people/edit/{person.id}", typed(id_number="", name="李大雷") | files)
    assert answer.status_code == 422
    assert "职称.pdf" in answer.text
    session.expire_all()
    assert (person.name, old.replaced_at, count(session, Paper)) == ("李雷", None, 1)


def test_two_bad_files_are_both_named(clerk):
    files = {"paper_photo": file(HTML, "甲.jpg"), "paper_title": file(jpeg()[:3000], "乙.jpg")}
    page = clerk.post("/people/add", data=typed() | files).text
    assert "甲.jpg" in page
    assert "乙.jpg" in page


def test_somebody_on_the_list_already_is_not_entered_twice(clerk, session, ours):
    person = kept(session, make.person(ours))
    answer = clerk.post("/people/add", data=typed(id_number=person.id_number))
    assert (answer.status_code, "already on your list" in answer.text) == (422, True)
    assert count(session, Person) == 1


def test_somebody_employed_elsewhere_stays_there(clerk, session, theirs):
    person = kept(session, make.person(theirs))
    answer = clerk.post("/people/add", data=typed(id_number=person.id_number))
    assert (answer.status_code, "registered with another enterprise" in answer.text) == (422, True)
    session.expire_all()
    assert person.enterprise_id == theirs.id


def test_somebody_whom_nobody_employs_comes_back_with_new_papers(clerk, session, ours):
    person = kept(session, make.person(None))
    clerk.post("/people/add", data=typed(id_number=person.id_number) | {"paper_photo": file(jpeg(), "照片.jpg")})
    session.expire_all()
    assert person.enterprise_id == ours.id
    assert session.scalars(select(Paper.person_id)).all() == [person.id]


def test_an_id_number_left_empty_stays_as_it_is_and_is_never_sent(clerk, session, ours):
    person = kept(session, make.person(ours))
    number = person.id_number
    assert number not in clerk.get(f"/people/edit/{person.id}").text
    assert save(clerk, f"/people/edit/{person.id}", typed(id_number="", name="李大雷")).status_code == 302
    session.expire_all()
    assert (person.name, person.id_number) == ("李大雷", number)


def test_a_corrected_id_number_takes_sex_and_birth_date_along(clerk, session, ours):
    person, number = kept(session, make.person(ours)), "11010519491231002X"
    save(clerk, f"/people/edit/{person.id}", typed(id_number=number.lower()))
    session.expire_all()
    assert (person.id_number, person.birth_date.isoformat(), person.sex) == (number, "1949-12-31", Sex.FEMALE)
    assert session.scalar(select(Person.id).where(Person.id_number_key == number)) == person.id


def test_a_name_on_a_certificate_cannot_be_typed_over(clerk, session, ours):
    person = kept(session, make.person(ours))
    kept(session, make.certificate(person))
    answer = save(clerk, f"/people/edit/{person.id}", typed(id_number="", name="李大雷"))
    assert (answer.status_code, "can only be corrected by a replacement" in answer.text) == (422, True)
    session.expire_all()
    assert person.name == "李雷"


def test_a_scan_is_replaced_and_taken_back(clerk, session, system, ours):
    person = kept(session, make.person(ours))
    old = handed_in(session, system, person)
    save(clerk, f"/people/edit/{person.id}", typed(id_number="") | {"paper_photo": file(jpeg(500, 700), "新.jpg")})
    session.expire_all()
    assert old.replaced_at is not None
    assert attachments.current(session, person)[PaperKind.PHOTO].filename == "新.jpg"
    session.rollback()
    save(clerk, f"/people/edit/{person.id}", typed(id_number="") | {"paper_photo-remove": "1"})
    assert attachments.current(session, person) == {}


def test_a_person_who_left_is_removed(clerk, session, ours):
    person = kept(session, make.person(ours))
    answer = clerk.post(f"/people/release/{person.id}", data={"next": f"/people/show/{person.id}"})
    assert answer.location == "/people/list/"
    session.expire_all()
    assert person.enterprise_id is None


def test_a_person_with_an_open_case_is_not_removed_and_the_page_shows_why(clerk, session, ours):
    person = kept(session, make.person(ours))
    kept(session, make.application(person, State.AWAITING_REVIEW))
    kept(session, make.signup(notice := make.notice(), person, state=SignupState.SUBMITTED))
    assert notice.id
    page = clerk.post(f"/people/release/{person.id}", follow_redirects=True).text
    assert "has an open application" in page
    assert "signed up for an exam" in page
    session.expire_all()
    assert person.enterprise_id == ours.id


def test_the_list_says_which_scans_are_missing_and_masks_the_id_number(clerk, session, ours):
    person = kept(session, make.person(ours))
    session.add_all(make.complete_papers(person, without=(PaperKind.TITLE, PaperKind.REGISTRATION)))
    kept(session, make.certificate(person, category=Category.B))
    page = clerk.get("/people/list/").text
    assert "3/4" in page
    assert "Missing: Technical title certificate" in page
    assert person.masked_id_number in page
    assert person.id_number not in page
    assert re.search(r'class="tag (ok|off)" title="湘建安B', page)


def test_a_registration_certificate_is_no_gap_and_a_replaced_scan_does_not_count(clerk, session, ours):
    whole, torn = kept(session, make.person(ours, name="齐全")), kept(session, make.person(ours, name="旧件"))
    session.add_all(make.complete_papers(whole, without=(PaperKind.REGISTRATION,)))
    session.add_all(make.complete_papers(torn))
    session.flush()
    session.scalars(
        select(Paper).where(Paper.person_id == torn.id, Paper.kind == PaperKind.PHOTO)
    ).one().replaced_at = make.NOON
    session.commit()
    missing, complete = (clerk.get(f"/people/list/?scans={code}").text for code in ("incomplete", "complete"))
    assert ("旧件" in missing, "齐全" in missing) == (True, False)
    assert ("旧件" in complete, "齐全" in complete) == (False, True)


def test_the_tabs_count_people_as_far_as_a_tab_shows(clerk, session, ours):
    session.add_all([make.person(ours, name="人") for _ in range(1_001)])
    session.commit()
    page = clerk.get("/people/list/").text
    tabs = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "All 999+ Scans missing 999+" in tabs


def test_people_are_found_by_the_whole_id_number_only(clerk, session, ours):
    person = kept(session, make.person(ours, name="王五"))
    kept(session, make.person(ours, name="李四"))
    page = clerk.post(
        "/query", data={"_to": "/people/list/", "id_number": f" {person.id_number.lower()} "}, follow_redirects=True
    ).text
    assert ("王五" in page, "李四" in page) == (True, False)
    assert (
        "王五"
        not in clerk.post(
            "/query", data={"_to": "/people/list/", "id_number": person.id_number[:10]}, follow_redirects=True
        ).text
    )
    assert "李四" not in clerk.get("/people/list/?name=王").text


def test_the_number_of_queries_does_not_grow_with_people(clerk, session, system, app, ours):
    asked = []
    for more in (3, 47):
        people = [make.person(ours, name=f"人{number:c}") for number in range(0x4E00, 0x4E00 + more)]
        session.add_all(people)
        session.flush()
        session.add_all(paper for person in people for paper in make.complete_papers(person))
        session.add_all(make.certificate(person) for person in people)
        session.commit()
        with app.app_context():
            engine = app.extensions["sqlalchemy"].engine
        with queries(engine) as seen:
            page = clerk.get("/people/list/?size=50").text
        assert page.count("4/4") == (3 if more == 3 else 50)
        asked.append(len(seen))
    assert asked[0] == asked[1]
    assert asked[0] <= 17


def test_people_are_sorted_by_the_pinyin_of_their_names(clerk, session, ours):
    session.add_all(make.person(ours, name=name) for name in ("章一", "李四", "安七", "王五"))
    session.commit()
    page = clerk.get("/people/list/?sort=name").text
    places = [page.index(name) for name in ("安七", "李四", "王五", "章一")]
    assert places == sorted(places)


def test_revealing_an_id_number_needs_a_reason_and_is_logged(enter, session, ours):
    officer, person = enter(Role.REVIEWER), kept(session, make.person(ours))
    assert person.id_number not in officer.get(f"/people/show/{person.id}").text
    assert reads(session) == []
    for nothing in ("", "  ", "?"):
        answer = officer.post(f"/people/reveal/{person.id}", data={"why": nothing})
        assert (answer.status_code, person.id_number in answer.text, reads(session)) == (422, False, [])
    answer = officer.post(f"/people/reveal/{person.id}", data={"why": f"核对 {person.id_number}"})
    assert (answer.status_code, person.id_number in answer.text, reads(session)) == (422, False, [])
    answer = officer.post(f"/people/reveal/{person.id}", data={"why": "核对原件"})
    assert person.id_number in answer.text
    assert f"{person.birth_date}" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    line = reads(session)[0]
    assert (line.table, line.row, line.actor, line.change) == (
        "person",
        str(person.id),
        "张三",
        {"shown": "id_number", "why": "核对原件"},
    )
    assert person.id_number not in officer.get(f"/people/show/{person.id}").text


@pytest.mark.parametrize("path", ["/people/list/", "/people/show/{id}", "/people/edit/{id}"])
def test_a_masked_number_cannot_be_put_together_from_the_birth_date_beside_it(clerk, session, ours, path):
    person = kept(session, make.person(ours))
    page = clerk.get(path.format(id=person.id)).text
    assert person.masked_id_number in page
    assert f"{person.birth_date}" not in page
    assert person.id_number not in page


def test_a_fix_link_leads_to_an_existing_card(app, clerk, session, ours):
    person = kept(session, make.person(ours))
    with app.test_request_context():
        leads = {url_of(FixPlace("person", person.id, kind.value)): f'id="paper-{kind.value}"' for kind in PERSON_PAPERS} | {
            url_of(FixPlace("enterprise", ours.id, "pledge")): 'id="paper-pledge"',
            url_of(FixPlace("people")): "<h1",
            url_of(FixPlace("qualification")): "<h1",
        }
    assert f"/people/edit/{person.id}#paper-photo" in leads
    for url, mark in leads.items():
        assert mark in clerk.get(url).text


def test_a_place_without_a_page_has_no_url_and_next_is_passed_on(app, session):
    with app.test_request_context():
        assert url_of(None) == url_of(FixPlace("moon")) == url_of(FixPlace("filing")) == ""
        assert url_of(FixPlace("person", 7, "title"), back="/filings/3") == "/people/edit/7?next=/filings/3#paper-title"
