"""Forms drawn as PDF when they are opened: always in Chinese, one drawing at a time where the machine is busy."""

import io
from collections.abc import Callable, Iterable
from typing import Any

from flask import request, send_file
from flask_babel import force_locale
from werkzeug.wrappers import Response

from app.certificates.pdf import letters as paper
from app.core.heavy_work import DRAWING
from app.core.office import Office
from app.web.base.links import text_of


def in_chinese(title: object) -> str:
    with force_locale("zh"):
        return str(title)


def drawn(make: Callable[..., paper.Form], *about: Any) -> bytes:
    """The PDF of the form that ``make`` fills in. Raises ``Unprintable``."""
    with DRAWING.taken(), force_locale("zh"):
        return paper.draw(make(*about))


def head(title: object, number: str, office: Office) -> dict[str, Any]:
    return {"issuer": office.issuer, "title": str(title), "number": number, "seal_text": office.letter_seal_text}


def as_text(pairs: Iterable[tuple[Any, ...]]) -> tuple[tuple[str, str], ...]:
    return tuple((str(label), text_of(value)) for label, value in pairs)


def as_file(data: bytes, name: str) -> Response:
    """Shown in the browser; stored instead if the address says ``?download``."""
    return send_file(
        io.BytesIO(data), mimetype="application/pdf", as_attachment="download" in request.args, download_name=name
    )
