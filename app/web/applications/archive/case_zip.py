"""The archive of one case as a zip: documents, certificate, submitted papers and a list of files with their SHA-256.

Holds only what the reader may also open singly; what cannot be read is named in the list with the reason.
"""

import hashlib
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import IO

from flask_babel import force_locale, gettext

from app.applications.attachments import bytes_of
from app.core.clock import office_time
from app.core.errors import AppError
from app.core.heavy_work import DRAWING
from app.eligibility.facts import Facts
from app.models import Application, CertificateVersion
from app.web import request_context
from app.web.applications.archive.letters import documents_of
from app.web.applications.review.presentation import papers_of
from app.web.base.file_response import EXTENSIONS
from app.web.certificates.render_progress import pdf_file

IN_MEMORY = 16 * 1024 * 1024  # bytes; a larger zip is built on disk
_UNSAFE = re.compile(r'[\x00-\x1f<>:"/\\|?*]+')  # not allowed in file names on Windows, macOS or Linux

ArchiveEntry = tuple[str, Callable[[], bytes]]


def safe_file_name(name: str) -> str:
    """The name with characters replaced that some systems do not allow."""
    return _UNSAFE.sub("_", name).strip(" .") or "_"


@DRAWING.taken()
def pack(case: Application, facts: Facts, version: CertificateVersion | None) -> IO[bytes]:
    """The zip as an open file at position 0; stored without compression, as scans and PDFs are compressed already."""
    packed = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - handed out, closed by whoever reads it
    lines, at = [], office_time(request_context.office_now())
    with zipfile.ZipFile(packed, "w") as archive, force_locale("zh"):
        for name, read in _entries(case, facts, version):
            try:
                data = read()
            except AppError as error:
                lines.append(f"{name}\t{error}")
                continue
            archive.writestr(_stamped(name, at), data)
            lines.append(f"{name}\t{len(data)}\t{hashlib.sha256(data).hexdigest()}")
        head = gettext(
            "Archive of %(number)s, packed at %(at)s. Name, bytes, SHA-256:", number=case.number, at=f"{at:%Y-%m-%d %H:%M}"
        )
        archive.writestr(_stamped(gettext("List of files") + ".txt", at), "\r\n".join(["\ufeff" + head, *lines, ""]))
    packed.seek(0)
    return packed


def _entries(case: Application, facts: Facts, version: CertificateVersion | None) -> Iterator[ArchiveEntry]:
    documents: list[ArchiveEntry] = [*documents_of(case, facts).values()]
    if version is not None:
        name = gettext("E-certificate")
        documents.append((f"{name}-{version.face['number']}.pdf", lambda: pdf_file(version).getvalue()))
    for n, (name, read) in enumerate(documents, 1):
        yield safe_file_name(f"{n:02}-{name}"), read
    folder = gettext("Papers")
    for n, (kind, paper) in enumerate(papers_of(facts), 1):
        if paper is not None:
            name = safe_file_name(f"{n:02}-{kind.label}{EXTENSIONS[paper.mime]}")
            yield f"{folder}/{name}", partial(bytes_of, paper, request_context.store())


def _stamped(name: str, at: datetime) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, at.timetuple()[:6])
