"""The conditions of a sign-up at their boundaries; those of scans in ``test_papers``."""

from datetime import timedelta

import pytest

from app.core.clock import add_months
from app.core.office import Office
from app.core.vocabulary import Category, CertificateStatus, MatterKind
from app.eligibility.facts import of_candidates
from app.exams.signup_rules import holds_no_lasting_certificate, is_one_first_c
from tests import make
from tests.exams.conftest import C1, C2, C3, codes
from tests.make import TODAY


def case_of(session, person, category=C1):
    return of_candidates(session, person.enterprise_id, MatterKind.NEW, [(person.id, category)])[person.id, category]


@pytest.mark.parametrize(("days", "refused"), [(-1, set()), (0, set()), (1, {"already-certified"})])
def test_a_holder_signs_up_again_from_the_day_on_which_renewal_opens(session, people, days, refused):
    [person] = people()
    ends = add_months(TODAY, Office().renewal_window_months) + timedelta(days=days)
    session.add(make.certificate(person, category=C1, valid_to=ends))
    session.commit()
    assert codes(holds_no_lasting_certificate(case_of(session, person), TODAY, Office())) == refused


@pytest.mark.parametrize("status", [CertificateStatus.CANCELLED, CertificateStatus.REVOKED])
def test_a_certificate_that_has_ended_does_not_count(session, people, status):
    [person] = people()
    session.add(make.certificate(person, category=C1, status=status))
    session.commit()
    assert codes(holds_no_lasting_certificate(case_of(session, person), TODAY, Office())) == set()


@pytest.mark.parametrize(("chosen", "refused"), [((C1,), set()), ((C1, Category.A), set()), ((C2, C3), {"one-first-c"})])
def test_a_first_safety_officer_takes_one_c_category(session, people, chosen, refused):
    [person] = people()
    assert codes(is_one_first_c(case_of(session, person), chosen, TODAY)) == refused
