"""The fixed terms of signing in: methods, second factors, sessions, challenges and the business licence.

The codes are those of docs/GLOSSARY.md; each list is also the CHECK constraint of its column.
"""

from flask_babel import lazy_gettext as _

from app.core.vocabulary import Term


class SignInMethod(Term):
    """How somebody showed who they are (manual, 登录方式)."""

    PASSWORD = "password", _("User name and password")
    LICENCE = "licence", _("Electronic business licence")
    CERTIFICATE = "certificate", _("Digital certificate")
    SMS_CODE = "sms_code", _("Code by text message")


class IdentityKind(Term):
    """What an account can be identified by, other than its user name."""

    LICENCE = "licence", _("Electronic business licence")
    CERTIFICATE = "certificate", _("Digital certificate")


class PasswordProfile(Term):
    """The rules for a new password; the two contradict each other, so the office chooses."""

    MLPS3 = "mlps3", _("classified protection, level 3: kinds of characters, changed regularly")
    ASVS = "asvs", _("OWASP ASVS: long, changed only when there is a reason")


class SecondFactor(Term):
    """Who needs a second factor after a password, and again before the riskiest actions."""

    OFF = "off", _("nobody")
    OPERATING = "operating", _("officers and administrators")
    ALWAYS = "always", _("everybody")


class PrivilegedChangeKind(Term):
    """What is changed of a privileged account by two administrators."""

    PASSWORD = "password", _("A new one-time password")
    MOBILE = "mobile", _("Another mobile")
    ROLE = "role", _("Role, region and mobile")
    CERTIFICATE = "certificate", _("Another digital certificate")


class PrivilegedChangeState(Term):
    """Where such a change stands."""

    ASKED = "asked", _("Awaits the other administrator")
    DONE = "done", _("Confirmed and done")
    REFUSED = "refused", _("Change refused")
    RETRACTED = "retracted", _("Request taken back")
    LAPSED = "lapsed", _("Request lapsed")


class SessionEndReason(Term):
    """Why a session ended; the sign-in page shows it."""

    SIGNED_OUT = "signed_out", _("Signed out")
    PASSWORD_CHANGED = "password_changed", _("The password was changed")
    ACCOUNT_CHANGED = "account_changed", _("The account was changed by the administrator")
    ROLE_CHANGED = "role_changed", _("The role was changed by the administrator")
    SWITCHED_OFF = "switched_off", _("The account was switched off")
    ENTERPRISE = "enterprise", _("The registration of the enterprise was changed")
    REPLACED = "replaced", _("Too many sessions: a newer sign-in took its place")
    IDLE = "idle", _("Not used for too long")
    TOO_OLD = "too_old", _("Open for too long")
    REVOKED = "revoked", _("The digital certificate was revoked")
    IDENTITY_REMOVED = "identity_removed", _("A digital certificate was taken off the account")
    ENDED_BY_SELF = "ended_by_self", _("Ended in “My sessions”")
    ENDED_BY_ADMIN = "ended_by_admin", _("Ended by the administrator")


class ChallengeKind(Term):
    """The purpose of a challenge; an answer to one kind is never valid for another."""

    PICTURE = "picture", _("Picture code")
    SMS_SIGN_IN = "sms_sign_in", _("Code for signing in")
    SMS_RESET = "sms_reset", _("Code for a new password")
    SMS_REGISTER = "sms_register", _("Code for a registration")
    SMS_SECOND = "sms_second", _("Code as a second factor")
    SECOND = "second", _("Second factor, after the password")
    CERTIFICATE = "certificate", _("Signature with a certificate")
    CERTIFICATE_SECOND = "certificate_second", _("Signature as a second factor")
    CERTIFICATE_BIND = "certificate_bind", _("Signature that binds a certificate")
    LICENCE = "licence", _("Scan with the electronic business licence")


class ChallengeState(Term):
    NEW = "new", _("Asked for")
    SCANNED = "scanned", _("Scanned")
    CONFIRMED = "confirmed", _("Confirmed")
    REJECTED = "rejected", _("Rejected")
    CONSUMED = "consumed", _("Used")


class LicenceStep(Term):
    """What happens on the telephone that holds a business licence."""

    SCANNED = "scanned", _("Code scanned")
    CONFIRMED = "confirmed", _("Sign-in confirmed")
    REJECTED = "rejected", _("Sign-in declined")


class LicenceHolder(Term):
    """In which capacity somebody holds an enterprise's electronic business licence."""

    LEGAL_REPRESENTATIVE = "legal_representative", _("Legal representative of the licence")
    MANAGER = "manager", _("Licence manager")
    STAFF = "staff", _("Authorised staff")


class LicenceStanding(Term):
    """How a business licence stands with the market regulator."""

    NORMAL = "normal", _("Licence in force")
    CANCELLED = "cancelled", _("Licence cancelled")
    ABNORMAL = "abnormal", _("Licence listed as abnormal")


class TicketState(Term):
    """The state of the code on the sign-in page, as shown there."""

    WAITING = "waiting", _("Waiting to be scanned")
    SCANNED = "scanned", _("Scanned. Please confirm on the telephone.")
    CONFIRMED = "confirmed", _("Confirmed, signing in")
    REJECTED = "rejected", _("Sign-in turned down")
    EXPIRED = "expired", _("Expired. Please refresh the code.")
    USED = "used", _("Used already")
