"""Every setting of the house: its name, its default, and what it is for.

Law: the environment is read here and nowhere else; secrets are made by ``anguan init``, kept under ``ANGUAN_HOME`` (0600),
and handed down as arguments. What is in ``ADJUSTABLE`` the administrator may set in the system, too; see ``parameters``.
"""

import json
import os
import re
import secrets
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from flask_babel import lazy_gettext as _

from app.clock import Calendar
from app.errors import HouseError
from app.vocabulary import Level, PasswordProfile, SecondFactor, Term

CERTIFICATE_HEADER = "X-SSL-Client-Cert"
AGENT = "http://127.0.0.1:18765"  # where our own UKey program listens
SIMULATED = "sim"  # what the simulators sign as
DEMO_PASSWORD = "Demo-2026!"  # noqa: S105 - printed at start, refused in production


class BadSetting(HouseError):
    """A setting that the house cannot run with. The sentence names it and says what to do."""

    code = "bad-setting"


@dataclass(frozen=True, slots=True)
class Office:
    """The authority and the numbers in its rules. Each field: default, source. ``ANGUAN_<FIELD>`` pins it.

    ``parameters.office_of`` lays over it what the administrator set, and the calendar.
    """

    province: str = "湖南省"
    short_name: str = "湘"  # the character that certificate numbers begin with
    region_code: str = "430000"  # GB/T 2260
    issuer: str = "湖南省住房和城乡建设厅"
    issuer_code: str = "11430000006122244L"  # unified social credit code of the issuer
    system_name: str = "安管人员网上审批系统"
    seal_text: str = "电子证照专用章"
    support: str = ""  # telephone shown under the menu
    legal_paths: str = "自收到本决定之日起六十日内可以依法申请行政复议，或者六个月内依法提起行政诉讼。"
    public_url: str = "http://127.0.0.1:8000"  # what QR codes point at

    validity_years: int = 3  # 令17号 art. 9
    pass_valid_years: int = 2  # manual R66, R67
    renewal_window_months: int = 3  # 令17号 art. 10
    least_age: int = 18  # 建质〔2015〕206号 three (3)
    age_limit_c: int = 60  # 建质〔2015〕206号 three (3): C must be under 60
    accept_days: int = 5  # working days, 行政许可法 art. 32
    decide_days: int = 20  # working days, 行政许可法 art. 42: new applications and renewals
    swift_days: int = 5  # working days, 令17号 arts. 11 and 12: transfers, replacements, cancellations
    extend_days: int = 10  # working days, 行政许可法 art. 42
    due_soon_days: int = 2  # working days before a limit from which on a case is marked
    expiry_reminders: tuple[int, ...] = (90, 60, 30)  # days before a certificate's last day; none: no reminders
    draft_reminder_days: int = 3  # after which the handler is told of a draft; 0: never
    deadline_messages: bool = True  # officers are told by text message what is due
    calendar_month: int = 11  # from which on next year's holidays are asked for
    pass_mark: int = 60  # of 100
    publicity_days: int = 30  # how long a public notice stays listed
    legacy_report_days: int = 30  # how long sheet and report of an import from the old system are kept
    two_pairs_of_eyes: bool = True  # nobody decides two consecutive stages of one application
    acceptance_level: Level = Level.PROVINCE  # domain.md Q6
    review_level: Level = Level.PROVINCE
    approval_level: Level = Level.PROVINCE

    largest_batch: int = 10_000  # applications decided in one request
    largest_bundle: int = 2_000  # certificates in one zip
    bundle_minutes: int = 60  # how long a prepared zip can be fetched
    lookups_per_minute: int = 30  # per address, public counter
    status_list_hours: int = 72  # how long whoever checks codes off line may rely on one status list
    largest_check: int = 500  # pairs of name and number in one list
    checks_per_hour: int = 2_000  # pairs per address, public counter
    scan_bytes: int = 10 * 1024 * 1024
    photo_bytes: int = 50 * 1024  # national e-certificate record
    replaced_scan_days: int = 365  # scans that were replaced and are part of no application are kept so long; 0: for ever
    closed_scan_years: int = 3  # scans of applications refused or given up, from then on; 0: for ever

    licence_seconds: int = 120  # for which the code of a business licence sign-in counts
    lock_after: int = 5  # wrong passwords before an account rests
    lock_minutes: int = 15
    idle_minutes: int = 30
    officer_idle_minutes: int = 15  # of officers and administrators; never longer than idle_minutes
    session_hours: int = 10  # however busy
    second_factor: SecondFactor = SecondFactor.OFF  # recommended for production: operating
    most_sessions: int = 3  # of one account at once; a new one ends the oldest
    password_length: int = 10
    password_profile: PasswordProfile = PasswordProfile.MLPS3
    password_days: int = 90  # after which officers choose a new one; 0: never. Not in the ASVS profile
    one_time_days: int = 30  # a password that somebody else chose must be used within
    crl_required: bool = True  # who was revoked must be known before a certificate opens anything
    codes_per_day: int = 5_000  # by text message, all together

    calendar: Calendar = field(default_factory=Calendar)  # kept in the system, never in the environment
    pinned: frozenset[str] = frozenset()  # what the environment says; nobody changes it in the system


class Section(Term):
    """What the administrator finds together."""

    DEADLINES = "deadlines", _("Deadlines")
    ELIGIBILITY = "eligibility", _("Who may apply")
    DECISIONS = "decisions", _("Who decides")
    CERTIFICATES = "certificates", _("Certificates and notices")
    PUBLIC = "public", _("Public counter")
    QUANTITIES = "quantities", _("Batches and scans")
    SECURITY = "security", _("Signing in")


Value = str | int | bool | Term | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Adjustable:
    """One field of the office that the administrator may set: what it is called, from where it comes, how far it goes."""

    name: str
    section: Section
    label: object
    source: object  # article or manual line; "" where it is ours to choose
    least: int = 0  # of a number; of a text: how many characters; of a list: each number in it
    most: int = 0
    unit: object = ""
    scale: int = 1  # people type the number divided by it: megabytes, not bytes

    @property
    def default(self) -> Value:
        return cast(Value, getattr(_PLAIN, self.name))

    def read(self, text: str) -> Value:
        """A stored text as a value. ``ValueError`` for what is none or goes too far."""
        value = cast(Value, _READERS[_kind(self.default)](text))
        if not self.holds(value):
            raise ValueError(text)
        return value

    def holds(self, value: Value) -> bool:
        """Is the value of the right kind, and not too small nor too large?"""
        if isinstance(value, bool | Term):
            return True
        if isinstance(value, tuple):
            return all(self.least <= number <= self.most for number in value)
        return self.least <= (len(value) if isinstance(value, str) else value) <= self.most


def written(value: Value) -> str:
    """A value as it is stored, and as the environment would say it."""
    if isinstance(value, Term):
        return str(value.value)
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(int(value)) if isinstance(value, bool) else str(value)


_DAYS, _YEARS, _MONTHS = _("working days"), _("years"), _("months")
_OWN = _("our own choice")

# fmt: off
ADJUSTABLE = (
    Adjustable("accept_days", Section.DEADLINES, _("Acceptance is owed within"), _("Administrative Licensing Law, article 32"), 1, 60, _DAYS),
    Adjustable("decide_days", Section.DEADLINES, _("Decision on new applications and renewals"), _("Administrative Licensing Law, article 42"), 1, 60, _DAYS),
    Adjustable("swift_days", Section.DEADLINES, _("Decision on transfers, replacements and cancellations"), _("Order 17, articles 11 and 12"), 1, 60, _DAYS),
    Adjustable("extend_days", Section.DEADLINES, _("An extension allows so much more time"), _("Administrative Licensing Law, article 42"), 1, 60, _DAYS),
    Adjustable("due_soon_days", Section.DEADLINES, _("A case is marked so long before its limit"), _OWN, 0, 20, _DAYS),
    Adjustable("expiry_reminders", Section.DEADLINES, _("Enterprises are reminded before a certificate expires (empty: never)"), _OWN, 1, 365, _("days")),
    Adjustable("draft_reminder_days", Section.DEADLINES, _("Handlers are reminded of what was never submitted after (0: never)"), _OWN, 0, 90, _("days")),
    Adjustable("deadline_messages", Section.DEADLINES, _("Officers are told each working day by text message what is due"), _OWN),
    Adjustable("calendar_month", Section.DEADLINES, _("Next year's holidays are asked for from this month on"), _OWN, 1, 12, _("month")),
    Adjustable("pass_valid_years", Section.ELIGIBILITY, _("A passed exam counts for"), _("Manual, R66 and R67"), 1, 10, _YEARS),
    Adjustable("renewal_window_months", Section.ELIGIBILITY, _("Renewal opens so long before the last day (0: at any time)"), _("Order 17, article 10"), 0, 36, _MONTHS),
    Adjustable("least_age", Section.ELIGIBILITY, _("Least age"), _("Document 206 of 2015, three (3)"), 16, 30, _("years of age")),
    Adjustable("age_limit_c", Section.ELIGIBILITY, _("Full-time safety officers (C) must be under"), _("Document 206 of 2015, three (3)"), 40, 80, _("years of age")),
    Adjustable("pass_mark", Section.ELIGIBILITY, _("Pass mark proposed for a new exam notice"), _OWN, 1, 100, _("of 100 points")),
    Adjustable("acceptance_level", Section.DECISIONS, _("Acceptance is decided by"), _("Manual, R78 (open which level)")),
    Adjustable("review_level", Section.DECISIONS, _("First review is decided by"), _("Manual, R82 (open which level)")),
    Adjustable("approval_level", Section.DECISIONS, _("Issuing approval is decided by"), _("Order 17, article 9")),
    Adjustable("two_pairs_of_eyes", Section.DECISIONS, _("Nobody decides two consecutive stages of one application"), _OWN),
    Adjustable("validity_years", Section.CERTIFICATES, _("A certificate is valid for"), _("Order 17, article 9"), 1, 10, _YEARS),
    Adjustable("issuer", Section.CERTIFICATES, _("Issuing authority, as printed"), _OWN, 2, 60),
    Adjustable("seal_text", Section.CERTIFICATES, _("Text in the seal"), _OWN, 2, 20),
    Adjustable("legal_paths", Section.CERTIFICATES, _("Ways to appeal, in notices of refusal"), _("Administrative Licensing Law, article 38"), 10, 300),
    Adjustable("publicity_days", Section.PUBLIC, _("A result stays on the board for"), _OWN, 1, 365, _("days")),
    Adjustable("lookups_per_minute", Section.PUBLIC, _("Lookups from one address"), _OWN, 1, 10_000, _("per minute")),
    Adjustable("status_list_hours", Section.PUBLIC, _("Whoever checks codes off line may rely on one status list for"), _OWN, 1, 720, _("hours")),
    Adjustable("largest_check", Section.PUBLIC, _("Certificates in one list to be checked, at most"), _OWN, 1, 5_000, _("records")),
    Adjustable("checks_per_hour", Section.PUBLIC, _("Certificates checked by list from one address"), _OWN, 1, 100_000, _("per hour")),
    Adjustable("support", Section.PUBLIC, _("Help line, shown under the menu"), _OWN, 0, 60),
    Adjustable("legacy_report_days", Section.QUANTITIES, _("Sheets and reports of imports are kept for"), _OWN, 1, 365, _("days")),
    Adjustable("largest_batch", Section.QUANTITIES, _("Applications decided at once, at most"), _OWN, 1, 20_000, _("records")),
    Adjustable("largest_bundle", Section.QUANTITIES, _("Certificates in one download, at most"), _OWN, 1, 10_000, _("records")),
    Adjustable("bundle_minutes", Section.QUANTITIES, _("A prepared download can be fetched for"), _OWN, 5, 1440, _("minutes")),
    Adjustable("scan_bytes", Section.QUANTITIES, _("A scan is at most so large"), _OWN, 1024**2, 50 * 1024**2, "MB", 1024**2),
    Adjustable("photo_bytes", Section.QUANTITIES, _("A portrait is at most so large"), _("National e-certificate record"), 10 * 1024, 1024**2, "KB", 1024),
    Adjustable("replaced_scan_days", Section.QUANTITIES, _("Replaced scans that are part of no application are kept for (0: for ever)"), _OWN, 0, 3650, _("days")),
    Adjustable("closed_scan_years", Section.QUANTITIES, _("Scans of applications refused or given up are kept for (0: for ever)"), _OWN, 0, 50, _YEARS),
    Adjustable("lock_after", Section.SECURITY, _("An account rests after so many wrong passwords"), _OWN, 3, 20, _("in a row")),
    Adjustable("lock_minutes", Section.SECURITY, _("and rests for"), _OWN, 1, 1440, _("minutes")),
    Adjustable("licence_seconds", Section.SECURITY, _("The code for a business licence counts for"), _OWN, 30, 300, _("seconds")),
    Adjustable("idle_minutes", Section.SECURITY, _("A session ends after so long without use"), _OWN, 5, 480, _("minutes")),
    Adjustable("second_factor", Section.SECURITY, _("A second factor is asked of"), _OWN),
    Adjustable("officer_idle_minutes", Section.SECURITY, _("of officers and administrators after"), _OWN, 5, 480, _("minutes")),
    Adjustable("session_hours", Section.SECURITY, _("and in any case after"), _OWN, 1, 24, _("hours")),
    Adjustable("most_sessions", Section.SECURITY, _("One account may be signed in at once in"), _OWN, 1, 20, _("browsers")),
    Adjustable("codes_per_day", Section.SECURITY, _("Codes sent by text message, all together"), _OWN, 1, 1_000_000, _("per day")),
    Adjustable("crl_required", Section.SECURITY, _("A certificate opens nothing while its authority's list of revoked ones is missing"), _OWN),
    Adjustable("password_length", Section.SECURITY, _("A password has at least"), _OWN, 8, 32, _("characters")),
    Adjustable("password_profile", Section.SECURITY, _("Passwords are judged by"), _("GB/T 22239-2019; OWASP ASVS 5.0")),
    Adjustable("password_days", Section.SECURITY, _("Officers choose a new password after (0: never)"), _("GB/T 22239-2019"), 0, 365, _("days")),
    Adjustable("one_time_days", Section.SECURITY, _("A one-time password must be used within"), _OWN, 1, 365, _("days")),
)
# fmt: on
BY_NAME: Mapping[str, Adjustable] = {one.name: one for one in ADJUSTABLE}


@dataclass(frozen=True, slots=True)
class Keys:
    """Secrets. ``data`` maps key ids (1–255) to 32-byte keys; the highest id encrypts, all decrypt.

    ``lasting`` is the first key of the index, for what no rotation may touch; ``index_next`` stands there only while
    ``anguan rekey --index`` is under way.
    """

    session: str
    index: bytes
    data: Mapping[int, bytes]
    lasting: bytes = b""
    index_next: bytes = b""

    @classmethod
    def fresh(cls) -> "Keys":
        return cls(secrets.token_urlsafe(48), secrets.token_bytes(32), {1: secrets.token_bytes(32)})

    def dump(self) -> str:
        rare = {"lasting": self.lasting, "index_next": self.index_next}
        return json.dumps(
            {
                "session": self.session,
                "index": b64encode(self.index).decode(),
                "data": {str(kid): b64encode(key).decode() for kid, key in self.data.items()},
            }
            | {name: b64encode(key).decode() for name, key in rare.items() if key},
            indent=2,
        )

    @classmethod
    def load(cls, text: str) -> "Keys":
        raw = json.loads(text)
        data = {int(kid): b64decode(key) for kid, key in raw["data"].items()}
        rare = (b64decode(raw.get(name, "")) for name in ("lasting", "index_next"))
        return cls(raw["session"], b64decode(raw["index"]), data, *rare)

    @property
    def ring(self) -> tuple[bytes, Mapping[int, bytes], bytes]:
        """What ``Keyring.unlock`` takes."""
        return self.index, self.data, self.lasting


@dataclass(frozen=True, slots=True)
class Settings:
    """What the house needs to stand: where it lives, what it is, and who it serves."""

    home: Path
    database_url: str
    keys: Keys
    office: Office = field(default_factory=Office)
    production: bool = False
    https: bool = False  # behind TLS: secure cookies, HSTS
    trusted_proxies: int = 0  # hops whose X-Forwarded-* are believed
    hosts: tuple[str, ...] = ()  # host names answered to; empty: any
    demo_password: str = DEMO_PASSWORD
    heads_file: Path | None = None  # where checkpoints of the diary are written down besides; none: a file under home
    queue_url: str = ""  # where jobs are announced: PostgreSQL or Redis; empty: a file under home
    sms_url: str = ""  # who carries text messages; empty: they are written to a file under home
    sms_token: str = field(default="", repr=False)
    clamd: str = ""  # who looks for viruses in what is handed in; empty: nobody
    seal_url: str = ""  # who keeps the seal of certificates; empty: the demonstration's own, under home
    seal_token: str = field(default="", repr=False)
    seal_seconds: int = 10  # how long that service may take for one answer
    seal_ofd: bool = False  # that service keeps a seal for OFD (SM2), too
    seal_lawful: bool = False  # the office has that seal from an authorised maker: pages are no specimens
    ukey_agent: str = AGENT  # the UKey program on the visitor's own computer
    ukey_driver_url: str = ""  # where its driver can be had
    ukey_crl_urls: tuple[str, ...] = ()  # whence lists of revoked certificates are fetched; else: 'anguan ukey crl'
    ukey_tls_header: str = CERTIFICATE_HEADER  # in which a proxy hands on the certificate of its TLS, escaped PEM
    ukey_tls_secret: str = field(default="", repr=False)  # shared with that proxy; empty: nothing is taken from one
    simulators: bool = False  # telephones and keys on the screen, for whoever tries the demonstration; never in production
    licence_url: str = ""  # the platform of electronic business licences; empty: that way in is shut, or simulated
    licence_token: str = field(default="", repr=False)
    licence_client: str = ""  # what that platform calls us
    licence_issuer: str = ""  # what it calls itself
    licence_key: Path | None = None  # its public key, PEM

    def __post_init__(self) -> None:
        if self.production and self.simulators:
            raise BadSetting("Simulators let anybody in: unset ANGUAN_SIMULATORS in production.")
        if self.production and self.licence_issuer == SIMULATED:
            raise BadSetting("ANGUAN_LICENCE_ISSUER must not be 'sim' in production: that is the simulator's own name.")
        if self.licence_url and not (self.licence_client and self.licence_issuer and self.licence_key):
            raise BadSetting(
                "ANGUAN_LICENCE_URL also needs ANGUAN_LICENCE_CLIENT, ANGUAN_LICENCE_ISSUER and ANGUAN_LICENCE_KEY."
            )

    @property
    def sends_codes(self) -> bool:
        """Whether codes by text message reach anybody: in production, only where somebody carries them."""
        return bool(self.sms_url) or not self.production

    @property
    def keys_file(self) -> Path:
        return self.home / "keys.json"

    @property
    def pretends_messages(self) -> bool:
        """Whether telephones are simulated on the screen: where nobody carries messages, and never in production."""
        return not self.sms_url and not self.production

    @property
    def shows_codes(self) -> bool:
        """Whether a browser at the gate is shown the code it asked for: that lets anybody in, so only where asked for."""
        return self.simulators and self.pretends_messages

    @property
    def blobs(self) -> Path:
        return self.home / "blobs"

    @property
    def code_keys(self) -> Path:
        """The private keys behind the square codes and the status list; see ``certificates.keys``."""
        return self.home / "codes.json"

    @property
    def ukeys(self) -> Path:
        """Authorities that are believed at the gate, and their lists; see ``ukey.trust``."""
        return self.home / "ukey"

    @property
    def diary_heads(self) -> Path:
        """Checkpoints of the diary, outside the database: they tell when its end was cut off; see ``checkpoints``."""
        return self.heads_file or self.home / "diary-heads.jsonl"

    @property
    def seals(self) -> Path:
        return self.home / "seal"

    def flask(self) -> dict[str, Any]:
        """The same as Flask and Flask-AppBuilder want it (fab.md 3.2)."""
        return {
            "SECRET_KEY": self.keys.session,
            "SQLALCHEMY_DATABASE_URI": self.database_url,
            "SQLALCHEMY_ENGINE_OPTIONS": {"pool_pre_ping": True, "hide_parameters": True},
            "SESSION_COOKIE_NAME": "__Host-anguan" if self.https else "anguan",
            "SESSION_COOKIE_SECURE": self.https,
            "SESSION_COOKIE_HTTPONLY": True,
            "SESSION_COOKIE_SAMESITE": "Lax",
            # As long as a cookie may lie idle at all; ``login.security`` asks how long it may today.
            "PERMANENT_SESSION_LIFETIME": timedelta(minutes=BY_NAME["idle_minutes"].most),
            "WTF_CSRF_TIME_LIMIT": None,
            "MAX_CONTENT_LENGTH": 64 * 1024 * 1024,
            "MAX_FORM_MEMORY_SIZE": 4 * 1024 * 1024,
            "APP_NAME": self.office.system_name,
            "FAB_CREATE_DB": False,
            "FAB_UPDATE_PERMS": False,
            "FAB_ADD_SECURITY_API": False,
            "FAB_API_SWAGGER_UI": False,
            "FAB_ADD_MENU_API": False,
            "FAB_ADD_OPENAPI_VIEWS": False,
            "FAB_ADD_SECURITY_PERMISSION_VIEW": False,
            "FAB_ADD_SECURITY_VIEW_MENU_VIEW": False,
            "FAB_ADD_SECURITY_PERMISSION_VIEWS_VIEW": False,
            "FAB_PASSWORD_COMPLEXITY_ENABLED": True,
            "AUTH_TYPE": 1,
            "AUTH_ROLE_ADMIN": "admin",
            "AUTH_ROLE_PUBLIC": "public",
            "AUTH_USER_REGISTRATION": False,
            "AUTH_RATE_LIMITED": False,  # app/login/throttle.py counts in the database, for every worker alike
            "RATELIMIT_ENABLED": False,
            "LANGUAGES": {"zh": {"flag": "cn", "name": "中文"}, "en": {"flag": "gb", "name": "English"}},
            "BABEL_DEFAULT_LOCALE": "zh",
            "BABEL_DEFAULT_TIMEZONE": "Asia/Shanghai",
            "BABEL_DEFAULT_FOLDER": "translations",
        }


def home_of(environment: Mapping[str, str] = os.environ) -> Path:
    """Where keys, scans and the embedded database lie: ``ANGUAN_HOME``, default ``./var``."""
    return Path(environment.get("ANGUAN_HOME") or "var").resolve()


def read_settings(environment: Mapping[str, str] = os.environ, *, mid_rotation: bool = False) -> Settings:
    """Settings from the environment and from the keys under ``ANGUAN_HOME``."""
    home = home_of(environment)
    keys_file = home / "keys.json"
    if not keys_file.exists():
        raise BadSetting(f"There are no keys in {home}. Run 'anguan init' first.")
    keys = Keys.load(keys_file.read_text())
    if keys.index_next and not mid_rotation:
        raise BadSetting("A new key of the index is half-way in. Run 'anguan rekey --index' to its end first.")
    database_url = environment.get("DATABASE_URL") or f"sqlite:///{home / 'anguan.db'}"
    return Settings(
        home=home,
        database_url=_with_driver(database_url),
        keys=keys,
        office=read_office(environment),
        production=environment.get("ANGUAN_ENV", "demo") == "production",
        https=_truth(environment.get("ANGUAN_HTTPS", "0")),
        trusted_proxies=_whole(environment, "ANGUAN_TRUSTED_PROXIES"),
        hosts=tuple(host.strip() for host in environment.get("ANGUAN_HOSTS", "").split(",") if host.strip()),
        demo_password=environment.get("ANGUAN_DEMO_PASSWORD", DEMO_PASSWORD),
        heads_file=Path(heads).resolve() if (heads := environment.get("ANGUAN_DIARY_HEADS")) else None,
        queue_url=_of_scheme("ANGUAN_QUEUE_URL", environment, "postgresql", "postgres", "redis", "rediss"),
        sms_url=_of_scheme("ANGUAN_SMS_URL", environment, "https", "http"),
        sms_token=environment.get("ANGUAN_SMS_TOKEN", ""),
        clamd=_clamd(environment.get("ANGUAN_CLAMD", "").strip()),
        seal_url=_of_scheme("ANGUAN_SEAL_URL", environment, "https", "http").rstrip("/"),
        seal_token=environment.get("ANGUAN_SEAL_TOKEN", ""),
        seal_seconds=_whole(environment, "ANGUAN_SEAL_SECONDS") or 10,
        seal_ofd=_truth(environment.get("ANGUAN_SEAL_OFD", "0")),
        seal_lawful=_truth(environment.get("ANGUAN_SEAL_LAWFUL", "0")),
        ukey_agent=_agent(environment),
        ukey_driver_url=_of_scheme("ANGUAN_UKEY_DRIVER_URL", environment, "https", "http"),
        ukey_crl_urls=_several("ANGUAN_UKEY_CRL_URLS", environment, "https", "http"),
        ukey_tls_header=environment.get("ANGUAN_UKEY_TLS_HEADER") or CERTIFICATE_HEADER,
        ukey_tls_secret=environment.get("ANGUAN_UKEY_TLS_SECRET", ""),
        simulators=_truth(environment.get("ANGUAN_SIMULATORS", "0")),
        licence_url=_of_scheme("ANGUAN_LICENCE_URL", environment, "https", "http").rstrip("/"),
        licence_token=environment.get("ANGUAN_LICENCE_TOKEN", ""),
        licence_client=environment.get("ANGUAN_LICENCE_CLIENT", ""),
        licence_issuer=environment.get("ANGUAN_LICENCE_ISSUER", ""),
        licence_key=home / key if (key := environment.get("ANGUAN_LICENCE_KEY")) else None,
    )


def read_office(environment: Mapping[str, str]) -> Office:
    """The office's parameters, each pinned by ``ANGUAN_<NAME>`` where that is set."""
    given: dict[str, Any] = {}
    for name in SETTABLE:
        text = environment.get(f"ANGUAN_{name.upper()}")
        if text is None:
            continue
        default = getattr(_PLAIN, name)
        try:
            given[name] = _truth(text) if isinstance(default, bool) else _READERS[_kind(default)](text)
        except ValueError:
            raise BadSetting(f"ANGUAN_{name.upper()} must be {_WANTED[_kind(default)]}, not {text!r}.") from None
        if name in BY_NAME and not BY_NAME[name].holds(given[name]):
            one = BY_NAME[name]
            raise BadSetting(f"ANGUAN_{name.upper()} must be within {one.least} and {one.most}, not {text!r}.")
    given["pinned"] = frozenset(given)
    if "public_url" not in given and "PORT" in environment:
        given["public_url"] = f"http://{environment.get('HOST', '127.0.0.1')}:{environment['PORT']}"
    return Office(**given)


def _whole(environment: Mapping[str, str], name: str) -> int:
    """A whole number, 0 where none is set."""
    try:
        return int(environment.get(name) or 0)
    except ValueError:
        raise BadSetting(f"{name} must be a whole number, not {environment[name]!r}.") from None


def make_keys(home: Path) -> bool:
    """Make the keys once, readable by the owner only. True if they were made now, False if they were there."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(home / "keys.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w") as file:
        file.write(Keys.fresh().dump())
    return True


def write_keys(file: Path, keys: Keys) -> None:
    """Put other keys in the place of those there, readable by the owner only: whole or not at all, whenever the power fails."""
    handle, waiting = tempfile.mkstemp(dir=file.parent, prefix="keys.", suffix=".new")
    try:
        with os.fdopen(handle, "w") as new:
            new.write(keys.dump())
            new.flush()
            os.fsync(handle)
        Path(waiting).replace(file)
    except BaseException:
        Path(waiting).unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _with_driver(url: str) -> str:
    """PostgreSQL addresses in the forms people paste, with the driver that is installed."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def _of_scheme(name: str, environment: Mapping[str, str], *schemes: str) -> str:
    """An address of one of these kinds, or none. A refusal does not repeat it: it may hold a password."""
    url = environment.get(name, "").strip()
    if url and not url.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise BadSetting(f"{name} must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
    return url


def _several(name: str, environment: Mapping[str, str], *schemes: str) -> tuple[str, ...]:
    given = environment.get(name, "").replace(",", " ").split()
    return tuple(_of_scheme(name, {name: one}, *schemes) for one in given)


def _agent(environment: Mapping[str, str]) -> str:
    """An origin on the loopback and nothing more: it is written into the page's content policy as it stands."""
    url = environment.get("ANGUAN_UKEY_AGENT", "").strip().rstrip("/") or AGENT
    if not re.fullmatch(r"(https?|wss?)://(127\.0\.0\.1|localhost)(:\d{1,5})?", url):
        raise BadSetting("ANGUAN_UKEY_AGENT must be an address of the visitor's own computer, like http://127.0.0.1:18765.")
    return url


def _clamd(address: str) -> str:
    if address and not re.fullmatch(r"/\S+|tcp://([\w.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?", address):
        raise BadSetting("ANGUAN_CLAMD must be tcp://host:port, or the path of clamd's socket.")
    return address


def _truth(text: str) -> bool:
    return text.strip().lower() in {"1", "true", "yes", "on"}


def _switch(text: str) -> bool:
    """What was stored is one or the other; a word that means neither must not count as off."""
    return bool(["0", "1"].index(text))


def _word_of(words: type[Term]) -> Callable[[str], Term]:
    return lambda text: words(text.strip())  # type: ignore[call-arg]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.split(r"[\s,，、]+", text.strip()) if part)


def _kind(value: Value) -> type:
    return type(value)


_WORDS = (Level, PasswordProfile, SecondFactor)
_READERS: dict[type, Callable[[str], Any]] = {str: str, int: int, bool: _switch, tuple: _numbers}
_READERS |= {words: _word_of(words) for words in _WORDS}
_WANTED: dict[type, str] = {int: "a whole number", tuple: "whole numbers between commas"}
_WANTED |= {words: " or ".join(str(word.value) for word in words) for words in _WORDS}
_PLAIN = Office()
SETTABLE = tuple(entry.name for entry in fields(Office) if entry.name not in ("calendar", "pinned"))
