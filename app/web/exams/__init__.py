"""Views of exams (R44–R62): notices, sign-ups, their review and the scores. Every change is an operation of ``app.exams``."""

from typing import Any

from flask_babel import lazy_gettext as _

from app.web.exams.notice_changes import NoticeChangeView, NoticeFileView
from app.web.exams.notices import NoticeScreen
from app.web.exams.review import SignupReviewScreen
from app.web.exams.score_corrections import ScoreCorrectionScreen
from app.web.exams.scores import ScoreView
from app.web.exams.signups import SignupScreen

__all__ = ["NoticeScreen", "ScoreView", "SignupReviewScreen", "SignupScreen", "register"]


def register(appbuilder: Any) -> None:
    """Add the screens to the menu, in the order of the exam process."""
    exams = {"category": "Exams", "category_label": _("Training and exams"), "category_icon": "school"}
    appbuilder.add_view(NoticeScreen, "Notices", label=_("Training and exam notices"), icon="speakerphone", **exams)
    appbuilder.add_view(SignupScreen, "Signup", label=_("My sign-ups"), icon="list-check", **exams)
    appbuilder.add_view(SignupReviewScreen, "SignupReview", label=_("Review of sign-ups"), icon="list-check", **exams)
    appbuilder.add_view(
        ScoreCorrectionScreen, "ScoreCorrections", label=_("Corrections of scores"), icon="file-text", **exams
    )
    for view in (ScoreView, NoticeChangeView, NoticeFileView):
        appbuilder.add_view_no_menu(view)
