"""How large a request body may be, by route and by reader, checked before it is parsed."""

from collections.abc import Mapping

from flask import current_app, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from app.web import request_context
from app.web.auth.interrupted import lapsed_account

KIB, MIB = 1024, 1024 * 1024
FORM, TYPED = "application/x-www-form-urlencoded", frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
# Anything that is not a form (JSON of a poll or of a provider) must be small.
SMALL = 64 * KIB
SIGNED_IN_FORM = 4 * MIB  # ten thousand ticked rows are 300 KB
SHEET, LARGE, SCANS = 12 * MIB, 22 * MIB, 64 * MIB
# Their views call ``request_context.begin_writing`` themselves, when the files are checked.
FILES: Mapping[str, int] = {
    "ListCheckView.check": 3 * MIB,
    "SealView.check": 5 * MIB,
    "EnrolmentView.enrol": SHEET,
    **dict.fromkeys(("CalendarView.sheet", "MeasuresView.mass"), SHEET),
    **dict.fromkeys(("NoticeChangeView.attach", "EmploymentReleaseScreen.add"), SHEET),
    **dict.fromkeys(("LegacyView.hand_in", "RosterView.roster", "ScoreView.scores"), LARGE),
    **dict.fromkeys(("PersonScreen.add", "PersonScreen.edit", "QualificationScreen.add", "QualificationScreen.edit"), SCANS),
    **dict.fromkeys(("EnterpriseView.mine", "ClaimView.add", "ClaimView.edit", "CorrectionView.edit"), SCANS),
    "BulkScanView.receive": SCANS,
    "PhoneScanView.page": SHEET,
    **dict.fromkeys(("BulkScanView.known", "BulkScanView.unpack", "BulkScanView.settle", "BulkScanView.confirm"), MIB),
    **dict.fromkeys(("CorrectionRequestScreen.ask", "StandingView.propose"), SHEET),
}
LONG_FORMS: Mapping[str, int] = dict.fromkeys(("ListCheckView.check", "ListCheckView.answer"), MIB)  # anonymous visitors, too
MOST_FIELDS = 100_000  # of a form without files: the largest batch and its reasons, several times over
MOST_PARTS = 5_000  # of a form with files


def check_body_size() -> None:
    """Refuses a body that is too large before reading it; one without Content-Length is cut off while being read."""
    most = min(_most(), current_app.config["MAX_CONTENT_LENGTH"])
    request.max_content_length, request.max_form_parts = most, MOST_PARTS
    announced = request.content_length
    if (announced or 0) > most:
        raise RequestEntityTooLarge
    if request.mimetype == FORM:
        _check_form_size(request.get_data(), announced, most)


def most_at_once() -> int:
    """How many bytes of files one form of this page may send; its body has names and texts besides."""
    return max(FILES.get(request.endpoint or "", 0) - SIGNED_IN_FORM, 0)


def receive_body() -> None:
    """Wait for the whole body; files go to temporary files."""
    if request.mimetype in TYPED:
        request.form  # noqa: B018 - parsed on first use
    else:
        request.get_data()


def _check_form_size(data: bytes, announced: int | None, most: int) -> None:
    """Werkzeug counts only the parts of multipart forms, and takes a truncated body for a complete one."""
    if announced is not None and len(data) < announced:
        raise ClientDisconnected
    # A million fields of two bytes would take a gigabyte.
    if (announced is None and len(data) >= most) or data.count(b"&") >= MOST_FIELDS:
        raise RequestEntityTooLarge


def _most() -> int:
    if request.mimetype not in TYPED:
        return SMALL
    larger = LONG_FORMS if request.mimetype == FORM else FILES
    nobody = request_context.current_actor().id is None and lapsed_account() is None
    return larger.get(request.endpoint or "", SMALL if nobody else SIGNED_IN_FORM)
