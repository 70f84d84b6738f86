"""Parameters of the office: each with its default, its limits and its source."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any, cast

from flask_babel import lazy_gettext as _

from app.core.clock import Calendar, add_months
from app.core.errors import ClockInDoubt
from app.core.sign_in_vocabulary import PasswordProfile, SecondFactor
from app.core.vocabulary import Category, Level, Position, Term

CERTIFICATE_HEADER = "X-SSL-Client-Cert"


class Positions(tuple[Position, ...]):
    """The positions that go with a category."""

    __slots__ = ()


PRINCIPALS = Positions(tuple(Position)[:6])
PROJECT_MANAGERS = Positions((Position.PROJECT_MANAGER,))
SAFETY_OFFICERS = Positions((Position.SAFETY_OFFICER,))


@dataclass(frozen=True, slots=True)
class Office:
    """The authority and its parameters. Each field: default, source. ``ANGUAN_<FIELD>`` pins it.

    ``applications.office_settings.office_of`` adds what the administrator set, and the calendar.
    """

    province: str = "湖南省"
    short_name: str = "湘"  # the character that certificate numbers begin with
    region_code: str = "430000"  # GB/T 2260
    issuer: str = "湖南省住房和城乡建设厅"
    issuer_code: str = "11430000006122244L"  # unified social credit code of the issuer
    system_name: str = "安管人员网上审批系统"
    seal_text: str = "电子证照专用章"
    letter_seal_text: str = "行政审批专用章"  # on slips, notices and decisions
    # 文号, GB/T 9704-2012 7.2.5: {省} is ``short_name``, {类} the kind's word (受, 补, 不受, 延, 准, 不准, 监), {年}, {序号}.
    letter_number: str = "{省}建许{类}〔{年}〕{序号}号"
    support: str = ""  # telephone shown under the menu
    # {文书} is 本决定 or 本通知; the two bodies are parameters of their own.
    legal_paths: str = (
        "如不服{文书}，可自收到{文书}之日起六十日内向{复议机关}申请行政复议，或者六个月内向{法院}提起行政诉讼。"
    )
    appeal_authority: str = "湖南省人民政府"  # 行政复议法 art. 24: the government above a department
    appeal_court: str = "有管辖权的人民法院"
    public_url: str = "http://127.0.0.1:8000"  # what QR codes point at

    validity_years: int = 3  # 令17号 art. 9
    pass_valid_years: int = 2  # manual R66, R67
    renewal_window_months: int = 3  # 令17号 art. 10
    least_age: int = 18  # 建质〔2015〕206号 three (3)
    age_limit_c: int = 60  # 建质〔2015〕206号 three (3): C must be under 60
    positions_a: Positions = PRINCIPALS  # 建质〔2015〕206号 one
    positions_b: Positions = PROJECT_MANAGERS
    positions_c: Positions = SAFETY_OFFICERS
    ban_years_deceit: int = 3  # 令17号 art. 27, 行政许可法 art. 79
    ban_years_concealment: int = 1  # 令17号 art. 27, 行政许可法 art. 78
    suspension_months: int = 12  # 建质〔2015〕206号 eleven: the longest suspension
    publish_suspensions: bool = True  # 行政处罚法 art. 48; revocations and withdrawals are always published
    measure_document: bool = True  # a measure is proposed with a scan of its document
    accept_days: int = 5  # working days, 行政许可法 art. 32
    correction_days: int = 15  # working days that a correction is awaited; the law sets none
    decide_days: int = 20  # working days, 行政许可法 art. 42: new applications and renewals
    swift_days: int = 5  # working days, 令17号 arts. 11 and 12: transfers, replacements, cancellations
    extend_days: int = 10  # working days, 行政许可法 art. 42
    due_soon_days: int = 2  # working days before a limit from which on a case is marked
    expiry_reminders: tuple[int, ...] = (90, 60, 30)  # days before a certificate's last day; none: no reminders
    draft_reminder_days: int = 3  # after which the handler is reminded of a draft; 0: never
    correction_reminder_days: int = 3  # working days before the day by which a correction is awaited; 0: no reminder
    deadline_messages: bool = True  # officers get a text message with what is due
    notification_days: int = 180  # how long messages inside the system are kept; 0: for ever
    least_reason: int = 10  # characters of the fact in a reason, beside the clause; 行政许可法 art. 38
    calendar_month: int = 11  # from then on, next year's holidays are asked for
    pass_mark: int = 60  # of 100
    publicity_days: int = 30  # how long a public notice stays listed
    legacy_report_days: int = 30  # of the sheet, rows and report of an import; meanwhile it can be undone
    two_pairs_of_eyes: bool = True  # nobody decides two consecutive stages of one application
    acceptance_level: Level = Level.PROVINCE  # domain.md Q6
    review_level: Level = Level.PROVINCE
    approval_level: Level = Level.PROVINCE

    largest_batch: int = 10_000  # applications decided in one request
    batch_at_once: int = 1_000  # of a batch, some seconds; more are carried out in the background
    largest_export: int = 100_000  # rows of one list in one file
    largest_bundle: int = 2_000  # certificates in one zip
    bundle_minutes: int = 60  # how long a prepared zip can be fetched
    lookups_per_minute: int = 30  # per address, public counter
    status_list_hours: int = 72  # lifetime of a status list, for offline checks
    largest_check: int = 500  # pairs of name and number in one list
    checks_per_hour: int = 2_000  # pairs per address, public counter
    scan_bytes: int = 10 * 1024 * 1024
    photo_bytes: int = 50 * 1024  # national e-certificate record
    waiting_scans: int = 600  # files handed in by the pile that one account may leave unconfirmed: 100 people, 6 files each
    waiting_scan_bytes: int = 1024**3  # of them together, as stored; also of a ZIP when unpacked
    waiting_scan_hours: int = 72  # how long they wait: over a weekend
    phone_code_minutes: int = 10  # lifetime of a code that lets a telephone add scans
    replaced_scan_days: int = 365  # retention of replaced scans that are in no application; 0: for ever
    closed_scan_years: int = 3  # retention of scans of refused or abandoned applications; 0: for ever

    licence_seconds: int = 120  # lifetime of the code of a business licence sign-in
    lock_after: int = 5  # wrong passwords before an account is locked
    lock_minutes: int = 15
    idle_minutes: int = 30
    officer_idle_minutes: int = 15  # of officers and administrators; never longer than idle_minutes
    session_hours: int = 10  # even in use
    second_factor: SecondFactor = SecondFactor.OFF  # recommended for production: operating
    most_sessions: int = 3  # of one account at once; a new one ends the oldest
    password_length: int = 10
    password_profile: PasswordProfile = PasswordProfile.MLPS3
    password_days: int = 90  # after which officers choose a new one; 0: never. Not in the ASVS profile
    one_time_days: int = 30  # lifetime of a one-time password
    consent_hours: int = 72  # a change of a privileged account awaits the other administrator's consent
    crl_required: bool = True  # no sign-in by certificate without a current CRL
    codes_per_day: int = 5_000  # by text message, for each purpose
    clock_tolerance_hours: int = 72  # a weekend: by so much the clock may differ from what is recorded

    calendar: Calendar = field(default_factory=Calendar)  # from the database, never from the environment
    pinned: frozenset[str] = frozenset()  # set by the environment; cannot be changed in the system
    demonstration: bool = False  # not production: the office's clock may be set ahead
    days_ahead: int = 0  # by so many days it is; from the database, and always 0 in production
    sms_texts: Mapping[str, str] = field(default_factory=dict)  # the office's own, by ``sms_texts.NAMED``; from the database
    clock_doubt: datetime | None = None  # the last moment believed, while the machine's clock is not; from the database

    def demand_sound_clock(self) -> None:
        """Raise ``ClockInDoubt`` while the machine's clock is not believed: what bears a date must not bear a false one."""
        if self.clock_doubt is not None:
            raise ClockInDoubt

    def positions_of(self, category: Category) -> Positions:
        """The positions whose holders may be examined and certified in the category."""
        return {Category.A: self.positions_a, Category.B: self.positions_b}.get(category, self.positions_c)

    def renewal_opens_on(self, valid_to: date) -> date:
        """The first day for filing a renewal (令17号 art. 10); ``date.min`` where it is always open (0 months)."""
        return add_months(valid_to, -self.renewal_window_months) if self.renewal_window_months else date.min

    def ways_to_appeal(self, *, decision: bool = True) -> str:
        """The closing sentence of a decision, or of a notice, which calls itself otherwise."""
        letter = "本决定" if decision else "本通知"
        words = {"{文书}": letter, "本决定": letter, "{复议机关}": self.appeal_authority, "{法院}": self.appeal_court}
        sentence = self.legal_paths
        for placeholder, word in words.items():
            sentence = sentence.replace(placeholder, word)
        return sentence

    def letter_number_blank(self, kind_word: str, year: int) -> tuple[str, str]:
        """What stands before and after the running number of a letter; letters with the same two are numbered together."""
        words = {"{省}": self.short_name, "{类}": kind_word, "{年}": str(year)}
        text = self.letter_number
        for placeholder, word in words.items():
            text = text.replace(placeholder, word)
        before, _mark, after = text.partition("{序号}")
        return before, after

    @property
    def expiring_months(self) -> int:
        """Certificates are shown as expiring from when their renewal opens; in the last 3 months where it is always open."""
        return self.renewal_window_months or 3

    def expiring_until(self, on: date) -> date:
        """The latest last day of the certificates that are expiring on ``on``: months differ in length."""
        day = timedelta(days=1)
        return max(add_months(on, self.expiring_months), add_months(on + day, self.expiring_months) - day)


def numbers_letters(pattern: str) -> bool:
    """Whether letters of one year get numbers of their own by the pattern, apart from those of every other year."""
    once = pattern.count("{年}") == pattern.count("{序号}") == 1
    return once and not re.search(r"\d\{序号\}|\{年\}\{序号\}|\{序号\}(?:\d|\{年\})", pattern)


class Section(Term):
    """Sections of the settings page."""

    DEADLINES = "deadlines", _("Deadlines")
    ELIGIBILITY = "eligibility", _("Who may apply")
    DECISIONS = "decisions", _("Who decides")
    CERTIFICATES = "certificates", _("Certificates and notices")
    PUBLIC = "public", _("Public counter")
    QUANTITIES = "quantities", _("Batches and scans")
    SECURITY = "security", _("Signing in")


Value = str | int | bool | Term | tuple[int, ...] | Positions


@dataclass(frozen=True, slots=True)
class Adjustable:
    """One field of ``Office`` that the administrator may set: label, source and limits."""

    name: str
    section: Section
    label: object
    source: object  # article or manual line; "" where it is ours to choose
    least: int = 0  # of a number, of the length of a text, or of each number in a list
    most: int = 0
    unit: object = ""
    scale: int = 1  # people type the number divided by it: megabytes, not bytes

    @property
    def default(self) -> Value:
        return cast(Value, getattr(DEFAULT_OFFICE, self.name))

    def read(self, text: str) -> Value:
        """A stored text as a value. ``ValueError`` if it is invalid or outside the limits."""
        value = cast(Value, READERS[type(self.default)](text))
        if not self.holds(value):
            raise ValueError(text)
        return value

    def holds(self, value: Value) -> bool:
        """Whether the value is within the limits."""
        if isinstance(value, bool | Term):
            return True
        if isinstance(value, Positions):
            return bool(value)
        if isinstance(value, tuple):
            return all(self.least <= number <= self.most for number in cast("tuple[int, ...]", value))
        return self.least <= (len(value) if isinstance(value, str) else value) <= self.most


def stored_text(value: Value) -> str:
    """A value as it is stored, and as it is written in the environment."""
    if isinstance(value, Term):
        return str(value.value)
    if isinstance(value, tuple):
        return ",".join(str(part.value if isinstance(part, Term) else part) for part in value)
    return str(int(value)) if isinstance(value, bool) else str(value)


_DAYS, _YEARS, _MONTHS = _("working days"), _("years"), _("months")
_OWN = _("our own choice")

# fmt: off
ADJUSTABLE = (
    Adjustable("accept_days", Section.DEADLINES, _("Acceptance, or the one notice of what is to be corrected, is owed within"), _("Administrative Licensing Law, article 32"), 1, 60, _DAYS),
    Adjustable("correction_days", Section.DEADLINES, _("A correction is awaited for"), _OWN, 1, 250, _DAYS),
    Adjustable("decide_days", Section.DEADLINES, _("Decision on new applications and renewals"), _("Administrative Licensing Law, article 42"), 1, 60, _DAYS),
    Adjustable("swift_days", Section.DEADLINES, _("Decision on transfers, replacements and cancellations"), _("Order 17, articles 11 and 12"), 1, 60, _DAYS),
    Adjustable("extend_days", Section.DEADLINES, _("An extension allows so much more time"), _("Administrative Licensing Law, article 42"), 1, 60, _DAYS),
    Adjustable("due_soon_days", Section.DEADLINES, _("A case is marked so long before its limit"), _OWN, 0, 20, _DAYS),
    Adjustable("expiry_reminders", Section.DEADLINES, _("Enterprises are reminded before a certificate expires (empty: never)"), _OWN, 1, 365, _("days")),
    Adjustable("draft_reminder_days", Section.DEADLINES, _("Handlers are reminded of what was never submitted after (0: never)"), _OWN, 0, 90, _("days")),
    Adjustable("correction_reminder_days", Section.DEADLINES, _("Enterprises are reminded of a correction before its last day (0: never)"), _OWN, 0, 15, _("working days")),
    Adjustable("deadline_messages", Section.DEADLINES, _("Officers are told each working day by text message what is due"), _OWN),
    Adjustable("calendar_month", Section.DEADLINES, _("Next year's holidays are asked for from this month on"), _OWN, 1, 12, _("month")),
    Adjustable("pass_valid_years", Section.ELIGIBILITY, _("A passed exam counts for"), _OWN, 1, 10, _YEARS),
    Adjustable("renewal_window_months", Section.ELIGIBILITY, _("Renewal opens so long before the last day (0: at any time)"), _("Order 17, article 10"), 0, 36, _MONTHS),
    Adjustable("least_age", Section.ELIGIBILITY, _("Least age"), _("Document 206 of 2015, three (3)"), 16, 30, _("years of age")),
    Adjustable("age_limit_c", Section.ELIGIBILITY, _("Full-time safety officers (C) must be under"), _("Document 206 of 2015, three (3)"), 40, 80, _("years of age")),
    Adjustable("positions_a", Section.ELIGIBILITY, _("Positions of principals (A)"), _("Document 206 of 2015, one")),
    Adjustable("positions_b", Section.ELIGIBILITY, _("Positions of project managers (B)"), _("Document 206 of 2015, one")),
    Adjustable("positions_c", Section.ELIGIBILITY, _("Positions of full-time safety officers (C)"), _("Document 206 of 2015, one")),
    Adjustable("ban_years_deceit", Section.ELIGIBILITY, _("No exam and no application after a certificate obtained by deceit, for"), _("Order 17, article 27; Administrative Licensing Law, article 79"), 1, 10, _YEARS),
    Adjustable("ban_years_concealment", Section.ELIGIBILITY, _("No exam and no application after concealing facts, for"), _("Order 17, article 27; Administrative Licensing Law, article 78"), 1, 10, _YEARS),
    Adjustable("pass_mark", Section.ELIGIBILITY, _("Pass mark proposed for a new exam notice"), _OWN, 1, 100, _("of 100 points")),
    Adjustable("acceptance_level", Section.DECISIONS, _("Acceptance is decided by"), _OWN),
    Adjustable("review_level", Section.DECISIONS, _("First review is decided by"), _OWN),
    Adjustable("approval_level", Section.DECISIONS, _("Issuing approval is decided by"), _("Order 17, article 9")),
    Adjustable("two_pairs_of_eyes", Section.DECISIONS, _("Nobody decides two consecutive stages of one application"), _OWN),
    Adjustable("least_reason", Section.DECISIONS, _("A refusal or return states a fact of at least"), _("Administrative Licensing Law, article 38"), 2, 100, _("characters")),
    Adjustable("suspension_months", Section.DECISIONS, _("A suspension lasts at most"), _("Document 206 of 2015, eleven"), 1, 36, _MONTHS),
    Adjustable("measure_document", Section.DECISIONS, _("A measure is proposed with a scan of its document"), _OWN),
    Adjustable("publish_suspensions", Section.DECISIONS, _("Suspensions are published, as revocations and withdrawals always are"), _("Administrative Penalty Law, article 48")),
    Adjustable("validity_years", Section.CERTIFICATES, _("A certificate is valid for"), _("Order 17, article 9"), 1, 10, _YEARS),
    Adjustable("issuer", Section.CERTIFICATES, _("Issuing authority, as printed"), _OWN, 2, 60),
    Adjustable("seal_text", Section.CERTIFICATES, _("Text in the seal of certificates"), _OWN, 2, 20),
    Adjustable("letter_seal_text", Section.CERTIFICATES, _("Text in the seal of slips, notices and decisions"), _OWN, 2, 20),
    Adjustable("letter_number", Section.CERTIFICATES, _("Numbers of slips, notices and decisions are formed by"), _("GB/T 9704-2012, 7.2.5"), 8, 40),
    Adjustable("legal_paths", Section.CERTIFICATES, _("Ways to appeal, in notices of refusal"), _("Administrative Licensing Law, article 38"), 10, 300),
    Adjustable("appeal_authority", Section.CERTIFICATES, _("Authority for administrative reconsideration"), _("Administrative Reconsideration Law, article 24"), 4, 60),
    Adjustable("appeal_court", Section.CERTIFICATES, _("Court for administrative litigation"), _("Administrative Litigation Law, articles 14 and 18"), 4, 60),
    Adjustable("publicity_days", Section.PUBLIC, _("A result stays on the board for"), _OWN, 1, 365, _("days")),
    Adjustable("lookups_per_minute", Section.PUBLIC, _("Lookups from one address"), _OWN, 1, 10_000, _("per minute")),
    Adjustable("status_list_hours", Section.PUBLIC, _("Whoever checks codes off line may rely on one status list for"), _OWN, 1, 720, _("hours")),
    Adjustable("largest_check", Section.PUBLIC, _("Certificates in one list to be checked, at most"), _OWN, 1, 5_000, _("records")),
    Adjustable("checks_per_hour", Section.PUBLIC, _("Certificates checked by list from one address"), _OWN, 1, 100_000, _("per hour")),
    Adjustable("support", Section.PUBLIC, _("Help line, shown under the menu"), _OWN, 0, 60),
    Adjustable("legacy_report_days", Section.QUANTITIES, _("Sheets and reports of imports are kept for"), _OWN, 1, 365, _("days")),
    Adjustable("largest_batch", Section.QUANTITIES, _("Applications decided at once, at most"), _OWN, 1, 20_000, _("records")),
    Adjustable("batch_at_once", Section.QUANTITIES, _("Decisions carried out while the officer waits; larger batches in the background"), _OWN, 0, 2_000, _("records")),
    Adjustable("largest_export", Section.QUANTITIES, _("Rows of a list in one exported file, at most"), _OWN, 1_000, 1_000_000, _("records")),
    Adjustable("largest_bundle", Section.QUANTITIES, _("Certificates in one download, at most"), _OWN, 1, 10_000, _("records")),
    Adjustable("bundle_minutes", Section.QUANTITIES, _("A prepared download can be fetched for"), _OWN, 5, 1440, _("minutes")),
    Adjustable("scan_bytes", Section.QUANTITIES, _("A scan is at most so large"), _OWN, 1024**2, 50 * 1024**2, "MB", 1024**2),
    Adjustable("photo_bytes", Section.QUANTITIES, _("A portrait is at most so large"), _("National e-certificate record"), 10 * 1024, 1024**2, "KB", 1024),
    Adjustable("waiting_scans", Section.QUANTITIES, _("Scans handed in by the pile and not confirmed yet, of one account at most"), _OWN, 10, 5_000, _("files")),
    Adjustable("waiting_scan_bytes", Section.QUANTITIES, _("and together, or in one ZIP unpacked, at most"), _OWN, 10 * 1024**2, 20 * 1024**3, "MB", 1024**2),
    Adjustable("waiting_scan_hours", Section.QUANTITIES, _("They wait to be confirmed for"), _OWN, 1, 336, _("hours")),
    Adjustable("phone_code_minutes", Section.QUANTITIES, _("A code for scans from the telephone counts for"), _OWN, 1, 60, _("minutes")),
    Adjustable("replaced_scan_days", Section.QUANTITIES, _("Replaced scans that are part of no application are kept for (0: for ever)"), _OWN, 0, 3650, _("days")),
    Adjustable("notification_days", Section.QUANTITIES, _("Messages inside the system are kept for (0: for ever)"), _OWN, 0, 3650, _("days")),
    Adjustable("closed_scan_years", Section.QUANTITIES, _("Scans of applications refused or given up are kept for (0: for ever)"), _OWN, 0, 50, _YEARS),
    Adjustable("lock_after", Section.SECURITY, _("An account rests after so many wrong passwords"), _OWN, 3, 20, _("in a row")),
    Adjustable("lock_minutes", Section.SECURITY, _("and rests for"), _OWN, 1, 1440, _("minutes")),
    Adjustable("licence_seconds", Section.SECURITY, _("The code for a business licence counts for"), _OWN, 30, 300, _("seconds")),
    Adjustable("idle_minutes", Section.SECURITY, _("A session ends after so long without use"), _OWN, 5, 480, _("minutes")),
    Adjustable("second_factor", Section.SECURITY, _("A second factor is asked of"), _OWN),
    Adjustable("officer_idle_minutes", Section.SECURITY, _("of officers and administrators after"), _OWN, 5, 480, _("minutes")),
    Adjustable("session_hours", Section.SECURITY, _("and in any case after"), _OWN, 1, 24, _("hours")),
    Adjustable("most_sessions", Section.SECURITY, _("One account may be signed in at once in"), _OWN, 1, 20, _("browsers")),
    Adjustable("codes_per_day", Section.SECURITY, _("Codes sent by text message for one purpose, all together"), _OWN, 1, 1_000_000, _("per day")),
    Adjustable("clock_tolerance_hours", Section.SECURITY, _("The machine's clock is doubted when it differs from what is recorded by more than"), _OWN, 1, 8760, _("hours")),
    Adjustable("crl_required", Section.SECURITY, _("A certificate opens nothing while its authority's list of revoked ones is missing"), _OWN),
    Adjustable("password_length", Section.SECURITY, _("A password has at least"), _OWN, 8, 32, _("characters")),
    Adjustable("password_profile", Section.SECURITY, _("Passwords are judged by"), _("GB/T 22239-2019; OWASP ASVS 5.0")),
    Adjustable("password_days", Section.SECURITY, _("Officers choose a new password after (0: never)"), _("GB/T 22239-2019"), 0, 365, _("days")),
    Adjustable("one_time_days", Section.SECURITY, _("A one-time password must be used within"), _OWN, 1, 365, _("days")),
    Adjustable("consent_hours", Section.SECURITY, _("A change of a privileged account awaits the other administrator for"), _OWN, 1, 720, _("hours")),
)
# fmt: on
BY_NAME: Mapping[str, Adjustable] = {entry.name: entry for entry in ADJUSTABLE}


def _switch(text: str) -> bool:
    """``ValueError`` for anything but 0 and 1: an unknown word must not count as off."""
    return bool(["0", "1"].index(text))


def _term_of(terms: type[Term]) -> Callable[[str], Term]:
    return lambda text: terms(text.strip())  # type: ignore[call-arg]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.split(r"[\s,，、]+", text.strip()) if part)


def _positions(text: str) -> Positions:
    return Positions(Position(code.strip()) for code in text.split(","))  # type: ignore[call-arg]


_TERMS = (Level, PasswordProfile, SecondFactor)
READERS: dict[type, Callable[[str], Any]] = {str: str, int: int, bool: _switch, tuple: _numbers, Positions: _positions}
READERS |= {terms: _term_of(terms) for terms in _TERMS}
EXPECTED: dict[type, object] = {
    int: _("a whole number"),
    tuple: _("whole numbers between commas"),
    Positions: _("codes of positions between commas"),
}
EXPECTED |= {terms: " or ".join(str(term.value) for term in terms) for terms in _TERMS}
DEFAULT_OFFICE = Office()
SETTABLE = tuple(
    entry.name
    for entry in fields(Office)
    if entry.name not in ("calendar", "pinned", "demonstration", "days_ahead", "sms_texts", "clock_doubt")
)
