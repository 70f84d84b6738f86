"""Attacks: every route with own, foreign and missing rows as every role; hostile text in every field; concurrent requests.

Expected answers are in a table; a route that is not in it fails.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from app.core.clock import now, office_day
from app.core.sign_in_vocabulary import IdentityKind, PrivilegedChangeKind
from app.core.vocabulary import (
    AuditAction,
    Category,
    CertificateEventKind,
    ImportKind,
    ImportPhase,
    JobState,
    MatterKind,
    MeasureGround,
    MeasureState,
    MessageState,
    NotificationKind,
    PaperKind,
    PassSource,
    Role,
    SignupState,
    Stage,
    State,
)
from app.db.session import db
from app.files.folder_store import FolderStore
from app.files.storage import Store
from app.models import (
    Account,
    AuditCheckpoint,
    AuditEntry,
    AuditLink,
    CertificateEvent,
    CertificateMeasure,
    CertificateVersion,
    DecisionBatch,
    DecisionBatchRow,
    ExamNotice,
    ExamNoticeFile,
    ExamSignup,
    ExternalIdentity,
    Job,
    Message,
    Model,
    NumberSequence,
    Parameter,
    Person,
    PrivilegedChange,
    PublicNotice,
    RateLimitCounter,
    SheetImport,
    Step,
    UserSession,
)
from tests import make
from tests.at_once import at_once
from tests.hostile_files import jpeg
from tests.web.form_steps import asks_for_json, seen

DAY = timedelta(days=1)
CLERK, EXAM, ADMIN, VIEWER = Role.ENTERPRISE_CLERK, Role.EXAM_CLERK, Role.ADMIN, Role.VIEWER
SECURITY, AUDITOR = Role.SECURITY_ADMIN, Role.AUDITOR
ACCEPTANCE, REVIEWER, APPROVER = Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER
OFFICERS = (ACCEPTANCE, REVIEWER, APPROVER)
READERS, PARTIES = (CLERK, EXAM, *OFFICERS), (CLERK, *OFFICERS, VIEWER)
NOBODYS = 2**31 - 1  # an id that no row has


@dataclass(frozen=True)
class Town:
    """One row of all_rows, of one enterprise in one city."""

    person: int
    qualification: int
    enterprise: int
    paper: int
    case: int  # awaits acceptance
    draft: int
    closed: int
    filing: int  # holds the draft
    certificate: int  # a version of it
    notice: int
    signup: int  # awaits review
    account: int
    colleague: int  # another account of the same enterprise
    message: int
    job: int
    entry: int
    returned: int  # for correction, with a mark
    legacy: int  # an import of the old system, checked
    officer: int  # an account of the authority
    identity: int
    measure: int  # proposed
    taken: int  # a suspension that is over
    correction: int  # of a name, awaits a decision
    batch: int  # planned by another officer of the town
    release: int  # somebody freed from the former enterprise
    score: int  # a correction of a score, asked for by another
    file: int  # an attachment of the notice
    chief: int  # a privileged account
    change: int  # asked for of it, by another
    discrepancy: int  # of imported records
    waiting: int  # a scan of the account that waits to be confirmed
    notification: int  # of the account
    region: int
    published: int
    step: int
    event: int
    exam_pass: int
    paper_rule: int = 1  # one table of required papers serves every town
    stock_reason: int = 1  # and one of stock reasons


def town(session, store: Store, region: str, words: str = "") -> Town:
    """``words`` are put into every free text."""
    at, on = now(), office_day(now())
    digest = store.put(jpeg(413, 579))
    firm = make.enterprise(name=f"湖南湘江建设有限公司{region}{words}", region_code=region, address=words, contact=words)
    firm.legal_representative = words
    session.add(firm)
    session.flush()
    grade = make.qualification(firm, kind_and_grade=f"贰级{words}", number=f"D{region}{words}")
    people = [make.person(firm, major=words[:60], name=f"李雷{words}"[:50]) for _ in range(3)]
    notice = make.notice(
        title=f"安管人员考核{words}", number=words, body=words, place=words, region_code=region,
        signup_start=at - DAY, signup_end=at + DAY, published_at=at - DAY, exam_on=on + 9 * DAY, published_by=words,
    )  # fmt: skip
    session.add_all([grade, *people, notice])
    session.flush()
    papers = [paper for person in people for paper in make.complete_papers(person)]
    papers.append(make.paper(PaperKind.QUALIFICATION, qualification_id=grade.id, enterprise_id=firm.id))
    papers.append(make.paper(PaperKind.PLEDGE, pledging_enterprise_id=firm.id, enterprise_id=firm.id))
    for paper in papers:
        paper.digest, paper.filename = digest, f"扫描件{words}.jpg"
    passes = [make.exam_pass(person, passed_on=on - 30 * DAY, source=PassSource.LEGACY) for person in people]
    certificate = make.certificate(people[2], holder=people[2].name, status_reason=words)
    session.add_all([*papers, *passes, certificate])
    session.flush()
    days = ("first_issued_on", "issued_on", "valid_from", "valid_to")
    face = {
        "name": people[2].name, "number": certificate.number, "category": certificate.category.value, "sex": "1",
        "birth_date": f"{people[2].birth_date}", "id_number": people[2].id_number, "position": "safety_officer",
        "technical_title": "", "education": "", "major": words[:60], "enterprise": firm.name, "uscc": firm.uscc,
        "photo": papers[-3].id, "issuer": words or "湖南省住房和城乡建设厅", "seal_text": "演示",
        **{day: f"{getattr(certificate, day)}" for day in days},
    }  # fmt: skip
    token = f"{region}{firm.id:026d}"
    version = CertificateVersion(certificate=certificate, version=1, token=token, face=face, issued_at=at, digest=digest)
    cases = [
        make.application(people[0], State.AWAITING_ACCEPTANCE, due_on=office_day(at) + timedelta(days=7)),
        make.application(people[1], State.DRAFT),
        make.application(people[2], State.APPROVED, certificate=certificate),
        make.application(people[0], State.RETURNED, category=Category.A),
    ]
    for case in cases:
        case.filing.handler_name = f"韩梅梅{words}"[:50]
    session.add_all([version, *cases])
    session.flush()
    step = Step(application_id=cases[0].id, round=1, action="submit", source="draft", target="awaiting_acceptance",
                actor=words[:64], reason=words, at=at)  # fmt: skip
    back = Step(application_id=cases[3].id, round=1, action="return", source="awaiting_acceptance", target="returned",
                actor=words[:64], reason=words, marks=[{"item": "person.major", "why": words}], at=at)  # fmt: skip
    board = PublicNotice(application_id=cases[2].id, matter=MatterKind.NEW, category=Category.C1, stage=Stage.APPROVAL,
                         agreed=True, name="李*", masked_id_number="430*****", enterprise_name=firm.name,
                         region_code=region, published_at=at)  # fmt: skip
    signup = make.signup(notice, people[0], state=SignupState.SUBMITTED, submitted_at=at)
    turned_down = make.signup(notice, people[1], state=SignupState.REJECTED, submitted_at=at, reason=words or "不清楚")
    message = Message(
        mobile="13800000000", text=f"【厅】{words}", due_at=at, state=MessageState.SENT, sent_at=at, fault=words
    )
    job = Job(kind="tidy", key=f"{region}{words}"[:120], payload={}, state=JobState.DONE, due_at=at, created_at=at,
              finished_at=at, attempts=1, fault=words)  # fmt: skip
    account = make.account(session, f"clerk-{region}", CLERK, enterprise_id=firm.id, first_name=f"周{words}"[:64])
    sheet = SheetImport(kind=ImportKind.ACCOUNTS, phase=ImportPhase.CHECKED,
                        filename=f"旧{words}"[:120], sha256="0" * 64,
                         received_at=at, by=words[:64], fault=words[:500], expires_at=at + DAY)  # fmt: skip
    colleague = make.account(session, f"colleague-{region}", CLERK, enterprise_id=firm.id)
    officer = make.account(session, f"officer-{region}", VIEWER, region_code=region, first_name=f"吴{words}"[:64])
    keyholder = make.account(session, f"keyholder-{region}", VIEWER)
    identity = ExternalIdentity(account_id=keyholder.id, kind=IdentityKind.CERTIFICATE, issuer="0" * 64, subject=region,
                        label=f"张三{words}"[:200], added_at=at, added_by=words[:130])  # fmt: skip
    correction = make.identity_correction(people[1], reason=words or "写错", filename=f"身份证{words}.jpg"[:120],
                                          digest=digest, asked_at=at, asked_by=words[:130])  # fmt: skip
    session.add_all([step, back, board, signup, turned_down, message, job, sheet, identity, correction])
    session.flush()
    proposed = {
        "certificate_id": certificate.id, "facts": words[:300] or "无防护", "document_number": f"湘建罚{words}"[:80],
        "document_digest": digest, "document_mime": "image/jpeg", "document_name": f"决定{words}.jpg"[:120],
        "holder": certificate.holder, "enterprise_name": firm.name[:120], "proposed_by_id": officer.id,
        "proposed_by": words[:64], "proposed_at": at,
    }  # fmt: skip
    decided = {"decided_by_id": keyholder.id, "decided_by": words[:64], "decided_at": at, "decision_reason": words[:500]}
    measure = CertificateMeasure(kind=CertificateEventKind.REVOKED, ground=MeasureGround.DECEIT, **proposed)
    taken = CertificateMeasure(
        kind=CertificateEventKind.SUSPENDED, ground=MeasureGround.OFFICER_DUTIES, state=MeasureState.ENDED, last_day=on,
        ended_at=at, **proposed, **decided,
    )  # fmt: skip
    batch = make.decision_batch(
        officer, region_code=region, actor=words[:130], reason=words[:1000], chosen_by={"list": words}
    )
    former = make.enterprise(name=f"湖南旧东家{region}{words}", region_code=region)
    release = make.employment_release(
        people[1],
        firm,
        old_enterprise=former,
        reason=words or "已解除",
        filename=f"裁决{words}.pdf"[:120],
        digest=digest,
        released_by=words[:130],
    )
    score = make.score_correction(turned_down, officer, old_score=40, reason=words or "登错", proposed_by=words[:130])
    file = ExamNoticeFile(notice_id=notice.id, filename=f"安排{words}.pdf"[:120], digest=digest, mime="image/jpeg", size=1,
                          uploaded_at=at, uploaded_by=words[:64])  # fmt: skip
    chief = make.account(session, f"chief-{region}", APPROVER, region_code=region, first_name=f"郑{words}"[:64])
    change = PrivilegedChange(
        account_id=chief.id, kind=PrivilegedChangeKind.ROLE, role=VIEWER, region_code=region, seen="0" * 40,
        reason=words[:500] or "换岗", asked_by_id=keyholder.id, asked_by=words[:130], asked_as=SECURITY, asked_at=at,
        lapses_at=at + DAY,
    )  # fmt: skip
    discrepancy = make.discrepancy(sides=[f"certificate:{certificate.id}"], holder=f"李雷{words}"[:50], number=words[:40])
    event = CertificateEvent(certificate_id=certificate.id, deed=CertificateEventKind.ISSUED, status=certificate.status,
                             reason=words[:500], actor=words[:130], at=at)  # fmt: skip
    told = make.notification(account, text=words or "已受理", kind=NotificationKind.EXAM, subject_id=notice.id)
    waiting = make.waiting_scan(account, people[0], digest=digest, received_at=at, filename=f"身份证{words}.jpg"[:120])
    session.add_all([measure, taken, batch, former, release, score, file, change, discrepancy, waiting, told, event])
    session.commit()
    entry = session.scalar(select(func.max(AuditEntry.id)))
    session.rollback()
    return Town(
        people[0].id, grade.id, firm.id, papers[0].id, cases[0].id, cases[1].id, cases[2].id, cases[1].filing_id,
        version.id, notice.id, signup.id, account.id, colleague.id, message.id, job.id, entry,
        cases[3].id, sheet.id, officer.id, identity.id, measure.id, taken.id, correction.id, batch.id,
        release.id, score.id, file.id, chief.id, change.id, discrepancy.id, waiting.id, told.id,
        int(region), board.id, step.id, event.id, passes[0].id,
    )  # fmt: skip


@pytest.fixture
def changsha(session, system) -> Town:
    return town(session, FolderStore(system.settings.blobs), "430100")


@pytest.fixture
def zhuzhou(session, system) -> Town:
    return town(session, FolderStore(system.settings.blobs), "430200")


@pytest.fixture
def everybody(session, signed_in, changsha):
    """A client for each role, all of Changsha, which decides every stage itself. They get errors as JSON."""
    levels = ("acceptance_level", "review_level", "approval_level")
    session.add_all(Parameter(name=level, value="prefecture", changed_at=now(), changed_by="x") for level in levels)
    session.commit()

    def enter(role: Role):
        if role is CLERK:
            return asks_for_json(signed_in(session.get_one(Account, changsha.account)))
        return asks_for_json(signed_in(make.account(session, f"the-{role.value}", role, region_code="430100")))

    browsers = {role: enter(role) for role in Role}
    session.rollback()
    return browsers


# --- every route that takes a row, as every role ---------------------------------------------------------------
OTHER_IMPORTERS = dict.fromkeys((CLERK, EXAM), 404)  # their imports are others
PDF, SHEET = "/certificates/{}.pdf", "/exam/notices/{}/scores"
NO_COLLEAGUES = {ACCEPTANCE: 404, REVIEWER: 404}
# method and address -> the kind of row, and the status for each role with an empty form and a row of their own town.
# Other roles get 403, whatever the row. A row of another town, or a missing one, is 404 for the roles named.
ROUTES = {
    ("GET", "/people/show/{}"): ("person", dict.fromkeys(READERS, 200)),
    ("GET", "/people/edit/{}"): ("person", {CLERK: 200}),
    ("POST", "/people/edit/{}"): ("person", {CLERK: 409}),  # an empty form has not seen what is stored
    ("POST", "/people/reveal/{}"): ("person", dict.fromkeys(READERS, 422)),  # no reason, no number
    ("POST", "/people/release/{}"): ("person", {CLERK: 302}),
    ("GET", "/identity-requests/ask/{}"): ("person", {CLERK: 200}),
    ("POST", "/identity-requests/ask/{}"): ("person", {CLERK: 422}),
    ("GET", "/identity-requests/scan/{}"): ("correction", {CLERK: 200}),
    ("GET", "/identity-reviews/scan/{}"): ("correction", {ACCEPTANCE: 200}),
    ("GET", "/identity-reviews/{}"): ("correction", {ACCEPTANCE: 200}),
    ("POST", "/identity-reviews/{}/numbers"): ("correction", {ACCEPTANCE: 200}),  # to decide it
    ("POST", "/identity-reviews/{}/decide"): ("correction", {ACCEPTANCE: 422}),  # no decision
    ("POST", "/identity-requests/withdraw/{}"): ("correction", {CLERK: 302}),
    ("GET", "/qualifications/edit/{}"): ("qualification", {CLERK: 200}),
    ("POST", "/qualifications/edit/{}"): ("qualification", {CLERK: 409}),
    ("POST", "/qualifications/delete/{}"): ("qualification", {CLERK: 302}),
    ("GET", "/enterprise/{}"): ("enterprise", dict.fromkeys(READERS, 200)),
    ("GET", "/people/scans/{}"): ("waiting", {CLERK: 200}),
    ("GET", "/people/scans/{}/small"): ("waiting", {CLERK: 200}),
    ("GET", "/people/scans/phone/{}"): ("person", {CLERK: 200}),
    ("GET", "/people/scans/phone/{}/arrived"): ("person", {CLERK: 200}),
    ("GET", "/papers/{}"): ("paper", dict.fromkeys(READERS, 200)),
    ("GET", "/papers/{}/small"): ("paper", dict.fromkeys(READERS, 200)),
    ("GET", "/cases/{}"): ("case", dict.fromkeys(READERS[:1] + OFFICERS, 200) | {VIEWER: 404}),
    ("GET", "/cases/{}/read"): ("closed", dict.fromkeys(PARTIES, 200)),
    ("POST", "/cases/{}/decide"): ("case", dict.fromkeys(OFFICERS, 422)),
    ("POST", "/cases/{}/originals"): ("case", {ACCEPTANCE: 422}),
    ("POST", "/cases/{}/id-number"): ("case", dict.fromkeys(OFFICERS, 422) | {ACCEPTANCE: 200}),  # decides it, or no reason
    ("GET", "/archive/{}"): ("closed", dict.fromkeys(PARTIES, 200)),
    ("GET", "/archive/{}.zip"): ("closed", dict.fromkeys(PARTIES, 200)),
    ("GET", "/archive/{}/form.pdf"): ("closed", dict.fromkeys(PARTIES, 200)),
    ("GET", "/exam/signups/receipt/{}.pdf"): ("notice", {CLERK: 200}),
    ("GET", PDF): ("certificate", dict.fromkeys(PARTIES, 200)),
    # of the head of their town; other officers see their own
    ("GET", "/batches/{}"): ("batch", {APPROVER: 200, ADMIN: 200} | NO_COLLEAGUES),
    ("GET", "/batches/{}/progress"): ("batch", {APPROVER: 200, ADMIN: 200} | NO_COLLEAGUES),
    **{("POST", f"/batches/{{}}/{step}"): ("batch", NO_COLLEAGUES) for step in ("confirm", "discard", "retry")},
    ("POST", "/batches/{}/sheet"): ("batch", {APPROVER: 200} | NO_COLLEAGUES),
    ("POST", "/applications/new/{}/discard"): ("draft", {CLERK: 302}),
    ("GET", "/certificates/{}.ofd"): ("certificate", dict.fromkeys(PARTIES, 200)),
    ("GET", "/certificates/{}/history"): ("certificate", dict.fromkeys(PARTIES, 200)),
    ("GET", "/published/show/{}"): ("published", dict.fromkeys((*OFFICERS, VIEWER), 200)),
    ("GET", "/exam-passes/show/{}"): ("exam_pass", dict.fromkeys(PARTIES, 200)),
    ("GET", "/measures/show/{}"): ("measure", {REVIEWER: 200, APPROVER: 200}),
    ("POST", "/measures/{}/retract"): ("measure", {REVIEWER: 404}),  # proposed by another
    ("GET", "/measure-papers/{}/document"): ("taken", dict.fromkeys((CLERK, *OFFICERS), 200)),
    ("GET", "/measure-papers/{}/letter.pdf"): ("taken", dict.fromkeys((CLERK, *OFFICERS), 200)),
    ("GET", "/claims/{}/edit"): ("filing", {CLERK: 404}),  # a new application has its own form
    ("POST", "/claims/{}/edit"): ("filing", {CLERK: 404}),
    ("GET", "/corrections/{}"): ("returned", {CLERK: 200}),
    ("POST", "/corrections/{}"): ("returned", {CLERK: 302}),  # an empty form changes nothing
    ("GET", "/filings/{}/edit"): ("filing", {CLERK: 200}),
    ("POST", "/filings/{}/edit"): ("filing", {CLERK: 409}),  # without the version of the form
    ("GET", "/bundles/{}"): ("job", dict.fromkeys(PARTIES, 404)),  # not a bundle job of theirs
    ("GET", "/bundles/{}/progress"): ("job", dict.fromkeys(PARTIES, 404)),
    ("GET", "/bundles/{}.zip"): ("job", dict.fromkeys(PARTIES, 404)),
    ("GET", "/exam/notices/show/{}"): ("notice", {CLERK: 200, EXAM: 200}),
    ("GET", "/exam/notices/edit/{}"): ("notice", {EXAM: 200}),
    ("POST", "/exam/notices/edit/{}"): ("notice", {EXAM: 422}),
    ("POST", "/exam/notices/delete/{}"): ("notice", {EXAM: 302}),
    ("POST", "/exam/notices/{}/export"): ("notice", {EXAM: 200}),
    ("GET", "/exam/notices/{}/signup"): ("notice", {CLERK: 200}),
    ("POST", "/exam/notices/{}/signup"): ("notice", {CLERK: 422}),
    ("GET", SHEET): ("notice", {EXAM: 200}),
    ("POST", SHEET): ("notice", {EXAM: 422}),
    ("GET", SHEET + "/submit"): ("notice", {EXAM: 200}),
    ("POST", SHEET + "/submit"): ("notice", {EXAM: 422}),
    ("POST", "/exam/notices/{}/recall"): ("notice", {EXAM: 302}),  # no reason: sent back with the refusal
    ("POST", "/exam/notices/{}/cancel"): ("notice", {EXAM: 302}),
    ("POST", "/exam/notices/{}/files"): ("notice", {EXAM: 302}),
    ("POST", "/exam/notices/{}/republish"): ("notice", {EXAM: 409}),  # it was not recalled
    ("POST", "/exam/notices/{}/scores/discard"): ("notice", {EXAM: 422}),
    ("GET", "/exam/signups/show/{}"): ("signup", {CLERK: 200}),
    ("GET", "/exam/signups/{}/category"): ("signup", {CLERK: 200}),
    ("POST", "/exam/signups/{}/category"): ("signup", {CLERK: 422}),
    ("POST", "/exam/review/{}/id-number"): ("signup", {EXAM: 200}),  # to decide it
    ("GET", "/exam/review/{}"): ("signup", {EXAM: 200}),
    ("GET", "/exam/score-corrections/ask/{}"): ("signup", {EXAM: 404}),  # not scored yet
    ("POST", "/exam/score-corrections/ask/{}"): ("signup", {EXAM: 404}),
    ("POST", "/exam/score-corrections/{}/retract"): ("score", {EXAM: 404}),  # asked for by another
    ("GET", "/employment-releases/{}/evidence"): ("release", {ADMIN: 200}),
    ("POST", "/exam/review/{}"): ("signup", {EXAM: 422}),
    # administrator: accounts and technical data of every town, and nothing of the above
    ("GET", "/required-papers/edit/{}"): ("paper_rule", {ADMIN: 200}),
    ("POST", "/required-papers/edit/{}"): ("paper_rule", {ADMIN: 302}),
    ("POST", "/required-papers/delete/{}"): ("paper_rule", {ADMIN: 302}),  # a default row stays, and the page says so
    ("GET", "/stock-reasons/edit/{}"): ("stock_reason", {ADMIN: 200}),
    ("POST", "/stock-reasons/edit/{}"): ("stock_reason", {ADMIN: 302}),  # an empty form changes nothing
    ("POST", "/stock-reasons/delete/{}"): ("stock_reason", {ADMIN: 302}),
    ("GET", "/regions/show/{}"): ("region", {ADMIN: 200}),
    ("GET", "/regions/edit/{}"): ("region", {ADMIN: 200}),
    ("POST", "/regions/edit/{}"): ("region", {ADMIN: 302}),
    ("POST", "/certificates-of-accounts/delete/{}"): ("identity", {SECURITY: 302}),
    ("GET", "/accounts/show/{}"): ("account", {ADMIN: 200}),
    ("GET", "/accounts/edit/{}"): ("account", {ADMIN: 200}),
    ("POST", "/accounts/edit/{}"): ("account", {ADMIN: 302}),  # an empty form changes nothing
    # security administrator: officers of every town, no enterprise accounts
    ("GET", "/appointments/show/{}"): ("officer", {SECURITY: 200}),
    ("GET", "/appointments/edit/{}"): ("officer", {SECURITY: 200}),
    ("POST", "/appointments/edit/{}"): ("officer", {SECURITY: 302}),  # an empty form removes the role
    ("POST", "/appointments/unlock/{}"): ("officer", {SECURITY: 302}),
    ("POST", "/appointments/end/{}"): ("officer", {SECURITY: 302}),
    ("POST", "/appointments/reset/{}"): ("officer", {SECURITY: 302}),
    # both administrators: one asks, the other decides
    ("GET", "/privileged-changes/ask/{}"): ("chief", {ADMIN: 200, SECURITY: 200}),
    ("POST", "/privileged-changes/ask/{}"): ("chief", {ADMIN: 422, SECURITY: 422}),  # no reason
    ("GET", "/privileged-changes/{}"): ("change", {ADMIN: 200, SECURITY: 200}),
    ("POST", "/privileged-changes/{}/decide"): ("change", {ADMIN: 400, SECURITY: 400}),  # no decision
    ("POST", "/privileged-changes/{}/retract"): ("change", {ADMIN: 404, SECURITY: 404}),  # asked for by another
    ("POST", "/accounts/reset/{}"): ("account", {ADMIN: 302}),  # ends the clerk's session
    ("POST", "/accounts/unlock/{}"): ("account", {ADMIN: 302}),
    ("POST", "/accounts/end/{}"): ("colleague", {ADMIN: 302}),
    ("GET", "/enterprises/show/{}"): ("enterprise", {ADMIN: 200}),
    ("GET", "/enterprises/licence/{}"): ("enterprise", {ADMIN: 404}),  # it did not register itself
    ("GET", "/enterprises/edit/{}"): ("enterprise", {ADMIN: 200}),
    ("POST", "/enterprises/edit/{}"): ("enterprise", {ADMIN: 302}),
    ("POST", "/notifications/open/{}"): ("notification", dict.fromkeys(Role, 404) | {CLERK: 303}),  # its reader's alone
    ("POST", "/messages/again/{}"): ("message", {ADMIN: 404}),
    ("POST", "/jobs/again/{}"): ("job", {ADMIN: 404}),
    ("GET", "/steps/show/{}"): ("step", {AUDITOR: 200}),
    ("GET", "/certificate-events/show/{}"): ("event", {AUDITOR: 200}),
    ("GET", "/certificate-versions/show/{}"): ("certificate", {AUDITOR: 200}),
    ("GET", "/diary/show/{}"): ("entry", {AUDITOR: 200}),
    ("GET", "/imports/{}"): ("legacy", {ADMIN: 200, **OTHER_IMPORTERS}),
    ("POST", "/imports/{}/report.xlsx"): ("legacy", {ADMIN: 404, **OTHER_IMPORTERS}),  # nothing is stored
    ("POST", "/imports/{}/refused.xlsx"): ("legacy", {ADMIN: 404, **OTHER_IMPORTERS}),
    ("POST", "/imports/{}/passwords.xlsx"): ("legacy", {ADMIN: 302}),  # with a message on the import's page
    ("GET", "/reconciliation/{}"): ("discrepancy", {ADMIN: 200}),
    ("POST", "/reconciliation/{}/decide"): ("discrepancy", {ADMIN: 422}),  # no decision
}
# Addresses with a word besides or instead of the row: tested below and in the tests of their modules.
LATER_MATTERS = ("renewal", "transfer", "replacement", "cancellation")
WITH_A_WORD = {
    *(f"/applications/{matter}/{{}}/discard" for matter in LATER_MATTERS),  # the same method as for new applications
    *("/archive/{}/{}.pdf", "/claims/{}/add", "/releases/decide/{}", "/standing/{}/{}", "/office-releases/{}/release"),
    "/measures/decide/{}",
    "/enterprises/decide/{}/{}",
    "/notifications/mark/{}",
    *("/sms-texts/{}", "/list-views/{}/keep", "/list-views/{}/remove"),
    *("/parameters/{}", "/parameters/{}/restore", "/sessions/{}/end"),
    *("/exam/notices/{}/files/{}", "/exam/notices/{}/files/{}/remove", "/exam/score-corrections/{}/decide/{}"),
    *("/imports/{}/{}", "/legacy/hand-in/{}", "/legacy/template/{}.xlsx"),
}
EVERYWHERE = {ADMIN, SECURITY, AUDITOR}
FOR_ALL_CLERKS = {"/exam/notices/show/{}": 200, "/exam/notices/{}/signup": {"GET": 200, "POST": 422}}  # notices are public
NO_ROW = {
    "/v/<token>",
    "/seal/<name>",
    *("/help/manual/<name>", "/help/manual/pictures/<name>"),  # see test_manual
    "/exam-notices/<int(max=2147483647):notice_id>",
    "/exam-notices/<int(max=2147483647):notice_id>/files/<int(max=2147483647):file_id>",
}  # anonymous; see test_lookup
TICKETS = {"/login/licence/<cid>", "/login/licence/<cid>/state", "/login/licence/<cid>/ask", "/login/licence/<cid>/finish",
           "/q/<cid>", "/phone/licence/<cid>",  # sign-in, bound to a browser; see test_business_licence
           "/phone-scan/<token>"}  # bound to a session; see test_phone_scans  # fmt: skip
BLANK = re.compile(r"<[^>]+>")


def is_generic(rule) -> bool:
    """FAB's generic routes that a screen has not declared: forbidden for every role."""
    return rule.endpoint.endswith((".delete", ".edit", ".show", ".add"))


def test_every_route_that_takes_a_row_is_in_the_table_or_forbidden_for_every_role(app, everybody):
    undeclared = [
        (method, rule)
        for rule in app.url_map.iter_rules()
        for method in rule.methods & {"GET", "POST"}
        if rule.arguments and "static" not in rule.endpoint and rule.rule not in NO_ROW | TICKETS and "batch" not in rule.rule
        if (method, BLANK.sub("{}", rule.rule)) not in ROUTES and BLANK.sub("{}", rule.rule) not in WITH_A_WORD
    ]
    unknown = [rule.rule for _method, rule in undeclared if not is_generic(rule)]
    assert not unknown, "add them to ROUTES"
    for method, rule in undeclared:
        for role, browser in everybody.items():
            answer = browser.open(BLANK.sub("1", rule.rule), method=method)
            assert answer.status_code == 403, (method, rule.rule, role)


def test_routes_with_a_word_in_their_address_are_guarded_alike(everybody, changsha, zhuzhou, session):
    gets = {CLERK: {f"/applications/{matter}/{zhuzhou.draft}/discard": 404 for matter in LATER_MATTERS}}
    gets[CLERK] |= {"/releases/decide/release": 302, "/releases/decide/approve": 404, "/claims/new/add": 404}
    gets[ADMIN] = {f"/office-releases/{row}/release": 302 for row in (NOBODYS, changsha.case)}  # with a message on the list
    gets[REVIEWER] = {f"/standing/{NOBODYS}/suspended": 404, f"/standing/{changsha.certificate}/approve": 404}
    gets[REVIEWER] |= {f"/standing/{zhuzhou.certificate}/revoked": 404, f"/standing/{changsha.certificate}/revoked": 422}
    gets[APPROVER] = {"/measures/decide/approve": 404, "/measures/decide/confirm": 302}  # nothing is ticked
    gets[EXAM] = {f"/exam/notices/{notice}/files/{file}/remove": 404 for notice, file in (
        (zhuzhou.notice, zhuzhou.file), (changsha.notice, zhuzhou.file), (NOBODYS, changsha.file),
    )}  # fmt: skip
    gets[EXAM] |= {f"/exam/score-corrections/{zhuzhou.score}/decide/{answer}": 404 for answer in ("yes", "no", "maybe")}
    gets[SECURITY] = {"/parameters/lock_after/restore": 302}
    gets[ADMIN] |= {"/parameters/accept_days/restore": 302}
    gets[ADMIN] |= {f"/enterprises/decide/{NOBODYS}/yes": 404, f"/enterprises/decide/{changsha.enterprise}/no": 409}
    before = all_rows(session)
    for holder, answers in gets.items():
        for address, expected in answers.items():
            for role, browser in everybody.items():
                got = browser.post(address).status_code
                assert got == (expected if role is holder else 403), (address, role, got)
    for address in ("/parameters/nonsense", "/parameters/province/restore"):
        statuses = {role: browser.post(address).status_code for role, browser in everybody.items()}
        assert statuses == {role: 404 if role in (ADMIN, SECURITY) else 403 for role in Role}
    gets[ADMIN] |= {f"/imports/{NOBODYS}/confirm": 404, f"/imports/{changsha.legacy}/approve": 404, "/legacy/hand-in/x": 404}
    gets[ADMIN] |= {f"/imports/{changsha.legacy}/confirm": 302, "/legacy/hand-in/passes": 422}  # no digest, no sheet
    gets[ADMIN] |= {f"/imports/{changsha.legacy}/{step}": 302 for step in ("answer", "discard", "undo")}
    assert all_rows(session) == before


def harmless_first(route):
    (method, address), _expected = route
    return method == "POST", address.rsplit("/", 2)[-2] in ("delete", "release", "reset"), address.endswith("discard")


def test_with_rows_of_their_own_town_every_role_gets_the_declared_answer(everybody, changsha):
    wrong = []
    for (method, address), (kind, gets) in sorted(ROUTES.items(), key=harmless_first):
        for role, browser in everybody.items():
            got = browser.open(address.format(getattr(changsha, kind)), method=method).status_code
            if got != gets.get(role, 403):
                wrong.append(f"{method} {address} as {role.value}: {got}, not {gets.get(role, 403)}")
    assert not wrong


def status_for_foreign_row(method, address, role, *, foreign: bool) -> int:
    if foreign and role is CLERK and address in FOR_ALL_CLERKS:
        known = FOR_ALL_CLERKS[address]
        return known[method] if isinstance(known, dict) else known
    return 404


@pytest.mark.parametrize("whose", ["another town's", "nobody's"])
def test_foreign_and_missing_rows_are_not_found_and_nothing_changes(whose, session, everybody, zhuzhou):
    foreign, wrong, before = whose == "another town's", [], all_rows(session)
    for (method, address), (kind, gets) in ROUTES.items():
        for role in gets.keys() - (EVERYWHERE if foreign else set()):  # administrators reach every town
            row = getattr(zhuzhou, kind) if foreign else NOBODYS
            got = everybody[role].open(address.format(row), method=method).status_code
            if got != status_for_foreign_row(method, address, role, foreign=foreign):
                wrong.append(f"{method} {address} as {role.value}: {got}")
    assert not wrong
    assert all_rows(session) == before


def all_rows(session) -> dict[str, list]:
    """All rows of our tables but counters, sessions and the audit log."""
    session.rollback()
    ours = {mapper.class_ for mapper in Model.registry.mappers if mapper.class_.__module__.startswith("app.db.tables.")}
    found = {}
    assert Person in ours
    changing = {AuditEntry, AuditLink, AuditCheckpoint, RateLimitCounter, NumberSequence, UserSession}
    for model in ours - changing:
        table = inspect(model).local_table
        columns = [column for column in table.columns if column.name not in ("last_login", "login_count")]
        found[table.name] = sorted(map(str, session.execute(select(*columns))))
    session.rollback()
    return found


BATCHES = (
    *("/exam/notices/{notice}/signup", "/filings/{filing}/edit"),
    *("/exam/signups/submit", "/exam/signups/cancel", "/exam/review/decide?admit=yes", "/exam/review/decide?admit=no"),
    *("/exam/review/decide?admit=no&again=1", "/applications/new/submit", "/filings/add", "/acceptance/batch/accept"),
    *("/acceptance/batch/decline", "/review/batch/endorse", "/approval/batch/approve", "/approval/batch/refuse_approval"),
    *("/measures/decide/confirm", "/measures/decide/refuse"),
)


def test_foreign_rows_in_a_batch_are_left_as_they_are(session, everybody, changsha, zhuzhou):
    before = all_rows(session)
    rows = [NOBODYS, zhuzhou.case, zhuzhou.draft, zhuzhou.closed, zhuzhou.signup + 1]
    measures = [NOBODYS, zhuzhou.measure, zhuzhou.taken, changsha.taken]
    typed = {"reason": make.REASON, "handler_name": "韩梅梅", "handler_mobile": "13800000000", "sure": "1"}
    for address in BATCHES:
        ticked = [f"{zhuzhou.person}-C1"] if "filings" in address else measures if "measures" in address else rows
        for role, browser in everybody.items():
            url, form = address.format(**vars(changsha)), {"rowid": ticked, f"category-{rows[0]}": "C1", **typed}
            shown = seen(browser, url) if url.endswith("/edit") and role is CLERK else {}
            answer = browser.post(url, data=form | shown)
            planned = answer.headers.get("Location", "").startswith("/batches/")  # a plan of which nothing passes
            assert answer.status_code in (403, 404, 422) or planned, (address, role)
    after = all_rows(session)
    plans, rows_of_plans = after.pop("decision_batch"), after.pop("decision_batch_row")
    assert after == {name: rows for name, rows in before.items() if name in after}
    session.rollback()
    assert not session.scalars(select(DecisionBatch.id).where(DecisionBatch.fit > 0)).all(), plans
    theirs = [zhuzhou.case, zhuzhou.draft, zhuzhou.closed]
    named = select(DecisionBatchRow.id).where(DecisionBatchRow.application_id.in_(theirs))
    assert not session.scalars(named).all(), rows_of_plans


# --- hostile values in every field ---------------------------------------------------------------------------
NAMES = (
    *("next", "page", "size", "sort", "state", "only", "notice", "name", "id_number", "person.name", "scans", "tried"),
    *(
        "show", "again", "matter", "stage", "q", "valid_to_from", "at_from", "due_at_to", "decision", "reason",
        "rowid", "seen",
    ),
    *("then", "handler_name", "handler_mobile", "ticket", "title", "number", "categories", "signup_start", "signup_end"),
    *(
        "exam_on",
        "place",
        "quota",
        "pass_mark",
        "body",
        "username",
        "full_name",
        "role",
        "mobile",
        "region_code",
        "enterprise",
    ),
    *("active", "uscc", "registration", "kind_and_grade", "valid_from", "valid_to", "address", "legal_representative"),
    *("contact", "contact_mobile", "education", "major", "technical_title", "position", "original", "reading", "old"),
    *("password", "locale", "contrast", "table", "row", "actor", "text", "key", "kind", "deed"),
)  # fmt: skip
LISTS = {
    CLERK: (
        "/people/list/", "/people/scans/", "/qualifications/list/", "/applications/new/", "/exam/notices/", "/exam/signups/",
        "/certificates/", "/legacy-passes/list/", "/legacy-certificates/list/",
    ),
    EXAM: ("/exam/notices/", "/exam/review/"),
    ACCEPTANCE: ("/acceptance/", "/closed/"),
    REVIEWER: ("/review/", "/measures/"),
    APPROVER: ("/approval/", "/measures/"),
    VIEWER: ("/closed/", "/certificates/", "/legacy-passes/list/", "/legacy-certificates/list/", "/statistics/"),
    ADMIN: ("/accounts/list/", "/enterprises/list/", "/messages/list/", "/jobs/list/"),
    SECURITY: ("/appointments/list/", "/appointments/awaiting/list/"),
    AUDITOR: ("/diary/list/",),
}  # fmt: skip
ADDED = {CLERK: ("/people/add", "/qualifications/add", "/enterprise/"), EXAM: ("/exam/notices/add",),
         ADMIN: ("/accounts/add", "/enterprises/add")}  # fmt: skip
FORM = "application/x-www-form-urlencoded"  # encoded here, once: the client would do it at each request
DECIDED = {EXAM: BATCHES[4:7], ACCEPTANCE: BATCHES[9:11], REVIEWER: BATCHES[11:12], APPROVER: BATCHES[12:]}


HOSTILE = pytest.mark.parametrize(
    ("system", "value"),
    [
        pytest.param("postgresql", "\0", id="nul"),
        pytest.param("postgresql", str(2**31), id="beyond integer"),
        pytest.param("postgresql", "a\r\nX-Evil: 1", id="line end"),
        pytest.param("sqlite", "9" * 5000, id="5000 digits"),
        pytest.param("sqlite", str(2**63), id="beyond bigint"),
    ],
    indirect=["system"],
)


@HOSTILE
def test_no_value_in_any_field_causes_an_error(value, everybody, changsha):
    """PostgreSQL accepts no NUL and no number beyond its columns, Python parses no 5,000 digits. One role an address."""
    assert not broken_by(value, everybody, changsha, [(place, next(iter(gets))) for place, (_kind, gets) in ROUTES.items()])


@pytest.mark.proof
@HOSTILE
def test_no_value_in_any_field_causes_an_error_whoever_sends_it(value, everybody, changsha):
    every = [(place, role) for place, (_kind, gets) in ROUTES.items() for role in gets]
    assert not broken_by(value, everybody, changsha, every)


def broken_by(value, everybody, changsha, asked) -> list[str]:
    """Which of these addresses, all lists and the forms that add something answer with an error to this value."""
    sent, broken = urlencode(dict.fromkeys(NAMES, value)), []
    cases = [(method, address, role) for (method, address), role in asked]
    tried = [(method, address.format(getattr(changsha, ROUTES[method, address][0])), role) for method, address, role in cases]
    tried += [("GET", address, role) for role, addresses in LISTS.items() for address in addresses]
    tried += [("POST", address, role) for role, addresses in ADDED.items() for address in addresses]
    for method, address, role in sorted(tried, key=lambda one: one[0]):
        where = {"query_string": sent} if method == "GET" else {"data": sent, "content_type": FORM}
        answer = everybody[role].open(address, method=method, **where)
        if answer.status_code >= 500 or "X-Evil" in answer.headers:
            broken.append(f"{method} {address} as {role.value}")
    return broken


FORGED = ("9" * 5000, "%00", "-1", str(2**63), "..%2F..%2Fetc%2Fpasswd", "1%20OR%201=1")


def test_no_forged_id_causes_an_error_or_finds_anything(everybody):
    for (method, address), (_kind, gets) in ROUTES.items():
        browser = everybody[next(iter(gets))]
        got = {forged: browser.open(address.format(forged), method=method).status_code for forged in FORGED}
        assert set(got.values()) <= {404, 405}, (method, address)


@pytest.mark.parametrize("role", DECIDED, ids=lambda role: role.value)
def test_a_reason_with_nul_is_stored_without_it(role, session, everybody, changsha):
    for address in DECIDED[role]:
        row = changsha.signup if role is EXAM else changsha.case
        assert everybody[role].post(address, data={"rowid": row, "reason": "照\0片模糊，面部无法核对"}).status_code < 500, (
            address
        )
    everybody[ACCEPTANCE].post(
        f"/cases/{changsha.case}/decide", data={"decision": "return", "reason": "照\0片模糊，面部无法核对"}
    )
    stored = set(session.scalars(select(Step.reason))) | set(session.scalars(select(ExamSignup.reason)))
    session.rollback()
    assert "照片模糊，面部无法核对" in stored
    assert not any("\0" in reason for reason in stored)


@pytest.mark.parametrize("system", ["postgresql"], indirect=True)  # its driver takes 65,535 parameters
def test_too_many_rows_are_refused_before_the_database_is_asked(everybody, changsha):
    typed = urlencode({"reason": make.REASON, "handler_name": "韩梅梅", "handler_mobile": "13800000000"})
    rows = {mark: "&".join([typed, *(f"rowid={row}{mark}" for row in range(1, 70_000))]) for mark in ("", "-C1")}
    for address in BATCHES:
        role = next(role for role, starts in WHO.items() if address.startswith(starts))
        sent = rows["-C1" if "filings" in address else ""]
        answer = everybody[role].post(address.format(**vars(changsha)), data=sent, content_type=FORM)
        assert answer.status_code in (302, 409, 422), address  # 409: what is stored has not been seen


WHO = {
    CLERK: ("/exam/notices/", "/exam/signups/", "/applications", "/filings"), EXAM: ("/exam/review/",),
    ACCEPTANCE: ("/acceptance/",), REVIEWER: ("/review/",), APPROVER: ("/approval/", "/measures/"),
}  # fmt: skip


def test_a_form_sent_as_json_is_read_as_an_empty_one(client, everybody):
    forms = {"/lookup": client, "/login/": client, "/people/add": everybody[CLERK], "/accounts/add": everybody[ADMIN]}
    for address, browser in forms.items():
        for body in ('{"name": 1, "number": {"a": []}, "username": [], "password": 0}', "[1, 2]", "null", "{", '"text"'):
            answer = browser.post(address, data=body, content_type="application/json")
            assert answer.status_code in (400, 422), (address, body)


def test_a_line_end_in_a_title_reaches_neither_the_database_nor_a_header(session, everybody):
    start, end, on = now(), now() + DAY, office_day(now()) + 9 * DAY
    form = {
        "title": "考核\r\nX-Evil: 1\u2028安管", "categories": "C1", "signup_start": f"{start:%Y-%m-%dT%H:%M}",
        "signup_end": f"{end:%Y-%m-%dT%H:%M}", "exam_on": on.isoformat(), "pass_mark": "60",
    }  # fmt: skip
    everybody[EXAM].post("/exam/notices/add", data=form)
    made = session.execute(select(ExamNotice.id, ExamNotice.title).order_by(ExamNotice.id.desc()).limit(1)).one()
    session.rollback()
    assert made.title == "考核 X-Evil: 1 安管"
    answer = everybody[EXAM].post(f"/exam/notices/{made.id}/export")
    assert (answer.status_code, "X-Evil" in answer.headers) == (200, False)


# --- hostile text that is stored ------------------------------------------------------------------------------
MARKUP = "<xss>\"'onxss=</script>{{7*7}}"


@pytest.fixture
def poisoned(session, system) -> Town:
    """Changsha, with markup in every free text."""
    return town(session, FolderStore(system.settings.blobs), "430100", MARKUP)


def pages(app, session, signed_in, place: Town):
    """Every page as every role that may, with rows of the town in the address."""
    readers = [(None, app.test_client())]
    for role in Role:
        account = session.get(Account, place.account) if role is CLERK else None
        account = account or make.account(session, f"reader-{role.value}", role, region_code="430100")
        readers.append((role, signed_in(account)))
    session.rollback()
    open_to_all = [(rule.rule, None) for rule in app.url_map.iter_rules() if "GET" in rule.methods and not rule.arguments]
    rows = [(path.format(getattr(place, kind)), gets) for (verb, path), (kind, gets) in ROUTES.items() if verb == "GET"]
    more = [
        (f"/exam-notices/{place.notice}", None),
        (f"/v/430100{place.enterprise:026d}", None),
        ("/exam/review/?state=all", None),
    ]
    for role, browser in readers:
        for address, gets in (*open_to_all, *rows, *more):
            if gets is None or role in gets:
                yield (
                    role,
                    address,
                    browser.get(address, headers={"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}),
                )


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)  # a page looks the same over either database
def test_stored_markup_is_shown_as_text_on_every_page_with_all_security_headers(app, session, signed_in, poisoned):
    number = session.get_one(Person, poisoned.person).id_number
    session.rollback()
    shown, faults = 0, []
    for role, address, answer in pages(app, session, signed_in, poisoned):
        text, headers = answer.get_data(as_text=True) if answer.mimetype == "text/html" else "", answer.headers
        shown += "&lt;xss&gt;" in text
        checks = {
            "markup": "<xss" not in text and "\"'onxss" not in text and ">49<" not in text,
            "host": "evil.example" not in text + headers.get("Location", ""),
            "id number": number not in text or address.startswith("/archive/"),
            "policy": "default-src" in headers["Content-Security-Policy"] and headers["X-Content-Type-Options"] == "nosniff",
            "cached": role is None or headers.get("Cache-Control") == "no-store" or address in ("/healthz", "/readyz"),
            "fault": answer.status_code < 500,
        }
        faults += [f"{fault}: {address} as {role}" for fault, sound in checks.items() if not sound]
    assert not faults, "\n".join(faults)
    assert shown > 20


# --- concurrent requests -----------------------------------------------------------------------------
def scalar(session, query):
    value = session.scalar(query)
    session.rollback()
    return value


def test_of_two_concurrent_decisions_one_wins_and_the_other_is_a_conflict(session, signed_in, changsha):
    officers = [make.account(session, f"officer{n}", ACCEPTANCE) for n in (1, 2)]
    browsers = [signed_in(officer) for officer in officers]
    session.rollback()
    case, results = f"/cases/{changsha.case}/decide", ("return", "decline")
    requests = zip(browsers, results, strict=True)
    answers = at_once(lambda one: one[0].post(case, data={"decision": one[1], "reason": make.REASON}), requests)
    assert sorted(answer.status_code for answer in answers) == [302, 409]
    assert scalar(session, select(func.count(Step.id)).where(Step.application_id == changsha.case)) == 2  # submitted, decided


def test_a_concurrent_double_submission_counts_once(session, signed_in, changsha):
    account = session.get_one(Account, changsha.account)
    browsers = [signed_in(account), signed_in(account)]
    session.rollback()
    row = changsha.signup + 1  # rejected, so the enterprise may submit it again
    at_once(lambda browser: browser.post("/exam/signups/submit", data={"rowid": row}), browsers)
    lines = select(AuditEntry.change).where(AuditEntry.table == "exam_signup", AuditEntry.row == str(row))
    moves = [change for change in session.scalars(lines) if change.get("state") == ["rejected", "submitted"]]
    session.rollback()
    assert len(moves) == 1


def test_six_enterprises_signing_up_at_once_get_no_more_places_than_there_are(session, signed_in, changsha):
    session.get_one(ExamNotice, changsha.notice).quota = 3  # one place is taken
    firms = [make.enterprise(name=f"第{n}建设有限公司") for n in range(6)]
    people = [make.person(firm) for firm in firms]
    session.add_all(people)
    session.flush()
    session.add_all(paper for person in people for paper in make.complete_papers(person))
    browsers = [signed_in(make.account(session, f"firm{firm.id}", CLERK, enterprise_id=firm.id)) for firm in firms]
    forms = [{"rowid": [person.id], f"category-{person.id}": "C1", "then": "submit"} for person in people]
    session.commit()
    address, requests = f"/exam/notices/{changsha.notice}/signup", zip(browsers, forms, strict=True)
    answers = at_once(lambda one: one[0].post(address, data=one[1]), requests)
    assert sorted(answer.status_code for answer in answers) == [302, 302, 422, 422, 422, 422]
    taken = ExamSignup.state.in_((SignupState.SUBMITTED, SignupState.ADMITTED))
    assert scalar(session, select(func.count(ExamSignup.id)).where(taken)) == 3


# --- CSRF, addresses, audit log --------------------------------------------------------------------------------------------
def test_a_csrf_token_of_another_session_or_none_is_refused(strict, session, everybody, client, changsha):
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', client.get("/login/").text)[1]
    before = all_rows(session)
    for (method, address), (kind, gets) in ROUTES.items():
        if method == "POST":
            browser, place = everybody[next(iter(gets))], address.format(getattr(changsha, kind))
            answers = [browser.post(place, data={"csrf_token": forged}) for forged in (token, "")]
            answers.append(browser.post(place, data="{}", content_type="application/json"))
            answers.append(browser.post(place, data="x", content_type="text/plain"))
            assert {answer.status_code for answer in answers} == {400}, address
    assert all_rows(session) == before


def test_a_forged_forwarding_address_does_not_raise_the_rate_limit(client):
    typed = {"name": "李雷", "number": "430102199001011234"}
    answers = [client.post("/lookup", data=typed, headers={"X-Forwarded-For": f"10.0.0.{n}"}) for n in range(62)]
    assert 429 in {answer.status_code for answer in answers}  # 62: a new minute may begin meanwhile


def test_every_reading_in_full_is_one_line_in_the_audit_log(session, everybody, changsha):
    readings = {
        ("POST", f"/people/reveal/{changsha.person}"): (EXAM, AuditAction.READ),
        ("POST", f"/cases/{changsha.case}/id-number"): (REVIEWER, AuditAction.READ),
        ("GET", f"/archive/{changsha.closed}"): (VIEWER, AuditAction.READ),
        ("GET", f"/archive/{changsha.closed}/form.pdf"): (VIEWER, AuditAction.READ),
        ("GET", f"/archive/{changsha.closed}.zip"): (VIEWER, AuditAction.EXPORT),
        ("GET", PDF.format(changsha.certificate)): (VIEWER, AuditAction.READ),
        ("GET", f"/papers/{changsha.paper}"): (ACCEPTANCE, AuditAction.READ),
        ("POST", f"/exam/notices/{changsha.notice}/export"): (EXAM, AuditAction.EXPORT),
    }
    for (method, address), (role, action) in readings.items():
        last = scalar(session, select(func.max(AuditEntry.id)))
        assert everybody[role].open(address, method=method, data={"why": "核对"}).status_code == 200
        lines = session.execute(
            select(AuditEntry.actor, AuditEntry.deed, AuditEntry.address).where(AuditEntry.id > last)
        ).all()
        session.rollback()
        assert lines == [(f"the-{role.value}", action, "127.0.0.1")], address


def test_the_error_of_a_failed_statement_holds_no_values(app):
    with app.app_context(), db.engine.connect() as connection, pytest.raises(DBAPIError) as fault:
        connection.execute(text("SELECT :name FROM nowhere"), {"name": "李雷430102199001011234"})
    assert "430102199001011234" not in str(fault.value)


def test_the_audit_log_does_not_hold_the_parts_of_an_id_number(session, everybody, changsha):
    number = session.get_one(Person, changsha.person).id_number
    change = session.scalar(
        select(AuditEntry.change).where(AuditEntry.table == "person", AuditEntry.row == str(changsha.person))
    )
    session.rollback()
    logged = str(change)
    assert number[:6] in logged  # masked, not left out
    assert not any(born in logged for born in (number[6:14], f"{number[6:10]}-{number[10:12]}-{number[12:14]}"))


def test_a_number_that_no_column_holds_is_refused_with_a_sentence(everybody, changsha):
    start, end, on = now(), now() + DAY, office_day(now()) + 9 * DAY
    form = {
        "title": "考核", "categories": "C1", "exam_on": on.isoformat(), "pass_mark": "60", "quota": str(2**31),
        "signup_start": f"{start:%Y-%m-%dT%H:%M}", "signup_end": f"{end:%Y-%m-%dT%H:%M}",
    }  # fmt: skip
    assert everybody[EXAM].post("/exam/notices/add", data=form).status_code == 422
    assert everybody[CLERK].post(f"/applications/new/submit?only={2**63}").status_code == 422
