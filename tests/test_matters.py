"""Renewal, transfer, replacement, cancellation: each rule at its boundary, each procedure to its end."""

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from app import models
from app.certificates.lifecycle import extended
from app.core.clock import OFFICE_ZONE, add_months
from app.core.errors import Unmet
from app.core.office import Office
from app.core.vocabulary import (
    PERSON_PAPERS,
    Action,
    CancellationReason,
    Category,
    CertificateEventKind,
    CertificateStatus,
    MatterKind,
    PaperKind,
    Position,
    ReplacementReason,
    Role,
    Side,
    State,
)
from app.eligibility.corrections import CorrectionMark, changes
from app.eligibility.facts import of_applications
from app.matters import MATTERS, seed_papers, warnings_of
from app.workflow import carry_out
from tests import make
from tests.query_counter import queries
from tests.workflow_fixture import INCOMING, LOST, Firm

DAY = timedelta(days=1)
RENEWAL, TRANSFER, REPLACEMENT, CANCELLATION = (
    MatterKind.RENEWAL,
    MatterKind.TRANSFER,
    MatterKind.REPLACEMENT,
    MatterKind.CANCELLATION,
)
REASON = ReplacementReason
PROCEDURE = (
    (Action.SUBMIT, Role.ENTERPRISE_CLERK, Side.FILER),
    (Action.RELEASE, Role.ENTERPRISE_CLERK, Side.RELEASER),
    (Action.ACCEPT, Role.ACCEPTANCE_OFFICER, Side.FILER),
    (Action.ENDORSE, Role.REVIEWER, Side.FILER),
    (Action.APPROVE, Role.APPROVER, Side.FILER),
)


@pytest.fixture
def firm(session):
    return Firm(session)


def noon(day):
    return datetime(day.year, day.month, day.day, 12, tzinfo=OFFICE_ZONE)


def do(firm, applications, action, role=Role.ENTERPRISE_CLERK, side=Side.FILER, at=make.NOON, office=None, **words):
    ids = applications if isinstance(applications, list) else [applications.id]
    planned = carry_out(firm.session, ids, action, firm.actor(role, side), at=at, office=office or Office(), **words)
    firm.session.commit()
    return planned


def codes(planned):
    return {refusal.code for refusals in planned.refused.values() for refusal in refusals}


def submitted(firm, application, on=make.TODAY, **given):
    return codes(do(firm, application, Action.SUBMIT, at=noon(on), **given))


def approved(firm, application, at=make.NOON):
    """Run the procedure from draft to approval; the resulting certificate."""
    for action, role, side in PROCEDURE:
        if action is not Action.RELEASE or application.matter is TRANSFER:
            assert codes(do(firm, application, action, role, side, at=at)) == set(), action
    return firm.session.get_one(models.Certificate, firm.session.get_one(models.Application, application.id).certificate_id)


def current(session, certificate):
    return session.scalars(
        select(models.CertificateVersion).where(
            models.CertificateVersion.certificate_id == certificate.id, models.CertificateVersion.replaced_at.is_(None)
        )
    ).one()


# --- renewal ----------------------------------------------------------------------------------------
WINDOW = [
    ("2026-06-30", "2026-03-29", {"renewal-too-early"}),
    ("2026-06-30", "2026-03-30", set()),
    ("2026-05-31", "2026-02-27", {"renewal-too-early"}),  # three months before the 31st: the month's last day
    ("2026-05-31", "2026-02-28", set()),
    ("2028-05-29", "2028-02-28", {"renewal-too-early"}),
    ("2028-05-29", "2028-02-29", set()),
    ("2028-02-29", "2027-11-28", {"renewal-too-early"}),
    ("2028-02-29", "2027-11-29", set()),
    ("2028-02-29", "2028-02-29", set()),
    ("2028-02-29", "2028-03-01", {"certificate-expired"}),
    ("2026-06-30", "2026-06-29", set()),
    ("2026-06-30", "2026-06-30", set()),
    ("2026-06-30", "2026-07-01", {"certificate-expired"}),
]


@pytest.mark.parametrize(("runs_out", "on", "refused"), WINDOW)
def test_a_renewal_is_filed_within_the_last_three_months(firm, runs_out, on, refused):
    certificate = firm.certificate(valid_to=date.fromisoformat(runs_out))
    assert submitted(firm, firm.on(certificate, RENEWAL), date.fromisoformat(on)) == refused


@pytest.mark.parametrize("months", [0, 1, 3, 6])
def test_the_window_is_a_parameter_and_0_is_always(firm, months):
    certificate = firm.certificate(valid_to=date(2027, 8, 31))
    before = add_months(certificate.valid_to, -months) - DAY
    refused = submitted(firm, firm.on(certificate, RENEWAL), before, office=Office(renewal_window_months=months))
    assert refused == ({"renewal-too-early"} if months else set())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2026-06-27", "2029-06-27"),
        ("2028-02-29", "2031-02-28"),  # a term from 1 March ends on the last of February
        ("2027-02-28", "2030-02-28"),
        ("2025-02-28", "2028-02-29"),
        ("2026-12-31", "2029-12-31"),
    ],
)
def test_a_renewed_term_follows_on_the_old_one(old, new):
    assert extended(date.fromisoformat(old), 3) == date.fromisoformat(new)


def test_a_renewal_keeps_the_number_adds_three_years_and_makes_a_new_version(firm, session):
    certificate = firm.certificate(valid_to=date(2026, 4, 30), is_electronic=False)
    number = certificate.number
    renewed = approved(firm, firm.on(certificate, RENEWAL))
    assert (renewed.id, renewed.number, str(renewed.valid_to)) == (certificate.id, number, "2029-04-30")
    assert (renewed.is_electronic, renewed.issued_on) == (True, make.TODAY)
    version = current(session, renewed)
    assert (version.version, version.face["valid_to"]) == (1, "2029-04-30")
    again = approved(firm, firm.on(renewed, RENEWAL), at=noon(date(2029, 3, 1)))
    assert [v.version for v in again.versions] == [1, 2]
    assert [v.replaced_at is None for v in again.versions] == [False, True]
    assert again.versions[0].token == version.token


def test_a_renewal_filed_in_time_is_granted_after_the_last_day(firm):
    application = firm.on(firm.certificate(valid_to=make.TODAY), RENEWAL)
    do(firm, application, Action.SUBMIT)
    for action, role in ((Action.ACCEPT, Role.ACCEPTANCE_OFFICER), (Action.ENDORSE, Role.REVIEWER)):
        do(firm, application, action, role, at=noon(make.TODAY + 3 * DAY))
    planned = do(firm, application, Action.APPROVE, Role.APPROVER, at=noon(make.TODAY + 20 * DAY))
    assert planned.passes
    assert application.certificate.valid_to == date(2029, 3, 2)


@pytest.mark.parametrize(("born", "refused"), [("1966-03-02", {"over-age"}), ("1966-03-03", set())])
def test_nobody_renews_as_a_safety_officer_at_sixty(firm, born, refused):
    person = firm.person(id_number=make.id_number(date.fromisoformat(born), sequence=1))
    assert submitted(firm, firm.on(firm.certificate(person), RENEWAL)) == refused


@pytest.mark.parametrize(
    ("position", "born", "warned"),
    [
        (Position.GENERAL_MANAGER, "1966-03-02", ["past-retirement"]),
        (Position.GENERAL_MANAGER, "1966-03-03", []),
        (Position.LEGAL_REPRESENTATIVE, "1950-01-01", []),
    ],
)
def test_age_is_only_a_warning_for_principals(firm, session, position, born, warned):
    person = firm.person(position=position, id_number=make.id_number(date.fromisoformat(born), sequence=1))
    application = firm.on(firm.certificate(person, category=Category.A), RENEWAL)
    case = of_applications(session, [application.id])[application.id]
    assert [refusal.code for refusal in warnings_of(case, make.TODAY, Office())] == warned
    assert submitted(firm, application) == set()


@pytest.mark.parametrize("matter", [RENEWAL, REPLACEMENT, CANCELLATION])
def test_only_the_enterprise_that_holds_it_files_for_a_certificate(firm, matter):
    theirs = firm.old.certificate()
    refused = submitted(firm, firm.on(theirs, matter))
    assert "not-own-certificate" in refused


@pytest.mark.parametrize("matter", [RENEWAL, TRANSFER, REPLACEMENT, CANCELLATION])
@pytest.mark.parametrize(
    "status",
    [CertificateStatus.SUSPENDED, CertificateStatus.REVOKED, CertificateStatus.CANCELLED, CertificateStatus.WITHDRAWN],
)
def test_nothing_is_done_with_what_is_suspended_or_ended(firm, matter, status):
    holder = firm.old if matter is TRANSFER else firm
    application = firm.on(holder.certificate(status=status), matter)
    assert submitted(firm, application) == {"certificate-not-valid"}


# --- transfer ---------------------------------------------------------------------------------------
def test_a_transfer_takes_certificate_and_person_along_and_keeps_number_and_term(firm, session):
    certificate = firm.old.certificate()
    number, valid_to = certificate.number, certificate.valid_to
    moved = approved(firm, firm.on(certificate, TRANSFER))
    assert (moved.number, moved.valid_to, moved.enterprise_id) == (number, valid_to, firm.enterprise.id)
    assert moved.printed_enterprise == firm.enterprise.name == current(session, moved).face["enterprise"]
    person = session.get(models.Person, moved.person_id)
    assert person.enterprise_id == firm.enterprise.id
    papers = session.scalars(
        select(models.Paper).where(models.Paper.person_id == person.id, models.Paper.replaced_at.is_(None))
    ).all()
    assert {p.kind for p in papers} == set(PERSON_PAPERS)
    assert {p.enterprise_id for p in papers} == {firm.enterprise.id}


def test_somebody_whom_a_third_enterprise_employs_stays_there(firm, session):
    third = Firm(session, name="第三家建设有限公司")
    certificate = firm.old.certificate(category=Category.A)
    certificate.person.enterprise_id = third.enterprise.id
    moved = approved(firm, firm.on(certificate, TRANSFER))
    assert moved.enterprise_id == firm.enterprise.id
    assert session.get(models.Person, moved.person_id).enterprise_id == third.enterprise.id


def test_the_office_sees_and_is_timed_only_after_the_old_enterprise_has_agreed(firm, session):
    application = firm.on(firm.old.certificate(), TRANSFER)
    do(firm, application, Action.SUBMIT)
    assert (application.state, application.due_on) == (State.AWAITING_RELEASE, None)
    refused = do(firm, application, Action.ACCEPT, Role.ACCEPTANCE_OFFICER, at=noon(make.TODAY + 365 * DAY))
    assert codes(refused) == {"not-found"}  # silence is never consent
    later = make.TODAY + 7 * DAY
    do(firm, application, Action.RELEASE, side=Side.RELEASER, at=noon(later))
    assert (application.state, application.due_on) == (State.AWAITING_ACCEPTANCE, later + 7 * DAY)


def test_only_the_old_enterprise_agrees_and_only_the_new_one_files(firm):
    application = firm.on(firm.old.certificate(), TRANSFER)
    assert codes(do(firm, application, Action.SUBMIT, side=Side.RELEASER)) == {"not-found"}
    do(firm, application, Action.SUBMIT)
    assert codes(do(firm, application, Action.RELEASE)) == {"not-allowed"}
    assert codes(do(firm, application, Action.WITHDRAW, side=Side.RELEASER)) == {"not-allowed"}


def test_a_refusal_by_the_old_enterprise_is_told_with_its_reason_and_can_be_asked_again(firm, session):
    application = firm.on(firm.old.certificate(), TRANSFER)
    do(firm, application, Action.SUBMIT)
    do(firm, application, Action.REFUSE_RELEASE, side=Side.RELEASER, reason="劳动合同至2027年6月届满")
    asked, answered = session.scalars(select(models.Message).order_by(models.Message.id))
    assert (asked.mobile, answered.mobile) == ("13700000000", "13800000000")
    assert "劳动合同至2027年6月届满" in answered.text
    do(firm, application, Action.SUBMIT)
    assert (application.state, application.round) == (State.AWAITING_RELEASE, 2)


def test_the_administrator_releases_with_evidence_and_both_are_told(firm, session):
    application = firm.on(firm.old.certificate(), TRANSFER)
    do(firm, application, Action.SUBMIT)
    with pytest.raises(Unmet):
        do(firm, application, Action.RELEASE_BY_OFFICE, Role.ADMIN)
    do(firm, application, Action.RELEASE_BY_OFFICE, Role.ADMIN, reason="原企业已注销，见工商登记通知书")
    assert application.state is State.AWAITING_ACCEPTANCE
    assert {m.mobile for m in session.scalars(select(models.Message))} == {"13700000000", "13800000000"}
    assert session.scalars(select(models.PublicNotice)).all() == []


@pytest.mark.parametrize(
    ("facts", "refused"),
    [
        ({"number": "粤建安C1(2024)0000001", "is_electronic": False}, {"other-province"}),
        ({"number": "粤建安C1(2024)0000001", "is_electronic": True}, set()),
        ({"number": "湘建安C（2016）00017", "is_electronic": False}, set()),
        ({"valid_to": make.TODAY}, set()),
        ({"valid_to": make.TODAY - DAY}, {"certificate-expired"}),
    ],
)
def test_a_transfer_is_of_a_certificate_of_this_province_in_force(firm, facts, refused):
    assert submitted(firm, firm.on(firm.old.certificate(**facts), TRANSFER)) == refused


def test_what_moved_to_a_third_enterprise_meanwhile_is_filed_anew(firm, session):
    certificate = firm.old.certificate()
    application = firm.on(certificate, TRANSFER)
    certificate.enterprise = Firm(session, name="第三家建设有限公司").enterprise
    session.commit()
    assert submitted(firm, application) == {"moved-meanwhile"}


def test_certificates_left_behind_are_a_warning(firm, session):
    person = firm.old.person()
    one, two = firm.old.certificate(person), firm.old.certificate(person, category=Category.B)
    firm.old.certificate(person, category=Category.A, valid_to=make.TODAY - DAY)
    application = firm.on(one, TRANSFER)
    case = of_applications(session, [application.id])[application.id]
    (warning,) = warnings_of(case, make.TODAY, Office())
    assert (warning.code, two.number in str(warning.sentence)) == ("left-behind", True)
    assert submitted(firm, application) == set()


def test_scans_of_the_old_enterprise_do_not_count_for_the_new_one(firm, session):
    application = firm.on(firm.old.certificate(), TRANSFER)
    for paper in session.scalars(select(models.Paper).where(models.Paper.application_id == application.id)):
        paper.replaced_at = make.NOON
    session.commit()
    assert {"missing-photo", "missing-id_card", "missing-employment_contract"} <= submitted(firm, application)
    assert of_applications(session, [application.id])[application.id].record()["papers"] == {}


def test_without_a_photo_nothing_is_filed_that_ends_in_a_new_version(firm, session):
    person = firm.person(without=(PaperKind.PHOTO,))
    certificate = firm.certificate(person, printed_enterprise="旧名称建设有限公司")
    renamed = firm.on(certificate, REPLACEMENT, reason_code=ReplacementReason.ENTERPRISE_RENAMED.value, details={})
    assert submitted(firm, renamed) == {"no-photo-to-print"}
    session.add(make.paper(PaperKind.PHOTO, person_id=person.id, enterprise_id=firm.enterprise.id))
    session.commit()
    assert submitted(firm, renamed) == set()


# --- replacement ------------------------------------------------------------------------------------
def replacement(firm, reason, details=None, **facts):
    return firm.on(firm.certificate(**facts), REPLACEMENT, reason_code=reason.value, details=details)


@pytest.mark.parametrize(
    ("reason", "facts", "details", "refused"),
    [
        (REASON.LOST, {}, LOST, set()),
        (REASON.LOST, {"valid_to": make.TODAY}, LOST, set()),
        (REASON.LOST, {"valid_to": make.TODAY - DAY}, LOST, {"certificate-expired"}),
        (REASON.LOST, {}, None, {"missing-declared_on", "missing-medium"}),
        (REASON.ENTERPRISE_RENAMED, {}, None, {"name-not-changed"}),
        (REASON.ENTERPRISE_RENAMED, {"printed_enterprise": "湖南旧名建设有限公司"}, None, set()),
        (REASON.PAPER_TO_ELECTRONIC, {"is_electronic": True}, None, {"already-electronic"}),
        (REASON.PAPER_TO_ELECTRONIC, {"is_electronic": False}, None, set()),
        (REASON.WRONG_INFORMATION, {}, None, {"nothing-corrected"}),
        (REASON.WRONG_INFORMATION, {}, {"name": "李雷"}, {"nothing-corrected"}),
        (REASON.WRONG_INFORMATION, {}, {"name": "李磊"}, set()),
        (REASON.WRONG_INFORMATION, {"holder": "李蕾"}, {"name": "李雷"}, set()),  # the record was right
        (REASON.WRONG_INFORMATION, {"holder": "李蕾"}, None, {"identity-differs"}),  # and the application says so
    ],
)
def test_each_reason_has_its_own_conditions(firm, reason, facts, details, refused):
    assert submitted(firm, replacement(firm, reason, details, **facts)) == refused


@pytest.mark.parametrize(("width", "refused"), [("（）", {"name-not-changed"}), ("()", {"name-not-changed"}), ("", set())])
def test_both_widths_of_brackets_are_the_same_enterprise_name(session, width, refused):
    firm = Firm(session, name="湖南湘江（集团）有限公司")
    printed = f"湖南湘江{width[0]}集团{width[1]}有限公司" if width else "湘江集团"
    assert submitted(firm, replacement(firm, REASON.ENTERPRISE_RENAMED, printed_enterprise=printed)) == refused


@pytest.mark.parametrize("reason", [REASON.LOST, REASON.ENTERPRISE_RENAMED, REASON.PAPER_TO_ELECTRONIC])
def test_these_keep_number_and_term_and_print_anew(firm, session, reason):
    application = replacement(
        firm, reason, LOST if reason is REASON.LOST else None, printed_enterprise="旧名", is_electronic=False
    )
    before = (application.certificate.number, application.certificate.valid_to, application.certificate.id)
    replaced = approved(firm, application)
    assert (replaced.number, replaced.valid_to, replaced.id) == before
    assert (replaced.is_electronic, replaced.printed_enterprise) == (True, firm.enterprise.name)
    assert current(session, replaced).application_id == application.id


def test_a_correction_reaches_the_person_on_approval_and_no_earlier(firm, session):
    number = make.id_number(date(1990, 2, 3), sequence=8)
    application = replacement(firm, REASON.WRONG_INFORMATION, {"name": "李磊", "id_number": number})
    person = application.person
    for action, role, side in PROCEDURE[:1] + PROCEDURE[2:4]:
        do(firm, application, action, role, side)
        assert session.get(models.Person, person.id).name == "李雷"
    do(firm, application, Action.APPROVE, Role.APPROVER)
    corrected = session.scalars(select(models.Person).where(models.Person.id_number_key == number)).one()
    assert (corrected.id, corrected.name, str(corrected.birth_date), corrected.sex.value) == (
        person.id,
        "李磊",
        "1990-02-03",
        "1",
    )
    face = current(session, application.certificate).face
    assert (face["name"], face["id_number"], face["birth_date"]) == ("李磊", number, "1990-02-03")
    assert application.certificate.holder == "李磊"


def test_a_corrected_id_number_belongs_to_nobody_else_then_or_later(firm, session):
    number = make.id_number()
    application = replacement(firm, REASON.WRONG_INFORMATION, {"id_number": number})
    other = firm.person(id_number=number)
    session.commit()
    assert submitted(firm, application) == {"id-taken"}
    other.id_number = make.id_number()
    session.commit()
    for action, role, side in PROCEDURE[:1] + PROCEDURE[2:4]:
        do(firm, application, action, role, side)
    firm.person(id_number=number)
    session.commit()
    assert codes(do(firm, application, Action.APPROVE, Role.APPROVER)) == {"id-taken"}


def incoming(firm, person=None, **details):
    person = person or firm.person()
    application = make.application(
        person, matter=REPLACEMENT, reason_code=REASON.FROM_OTHER_PROVINCE.value, details={**INCOMING, **details}
    )
    firm.session.add(application)
    firm.session.flush()
    for kind in (PaperKind.OLD_CERTIFICATE, PaperKind.TRANSFER_PROOF):
        firm.session.add(make.paper(kind, application_id=application.id, enterprise_id=firm.enterprise.id))
    firm.session.commit()
    return application


def test_what_comes_from_another_province_gets_a_number_of_ours_and_keeps_its_term(firm):
    issued = approved(firm, incoming(firm))
    assert issued.number == "湘建安C1(2026)0000001"
    assert (str(issued.first_issued_on), str(issued.valid_from), str(issued.valid_to)) == (
        "2024-05-01",
        "2026-03-02",
        "2027-04-30",
    )


@pytest.mark.parametrize(
    ("valid_to", "refused"),
    [
        ("2026-03-01", {"old-certificate-expired"}),
        ("2026-03-02", set()),
        ("2026-03-03", set()),
        ("2024-04-30", {"old-certificate-expired", "days-out-of-order"}),
        ("2029-03-03", {"term-too-long"}),
    ],
)
def test_what_comes_from_another_province_is_in_force(firm, valid_to, refused):
    assert submitted(firm, incoming(firm, valid_to=valid_to)) == refused


def test_a_term_that_is_carried_over_is_no_longer_than_one_of_ours(firm):
    application = incoming(firm, valid_to="2029-03-02")
    assert str(approved(firm, application).valid_to) == "2029-03-01"  # three years from today, that day included


@pytest.mark.parametrize("details", [{"old_province": "湖南省"}, {"old_number": "湘建安C1(2024)0000007"}])
def test_a_certificate_of_this_province_is_transferred_not_brought_along(firm, details):
    assert submitted(firm, incoming(firm, **details)) == {"own-province"}


def test_nobody_brings_along_what_they_hold_here(firm):
    person = firm.person()
    firm.certificate(person)
    assert submitted(firm, incoming(firm, person)) == {"already-certified"}


@pytest.mark.parametrize(("chosen", "category"), [(None, Category.C3), ({"category": "C1"}, Category.C1)])
def test_an_undivided_c_becomes_c3_unless_another_is_chosen_under_a_new_number(firm, session, chosen, category):
    old = firm.certificate(category=Category.C, number="湘建安C(2023)0000321", is_electronic=False)
    application = firm.on(old, REPLACEMENT, reason_code=REASON.PAPER_TO_ELECTRONIC.value, details=chosen)
    new = approved(firm, application)
    assert (new.category, new.number, new.valid_to) == (category, f"湘建安{category.value}(2026)0000001", old.valid_to)
    assert (new.first_issued_on, current(session, new).face["category"]) == (old.first_issued_on, category.value)
    session.refresh(old)
    assert (old.status, old.status_reason) == (CertificateStatus.CANCELLED, f"→ {new.number}")


def test_an_undivided_c_does_not_become_what_is_held_already(firm):
    person = firm.person()
    firm.certificate(person, category=Category.C3)
    old = firm.certificate(person, category=Category.C, is_electronic=False)
    application = firm.on(old, REPLACEMENT, reason_code=REASON.PAPER_TO_ELECTRONIC.value, details=None)
    assert submitted(firm, application) == {"already-certified"}


# --- cancellation -----------------------------------------------------------------------------------
@pytest.mark.parametrize("valid_to", [make.TODAY - DAY, make.TODAY])
def test_a_cancellation_ends_what_is_valid_or_has_run_out_at_once(firm, session, valid_to):
    application = firm.on(firm.certificate(valid_to=valid_to), CANCELLATION)
    ended = approved(firm, application)
    assert ended.status_on(make.TODAY) is CertificateStatus.CANCELLED
    (event,) = ended.events
    assert (event.deed, event.status, event.application_id) == (CertificateEventKind.CANCELLED, ended.status, application.id)


def test_another_reason_is_named(firm):
    certificate = firm.certificate()
    application = firm.on(certificate, CANCELLATION, reason_code=CancellationReason.OTHER.value)
    assert submitted(firm, application) == {"missing-note"}


def test_somebody_who_left_the_books_can_still_be_cancelled(firm):
    certificate = firm.certificate()
    certificate.person.enterprise_id = None
    assert submitted(firm, firm.on(certificate, CANCELLATION)) == set()


# --- one open matter, papers, clock -------------------------------------------------------------------
@pytest.mark.parametrize("state", [State.AWAITING_ACCEPTANCE, State.RETURNED, State.AWAITING_APPROVAL])
def test_a_certificate_has_one_matter_under_way(firm, state):
    certificate = firm.old.certificate()
    firm.old.on(certificate, RENEWAL, state)
    assert submitted(firm, firm.on(certificate, TRANSFER)) == {"already-open"}


@pytest.mark.parametrize("state", [State.DRAFT, State.RELEASE_REFUSED])
def test_another_enterprise_s_transfer_blocks_nobody(firm, state):
    certificate = firm.certificate()
    Firm(firm.session, name="第三家建设有限公司").on(certificate, TRANSFER, state)
    assert submitted(firm, firm.on(certificate, RENEWAL)) == set()


def test_a_closed_matter_allows_the_next(firm):
    certificate = firm.certificate()
    firm.on(certificate, CANCELLATION, State.REVIEW_REFUSED)
    assert submitted(firm, firm.on(certificate, RENEWAL)) == set()


@pytest.mark.parametrize(("matter", "days"), [(k, 28 if k in (MatterKind.NEW, RENEWAL) else 7) for k in MatterKind])
def test_each_matter_has_its_own_legal_clock(firm, matter, days):
    application = firm.application(State.AWAITING_ACCEPTANCE, matter=matter)
    do(firm, application, Action.ACCEPT, Role.ACCEPTANCE_OFFICER)
    assert application.due_on == make.TODAY + timedelta(days=days)  # 20 and 5 working days


def test_missing_papers_of_a_matter_are_named_with_the_place_where_they_are_added(firm, session):
    application = firm.on(firm.certificate(), RENEWAL)
    for paper in session.scalars(select(models.Paper).where(models.Paper.application_id == application.id)):
        session.delete(paper)
    session.commit()
    planned = do(firm, application, Action.SUBMIT)
    ((one, two),) = planned.refused.values()
    assert {one.code, two.code} == {"missing-old_certificate", "missing-continuing_education"}
    assert (one.place.page, one.place.row) == ("filing", application.filing_id)


@pytest.mark.parametrize(("required_from", "refused"), [(make.TODAY, {"missing-registration"}), (make.TODAY + DAY, set())])
def test_a_changed_table_of_papers_counts_from_its_day_on(firm, session, required_from, refused):
    application = firm.on(firm.certificate(firm.person(without=(PaperKind.REGISTRATION,))), RENEWAL)
    rule = models.PaperRule(matter=RENEWAL, category="C1", paper=PaperKind.REGISTRATION, required_from=required_from)
    session.add(rule)
    session.commit()
    try:
        assert submitted(firm, application) == refused
    finally:
        session.delete(rule)
        session.commit()


def test_what_was_submitted_before_an_edit_is_not_asked_for_it(firm, session):
    application = firm.on(firm.certificate(firm.person(without=(PaperKind.REGISTRATION,))), RENEWAL, State.RETURNED)
    rule = models.PaperRule(matter=RENEWAL, paper=PaperKind.REGISTRATION, required_from=make.TODAY)
    session.add(rule)
    session.commit()
    try:
        assert submitted(firm, application) == set()
    finally:
        session.delete(rule)
        session.commit()


def test_a_line_for_a_category_overrules_the_general_one_and_seeding_again_adds_nothing(firm, session):
    rule = models.PaperRule(
        matter=RENEWAL, category="C1", paper=PaperKind.TITLE, required=False, required_from=date(2018, 1, 1)
    )
    session.add(rule)
    session.commit()
    assert seed_papers(session) == 0
    try:
        application = firm.on(firm.certificate(firm.person(without=(PaperKind.TITLE,))), RENEWAL)
        assert submitted(firm, application) == set()
    finally:
        session.delete(rule)
        session.commit()


# --- taking back, correcting ------------------------------------------------------------------------
def test_what_was_withdrawn_is_a_draft_with_a_history_and_can_be_given_up(firm, session):
    application = firm.on(firm.certificate(), RENEWAL)
    do(firm, application, Action.SUBMIT)
    do(firm, application, Action.WITHDRAW)
    assert (application.state, application.submitted_at, application.due_on) == (State.DRAFT, None, None)
    do(firm, application, Action.ABANDON)
    assert (application.state, application.closed_at) == (State.ABANDONED, make.NOON)
    assert submitted(firm, firm.on(application.certificate, CANCELLATION)) == set()


def test_a_draft_that_nobody_has_seen_is_deleted_not_given_up(firm):
    assert codes(do(firm, firm.on(firm.certificate(), RENEWAL), Action.ABANDON)) == {"never-submitted"}


def test_nothing_is_withdrawn_once_it_was_accepted(firm):
    application = firm.application(State.AWAITING_REVIEW, matter=RENEWAL)
    assert codes(do(firm, application, Action.WITHDRAW)) == {"stale"}


def test_marks_make_one_notice_and_open_only_what_is_marked(firm, session):
    application = firm.on(firm.certificate(), RENEWAL)
    do(firm, application, Action.SUBMIT)
    marks = [CorrectionMark("person.major", "与学历证不一致"), CorrectionMark("papers.photo", "请上传近期照片")]
    do(firm, application, Action.RETURN, Role.ACCEPTANCE_OFFICER, marks=marks, reason="共两处")
    step = application.steps[-1]
    assert step.marks == [mark.stored() for mark in marks]
    assert [line[:2] for line in step.reason.splitlines()] == ["1.", "2.", "共两"]
    person = session.get(models.Person, application.person_id)
    person.major, person.position = "土木工程", Position.SAFETY_DIRECTOR
    session.commit()
    assert codes(do(firm, application, Action.SUBMIT)) == {"not-corrected"}  # the photo is the one that was marked
    do(firm, application, Action.SUBMIT, reason="照片为上月拍摄")
    session.refresh(application)
    found = changes(application.snapshot_before, application.snapshot)
    assert [(change.item, change.before, change.after) for change in found] == [("person.major", "", "土木工程")]


def test_without_marks_everything_is_open(firm, session):
    application = firm.on(firm.certificate(), RENEWAL)
    do(firm, application, Action.SUBMIT)
    do(firm, application, Action.RETURN, Role.ACCEPTANCE_OFFICER, reason="填报的职务与聘任文件载明的职务不一致")
    session.get(models.Person, application.person_id).position = Position.SAFETY_DIRECTOR
    session.commit()
    do(firm, application, Action.SUBMIT)
    session.refresh(application)
    assert application.snapshot["person"]["position"] == Position.SAFETY_DIRECTOR.value


@pytest.mark.parametrize(
    ("action", "mark"),
    [
        (Action.RETURN, CorrectionMark("person.salary", "?")),
        (Action.RETURN, CorrectionMark("person.name", " ")),
        (Action.DECLINE, CorrectionMark("person.name", "错字")),
    ],
)
def test_a_mark_is_of_something_says_why_and_goes_with_a_return(firm, action, mark):
    application = firm.application(State.AWAITING_ACCEPTANCE, matter=RENEWAL)
    with pytest.raises(Unmet) as error:
        do(firm, application, action, Role.ACCEPTANCE_OFFICER, marks=[mark], reason=make.REASON)
    assert error.value.refusals[0].code == "bad-mark"


# --- many at once -----------------------------------------------------------------------------------
def _many(firm, matter, count):
    with firm.together():
        return [firm.application(State.AWAITING_APPROVAL, matter=matter).id for _ in range(count)]


@pytest.mark.parametrize("matter", [RENEWAL, TRANSFER, REPLACEMENT, CANCELLATION], ids=lambda matter: matter.value)
def test_many_are_decided_in_as_many_queries_as_one(firm, system, matter):
    one, many = _many(firm, matter, 1), _many(firm, matter, 120)
    with queries(system.engine) as few:
        do(firm, one, Action.APPROVE, Role.APPROVER)
    with queries(system.engine) as lots:
        planned = do(firm, many, Action.APPROVE, Role.APPROVER)
    assert len(planned.passes) == 120
    assert len(lots) == len(few), sorted({statement[:60] for statement in lots})


def test_every_change_leaves_one_line_of_history(firm, session):
    certificate = approved(firm, firm.on(firm.old.certificate(), TRANSFER))
    approved(firm, firm.on(certificate, REPLACEMENT))
    approved(firm, firm.on(certificate, CANCELLATION))
    kinds = session.scalars(select(models.CertificateEvent.deed).order_by(models.CertificateEvent.id)).all()
    assert kinds == [CertificateEventKind.MOVED, CertificateEventKind.REPLACED, CertificateEventKind.CANCELLED]
    assert session.scalar(select(func.count()).where(models.CertificateVersion.replaced_at.is_(None))) == 1


def test_every_matter_is_served():
    assert set(MATTERS) == set(MatterKind)


# --- what an application states about the person ------------------------------------------------------
STATED = {"position": "legal_representative", "education": "postgraduate", "major": "土木工程", "technical_title": "senior"}


def test_a_transfer_completes_the_person_on_approval_and_no_earlier(firm, session):
    held = firm.old.certificate(firm.old.person(position=None, education=None), category=Category.A)
    application = firm.on(held, TRANSFER, details=STATED)
    for action, role, side in PROCEDURE[:-1]:
        assert codes(do(firm, application, action, role, side)) == set()
        assert session.get_one(models.Person, held.person_id, populate_existing=True).education is None
    do(firm, application, Action.APPROVE, Role.APPROVER)
    person = session.get_one(models.Person, held.person_id, populate_existing=True)
    assert {name: getattr(getattr(person, name), "value", person.major) for name in STATED} == STATED
    assert person.enterprise_id == firm.enterprise.id
    assert {name: current(session, held).face[name] for name in STATED} == STATED


def test_a_transfer_that_states_nothing_keeps_the_record(firm, session):
    held = firm.old.certificate(firm.old.person(major="造价"))
    approved(firm, firm.on(held, TRANSFER))
    person = session.get_one(models.Person, held.person_id, populate_existing=True)
    assert (person.major, person.position, person.education.value) == ("造价", Position.SAFETY_OFFICER, "bachelor")


def test_a_principal_without_position_is_not_transferred_until_it_is_stated(firm):
    held = firm.old.certificate(firm.old.person(position=None), category=Category.A)
    application = firm.on(held, TRANSFER)
    assert submitted(firm, application) == {"no-position-to-print"}
    application.details = {"position": "safety_officer"}
    firm.session.commit()
    assert submitted(firm, application) == {"position-does-not-fit"}
    application.details = {"position": "legal_representative"}
    firm.session.commit()
    assert submitted(firm, application) == set()


def test_a_correction_reaches_everything_that_is_printed(firm, session):
    stated = {"education": "postgraduate", "technical_title": "senior", "major": "土木工程"}
    application = replacement(firm, REASON.WRONG_INFORMATION, stated, printed_enterprise="印错的企业名称")
    approved(firm, application)
    person = session.get_one(models.Person, application.person_id, populate_existing=True)
    assert (person.education.value, person.technical_title.value, person.major) == ("postgraduate", "senior", "土木工程")
    face = current(session, application.certificate).face
    assert {name: face[name] for name in stated} == stated
    assert (face["enterprise"], application.certificate.printed_enterprise) == (firm.enterprise.name,) * 2


@pytest.mark.parametrize(
    ("details", "refused"),
    [
        ({"sex": "1"}, set()),  # wrong on the paper certificate only
        ({"birth_date": "1985-06-15"}, set()),
        ({"birth_date": "1985-06-14"}, {"differs-from-number"}),
        ({"wrong_photo": "yes"}, set()),
        ({"wrong_enterprise": "yes"}, set()),
        ({"position": "project_manager"}, {"position-does-not-fit"}),
    ],
)
def test_whatever_is_wrong_on_a_paper_certificate_can_be_corrected(firm, details, refused):
    held = firm.certificate(firm.person(id_number=make.id_number(sequence=10)), is_electronic=False)
    assert held.person.sex.value == "1"
    application = firm.on(held, REPLACEMENT, reason_code=REASON.WRONG_INFORMATION.value, details=details)
    assert submitted(firm, application) == refused


def test_a_position_changed_after_submission_is_looked_at_on_acceptance(firm):
    application = firm.application(category=Category.C1)
    assert submitted(firm, application) == set()
    application.person.position = Position.PROJECT_MANAGER
    firm.session.commit()
    assert codes(do(firm, application, Action.ACCEPT, Role.ACCEPTANCE_OFFICER)) == {"position-does-not-fit"}


# --- what stands in the way of a new certificate --------------------------------------------------------


def test_a_suspended_c1_is_not_escaped_by_a_c3_neither_at_first_nor_later(firm, session):
    application = firm.application(category=Category.C3)
    held = firm.certificate(application.person, category=Category.C1, status=CertificateStatus.SUSPENDED)
    session.commit()
    assert submitted(firm, application) == {"covered-suspended"}
    held.status = CertificateStatus.VALID
    session.commit()
    for action, role, side in (*PROCEDURE[:1], *PROCEDURE[2:4]):
        assert codes(do(firm, application, action, role, side)) == set()
    held.status = CertificateStatus.SUSPENDED
    session.commit()
    assert codes(do(firm, application, Action.APPROVE, Role.APPROVER)) == {"covered-suspended"}


def test_a_pending_correction_stops_a_new_application(firm, session):
    application = firm.application()
    session.add(make.identity_correction(application.person))
    session.commit()
    assert submitted(firm, application) == {"correction-pending"}


def test_a_transfer_ends_a_pending_correction_of_the_old_enterprise(firm, session):
    held = firm.old.certificate(firm.old.person())
    correction = make.identity_correction(held.person)
    application = firm.on(held, TRANSFER)
    for action, role, side in PROCEDURE[:-1]:
        assert codes(do(firm, application, action, role, side)) == set()
    session.add(correction)
    session.commit()
    do(firm, application, Action.APPROVE, Role.APPROVER)
    session.refresh(correction)
    assert (correction.state.value, "另" in correction.decision_reason or "其他企业" in correction.decision_reason) == (
        "withdrawn",
        True,
    )
