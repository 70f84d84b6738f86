"""The same sheets again, corrected, or after changes made here."""

from datetime import date

from app.core.vocabulary import CertificateStatus, LegacyKind
from app.models import Account, AuditEntry, Certificate, CertificateEvent, Enterprise, ExamPass, LegacyRecord
from tests import make
from tests.applications.legacy_import.conftest import count, only, outcomes, results, take
from tests.applications.legacy_import.sheets import ACCOUNTS, CERTIFICATES, PASSES, row, sheet


def test_the_same_sheets_again_change_nothing(session, means, app):
    for kind in LegacyKind:
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
    again = take(means, CERTIFICATES, first | {"valid_to": "2027-05-31", "first_issued_on": None, "status": "暂扣"})
    assert outcomes(means, again) == ["updated"]
    assert outcomes(means, take(means, PASSES, passed | {"passed_on": "2025-10-02"})) == ["updated"]
    assert outcomes(means, take(means, ACCOUNTS, row(ACCOUNTS, contact="吴迪"))) == ["updated"]
    found = only(session, Certificate)
    assert (found.valid_to, found.first_issued_on, found.status) == (
        date(2027, 5, 31),
        date(2018, 5, 1),
        CertificateStatus.SUSPENDED,
    )
    assert "Valid until" in found.events[-1].reason
    assert (only(session, ExamPass).passed_on, only(session, Enterprise).contact) == (date(2025, 10, 2), "吴迪")


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
        assert ["Kept as it stands" in reason for _result, reason in kept] == [certificate == "注销"] * 2
    assert (only(session, Certificate).status, only(session, Enterprise).contact) == (CertificateStatus.SUSPENDED, "吴迪")
