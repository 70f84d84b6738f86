"""Casework: where enterprises file and officers decide.

Law: these are doors. They show, ask and commit; who may do what is the domain's to say.
"""

from typing import Any

from flask_babel import lazy_gettext as _

from app.casework.archive import ArchiveView, CertificateFileView, CertificateScreen
from app.casework.claimform import ClaimView
from app.casework.claims import (
    CancellationScreen,
    ReleaseScreen,
    RenewalScreen,
    ReplacementScreen,
    TransferScreen,
)
from app.casework.correction import CorrectionView
from app.casework.due import DueBoardView, DueScreen
from app.casework.filing import FilingView, NewApplicationScreen
from app.casework.packing import BundleView
from app.casework.papers import PapersView
from app.casework.queues import AcceptanceScreen, ApprovalScreen, ClosedScreen, ReviewScreen
from app.casework.review import CaseView
from app.casework.standing import CertificateHistoryView

# Screen, its ASCII name in the menu (which is its permission), its label, its icon; in the menu's order.
ENTRIES = (
    (NewApplicationScreen, "NewApplication", _("New applications of safety personnel"), "file-plus"),
    (RenewalScreen, "Renewals", _("Renewal of safety personnel certificates"), "refresh"),
    (TransferScreen, "Transfers", _("Transfer of safety personnel"), "arrows-exchange"),
    (ReplacementScreen, "Replacements", _("Replacement of safety personnel certificates"), "certificate"),
    (CancellationScreen, "Cancellations", _("Cancellation of safety personnel certificates"), "file-x"),
    (ReleaseScreen, "Releases", _("Transfers out to be agreed"), "logout"),
    (AcceptanceScreen, "Acceptance", _("Acceptance of applications"), "list-check"),
    (ReviewScreen, "Review", _("First review of applications"), "file-text"),
    (ApprovalScreen, "Approval", _("Issuing approval"), "license"),
    (DueScreen, "Due", _("Due cases"), "clock"),
    (DueBoardView, "DueBoard", _("Deadlines at a glance"), "chart-bar"),
    (ClosedScreen, "Closed", _("Closed applications"), "search"),
    (CertificateScreen, "Certificates", _("Safety personnel certificates"), "certificate"),
    (PapersView, "PapersDrawn", _("Drawing of e-certificates"), "file-text"),
)
PAGES = (
    FilingView,
    ClaimView,
    CorrectionView,
    CaseView,
    ArchiveView,
    CertificateFileView,
    CertificateHistoryView,
    BundleView,
)


def register(appbuilder: Any) -> None:
    """Hang the screens on the menu and open the pages behind them."""
    for page in PAGES:
        appbuilder.add_view_no_menu(page)
    for screen, name, label, icon in ENTRIES:
        appbuilder.add_view(
            screen,
            name,
            label=label,
            icon=icon,
            category="Casework",
            category_label=_("Safety personnel"),
            category_icon="certificate",
        )
