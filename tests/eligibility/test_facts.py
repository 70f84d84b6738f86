"""Facts of a case: what they follow from, and that loading knows only what is there."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.core.vocabulary import Category, CertificateStatus, MatterKind, PaperKind, State
from app.eligibility.facts.case import PaperRequirement
from app.eligibility.facts.loading import of_applications, of_candidates, of_certificates
from tests import make
from tests.workflow_fixture import Firm

DAY = timedelta(days=1)
LAST = make.TODAY + 60 * DAY  # of the certificates of ``Firm``


@pytest.fixture
def facts(session):
    """``facts(matter, …)``: those of a draft."""

    def load(matter=MatterKind.RENEWAL, **given):
        application = Firm(session).application(matter=matter, **given)
        return of_applications(session, [application.id])[application.id]

    return load


@pytest.mark.parametrize("ids", [[], [0], [999_999]])
def test_what_is_not_there_has_no_facts(session, ids):
    own = Firm(session).enterprise.id
    assert of_applications(session, ids) == {}
    assert dict(of_certificates(session, own, MatterKind.RENEWAL, ids)) == {}
    assert dict(of_candidates(session, own, MatterKind.NEW, [(number, Category.A) for number in ids])) == {}


@pytest.mark.parametrize(
    ("status", "on", "in_force"),
    [
        (CertificateStatus.VALID, LAST - DAY, True),
        (CertificateStatus.VALID, LAST, True),
        (CertificateStatus.VALID, LAST + DAY, False),
        (CertificateStatus.SUSPENDED, LAST, True),
        (CertificateStatus.SUSPENDED, LAST + DAY, False),
        (CertificateStatus.REVOKED, LAST, False),
        (CertificateStatus.CANCELLED, LAST, False),
    ],
)
def test_a_certificate_is_in_force_up_to_its_last_day(facts, status, on, in_force):
    assert replace(facts().certificate, status=status).in_force(on) is in_force


@pytest.mark.parametrize(
    ("matter", "category", "details", "target"),
    [
        (MatterKind.REPLACEMENT, Category.C, {}, Category.C3),
        (MatterKind.REPLACEMENT, Category.C, {"category": "C1"}, Category.C1),
        (MatterKind.REPLACEMENT, Category.B, {"category": "C1"}, Category.B),
        (MatterKind.RENEWAL, Category.C, {}, Category.C),
    ],
)
def test_only_a_replaced_undivided_c_changes_its_category(facts, matter, category, details, target):
    assert replace(facts(), matter=matter, category=category, details=details).target_category is target


def test_a_paper_is_required_from_its_day_counted_in_office_days(facts):
    asked = (PaperRequirement(PaperKind.PHOTO, True, make.TODAY), PaperRequirement(PaperKind.TITLE, False, date(2020, 1, 1)))
    case = replace(facts(), paper_requirements=asked)
    assert [case.required_papers(make.TODAY + n * DAY) for n in (-1, 0)] == [(), (PaperKind.PHOTO,)]
    midnight = make.NOON - timedelta(hours=12)  # of the office; in UTC it is still the day before
    assert replace(case, submitted_at=midnight).required_papers(make.TODAY) == (PaperKind.PHOTO,)
    assert replace(case, submitted_at=midnight - timedelta(seconds=1)).required_papers(make.TODAY) == ()


def test_the_newest_unused_pass_of_the_category_counts(facts):
    case = facts(MatterKind.NEW)
    (old,) = case.passes
    new, used = replace(old, id=8, passed_on=old.passed_on + DAY), replace(old, id=9, passed_on=make.TODAY, used_by=-1)
    other = replace(used, category=Category.A, used_by=None)
    assert replace(case, passes=(old, new, used, other)).latest_pass == new
    assert replace(case, passes=(replace(used, used_by=case.application_id),)).latest_pass.id == 9
    assert replace(case, passes=(used, other)).latest_pass is None


def test_a_transfer_has_only_its_own_scans_and_a_submitted_case_its_snapshot(facts):
    case = facts(MatterKind.TRANSFER)
    assert case.papers == case.application_papers
    assert replace(case, snapshot={"person": {"name": "旧"}}, state=State.RETURNED).submitted["person"]["name"] == "旧"
    assert case.submitted["certificate"]["number"] == case.certificate.number
