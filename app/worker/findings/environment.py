"""Checks of settings, keys, files and disk, which need no database."""

import os
import re
import shutil
import struct
import tempfile
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.sansio.utils import host_is_trusted

from app.accounts import rate_limit
from app.core.crypto.signing_keys import BadKeys, ring
from app.core.errors import Obstacle, Unwritable, obstacle_of
from app.core.settings import Settings
from app.files.fonts import FONTS, RARE
from app.files.stores import why_away
from app.files.truetype import Font
from app.worker.findings.finding import SystemFinding
from app.worker.findings.installation import Installation

BLOCK = 64 * 1024  # bytes written to a file and removed again
MB = 1024 * 1024
XZ = b"\xfd7zXZ"  # how a packed font begins
UNWRITABLE = {
    "home": "home-unwritable",
    "blobs": "blobs-unwritable",
    "database": "database-unwritable",
    Obstacle.DATABASE_READ_ONLY.value: "database-read-only",
    Obstacle.FILES_READ_ONLY.value: "files-read-only",
    Obstacle.DISK_FULL.value: "disk-full",
    Obstacle.DISK_FAULT.value: "disk-fault",
}


# --- keys and files -------------------------------------------------------------------------------------------


def code_keys(of: Installation) -> Iterator[SystemFinding]:
    """The keys of QR codes can be read."""
    ring.open(of.settings.code_keys)
    try:
        ring.newest  # noqa: B018 - reads the file
    except BadKeys:
        yield SystemFinding("no-code-keys", str(of.settings.code_keys))


def private_files(of: Installation) -> Iterator[SystemFinding]:
    """Nobody else on the machine can read what holds keys."""
    settings = of.settings
    for path, mode in ((of.home, 0o700), (settings.keys_file, 0o600), (settings.code_keys, 0o600), (settings.seals, 0o700)):
        if path.exists() and path.stat().st_mode & 0o077:
            yield SystemFinding("readable-by-others", str(path), {"mode": f"{mode:o}"}, partial(path.chmod, mode))


def writing(of: Installation) -> Iterator[SystemFinding]:
    """Database and folders can be written to, found out by writing."""
    places = {"home": of.home, "blobs": of.settings.blobs}
    for name in _unwritable_here(of.settings, of.engine, at=of.at):
        yield SystemFinding(UNWRITABLE[name], str(places.get(name, "")))


def object_store(of: Installation) -> Iterator[SystemFinding]:
    """The bucket of the files takes what is written, where one is set."""
    if why := why_away(of.settings):
        yield SystemFinding("files-away", of.settings.files_address, {"why": why})


def unwritable(settings: Settings, engine: Engine, *, at: datetime) -> list[str]:
    """What cannot be written: ``database``, ``home``, ``blobs``, or why (``Obstacle``). No transaction may be open."""
    found = _unwritable_here(settings, engine, at=at)
    return [*found, Obstacle.FILES_AWAY.value] if why_away(settings) else found


def _unwritable_here(settings: Settings, engine: Engine, *, at: datetime) -> list[str]:
    found = [_in_database(engine, at), in_folder("home", settings.home)]
    if settings.bucket is None:
        found.append(in_folder("blobs", settings.blobs))
    return list(dict.fromkeys(name for name in found if name))


def _in_database(engine: Engine, at: datetime) -> str:
    try:
        rate_limit.probe(engine, at=at)
    except Unwritable as error:
        return error.obstacle.value
    except SQLAlchemyError:
        return "database"
    return ""


def in_folder(name: str, folder: os.PathLike[str]) -> str:
    """Write a file and remove it: ``name``, or that the disk is full, if that is impossible; else ""."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(BLOCK))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Obstacle.DISK_FULL.value if obstacle_of(error) is Obstacle.DISK_FULL else name
    return ""


def free_space(of: Installation) -> Iterator[SystemFinding]:
    """Each disk that data lie on has free space (``Settings.least_disk_mb``)."""
    folders = {of.home, of.settings.blobs}
    if of.engine.dialect.name == "sqlite" and of.engine.url.database:
        folders.add(Path(of.engine.url.database).parent)
    seen = set()
    for folder in sorted(folder for folder in folders if folder.exists()):
        free = shutil.disk_usage(folder).free // MB
        if free < of.settings.least_disk_mb and (disk := folder.stat().st_dev) not in seen:
            seen.add(disk)
            yield SystemFinding("disk-low", str(folder), {"free": str(free)})


def fonts(of: Installation) -> Iterator[SystemFinding]:
    """Every font that belongs to the program is there and is one."""
    for name in FONTS.values():
        try:
            Font((of.fonts / name).read_bytes())
        except (OSError, ValueError, LookupError, struct.error):
            yield SystemFinding("no-font", name)
    rare = list((of.fonts / "rare").iterdir()) if (of.fonts / "rare").is_dir() else []
    for key in RARE:
        blocks = [block for block in rare if block.name.startswith(f"{key}-")]
        if not blocks or not all(block.read_bytes().startswith(XZ) for block in blocks):
            yield SystemFinding("no-font", f"rare/{key}")


# --- settings that production must not be without -----------------------------------------------------------------


def production(of: Installation) -> Iterator[SystemFinding]:
    """What is unsafe outside a demonstration."""
    settings = of.settings
    if not settings.production:
        return
    if not settings.https:
        yield SystemFinding("no-https", "ANGUAN_HTTPS")
    yield from _names(settings)
    if settings.https and not settings.trusted_proxies:
        yield SystemFinding("uncounted-proxy", "ANGUAN_TRUSTED_PROXIES")
    if not settings.seal_url:
        yield SystemFinding("demonstration-seal", "ANGUAN_SEAL_URL")
    if not settings.sms_url:
        yield SystemFinding("messages-to-a-file", "ANGUAN_SMS_URL")
    if not (settings.alert_url or settings.alert_mobiles):
        yield SystemFinding("no-operator", "ANGUAN_ALERT_URL")
    addresses = {
        "ANGUAN_SEAL_URL": settings.seal_url, "ANGUAN_SMS_URL": settings.sms_url, "ANGUAN_LICENCE_URL": settings.licence_url,
        "ANGUAN_ALERT_URL": settings.alert_url,
    }  # fmt: skip
    for name, address in addresses.items():
        if address and not address.startswith("https://"):
            yield SystemFinding("open-token", name)


def _names(settings: Settings) -> Iterator[SystemFinding]:
    """By which names the site is called, and what QR codes point at."""
    address = settings.office.public_url
    known_as = urlsplit(address).hostname or ""
    if not settings.hosts:
        yield SystemFinding("any-host", "ANGUAN_HOSTS")
    elif odd := [host for host in settings.hosts if not re.fullmatch(r"\.?[\w-]+(\.[\w-]+)*(:\d+)?", host)]:
        yield SystemFinding("odd-host", "ANGUAN_HOSTS", {"names": ", ".join(odd)})
    elif not host_is_trusted(known_as, settings.hosts):
        yield SystemFinding("unanswered-address", "ANGUAN_HOSTS", {"name": known_as})
    if not address.startswith("https://"):
        yield SystemFinding("open-address", "ANGUAN_PUBLIC_URL", {"address": address})
