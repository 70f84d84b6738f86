"""更正 of name or ID number: who may ask and decide, what stands in the way, and what an approval changes."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import exams
from app.accounts import identity_corrections
from app.accounts.identity_corrections import CorrectionRequest, approve, ask, pending_count, reject, withdraw
from app.accounts.registry import update_person
from app.core.crypto.encryption import DECRYPTION_ERRORS
from app.core.errors import AppError, NotAllowed, NotFound, Stale, Unmet
from app.core.office import Office
from app.core.vocabulary import Category, IdentityCorrectionState, Level, PaperKind, PassSource, Role, SignupState, State
from app.files.storage import keep_scan
from app.models import AuditEntry, Certificate, IdentityCorrection, Message, Paper, Person
from tests import make
from tests.hostile_files import jpeg
from tests.make import NOON

OFFICER = make.officer(Role.ACCEPTANCE_OFFICER)
OFFICE = Office()
DECIDE = {"at": NOON, "office": OFFICE}
SCAN = jpeg(900, 600)


def codes(error):
    return [refusal.code for refusal in error.value.refusals]


@pytest.fixture
def firm(session):
    enterprise = make.enterprise(contact_mobile="13700000000")
    session.add(enterprise)
    session.commit()
    return enterprise


@pytest.fixture
def clerk(firm):
    return make.clerk(firm)


@pytest.fixture
def person(session, firm):
    """Signed up for one exam, passed in another."""
    person = make.person(firm)
    session.add(person)
    session.flush()
    session.add_all(make.complete_papers(person))
    signup = make.signup(make.notice(), person, state=SignupState.PASSED, score=90)
    session.add(signup)
    session.flush()
    passed = {"source": PassSource.SYSTEM, "signup_id": signup.id}
    session.add_all([make.exam_pass(person, **passed), make.signup(make.notice(), person, state=SignupState.SUBMITTED)])
    session.commit()
    return person


@pytest.fixture
def asking(session, store, clerk):
    """``asking(person, **typed)``: apply for a correction; the name by default."""

    def ask_for(person, actor=None, **typed):
        scan = keep_scan(store, SCAN, "身份证.jpg", office=OFFICE)
        given = {"name": "李蕾", "id_number": "", "reason": "录入时写错一个字", "scan": scan}
        asked = CorrectionRequest(**{**given, **typed})
        made = ask(session, person.id, asked, actor or clerk, **DECIDE)
        session.commit()
        return made

    return ask_for


def bound(session, person):
    session.expire_all()
    return [identity for _what, identity in identity_corrections.bindings_of(session, person.id)]


# --- asking -------------------------------------------------------------------------------------------


def test_what_is_asked_for_is_kept_with_the_scan(session, store, person, asking, firm):
    number = make.id_number()
    made = asking(person, id_number=number.lower(), reason="身份证号码写错")
    assert (made.old_name, made.new_name) == ("李雷", "李蕾")
    assert (made.old_id_number, made.new_id_number) == (person.id_number, number)
    assert (made.state, made.enterprise_id, made.region_code) == (IdentityCorrectionState.PENDING, firm.id, firm.region_code)
    assert store.has(made.digest)
    assert person.name == "李雷"
    for column in ("old_id_number", "new_id_number"):
        stored = session.scalar(text(f"SELECT {column} FROM identity_correction"))  # noqa: S608
        assert number.encode() not in bytes(stored)


def test_only_the_employer_asks(session, store, person, asking):
    with pytest.raises(NotFound):
        asking(person, make.clerk(make.enterprise(id=99_999)))
    for role in set(Role) - {Role.ENTERPRISE_CLERK}:
        with pytest.raises(NotAllowed):
            asking(person, make.officer(role))


def test_everything_wrong_with_a_request_is_said_at_once(person, asking):
    with pytest.raises(Unmet) as error:
        asking(person, name="李", id_number="1", reason=" ", scan=None)
    fields = {(refusal.code, refusal.field) for refusal in error.value.refusals}
    assert {("bad-name", "name"), ("id-length", "id_number"), ("reason-missing", "reason")} <= fields
    assert ("missing-id_card", "paper_id_card") in fields


def test_nothing_is_asked_that_changes_nothing(person, asking):
    with pytest.raises(Unmet) as error:
        asking(person, name=" 李 雷 ", id_number=person.id_number)
    assert codes(error) == ["nothing-corrected"]


def test_the_number_of_another_person_is_refused(session, firm, person, asking):
    other = make.person(firm)
    session.add(other)
    session.commit()
    with pytest.raises(Unmet) as error:
        asking(person, id_number=other.id_number)
    assert codes(error) == ["id-taken"]


def hold_a_certificate(person):
    return make.certificate(person)


def have_an_application(person):
    return make.application(person, State.AWAITING_REVIEW)


WAYS = [(hold_a_certificate, "settled-by-certificate"), (have_an_application, "settled-by-application")]


@pytest.mark.parametrize(("make_it", "code"), WAYS)
def test_a_certificate_and_an_open_application_have_their_own_way(session, person, asking, make_it, code):
    session.add(make_it(person))
    session.commit()
    with pytest.raises(Unmet) as error:
        asking(person)
    assert codes(error) == [code]


def test_what_can_simply_be_edited_needs_no_application(session, firm, asking):
    free = make.person(firm)
    session.add(free)
    session.commit()
    with pytest.raises(Unmet) as error:
        asking(free)
    assert codes(error) == ["identity-not-fixed"]


def test_one_correction_of_a_person_waits_at_a_time(session, person, asking, clerk):
    first = asking(person)
    with pytest.raises(Unmet) as error:
        asking(person, name="李磊")
    assert codes(error) == ["correction-pending"]
    session.rollback()
    session.add(make.identity_correction(person))
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()
    withdraw(session, first.id, clerk, at=NOON)
    assert asking(person, name="李磊").state is IdentityCorrectionState.PENDING


def test_whoever_is_bound_to_nobody_can_be_bound_without_a_change(session, person, asking):
    """As left by a renaming in a database from before the binding."""
    session.execute(text("UPDATE exam_pass SET identity = NULL"))
    session.commit()
    made = asking(person, name="李雷")
    approve(session, made.id, OFFICER, **DECIDE)
    assert bound(session, person) == [make.identity(person)] * 3


# --- deciding -----------------------------------------------------------------------------------------


def test_an_approval_changes_the_person_and_everything_bound_to_them(session, person, asking):
    number = make.id_number(sequence=8)
    made = asking(person, id_number=number)
    before, scans = make.identity(person), {paper.id for paper in session.scalars(select(Paper))}
    approve(session, made.id, OFFICER, **DECIDE)
    session.commit()
    session.expire_all()
    assert (person.name, person.id_number, person.sex.value) == ("李蕾", number, "2" if int(number[16]) % 2 == 0 else "1")
    assert session.scalar(select(Person.id).where(Person.id_number_key == number)) == person.id
    assert bound(session, person) == [{"name": "李蕾", "id_number": number}] * 3
    assert (made.state, made.decided_by) == (IdentityCorrectionState.APPROVED, OFFICER.name)
    assert {"name": made.old_name, "id_number": made.old_id_number} == before
    card = session.scalars(
        select(Paper).where(Paper.person_id == person.id, Paper.kind == PaperKind.ID_CARD, Paper.replaced_at.is_(None))
    ).one()
    assert card.digest == made.digest
    assert card.id not in scans
    [message] = session.scalars(select(Message.text)).all()
    assert "李雷" in message
    assert number not in message


def test_old_and_new_stand_in_the_audit_log_and_no_number_in_full(session, person, asking):
    number, old = make.id_number(), person.id_number
    made = asking(person, id_number=number)
    approve(session, made.id, OFFICER, **DECIDE)
    session.commit()
    changes = [entry.change for entry in session.scalars(select(AuditEntry).where(AuditEntry.table == "person"))]
    assert any(change.get("name") == ["李雷", "李蕾"] for change in changes)
    logged = str([entry.change for entry in session.scalars(select(AuditEntry))])
    assert number not in logged
    assert old not in logged


def test_a_rejection_changes_nothing_and_is_told(session, person, asking):
    made = asking(person)
    with pytest.raises(Unmet) as error:
        reject(session, made.id, "  ", OFFICER, **DECIDE)
    assert codes(error) == ["reason-missing"]
    reject(session, made.id, "与身份证不一致。", OFFICER, **DECIDE)
    session.commit()
    assert (person.name, made.state, made.decision_reason) == ("李雷", IdentityCorrectionState.REJECTED, "与身份证不一致。")
    assert bound(session, person) == [make.identity(person)] * 3
    [message] = session.scalars(select(Message.text)).all()
    assert "与身份证不一致" in message


@pytest.mark.parametrize(("make_it", "code"), WAYS)
def test_what_has_come_in_between_stops_the_approval(session, person, asking, make_it, code):
    made = asking(person)
    session.add(make_it(person))
    session.commit()
    with pytest.raises(Unmet) as error:
        approve(session, made.id, OFFICER, **DECIDE)
    assert codes(error) == [code]


def test_an_approval_asks_again_whose_the_number_is_and_what_the_record_says(session, firm, person, asking):
    number = make.id_number()
    made = asking(person, id_number=number)
    session.add(make.person(firm, id_number=number))
    session.commit()
    with pytest.raises(Unmet) as error:
        approve(session, made.id, OFFICER, **DECIDE)
    assert codes(error) == ["id-taken"]
    session.rollback()
    person.name, person.enterprise_id = "别人", None
    session.commit()
    with pytest.raises(Unmet) as error:
        approve(session, made.id, OFFICER, **DECIDE)
    assert set(codes(error)) == {"not-own-person", "moved-meanwhile", "id-taken"}


@pytest.mark.parametrize("act", [approve, lambda *given, **more: reject(*given[:2], "不符", *given[2:], **more)])
def test_who_may_not_decide(session, person, asking, clerk, act):
    made = asking(person)
    for actor, expected in (
        (clerk, NotAllowed),
        *((make.officer(role), NotAllowed) for role in set(Role) - {Role.ACCEPTANCE_OFFICER, Role.ENTERPRISE_CLERK}),
        (make.officer(Role.ACCEPTANCE_OFFICER, region="430200"), NotFound),
        (make.officer(Role.ACCEPTANCE_OFFICER, region="430100"), NotAllowed),  # the province decides
    ):
        with pytest.raises(expected):
            act(session, made.id, actor, **DECIDE)
        session.rollback()
    assert person.name == "李雷"
    delegated = Office(acceptance_level=Level.PREFECTURE)
    act(session, made.id, make.officer(Role.ACCEPTANCE_OFFICER, region="430100"), at=NOON, office=delegated)


def test_nobody_else_withdraws(session, person, asking, clerk):
    made = asking(person)
    with pytest.raises(NotFound):
        withdraw(session, made.id, make.clerk(make.enterprise(id=99_999)), at=NOON)
    with pytest.raises(NotAllowed):
        withdraw(session, made.id, OFFICER, at=NOON)


@pytest.mark.parametrize("first", ["approve", "reject", "withdraw"])
@pytest.mark.parametrize("second", ["approve", "reject", "withdraw"])
def test_what_is_decided_stays_decided(session, person, asking, clerk, first, second):
    made = asking(person)
    acts = {
        "approve": lambda: approve(session, made.id, OFFICER, **DECIDE),
        "reject": lambda: reject(session, made.id, "不符", OFFICER, **DECIDE),
        "withdraw": lambda: withdraw(session, made.id, clerk, at=NOON),
    }
    acts[first]()
    session.commit()
    name = person.name
    with pytest.raises(Stale):
        acts[second]()
    session.rollback()
    assert person.name == name


def test_what_waits_is_counted_for_who_decides(session, person, asking):
    made = asking(person)
    count = lambda actor: pending_count(session, actor, OFFICE)  # noqa: E731
    assert [count(OFFICER), count(make.officer(Role.REVIEWER)), count(make.officer(Role.ACCEPTANCE_OFFICER, region=""))] == [
        1, 0, 0,
    ]  # fmt: skip
    approve(session, made.id, OFFICER, **DECIDE)
    assert count(OFFICER) == 0


# --- at once and half -----------------------------------------------------------------------------------


def at_once(system, *actions):
    """Each action in a session and thread of its own, begun together; True where it was done."""
    barrier = Barrier(len(actions))

    def run(action):
        with Session(system.engine) as session:
            barrier.wait()
            try:
                action(session)
                session.commit()
            except AppError:
                session.rollback()
                return False
            return True

    with ThreadPoolExecutor(len(actions)) as pool:
        return [future.result() for future in [pool.submit(run, action) for action in actions]]


def test_of_two_officers_at_once_one_decides(system, session, person, asking):
    made = asking(person)
    done = at_once(
        system,
        lambda session: approve(session, made.id, OFFICER, **DECIDE),
        lambda session: reject(session, made.id, "不符", OFFICER, **DECIDE),
    )
    session.expire_all()
    assert sorted(done) == [False, True]
    assert person.name == ("李蕾" if done[0] else "李雷")
    assert len(session.scalars(select(Message.id)).all()) == 1


def test_two_people_do_not_get_one_number_at_once(system, session, firm, person, asking):
    other = make.person(firm)
    session.add_all([other, make.exam_pass(other, category=Category.A)])
    session.commit()
    number = make.id_number()
    rows = [asking(one, id_number=number).id for one in (person, other)]
    done = at_once(system, *(lambda session, row=row: approve(session, row, OFFICER, **DECIDE) for row in rows))
    session.expire_all()
    assert sorted(done) == [False, True]
    assert [one.id_number == number for one in (person, other)] == done


def test_a_signup_and_an_approval_at_once_agree(system, session, firm, person, asking, clerk):
    made = asking(person)
    signup = make.signup(make.notice(), person, category=Category.C2)
    session.add(signup)
    session.commit()
    assert all(
        at_once(
            system,
            lambda session: exams.submit(session, [signup.id], clerk, **DECIDE),
            lambda session: approve(session, made.id, OFFICER, **DECIDE),
        )
    )
    session.expire_all()
    assert person.name == "李蕾"
    assert bound(session, person) == [make.identity(person)] * 4


def test_an_approval_that_fails_half_way_changes_nothing(session, person, asking):
    made = asking(person)
    session.execute(text("UPDATE enterprise SET contact_mobile = :junk"), {"junk": b"not encrypted"})  # the message fails
    session.commit()
    session.expire_all()
    with pytest.raises(DECRYPTION_ERRORS):
        approve(session, made.id, OFFICER, **DECIDE)
    session.rollback()
    session.execute(text("UPDATE enterprise SET contact_mobile = NULL"))
    session.commit()
    session.expire_all()
    assert (person.name, made.state) == ("李雷", IdentityCorrectionState.PENDING)
    assert bound(session, person) == [make.identity(person)] * 3


def test_the_clerk_still_cannot_rename_afterwards(session, person, asking, clerk):
    made = asking(person)
    approve(session, made.id, OFFICER, **DECIDE)
    session.commit()
    person.name = "李雷"
    with pytest.raises(Unmet):
        update_person(session, person, clerk, on=make.TODAY, office=Office())
    assert not session.scalars(select(Certificate.id)).all()
    assert session.scalars(select(IdentityCorrection.state)).all() == [IdentityCorrectionState.APPROVED]
