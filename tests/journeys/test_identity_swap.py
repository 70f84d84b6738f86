"""A passer is renamed to somebody else: tried at every state by the clerk on the pages, and once behind the domain's back.

The certificate goes to the person who was examined; where the record says somebody else, nothing is decided.
"""

import io

import pytest
from sqlalchemy import select, update

from app.accounts.people_import import ROSTER_COLUMNS
from app.core.vocabulary import Action, SignupState, State
from app.files.spreadsheets import write
from app.models import Application, Certificate, CertificateVersion, ExamPass, ExamSignup, IdentityCorrection, Person
from tests import make
from tests.hostile_files import jpeg
from tests.journeys.test_chains import (
    Town,
    bring_in_scores,
    code_on,
    download,
    publish,
    review_signups,
    sign_up,
    the_exam_is_held,
)

HANDLER = {"handler_name": "韩梅梅", "handler_mobile": "13800000000"}
WAY_OUT = {"exam": "请申请更正", "application": "请先撤回该申报", "certificate": "只能通过换证"}


@pytest.fixture
def town(strict, session, system) -> Town:
    return Town(strict, session, system)


def everything_known(town, person: Person) -> tuple:
    """Who the person is, by every record of them."""
    [row] = town.look(select(Person).where(Person.id == person.id))
    signups = town.look(select(ExamSignup.identity).where(ExamSignup.person_id == person.id).order_by(ExamSignup.id))
    passes = town.look(select(ExamPass.identity).where(ExamPass.person_id == person.id).order_by(ExamPass.id))
    mine = select(Application.snapshot).where(Application.person_id == person.id)
    snapshots = [(snapshot or {}).get("person") for snapshot in town.look(mine.order_by(Application.id))]
    faces = select(CertificateVersion.face).join(CertificateVersion.certificate).where(Certificate.person_id == person.id)
    return (row.name, row.id_number, row.id_number_key, row.sex, row.birth_date, signups, passes, snapshots, town.look(faces))


def rename(town, person: Person, **typed):
    page = f"/people/edit/{person.id}"
    return town.enterprise.press(page, page, **typed)


def swap_is_refused(town, person: Person, *ways: str) -> None:
    """Name, number, and both; the sentence says what to do instead; nothing is changed."""
    before = everything_known(town, person)
    other = make.id_number()
    for typed in ({"name": "赵六"}, {"id_number": other}, {"name": "赵六", "id_number": other}):
        answer = rename(town, person, **typed)
        assert answer.status_code == 422, typed
        for way in ways:
            assert WAY_OUT[way] in answer.text
    roster = write(ROSTER_COLUMNS, [sheet_row(name="赵六", id_number=before[1])], sheet_title="人员")
    answer = town.enterprise.press("/people/import/", "/people/import/", sheet=(io.BytesIO(roster), "人员.xlsx"))
    assert "姓名" in answer.text
    assert everything_known(town, person) == before


def sheet_row(**cells) -> dict[str, object]:
    given = {"mobile": "", "education": "本科", "major": "", "technical_title": "中级", "position": "安全员"}
    return {**given, **cells}


def passed(town) -> Person:
    """李靐 has passed the exam, together with the others of the town."""
    notice = publish(town)
    review_signups(town, sign_up(town, notice))
    the_exam_is_held(town)
    bring_in_scores(town, notice)
    return town.officer


def filed(town, person: Person, then: str = "save") -> int:
    town.enterprise.press("/filings/add", "/filings/add", rowid=[f"{person.id}-C2"], then=then, **HANDLER)
    [case] = town.ids(Application.id, Application.person_id == person.id)
    return case


def decided(town, officer: str, case: int, decision: Action, **typed):
    visitor = getattr(town, officer)
    return visitor.press(f"/cases/{case}", f"/cases/{case}/decide", decision=decision.value, **typed)


def state_of(town, case: int) -> State:
    [state] = town.look(select(Application.state).where(Application.id == case))
    return state


def test_until_a_sign_up_is_submitted_a_name_is_simply_edited(town):
    notice, person = publish(town), town.officer
    number = make.id_number()
    assert rename(town, person, name="李靐靐", id_number=number).status_code == 200
    page = f"/exam/notices/{notice}/signup"
    chosen = {"rowid": [person.id], f"category-{person.id}": "C2", "then": "save"}
    town.enterprise.press(page, page, **chosen)
    assert rename(town, person, name="李靐").status_code == 200  # 保存 signs nobody up
    [row] = town.look(select(Person).where(Person.id == person.id))
    assert (row.name, row.id_number) == ("李靐", number)
    town.enterprise.press("/exam/signups/", "/exam/signups/submit", rowid=town.ids(ExamSignup.id))
    assert town.look(select(ExamSignup.identity)) == [{"name": "李靐", "id_number": number}]
    swap_is_refused(town, person, "exam")


def test_a_swap_is_refused_at_every_state(town):
    notice, person = publish(town), town.officer
    signups = sign_up(town, notice)
    swap_is_refused(town, person, "exam")
    review_signups(town, signups)
    assert town.look(select(ExamSignup.state).where(ExamSignup.person_id == person.id)) == [SignupState.ADMITTED]
    swap_is_refused(town, person, "exam")
    swap_is_refused(town, town.refused, "exam")  # rejected, and may submit again
    the_exam_is_held(town)
    bring_in_scores(town, notice)
    swap_is_refused(town, person, "exam")

    case = filed(town, person)
    assert state_of(town, case) is State.DRAFT
    swap_is_refused(town, person, "exam")
    town.enterprise.press("/applications/new/", "/applications/new/submit", rowid=[case])
    assert state_of(town, case) is State.AWAITING_ACCEPTANCE
    swap_is_refused(town, person, "exam", "application")
    decided(town, "acceptance", case, Action.RETURN, reason="身份证扫描件正面不清晰，无法核对")
    assert state_of(town, case) is State.RETURNED
    swap_is_refused(town, person, "exam", "application")
    town.enterprise.press("/applications/new/", f"/applications/new/submit?only={case}")
    decided(town, "acceptance", case, Action.ACCEPT)
    assert state_of(town, case) is State.AWAITING_REVIEW
    swap_is_refused(town, person, "exam", "application")
    decided(town, "review", case, Action.ENDORSE)
    assert state_of(town, case) is State.AWAITING_APPROVAL
    swap_is_refused(town, person, "exam", "application")
    decided(town, "approval", case, Action.APPROVE)
    assert state_of(town, case) is State.APPROVED
    swap_is_refused(town, person, "certificate")


def test_a_marked_major_lets_no_name_through(town):
    """补正 opens what is marked; name and ID number cannot be marked, and are ignored beside it."""
    person = passed(town)
    case = filed(town, person, then="submit")
    decided(town, "acceptance", case, Action.RETURN, **{"why-person.major": "请填写专业"})
    before = everything_known(town, person)
    answer = town.acceptance.see(f"/cases/{case}/read")
    assert 'value="person.name"' not in answer
    form = {"person-major": "土木工程", "then": "submit"}
    answer = town.enterprise.press(f"/corrections/{case}", f"/corrections/{case}", **form)
    assert answer.status_code == 200
    assert state_of(town, case) is State.AWAITING_ACCEPTANCE
    assert everything_known(town, person)[:5] == before[:5]


STEPS = (
    ("acceptance", State.AWAITING_ACCEPTANCE, Action.ACCEPT),
    ("review", State.AWAITING_REVIEW, Action.ENDORSE),
    ("approval", State.AWAITING_APPROVAL, Action.APPROVE),
)


@pytest.mark.parametrize("at", range(3), ids=[state.value for _who, state, _action in STEPS])
def test_a_row_changed_behind_the_domain_stops_the_decision(town, at):
    person = passed(town)
    case = filed(town, person, then="submit")
    for officer, _state, action in STEPS[:at]:
        decided(town, officer, case, action)
    number = make.id_number()
    row = update(Person).where(Person.id == person.id).values(name="赵六", id_number=number, id_number_key=number)
    town.session.execute(row)
    town.session.commit()
    officer, state, action = STEPS[at]
    answer = decided(town, officer, case, action)
    assert answer.status_code == 422
    assert "查明之前不能办理" in answer.text
    assert state_of(town, case) is state
    assert town.look(select(Certificate.id)) == []
    getattr(town, officer).decide_in_batch(f"/{officer}/", action.value, [case])
    assert state_of(town, case) is state
    assert town.look(select(Certificate.id)) == []


def test_a_renamed_passer_is_not_offered_and_not_filed_for(town):
    """As it was found: renamed after the pass, before the application."""
    person = passed(town)
    town.session.execute(update(Person).where(Person.id == person.id).values(name="赵六"))
    town.session.commit()
    assert "考试合格时为李靐" in town.enterprise.see("/filings/add")
    answer = town.enterprise.press("/filings/add", "/filings/add", rowid=[f"{person.id}-C2"], then="submit", **HANDLER)
    assert "查明之前不能办理" in answer.text
    assert set(town.states().values()) <= {State.DRAFT}


def test_a_corrected_passer_gets_the_certificate_under_the_right_name(town):
    """更正 from the person's page to the print: record, exam, certificate, code and lookup say the same."""
    person, number = passed(town), make.id_number()
    page = f"/identity-requests/ask/{person.id}"
    assert page in town.enterprise.see(f"/people/show/{person.id}")
    scan = (io.BytesIO(jpeg(900, 600)), "身份证.jpg")
    town.enterprise.press(page, page, name="李雷霆", id_number=number, reason="录入时写错", paper_id_card=scan)
    [asked] = town.ids(IdentityCorrection.id)
    decide = f"/identity-reviews/{asked}/decide"
    town.acceptance.press(f"/identity-reviews/{asked}", decide, decision="yes")
    case = filed(town, person, then="submit")
    for officer, _state, action in STEPS:
        decided(town, officer, case, action)
    assert state_of(town, case) is State.APPROVED
    [face] = town.look(select(CertificateVersion.face))
    assert (face["name"], face["id_number"]) == ("李雷霆", number)
    [row] = town.look(select(Person).where(Person.id == person.id))
    pdf = download(town, row, face["number"])
    assert "李雷霆" in town.anonymous.see("/v/" + code_on(pdf).rpartition("/v/")[2])
    for known in (number, face["number"]):
        answer = town.anonymous.press("/lookup", "/lookup", name="李雷霆", number=known)
        assert face["number"] in answer.text
