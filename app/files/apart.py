"""Decodes HEIC and TIFF, draws OFD, unpacks ZIP in a process of its own: nothing takes more time or memory than allowed."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from flask_babel import lazy_gettext as _

from app.core.heavy_work import PICTURES
from app.core.limited_process import LimitedProcess, Overran
from app.files.archives import ArchiveLimits, Entry, Portion
from app.files.images import FileFault, ImageLimits
from app.files.ofd import Drawing

SECONDS = 20  # for an answer; the time of the processor is limited in ``apart_process``
PROCESS = LimitedProcess("app.files.apart_process", seconds=SECONDS)
READER = LimitedProcess("app.files.release_texts", seconds=SECONDS)
PLACES: dict[str, Callable[[str], object]] = {
    "page": lambda name: _("page %(name)s", name=name),
    "line": lambda name: _("line %(name)s", name=name),
    "data": lambda name: _("data of the file (%(name)s)", name=name),
    "part": lambda name: name,
}


def redrawn(
    data: bytes, kind: str, photo: bool, limits: ImageLimits, process: LimitedProcess = PROCESS
) -> tuple[bytes, int | None, int | None, int]:
    """As ``frames.redrawn``. Raises ``FileFault``."""
    told, drawn = _asked(process, data, task="redraw", kind=kind, photo=photo, limits=asdict(limits))
    return drawn, told["width"], told["height"], told["pages"]


def drawing(ofd: bytes, limits: ImageLimits, process: LimitedProcess = PROCESS) -> Drawing:
    """An OFD as PDF. Raises ``FileFault``."""
    told, pdf = _asked(process, ofd, task="ofd", limits=asdict(limits))
    return Drawing(pdf, told["pages"], [(kind, name) for kind, name in told["remarks"]])


def unzipped(data: bytes, first: int, limits: ArchiveLimits, process: LimitedProcess = PROCESS) -> Portion:
    """As ``archives.unpacked``. Raises ``FileFault``."""
    told, together = _asked(process, data, task="unzip", first=first, limits=asdict(limits))
    files, at = [], 0
    for name, size, fault, figures in told["files"]:
        files.append(Entry(name, together[at : at + size], fault, figures))
        at += size
    return Portion(files, told["next"], told["total"])


def texts(data: bytes, process: LimitedProcess = READER) -> list[tuple[object, str]]:
    """All texts of a file, each with its place. Raises ``FileFault`` for a file that cannot be looked into."""
    try:
        with PICTURES.taken():
            told: list[tuple[str, str, str]] | None = json.loads(process.ask(data))
    except Overran:
        raise FileFault("file-too-heavy") from None
    if told is None:
        raise FileFault("file-unread")
    return [(PLACES[kind](name), text) for kind, name, text in told]


def _asked(process: LimitedProcess, data: bytes, **what: object) -> tuple[dict[str, Any], bytes]:
    try:
        with PICTURES.taken():
            head, _line, result = process.ask(json.dumps(what).encode() + b"\n" + data).partition(b"\n")
    except Overran:
        raise FileFault("file-too-heavy") from None
    told: dict[str, Any] = json.loads(head)
    if "fault" in told:
        raise FileFault(told["fault"], **told["figures"])
    return told, result
