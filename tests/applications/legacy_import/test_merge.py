"""The same sheets again, corrected, or after changes made here."""

from dataclasses import replace
from datetime import date

import pytest

from app.core.office import Office
from app.core.vocabulary import OLD_SYSTEM, CertificateStatus
from app.models import Account, AuditEntry, Certificate, CertificateEvent, Enterprise, ExamPass, LegacyRecord, Person
from tests import make
from tests.applications.sheet_imports.conftest import count, hand_in, only, outcomes, results, take
from tests.applications.sheet_imports.sheets import ACCOUNTS, CERTIFICATES, PASSES, row, sheet


def test_the_same_sheets_again_change_nothing(session, means, app):
    for kind in OLD_SYSTEM:
        data = sheet(kind, row(kind)) if kind is ACCOUNTS else sheet(kind, *(row(kind) for _n in range(3)))
        take(means, kind, data=data)
        before = count(session, AuditEntry)
        again = take(means, kind, data=data)
        assert set(outcomes(means, again)) == {"unchanged"}
        assert count(session, AuditEntry) - before <= 7  # the import's own lines
    assert [count(session, m) for m in (Account, ExamPass, Certificate, CertificateEvent, LegacyRecord)] == [1, 3, 3, 3, 7]


def test_a_corrected_sheet_changes_what_differs_and_no_more(session, means, app):
    first = row(CERTIFICATES, number="湘建安B(2018)7", id_number=make.id_number(), first_issued_on="2018-05-01")
    passed = row(PASSES)
    take(means, CERTIFICATES, first)
    take(means, PASSES, passed)
    take(means, ACCOUNTS, row(ACCOUNTS, contact="周敏"))
    again = take(means, CERTIFICATES, first | {"valid_to": "2027-05-31", "first_issued_on": None})
    assert outcomes(means, again) == ["updated"]
    assert outcomes(means, take(means, PASSES, passed | {"passed_on": "2025-10-02"})) == ["updated"]
    assert outcomes(means, take(means, ACCOUNTS, row(ACCOUNTS, contact="吴迪"))) == ["updated"]
    found = only(session, Certificate)
    assert (found.valid_to, found.first_issued_on) == (date(2027, 5, 31), date(2018, 5, 1))
    assert "Valid until" in found.events[-1].reason
    assert (only(session, ExamPass).passed_on, only(session, Enterprise).contact) == (date(2025, 10, 2), "吴迪")


@pytest.mark.parametrize("told", ["06", "暂扣", "吊销", "04", "注销"])
def test_the_administrator_changes_no_status_alone(session, means, app, told):
    first = row(CERTIFICATES, number="湘建安B(2018)7", id_number=make.id_number())
    take(means, CERTIFICATES, first)
    (again,) = results(means, take(means, CERTIFICATES, first | {"status": told}))
    assert again[0] == "unchanged"
    assert "a reviewer proposes and an approver confirms" in again[1]
    assert only(session, Certificate).status is CertificateStatus.VALID


def test_nor_lifts_a_suspension_or_a_revocation_alone(session, means, app):
    first = row(CERTIFICATES, number="湘建安B(2018)7", id_number=make.id_number(), status="撤销")
    take(means, CERTIFICATES, first)
    assert only(session, Certificate).status is CertificateStatus.REVOKED  # as the old system gave it
    (again,) = results(means, take(means, CERTIFICATES, first | {"status": "01", "valid_to": "2027-05-31"}))
    assert again[0] == "updated"
    found = only(session, Certificate)
    assert (found.status, found.valid_to) == (CertificateStatus.REVOKED, date(2027, 5, 31))


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"id_number": make.id_number(date(2026, 3, 3))}, "yet to come"),
        ({"id_number": make.id_number(date(2015, 3, 3))}, "nobody under 18"),
        ({"name": "李あ雷"}, "cannot be printed"),
    ],
)
def test_whom_no_form_takes_no_sheet_takes_either(session, means, app, cells, sentence):
    for kind in (PASSES, CERTIFICATES):
        (refused,) = results(means, hand_in(means, kind, sheet(kind, row(kind, **cells))))
        assert (refused[0], sentence in refused[1]) == ("refused", True), refused
    assert count(session, Person) == 0


def test_the_least_age_is_that_of_the_office(session, means, app):
    older = replace(means, office=Office(least_age=21))
    cells = row(PASSES, id_number=make.id_number(date(2007, 1, 1)))
    for context, result in ((older, "refused"), (means, "added")):
        (found,) = results(context, hand_in(context, PASSES, sheet(PASSES, cells)))
        assert found[0] == result, found


def test_what_changed_here_since_is_kept_and_said_so(session, means, app):
    first = row(CERTIFICATES, number="湘建安B(2018)7", id_number=make.id_number())
    take(means, CERTIFICATES, first)
    take(means, ACCOUNTS, row(ACCOUNTS, contact="周敏"))
    only(session, Certificate).status = CertificateStatus.SUSPENDED
    session.commit()
    only(session, Enterprise).contact = "吴迪"
    session.commit()
    for enterprise, certificate in (("周敏", "有效"), ("郑爽", "注销")):
        kept = results(means, take(means, CERTIFICATES, first | {"status": certificate}))
        kept += results(means, take(means, ACCOUNTS, row(ACCOUNTS, contact=enterprise)))
        assert [result for result, _reason in kept] == ["unchanged", "unchanged"]
        said = ("The status stays", "Kept as it stands")
        assert [words in reason for words, (_result, reason) in zip(said, kept, strict=True)] == [certificate == "注销"] * 2
    assert (only(session, Certificate).status, only(session, Enterprise).contact) == (CertificateStatus.SUSPENDED, "吴迪")
