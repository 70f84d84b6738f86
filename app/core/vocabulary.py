"""Closed lists of terms. A code is stored and never renamed; a label is shown and may change.

The codes are those of docs/GLOSSARY.md; each list is also the CHECK constraint of its column.
"""

from collections.abc import Mapping
from datetime import date
from enum import Enum
from typing import Self

from flask_babel import lazy_gettext as _


class Term(Enum):
    """A closed list: ``term.value`` is the stored code, ``str(term)`` the label.

    Not a ``str``, of which ``{{ x }}`` would show the label and ``{{ x ~ '' }}`` the code.
    """

    label: object
    __hash__ = object.__hash__  # a term is equal to itself alone; Enum's own hash is computed in Python at every look-up

    def __new__(cls, code: str, label: object) -> Self:
        term = object.__new__(cls)
        term._value_ = code
        term.label = label
        return term

    def __str__(self) -> str:
        return str(self.label)


class Role(Term):
    """The nine roles: the seven of the manual (domain.md 1.1), its administrator divided in three (三权分立)."""

    ENTERPRISE_CLERK = "enterprise_clerk", _("Enterprise clerk")
    EXAM_CLERK = "exam_clerk", _("Training and exam clerk")
    ACCEPTANCE_OFFICER = "acceptance_officer", _("Acceptance officer")
    REVIEWER = "reviewer", _("Reviewer")
    APPROVER = "approver", _("Approver")
    VIEWER = "viewer", _("Viewer")
    ADMIN = "admin", _("System administrator")
    SECURITY_ADMIN = "security_admin", _("Security administrator")
    AUDITOR = "auditor", _("Audit administrator")


ADMINISTRATORS = (Role.ADMIN, Role.SECURITY_ADMIN, Role.AUDITOR)
# Whose decision is final, or opens the accounts of others: such an account is changed by two administrators.
PRIVILEGED = (*ADMINISTRATORS, Role.EXAM_CLERK, Role.APPROVER)
AUTHORITY = tuple(role for role in Role if role is not Role.ENTERPRISE_CLERK)
REGIONAL = tuple(role for role in AUTHORITY if role not in (Role.SECURITY_ADMIN, Role.AUDITOR))  # these need a region
OPERATING = tuple(role for role in Role if role not in (Role.ENTERPRISE_CLERK, Role.VIEWER))  # who decides or administers


class Level(Term):
    """Whose officers decide a stage (domain.md 1.2). What they may read is wider; see ``accounts.access``."""

    PROVINCE = "province", _("officers of the province")
    PREFECTURE = "prefecture", _("officers of the province and of the prefecture")


class Category(Term):
    """What a certificate is for (建质〔2015〕206号). Undivided C exists only in imported records."""

    A = "A", _("A · Principal")
    B = "B", _("B · Project manager")
    C1 = "C1", _("C1 · Safety officer, machinery")
    C2 = "C2", _("C2 · Safety officer, civil works")
    C3 = "C3", _("C3 · Safety officer, comprehensive")
    C = "C", _("C · Safety officer, undivided")


CURRENT_CATEGORIES = (Category.A, Category.B, Category.C1, Category.C2, Category.C3)


class MatterKind(Term):
    """The service matters of the manual."""

    NEW = "new", _("New application")
    RENEWAL = "renewal", _("Renewal")
    TRANSFER = "transfer", _("Transfer")
    REPLACEMENT = "replacement", _("Replacement")
    CANCELLATION = "cancellation", _("Cancellation")


class ReplacementReason(Term):
    """Why a certificate is replaced (R117–R121); each has its own conditions and effect (domain.md 3.5)."""

    FROM_OTHER_PROVINCE = "from_other_province", _("Transferred in from another province")
    WRONG_INFORMATION = "wrong_information", _("Wrong information on the certificate")
    LOST = "lost", _("Certificate lost")
    ENTERPRISE_RENAMED = "enterprise_renamed", _("Enterprise renamed")
    PAPER_TO_ELECTRONIC = "paper_to_electronic", _("Paper to electronic certificate")


class CancellationReason(Term):
    """Why a certificate is given up (domain.md 3.6)."""

    LEFT = "left", _("Left the enterprise")
    NO_SAFETY_WORK = "no_safety_work", _("No longer in safety management")
    DECEASED = "deceased", _("Deceased")
    OVER_AGE = "over_age", _("Over age")
    ENTERPRISE_DISSOLVED = "enterprise_dissolved", _("Enterprise dissolved")
    OTHER = "other", _("Other reason")


REASONS: dict[MatterKind, type[Term]] = {
    MatterKind.REPLACEMENT: ReplacementReason,
    MatterKind.CANCELLATION: CancellationReason,
}


def reason_of(matter: MatterKind, code: str) -> Term | None:
    """The reason a matter was filed for; None where the matter knows no reasons, or not this one."""
    return next((reason for reason in REASONS.get(matter, ()) if reason.value == code), None)


class State(Term):
    """Where an application stands."""

    DRAFT = "draft", _("Not yet submitted")
    AWAITING_RELEASE = "awaiting_release", _("Awaiting the old enterprise")
    RELEASE_REFUSED = "release_refused", _("Refused by the old enterprise")
    AWAITING_ACCEPTANCE = "awaiting_acceptance", _("Awaiting acceptance")
    RETURNED = "returned", _("To be corrected")
    NOT_ACCEPTED = "not_accepted", _("Not accepted")
    AWAITING_REVIEW = "awaiting_review", _("Awaiting review")
    REVIEW_REFUSED = "review_refused", _("Refused in review")
    AWAITING_APPROVAL = "awaiting_approval", _("Awaiting approval")
    APPROVAL_REFUSED = "approval_refused", _("Refused in approval")
    APPROVED = "approved", _("Approved and closed")
    ABANDONED = "abandoned", _("Given up")


FINAL = (State.REVIEW_REFUSED, State.APPROVAL_REFUSED, State.APPROVED, State.ABANDONED)  # nothing moves it any more
CLOSED = (State.NOT_ACCEPTED, *FINAL)  # the office owes no further step
DECIDED = tuple(state for state in CLOSED if state is not State.ABANDONED)  # decided by the office
OPEN = tuple(state for state in State if state not in CLOSED)
CHANGEABLE = (State.DRAFT, State.RELEASE_REFUSED, State.RETURNED, State.NOT_ACCEPTED)  # by the enterprise
# Without drafts and refused requests: another enterprise's draft must not block the renewal of a certificate.
UNDER_WAY = tuple(state for state in OPEN if state not in (State.DRAFT, State.RELEASE_REFUSED))


class Action(Term):
    """What can be done to an application; the labels are the manual's buttons."""

    SUBMIT = "submit", _("Submit")
    WITHDRAW = "withdraw", _("Withdraw")
    ABANDON = "abandon", _("Give up")
    RELEASE = "release", _("Agree to the transfer out")
    REFUSE_RELEASE = "refuse_release", _("Disagree to the transfer out")
    RELEASE_BY_OFFICE = "release_by_office", _("Release in place of the old enterprise")
    ACCEPT = "accept", _("Accept")
    RETURN = "return", _("Return for correction")
    LAPSE = "lapse", _("Close for want of correction")
    DECLINE = "decline", _("Do not accept")
    ENDORSE = "endorse", _("Agree in review")
    REFUSE_REVIEW = "refuse_review", _("Disagree in review")
    APPROVE = "approve", _("Agree in approval")
    REFUSE_APPROVAL = "refuse_approval", _("Disagree in approval")
    EXTEND = "extend", _("Extend the time limit")


OFFICE_ACTIONS = (  # decisions of the office; an extension of the time limit is none
    Action.RELEASE_BY_OFFICE,
    Action.ACCEPT,
    Action.RETURN,
    Action.DECLINE,
    Action.ENDORSE,
    Action.REFUSE_REVIEW,
    Action.APPROVE,
    Action.REFUSE_APPROVAL,
)


class ReasonStep(Term):
    """Where a reason must be given: the actions that need one, by their codes, and the refusal of a sign-up."""

    RETURN = "return", Action.RETURN.label
    DECLINE = "decline", Action.DECLINE.label
    REFUSE_REVIEW = "refuse_review", Action.REFUSE_REVIEW.label
    REFUSE_APPROVAL = "refuse_approval", Action.REFUSE_APPROVAL.label
    REFUSE_RELEASE = "refuse_release", Action.REFUSE_RELEASE.label
    RELEASE_BY_OFFICE = "release_by_office", Action.RELEASE_BY_OFFICE.label
    EXTEND = "extend", Action.EXTEND.label
    REJECT_SIGNUP = "reject_signup", _("Reject a sign-up")


class Urgency(Term):
    """How a case stands to its legal limit."""

    OVERDUE = "overdue", _("Overdue")
    TODAY = "today", _("Due today")
    SOON = "soon", _("Due soon")
    LATER = "later", _("Due later")


class Side(Term):
    """On which side of an application an enterprise stands."""

    FILER = "filer", _("Filing enterprise")
    RELEASER = "releaser", _("Old enterprise")


class Stage(Term):
    """The stages whose results are made public (R16–R18)."""

    ACCEPTANCE = "acceptance", _("Acceptance")
    REVIEW = "review", _("First review")
    APPROVAL = "approval", _("Second review (issuing approval)")


class SignupState(Term):
    """Where an exam sign-up stands."""

    SELECTED = "selected", _("Selected, not yet submitted")
    SUBMITTED = "submitted", _("Awaiting sign-up review")
    ADMITTED = "admitted", _("Admitted")
    REJECTED = "rejected", _("Rejected")
    PASSED = "passed", _("Passed")
    FAILED = "failed", _("Failed")
    ABSENT = "absent", _("Absent")
    CANCELLED = "cancelled", _("Exam cancelled")


SCORED = (SignupState.PASSED, SignupState.FAILED, SignupState.ABSENT)


class NoticeState(Term):
    """Whether an exam notice holds. Saving publishes it; a cancelled exam stays cancelled."""

    PUBLISHED = "published", _("Published")
    RECALLED = "recalled", _("Recalled")
    CANCELLED = "cancelled", _("Exam cancelled")


class NoticeEventKind(Term):
    """What happened to a published exam notice; each is shown on it."""

    CHANGED = "changed", _("Notice changed")
    RECALLED = "recalled", _("Notice recalled")
    REPUBLISHED = "republished", _("Notice published again")
    CANCELLED = "cancelled", _("Exam called off")


class ScoreCorrectionState(Term):
    """Where the correction of a final score stands: asked for by one exam clerk, decided by another."""

    PROPOSED = "proposed", _("Correction to be decided")
    CONFIRMED = "confirmed", _("Score corrected")
    REFUSED = "refused", _("Correction refused")
    RETRACTED = "retracted", _("Correction taken back")


class PassSource(Term):
    """Where a passed exam is known from."""

    LEGACY = "legacy", _("Old system")
    SYSTEM = "system", _("This system")


class ImportKind(Term):
    """What the rows of an imported sheet are."""

    ACCOUNTS = "accounts", _("Accounts of the old system")
    PASSES = "passes", _("Passed in the old system")
    CERTIFICATES = "certificates", _("Qualified in the old system")
    SCORES = "scores", _("Scores of an exam")
    ROSTER = "roster", _("People of an enterprise")


OLD_SYSTEM = (ImportKind.ACCOUNTS, ImportKind.PASSES, ImportKind.CERTIFICATES)  # sheets of the administrator


class ImportPhase(Term):
    """Where an imported sheet stands."""

    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("To be confirmed")
    IMPORTING = "importing", _("Being imported")
    DONE = "done", _("Import finished")
    UNREADABLE = "unreadable", _("Cannot be read")
    DISCARDED = "discarded", _("Set aside")
    DRY_RUN = "dry_run", _("Dry run, nothing imported")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")


class RowOutcome(Term):
    """The result of a row of an imported sheet. A doubtful one is not imported before it is answered."""

    ADDED = "added", _("Row added")
    UPDATED = "updated", _("Row updated")
    UNCHANGED = "unchanged", _("Row unchanged")
    DOUBTFUL = "doubtful", _("Row doubtful")
    REFUSED = "refused", _("Row refused")


class CertificateStatus(Term):
    """The national status codes (ZWFW C0317-2022). 05 expired is computed when read, never stored alone."""

    VALID = "01", _("Valid")
    SUSPENDED = "02", _("Suspended")
    REVOKED = "03", _("Revoked")
    CANCELLED = "04", _("Cancelled")
    EXPIRED = "05", _("Expired")
    TRANSFERRED_OUT = "06", _("Transferred out of the province")
    WITHDRAWN = "07", _("Withdrawn as a penalty")
    OTHER = "99", _("Other")

    def on(self, day: date, valid_to: date, suspended_to: date | None = None) -> "CertificateStatus":
        """This stored status as it holds on a day: SUSPENDED past the last day of the suspension is VALID again, and VALID
        past the last day of validity is EXPIRED, whether or not the night has noted it.
        """
        over = self is CertificateStatus.SUSPENDED and suspended_to is not None and day > suspended_to
        status = CertificateStatus.VALID if over else self
        return CertificateStatus.EXPIRED if status is CertificateStatus.VALID and day > valid_to else status


ENDED = (
    CertificateStatus.REVOKED,
    CertificateStatus.CANCELLED,
    CertificateStatus.TRANSFERRED_OUT,
    CertificateStatus.WITHDRAWN,
)  # for good


class CertificateEventKind(Term):
    """Events in the history of a certificate."""

    ISSUED = "issued", _("Issued")
    IMPORTED = "imported", _("Taken over from the old system")
    EXTENDED = "extended", _("Extended")
    MOVED = "moved", _("Moved to another enterprise")
    REPLACED = "replaced", _("Replaced")
    CANCELLED = "cancelled", _("Cancelled on request")
    SUPERSEDED = "superseded", _("Superseded by a new certificate")
    SUSPENDED = "suspended", _("Suspension imposed")
    REINSTATED = "reinstated", _("Suspension lifted")
    REVOKED = "revoked", _("Grant revoked")
    WITHDRAWN = "withdrawn", _("Withdrawal imposed")
    EXPIRED = "expired", _("Expired")


MEASURES = (  # of the authority, proposed by one officer and confirmed by another
    CertificateEventKind.SUSPENDED,
    CertificateEventKind.REINSTATED,
    CertificateEventKind.REVOKED,
    CertificateEventKind.WITHDRAWN,
)
PUNISHING = (CertificateEventKind.REVOKED, CertificateEventKind.WITHDRAWN)  # measures that end a certificate for good


class MeasureGround(Term):
    """Why a measure is taken; ``certificates.grounds`` has the measures, the articles and the ban of each."""

    ACCIDENT = "accident", _("A production safety accident happened for which the holder is responsible")
    PRINCIPAL_DUTIES = "principal_duties", _("A principal did not perform the safety duties, with grave consequences")
    OFFICER_DUTIES = "officer_duties", _("A safety officer did not perform the safety duties, with grave consequences")
    SET_RIGHT = "set_right", _("What was at fault has been set right")
    NOT_RESPONSIBLE = "not_responsible", _("The investigation found no responsibility of the holder")
    DECEIT = "deceit", _("Obtained by deceit, bribery or other improper means")
    CONCEALMENT = "concealment", _("Facts were concealed or false papers handed in")
    OFFICIAL_FAULT = "official_fault", _("Granted against competence, procedure or conditions")


class MeasureState(Term):
    """Where a measure stands."""

    PROPOSED = "proposed", _("Proposed, to be confirmed")
    CONFIRMED = "confirmed", _("Confirmed, in effect")
    REFUSED = "refused", _("Proposal refused")
    RETRACTED = "retracted", _("Proposal taken back")
    ENDED = "ended", _("Suspension over")  # by its term, its lifting, or a measure that followed


TAKEN = (MeasureState.CONFIRMED, MeasureState.ENDED)  # measures that were taken; the enterprise sees these only


class PaperKind(Term):
    """The scans that people, enterprises and single applications hand in (domain.md 2.9)."""

    PHOTO = "photo", _("Photo")
    ID_CARD = "id_card", _("ID card")
    EDUCATION = "education", _("Education certificate")
    TITLE = "title", _("Technical title certificate")
    REGISTRATION = "registration", _("Registration certificate")
    PLEDGE = "pledge", _("Integrity pledge")
    QUALIFICATION = "qualification", _("Qualification certificate scan")
    OLD_CERTIFICATE = "old_certificate", _("Original certificate")
    CONTINUING_EDUCATION = "continuing_education", _("Proof of continuing education")
    END_OF_EMPLOYMENT = "end_of_employment", _("Proof of the end of employment with the old enterprise")
    EMPLOYMENT_CONTRACT = "employment_contract", _("Employment contract with the new enterprise")
    TRANSFER_PROOF = "transfer_proof", _("Transfer-out proof of the other province")
    LOSS_STATEMENT = "loss_statement", _("Public statement of loss")
    CORRECTION_PROOF = "correction_proof", _("Proof for the correction")
    RENAMING_APPROVAL = "renaming_approval", _("Approval of the enterprise's new name")
    DISMISSAL_PROOF = "dismissal_proof", _("Cancellation request or proof of dismissal")


PERSON_PAPERS = (PaperKind.PHOTO, PaperKind.ID_CARD, PaperKind.EDUCATION, PaperKind.TITLE, PaperKind.REGISTRATION)
ENTERPRISE_PAPERS = (PaperKind.PLEDGE, PaperKind.QUALIFICATION)
MATTER_PAPERS = tuple(kind for kind in PaperKind if kind not in (*PERSON_PAPERS, *ENTERPRISE_PAPERS))


class Sex(Term):
    """Derived from the ID number (GB 11643-1999, 17th digit)."""

    MALE = "1", _("Male")
    FEMALE = "2", _("Female")


class Education(Term):
    POSTGRADUATE = "postgraduate", _("Postgraduate")
    BACHELOR = "bachelor", _("Bachelor")
    COLLEGE = "college", _("Junior college")
    SECONDARY = "secondary", _("Secondary vocational or high school")
    OTHER = "other", _("Other education")


class TechnicalTitle(Term):
    SENIOR_PLUS = "senior_plus", _("Full senior")
    SENIOR = "senior", _("Senior")
    INTERMEDIATE = "intermediate", _("Intermediate")
    JUNIOR = "junior", _("Junior")
    NONE = "none", _("No title")


class Position(Term):
    """The posts of 建质〔2015〕206号 one: a category belongs to certain posts."""

    LEGAL_REPRESENTATIVE = "legal_representative", _("Legal representative")
    GENERAL_MANAGER = "general_manager", _("General manager (president)")
    SAFETY_DEPUTY = "safety_deputy", _("Deputy general manager for safety")
    PRODUCTION_DEPUTY = "production_deputy", _("Deputy general manager for production")
    TECHNICAL_DIRECTOR = "technical_director", _("Technical director")
    SAFETY_DIRECTOR = "safety_director", _("Safety director")
    PROJECT_MANAGER = "project_manager", _("Project manager (post)")
    SAFETY_OFFICER = "safety_officer", _("Full-time safety officer (post)")


class AccountSource(Term):
    LEGACY = "legacy", _("Old system")
    CLOUD = "cloud", _("Construction cloud registration")


class Registration(Term):
    """Whether an enterprise's own registration was approved."""

    PENDING = "pending", _("Registration awaiting review")
    APPROVED = "approved", _("Registration approved")
    REJECTED = "rejected", _("Registration rejected")


class LetterKind(Term):
    """Letters of the authority: one for each step of an application that requires one, and for each measure taken."""

    ACCEPTANCE = "acceptance", _("Acceptance slip")
    CORRECTION = "correction", _("Notice of correction")
    CLOSING = "closing", _("Notice of closing")
    NON_ACCEPTANCE = "non_acceptance", _("Notice of non-acceptance")
    EXTENSION = "extension", _("Notice of extension")
    GRANT = "grant", _("Favourable decision")
    REFUSAL = "refusal", _("Decision of refusal")
    MEASURE = "measure", _("Decision on a measure")


LETTER_OF: Mapping[Action, LetterKind] = {  # the steps of an application that require a letter
    Action.ACCEPT: LetterKind.ACCEPTANCE,
    Action.RETURN: LetterKind.CORRECTION,
    Action.LAPSE: LetterKind.CLOSING,
    Action.DECLINE: LetterKind.NON_ACCEPTANCE,
    Action.EXTEND: LetterKind.EXTENSION,
    Action.REFUSE_REVIEW: LetterKind.REFUSAL,
    Action.REFUSE_APPROVAL: LetterKind.REFUSAL,
    Action.APPROVE: LetterKind.GRANT,
}


class IdentityCorrectionState(Term):
    """State of a correction of name or ID number; see ``accounts.identity_corrections``."""

    PENDING = "pending", _("Correction awaits a decision")
    APPROVED = "approved", _("Correction approved")
    REJECTED = "rejected", _("Correction rejected")
    WITHDRAWN = "withdrawn", _("Correction withdrawn")


class MessageState(Term):
    QUEUED = "queued", _("To be sent")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Could not be sent")


class NotificationKind(Term):
    """What a message inside the system is about; which page it opens depends on it (``web.notifications``)."""

    APPLICATION = "application", _("Course of an application")
    RELEASE = "release", _("Transfer out")
    DEADLINE = "deadline", _("Deadline")
    CERTIFICATE = "certificate", _("Certificates of your people")
    EXAM = "exam", _("Exam notice")
    SIGNUP = "signup", _("Exam sign-up")
    PEOPLE = "people", _("People")
    ENTERPRISE = "enterprise", _("Registration of the enterprise")
    WORK = "work", _("Cases due")
    MEASURE = "measure", _("Proposed measure")
    BATCH = "batch", _("Batch")
    ACCOUNT = "account", _("Security of the account")
    SYSTEM = "system", _("System status")


class ReadState(Term):
    UNREAD = "unread", _("Unread")
    READ = "read", _("Read")


class JobState(Term):
    """State of a background job; see ``outbox.jobs``."""

    READY = "ready", _("Job waiting")
    RUNNING = "running", _("Job running")
    DONE = "done", _("Job finished")
    DEAD = "dead", _("Job given up")


class CheckResult(Term):
    """What the automatic checks say of an application that awaits a decision; see ``applications.checks``."""

    PASSES = "passes", _("Checks passed")
    WARNS = "warns", _("Something to be weighed")
    FAILS = "fails", _("Checks not passed")


class BatchState(Term):
    """State of a batch of decisions; see ``applications.decision_batches``."""

    PLANNED = "planned", _("Batch awaits confirmation")
    RUNNING = "running", _("Batch being carried out")
    DONE = "done", _("Batch finished")
    DISCARDED = "discarded", _("Batch given up")


class RowResult(Term):
    """What came of one application of a batch."""

    WAITING = "waiting", _("Not carried out yet")
    DONE = "done", _("Row done")
    REFUSED = "refused", _("Refused when carried out")
    LEFT = "left", _("Left out by the plan")


class NightlyTask(Term):
    """Nightly tasks, each done once per row and day; see ``applications.nightly``."""

    SUSPENSIONS = "suspensions", _("Suspensions ended with their term")
    EXPIRED = "expired", _("Certificates noted as expired")
    EXPIRING = "expiring", _("Certificates whose enterprise was reminded")
    UNSENT = "unsent", _("Drafts whose handler was reminded")
    CORRECTIONS = "corrections", _("Corrections whose enterprise was reminded")
    DEADLINES = "deadlines", _("Officers told of their deadlines")


class AuditAction(Term):
    """The kind of an audit log entry."""

    CREATE = "create", _("Created")
    CHANGE = "change", _("Changed")
    DELETE = "delete", _("Deleted")
    READ = "read", _("Read in full")
    EXPORT = "export", _("Exported")
    SIGN_IN = "sign_in", _("Signed in")
    SIGN_IN_FAILED = "sign_in_failed", _("Sign-in failed")
    SIGN_OUT = "sign_out", _("Signed out")
    REFUSED = "refused", _("Refused")


class ChainFault(Term):
    """The first fault in the hash chain of the audit log."""

    CHANGED = "changed", _("A line was changed")
    MISSING = "missing", _("A line is missing")
    MOVED = "moved", _("Lines were put in another order")
    UNLINKED = "unlinked", _("A line stands outside the chain")
    CUT = "cut", _("The end was cut off or written anew after a checkpoint")
    FORGED = "forged", _("A checkpoint does not bear our signature")
