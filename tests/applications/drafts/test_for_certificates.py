"""Filings on certificates of one's own: choosing, saving, changing, removing."""

from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from app.applications import drafts
from app.applications.attachments import attach
from app.applications.attachments import discard as discard_paper
from app.core.errors import AppError, NotFound, Stale, Unmet
from app.core.vocabulary import (
    CancellationReason,
    Category,
    CertificateStatus,
    MatterKind,
    PaperKind,
    ReplacementReason,
    State,
)
from app.files.folder_store import FolderStore
from app.files.storage import keep_scan
from app.models import Application, Filing, Paper
from tests import make
from tests.applications.drafts.conftest import GIVEN, HANDLER
from tests.query_counter import queries
from tests.workflow_fixture import INCOMING, LOST, Firm

RENEWAL, REPLACEMENT, CANCELLATION = MatterKind.RENEWAL, MatterKind.REPLACEMENT, MatterKind.CANCELLATION


def file(firm, matter, certificates, **more):
    clerk = make.clerk(firm.enterprise)
    ids = [certificate.id for certificate in certificates]
    filing = drafts.draft_on_certificates(firm.session, matter, ids, *HANDLER, clerk, **{**GIVEN, **more})
    firm.session.commit()
    return filing


def codes_of(error):
    return [refusal.code for refusal in error.value.refusals]


# --- one's own --------------------------------------------------------------------------------------
def test_own_certificates_are_listed_with_what_stands_in_the_way(firm, session, clerk):
    firm.certificate(firm.person(name="可以延期"))
    firm.certificate(firm.person(name="太早的人"), valid_to=make.TODAY.replace(year=2027))
    firm.certificate(firm.person(name="缺照片的", without=(PaperKind.PHOTO,)))
    firm.certificate(firm.person(name="已注销的"), status=CertificateStatus.CANCELLED)
    firm.old.certificate()
    session.commit()
    listed = drafts.holdings(session, RENEWAL, clerk, **GIVEN).candidates
    assert [(c.facts.name, c.ready) for c in listed] == [("可以延期", True), ("缺照片的", False), ("太早的人", False)]
    assert [refusal.code for refusal in listed[1].gaps] == ["missing-photo"]
    assert [refusal.code for refusal in listed[2].bars] == ["renewal-too-early"]


def test_what_a_reason_asks_is_judged_before_the_form(firm, session, clerk):
    firm.certificate(is_electronic=False)
    firm.certificate()
    session.commit()
    listed = drafts.holdings(session, REPLACEMENT, clerk, reason_code="paper_to_electronic", **GIVEN).candidates
    assert [[refusal.code for refusal in c.bars] for c in listed] == [[], ["already-electronic"]]


def test_the_list_of_fifty_takes_as_many_queries_as_that_of_one(firm, session, clerk, system):
    firm.certificate()
    session.commit()
    with queries(system.engine) as few:
        drafts.holdings(session, RENEWAL, clerk, **GIVEN)
    for _ in range(49):
        firm.certificate()
    session.commit()
    with queries(system.engine) as many:
        assert len(drafts.holdings(session, RENEWAL, clerk, **GIVEN).candidates) == 50
    assert len(many) == len(few)


def test_one_filing_takes_many_certificates_for_one_reason(firm, session):
    held = [firm.certificate(printed_enterprise="旧名") for _ in range(3)]
    filing = file(firm, REPLACEMENT, held, reason_code=ReplacementReason.ENTERPRISE_RENAMED.value)
    assert [(a.certificate_id, a.reason_code, a.state) for a in filing.applications] == [
        (certificate.id, "enterprise_renamed", State.DRAFT) for certificate in held
    ]


@pytest.mark.parametrize(
    ("matter", "reason", "code"),
    [
        (REPLACEMENT, "", "reason-unknown"),
        (REPLACEMENT, "left", "reason-unknown"),
        (REPLACEMENT, "from_other_province", "reason-unknown"),  # rests on no certificate of ours
        (CANCELLATION, "lost", "reason-unknown"),
        (RENEWAL, "lost", "reason-unknown"),
    ],
)
def test_a_reason_is_one_of_the_matter_s_own(firm, matter, reason, code):
    with pytest.raises(Unmet) as error:
        file(firm, matter, [firm.certificate()], reason_code=reason)
    assert codes_of(error) == [code]


def test_a_foreign_or_invented_certificate_is_not_found(firm, session, clerk):
    theirs = firm.old.certificate()
    for certificate_id in (theirs.id, 999_999):
        with pytest.raises(NotFound):
            drafts.draft_on_certificates(session, RENEWAL, [firm.certificate().id, certificate_id], *HANDLER, clerk, **GIVEN)
        session.rollback()
    assert session.scalar(select(func.count(Filing.id))) == 0


@pytest.mark.parametrize("matter", [MatterKind.NEW, MatterKind.TRANSFER])
def test_other_matters_cannot_be_filed_on_certificates(firm, matter):
    with pytest.raises(NotFound):
        file(firm, matter, [firm.certificate()])


def test_a_certificate_stands_in_one_filing_of_the_enterprise(firm, session):
    certificate = firm.certificate()
    file(firm, RENEWAL, [certificate])
    with pytest.raises(Unmet) as error:
        file(firm, CANCELLATION, [certificate], reason_code="left")
    assert codes_of(error) == ["already-open"]
    session.rollback()
    with pytest.raises(IntegrityError):  # the database refuses it, too
        firm.on(certificate, CANCELLATION)
    session.rollback()


def test_the_database_lets_one_matter_of_a_certificate_be_under_way(firm, session):
    certificate = firm.certificate()
    firm.on(certificate, RENEWAL, State.AWAITING_REVIEW)
    with pytest.raises(IntegrityError):
        Firm(session, name="第三家建设有限公司").on(certificate, MatterKind.TRANSFER, State.AWAITING_RELEASE)
    session.rollback()


@pytest.mark.parametrize(
    ("details", "fields"),
    [
        ({"declared_on": "昨天", "medium": "报" * 61}, ["declared_on", "medium"]),
        ({"declared_on": "2026-02-30"}, ["declared_on"]),
        ({"declared_on": "2026/02/20", "salary": "1"}, []),
    ],
)
def test_particulars_are_read_all_at_once_and_unknown_ones_ignored(firm, details, fields):
    certificate = firm.certificate()
    given = {"reason_code": "lost", "details": {certificate.id: details}}
    if fields:
        with pytest.raises(Unmet) as error:
            file(firm, REPLACEMENT, [certificate], **given)
        assert [refusal.field for refusal in error.value.refusals] == fields
    else:
        (application,) = file(firm, REPLACEMENT, [certificate], **given).applications
        assert application.details == {"declared_on": "2026-02-20"}


def test_mistakes_are_told_by_certificate_where_there_are_several(firm, session):
    one, two = firm.certificate(), firm.certificate()
    details = {one.id: {"id_number": "1"}, two.id: {"name": "李磊"}}
    with pytest.raises(Unmet) as error:
        file(firm, REPLACEMENT, [one, two], reason_code="wrong_information", details=details)
    assert [refusal.field for refusal in error.value.refusals] == [f"id_number-{one.id}"]


def test_a_draft_is_amended_certificates_come_and_go(firm, session, clerk):
    stays, goes, comes = (firm.certificate() for _ in range(3))
    filing = file(firm, CANCELLATION, [stays, goes], reason_code="left")
    given = {"reason_code": CancellationReason.OTHER.value, "details": {stays.id: {"note": "退休返聘结束"}}}
    drafts.amend_claims(session, filing.id, [stays.id, comes.id], "李雷", "13900000000", clerk, **given, **GIVEN)
    session.commit()
    rows = session.scalars(select(Application).where(Application.filing_id == filing.id).order_by(Application.id)).all()
    assert [(a.certificate_id, a.reason_code) for a in rows] == [(stays.id, "other"), (comes.id, "other")]
    assert [a.details for a in rows] == [{"note": "退休返聘结束"}, None]


def test_the_reason_is_settled_once_something_was_submitted(firm, session, clerk):
    application = firm.application(State.RETURNED, matter=CANCELLATION)
    ids = [application.certificate_id]
    with pytest.raises(AppError) as error:
        drafts.amend_claims(session, application.filing_id, ids, *HANDLER, clerk, reason_code="deceased", **GIVEN)
    assert error.value.code == "reason-settled"


def test_what_was_submitted_before_is_not_deleted(firm, session, clerk):
    application = firm.application(State.DRAFT, matter=RENEWAL, seen=True)
    with pytest.raises(AppError) as error:
        drafts.discard(session, [application.id], clerk)
    assert error.value.code == "submitted-before"


def test_a_discarded_draft_takes_its_scans_along(firm, session, clerk):
    application = firm.application(State.DRAFT, matter=RENEWAL)
    assert drafts.discard(session, [application.id], clerk) == 1
    session.commit()
    assert session.scalar(select(func.count(Paper.id)).where(Paper.application_id.is_not(None))) == 0
    assert session.scalar(select(func.count(Filing.id))) == 0


# --- from another province --------------------------------------------------------------------------
def test_somebody_brings_a_certificate_along(firm, session, clerk):
    person = firm.person()
    session.commit()
    pick = (person.id, Category.C1)
    filing = drafts.draft_incoming(session, pick, INCOMING, *HANDLER, clerk, **GIVEN)
    drafts.amend_incoming(session, filing.id, {**INCOMING, "old_province": "广西"}, *HANDLER, clerk)
    session.commit()
    (application,) = filing.applications
    assert (application.matter, application.certificate_id, application.details["old_province"]) == (
        REPLACEMENT,
        None,
        "广西",
    )
    with pytest.raises(Unmet) as error:
        drafts.draft(session, MatterKind.NEW, [pick], *HANDLER, clerk, **GIVEN)
    assert codes_of(error) == ["already-open"]


def test_nobody_brings_along_an_undivided_c(firm, session, clerk):
    person = firm.person()
    session.commit()
    with pytest.raises(NotFound):
        drafts.draft_incoming(session, (person.id, Category.C), INCOMING, *HANDLER, clerk, **GIVEN)


# --- scans ------------------------------------------------------------------------------------------
@pytest.fixture
def scan():
    out = BytesIO()
    Image.new("RGB", (400, 300), "#eee").save(out, "JPEG")
    return out.getvalue()


def hand_in(session, tmp_path, owner, kind, scan, clerk):
    kept = keep_scan(FolderStore(tmp_path), scan, "扫描.jpg", office=GIVEN["office"])
    return attach(session, owner, kind, kept, clerk, at=GIVEN["at"])


def test_a_scan_belongs_to_the_application_it_was_handed_in_for(firm, session, tmp_path, scan, clerk):
    application = firm.application(State.RETURNED, matter=RENEWAL)
    paper = hand_in(session, tmp_path, application, PaperKind.OLD_CERTIFICATE, scan, clerk)
    session.commit()
    current = select(Paper).where(
        Paper.application_id == application.id, Paper.kind == paper.kind, Paper.replaced_at.is_(None)
    )
    assert session.scalars(current).one().id == paper.id
    with pytest.raises(AppError, match="belong"):
        hand_in(session, tmp_path, application, PaperKind.PHOTO, scan, clerk)


def test_only_the_filing_enterprise_hands_in_and_only_while_it_may_change_things(firm, session, tmp_path, scan):
    application = firm.application(State.RELEASE_REFUSED, matter=MatterKind.TRANSFER)
    with pytest.raises(NotFound):
        hand_in(session, tmp_path, application, PaperKind.ID_CARD, scan, make.clerk(firm.old.enterprise))
    assert hand_in(session, tmp_path, application, PaperKind.ID_CARD, scan, make.clerk(firm.enterprise)).id
    sent = firm.application(State.AWAITING_ACCEPTANCE, matter=RENEWAL)
    with pytest.raises(Stale):
        hand_in(session, tmp_path, sent, PaperKind.OLD_CERTIFICATE, scan, make.clerk(firm.enterprise))
    paper = session.scalars(select(Paper).where(Paper.application_id == sent.id)).first()
    with pytest.raises(Stale):
        discard_paper(session, paper.id, make.clerk(firm.enterprise), at=make.NOON)


def test_a_lost_certificate_is_filed_for_and_submitted(firm, session, clerk):
    certificate = firm.certificate()
    (application,) = file(firm, REPLACEMENT, [certificate], reason_code="lost", details={certificate.id: LOST}).applications
    assert application.details == LOST
