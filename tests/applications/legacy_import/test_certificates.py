"""Certificates of the old system."""

from datetime import date

from app.core.vocabulary import AccountSource, Category, CertificateEventKind, CertificateStatus
from app.models import Certificate, CertificateVersion
from tests import make
from tests.applications.sheet_imports.conftest import only, results, take
from tests.applications.sheet_imports.sheets import CERTIFICATES, PASSES, USCC, row


def test_a_certificate_comes_with_its_person_its_enterprise_and_one_line_of_history(session, means):
    number = make.id_number()
    take(means, CERTIFICATES, row(CERTIFICATES, id_number=number, number="湘建安C （2018） 0000001", valid_from="2024-05-02"))
    found = only(session, Certificate)
    assert (found.number, found.category, found.holder) == ("湘建安C(2018)0000001", Category.C, "李雷")
    assert (found.first_issued_on, found.issued_on, found.valid_from) == (*[date(2024, 5, 1)] * 2, date(2024, 5, 2))
    assert (found.is_electronic, found.versions, found.status) == (False, [], CertificateStatus.VALID)
    assert (found.person.id_number, found.person.enterprise.uscc) == (number, USCC)
    assert (found.enterprise.region_code, found.enterprise.source) == ("430100", AccountSource.LEGACY)
    assert [event.deed for event in found.events] == [CertificateEventKind.IMPORTED]


def test_a_certificate_number_names_one_person_for_good(means):
    take(means, CERTIFICATES, row(CERTIFICATES, number="湘建安B(2018)1"))
    import_id = take(means, CERTIFICATES, row(CERTIFICATES, number="湘建安B（2018）1"))
    assert "another person" in results(means, import_id)[0][1]


def test_the_same_record_twice_in_a_sheet_names_the_first_row(means):
    number = make.id_number()
    found = results(
        means, take(means, PASSES, row(PASSES, id_number=number), row(PASSES, id_number=number, passed_on="2025-01-01"))
    )
    assert found == [("added", ""), ("refused", "The same record stands in row 2 already. Please keep one.")]


def test_a_certificate_that_was_printed_here_is_this_systems(session, means):
    first = row(CERTIFICATES, number="湘建安B(2018)7", id_number=make.id_number())
    take(means, CERTIFICATES, first)
    found = only(session, Certificate)
    session.add(CertificateVersion(certificate=found, version=1, token="t", face={}, issued_at=make.NOON))
    session.commit()
    kept = results(means, take(means, CERTIFICATES, first | {"first_issued_on": "2018-01-01", "valid_to": "2030-01-01"}))
    assert (kept[0][0], "Kept" in kept[0][1], only(session, Certificate).valid_to) == ("unchanged", True, date(2027, 4, 30))
