"""What an import of the old system changed is set back, unless it was changed since."""

from app.core.vocabulary import ImportPhase
from app.models import Certificate, ExamPass
from tests.applications.sheet_imports.conftest import only, outcomes, take, undo
from tests.applications.sheet_imports.sheets import ACCOUNTS, CERTIFICATES, PASSES, row


def test_what_an_import_changed_is_set_back_and_a_later_sheet_changes_it_again(session, means, app):
    old = (
        row(CERTIFICATES, category="C1"),
        row(PASSES, passed_on="2025-03-01"),
        row(ACCOUNTS, contact="周敏", mobile="13800000000"),
    )
    later = {"valid_to": "2027-12-31"}, {"passed_on": "2025-04-01"}, {"contact": "吴敏", "mobile": "13900000000"}
    for kind, given, changes in zip((CERTIFICATES, PASSES, ACCOUNTS), old, later, strict=True):
        take(means, kind, given)
        import_id = take(means, kind, given | changes)
        assert outcomes(means, import_id) == ["updated"]
        assert undo(means, import_id).phase is ImportPhase.UNDONE
        assert outcomes(means, take(means, kind, given)) == ["unchanged"], kind
        assert outcomes(means, take(means, kind, given | changes)) == ["updated"], kind
    assert only(session, ExamPass).passed_on.isoformat() == "2025-04-01"
    assert only(session, Certificate).valid_to.isoformat() == "2027-12-31"


def test_what_was_changed_since_is_not_set_back(session, means):
    given = row(PASSES, passed_on="2025-03-01")
    take(means, PASSES, given)
    first, second = (take(means, PASSES, given | {"passed_on": day}) for day in ("2025-04-01", "2025-05-01"))
    assert "changed since" in undo(means, first).fault
    assert only(session, ExamPass).passed_on.isoformat() == "2025-05-01"
    assert undo(means, second).phase is ImportPhase.UNDONE
    assert undo(means, first).phase is ImportPhase.UNDONE
    assert only(session, ExamPass).passed_on.isoformat() == "2025-03-01"
