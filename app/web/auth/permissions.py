"""Permissions of the roles (``PERMISSIONS``), and the endpoints that need no account (``ANONYMOUS``).

``sync_roles`` makes the database equal to ``PERMISSIONS``; what was removed here is revoked. Permissions only open pages:
rows are limited by ``accounts.access``, actions by ``workflow``.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Table, delete, insert, select
from sqlalchemy.orm import Session

from app.core.errors import AppError
from app.core.vocabulary import ADMINISTRATORS, Role

PUBLIC = "public"  # FAB requires a role for anonymous visitors; it holds nothing
MENU = "menu_access"

Pair = tuple[str, str]  # (permission, view or menu)
Declaration = Mapping[str, Mapping[str, Collection[Role]]]

EVERYBODY = tuple(Role)
ADMIN, SECURITY, AUDIT = (Role.ADMIN,), (Role.SECURITY_ADMIN,), (Role.AUDITOR,)
CLERK = (Role.ENTERPRISE_CLERK,)
OFFICERS = (Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER)
PARTIES = (*CLERK, *OFFICERS, Role.VIEWER)
IMPORTERS = (*CLERK, Role.EXAM_CLERK, *ADMIN)
READERS = (*CLERK, Role.EXAM_CLERK, *OFFICERS)


def to(holders: tuple[Role, ...], *permissions: str) -> dict[str, tuple[Role, ...]]:
    """These permissions of one view for these roles; ``to(A, …) | to(B, …)`` for different roles."""
    return dict.fromkeys(permissions, holders)


# A view by its class_permission_name, or a menu heading or entry by its name -> permission -> who holds it.
# A heading must be granted as well as its entries; ``held_by_nobody`` finds what was forgotten.
PERMISSIONS: Declaration = {
    "Work": to(EVERYBODY, MENU, "can_home"),
    "Search": to(EVERYBODY, "can_find"),
    "Notification": to(EVERYBODY, "can_list", "can_open", "can_mark"),  # one's own
    "ListViews": to(EVERYBODY, "can_keep", "can_remove"),
    "Statistics": to((*OFFICERS, Role.EXAM_CLERK, Role.VIEWER), MENU, "can_show", "can_anew", "can_export"),
    "System": to(ADMINISTRATORS, MENU),
    "Accounts": to(ADMIN, MENU),
    "Account": to(ADMIN, "can_list", "can_show", "can_add", "can_edit", "can_reset"),
    "Awaiting": to(SECURITY, MENU),
    "Appointments": to(SECURITY, MENU),
    "Appointment": to(SECURITY, "can_list", "can_show", "can_edit", "can_reset", "can_unlock", "can_end"),
    "PrivilegedChanges": to((*ADMIN, *SECURITY), MENU),  # one asks, the other confirms
    "PrivilegedChange": to((*ADMIN, *SECURITY), "can_list", "can_examine", "can_ask", "can_decide"),
    "Permissions": to((*SECURITY, *AUDIT), MENU),
    "Permission": to((*SECURITY, *AUDIT), "can_show"),
    "Identities": to(SECURITY, MENU),
    "Identity": to(SECURITY, "can_list", "can_add", "can_delete"),
    "OwnCertificates": to(EVERYBODY, "can_mine") | to(CLERK, "can_start", "can_bind", "can_remove"),
    "Enterprises": to(ADMIN, MENU),
    "EnterpriseAdmin": to(ADMIN, "can_list", "can_show", "can_add", "can_edit", "can_licence", "can_decide", "can_export"),
    "Calendar": to(
        ADMIN, MENU, "can_show", "can_set", "can_remove", "can_sheet", "can_confirm", "can_export", "can_template"
    ),
    "Messages": to(ADMIN, MENU),
    "Message": to(ADMIN, "can_list", "can_again", "can_export"),
    "SmsTexts": to(ADMIN, MENU),
    "SmsText": to(ADMIN, "can_show", "can_edit"),
    "Simulator": to(ADMIN, "can_phones"),
    "DemoClock": to(EVERYBODY, "can_show", "can_move"),  # production does not have it
    "Status": to(ADMIN, MENU, "can_show"),
    "Jobs": to(ADMIN, MENU),
    "Job": to(ADMIN, "can_list", "can_again"),
    "Diary": to(AUDIT, MENU, "can_list", "can_show", "can_export", "can_verify"),
    **dict.fromkeys(("Steps", "CertificateVersions", "CertificateEvents"), to(AUDIT, MENU)),
    **dict.fromkeys(("Step", "CertificateVersion", "CertificateEvent"), to(AUDIT, "can_list", "can_show")),
    "Help": to(EVERYBODY, MENU),  # the page itself is public
    # training and exams
    "Exams": to((Role.EXAM_CLERK, Role.ENTERPRISE_CLERK), MENU),
    "Notices": to((Role.EXAM_CLERK, Role.ENTERPRISE_CLERK), MENU, "can_list", "can_show")
    | to((Role.EXAM_CLERK,), "can_add", "can_edit", "can_delete", "can_export")
    | to((Role.ENTERPRISE_CLERK,), "can_signup"),
    "NoticeChange": to((Role.EXAM_CLERK,), "can_recall", "can_republish", "can_cancel", "can_attach", "can_remove"),
    "NoticeFile": to((Role.EXAM_CLERK, Role.ENTERPRISE_CLERK), "can_open"),
    "Signup": to(CLERK, MENU, "can_list", "can_show", "can_submit", "can_retract", "can_category", "can_cancel"),
    "ScoreCorrections": to((Role.EXAM_CLERK,), MENU),
    "ScoreCorrection": to((Role.EXAM_CLERK,), "can_list", "can_ask", "can_decide", "can_retract"),
    "SignupReview": to((Role.EXAM_CLERK,), MENU, "can_list", "can_decide", "can_examine", "can_reveal", "can_export"),
    # applications, from filing to the archive
    "Casework": to((*PARTIES, *ADMIN), MENU),
    "NewApplication": to(CLERK, MENU, "can_list", "can_submit", "can_discard", "can_withdraw"),
    "Renewals": to(CLERK, MENU, "can_list", "can_submit", "can_discard", "can_withdraw"),
    "Transfers": to(CLERK, MENU, "can_list", "can_submit", "can_discard", "can_withdraw"),
    "Replacements": to(CLERK, MENU, "can_list", "can_submit", "can_discard", "can_withdraw"),
    "Cancellations": to(CLERK, MENU, "can_list", "can_submit", "can_discard", "can_withdraw"),
    "Releases": to(CLERK, MENU, "can_list", "can_decide"),
    "Claim": to(CLERK, "can_add", "can_edit"),
    "Filing": to(CLERK, "can_add", "can_edit"),
    "Correction": to(CLERK, "can_edit"),
    "Acceptance": to((Role.ACCEPTANCE_OFFICER,), MENU, "can_list", "can_batch"),
    "Review": to((Role.REVIEWER,), MENU, "can_list", "can_batch"),
    "Approval": to((Role.APPROVER,), MENU, "can_list", "can_batch"),
    "Batches": to((*OFFICERS, *ADMIN), MENU),
    "Batch": to((*OFFICERS, *ADMIN), "can_list", "can_show")
    | to(OFFICERS, "can_confirm", "can_discard", "can_retry", "can_sheet"),
    "Due": to(OFFICERS, MENU, "can_list", "can_export") | to((Role.APPROVER,), "can_extend"),
    "DueBoard": to((*OFFICERS, Role.VIEWER), MENU, "can_show"),
    "Closed": to((*OFFICERS, Role.VIEWER), MENU, "can_list", "can_export"),
    "Case": to(PARTIES, "can_show", "can_read")
    | to(OFFICERS, "can_decide")
    | to(OFFICERS, "can_reveal")
    | to((Role.ACCEPTANCE_OFFICER,), "can_verify"),
    "Archive": to(PARTIES, "can_show", "can_letter", "can_bundle"),
    "PublicNotices": to((*OFFICERS, Role.VIEWER), MENU),
    "PublicNotice": to((*OFFICERS, Role.VIEWER), "can_list", "can_show", "can_export"),
    # 台账
    "Books": to((*OFFICERS, Role.VIEWER), MENU),
    **dict.fromkeys(("DecisionBooks", "CertificateBooks"), to((*OFFICERS, Role.VIEWER), MENU)),
    **dict.fromkeys(("DecisionBook", "CertificateBook"), to((*OFFICERS, Role.VIEWER), "can_list", "can_export")),
    "MeasureBooks": to((Role.REVIEWER, Role.APPROVER, Role.VIEWER), MENU),
    "MeasureBook": to((Role.REVIEWER, Role.APPROVER, Role.VIEWER), "can_list", "can_export"),
    "Certificates": to(PARTIES, MENU),
    "PapersDrawn": to((Role.APPROVER,), MENU),
    "Papers": to((Role.APPROVER,), "can_watch", "can_again"),
    "Certificate": to(PARTIES, "can_list", "can_pack", "can_export"),
    "Bundle": to(PARTIES, "can_watch"),
    "CertificateFile": to(PARTIES, "can_open"),
    "CertificateHistory": to(PARTIES, "can_show"),
    # measures: proposed by one officer, confirmed by another, by the administrator never
    "Measures": to((Role.REVIEWER, Role.APPROVER), MENU),
    "Measure": to((Role.REVIEWER, Role.APPROVER), "can_list", "can_show")
    | to((Role.APPROVER,), "can_decide")
    | to((Role.REVIEWER,), "can_retract"),
    "MeasurePaper": to((*CLERK, *OFFICERS), "can_open"),
    "Standing": to((Role.REVIEWER, Role.APPROVER), "can_find") | to((Role.REVIEWER,), "can_propose"),
    "StandingSheet": to((Role.REVIEWER,), "can_mass"),
    "SheetResults": to((Role.REVIEWER, *ADMIN), "can_fetch"),  # of what one has imported oneself
    "Imports": to(IMPORTERS, MENU, "can_home", "can_course", "can_step", "can_report", "can_refused")
    | to(ADMIN, "can_passwords"),
    # the administrator on matters: releases only, never a decision
    "OfficeReleases": to(ADMIN, MENU),
    "OfficeRelease": to(ADMIN, "can_list", "can_release"),
    "EmploymentReleases": to(ADMIN, MENU),
    "EmploymentRelease": to(ADMIN, "can_list", "can_add", "can_open"),
    "Parameters": to((*ADMIN, *SECURITY), MENU),  # each its own sections
    "Parameter": to((*ADMIN, *SECURITY), "can_show", "can_edit", "can_restore"),
    "Regions": to(ADMIN, MENU),
    "Region": to(ADMIN, "can_list", "can_show", "can_add", "can_edit"),
    "RequiredPapers": to(ADMIN, MENU),
    "PaperRule": to(ADMIN, "can_list", "can_add", "can_edit", "can_delete"),
    "StockReasons": to(ADMIN, MENU),
    "StockReason": to(ADMIN, "can_list", "can_add", "can_edit", "can_delete"),
    # the old system's records
    "LegacyImports": to(ADMIN, MENU),
    "Legacy": to(ADMIN, "can_home", "can_template", "can_hand_in"),
    "Discrepancies": to(ADMIN, MENU),
    "Discrepancy": to(ADMIN, "can_list", "can_examine", "can_decide", "can_compare"),  # who owns the import
    "ExamPasses": to(PARTIES, MENU),
    "ExamPass": to(PARTIES, "can_list", "can_show") | to((*OFFICERS, Role.VIEWER), "can_export"),
    "LegacyPasses": to(PARTIES, MENU),
    "LegacyPass": to(PARTIES, "can_list"),
    "LegacyCertificates": to(PARTIES, MENU),
    "LegacyCertificate": to(PARTIES, "can_list"),
    # basic information
    "Basics": to(CLERK, MENU),
    "Own enterprise": to(CLERK, MENU),
    "Enterprise": to(CLERK, "can_mine") | to(READERS, "can_show"),
    "Qualifications": to(CLERK, MENU),
    "Qualification": to(CLERK, "can_list", "can_add", "can_edit", "can_delete"),
    "People": to(CLERK, MENU),
    "Person": to(CLERK, "can_list", "can_add", "can_edit", "can_release", "can_export")
    | to(READERS, "can_show", "can_reveal"),
    "IdentityRequests": to(CLERK, MENU),
    "IdentityRequest": to(CLERK, "can_list", "can_ask", "can_withdraw", "can_open"),
    "IdentityReviews": to((Role.ACCEPTANCE_OFFICER,), MENU),
    "IdentityReview": to((Role.ACCEPTANCE_OFFICER,), "can_list", "can_examine", "can_decide", "can_reveal", "can_open"),
    "Roster": to(CLERK, "can_roster"),
    "BulkScans": to(CLERK, "can_home"),
    "Paper": to(READERS, "can_open"),
    "Scores": to((Role.EXAM_CLERK,), "can_scores", "can_submit", "can_discard"),
}

# Endpoints open to anonymous visitors, and why. All others redirect to the sign-in page before the view runs.
ANONYMOUS: Mapping[str, str] = {
    "static": "styles, scripts and pictures of the pages themselves; nothing that was handed in",
    "appbuilder.static": "as static",
    "preference": "language and large type are wanted before signing in",
    "query": "leads from a query form to the address that looks; looks nothing up itself",
    "ops.healthz": "monitoring; discloses no data",
    "ops.readyz": "monitoring; says what is missing, not why",
    "monitoring.metrics": "monitoring; for this machine, or by a token",
    # sign-in
    "SignInView.login": "the sign-in page itself",
    "SecondView.choose": "between password and second factor there is no session; for the browser that has shown a password",
    "SignInView.logout": "a session that has ended meanwhile is signed out all the same; by POST, with a token",
    "EnrolmentView.telephone": "an enterprise that has no account yet registers here",
    "EnrolmentView.send": "as the page; a code to a telephone, counted by number, by address and by day",
    "EnrolmentView.enrol": "as the page; counted by address, a code by text message must be known",
    "SmsView.form": "signing in; a picture code is answered and attempts are counted before anything is sent",
    "SmsSecondView.form": "as SecondView.choose: for the browser that has shown a password",
    "ForgottenView.form": "whoever forgot the password is not signed in; as SmsView.form",
    "ForgottenView.renew": "as its form, for the browser that has shown the code",
    "PictureView.another": "the picture code of the forms above; nothing is stored",
    "PictureView.drawn": "the picture itself, for the browser that was given its ticket",
    "OwnCodeView.phone": "demonstration only: the message with the code that this browser asked for",
    "LicenceView.form": "signing in",
    "LicenceView.start": "as its form; counted per address, by POST with a token",
    "LicenceView.ticket": "a code for one browser, known by its cookie; 404 for others",
    "LicenceView.state": "as the ticket; its state only",
    "LicenceView.ask": "as the ticket; by POST with a token",
    "LicenceView.finish": "as the ticket; signs in once, by the platform's signature",
    "LicenceView.callback": "the licence platform has no account; authenticated by its signature",
    "PhoneView.code": "the simulated telephone, which production does not have",
    "PhoneView.home": "as its code",
    "PhoneView.scan": "as its code",
    "PhoneView.confirm": "as its code",
    # public pages
    "FrontPage.index": "the office's front page",
    "HelpView.guide": "the procedure and its deadlines are owed to the public",
    "ManualView.contents": "lists what the reader may open; the page for enterprises is for everybody",
    "ManualView.page": "as its list; other pages refuse whoever holds none of their roles, and are asked to sign in first",
    "ManualView.picture": "as the page that it belongs to",
    "LookupView.form": "anybody may check a certificate",
    "LookupView.find": "as the form; counted per address, name and number must both be known",
    "LookupView.scanned": "the URL in a QR code; the address holds 128 random bits",
    "SealView.form": "anybody may check a sealed file",
    "SealView.check": "as the form; the file is looked at and not kept",
    "SealView.part": "certificates and list of the seal, as their checkers fetch them",
    "NoticeView.board": "results are made public by law, masked",
    "NoticeView.exam": "an exam notice is for everybody",
    "NoticeView.exam_file": "as the notice that it is attached to",
    "ListCheckView.form": "an employer may check a list of certificates",
    "ListCheckView.check": "as the form; counted per address",
    "ListCheckView.answer": "as the form; gives back what was handed in",
    "ListCheckView.template": "an empty sheet",
    "CertificateView.form": "signing in by a certificate; its POST is an answer to a challenge, used once",
    "CertificateView.start": "issues that challenge; counted by address",
    "CertificateView.tls": "the same by the proxy, authenticated by its secret",
    "CertificateSecondView.form": "as SecondView.choose: for the browser that has shown a password",
    "CertificateSecondView.start": "issues the challenge for that",
    "CertificateView.driver": "how to get a UKey to work, before anybody is signed in",
    "PhoneScanView.page": "a telephone beside a signed-in clerk; knows the ticket of that session, which names one paper",
    "VerifyView.page": "QR codes are checked in the browser",
    "VerifyView.worker": "the service worker of that page",
    "VerifyView.keys": "the public keys of the codes",
    "VerifyView.status_list": "statuses of certificate versions, by numbers that name nobody",
}


class Undeclarable(AppError):
    """``PERMISSIONS`` grants what no view or menu offers."""

    status = 500
    code = "unknown-permission"


def held_by(role: Role, declaration: Declaration | None = None) -> frozenset[Pair]:
    """Every (permission, view) of one role."""
    return frozenset(
        (permission, view)
        for view, grants in _or_default(declaration).items()
        for permission, roles in grants.items()
        if role in roles
    )


def offered(appbuilder: Any) -> frozenset[Pair]:
    """Every (permission, view) that the registered views and the menu require."""
    views = {
        (permission, view.class_permission_name) for view in appbuilder.baseviews for permission in view.base_permissions
    }
    return frozenset(views | {(MENU, name) for name in _menu_names(appbuilder.menu.get_list())})


def held_by_nobody(appbuilder: Any, declaration: Declaration | None = None) -> frozenset[Pair]:
    """What is offered and granted to nobody: pages that nobody can open."""
    return offered(appbuilder) - {pair for role in Role for pair in held_by(role, declaration)}


def sync_roles(appbuilder: Any, declaration: Declaration | None = None) -> None:
    """Make roles and grants exactly the declared ones; idempotent, in a fixed number of queries; commits.

    Raises ``Undeclarable`` before anything is written.
    """
    wanted = {role.value: held_by(role, declaration) for role in Role} | {PUBLIC: frozenset()}
    pairs = frozenset(pair for held in wanted.values() for pair in held)
    if unknown := sorted(pairs - offered(appbuilder)):
        raise Undeclarable(", ".join(f"{permission} on {view}" for permission, view in unknown))
    sm, session = appbuilder.sm, appbuilder.session()
    try:
        permissions = _ids_by_name(session, sm.permission_model.__table__, {permission for permission, _view in pairs})
        views = _ids_by_name(session, sm.viewmenu_model.__table__, {view for _permission, view in pairs})
        roles = _ids_by_name(session, sm.role_model.__table__, wanted)
        kept = _pair_ids(session, sm.permissionview_model.__table__, permissions, views, pairs)
        grants = {(kept[pair], roles[role]) for role, held in wanted.items() for pair in held}
        _set_grants(session, sm.role_model.permissions.property.secondary, grants)
        _delete_others(session, sm.permissionview_model.__table__, set(kept.values()))
        session.commit()
    except BaseException:
        session.rollback()
        raise


def _or_default(declaration: Declaration | None) -> Declaration:
    return PERMISSIONS if declaration is None else declaration


def _menu_names(items: Iterable[Any]) -> set[str]:
    return {name for item in items if item.name != "-" for name in {item.name} | _menu_names(item.childs)}


def _ids_by_name(session: Session, table: Table, names: Collection[str]) -> dict[str, int]:
    """The ids of these names; missing ones are inserted."""
    there = {name: key for key, name in session.execute(select(table.c.id, table.c.name))}
    if missing := sorted(set(names) - there.keys()):
        made = insert(table).returning(table.c.id, table.c.name)
        there |= {name: key for key, name in session.execute(made, [{"name": name} for name in missing])}
    return there


def _pair_ids(
    session: Session, table: Table, permissions: Mapping[str, int], views: Mapping[str, int], pairs: Collection[Pair]
) -> dict[Pair, int]:
    """The ids of these pairs; missing ones are inserted."""
    wanted = {(permissions[permission], views[view]): (permission, view) for permission, view in pairs}
    columns = (table.c.id, table.c.permission_id, table.c.view_menu_id)
    there = {(permission, view): key for key, permission, view in session.execute(select(*columns))}
    if missing := sorted(wanted.keys() - there.keys()):
        rows = [{"permission_id": permission, "view_menu_id": view} for permission, view in missing]
        made = session.execute(insert(table).returning(*columns), rows)
        there |= {(permission, view): key for key, permission, view in made}
    return {pair: there[ids] for ids, pair in wanted.items()}


def _set_grants(session: Session, table: Table, grants: Collection[tuple[int, int]]) -> None:
    """Make the grants exactly these (pair, role)."""
    columns = (table.c.id, table.c.permission_view_id, table.c.role_id)
    there = {(pair, role): key for key, pair, role in session.execute(select(*columns))}
    if revoked := [key for grant, key in there.items() if grant not in grants]:
        session.execute(delete(table).where(table.c.id.in_(revoked)))
    if missing := sorted(set(grants) - there.keys()):
        session.execute(insert(table), [{"permission_view_id": pair, "role_id": role} for pair, role in missing])


def _delete_others(session: Session, table: Table, kept: Collection[int]) -> None:
    """Delete the other pairs, whose grants are deleted already."""
    session.execute(delete(table).where(table.c.id.not_in(kept)))
