"""Registers the views of applications and certificates. Permissions and rules are checked in the domain, not here."""

from typing import Any

from flask_babel import lazy_gettext as _

from app.web.applications import books
from app.web.applications.archive.archive import ArchiveView
from app.web.applications.archive.published import PublicNoticeScreen
from app.web.applications.filing.certificate_form import ClaimView
from app.web.applications.filing.correction_form import CorrectionView
from app.web.applications.filing.lists import (
    CancellationScreen,
    NewApplicationScreen,
    RenewalScreen,
    ReplacementScreen,
    TransferScreen,
)
from app.web.applications.filing.new_form import FilingView
from app.web.applications.filing.transfer_release import ReleaseScreen
from app.web.applications.review.batches import BatchScreen
from app.web.applications.review.case_page import CaseView
from app.web.applications.review.deadlines import DueBoardView, DueScreen
from app.web.applications.review.queues import AcceptanceScreen, ApprovalScreen, ClosedScreen, ReviewScreen
from app.web.certificates.bulk_download import BundleView
from app.web.certificates.bulk_status import MeasuresView
from app.web.certificates.files import CertificateFileView
from app.web.certificates.history import CertificateHistoryView
from app.web.certificates.listing import CertificateScreen
from app.web.certificates.measures import MeasurePaperView, MeasureScreen
from app.web.certificates.render_progress import PapersView
from app.web.certificates.status import StandingView

# Screen, menu name (ASCII; also its permission), label, icon; in the order of the menu.
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
    (BatchScreen, "Batches", _("Batches of decisions"), "list-check"),
    (DueScreen, "Due", _("Due cases"), "clock"),
    (DueBoardView, "DueBoard", _("Deadlines at a glance"), "chart-bar"),
    (ClosedScreen, "Closed", _("Closed applications"), "search"),
    (PublicNoticeScreen, "PublicNotices", _("Published results"), "speakerphone"),
    (CertificateScreen, "Certificates", _("Safety personnel certificates"), "certificate"),
    (MeasureScreen, "Measures", _("Measures against certificates"), "shield-check"),
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
    StandingView,
    MeasuresView,
    MeasurePaperView,
)


def register(appbuilder: Any) -> None:
    """Add the screens to the menu, and the pages they link to."""
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
    books.register(appbuilder)
