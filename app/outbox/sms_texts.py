"""Texts of text messages, in the language of the province."""

import re
from collections.abc import Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from gettext import NullTranslations

from babel.support import Translations
from flask_babel import lazy_gettext as _

from app.core.i18n import FOLDER
from app.core.identifiers import fold, mask_id_publicly
from app.core.letter_titles import letter_title
from app.core.office import Office
from app.core.plain_text import plain
from app.core.sign_in_vocabulary import ChallengeKind
from app.core.vocabulary import LETTER_OF, Action, Category, CertificateEventKind, MatterKind, NotificationKind

LONGEST_REASON = 60
LONGEST_TEXT = 500  # limit of the column
CODE_MARK = "〔验证码〕"  # placeholder of the code in a stored text


TEXTS: dict[Action, object] = {
    Action.RELEASE: _(
        "The old enterprise has agreed to your %(matter)s of %(person)s (%(category)s). The authority will now examine it."
    ),
    Action.REFUSE_RELEASE: _(
        "The old enterprise does not agree to your %(matter)s of %(person)s (%(category)s). Reason: %(reason)s. "
        "Please sign in for the details."
    ),
    Action.RELEASE_BY_OFFICE: _(
        "The authority has agreed to your %(matter)s of %(person)s (%(category)s) in place of the old enterprise. "
        "It will now examine it."
    ),
    Action.ACCEPT: _("Your %(matter)s for %(person)s (%(category)s) was accepted under the acceptance number %(number)s."),
    Action.RETURN: _(
        "Your %(matter)s for %(person)s (%(category)s) needs correction: %(reason)s. "
        "Please sign in, correct it and submit it again by %(due_on)s."
    ),
    Action.LAPSE: _(
        "Your %(matter)s for %(person)s (%(category)s) was to be corrected by %(due_on)s. Nothing was received, so it "
        "is closed. You may file it anew."
    ),
    Action.DECLINE: _(
        "Your %(matter)s for %(person)s (%(category)s) was not accepted. Reason: %(reason)s. Please sign in for the details."
    ),
    Action.ENDORSE: _("Your %(matter)s for %(person)s (%(category)s) passed the first review and goes to the second review."),
    Action.REFUSE_REVIEW: _(
        "Your %(matter)s for %(person)s (%(category)s) was refused in the first review. Reason: %(reason)s. "
        "Please sign in for the details."
    ),
    Action.APPROVE: _(
        "Your %(matter)s for %(person)s (%(category)s) is closed. Certificate number %(certificate_number)s; "
        "the electronic certificate can be downloaded in the system."
    ),
    Action.REFUSE_APPROVAL: _(
        "Your %(matter)s for %(person)s (%(category)s) was refused in the second review. Reason: %(reason)s. "
        "Please sign in for the details."
    ),
    Action.EXTEND: _(
        "The head of the authority has extended the time limit for your %(matter)s for %(person)s (%(category)s) by %(days)s "
        "working days, to %(due_on)s. Reason: %(reason)s."
    ),
}
LETTER = _(" You find the %(letter)s in the list of your applications.")
CANCELLED = _("Your %(matter)s for %(person)s (%(category)s) is closed. The certificate %(certificate_number)s is cancelled.")
OLD_ENTERPRISE_TEXTS: dict[Action, object] = {
    Action.SUBMIT: _(
        "%(old_enterprise)s: %(enterprise)s asks to take over %(person)s with the certificate %(certificate_number)s. "
        "Please sign in to agree to the transfer out or to refuse it."
    ),
    Action.RELEASE_BY_OFFICE: _(
        "%(old_enterprise)s: the authority has released %(person)s with the certificate %(certificate_number)s to "
        "%(enterprise)s in your place. Please sign in for the reason."
    ),
}

MEASURE_TEXTS: dict[CertificateEventKind, object] = {
    CertificateEventKind.SUSPENDED: _(
        "%(enterprise)s: the certificate %(number)s of %(person)s is suspended until %(day)s (%(document)s).%(ban)s "
        "Please sign in for the decision."
    ),
    CertificateEventKind.REINSTATED: _(
        "%(enterprise)s: the suspension of the certificate %(number)s of %(person)s is lifted (%(document)s).%(ban)s "
        "Please sign in for the decision."
    ),
    CertificateEventKind.REVOKED: _(
        "%(enterprise)s: the certificate %(number)s of %(person)s is revoked (%(document)s).%(ban)s "
        "Please sign in for the decision."
    ),
    CertificateEventKind.WITHDRAWN: _(
        "%(enterprise)s: the certificate %(number)s of %(person)s is withdrawn as a penalty (%(document)s).%(ban)s "
        "Please sign in for the decision."
    ),
}
BANNED = _(" %(person)s may not sit an exam or apply before %(until)s.")
SUSPENSION_OVER = _(
    "%(enterprise)s: the suspension of the certificate %(number)s of %(person)s (%(document)s) is over; its last day was "
    "%(day)s."
)
MEASURE_REFUSED = _(
    "%(officer)s: your proposal about the certificate %(number)s (%(document)s) was refused by %(by)s. Reason: %(reason)s. "
    "Please sign in for the details."
)

MEASURE_IMPOSSIBLE = _(
    "%(officer)s: your proposal about the certificate %(number)s (%(document)s) can no longer be taken and was closed by the "
    "system. Reason: %(reason)s. Please sign in for the details."
)

ONE_TIME_PASSWORD = _(
    "The one-time password of the account %(username)s is %(code)s. Sign in with it within %(days)s days and choose your "
    "own. If you know nothing of this, tell the office at once."
)
ACCOUNT_CHANGED = _(
    "Your account %(username)s was changed at %(moment)s: %(what)s. Asked by %(asked_by)s, confirmed by %(decided_by)s. If "
    "you know nothing of this, tell the office at once."
)

SIGNUPS_REJECTED = _(
    "%(enterprise)s: %(n)s of your sign-ups for “%(exam)s” were rejected (%(names)s). Reason: %(reason)s. "
    "You may put them right and submit them again until %(until)s."
)
SIGNUPS_ADMITTED = _(
    "%(enterprise)s: %(n)s of your sign-ups for “%(exam)s” that had been rejected are now admitted (%(names)s)."
)
EXAM_CHANGED = _(
    "%(enterprise)s: “%(exam)s”, with %(n)s of your people on its list, was changed: %(changes)s. Please tell them."
)
EXAM_RECALLED = _(
    "%(enterprise)s: “%(exam)s”, with %(n)s of your people on its list, was recalled. Reason: %(reason)s. "
    "Sign-ups wait until it is published again."
)
EXAM_REPUBLISHED = _(
    "%(enterprise)s: “%(exam)s”, with %(n)s of your people on its list, is published again. "
    "Exam on %(day)s, place: %(place)s."
)
EXAM_CANCELLED = _(
    "%(enterprise)s: “%(exam)s”, with %(n)s of your people on its list, was cancelled. Reason: %(reason)s. Please tell them."
)
SIGNUPS_PASSED = _("%(enterprise)s: %(n)s of your sign-ups for “%(exam)s” are admitted (%(names)s).")
SCORE_CORRECTED = _(
    "%(enterprise)s: the score of %(person)s in “%(exam)s” was corrected from %(old)s to %(new)s (%(result)s). "
    "Please sign in for the reason."
)
FREED_FROM = _(
    "%(enterprise)s: the authority has removed %(person)s from your list of people, for %(other)s. Reason: %(reason)s."
)
FREED_FOR = _("%(enterprise)s: the authority has freed %(person)s from the former enterprise. You can now add the person.")

EXPIRING_ONE = _(
    "%(enterprise)s: the certificate %(number)s of %(names)s is valid until %(day)s. "
    "Please sign in and apply for renewal in time."
)
EXPIRING_MANY = _(
    "%(enterprise)s: %(n)s certificates of your people expire within %(days)s days, the first on %(day)s (%(names)s). "
    "Please sign in and apply for renewal in time."
)
UNSENT = _(
    "%(enterprise)s: %(n)s applications (%(names)s) have been saved for %(days)s days and were NOT submitted; "
    "the authority sees nothing of them yet. Please sign in and press Submit."
)
CORRECTIONS = _(
    "%(enterprise)s: %(n)s applications (%(names)s) still have to be corrected, the first by %(day)s. What is not submitted "
    "again by its day may be closed."
)
RESUBMITTED = _(
    "%(enterprise)s has corrected the %(matter)s for %(person)s (%(category)s), which you had returned, and submitted it "
    "again."
)
BATCH_DONE = _(
    "Your batch “%(action)s” of %(n)s applications is finished: %(done)s done, %(refused)s not done. "
    "The result and the reasons are on its page."
)
DEADLINES = _(
    "%(officer)s: of the cases at your stage %(overdue)s are overdue, %(today)s due today, %(soon)s due within the next "
    "%(days)s working days. Please sign in."
)

CODES: dict[ChallengeKind, object] = {
    ChallengeKind.SMS_SIGN_IN: _("Your code for signing in is %(code)s, good for %(minutes)s minutes. Tell it to nobody."),
    ChallengeKind.SMS_RESET: _(
        "Your code for setting a new password is %(code)s, good for %(minutes)s minutes. Tell it to nobody. "
        "If you did not ask for it, you need not do anything."
    ),
    ChallengeKind.SMS_REGISTER: _(
        "Your code for registering an enterprise is %(code)s, good for %(minutes)s minutes. Tell it to nobody."
    ),
    ChallengeKind.SMS_SECOND: _(
        "Your code for confirming that it is you is %(code)s, good for %(minutes)s minutes. Tell it to nobody. "
        "If you are not signing in just now, somebody knows your password: please change it."
    ),
}
CLOCK_IN_DOUBT = _(
    "The system's clock shows %(now)s, but the last moment recorded before is %(last)s. Night's work and decisions wait. "
    "If the clock is right, accept it on the server with 'anguan clock accept'; if not, set it right."
)
FINDINGS_BEGAN = _("%(n)s things have to be put right in the system: %(what)s Please look at the page “System status”.")
FINDINGS_ENDED = _("Put right in the system: %(what)s")
PASSWORD_RESET = _(
    "The password of your account %(username)s was reset by text message at %(moment)s. "
    "If it was not you, please tell the system administrator at once."
)

# The texts that the administrator may change, by the name under which a text of the office's own is stored
# (``applications.own_sms_texts``). What is put into them (``LETTER``, ``BANNED``) is not among them.
NAMED: Mapping[str, object] = {
    **{f"decision.{action.value}": text for action, text in TEXTS.items()},
    "decision.cancelled": CANCELLED,
    **{f"old_enterprise.{action.value}": text for action, text in OLD_ENTERPRISE_TEXTS.items()},
    **{f"measure.{kind.value}": text for kind, text in MEASURE_TEXTS.items()},
    "measure.suspension_over": SUSPENSION_OVER,
    "measure.refused": MEASURE_REFUSED,
    "measure.impossible": MEASURE_IMPOSSIBLE,
    "account.one_time_password": ONE_TIME_PASSWORD,
    "account.changed": ACCOUNT_CHANGED,
    "account.password_reset": PASSWORD_RESET,
    "exam.signups_rejected": SIGNUPS_REJECTED,
    "exam.signups_admitted": SIGNUPS_ADMITTED,
    "exam.changed": EXAM_CHANGED,
    "exam.recalled": EXAM_RECALLED,
    "exam.republished": EXAM_REPUBLISHED,
    "exam.cancelled": EXAM_CANCELLED,
    "exam.score_corrected": SCORE_CORRECTED,
    "person.freed_from": FREED_FROM,
    "person.freed_for": FREED_FOR,
    "reminder.expiring_one": EXPIRING_ONE,
    "reminder.expiring_many": EXPIRING_MANY,
    "reminder.unsent": UNSENT,
    "reminder.deadlines": DEADLINES,
    **{f"code.{kind.value}": text for kind, text in CODES.items()},
    "system.clock_in_doubt": CLOCK_IN_DOUBT,
    "system.findings_began": FINDINGS_BEGAN,
    "system.findings_ended": FINDINGS_ENDED,
}

_ABBREVIATIONS = (("住房和城乡建设", "住建"), ("省", ""))  # 湖南省住房和城乡建设厅 → 湖南住建厅
_ID_LIKE = re.compile(r"(?<!\d)\d(?:[\s-]*\d){13,16}(?:[\s-]*[\dXxＸｘ])?(?!\d)")  # 15 or 18 digits, however typed


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who reads a message inside the system: the accounts of an enterprise, or one account; and what it is about."""

    kind: NotificationKind
    subject_id: int | None = None
    enterprise_id: int | None = None
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message, to be told by ``notifications.tell``: by text message if there is a mobile, inside the system if there
    is a recipient.
    """

    mobile: str | None
    body: str
    application_id: int | None = None
    recipient: Recipient | None = None
    signature: str = ""

    @property
    def text(self) -> str:
        """As sent by text message, which names the authority first."""
        return f"{self.signature}{self.body}"[:LONGEST_TEXT]


def decision_message(
    action: Action,
    *,
    mobile: str | None,
    application_id: int,
    enterprise_id: int | None = None,
    person: str,
    matter: MatterKind,
    category: Category,
    office: Office,
    reason: str = "",
    acceptance_number: str = "",
    certificate_number: str = "",
    due_on: date | None = None,
    translations: NullTranslations | None = None,
) -> OutgoingMessage:
    """The message to the applicant about a decision (domain.md 2.8). It never holds an ID number.

    ``translations`` defaults to the province's language, whatever language the deciding officer uses.
    """
    sentence, matter_name, letter = _decision_texts(action, matter, translations or province_translations())
    cancelled = action is Action.APPROVE and matter is MatterKind.CANCELLATION
    sentence = office.sms_texts.get("decision.cancelled" if cancelled else f"decision.{action.value}", sentence)
    values = {
        "person": person,
        "matter": matter_name,
        "category": category.value,
        "number": acceptance_number,
        "certificate_number": certificate_number,
        "days": office.extend_days,
        "due_on": due_on,
        "reason": shortened(reason),
    }
    text = sentence % {name: plain(value) for name, value in values.items()} + letter
    recipient = Recipient(NotificationKind.APPLICATION, application_id, enterprise_id) if enterprise_id is not None else None
    return _signed(office, mobile, text, application_id, recipient)


@lru_cache(maxsize=128)  # asked for each case of a batch
def _decision_texts(action: Action, matter: MatterKind, translations: NullTranslations) -> tuple[str, str, str]:
    """The sentence to be filled in, what the matter is called, and the sentence about the letter, if there is one."""
    cancelled = action is Action.APPROVE and matter is MatterKind.CANCELLATION
    sentence = _translated(CANCELLED if cancelled else TEXTS[action], translations)
    letter = ""
    if action in LETTER_OF:
        letter = _filled(LETTER, translations, {"letter": _translated(letter_title(action, matter), translations)})
    return sentence, _translated(matter.label, translations), letter


def release_message(
    action: Action,
    *,
    mobile: str | None,
    application_id: int,
    enterprise: str,
    old_enterprise: str,
    old_enterprise_id: int | None = None,
    person: str,
    certificate_number: str,
    office: Office,
    translations: NullTranslations | None = None,
) -> OutgoingMessage:
    """The message to the old enterprise of a transfer: it is asked to release, or the authority released in its place."""
    values = {
        "enterprise": enterprise,
        "old_enterprise": old_enterprise,
        "person": person,
        "certificate_number": certificate_number,
    }
    text = _filled(OLD_ENTERPRISE_TEXTS[action], translations or province_translations(), values, office.sms_texts)
    recipient = (
        Recipient(NotificationKind.RELEASE, application_id, old_enterprise_id) if old_enterprise_id is not None else None
    )
    return _signed(office, mobile, text, application_id, recipient)


def system_message(
    sentence: object, mobile: str | None, office: Office, recipient: Recipient | None = None, /, **values: object
) -> OutgoingMessage:
    """A code, reminder or notification: one of the sentences above, as the office words it, with its values."""
    text = _filled(sentence, province_translations(), values, office.sms_texts)
    return _signed(office, mobile, text, recipient=recipient)


def in_province_language(sentence: object, **values: object) -> str:
    """A lazy sentence in the province's language, whatever the current locale; filled in if there are values."""
    translations = province_translations()
    return _filled(sentence, translations, values) if values else _translated(sentence, translations)


def name_list(names: Sequence[str], most: int = 3) -> str:
    """The first names of a list, with "…" if there are more."""
    return "、".join(names[:most]) + ("…" if len(names) > most else "")


@lru_cache(maxsize=1)
def province_translations() -> NullTranslations:
    """The compiled Chinese catalogue; if there is none, the msgids are used, so that a decision never fails for it."""
    return Translations.load(FOLDER, ["zh"])


def _translated(sentence: object, translations: NullTranslations) -> str:
    """A lazy sentence in the given language."""
    return translations.gettext(_msgid(sentence))


def _msgid(sentence: object) -> str:
    """In an empty context, outside any request, ``str`` returns it."""
    return Context().run(str, sentence)


def _filled(
    sentence: object, translations: NullTranslations, values: Mapping[str, object], own: Mapping[str, str] | None = None
) -> str:
    """The sentence, or the office's own text for it, with its values."""
    text = own.get(_names().get(_msgid(sentence), "")) if own else None
    return (text or translations.gettext(_msgid(sentence))) % {name: plain(value) for name, value in values.items()}


@lru_cache(maxsize=1)
def _names() -> Mapping[str, str]:
    """The name of each text that may be changed, by its msgid."""
    return {_msgid(sentence): name for name, sentence in NAMED.items()}


def signature(office: Office) -> str:
    """The name of the sender, with which a text message begins."""
    issuer = office.issuer
    for long, short in _ABBREVIATIONS:
        issuer = issuer.replace(long, short, 1)
    return f"【{issuer}】"


def _signed(
    office: Office, mobile: str | None, body: str, application_id: int | None = None, recipient: Recipient | None = None
) -> OutgoingMessage:
    return OutgoingMessage(mobile, body, application_id, recipient, signature(office))


def shortened(reason: str) -> str:
    """A reason in one line of at most ``LONGEST_REASON`` characters. ID numbers are masked before it is cut."""
    line = " ".join(_ID_LIKE.sub(lambda match: mask_id_publicly(fold(match[0]).replace("-", "")), reason).split())
    line = line.rstrip("。.；;")
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 1]}…"
