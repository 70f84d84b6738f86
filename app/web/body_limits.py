"""How large a request body may be, by route and by reader, checked before it is parsed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask import current_app, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from app.web import request_context

if TYPE_CHECKING:
    pass

KIB, MIB = 1024, 1024 * 1024
FORM, TYPED = "application/x-www-form-urlencoded", frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
# How much may be sent to whom. What is no form (JSON of a poll, of a gateway) is small, whoever sends it.
SMALL = 64 * KIB
FORM_OF_A_READER = 4 * MIB  # ten thousand ticked rows are 300 KB
SHEET, SCANS = 12 * MIB, 64 * MIB
FILES: Mapping[str, int] = {
    "ListCheckView.check": 3 * MIB,
    "SealView.check": 5 * MIB,
    "EnrolmentView.enrol": SHEET,
    **dict.fromkeys(("RosterView.roster", "CalendarView.sheet", "MeasuresView.mass", "ScoreView.scores"), SHEET),
    "LegacyView.hand_in": 22 * MIB,
    **dict.fromkeys(("PersonScreen.add", "PersonScreen.edit", "QualificationScreen.add", "QualificationScreen.edit"), SCANS),
    **dict.fromkeys(("EnterpriseView.mine", "ClaimView.add", "ClaimView.edit", "CorrectionView.edit"), SCANS),
}
LONG_FORMS: Mapping[str, int] = dict.fromkeys(("ListCheckView.check", "ListCheckView.answer"), MIB)  # for passers-by, too
MOST_FIELDS = 100_000  # of a form without files: the largest batch and its reasons, several times over
MOST_PARTS = 5_000  # of a form with files


def check_body_size() -> None:
    """Refuse what is too large unread; what does not say how large it is, is cut off while it is read."""
    most = min(_most(), current_app.config["MAX_CONTENT_LENGTH"])
    request.max_content_length, request.max_form_parts = most, MOST_PARTS
    told = request.content_length
    if (told or 0) > most:
        raise RequestEntityTooLarge
    if request.mimetype == FORM:
        _measure_form(request.get_data(), told, most)


def _measure_form(data: bytes, told: int | None, most: int) -> None:
    """Werkzeug counts the parts of a form with files only, and takes a form that breaks off for a whole one."""
    if told is not None and len(data) < told:
        raise ClientDisconnected
    # A million fields of two bytes would take a gigabyte.
    if (told is None and len(data) >= most) or data.count(b"&") >= MOST_FIELDS:
        raise RequestEntityTooLarge


def _most() -> int:
    if request.mimetype not in TYPED:
        return SMALL
    larger = LONG_FORMS if request.mimetype == FORM else FILES
    return larger.get(request.endpoint or "", SMALL if request_context.current_actor().id is None else FORM_OF_A_READER)
