"""Measures: proposed by one officer, confirmed by another; what they change and whom they tell."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.applications.nightly import end_suspensions
from app.certificates import list_check, lookup, status_changes
from app.certificates.grounds import GROUNDS, grounds_of
from app.core.clock import add_years, office_day
from app.core.errors import AppError, NotAllowed, NotFound, Stale, Unmet
from app.core.office import Office
from app.core.vocabulary import (
    MEASURES,
    Category,
    CertificateEventKind,
    CertificateStatus,
    Level,
    MatterKind,
    MeasureGround,
    MeasureState,
    NightlyTask,
    Role,
)
from app.eligibility.facts import of_certificates
from app.eligibility.rules import certificate_stands
from app.models import (
    AuditEntry,
    Certificate,
    CertificateEvent,
    CertificateMeasure,
    Message,
    NightlyDone,
    Person,
    PublicNotice,
)
from tests import make
from tests.measures import (
    REINSTATED,
    REVOKED,
    SUSPENDED,
    WITHDRAWN,
    approver,
    confirm,
    impose,
    officer,
    proposal,
    propose,
    reviewer,
)
from tests.query_counter import queries

DAY = timedelta(days=1)
VALID, ON_HOLD, EXPIRED = CertificateStatus.VALID, CertificateStatus.SUSPENDED, CertificateStatus.EXPIRED
ALLOWED = {
    SUSPENDED: {VALID: ON_HOLD},
    REINSTATED: {ON_HOLD: VALID},
    REVOKED: dict.fromkeys((VALID, ON_HOLD, EXPIRED), CertificateStatus.REVOKED),
    WITHDRAWN: dict.fromkeys((VALID, ON_HOLD), CertificateStatus.WITHDRAWN),
}
codes = lambda refusals: {refusal.code for refusal in refusals}  # noqa: E731


@pytest.fixture
def held(session):
    def hold(person=None, **facts):
        owner = person or make.person(make.enterprise(contact_mobile="13700000001"))
        certificate = make.certificate(owner, **facts)
        session.add(certificate)
        session.commit()
        return certificate

    return hold


def refuse(session, measure, actor=None, reason="证据不足", at=make.NOON):
    outcome = status_changes.refuse(session, [measure.id], actor or approver(session), reason=reason, at=at, office=Office())
    session.commit()
    return outcome


def everything(session):
    """What a measure may change, apart from the measure itself."""
    session.expire_all()
    return (
        session.execute(select(Certificate.id, Certificate.status, Certificate.status_reason)).all(),
        session.execute(select(Person.id, Person.banned_until, Person.banned_for)).all(),
        *(session.scalar(select(func.count()).select_from(model)) for model in (CertificateEvent, Message, PublicNotice)),
    )


# --- proposing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MEASURES, ids=lambda kind: kind.value)
@pytest.mark.parametrize("status", CertificateStatus, ids=lambda status: status.name)
def test_each_measure_starts_from_certain_statuses_only(session, held, kind, status):
    certificate = held(status=status)
    target = ALLOWED[kind].get(status)
    assert (kind in status_changes.possible_actions(certificate, make.TODAY)) == (target is not None)
    if target is None:
        with pytest.raises(Unmet) as refused:
            propose(session, certificate, kind)
        assert codes(refused.value.refusals) == {"status"}
        return
    measure = impose(session, certificate, kind)
    assert (certificate.status, measure.state) == (target, MeasureState.CONFIRMED)
    event = session.scalars(select(CertificateEvent)).one()
    assert (event.deed, event.status, event.actor) == (kind, target, "approver-who-decides")
    assert all(part in event.reason for part in (str(measure.facts), measure.document_number))
    assert (f"{measure.last_day}" in event.reason) == (kind is SUSPENDED)


@pytest.mark.parametrize("kind", MEASURES, ids=lambda kind: kind.value)
def test_a_proposal_changes_nothing_and_publishes_nothing(session, held, kind):
    certificate = held(status=next(iter(ALLOWED[kind])))
    before = everything(session)
    propose(session, certificate, kind)
    assert everything(session) == before


@pytest.mark.parametrize(("late", "open_"), [(-1, True), (0, True), (1, False)])
def test_what_has_run_out_is_not_suspended(session, held, late, open_):
    certificate = held(valid_to=make.TODAY - timedelta(days=late))
    assert (SUSPENDED in status_changes.possible_actions(certificate, make.TODAY)) is open_


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"facts": "  \n"}, "reason-missing"),
        ({"facts": "长" * 301}, "reason-too-long"),
        ({"document_number": " "}, "number-missing"),
        ({"document_number": "号" * 81}, "number-too-long"),
        ({"facts": "高处作业\U0001f6a7无防护"}, "cannot-be-printed"),
        ({"document_number": "湘建罚\ue000号"}, "cannot-be-printed"),
        ({"document": None}, "document-missing"),
        ({"last_day": None}, "term-missing"),
        ({"last_day": make.TODAY - DAY}, "term-over"),
        ({"last_day": add_years(make.TODAY, 1) + DAY}, "term-too-long"),
        ({"ground": MeasureGround.DECEIT}, "wrong-ground"),
        ({"ground": MeasureGround.PRINCIPAL_DUTIES}, "wrong-ground"),  # of A and B; this is C1
    ],
)
def test_ground_facts_number_document_and_term_are_asked_for(session, held, facts, code):
    with pytest.raises(Unmet) as refused:
        propose(session, held(), **facts)
    assert codes(refused.value.refusals) == {code}


@pytest.mark.parametrize("last_day", [make.TODAY, add_years(make.TODAY, 1)], ids=["today", "the longest"])
def test_a_term_from_today_to_the_longest_is_accepted(session, held, last_day):
    assert propose(session, held(), last_day=last_day).last_day == last_day


def test_the_office_may_do_without_the_scan(session, held):
    office = Office(measure_document=False)
    assert impose(session, held(), office=office, document=None).document_digest == ""


def test_an_id_number_among_the_facts_is_refused_with_its_place(session, held):
    with pytest.raises(Unmet) as caught:
        propose(session, held(), facts=f"李雷（{make.id_number()}）冒名顶替")
    assert [(refusal.code, refusal.field) for refusal in caught.value.refusals] == [("personal-number", "facts")]


@pytest.mark.parametrize("category", Category, ids=lambda category: category.value)
@pytest.mark.parametrize("kind", MEASURES, ids=lambda kind: kind.value)
def test_every_measure_has_a_ground_for_every_category(kind, category):
    assert grounds_of(kind, category)
    assert all(GROUNDS[ground].article for ground in grounds_of(kind, category) if kind is not REINSTATED)


def test_a_certificate_has_one_proposal_at_a_time(session, held):
    certificate = held()
    first = propose(session, certificate)
    with pytest.raises(Unmet) as refused:
        propose(session, certificate, REVOKED)
    assert codes(refused.value.refusals) == {"already-proposed"}
    session.rollback()
    refuse(session, first)
    propose(session, certificate, REVOKED)


def test_the_database_holds_one_proposal_and_two_people(session, held):
    certificate = held()
    measure = propose(session, certificate)
    twin = {
        column.key: getattr(measure, column.key)
        for column in CertificateMeasure.__mapper__.column_attrs
        if column.key != "id"
    }
    session.add(CertificateMeasure(**twin))
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()
    measure.state, measure.decided_by_id, measure.decided_at = MeasureState.CONFIRMED, measure.proposed_by_id, make.NOON
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()


# --- who ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.REVIEWER], ids=lambda role: role.value)
def test_only_a_reviewer_proposes(session, held, role):
    certificate = held()
    with pytest.raises(NotAllowed):
        propose(session, certificate, actor=officer(session, "somebody", role))


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.APPROVER], ids=lambda role: role.value)
def test_only_an_approver_decides(session, held, role):
    measure = propose(session, held())
    actor = officer(session, "somebody", role)
    for decide in (confirm, refuse):
        with pytest.raises(NotAllowed):
            decide(session, measure, actor=actor)
    assert measure.state is MeasureState.PROPOSED


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.REVIEWER, Role.APPROVER)])
def test_nobody_else_finds_a_certificate_by_its_number(session, held, role):
    with pytest.raises(NotAllowed):
        status_changes.by_numbers(session, [held().number], make.officer(role))


def test_an_administrator_does_neither_whatever_else_the_account_holds(session, held):
    every = officer(session, "technician", Role.ADMIN, Role.REVIEWER, Role.APPROVER)
    with pytest.raises(NotAllowed):
        propose(session, held(), actor=every)
    with pytest.raises(NotAllowed):
        confirm(session, propose(session, held()), actor=every)


def test_nobody_without_an_account_proposes_or_decides(session, held):
    with pytest.raises(NotAllowed):
        propose(session, held(), actor=make.officer(Role.REVIEWER))
    with pytest.raises(NotAllowed):
        confirm(session, propose(session, held()), actor=make.officer(Role.APPROVER))


def test_the_same_person_does_not_confirm_what_they_proposed(session, held):
    both = officer(session, "both", Role.REVIEWER, Role.APPROVER)
    certificate = held()
    measure = propose(session, certificate, actor=both)
    before = everything(session)
    for decide in (confirm, refuse):
        outcome = decide(session, measure, actor=both)
        assert (outcome.done, codes(outcome.refused[measure.id])) == ([], {"same-person"})
    assert (everything(session), measure.state) == (before, MeasureState.PROPOSED)
    assert confirm(session, measure).done == [measure.id]


@pytest.mark.parametrize(("region", "found"), [("430000", True), ("430100", True), ("430200", False), ("", False)])
def test_an_officer_stays_within_the_region(session, held, region, found):
    certificate = held(number="湘建安C1(2024)0000777")
    actor = officer(session, "local", Role.REVIEWER, region=region)
    if found:
        assert [*status_changes.by_numbers(session, ["湘建安C1（2024） 0000777"], actor).values()] == [certificate]
        propose(session, certificate, actor=actor)
        return
    assert status_changes.by_numbers(session, [certificate.number], actor) == {}
    with pytest.raises(NotFound):
        propose(session, certificate, actor=actor)


def test_who_issues_certificates_decides_about_measures(session, held):
    measure = propose(session, held())
    local = officer(session, "local", Role.APPROVER, region="430100")
    with pytest.raises(NotAllowed):
        confirm(session, measure, actor=local)
    office = Office(approval_level=Level.PREFECTURE)
    assert confirm(session, measure, actor=local, office=office).done == [measure.id]


def test_an_approver_of_another_region_does_not_learn_of_it(session, held):
    measure = propose(session, held())
    there = officer(session, "elsewhere", Role.APPROVER, region="430200")
    outcome = confirm(session, measure, actor=there, office=Office(approval_level=Level.PREFECTURE))
    assert (codes(outcome.refused[measure.id]), outcome.names) == ({"not-found"}, {})


# --- refusing and taking back ---------------------------------------------------------------------------------------


def test_a_refused_proposal_changes_nothing_and_tells_the_proposer(session, held):
    actor = officer(session, "told", Role.REVIEWER, mobile="13900000009")
    certificate = held()
    measure = propose(session, certificate, REVOKED, actor=actor)
    before = everything(session)
    refuse(session, measure, reason="证据不足")
    *same, messages, notices = everything(session)
    assert (same, messages, notices) == ([*before[:3]], before[3] + 1, before[4])
    assert (measure.state, measure.decision_reason) == (MeasureState.REFUSED, "证据不足")
    message = session.scalars(select(Message)).one()
    assert message.mobile == "13900000009"
    assert all(part in message.text for part in (certificate.number, "证据不足", measure.document_number))


@pytest.mark.parametrize("reason", ["", " \n", "长" * 501])
def test_a_refusal_has_a_reason_of_limited_length(session, held, reason):
    measure = propose(session, held())
    with pytest.raises(Unmet):
        refuse(session, measure, reason=reason)
    assert measure.state is MeasureState.PROPOSED


def test_the_proposer_and_nobody_else_takes_a_proposal_back(session, held):
    measure = propose(session, held())
    with pytest.raises(NotFound):
        status_changes.retract(session, measure.id, officer(session, "another", Role.REVIEWER), at=make.NOON)
    status_changes.retract(session, measure.id, reviewer(session), at=make.NOON)
    session.commit()
    assert measure.state is MeasureState.RETRACTED
    with pytest.raises(Stale):
        status_changes.retract(session, measure.id, reviewer(session), at=make.NOON)
    assert codes(confirm(session, measure).refused[measure.id]) == {"stale"}


# --- confirmed ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "published"), [(SUSPENDED, True), (REINSTATED, False), (REVOKED, True), (WITHDRAWN, True)])
def test_enterprise_and_public_are_told(session, held, kind, published):
    certificate = held(status=next(iter(ALLOWED[kind])))
    measure = impose(session, certificate, kind)
    message = session.scalars(select(Message)).one()
    assert message.mobile == "13700000001"
    assert all(part in message.text for part in (certificate.number, measure.document_number, certificate.holder))
    notices = session.scalars(select(PublicNotice)).all()
    assert [(notice.measure, notice.measure_id) for notice in notices] == ([(kind, measure.id)] if published else [])
    if published:
        (notice,) = notices
        assert certificate.person.id_number not in str(vars(notice))
        assert measure.facts not in str(vars(notice))
        assert (notice.certificate_number, notice.application_id) == (certificate.number, None)


def test_suspensions_are_published_unless_the_office_says_otherwise(session, held):
    impose(session, held(), office=Office(publish_suspensions=False))
    impose(session, held(), REVOKED, office=Office(publish_suspensions=False))
    assert session.scalars(select(PublicNotice.measure)).all() == [REVOKED]


def test_an_enterprise_without_a_mobile_number_stops_nothing(session, held):
    certificate = held(make.person(make.enterprise(contact_mobile=None)))
    impose(session, certificate, REVOKED)
    assert session.scalars(select(Message)).all() == []


def test_every_step_is_in_the_audit_log(session, held):
    measure = impose(session, held(), REVOKED, ground=MeasureGround.DECEIT)
    logged = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(entry.deed.value, entry.change["state"]) for entry in logged if entry.table == "certificate_measure"] == [
        ("create", [None, "proposed"]),
        ("change", ["proposed", "confirmed"]),
    ]
    changed = {entry.table: entry.change for entry in logged if entry.deed.value == "change"}
    assert changed["certificate"]["status"] == ["01", "03"]
    assert changed["person"]["banned_until"] == [None, f"{measure.banned_until}"]


def test_the_certificate_that_ended_meanwhile_is_left_alone(session, held):
    certificate = held()
    measure = propose(session, certificate)
    certificate.status = CertificateStatus.CANCELLED
    session.commit()
    before = everything(session)
    outcome = confirm(session, measure)
    assert (outcome.done, codes(outcome.refused[measure.id])) == ([], {"status"})
    assert (everything(session), measure.state) == (before, MeasureState.PROPOSED)
    refuse(session, measure)


def test_what_ran_out_before_it_was_confirmed_is_not_suspended(session, held):
    measure = propose(session, held(valid_to=make.TODAY))
    assert codes(confirm(session, measure, at=make.NOON + DAY).refused[measure.id]) == {"status"}


@pytest.mark.parametrize(("days", "done"), [(0, True), (1, False)])
def test_a_suspension_whose_term_passed_before_it_was_confirmed_is_not_imposed(session, held, days, done):
    measure = propose(session, held(), last_day=make.TODAY)
    outcome = confirm(session, measure, at=make.NOON + days * DAY)
    assert bool(outcome.done) is done
    assert done or codes(outcome.refused[measure.id]) == {"term-over"}


def test_confirmed_twice_is_done_once(session, held):
    measure = propose(session, held(), REVOKED)
    assert confirm(session, measure).done == [measure.id]
    before = everything(session)
    assert codes(confirm(session, measure).refused[measure.id]) == {"stale"}
    assert everything(session) == before


def at_once(system, *ways):
    """What each of these does in a session and a thread of its own, all started together: a result or an error."""
    start, results = Barrier(len(ways)), {}

    def run(number, way):
        with Session(system.engine) as own:
            start.wait()
            try:
                results[number] = way(own)
                own.commit()
            except AppError as error:
                results[number] = error

    threads = [Thread(target=run, args=pair) for pair in enumerate(ways)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[number] for number in range(len(ways))]


def test_of_two_who_confirm_at_once_one_does(session, system, held):
    measure_id = propose(session, held(), REVOKED).id
    people = [approver(session), officer(session, "second-approver", Role.APPROVER)]
    session.rollback()
    ways = [
        lambda own, who=who: status_changes.confirm(own, [measure_id], who, at=make.NOON, office=Office()) for who in people
    ]
    outcomes = at_once(system, *ways)
    assert sorted(len(outcome.done) for outcome in outcomes) == [0, 1]
    assert [codes(found) for outcome in outcomes for found in outcome.refused.values()] == [{"stale"}]
    assert session.scalar(select(func.count()).select_from(CertificateEvent)) == 1
    assert session.scalar(select(func.count()).select_from(Message)) == 1


def test_of_two_who_confirm_and_refuse_at_once_one_decides(session, system, held):
    measure_id = propose(session, held(), REVOKED).id
    people = [approver(session), officer(session, "second-approver", Role.APPROVER)]
    session.rollback()
    outcomes = at_once(
        system,
        lambda own: status_changes.confirm(own, [measure_id], people[0], at=make.NOON, office=Office()),
        lambda own: status_changes.refuse(own, [measure_id], people[1], reason="证据不足", at=make.NOON, office=Office()),
    )
    assert sorted(len(outcome.done) for outcome in outcomes) == [0, 1]
    confirmed = bool(outcomes[0].done)
    session.rollback()
    assert session.scalars(select(CertificateMeasure.state)).one() is (
        MeasureState.CONFIRMED if confirmed else MeasureState.REFUSED
    )
    assert session.scalar(select(func.count()).select_from(CertificateEvent)) == confirmed


def test_of_two_who_propose_at_once_one_does(session, system, held):
    wanted = proposal(held(), REVOKED)
    people = [reviewer(session), officer(session, "second-reviewer", Role.REVIEWER)]
    session.rollback()
    ways = [
        lambda own, who=who: len(status_changes.propose(own, [wanted], who, at=make.NOON, office=Office())) for who in people
    ]
    results = at_once(system, *ways)
    assert [type(result) for result in sorted(results, key=str)] in ([int, Unmet], [int, Stale])
    assert session.scalar(select(func.count()).select_from(CertificateMeasure)) == 1


def test_a_lifting_confirmed_while_the_night_ends_the_suspension_is_done_once(session, system, held):
    certificate = held()
    impose(session, certificate, last_day=make.TODAY)
    measure_id, actor, later = propose(session, certificate, REINSTATED).id, approver(session), make.NOON + DAY
    session.rollback()

    def night(own):
        end_suspensions(own, make.TODAY + DAY, Office(), at=later)

    outcome, _night = at_once(
        system, lambda own: status_changes.confirm(own, [measure_id], actor, at=later, office=Office()), night
    )
    assert outcome.done or codes(outcome.refused[measure_id]) == {"status"}
    session.rollback()
    assert session.scalars(select(Certificate.status)).one() is VALID
    assert session.scalars(select(CertificateEvent.deed).order_by(CertificateEvent.id)).all() == [SUSPENDED, REINSTATED]


def test_many_are_decided_in_as_many_statements_as_few(session, system, held):
    asked = []
    for many in (2, 40):
        measures = [propose(session, held(), REVOKED) for _number in range(many)]
        actor = approver(session)
        with queries(system.engine) as seen:
            assert len(confirm(session, *measures, actor=actor).done) == many
        asked.append(len(seen))
    assert asked[0] == asked[1]


# --- the ban ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ground", "years"), [(MeasureGround.DECEIT, 3), (MeasureGround.CONCEALMENT, 1), (MeasureGround.OFFICIAL_FAULT, None)]
)
def test_the_ground_of_a_revocation_sets_the_ban(session, held, ground, years):
    certificate = held()
    measure = impose(session, certificate, REVOKED, ground=ground)
    until = add_years(make.TODAY, years) if years else None
    person = certificate.person
    assert (person.banned_until, person.banned_for) == (until, ground if years else None)
    assert measure.banned_until == until
    message = session.scalars(select(Message)).one()
    assert (f"{until}" in message.text) is bool(years)


def test_the_years_are_parameters(session, held):
    certificate = held()
    impose(session, certificate, REVOKED, ground=MeasureGround.CONCEALMENT, office=Office(ban_years_concealment=2))
    assert certificate.person.banned_until == add_years(make.TODAY, 2)


@pytest.mark.parametrize("kind", [SUSPENDED, WITHDRAWN])
def test_no_other_measure_sets_a_ban(session, held, kind):
    certificate = held()
    impose(session, certificate, kind)
    assert certificate.person.banned_until is None


def test_a_ban_is_never_shortened(session, held):
    person = make.person(make.enterprise())
    first, second = held(person, category=Category.C1), held(person, category=Category.C2)
    impose(session, first, REVOKED, ground=MeasureGround.DECEIT)
    impose(session, second, REVOKED, ground=MeasureGround.CONCEALMENT, at=make.NOON + 365 * DAY)
    assert (person.banned_until, person.banned_for) == (add_years(make.TODAY, 3), MeasureGround.DECEIT)


def test_a_later_ban_takes_the_place_of_an_earlier_one(session, held):
    person = make.person(make.enterprise())
    first, second = held(person, category=Category.C1), held(person, category=Category.C2)
    impose(session, first, REVOKED, ground=MeasureGround.CONCEALMENT)
    impose(session, second, REVOKED, ground=MeasureGround.DECEIT, at=make.NOON + DAY)
    assert (person.banned_until, person.banned_for) == (add_years(make.TODAY + DAY, 3), MeasureGround.DECEIT)


# --- the end of a suspension -------------------------------------------------------------------------------------------


def night(session, on, office=None):
    end_suspensions(session, on, office or Office(), at=make.NOON + (on - make.TODAY))
    session.commit()


@pytest.mark.parametrize(("days", "over"), [(9, False), (10, False), (11, True), (40, True)])
def test_a_suspension_ends_by_itself_on_the_day_after_its_term(session, held, days, over):
    certificate = held()
    measure = impose(session, certificate, last_day=make.TODAY + 10 * DAY)
    night(session, make.TODAY + days * DAY)
    session.expire_all()
    assert certificate.status is (VALID if over else ON_HOLD)
    assert measure.state is (MeasureState.ENDED if over else MeasureState.CONFIRMED)
    events = session.scalars(select(CertificateEvent.deed).order_by(CertificateEvent.id)).all()
    assert events == ([SUSPENDED, REINSTATED] if over else [SUSPENDED])
    texts = session.scalars(select(Message.text).order_by(Message.id)).all()
    assert len(texts) == len(events)
    if over:
        assert certificate.status_reason == ""
        assert all(part in texts[1] for part in (certificate.number, f"{measure.last_day}"))
        assert session.scalars(select(NightlyDone.kind)).all() == [NightlyTask.SUSPENSIONS]


@pytest.mark.parametrize(("days", "status"), [(10, ON_HOLD), (11, VALID)])
def test_the_end_of_a_suspension_is_true_at_once_whatever_the_night_has_done(session, held, days, status):
    certificate, on = held(), make.TODAY + days * DAY
    impose(session, certificate, last_day=make.TODAY + 10 * DAY)
    person, number = certificate.person, certificate.number
    facts = of_certificates(session, certificate.enterprise_id, MatterKind.CANCELLATION, [certificate.id])[certificate.id]
    stored = session.scalar(select(Certificate.id).where(Certificate.stands_valid(on)))
    assert (stored is not None) == (status is VALID)
    assert bool(list(certificate_stands(facts, on, Office()))) == (status is ON_HOLD)
    assert [one.status for one in lookup.certificates_of(session, person.name, person.id_number, on=on)] == [status]
    assert list_check.check(session, [(person.name, number)], on=on)[0].status is status
    assert (SUSPENDED in status_changes.possible_actions(certificate, on)) == (status is VALID)
    assert (REINSTATED in status_changes.possible_actions(certificate, on)) == (status is ON_HOLD)


def test_an_expired_certificate_is_expired_on_the_day_after_its_suspension(session, held):
    certificate = held(valid_to=make.TODAY + 5 * DAY)
    impose(session, certificate, last_day=make.TODAY + 10 * DAY)
    found = [certificate.status_on(make.TODAY + days * DAY) for days in (5, 6, 10, 11)]
    assert found == [ON_HOLD, ON_HOLD, ON_HOLD, EXPIRED]


def test_an_imported_suspension_without_a_term_lasts(session, held):
    certificate = held(status=ON_HOLD)
    assert certificate.status_on(make.TODAY + 3000 * DAY) is ON_HOLD
    assert session.scalar(select(Certificate.id).where(Certificate.stands_valid(make.TODAY))) is None


def test_the_end_of_a_suspension_is_told_in_the_morning_and_once(session, held):
    impose(session, held(), last_day=make.TODAY)
    at = make.NOON + DAY - timedelta(hours=10)  # 02:00 in the office
    for _time in range(2):
        end_suspensions(session, office_day(at), Office(), at=at)
        session.commit()
    messages = session.scalars(select(Message).order_by(Message.id)).all()
    assert len(messages) == 2
    assert messages[1].due_at > at
    assert len(session.scalars(select(CertificateEvent)).all()) == 2


def test_a_night_that_broke_off_is_done_by_the_next(session, held):
    certificate = held()
    impose(session, certificate, last_day=make.TODAY)
    end_suspensions(session, make.TODAY + DAY, Office(), at=make.NOON + DAY)
    session.rollback()  # the process died before the commit
    assert certificate.status is ON_HOLD
    night(session, make.TODAY + 2 * DAY)
    assert certificate.status is VALID


def test_a_certificate_that_expired_while_suspended_is_expired(session, held):
    certificate = held(valid_to=make.TODAY + 5 * DAY)
    impose(session, certificate, last_day=make.TODAY + 10 * DAY)
    night(session, make.TODAY + 11 * DAY)
    assert certificate.status_on(make.TODAY + 11 * DAY) is EXPIRED


def test_lifting_it_earlier_is_a_measure_of_its_own(session, held):
    certificate = held()
    suspension = impose(session, certificate, last_day=make.TODAY + 10 * DAY)
    lifting = impose(session, certificate, REINSTATED, at=make.NOON + DAY)
    assert (certificate.status, suspension.state, lifting.state) == (VALID, MeasureState.ENDED, MeasureState.CONFIRMED)
    impose(session, certificate, last_day=make.TODAY + 60 * DAY, at=make.NOON + 2 * DAY)
    night(session, make.TODAY + 11 * DAY)  # the first term does not end the second suspension
    assert certificate.status is ON_HOLD


def test_the_term_revives_nothing_that_ended_meanwhile(session, held):
    certificate, cancelled = held(), held()
    impose(session, certificate, last_day=make.TODAY)
    impose(session, cancelled, last_day=make.TODAY)
    impose(session, certificate, REVOKED)
    cancelled.status = CertificateStatus.CANCELLED
    session.commit()
    night(session, make.TODAY + DAY)
    assert (certificate.status, cancelled.status) == (CertificateStatus.REVOKED, CertificateStatus.CANCELLED)
    assert session.scalars(select(CertificateMeasure.state)).all().count(MeasureState.ENDED) == 2


def test_a_suspension_from_before_there_were_terms_stays_until_it_is_lifted(session, held):
    certificate = held(status=ON_HOLD)
    night(session, make.TODAY + 4000 * DAY)
    assert certificate.status is ON_HOLD


# --- a batch is the sequence of its members ----------------------------------------------------------------------------

PLANS = st.lists(
    st.tuples(
        st.integers(0, 1),  # whose certificate
        st.sampled_from([VALID, ON_HOLD]),
        st.sampled_from(MEASURES),
        st.sampled_from([*MeasureGround]),
        st.booleans(),  # ended before it is confirmed
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=PLANS, shuffled=st.randoms(use_true_random=False))
def test_a_batch_does_what_its_members_do_one_by_one(session, plan, shuffled):
    results = []
    for together in (True, False):
        firm = make.enterprise(contact_mobile="13700000002")
        people = [make.person(firm), make.person(firm)]
        measures = []
        for whose, status, kind, ground, ended in plan:
            certificate = make.certificate(people[whose], status=status, category=Category.C1)
            session.add(certificate)
            session.flush()
            if kind in GROUNDS[ground].kinds and Category.C1 in GROUNDS[ground].categories and status in ALLOWED[kind]:
                measures.append(propose(session, certificate, kind, ground=ground))
                if ended:
                    certificate.status = CertificateStatus.CANCELLED
        session.commit()
        ids = list(range(len(measures)))
        shuffled.seed(7)
        shuffled.shuffle(ids)
        chosen = [measures[number] for number in ids]
        outcomes = [confirm(session, *chosen)] if together and chosen else [confirm(session, one) for one in chosen]
        done = {key for outcome in outcomes for key in outcome.done}
        session.expire_all()
        results.append(
            (
                [(m.id in done, m.state, m.banned_until, m.certificate.status) for m in measures],
                [(person.banned_until, person.banned_for) for person in people],
                [[(event.deed, event.status) for event in m.certificate.events] for m in measures],
            )
        )
    assert results[0] == results[1]


def test_nothing_chosen_and_too_many_are_refused(session, held):
    actor = approver(session)
    for ids, office in (([], Office()), ([1, 2, 3], Office(largest_batch=2))):
        with pytest.raises(Unmet):
            status_changes.confirm(session, ids, actor, at=make.NOON, office=office)


def test_one_certificate_twice_among_the_proposals_is_refused(session, held):
    certificate = held()
    with pytest.raises(Unmet):
        status_changes.propose(
            session, [proposal(certificate), proposal(certificate)], reviewer(session), at=make.NOON, office=Office()
        )


def test_the_kinds_of_measures_are_those_with_a_status():
    assert set(ALLOWED) == set(MEASURES) < set(CertificateEventKind)
