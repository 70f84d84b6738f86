"""Texts of the exam pages: state of the sign-up window, categories, scores."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from flask_babel import gettext

from app.core.clock import office_day, office_time
from app.core.vocabulary import Category, NoticeState
from app.models import ExamNotice


def window_state(notice: ExamNotice, at: datetime) -> tuple[str, str, str]:
    """State of the sign-up window at this moment: tone, label, and how long it stays so."""
    if notice.state is not NoticeState.PUBLISHED:
        return "bad", str(notice.state), ""
    on = office_day(at)
    if at < notice.signup_start:
        days = (office_day(notice.signup_start) - on).days
        left = (
            gettext("begins in %(n)s days", n=days)
            if days
            else gettext("begins today at %(time)s", time=_time(notice.signup_start))
        )
        return "run", gettext("Sign-up not yet open"), left
    if at <= notice.signup_end:
        days = (office_day(notice.signup_end) - on).days
        left = (
            gettext("%(n)s days left", n=days) if days else gettext("ends today at %(time)s", time=_time(notice.signup_end))
        )
        return ("ok" if days > 2 else "todo"), gettext("Sign-up open"), left
    return "off", gettext("Sign-up closed"), ""


def _time(moment: datetime) -> str:
    return f"{office_time(moment):%H:%M}"


def codes(categories: Sequence[Category]) -> str:
    return "、".join(category.value for category in categories)


def score_text(score: Decimal) -> str:
    """``87.50`` as ``87.5``."""
    return f"{score.normalize():f}"
