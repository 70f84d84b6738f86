"""Settings from the environment, and the key file.

Only this module reads the environment. Secrets are made by ``anguan init`` and stored under ``ANGUAN_HOME`` (0600).
Fields in ``office.ADJUSTABLE`` can also be set by the administrator; see ``applications.office_settings``.
"""

import json
import os
import re
import secrets
import socket
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from flask_babel import lazy_gettext as _

from app.core.atomic_file import flush_folder, put_file
from app.core.errors import AppError
from app.core.identifiers import BadNumber, parse_mobile
from app.core.office import BY_NAME, CERTIFICATE_HEADER, DEFAULT_OFFICE, EXPECTED, READERS, SETTABLE, Office, numbers_letters

AGENT = "http://127.0.0.1:18765"  # where our UKey agent listens
PRODUCTION, DEMONSTRATION = "production", "demo"  # what ``ANGUAN_ENV`` may be
PREFIX = "ANGUAN_"  # of the names of settings
S3 = "s3://"  # how the address of a bucket begins
OF_THE_TESTS = frozenset({"ANGUAN_BROWSER"})
KEY_BYTES = 32
RESTORING = ".restoring"  # folder under home of a restore that is not finished
SIMULATED = "sim"  # issuer name of the simulated licence platform
DEMO_PASSWORD = "Demo-2026!"  # noqa: S105 - printed at start, refused in production


class BadSetting(AppError):
    """A setting is missing or invalid. The sentence names it and says what to do."""

    code = "bad-setting"


@dataclass(frozen=True, slots=True)
class Keys:
    """Secrets. ``data`` maps key ids (1–255) to 32-byte keys; the highest id encrypts, all decrypt.

    ``lasting`` is the first index key, for digests that no rotation may change; ``index_next`` is set only while
    ``anguan rekey --index`` is running.
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
        optional = {"lasting": self.lasting, "index_next": self.index_next}
        return json.dumps(
            {
                "session": self.session,
                "index": b64encode(self.index).decode(),
                "data": {str(kid): b64encode(key).decode() for kid, key in self.data.items()},
            }
            | {name: b64encode(key).decode() for name, key in optional.items() if key},
            indent=2,
        )

    @classmethod
    def load(cls, text: str) -> "Keys":
        """The keys of a file. ``ValueError`` unless each is there and as long as it must be."""
        try:
            raw = json.loads(text)
            data = {int(kid): b64decode(key, validate=True) for kid, key in raw["data"].items()}
            optional = (b64decode(raw.get(name, ""), validate=True) for name in ("lasting", "index_next"))
            keys = cls(raw["session"], b64decode(raw["index"], validate=True), data, *optional)
        except (KeyError, TypeError, AttributeError) as fault:
            raise ValueError("a key is missing") from fault
        if not (keys.session and data) or not all(0 < kid < 256 for kid in data):
            raise ValueError("a key is missing, or its number is none")
        if any(len(key) != KEY_BYTES for key in (keys.index, *data.values())):
            raise ValueError("a key is too short or too long")
        return keys

    @property
    def ring(self) -> tuple[bytes, Mapping[int, bytes], bytes]:
        """The arguments of ``Keyring.unlock``."""
        return self.index, self.data, self.lasting


@dataclass(frozen=True, slots=True)
class Bucket:
    """A place in an object store that speaks S3: where its names begin, and how to get at it."""

    name: str
    prefix: str  # what every name begins with, without a slash at its end; may be empty
    url: str  # of the service; empty: Amazon's
    region: str
    key: str
    secret: str = field(repr=False)
    authority: Path | None = None  # PEM of the authority of its TLS certificate, beside those of the system

    @property
    def address(self) -> str:
        """For people and logs: no key in it."""
        return f"{S3}{self.name}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a process needs to start."""

    home: Path
    database_url: str
    keys: Keys
    office: Office = field(default_factory=Office)
    production: bool = False
    https: bool = False  # behind TLS: secure cookies, HSTS
    trusted_proxies: int = 0  # hops whose X-Forwarded-* are believed
    hosts: tuple[str, ...] = ()  # host names answered to; empty: any
    demo_password: str = DEMO_PASSWORD
    heads_file: Path | None = None  # copy of the audit checkpoints; none: a file under home
    bucket: Bucket | None = None  # of the files; none: a folder under home
    backup_place: Path | Bucket | None = None  # where backups are kept; none: none are made
    backup_keys: tuple[str, ...] = ()  # public keys of those who may open a backup
    backup_hours: int = 24  # between two backups made by the worker
    backup_keep: tuple[int, int, int] = (7, 5, 12)  # for how many days, weeks and months the last backup is kept
    pg_bin: Path | None = None  # folder of pg_dump and pg_restore; none: they are found by name
    queue_url: str = ""  # job queue: PostgreSQL or Redis; empty: a file under home
    sms_url: str = ""  # SMS gateway; empty: messages are written to a file under home
    sms_token: str = field(default="", repr=False)
    clamd: str = ""  # ClamAV, for uploads; empty: no virus check
    seal_url: str = ""  # seal service; empty: the demonstration CA under home
    seal_token: str = field(default="", repr=False)
    seal_seconds: int = 10  # time limit of one request to it
    seal_ofd: bool = False  # it also has a seal for OFD (SM2)
    seal_lawful: bool = False  # the seal is from an authorised maker: pages are not specimens
    ukey_agent: str = AGENT  # the UKey agent on the user's own computer
    ukey_driver_url: str = ""  # download page of its driver
    ukey_crl_urls: tuple[str, ...] = ()  # CRLs to fetch; else: 'anguan ukey crl'
    ukey_tls_header: str = CERTIFICATE_HEADER  # header with the TLS client certificate, escaped PEM
    ukey_tls_secret: str = field(default="", repr=False)  # shared with the proxy; empty: the header is ignored
    simulators: bool = False  # simulated telephones and UKeys; refused in production
    licence_url: str = ""  # business licence platform; empty: off, or simulated
    licence_token: str = field(default="", repr=False)
    licence_client: str = ""  # our client name there
    licence_issuer: str = ""  # its issuer name
    licence_key: Path | None = None  # its public key, PEM
    alert_url: str = ""  # webhook for findings; empty: none
    alert_token: str = field(default="", repr=False)
    alert_mobiles: tuple[str, ...] = ()  # operators who get findings by text message
    metrics_token: str = field(default="", repr=False)  # whoever shows it reads /metrics; empty: this machine alone
    least_disk_mb: int = 1024  # free space below which a warning is given
    log_json: bool = False  # logs as one JSON object a line

    def __post_init__(self) -> None:
        if self.production and self.simulators:
            raise BadSetting(_("Simulators let anybody in: unset ANGUAN_SIMULATORS in production."))
        if self.production and self.licence_issuer == SIMULATED:
            raise BadSetting(_("ANGUAN_LICENCE_ISSUER must not be 'sim' in production: that is the simulator's own name."))
        if self.backup_hours < 1:
            raise BadSetting(_("ANGUAN_BACKUP_HOURS must be at least 1."))
        if isinstance(self.backup_place, Path) and self.backup_place.is_relative_to(self.home):
            raise BadSetting(_("ANGUAN_BACKUP_FOLDER must not lie in ANGUAN_HOME: what takes one away would take both."))
        if self.bucket and isinstance(self.backup_place, Bucket) and self.bucket.address == self.backup_place.address:
            raise BadSetting(_("ANGUAN_BACKUP_FOLDER must not be the place of the files, ANGUAN_BLOBS."))
        if self.licence_url and not (self.licence_client and self.licence_issuer and self.licence_key):
            raise BadSetting(
                _("ANGUAN_LICENCE_URL also needs ANGUAN_LICENCE_CLIENT, ANGUAN_LICENCE_ISSUER and ANGUAN_LICENCE_KEY.")
            )

    @property
    def sends_codes(self) -> bool:
        """Whether codes by text message reach anybody: in production, only with an SMS gateway."""
        return bool(self.sms_url) or not self.production

    @property
    def keys_file(self) -> Path:
        return self.home / "keys.json"

    @property
    def pretends_messages(self) -> bool:
        """Whether telephones are simulated on the screen: without an SMS gateway, and never in production."""
        return not self.sms_url and not self.production

    @property
    def shows_codes(self) -> bool:
        """Whether the sign-in page shows the code it sent. Lets anybody in, so only with ``simulators``."""
        return self.simulators and self.pretends_messages

    @property
    def blobs(self) -> Path:
        """The folder of the files, unless they lie in a ``bucket``."""
        return self.home / "blobs"

    @property
    def files_address(self) -> str:
        """Where the files lie, for people and logs."""
        return self.bucket.address if self.bucket else str(self.blobs)

    @property
    def code_keys(self) -> Path:
        """The private keys for QR codes and the status list; see ``crypto.signing_keys``."""
        return self.home / "codes.json"

    @property
    def ukeys(self) -> Path:
        """Trusted CAs for signing in with a certificate, and their CRLs; see ``accounts.pki.trust``."""
        return self.home / "ukey"

    @property
    def diary_heads(self) -> Path:
        """Audit checkpoints outside the database: they reveal a truncated audit log; see ``db.audit.checkpoints``."""
        return self.heads_file or self.home / "diary-heads.jsonl"

    @property
    def seals(self) -> Path:
        return self.home / "seal"

    def flask(self) -> dict[str, Any]:
        """The configuration of Flask and Flask-AppBuilder (fab.md 3.2)."""
        return {
            "SECRET_KEY": self.keys.session,
            "SQLALCHEMY_DATABASE_URI": self.database_url,
            # 30 connections: what waits for a place among heavy work holds one, and pages need theirs meanwhile.
            "SQLALCHEMY_ENGINE_OPTIONS": {"pool_pre_ping": True, "hide_parameters": True, "max_overflow": 25},
            "SESSION_COOKIE_NAME": "__Host-anguan" if self.https else "anguan",
            "SESSION_COOKIE_SECURE": self.https,
            "SESSION_COOKIE_HTTPONLY": True,
            "SESSION_COOKIE_SAMESITE": "Lax",
            # The longest that can be set; ``auth.security_manager`` applies the current limit.
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
            "AUTH_RATE_LIMITED": False,  # accounts.rate_limit counts in the database, for all processes
            "RATELIMIT_ENABLED": False,
            "LANGUAGES": {"zh": {"flag": "cn", "name": "中文"}, "en": {"flag": "gb", "name": "English"}},
            "BABEL_DEFAULT_LOCALE": "zh",
            "BABEL_DEFAULT_TIMEZONE": "Asia/Shanghai",
            "BABEL_DEFAULT_FOLDER": "translations",
        }


def read_no_phrases() -> None:
    """To be called before pypinyin is imported, which reads it: without its phrases it takes 13 MB instead of 56."""
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")


def home_of(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of keys, scans and the embedded database: ``ANGUAN_HOME``, default ``./var``."""
    return Path(environment.get("ANGUAN_HOME") or "var").resolve()


def read_settings(
    environment: Mapping[str, str] = os.environ, *, mid_rotation: bool = False, keys: Keys | None = None
) -> Settings:
    """Settings from the environment and from the keys under ``ANGUAN_HOME``, or ``keys`` in their place.

    ``BadSetting`` for what cannot be read, and for a name that no setting has: a name mistyped is a setting left out.
    """
    environment = NamesRead(environment)
    settings = _read_settings(environment, keys or load_keys(home_of(environment), mid_rotation=mid_rotation))
    if unknown := next(iter(sorted(environment.unread())), ""):
        raise BadSetting(_unknown(unknown, environment.read), code="unknown-setting")
    return settings


def _unknown(name: str, known: Collection[str]) -> object:
    """That no setting has the name, and which one is meant."""
    ours = [one.removeprefix(PREFIX) for one in known if one.startswith(PREFIX)]
    if near := get_close_matches(name.removeprefix(PREFIX), ours, 1):
        meant = f"{PREFIX}{near[0]}"
        return _("No setting is called %(name)s; did you mean %(near)s? See docs/SETTINGS.md.", name=name, near=meant)
    return _("No setting is called %(name)s: unset it. See docs/SETTINGS.md.", name=name)


class NamesRead(Mapping[str, str]):
    """An environment that remembers the names it was asked for."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        return self._environment[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environment)

    def __len__(self) -> int:
        return len(self._environment)

    def unread(self) -> set[str]:
        """The names of ours that nobody asked for."""
        return {name for name in self if name.startswith(PREFIX)} - self.read - OF_THE_TESTS


def load_keys(home: Path, *, mid_rotation: bool = True) -> Keys:
    """The keys of an installation. ``BadSetting`` if there are none, or the file is damaged."""
    file = home / "keys.json"
    try:
        keys = Keys.load(file.read_text())
    except FileNotFoundError:
        raise BadSetting(_("There are no keys in %(home)s. Run 'anguan init' first.", home=home), code="no-keys") from None
    except OSError as fault:
        raise BadSetting(_("%(file)s cannot be read: %(why)s.", file=file, why=fault.strerror), code="damaged-keys") from None
    except ValueError:
        damaged = _("The keys in %(file)s are damaged: put the file back from a backup.", file=file)
        raise BadSetting(damaged, code="damaged-keys") from None
    if keys.index_next and not mid_rotation:
        half_way = _("A new key of the index is half-way in. Run 'anguan rekey --index' to its end first.")
        raise BadSetting(half_way, code="half-way-keys")
    return keys


def _read_settings(environment: Mapping[str, str], keys: Keys) -> Settings:
    home = home_of(environment)
    surroundings = environment.get("ANGUAN_ENV") or DEMONSTRATION
    if surroundings not in (PRODUCTION, DEMONSTRATION):
        unclear = _("ANGUAN_ENV must be 'production' or 'demo', not “%(text)s”.", text=surroundings)
        raise BadSetting(unclear, code="unknown-environment")
    production = surroundings == PRODUCTION
    database_url = environment.get("DATABASE_URL") or f"sqlite:///{home / 'anguan.db'}"
    return Settings(
        home=home,
        database_url=with_driver(database_url),
        keys=keys,
        office=replace(read_office(environment), demonstration=not production),
        production=production,
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
        bucket=_bucket_set(environment),
        **_of_operators(environment),
    )


def _bucket_set(environment: Mapping[str, str]) -> Bucket | None:
    access = bucket_access(environment)
    address = environment.get("ANGUAN_BLOBS", "").strip()
    return access(address) if address else None


OF_FILES = ("ANGUAN_S3_URL", "ANGUAN_S3_REGION", "ANGUAN_S3_KEY", "ANGUAN_S3_SECRET", "ANGUAN_S3_CA")
OF_BACKUPS = (
    "ANGUAN_BACKUP_S3_URL",
    "ANGUAN_BACKUP_S3_REGION",
    "ANGUAN_BACKUP_S3_KEY",
    "ANGUAN_BACKUP_S3_SECRET",
    "ANGUAN_BACKUP_S3_CA",
)


def bucket_access(
    environment: Mapping[str, str] = os.environ, names: tuple[str, str, str, str, str] = OF_FILES
) -> Callable[[str], Bucket]:
    """What makes a bucket of an address ``s3://bucket/prefix``, with the service and the key that are set under these names.

    It raises ``BadSetting`` for another address, and where the key is not set.
    """
    url = _of_scheme(names[0], environment, "https", "http").rstrip("/")
    region, key, secret, file = (environment.get(name, "").strip() for name in names[1:])
    region = region or "us-east-1"  # what services of others call their only one
    authority = Path(file).resolve() if file else None

    def bucket(address: str) -> Bucket:
        found = re.fullmatch(S3 + r"([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[\w.-]+)*)/?", address, re.ASCII)
        if not found or {".", ".."} & set(found[2].split("/")):
            raise BadSetting(_("A place in an object store is s3://bucket or s3://bucket/prefix, without key or service."))
        if not (key and secret):
            raise BadSetting(_("An object store also needs %(key)s and %(secret)s.", key=names[2], secret=names[3]))
        return Bucket(found[1], found[2].strip("/"), url, region, key, secret, authority)

    return bucket


def _backup_place(environment: Mapping[str, str]) -> Path | Bucket | None:
    access, address = bucket_access(environment, OF_BACKUPS), environment.get("ANGUAN_BACKUP_FOLDER", "").strip()
    if address.startswith(S3):
        return access(address)
    return Path(address).resolve() if address else None


def _of_operators(environment: Mapping[str, str]) -> dict[str, Any]:
    """Backups, alerts, figures and logs."""
    return {
        "backup_place": _backup_place(environment),
        "backup_keys": tuple(environment.get("ANGUAN_BACKUP_KEYS", "").replace(",", " ").split()),
        "backup_hours": _whole(environment, "ANGUAN_BACKUP_HOURS") or 24,
        "backup_keep": _keep(environment.get("ANGUAN_BACKUP_KEEP") or "7,5,12"),
        "pg_bin": Path(folder).resolve() if (folder := environment.get("ANGUAN_PG_BIN")) else None,
        "alert_url": _of_scheme("ANGUAN_ALERT_URL", environment, "https", "http"),
        "alert_token": environment.get("ANGUAN_ALERT_TOKEN", ""),
        "alert_mobiles": _mobiles(environment.get("ANGUAN_ALERT_MOBILES", "")),
        "metrics_token": environment.get("ANGUAN_METRICS_TOKEN", ""),
        "least_disk_mb": _whole(environment, "ANGUAN_LEAST_DISK_MB") or 1024,
        "log_json": _truth(environment.get("ANGUAN_LOG_JSON", "0")),
    }


def read_office(environment: Mapping[str, str]) -> Office:
    """The office's parameters, each pinned by ``ANGUAN_<NAME>`` where that is set."""
    given: dict[str, Any] = {}
    for name in SETTABLE:
        text = environment.get(f"ANGUAN_{name.upper()}")
        if text is None:
            continue
        default = getattr(DEFAULT_OFFICE, name)
        try:
            given[name] = _truth(text) if isinstance(default, bool) else READERS[type(default)](text)
        except ValueError:
            expected = EXPECTED[type(default)]
            raise BadSetting(
                _("ANGUAN_%(name)s must be %(what)s, not “%(text)s”.", name=name.upper(), what=expected, text=text)
            ) from None
        if name in BY_NAME and not BY_NAME[name].holds(given[name]):
            limits = BY_NAME[name]
            raise BadSetting(
                _("ANGUAN_%(name)s must be within %(least)s and %(most)s, not “%(text)s”.",
                  name=name.upper(), least=limits.least, most=limits.most, text=text)
            )  # fmt: skip
    if not numbers_letters(given.get("letter_number", DEFAULT_OFFICE.letter_number)):
        sentence = _(
            "ANGUAN_LETTER_NUMBER must name %(year)s and %(number)s once each, with no figure beside the latter.",
            year="{年}", number="{序号}",
        )  # fmt: skip
        raise BadSetting(sentence)
    given["pinned"] = frozenset(given)
    if "public_url" not in given and "PORT" in environment:
        given["public_url"] = f"http://{reachable(environment.get('HOST') or '127.0.0.1')}:{environment['PORT']}"
    return Office(**given)


def reachable(host: str) -> str:
    """A host name or address for others: for one that listens everywhere, this machine's own in its network.

    The kernel is asked which address it would send from; nothing is sent. 127.0.0.1 where there is no network.
    """
    try:
        everywhere = ip_address(host.strip("[]")).is_unspecified
    except ValueError:  # a name
        everywhere = False
    if not everywhere:
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("192.0.2.1", 9))  # RFC 5737: an address that is nobody's
        except OSError:
            return "127.0.0.1"
        return str(asking.getsockname()[0])


def _whole(environment: Mapping[str, str], name: str) -> int:
    """A whole number, 0 where none is set."""
    try:
        return int(environment.get(name) or 0)
    except ValueError:
        raise BadSetting(_("%(name)s must be a whole number, not “%(text)s”.", name=name, text=environment[name])) from None


def make_keys(home: Path) -> bool:
    """Make the keys, readable by the owner only. False if they exist already: they are not replaced."""
    if (home / RESTORING).exists():
        raise BadSetting(f"A restore into {home} was broken off: run 'anguan restore' again, or remove {home / RESTORING}.")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        put_file(home / "keys.json", Keys.fresh().dump().encode(), once=True)
    except FileExistsError:
        return False
    return True


def write_keys(file: Path, keys: Keys) -> None:
    """Replace the keys atomically and durably, readable by the owner only."""
    put_file(file, keys.dump().encode())
    flush_folder(file.parent)


def with_driver(url: str) -> str:
    """PostgreSQL addresses in common forms, with the installed driver."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def _of_scheme(name: str, environment: Mapping[str, str], *schemes: str) -> str:
    """A URL of one of these schemes, or empty. An error does not repeat it: it may hold a password."""
    url = environment.get(name, "").strip()
    if url and not url.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        begins = " / ".join(f"{scheme}://" for scheme in schemes)
        raise BadSetting(_("%(name)s must begin with %(begins)s.", name=name, begins=begins))
    return url


def _keep(text: str) -> tuple[int, int, int]:
    if not (found := re.fullmatch(r"(\d{1,3}),(\d{1,3}),(\d{1,3})", text.replace(" ", ""))):
        raise BadSetting(f"ANGUAN_BACKUP_KEEP must be numbers of days, weeks and months like 7,5,12, not {text!r}.")
    return int(found[1]), int(found[2]), int(found[3])


def _several(name: str, environment: Mapping[str, str], *schemes: str) -> tuple[str, ...]:
    given = environment.get(name, "").replace(",", " ").split()
    return tuple(_of_scheme(name, {name: one}, *schemes) for one in given)


def _mobiles(text: str) -> tuple[str, ...]:
    """Mobile numbers between commas. An error does not repeat them."""
    try:
        return tuple(parse_mobile(one) for one in text.replace(",", " ").split())
    except BadNumber:
        raise BadSetting(_("ANGUAN_ALERT_MOBILES takes mobile numbers of eleven digits, with commas between.")) from None


def _agent(environment: Mapping[str, str]) -> str:
    """A loopback origin and nothing more: it is written unescaped into the content security policy."""
    url = environment.get("ANGUAN_UKEY_AGENT", "").strip().rstrip("/") or AGENT
    if not re.fullmatch(r"(https?|wss?)://(127\.0\.0\.1|localhost)(:\d{1,5})?", url):
        raise BadSetting(
            _("ANGUAN_UKEY_AGENT must be an address of the visitor's own computer, like http://127.0.0.1:18765.")
        )
    return url


def _clamd(address: str) -> str:
    if address and not re.fullmatch(r"/\S+|tcp://([\w.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?", address):
        raise BadSetting(_("ANGUAN_CLAMD must be tcp://host:port, or the path of clamd's socket."))
    return address


def _truth(text: str) -> bool:
    return text.strip().lower() in {"1", "true", "yes", "on"}
