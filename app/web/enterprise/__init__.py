"""基本信息: an enterprise's own data, qualifications, people and scans. Clerks edit their own; officers read their region."""

from typing import Any

from flask_babel import lazy_gettext as _

from app.web.enterprise.bulk_scans import BulkScanView
from app.web.enterprise.enterprise import EnterpriseView
from app.web.enterprise.identity_requests import CorrectionRequestScreen
from app.web.enterprise.identity_review import CorrectionReviewScreen
from app.web.enterprise.people import PersonScreen
from app.web.enterprise.people_import import RosterView
from app.web.enterprise.phone_scans import PhoneCodeView, PhoneScanView
from app.web.enterprise.qualifications import QualificationScreen
from app.web.enterprise.scans import PaperView

__all__ = [
    "BulkScanView",
    "CorrectionRequestScreen",
    "CorrectionReviewScreen",
    "EnterpriseView",
    "PaperView",
    "PersonScreen",
    "PhoneCodeView",
    "PhoneScanView",
    "QualificationScreen",
    "RosterView",
    "register",
]


def register(appbuilder: Any) -> None:
    """Add the views of 基本信息 to the menu, in the manual's order."""
    basics = {"category": "Basics", "category_label": _("Basic information"), "category_icon": "building"}
    add = appbuilder.add_view
    add(EnterpriseView, "Own enterprise", label=_("Enterprise basic information"), icon="building", **basics)
    add(QualificationScreen, "Qualifications", label=_("Qualifications"), icon="shield-check", **basics)
    add(PersonScreen, "People", label=_("People"), icon="users", **basics)
    add(CorrectionRequestScreen, "IdentityRequests", label=_("Corrections of name or ID number"), icon="edit", **basics)
    add(
        CorrectionReviewScreen,
        "IdentityReviews",
        label=_("Review of corrected identities"),
        icon="shield-check",
        category="Casework",
    )
    for view in (BulkScanView, PhoneCodeView, PhoneScanView, RosterView):
        appbuilder.add_view_no_menu(view)
    appbuilder.add_view_no_menu(PaperView)
