"""历史数据导入: import of the old system's records, for the administrator, and lists of them, for officers."""

from typing import Any

from flask_babel import lazy_gettext as _

from app.web.admin.legacy_import.imports import LegacyView
from app.web.admin.legacy_import.lists import ExamPassScreen, LegacyCertificateScreen, LegacyPassScreen
from app.web.admin.legacy_import.reconciliation import DiscrepancyScreen

__all__ = ["DiscrepancyScreen", "LegacyView", "register"]


def register(appbuilder: Any) -> None:
    place = {"category": "Casework", "category_label": _("Safety personnel"), "category_icon": "certificate"}
    add = appbuilder.add_view
    add(ExamPassScreen, "ExamPasses", label=_("Passed exams"), icon="school", **place)
    add(LegacyPassScreen, "LegacyPasses", label=_("Passed in the old system"), icon="school", **place)
    add(LegacyCertificateScreen, "LegacyCertificates", label=_("Qualified in the old system"), icon="history", **place)
