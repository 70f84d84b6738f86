"""Registers all views and the menu, in the order that users see."""

from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _

from app.accounts.business_licence.simulator import SimulatedPlatform
from app.applications import dashboard_counts
from app.db.counting import MOST_IN_MENU, shown_count
from app.db.session import db
from app.web import applications, enterprise, exams, request_context
from app.web.admin import legacy_import
from app.web.admin.accounts import AccountScreen
from app.web.admin.audit_log import AuditLogScreen
from app.web.admin.calendar import CalendarView
from app.web.admin.enterprises import EnterpriseAdminScreen
from app.web.admin.history import CertificateEventScreen, CertificateVersionScreen, StepScreen
from app.web.admin.jobs import JobScreen
from app.web.admin.messages import MessageScreen
from app.web.admin.permissions import PermissionView
from app.web.admin.privileged_changes import PrivilegedChangeScreen
from app.web.admin.regions import RegionScreen
from app.web.admin.required_papers import PaperRuleScreen
from app.web.admin.roles import AppointmentScreen, AwaitingScreen
from app.web.admin.settings import ParameterView
from app.web.admin.sms_texts import SmsTextView
from app.web.admin.status import StatusView
from app.web.admin.stock_reasons import StockReasonScreen
from app.web.applications.review.office_release import OfficeReleaseScreen
from app.web.applications.statistics import StatisticsView
from app.web.auth import second_factor_certificate
from app.web.auth.business_licence import LicenceView
from app.web.auth.certificate import CertificateView
from app.web.auth.forgotten import ForgottenView
from app.web.auth.identities import IdentityScreen, OwnCertificateView
from app.web.auth.second_factor import offer
from app.web.auth.second_factor_certificate import CertificateSecondView
from app.web.auth.sms import SECOND, SmsSecondView, SmsView
from app.web.base import imports, sheet_results
from app.web.base.list_views import ListViewsView
from app.web.dashboard import WorkView
from app.web.demo.licence_phone import PhoneView
from app.web.demo.office_clock import DemoClockView
from app.web.demo.sms_phone import OwnCodeView, SimulatorView
from app.web.enterprise.employment_releases import EmploymentReleaseScreen
from app.web.notifications import NotificationScreen, unread_count
from app.web.public import list_check, registration
from app.web.public.help import register as register_help
from app.web.public.lookup import register_public
from app.web.public.manual import ManualView
from app.web.public.offline_verification import register_verification
from app.web.search import SearchView


def register_views(appbuilder: Any) -> None:
    """The order of the calls is the order of the menu."""
    add = appbuilder.add_view
    register_public(appbuilder)
    registration.register(appbuilder)
    register_verification(appbuilder)
    list_check.register(appbuilder)
    sheet_results.register(appbuilder)
    appbuilder.add_view_no_menu(ListViewsView)
    for view in (CertificateView, CertificateSecondView, OwnCertificateView):
        appbuilder.add_view_no_menu(view)
    offer(second_factor_certificate.SECOND)
    register_text_messages(appbuilder)
    register_business_licence(appbuilder)
    add(WorkView, "Work", label=_("Workbench"), icon="home")
    for package in (exams, applications, legacy_import, enterprise):
        package.register(appbuilder)
    imports.register(appbuilder)
    add(StatisticsView, "Statistics", label=_("Statistics"), icon="chart-bar")
    system = {"category": "System", "category_label": _("System"), "category_icon": "settings"}
    add(AccountScreen, "Accounts", label=_("Accounts"), icon="users", **system)
    add(AwaitingScreen, "Awaiting", label=_("Awaiting a role"), icon="flag", **system)
    add(AppointmentScreen, "Appointments", label=_("Roles and reach"), icon="key", **system)
    add(PermissionView, "Permissions", label=_("Roles and permissions"), icon="list-check", **system)
    add(PrivilegedChangeScreen, "PrivilegedChanges", label=_("Changes of privileged accounts"), icon="lock", **system)
    add(IdentityScreen, "Identities", label=_("Certificates of accounts"), icon="key", **system)
    add(EnterpriseAdminScreen, "Enterprises", label=_("Enterprises"), icon="building", **system)
    add(EmploymentReleaseScreen, "EmploymentReleases", label=_("People freed by the authority"), icon="users", **system)
    add(OfficeReleaseScreen, "OfficeReleases", label=_("Transfers awaiting release"), icon="arrows-exchange", **system)
    add(ParameterView, "Parameters", label=_("Parameters"), icon="settings", **system)
    add(CalendarView, "Calendar", label=_("Holidays"), icon="calendar", **system)
    add(RegionScreen, "Regions", label=_("Regions"), icon="building", **system)
    add(PaperRuleScreen, "RequiredPapers", label=_("Required papers"), icon="list-check", **system)
    add(StockReasonScreen, "StockReasons", label=_("Stock reasons"), icon="edit", **system)
    add(legacy_import.LegacyView, "LegacyImports", label=_("Import from the old system"), icon="upload", **system)
    add(legacy_import.DiscrepancyScreen, "Discrepancies", label=_("Reconciliation"), icon="list-check", **system)
    add(MessageScreen, "Messages", label=_("Text messages"), icon="device-mobile", **system)
    add(SmsTextView, "SmsTexts", label=_("Texts of text messages"), icon="edit", **system)
    for view in (SimulatorView, DemoClockView):
        appbuilder.add_view_no_menu(view)
    add(StatusView, "Status", label=_("System status"), icon="list-check", **system)
    add(JobScreen, "Jobs", label=_("Background jobs"), icon="clock", **system)
    add(AuditLogScreen, "Diary", label=_("Audit log"), icon="history", **system)
    add(StepScreen, "Steps", label=_("Steps of applications"), icon="list-check", **system)
    add(CertificateVersionScreen, "CertificateVersions", label=_("Versions of certificates"), icon="certificate", **system)
    add(CertificateEventScreen, "CertificateEvents", label=_("Events of certificates"), icon="history", **system)
    register_help(appbuilder)
    for view in (ManualView, SearchView, NotificationScreen):
        appbuilder.add_view_no_menu(view)
    current_app.jinja_env.globals.update(menu_counts=menu_counts, unread_count=unread_count)


def register_text_messages(appbuilder: Any) -> None:
    """Sign-in and password reset by text message, where these are sent; where simulated, also the page that shows them."""
    if request_context.settings().sends_codes:
        for view in (SmsView, SmsSecondView, ForgottenView):
            appbuilder.add_view_no_menu(view)
        offer(SECOND)
    if request_context.settings().shows_codes:
        appbuilder.add_view_no_menu(OwnCodeView)


def register_business_licence(appbuilder: Any) -> None:
    """Sign-in by business licence, where a platform is configured; its simulated telephone, where that is simulated."""
    licences = request_context.licences()
    if licences is None:
        return
    appbuilder.add_view_no_menu(LicenceView)
    # The platform has no cookie and so no CSRF token; it is authenticated by its signature.
    current_app.extensions["csrf"].exempt(f"{LicenceView.callback.__module__}.{LicenceView.callback.__name__}")
    if isinstance(licences, SimulatedPlatform):
        appbuilder.add_view_no_menu(PhoneView)


def menu_counts() -> dict[str, str]:
    """To-do counts beside menu entries, without those of nothing."""
    found = dashboard_counts.menu_counts(db.session, **request_context.acting())
    return {name: shown_count(number, MOST_IN_MENU) for name, number in found.items() if number}
