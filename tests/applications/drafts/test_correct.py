"""Only what is marked may be corrected, in the domain."""

import pytest
from sqlalchemy import select

from app.applications.attachments import attach, discard
from app.applications.drafts.correct import correct_details, to_correct
from app.core.errors import AppError, NotAllowed, NotFound, Unmet
from app.core.vocabulary import MatterKind, PaperKind, Role
from app.files.folder_store import FolderStore
from app.files.storage import keep_scan
from app.models import Paper
from tests import make
from tests.hostile_files import jpeg
from tests.web.applications.correction_steps import returned
from tests.workflow_fixture import Firm as Matters


def test_a_paper_of_the_application_that_is_not_marked_is_locked_in_the_domain(session, system, office):
    firm = Matters(session)
    application = returned(firm, MatterKind.RENEWAL, ["papers.old_certificate"])
    clerk = make.clerk(firm.enterprise)
    scan = keep_scan(FolderStore(system.settings.blobs), jpeg(), "新.jpg", office=office)
    attach(session, application, PaperKind.OLD_CERTIFICATE, scan, clerk, at=make.NOON)
    with pytest.raises(AppError) as refused:
        attach(session, application, PaperKind.CONTINUING_EDUCATION, scan, clerk, at=make.NOON)
    assert refused.value.code == "not-marked"
    stored = session.scalar(
        select(Paper.id).where(Paper.application_id == application.id, Paper.kind == PaperKind.CONTINUING_EDUCATION)
    )
    with pytest.raises(AppError):
        discard(session, stored, clerk, at=make.NOON)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ENTERPRISE_CLERK])
def test_only_a_clerk_corrects(session, role):
    with pytest.raises(NotAllowed):
        to_correct(session, 1, make.officer(role))


def test_only_the_own_application_with_marks_is_corrected(session):
    firm = Matters(session)
    mine, clerk = returned(firm, MatterKind.RENEWAL, ["papers.old_certificate"]), make.clerk(firm.enterprise)
    assert to_correct(session, mine.id, clerk, lock=True) is mine
    for number, actor in ((mine.id, make.clerk(firm.old.enterprise)), (999_999, clerk)):
        with pytest.raises(NotFound):
            to_correct(session, number, actor)
    with pytest.raises(AppError) as refused:
        to_correct(session, firm.application(matter=MatterKind.RENEWAL).id, clerk)
    assert refused.value.code == "nothing-marked"


@pytest.mark.parametrize(
    ("marks", "typed", "stored"),
    [
        (["details.medium"], {"medium": "长沙晚报", "declared_on": "2026-01-01"}, {"medium": "长沙晚报"}),
        (["details.medium"], {"medium": " "}, {"medium": None}),
        (["papers.old_certificate"], {"medium": "长沙晚报"}, {}),
    ],
)
def test_only_marked_details_are_replaced(session, marks, typed, stored):
    application = returned(Matters(session), MatterKind.REPLACEMENT, marks)
    before = dict(application.details)
    correct_details(session, application, typed)
    assert application.details == {name: text for name, text in {**before, **stored}.items() if text}


def test_a_mistake_in_a_marked_detail_changes_nothing(session):
    application = returned(Matters(session), MatterKind.REPLACEMENT, ["details.declared_on"])
    with pytest.raises(Unmet):
        correct_details(session, application, {"declared_on": "2026-02-30"})
    assert application.details["declared_on"] == "2026-02-20"
