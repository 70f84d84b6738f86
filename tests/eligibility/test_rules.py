"""Every rule at its boundary: the day before, the day itself, the day after, leap days, ends of months."""

import inspect
from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.core.office import PRINCIPALS, PROJECT_MANAGERS, SAFETY_OFFICERS, Office, Positions
from app.core.vocabulary import (
    CancellationReason,
    Category,
    CertificateStatus,
    MatterKind,
    PaperKind,
    PassSource,
    Position,
    Registration,
    ReplacementReason,
    State,
)
from app.eligibility import incoming_rules, particulars, rules
from app.eligibility.facts import CertificateFacts, Facts, OpenCase, PaperRequirement, PassFacts
from app.matters import AT_EVERY_STEP, MATTERS, can_be_printed

A, B, C, C1, C2, C3 = (Category[name] for name in ("A", "B", "C", "C1", "C2", "C3"))
HERE, ELSEWHERE, THIRD = 1, 2, 3
NUMBER = "湘建安C1(2024)0000001"
PERSON = {"name": "李雷", "id_number": "430102198506150019", "position": Position.SAFETY_OFFICER.value}
WHO = {"name": "李雷", "id_number": "430102198506150019"}
OTHER_NAME, OTHER_NUMBER = {**WHO, "name": "王五"}, {**WHO, "id_number": "430102199002030018"}
PERSON |= {"education": "", "major": "", "technical_title": "", "mobile": ""}
LOST = {"matter": MatterKind.REPLACEMENT, "reason_code": ReplacementReason.LOST.value}
WRONG = {"matter": MatterKind.REPLACEMENT, "reason_code": ReplacementReason.WRONG_INFORMATION.value}


def day(text: str) -> date:
    return date.fromisoformat(text)


def held(valid_to="2027-04-30", **facts) -> CertificateFacts:
    given = {
        "id": 7, "number": NUMBER, "category": C1, "status": CertificateStatus.VALID, "valid_to": day(valid_to),
        "enterprise_id": HERE, "enterprise_name": "湘江", "holder": "李雷", "printed_enterprise": "湘江",
        "first_issued_on": day("2024-05-01"), "issued_on": day("2024-05-01"), "valid_from": day("2024-05-01"),
        "is_electronic": True,
    }  # fmt: skip
    return CertificateFacts(**{**given, **facts})


def passed(on: str, **facts) -> PassFacts:
    given = {
        "id": 1, "category": C1, "source": PassSource.SYSTEM, "originals_verified": False, "used_by": None, "identity": WHO
    }  # fmt: skip
    return PassFacts(passed_on=day(on), **{**given, **facts})


def case(*certificates, born="1985-06-15", person=None, **facts) -> Facts:
    """A draft of a person of the enterprise, by default on the certificate with the id 7, if any is given."""
    given = {
        "application_id": 5, "number": "AG1", "state": State.DRAFT, "round": 0, "matter": MatterKind.NEW, "category": C1,
        "filing_id": 3, "handler_name": "韩梅梅", "handler_mobile": "13800000000", "region_code": "430100",
        "enterprise_id": HERE, "enterprise": {"name": "湘江"}, "enterprise_registration": Registration.APPROVED,
        "person_id": 9, "person": {**PERSON, **(person or {})}, "birth_date": day(born), "employer_id": HERE,
        "banned_until": None, "certificates": certificates, "certificate_id": 7 if certificates else None,
    }  # fmt: skip
    return Facts(**{**given, **facts})


def new(*certificates, **facts) -> Facts:
    """As ``case``, for a new certificate beside those that are held."""
    return case(*certificates, **{"certificate_id": None, **facts})


def of(status: str, **facts) -> CertificateFacts:
    return held(status=CertificateStatus(status), **facts)


def open_case(**facts) -> OpenCase:
    given = {"id": 6, "matter": MatterKind.RENEWAL, "category": C1, "state": State.AWAITING_REVIEW, "enterprise_id": HERE}
    return OpenCase(**{**given, "certificate_id": 7, **facts})


def asking(kind: PaperKind, since="2018-01-01", **facts) -> Facts:
    return case(paper_requirements=(PaperRequirement(kind, True, day(since)),), **facts)


# Rule, case, day, and the code of the refusal ("": none).
def submitted(who, state=State.AWAITING_APPROVAL, *certificates, **facts) -> Facts:
    """A case as it stands in a state, submitted for somebody."""
    snapshot = {"person": who, "details": facts.get("details", {}), "papers": {}}
    return case(*certificates, state=state, snapshot=snapshot, **facts)


SAME = rules.is_one_and_the_same_person
UNDER_REVIEW = (
    State.AWAITING_RELEASE, State.RETURNED, State.AWAITING_ACCEPTANCE, State.AWAITING_REVIEW, State.AWAITING_APPROVAL
)  # fmt: skip
CORRECTED = {"name": "王五"}
ANSWERS = (
    # the same person in record, application, exam and certificate; spellings of one name are equal
    *((SAME, submitted(WHO, state), "2026-03-02", "") for state in UNDER_REVIEW),
    *(
        (SAME, submitted(who, state), "2026-03-02", "identity-differs")
        for who in (OTHER_NAME, OTHER_NUMBER)
        for state in UNDER_REVIEW
    ),
    *(
        (SAME, submitted(OTHER_NAME, state), "2026-03-02", "")  # will be submitted anew
        for state in (State.DRAFT, State.RELEASE_REFUSED, State.NOT_ACCEPTED)
    ),
    (SAME, submitted({**WHO, "name": " 李 雷 "}), "2026-03-02", ""),
    (SAME, case(passes=(passed("2026-01-05"),)), "2026-03-02", ""),
    (SAME, case(passes=(passed("2026-01-05", identity=OTHER_NAME),)), "2026-03-02", "identity-differs"),
    (SAME, case(passes=(passed("2026-01-05", identity=OTHER_NUMBER),)), "2026-03-02", "identity-differs"),
    (SAME, case(passes=(passed("2026-01-05", identity=None),)), "2026-03-02", "identity-differs"),
    (SAME, case(passes=(passed("2026-01-05", identity=OTHER_NAME, category=A),)), "2026-03-02", ""),  # not the one used
    (SAME, case(passes=(passed("2026-01-05", identity=OTHER_NAME, used_by=4),)), "2026-03-02", ""),
    (SAME, case(held(), matter=MatterKind.RENEWAL), "2026-03-02", ""),
    (SAME, case(held(), matter=MatterKind.RENEWAL, face=WHO), "2026-03-02", ""),
    (SAME, case(held(holder="王五"), matter=MatterKind.RENEWAL), "2026-03-02", "identity-differs"),
    (SAME, case(held(holder="王五"), matter=MatterKind.RENEWAL, face=WHO), "2026-03-02", "identity-differs"),
    (SAME, case(held(), matter=MatterKind.TRANSFER, face=OTHER_NAME), "2026-03-02", "identity-differs"),
    (SAME, case(held(), matter=MatterKind.CANCELLATION, face=OTHER_NUMBER), "2026-03-02", "identity-differs"),
    (SAME, new(held(holder="王五"), passes=(passed("2026-01-05"),)), "2026-03-02", ""),  # not acted upon
    # a replacement for wrong information may differ in what it states, and in that only
    (SAME, case(held(holder="王五"), face=OTHER_NAME, **WRONG), "2026-03-02", "identity-differs"),
    (SAME, case(held(holder="王五"), face=OTHER_NAME, details={"name": "李雷"}, **WRONG), "2026-03-02", ""),
    (SAME, case(held(), face=OTHER_NUMBER, details={"name": "李雷"}, **WRONG), "2026-03-02", "identity-differs"),
    (SAME, case(held(), face=WHO, details=CORRECTED, **WRONG), "2026-03-02", ""),
    (SAME, case(held(holder="王五"), details={"name": "李雷"}, **LOST), "2026-03-02", "identity-differs"),
    # two certificates of one person: the first application has corrected the record that the second was submitted with
    (SAME, submitted(OTHER_NAME, details={"name": "李雷"}, **WRONG), "2026-03-02", ""),
    (SAME, submitted(OTHER_NAME, details={"name": "李四"}, **WRONG), "2026-03-02", "identity-differs"),
    (SAME, submitted(OTHER_NUMBER, details={"name": "李雷"}, **WRONG), "2026-03-02", "identity-differs"),
    (SAME, submitted(WHO, foreign_papers=(PaperKind.ID_CARD,)), "2026-03-02", "identity-differs"),
    (rules.works_for_the_filing_enterprise, case(), "2026-03-02", ""),
    (rules.works_for_the_filing_enterprise, case(employer_id=ELSEWHERE), "2026-03-02", "not-own-person"),
    (rules.works_for_the_filing_enterprise, case(employer_id=None), "2026-03-02", "not-own-person"),
    (rules.enterprise_is_registered, case(), "2026-03-02", ""),
    *(
        (rules.enterprise_is_registered, case(enterprise_registration=state), "2026-03-02", "enterprise-not-registered")
        for state in (Registration.PENDING, Registration.REJECTED)
    ),
    (rules.names_a_handler, case(), "2026-03-02", ""),
    (rules.names_a_handler, case(handler_name=""), "2026-03-02", "handler-missing"),
    (rules.names_a_handler, case(handler_mobile=""), "2026-03-02", "handler-missing"),
    # banned until a day: on that day one may apply again
    (rules.is_not_banned, case(), "2026-03-02", ""),
    (rules.is_not_banned, case(banned_until=day("2028-02-29")), "2028-02-28", "banned"),
    (rules.is_not_banned, case(banned_until=day("2028-02-29")), "2028-02-29", ""),
    (rules.is_not_banned, case(banned_until=day("2028-02-29")), "2028-03-01", ""),
    # each position goes with one kind of category (建质〔2015〕206号 one); without a position, none
    *(
        (
            rules.position_fits_the_category,
            case(category=category, person={"position": position.value}),
            "2026-03-02",
            "" if position in fitting else "position-does-not-fit",
        )
        for category, fitting in ((A, PRINCIPALS), (B, PROJECT_MANAGERS), (C1, SAFETY_OFFICERS), (C2, SAFETY_OFFICERS))
        for position in Position
    ),
    *(
        (
            rules.position_fits_the_category,
            case(category=category, person={"position": ""}),
            "2026-03-02",
            "position-does-not-fit",
        )
        for category in (A, B, C1)
    ),
    # of age on the eighteenth birthday; born on a leap day: on 1 March of a common year
    (rules.is_of_age, case(born="2008-03-31"), "2026-03-30", "too-young"),
    (rules.is_of_age, case(born="2008-03-31"), "2026-03-31", ""),
    (rules.is_of_age, case(born="2008-03-31"), "2026-04-01", ""),
    (rules.is_of_age, case(born="2008-02-29"), "2026-02-28", "too-young"),
    (rules.is_of_age, case(born="2008-02-29"), "2026-03-01", ""),
    # under sixty as a safety officer; principals and project managers have no such limit
    (rules.is_of_age, case(born="1966-08-31"), "2026-08-30", ""),
    (rules.is_of_age, case(born="1966-08-31"), "2026-08-31", "over-age"),
    (rules.is_of_age, case(born="1966-08-31"), "2026-09-01", "over-age"),
    (rules.is_of_age, case(born="1968-02-29"), "2028-02-28", ""),
    (rules.is_of_age, case(born="1968-02-29"), "2028-02-29", "over-age"),
    *((rules.is_of_age, case(born="1966-08-31", category=category), "2026-08-31", "") for category in (A, B)),
    *((rules.is_of_age, case(born="1966-08-31", category=category), "2026-08-31", "over-age") for category in (C, C2, C3)),
    (rules.nears_retirement, case(born="1966-08-31", category=A), "2026-08-30", ""),
    (rules.nears_retirement, case(born="1966-08-31", category=A), "2026-08-31", "past-retirement"),
    (rules.nears_retirement, case(born="1966-08-31", category=B), "2026-09-01", "past-retirement"),
    (rules.nears_retirement, case(born="1966-08-31"), "2026-09-01", ""),
    (
        rules.nears_retirement,
        case(born="1950-01-01", category=A, person={"position": Position.LEGAL_REPRESENTATIVE.value}),
        "2026-09-01",
        "",
    ),
    # papers: required from the day in the table on, whatever they belong to
    (rules.papers_are_complete, asking(PaperKind.PHOTO, "2026-03-03"), "2026-03-02", ""),
    (rules.papers_are_complete, asking(PaperKind.PHOTO, "2026-03-03"), "2026-03-03", "missing-photo"),
    (rules.papers_are_complete, asking(PaperKind.PHOTO, "2026-03-03"), "2026-03-04", "missing-photo"),
    (rules.papers_are_complete, asking(PaperKind.PHOTO, person_papers={PaperKind.PHOTO: 1}), "2026-03-04", ""),
    (rules.papers_are_complete, asking(PaperKind.LOSS_STATEMENT), "2026-03-04", "missing-loss_statement"),
    (rules.papers_are_complete, asking(PaperKind.PLEDGE), "2026-03-04", "missing-pledge"),
    (rules.papers_are_complete, asking(PaperKind.QUALIFICATION), "2026-03-04", "missing-qualification"),
    (
        rules.papers_are_complete,
        asking(PaperKind.PHOTO, matter=MatterKind.TRANSFER, person_papers={PaperKind.PHOTO: 1}),
        "2026-03-04",
        "missing-photo",
    ),
    (rules.has_integrity_pledge, case(), "2026-03-02", "missing-pledge"),
    (rules.has_integrity_pledge, case(pledge_paper=4), "2026-03-02", ""),
    (rules.has_qualification_scan, case(), "2026-03-02", "missing-qualification"),
    (rules.has_qualification_scan, case(qualification_papers=(4,)), "2026-03-02", ""),
    # an exam counts for two years, the day of the second anniversary included
    (rules.has_passed_the_exam, case(), "2026-03-02", "no-exam-pass"),
    (rules.has_passed_the_exam, case(passes=(passed("2024-03-31", category=C2),)), "2026-03-02", "no-exam-pass"),
    (rules.has_passed_the_exam, case(passes=(passed("2024-03-31", used_by=6),)), "2026-03-02", "no-exam-pass"),
    (rules.has_passed_the_exam, case(passes=(passed("2024-03-31"),)), "2026-03-30", ""),
    (rules.has_passed_the_exam, case(passes=(passed("2024-03-31"),)), "2026-03-31", ""),
    (rules.has_passed_the_exam, case(passes=(passed("2024-03-31"),)), "2026-04-01", "exam-pass-too-old"),
    (rules.has_passed_the_exam, case(passes=(passed("2024-02-29"),)), "2026-03-01", ""),
    (rules.has_passed_the_exam, case(passes=(passed("2024-02-29"),)), "2026-03-02", "exam-pass-too-old"),
    (rules.has_passed_the_exam, case(passes=(passed("2020-01-01"), passed("2025-01-01"))), "2026-03-02", ""),
    (rules.still_has_the_pass, case(passes=(passed("2020-01-01"),)), "2026-03-02", ""),
    (rules.still_has_the_pass, case(passes=(passed("2020-01-01", used_by=5),)), "2026-03-02", ""),
    (rules.still_has_the_pass, case(passes=(passed("2020-01-01", used_by=6),)), "2026-03-02", "no-exam-pass"),
    (rules.originals_were_seen, case(), "2026-03-02", ""),
    (rules.originals_were_seen, case(passes=(passed("2025-01-01"),)), "2026-03-02", ""),
    (
        rules.originals_were_seen,
        case(passes=(passed("2025-01-01", source=PassSource.LEGACY),)),
        "2026-03-02",
        "originals-not-verified",
    ),
    (
        rules.originals_were_seen,
        case(passes=(passed("2025-01-01", source=PassSource.LEGACY, originals_verified=True),)),
        "2026-03-02",
        "",
    ),
    # one certificate per category, until the end of its last day; C3 covers C1 and C2
    (rules.holds_no_such_certificate, new(held("2026-03-31")), "2026-03-30", "already-certified"),
    (rules.holds_no_such_certificate, new(held("2026-03-31")), "2026-03-31", "already-certified"),
    (rules.holds_no_such_certificate, new(held("2026-03-31")), "2026-04-01", ""),
    (rules.holds_no_such_certificate, new(held("2028-02-29")), "2028-02-29", "already-certified"),
    (rules.holds_no_such_certificate, new(held("2028-02-29")), "2028-03-01", ""),
    (rules.holds_no_such_certificate, new(of("02")), "2026-03-02", "already-certified"),
    *((rules.holds_no_such_certificate, new(of(code)), "2026-03-02", "") for code in ("03", "04", "06", "07")),
    (rules.holds_no_such_certificate, new(held(category=C3)), "2026-03-02", "already-certified"),
    (rules.holds_no_such_certificate, new(held(category=C2)), "2026-03-02", ""),
    (rules.holds_no_such_certificate, new(held(), category=C3), "2026-03-02", ""),
    (rules.holds_no_such_certificate, new(held(category=A), category=B), "2026-03-02", ""),
    (rules.keeps_certificates_in_one_enterprise, new(held()), "2026-03-02", ""),
    (
        rules.keeps_certificates_in_one_enterprise,
        new(held("2026-03-02", enterprise_id=ELSEWHERE)),
        "2026-03-02",
        "certified-elsewhere",
    ),
    (rules.keeps_certificates_in_one_enterprise, new(held("2026-03-01", enterprise_id=ELSEWHERE)), "2026-03-02", ""),
    (rules.keeps_certificates_in_one_enterprise, new(held(category=A, enterprise_id=ELSEWHERE)), "2026-03-02", ""),
    (rules.is_the_only_open_application, case(), "2026-03-02", ""),
    (rules.is_the_only_open_application, case(excluded_by=(open_case(certificate_id=None),)), "2026-03-02", "already-open"),
    (rules.is_the_only_open_application, case(held(), excluded_by=(open_case(),)), "2026-03-02", "already-open"),
    # holder and status of the certificate
    (rules.certificate_is_own, case(), "2026-03-02", ""),
    (rules.certificate_is_own, case(held()), "2026-03-02", ""),
    (rules.certificate_is_own, case(held(enterprise_id=ELSEWHERE)), "2026-03-02", "not-own-certificate"),
    (rules.certificate_is_with_another_enterprise, case(), "2026-03-02", ""),
    (rules.certificate_is_with_another_enterprise, case(held()), "2026-03-02", "already-yours"),
    (
        rules.certificate_is_with_another_enterprise,
        case(held(enterprise_id=ELSEWHERE), releasing_enterprise_id=ELSEWHERE),
        "2026-03-02",
        "",
    ),
    (
        rules.certificate_is_with_another_enterprise,
        case(held(enterprise_id=THIRD), releasing_enterprise_id=ELSEWHERE),
        "2026-03-02",
        "moved-meanwhile",
    ),
    (rules.certificate_is_of_this_province, case(held(is_electronic=False)), "2026-03-02", ""),
    (
        rules.certificate_is_of_this_province,
        case(held(is_electronic=False, number="粤建安C1(2024)0000001")),
        "2026-03-02",
        "other-province",
    ),
    (rules.certificate_stands, case(), "2026-03-02", ""),
    *((rules.certificate_stands, case(of(code)), "2026-03-02", "") for code in ("01", "05")),
    *(
        (rules.certificate_stands, case(of(code)), "2026-03-02", "certificate-not-valid")
        for code in ("02", "03", "04", "06", "07", "99")
    ),
    (rules.certificate_stands, case(held("2020-01-01")), "2026-03-02", ""),
    *((rules.certificate_has_not_expired, case(held("2026-04-30")), f"2026-04-{n}", "") for n in (29, 30)),
    (rules.certificate_has_not_expired, case(held("2026-04-30")), "2026-05-01", "certificate-expired"),
    (rules.certificate_has_not_expired, case(held("2028-02-29")), "2028-02-29", ""),
    (rules.certificate_has_not_expired, case(held("2028-02-29")), "2028-03-01", "certificate-expired"),
    (rules.certificate_has_not_expired, case(of("05")), "2026-03-02", "certificate-expired"),
    # renewal: three months before the last day, that day included; at the end of a short month its last day
    (rules.asks_within_the_renewal_window, case(held("2026-06-30")), "2026-03-29", "renewal-too-early"),
    *((rules.asks_within_the_renewal_window, case(held("2026-06-30")), f"2026-03-{n}", "") for n in (30, 31)),
    (rules.asks_within_the_renewal_window, case(held("2026-05-31")), "2026-02-27", "renewal-too-early"),
    (rules.asks_within_the_renewal_window, case(held("2026-05-31")), "2026-02-28", ""),
    (rules.asks_within_the_renewal_window, case(held("2028-05-31")), "2028-02-28", "renewal-too-early"),
    (rules.asks_within_the_renewal_window, case(held("2028-05-31")), "2028-02-29", ""),
    (rules.leaves_no_certificate_behind, case(held(), held(id=8)), "2026-03-02", ""),
    (
        rules.leaves_no_certificate_behind,
        case(held(), held("2026-03-02", id=8, enterprise_id=2)),
        "2026-03-02",
        "left-behind",
    ),
    (rules.leaves_no_certificate_behind, case(held(), held("2026-03-01", id=8, enterprise_id=2)), "2026-03-02", ""),
    # replacement and cancellation
    (rules.reason_is_known, case(**LOST), "2026-03-02", ""),
    (rules.reason_is_known, case(matter=MatterKind.REPLACEMENT, reason_code="left"), "2026-03-02", "reason-unknown"),
    (rules.reason_is_known, case(matter=MatterKind.CANCELLATION, reason_code=""), "2026-03-02", "reason-unknown"),
    (rules.matter_fields_are_given, case(details={"declared_on": "2026-02-20", "medium": "日报"}, **LOST), "2026-03-02", ""),
    (rules.matter_fields_are_given, case(details={"declared_on": "2026-02-20"}, **LOST), "2026-03-02", "missing-medium"),
    (
        rules.matter_fields_are_given,
        case(matter=MatterKind.CANCELLATION, reason_code=CancellationReason.OTHER.value),
        "2026-03-02",
        "missing-note",
    ),
    (rules.divided_category_is_free, case(held(category=C), category=C, **LOST), "2026-03-02", ""),
    *(
        (
            rules.divided_category_is_free,
            case(held(category=C), held("2026-03-02", id=8, category=C3), category=C, **LOST),
            on,
            answer,
        )
        for on, answer in (("2026-03-02", "already-certified"), ("2026-03-03", ""))
    ),
    (rules.divided_category_is_free, case(held(), held(id=8, category=C3), **LOST), "2026-03-02", ""),
    (rules.new_category_is_free, new(held("2026-03-02")), "2026-03-02", "already-certified"),
    (rules.new_category_is_free, new(held("2026-03-02")), "2026-03-03", ""),
    (rules.new_category_is_free, case(held()), "2026-03-02", ""),
    (particulars.corrected_id_number_is_free, case(), "2026-03-02", ""),
    (particulars.corrected_id_number_is_free, case(id_number_taken=True), "2026-03-02", "id-taken"),
    (particulars.corrected_number_is_of_age, case(), "2026-03-02", ""),
    *(
        (particulars.corrected_number_is_of_age, case(details={"id_number": "430102200803310013"}), on, answer)
        for on, answer in (("2026-03-30", "too-young"), ("2026-03-31", ""), ("2026-04-01", ""))
    ),
    *(
        (rules.loss_is_declared, case(held(), details={"declared_on": day_}, **LOST), "2026-03-02", answer)
        for day_, answer in (("2026-03-01", ""), ("2026-03-02", ""), ("2026-03-03", "declared-in-future"))
    ),
    (rules.no_measure_is_proposed, case(held()), "2026-03-02", ""),
    (rules.no_measure_is_proposed, case(held(measure_proposed=True)), "2026-03-02", "measure-proposed"),
    (rules.no_measure_is_proposed, new(held(measure_proposed=True), category=C3), "2026-03-02", "measure-proposed"),
    (rules.no_measure_is_proposed, new(held(measure_proposed=True), category=A), "2026-03-02", ""),
    (rules.newcomer_is_not_banned, new(banned_until=day("2026-03-03")), "2026-03-02", "banned"),
    (rules.newcomer_is_not_banned, case(held(), banned_until=day("2026-03-03")), "2026-03-02", ""),
    (rules.shows_another_enterprise_name, case(held()), "2026-03-02", "name-not-changed"),
    (rules.shows_another_enterprise_name, case(held(printed_enterprise="湘江（集团）")), "2026-03-02", ""),
    (
        rules.shows_another_enterprise_name,
        case(held(printed_enterprise="湘江(集团)"), enterprise={"name": "湘江（集团）"}),
        "2026-03-02",
        "name-not-changed",
    ),
    (rules.is_still_on_paper, case(held(is_electronic=False)), "2026-03-02", ""),
    (rules.is_still_on_paper, case(held()), "2026-03-02", "already-electronic"),
    (
        rules.newcomer_has_a_fitting_position,
        new(person={"position": "project_manager"}),
        "2026-03-02",
        "position-does-not-fit",
    ),
    (rules.no_correction_is_pending, new(correction_pending=True), "2026-03-02", "correction-pending"),
    (rules.no_correction_is_pending, new(), "2026-03-02", ""),
    (rules.escapes_no_suspension, new(of("02"), category=C3), "2026-03-02", "covered-suspended"),
    (rules.escapes_no_suspension, new(of("02", category=C2), category=C3), "2026-03-02", "covered-suspended"),
    (rules.escapes_no_suspension, new(of("02", category=A), category=C3), "2026-03-02", ""),
    (rules.escapes_no_suspension, new(of("01"), category=C3), "2026-03-02", ""),
    (rules.escapes_no_suspension, new(of("02"), category=C2), "2026-03-02", ""),
    (rules.newcomer_has_a_fitting_position, new(), "2026-03-02", ""),
    (rules.newcomer_has_a_fitting_position, case(held(), person={"position": ""}), "2026-03-02", ""),
    (rules.was_never_given_more_time, case(), "2026-03-02", ""),
    (rules.was_never_given_more_time, case(extended_to=day("2026-03-31")), "2026-03-02", "already-extended"),
    (rules.is_still_in_time, case(), "2026-03-02", "too-late-to-extend"),
    *(
        (rules.is_still_in_time, case(due_on=day("2026-02-28")), on, answer)
        for on, answer in (("2026-02-27", ""), ("2026-02-28", ""), ("2026-03-01", "too-late-to-extend"))
    ),
)


@pytest.mark.parametrize(
    ("rule", "facts", "on", "answer"), ANSWERS, ids=[f"{rule.__name__}-{n}" for n, (rule, *_more) in enumerate(ANSWERS)]
)
def test_rule_at_its_boundary(rule, facts, on, answer):
    codes = [refusal.code for refusal in rule(facts, day(on), Office())]
    assert codes == ([answer] if answer else [])


def test_every_rule_is_in_the_table():
    asked = set(AT_EVERY_STEP) | {
        rule
        for matter in MATTERS.values()
        for group in (matter.rules, matter.on_acceptance, matter.on_approval, matter.warnings, *matter.by_reason.values())
        for rule in group
    }
    written = {
        value for name, value in vars(rules).items()
        if inspect.isgeneratorfunction(value) and value.__module__ == rules.__name__ and not name.startswith("_")
    }  # fmt: skip
    others = (incoming_rules.__name__, particulars.__name__)
    elsewhere = {rule for rule in asked if rule.__module__ in others}  # in a table of their own
    assert asked - elsewhere - {can_be_printed} <= {rule for rule, *_more in ANSWERS}
    assert written <= {rule for rule, *_more in ANSWERS}


def test_every_rule_is_tested_with_and_without_refusal():
    for rule in {rule for rule, *_more in ANSWERS}:
        assert {bool(answer) for one, _facts, _on, answer in ANSWERS if one is rule} == {True, False}, rule.__name__


@pytest.mark.parametrize(
    ("rule", "facts", "on", "number"),
    [
        (rules.is_of_age, case(born="1971-03-02"), "2026-03-02", {"age_limit_c": 55}),
        (rules.is_of_age, case(born="2006-03-03"), "2026-03-02", {"least_age": 20}),
        (
            rules.position_fits_the_category,
            case(category=B, person={"position": "project_manager"}),
            "2026-03-02",
            {"positions_b": Positions((Position.TECHNICAL_DIRECTOR,))},
        ),
        (rules.has_passed_the_exam, case(passes=(passed("2025-03-01"),)), "2026-03-02", {"pass_valid_years": 1}),
        (rules.asks_within_the_renewal_window, case(held("2026-05-02")), "2026-04-01", {"renewal_window_months": 1}),
        (rules.certificate_is_of_this_province, case(held(is_electronic=False)), "2026-03-02", {"short_name": "粤"}),
    ],
)
def test_numbers_in_rules_are_settings_of_the_office(rule, facts, on, number):
    assert not list(rule(facts, day(on), Office()))
    assert len(list(rule(facts, day(on), replace(Office(), **number)))) == 1


def test_renewal_opens_on_the_same_day_three_months_before():
    """Or on the last day of that month, where it is shorter."""
    for ends in (day("2027-01-31"), day("2027-02-28"), day("2028-02-29"), day("2027-12-31"), day("2026-11-30")):
        facts = case(held(ends.isoformat()))
        opens = next(d for n in range(92, 80, -1) for d in [ends - timedelta(n)]
                     if not list(rules.asks_within_the_renewal_window(facts, d, Office())))  # fmt: skip
        assert (ends.year * 12 + ends.month) - (opens.year * 12 + opens.month) == 3
        assert opens.day == ends.day or (opens + timedelta(1)).day == 1


def test_expiring_certificates_are_those_whose_renewal_is_open():
    """Also at ends of months, where several last days have the same first day for renewal."""
    office, one_day = Office(), timedelta(days=1)
    for on in (day("2026-01-01") + n * one_day for n in range(800)):
        until = office.expiring_until(on)
        assert office.renewal_opens_on(until) <= on < office.renewal_opens_on(until + one_day)


def test_renewal_is_always_open_without_a_window():
    office = Office(renewal_window_months=0)
    assert not list(rules.asks_within_the_renewal_window(case(held("2029-06-30")), day("2026-03-29"), office))
    assert office.expiring_until(day("2026-03-02")) == day("2026-06-02")


def test_what_differs_is_named_and_the_number_masked():
    refusals = list(SAME(submitted({"name": "王五", "id_number": "430102199002030018"}), day("2026-03-02"), Office()))
    sentences = [str(refusal.sentence) for refusal in refusals]
    assert len(sentences) == 2
    assert all(name in sentences[0] for name in ("李雷", "王五"))
    assert all(number in sentences[1] for number in ("430102********0019", "430102********0018"))
    assert not [number for number in ("198506150019", "199002030018") if number in " ".join(sentences)]


@pytest.mark.parametrize(("used_by", "word"), [(6, "already been used"), (None, "no passed exam")])
def test_a_pass_that_was_used_is_not_called_missing(used_by, word):
    passes = (passed("2025-03-31", used_by=used_by),) if used_by else ()
    [refusal] = rules.has_passed_the_exam(case(passes=passes), day("2026-03-02"), Office())
    assert word in str(refusal.sentence)
