"""基本信息: what a clerk may edit, what others may read, and what nobody may do."""

import io
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from flask_babel import force_locale
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.people_import import ROSTER_COLUMNS
from app.applications import attachments
from app.core.clock import now, office_day
from app.core.errors import FixPlace
from app.core.office import Office
from app.core.vocabulary import (
    PERSON_PAPERS,
    AuditAction,
    Category,
    Education,
    PaperKind,
    Position,
    Role,
    Sex,
    SignupState,
    State,
    TechnicalTitle,
)
from app.files.spreadsheets import write
from app.files.storage import Store
from app.models import AuditEntry, Enterprise, Paper, Person, Qualification
from app.web.fix_links import url_of
from tests import make
from tests.hostile_files import HTML, jpeg, pdf, png
from tests.query_counter import audit_entries, queries
from tests.sign_in_fixture import account

Enter = Callable[..., FlaskClient]


@pytest.fixture
def enter(signed_in, session: Session) -> Enter:
    """``enter(Role.REVIEWER, region_code="430000")``: a browser in which such an account is signed in, in English."""

    def enter(role: Role, **facts) -> FlaskClient:
        given = {"region_code": None} if role is Role.ENTERPRISE_CLERK else {"region_code": "430000"}
        client = signed_in(account(session, f"{role.value}-{facts.get('enterprise_id', '')}", role, **{**given, **facts}))
        with client.session_transaction() as cookie:
            cookie["locale"] = "en"
        knock = client.open

        def open_after_letting_go(*args, **kwargs):
            session.rollback()  # SQLite has one writer, and the test's own session must not be it
            return knock(*args, **kwargs)

        client.open = open_after_letting_go
        return client

    return enter


@pytest.fixture
def ours(session: Session) -> Enterprise:
    return kept(session, make.enterprise(name="湖南湘江建设有限公司"))


@pytest.fixture
def theirs(session: Session) -> Enterprise:
    return kept(session, make.enterprise(name="株洲枫溪建工有限公司", region_code="430200"))


@pytest.fixture
def clerk(enter: Enter, ours: Enterprise) -> FlaskClient:
    return enter(Role.ENTERPRISE_CLERK, enterprise_id=ours.id)


def kept(session: Session, thing):
    session.add(thing)
    session.commit()
    return thing


def typed(**words) -> dict[str, object]:
    """A person as the form sends it."""
    given = {"name": "李雷", "id_number": make.id_number(), "education": "bachelor", "position": "safety_officer"}
    return {**given, **words}


def file(data: bytes, name: str) -> tuple[io.BytesIO, str]:
    return io.BytesIO(data), name


def count(session: Session, model) -> int:
    session.rollback()
    found = session.scalar(select(func.count()).select_from(model))
    session.rollback()
    return found


def handed_in(
    session: Session, system, owner, kind: PaperKind = PaperKind.PHOTO, data: bytes | None = None, name: str = "扫描件.jpg"
):
    """A scan uploaded by the enterprise of its owner, with its bytes."""
    enterprise_id = owner.id if isinstance(owner, Enterprise) else owner.enterprise_id
    actor = make.clerk(session.get_one(Enterprise, enterprise_id))
    store = Store(system.settings.blobs)
    paper = attachments.attach(session, store, owner, kind, data or jpeg(), name, actor, at=make.NOON, office=Office())
    session.commit()
    return paper


def reads(session: Session) -> list[AuditEntry]:
    session.rollback()
    return list(session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.READ)))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/people/show/{person}"),
        ("GET", "/people/edit/{person}"),
        ("POST", "/people/edit/{person}"),
        ("POST", "/people/release/{person}"),
        ("POST", "/people/reveal/{person}"),
        ("GET", "/qualifications/edit/{qualification}"),
        ("POST", "/qualifications/edit/{qualification}"),
        ("POST", "/qualifications/delete/{qualification}"),
        ("GET", "/papers/{paper}"),
        ("GET", "/papers/{paper}?download=1"),
        ("GET", "/papers/{paper}/small"),
        ("GET", "/enterprise/{enterprise}"),
    ],
)
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
@pytest.mark.parametrize(
    "path",
    ["/people/add", "/people/edit/{p}", "/people/release/{p}", "/enterprise/", "/qualifications/add", "/people/import/",
     "/people/import/confirm", "/qualifications/delete/{q}"],
)  # fmt: skip
def test_nobody_but_a_clerk_changes_anything(enter, session, ours, role, path):
    person, qualification = kept(session, make.person(ours)), kept(session, a_qualification(ours))
    client = enter(role)
    before = audit_entries(session)
    answer = client.post(path.format(p=person.id, q=qualification.id), data=typed())
    assert answer.status_code == 403
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


@pytest.mark.parametrize(
    "path", ["/people/release/{id}", "/people/reveal/{id}", "/people/import/confirm", "/qualifications/delete/{id}"]
)
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
    clerk.post(f"/people/edit/{person.id}", data=typed(id_number="", name="李大雷") | stowaways)
    clerk.post("/people/add", data=typed(name="韩梅梅") | stowaways | {"banned_until": "2030-01-01"})
    clerk.post("/enterprise/", data=stowaways | {"name": "改名有限公司", "address": "芙蓉路"})
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
        (b"MZ" + b"0" * 100, "setup.exe", "Only these kinds of file fit here"),
        (b"", "空.jpg", "The file is empty"),
    ],
)
def test_one_bad_file_stores_nothing_and_keeps_the_input(clerk, session, data, name, sentence):
    files = {"paper_photo": file(data, name), "paper_id_card": file(jpeg(), "身份证.jpg")}
    answer = clerk.post("/people/add", data=typed(name="王小明") | files)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="王小明"' in answer.text
    assert "choose them again" in answer.text
    assert (count(session, Person), count(session, Paper)) == (0, 0)


def test_a_bad_file_leaves_a_known_person_and_the_papers_as_they_were(clerk, session, system, ours):
    person = kept(session, make.person(ours))
    old = handed_in(session, system, person)
    files = {"paper_photo": file(jpeg(), "新.jpg"), "paper_title": file(HTML, "职称.pdf")}
    answer = clerk.post(f"/people/edit/{person.id}", data=typed(id_number="", name="李大雷") | files)
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
    assert clerk.post(f"/people/edit/{person.id}", data=typed(id_number="", name="李大雷")).status_code == 302
    session.expire_all()
    assert (person.name, person.id_number) == ("李大雷", number)


def test_a_corrected_id_number_takes_sex_and_birth_date_along(clerk, session, ours):
    person, number = kept(session, make.person(ours)), "11010519491231002X"
    clerk.post(f"/people/edit/{person.id}", data=typed(id_number=number.lower()))
    session.expire_all()
    assert (person.id_number, person.birth_date.isoformat(), person.sex) == (number, "1949-12-31", Sex.FEMALE)
    assert session.scalar(select(Person.id).where(Person.id_number_key == number)) == person.id


def test_a_name_on_a_certificate_cannot_be_typed_over(clerk, session, ours):
    person = kept(session, make.person(ours))
    kept(session, make.certificate(person))
    answer = clerk.post(f"/people/edit/{person.id}", data=typed(id_number="", name="李大雷"))
    assert (answer.status_code, "stand on a certificate" in answer.text) == (422, True)
    session.expire_all()
    assert person.name == "李雷"


def test_a_scan_is_replaced_and_taken_back(clerk, session, system, ours):
    person = kept(session, make.person(ours))
    old = handed_in(session, system, person)
    clerk.post(f"/people/edit/{person.id}", data=typed(id_number="") | {"paper_photo": file(jpeg(500, 700), "新.jpg")})
    session.expire_all()
    assert old.replaced_at is not None
    assert attachments.current(session, person)[PaperKind.PHOTO].filename == "新.jpg"
    session.rollback()
    clerk.post(f"/people/edit/{person.id}", data=typed(id_number="") | {"paper_photo-remove": "1"})
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
    assert asked[0] <= 14


def test_revealing_an_id_number_needs_a_reason_and_is_logged(enter, session, ours):
    officer, person = enter(Role.REVIEWER), kept(session, make.person(ours))
    assert person.id_number not in officer.get(f"/people/show/{person.id}").text
    assert reads(session) == []
    for nothing in ("", "  ", "?"):
        answer = officer.post(f"/people/reveal/{person.id}", data={"why": nothing})
        assert (answer.status_code, person.id_number in answer.text, reads(session)) == (422, False, [])
    answer = officer.post(f"/people/reveal/{person.id}", data={"why": f"核对 {person.id_number}"})
    assert person.id_number in answer.text
    assert f"{person.birth_date}" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    line = reads(session)[0]
    assert (line.table, line.row, line.actor, line.change) == (
        "person",
        str(person.id),
        "张三",
        {"shown": "id_number", "why": f"核对 {person.masked_id_number}"},
    )
    assert person.id_number not in officer.get(f"/people/show/{person.id}").text


@pytest.mark.parametrize("path", ["/people/list/", "/people/show/{id}", "/people/edit/{id}"])
def test_a_masked_number_cannot_be_put_together_from_the_birth_date_beside_it(clerk, session, ours, path):
    person = kept(session, make.person(ours))
    page = clerk.get(path.format(id=person.id)).text
    assert person.masked_id_number in page
    assert f"{person.birth_date}" not in page
    assert person.id_number not in page


def test_a_scan_is_sent_with_its_type_and_a_policy_without_scripts(clerk, session, system, ours):
    person = kept(session, make.person(ours))
    paper = handed_in(session, system, person)
    answer = clerk.get(f"/papers/{paper.id}")
    assert (answer.status_code, answer.mimetype, answer.data[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    policy = answer.headers["Content-Security-Policy"]
    assert all(word in policy for word in ("default-src 'none'", "sandbox", "frame-ancestors 'self'"))
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert paper.digest not in f"{answer.headers}{clerk.get(f'/people/edit/{person.id}').text}"


def test_a_download_keeps_its_chinese_name(clerk, session, system, ours):
    paper = handed_in(session, system, kept(session, make.person(ours)), PaperKind.ID_CARD, pdf(1), "李雷 身份证.pdf")
    answer = clerk.get(f"/papers/{paper.id}?download=1")
    assert answer.mimetype == "application/pdf"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment")
    assert "filename*=UTF-8''%E6%9D%8E%E9%9B%B7%20%E8%BA%AB%E4%BB%BD%E8%AF%81.pdf" in disposition


def test_a_pdf_is_framed_by_own_pages_only_and_runs_nothing(clerk, session, system, ours):
    paper = handed_in(session, system, kept(session, make.person(ours)), PaperKind.ID_CARD, pdf(1), "身份证.pdf")
    answer = clerk.get(f"/papers/{paper.id}")
    policy = answer.headers["Content-Security-Policy"]
    assert (answer.mimetype, answer.headers["X-Frame-Options"]) == ("application/pdf", "SAMEORIGIN")
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_a_small_picture_is_small_and_a_pdf_has_none(clerk, session, system, ours):
    person = kept(session, make.person(ours))
    photo = handed_in(session, system, person, PaperKind.EDUCATION, jpeg(1200, 1600))
    scan = handed_in(session, system, person, PaperKind.ID_CARD, pdf(1), "身份证.pdf")
    answer = clerk.get(f"/papers/{photo.id}/small")
    assert (answer.mimetype, len(answer.data) < photo.size) == ("image/jpeg", True)
    assert clerk.get(f"/papers/{scan.id}/small").status_code == 404


def test_an_officers_view_of_a_persons_scan_is_logged_and_a_clerks_own_is_not(enter, clerk, session, system, ours):
    paper = handed_in(session, system, kept(session, make.person(ours)))
    clerk.get(f"/papers/{paper.id}")
    assert reads(session) == []
    assert enter(Role.APPROVER).get(f"/papers/{paper.id}").status_code == 200
    line = reads(session)[0]
    assert (line.table, line.row, line.change) == ("paper", str(paper.id), {"person": paper.person_id, "kind": "photo"})


def test_a_replaced_scan_can_still_be_looked_at(clerk, session, system, ours):
    person = kept(session, make.person(ours))
    old = handed_in(session, system, person)
    handed_in(session, system, person, data=jpeg(500, 700))
    assert clerk.get(f"/papers/{old.id}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/papers/999999", "/papers/0", "/papers/99999999999999999999", "/papers/x", "/papers/1/big"]
)
def test_an_invalid_scan_id_is_not_found(clerk, path):
    assert clerk.get(path).status_code == 404


def test_a_scan_of_a_former_employer_has_a_name_and_no_url(clerk, session, system, ours, theirs):
    person = kept(session, make.person(theirs))
    paper = handed_in(session, system, person, name="前单位.jpg")
    person.enterprise = ours
    session.commit()
    page = clerk.get(f"/people/edit/{person.id}").text
    assert "前单位.jpg" in page
    assert f"/papers/{paper.id}" not in page
    assert clerk.get(f"/papers/{paper.id}").status_code == 404


def test_an_enterprise_keeps_its_particulars_and_its_pledge(clerk, session, ours):
    words = {
        "address": "芙蓉中路1号",
        "legal_representative": "王五",
        "contact": "赵六",
        "contact_mobile": "１３８００００００００",
    }
    answer = clerk.post("/enterprise/", data=words | {"paper_pledge": file(pdf(1), "承诺书.pdf")})
    assert answer.location == "/enterprise/"
    session.expire_all()
    assert (ours.address, ours.legal_representative, ours.contact_mobile) == ("芙蓉中路1号", "王五", "13800000000")
    assert attachments.current(session, ours)[PaperKind.PLEDGE].filename == "承诺书.pdf"
    assert "承诺书.pdf" in clerk.get("/enterprise/").text


def test_saving_returns_to_the_page_that_asked_for_the_correction(clerk):
    assert clerk.post("/enterprise/?next=/people/list/", data={"next": "/people/list/"}).location == "/people/list/"
    assert clerk.post("/enterprise/?next=//evil.example", data={"next": "//evil.example"}).location == "/enterprise/"


def test_a_bad_pledge_leaves_the_particulars_as_they_were(clerk, session, ours):
    answer = clerk.post("/enterprise/", data={"address": "新地址", "paper_pledge": file(HTML, "承诺书.pdf")})
    assert (answer.status_code, "承诺书.pdf" in answer.text, 'value="新地址"' in answer.text) == (422, True, True)
    session.expire_all()
    assert ours.address == ""


def test_the_enterprise_page_says_what_is_complete(clerk, session, ours):
    assert "0 of 6" in clerk.get("/enterprise/").text
    qualification = kept(session, a_qualification(ours))
    kept(session, make.paper(PaperKind.QUALIFICATION, qualification_id=qualification.id, enterprise_id=ours.id))
    ours.address = "芙蓉路"
    session.commit()
    assert "2 of 6" in clerk.get("/enterprise/").text


def test_an_officer_reads_an_enterprise_and_changes_nothing(enter, session, system, ours):
    qualification = kept(session, a_qualification(ours, number="D343000001"))
    paper = handed_in(session, system, qualification, PaperKind.QUALIFICATION)
    ours.contact_mobile = "13812345678"
    session.commit()
    officer = enter(Role.ACCEPTANCE_OFFICER)
    page = officer.get(f"/enterprise/{ours.id}").text
    assert "D343000001" in page
    assert f"/papers/{paper.id}" in page
    assert "138****5678" in page
    assert officer.post(f"/enterprise/{ours.id}").status_code == 405


def a_qualification(enterprise: Enterprise, **facts) -> Qualification:
    today = office_day(now())
    given = {
        "number": f"D343{make.id_number()[-6:]}",
        "kind_and_grade": "建筑工程施工总承包二级",
        "valid_from": today - timedelta(days=100),
        "valid_to": today + timedelta(days=100),
    }
    return Qualification(enterprise=enterprise, **{**given, **facts})


def filled(**words) -> dict[str, object]:
    given = {"number": "D343000009", "kind_and_grade": "市政二级", "valid_from": "2024-01-01", "valid_to": "2029-01-01"}
    return {**given, **words}


def test_a_qualification_is_entered_with_its_scan(clerk, session, ours):
    answer = clerk.post("/qualifications/add", data=filled(paper_qualification=file(pdf(2), "资质证书.pdf")))
    assert answer.status_code == 302
    qualification = session.scalars(select(Qualification)).one()
    assert qualification.enterprise_id == ours.id
    assert attachments.current(session, qualification)[PaperKind.QUALIFICATION].filename == "资质证书.pdf"


def test_an_expired_qualification_and_a_missing_scan_are_marked(clerk, session, ours):
    kept(session, a_qualification(ours, valid_to=office_day(now()) - timedelta(days=1)))
    page = clerk.get("/qualifications/list/").text
    assert "Qualification expired" in page
    assert "Scan missing" in page
    assert "Qualification in force" not in page


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"valid_to": "2020-01-01"}, "lies before the first"),
        ({"valid_to": "2024-02-30"}, 'class="err" id="valid_to-e"'),
        ({"number": "  "}, "Please fill this in"),
        ({"number": "D1"}, "already listed"),
        ({"kind_and_grade": "级" * 201}, "At most 200 characters"),
    ],
)
def test_a_bad_qualification_is_named_and_not_stored(clerk, session, ours, words, sentence):
    kept(session, a_qualification(ours, number="D1"))
    answer = clerk.post("/qualifications/add", data=filled(**words))
    assert (answer.status_code, sentence in answer.text) == (422, True)
    assert count(session, Qualification) == 1


def test_an_unused_qualification_is_deleted_with_its_scans(clerk, session, system, ours):
    qualification = kept(session, a_qualification(ours))
    handed_in(session, system, qualification, PaperKind.QUALIFICATION)
    person = kept(session, make.person(ours))
    kept(session, make.application(person, State.AWAITING_REVIEW, snapshot={"qualifications": [4711]}, submitted_at=now()))
    clerk.post(f"/qualifications/delete/{qualification.id}")
    assert (count(session, Qualification), count(session, Paper)) == (0, 0)


def test_a_qualification_that_an_application_was_submitted_with_stays(clerk, session, system, ours):
    qualification = kept(session, a_qualification(ours))
    paper = handed_in(session, system, qualification, PaperKind.QUALIFICATION)
    handed_in(session, system, qualification, PaperKind.QUALIFICATION, jpeg(500, 700))  # replaced since
    submitted = {"snapshot": {"qualifications": [paper.id]}, "submitted_at": now()}
    kept(session, make.application(kept(session, make.person(ours)), State.AWAITING_REVIEW, **submitted))
    page = clerk.post(f"/qualifications/delete/{qualification.id}", follow_redirects=True).text
    assert "stays on record" in page
    assert (count(session, Qualification), count(session, Paper)) == (1, 2)


def roster(*rows: dict[str, object]) -> bytes:
    given = {"education": "Bachelor", "position": str(Position.SAFETY_OFFICER.value), "technical_title": "工程师"}
    return write(ROSTER_COLUMNS, [{**given, **row} for row in rows], sheet_title="人员")


def english(app, make_it: Callable[[], bytes]) -> bytes:
    """A sheet with the titles as an English reader gets them."""
    with app.test_request_context(), force_locale("en"):
        return make_it()


def ticket(page: str) -> str:
    return re.search(r'name="ticket" value="([^"]+)"', page)[1]


def test_a_sheet_is_checked_first_and_imported_afterwards(app, clerk, session, ours):
    rows = [
        {"name": "张三", "id_number": make.id_number()},
        {"name": "李四", "id_number": make.id_number(), "mobile": "13800000000"},
    ]
    page = clerk.post("/people/import/", data={"sheet": file(english(app, lambda: roster(*rows)), "人员.xlsx")})
    assert (page.status_code, count(session, Person)) == (200, 0)
    assert all(row["id_number"] not in page.text for row in rows)
    answer = clerk.post("/people/import/confirm", data={"ticket": ticket(page.text)})
    assert answer.location == "/people/list/?scans=incomplete"
    people = {person.name: person for person in session.scalars(select(Person))}
    assert {person.enterprise_id for person in people.values()} == {ours.id}
    assert (people["李四"].mobile, people["张三"].education, people["张三"].technical_title) == (
        "13800000000",
        Education.BACHELOR,
        TechnicalTitle.INTERMEDIATE,
    )
    assert "0/4" in clerk.get(answer.location).text


def test_a_sheet_with_a_bad_cell_names_it_and_offers_no_import(app, clerk, session):
    rows = [{"name": "张三", "id_number": make.id_number()}, {"name": "李四", "id_number": "110105194912310021"}]
    answer = clerk.post("/people/import/", data={"sheet": file(english(app, lambda: roster(*rows)), "人员.xlsx")})
    assert answer.status_code == 422
    assert "check digit is wrong" in answer.text
    assert "ticket" not in answer.text
    assert count(session, Person) == 0


@pytest.mark.parametrize(
    ("data", "name"), [(HTML, "人员.xlsx"), (b"", "人员.xlsx"), (jpeg(), "人员.jpg"), (b"PK\x03\x04broken", "人员.xlsx")]
)
def test_what_is_no_workbook_is_refused_with_a_sentence(clerk, session, data, name):
    answer = clerk.post("/people/import/", data={"sheet": file(data, name)})
    assert (answer.status_code, "err-sum" in answer.text, count(session, Person)) == (422, True, 0)


def test_a_sheet_is_imported_only_by_the_user_who_previewed_it(app, enter, clerk, session, theirs):
    data = english(app, lambda: roster({"name": "张三", "id_number": make.id_number()}))
    page = clerk.post("/people/import/", data={"sheet": file(data, "人员.xlsx")}).text
    other = enter(Role.ENTERPRISE_CLERK, enterprise_id=theirs.id)
    for forged in (ticket(page), ticket(page)[:-2] + "xx", "", "a.b.c"):
        answer = other.post("/people/import/confirm", data={"ticket": forged})
        assert (answer.status_code, "has expired" in answer.text) == (422, True)
    assert count(session, Person) == 0


def test_importing_twice_adds_nobody_twice(app, clerk, session):
    data = english(app, lambda: roster({"name": "张三", "id_number": make.id_number()}))
    page = clerk.post("/people/import/", data={"sheet": file(data, "人员.xlsx")}).text
    for _time in range(2):
        clerk.post("/people/import/confirm", data={"ticket": ticket(page)})
    assert count(session, Person) == 1


def test_the_template_can_be_filled_in_and_handed_back(app, clerk):
    answer = clerk.get("/people/import/template.xlsx")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    page = clerk.post("/people/import/", data={"sheet": file(answer.data, "人员.xlsx")})
    assert (page.status_code, "nobody in this sheet" in page.text) == (422, True)


def test_a_fix_link_leads_to_an_existing_card(app, clerk, session, ours):
    person = kept(session, make.person(ours))
    with app.test_request_context():
        leads = {
            url_of(FixPlace("person", person.id, kind.value)): f'id="paper-{kind.value}"' for kind in PERSON_PAPERS
        } | {
            url_of(FixPlace("enterprise", ours.id, "pledge")): 'id="paper-pledge"',
            url_of(FixPlace("people")): "<h1",
            url_of(FixPlace("qualification")): "<h1",
        }  # fmt: skip
    assert f"/people/edit/{person.id}#paper-photo" in leads
    for url, mark in leads.items():
        assert mark in clerk.get(url).text


def test_a_place_without_a_page_has_no_url_and_next_is_passed_on(app, session):
    with app.test_request_context():
        assert url_of(None) == url_of(FixPlace("moon")) == url_of(FixPlace("filing")) == ""
        assert url_of(FixPlace("person", 7, "title"), back="/filings/3") == "/people/edit/7?next=/filings/3#paper-title"
