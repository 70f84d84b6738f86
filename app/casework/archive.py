"""电子档案: the application form, the slip or notice, the certificate, the papers and the steps, as they were (R89–R91).

Law: shown from what was kept, never from what stands there today; every opening leaves a line in the diary.
"""

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import request, send_file, url_for
from flask_appbuilder import BaseView
from flask_babel import format_date, gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import load_only
from werkzeug.wrappers import Response

from app import desk
from app.casework.claim import claim_of
from app.casework.claims import certificate_links
from app.casework.papers import opened
from app.casework.progress import history
from app.casework.reach import case_of
from app.casework.review import home
from app.casework.sayings import about_case, about_person, scans_of
from app.clock import office_day
from app.db import db
from app.errors import NotFound
from app.facts import of_applications
from app.identity import fold_certificate_number
from app.matters import MATTERS
from app.models import Application, Certificate, CertificateVersion, Step
from app.scope import must_reach
from app.screens import Link, Screen, SelInterface, tone
from app.screens.furniture import safe_next
from app.screens.query import contains
from app.screens.reach import ROW, WithinReach
from app.screens.screen import door
from app.vocabulary import Action, CertificateStatus, MatterKind, Role, State

SOON = timedelta(days=90)  # R107: renewal is asked for within three months before the last day

FORMS: Mapping[MatterKind, object] = {  # 申报表, the heading of each matter
    MatterKind.NEW: _("Application form for the work safety assessment certificate"),
    MatterKind.RENEWAL: _("Application form for the renewal of the work safety assessment certificate"),
    MatterKind.TRANSFER: _("Application form for the transfer of the work safety assessment certificate"),
    MatterKind.REPLACEMENT: _("Application form for the replacement of the work safety assessment certificate"),
    MatterKind.CANCELLATION: _("Application form for the cancellation of the work safety assessment certificate"),
}
GRANTED: Mapping[MatterKind, object] = {
    MatterKind.NEW: _("After review the conditions are met. The certificate is granted."),
    MatterKind.RENEWAL: _("After review the conditions are met. The validity of the certificate is extended."),
    MatterKind.TRANSFER: _("After review the conditions are met. The certificate is transferred to your enterprise."),
    MatterKind.REPLACEMENT: _("After review the conditions are met. The certificate is replaced."),
    MatterKind.CANCELLATION: _("After review the conditions are met. The certificate is cancelled from today."),
}
REFUSED: Mapping[MatterKind, object] = {
    MatterKind.NEW: _("After review the certificate is not granted, for the following reason."),
    MatterKind.RENEWAL: _("After review the validity is not extended, for the following reason."),
    MatterKind.TRANSFER: _("After review the transfer is not granted, for the following reason."),
    MatterKind.REPLACEMENT: _("After review the replacement is not granted, for the following reason."),
    MatterKind.CANCELLATION: _("After review the cancellation is not granted, for the following reason."),
}


@dataclass(frozen=True, slots=True)
class Letter:
    """An official page besides the form: a slip or a notice."""

    part: str  # its anchor
    title: object
    number: str
    sentences: Sequence[object]
    reason: str
    officer: str
    at: datetime
    legal_paths: bool = False


class ArchiveView(BaseView):  # type: ignore[misc]
    """One page with everything that is kept of a case, fit for A4."""

    route_base = "/archive"
    class_permission_name = "Archive"
    default_view = "show"

    @door(f"/{ROW}application_id>")
    def show(self, application_id: int) -> str:
        case = case_of(application_id)
        if case.state is State.DRAFT:
            raise NotFound  # nothing was submitted, so nothing is kept
        facts = of_applications(db.session, [case.id])[case.id]
        version = _version_of(case)
        desk.note_reading(case, shown="archive")
        return self.render_template(  # type: ignore[no-any-return]
            "casework/archive.html",
            title=gettext("E-archive"),
            crumbs=[(case.person.name, url_for("CaseView.read", application_id=case.id))],
            case=case,
            person=about_person(facts, in_full=_may_see_numbers(case)),
            about=about_case(case, facts),
            claim=claim_of(facts, in_full=_may_see_numbers(case), today=False),
            form_title=FORMS[case.matter],
            submitted=facts.submitted,
            letters=letters_of(case),
            long_day=lambda at: format_date(office_day(at), "long"),
            version=version,
            scans=scans_of(facts),
            history=history(case),
            back=safe_next(home()),
        )


def _may_see_numbers(case: Application) -> bool:
    """The enterprise that filed typed them itself; of a transfer the old one is not told anew."""
    actor = desk.actor()
    return Role.ENTERPRISE_CLERK in actor.roles and actor.enterprise_id == case.enterprise_id


def _version_of(case: Application) -> CertificateVersion | None:
    """The certificate that came of this case, whether or not a later one has replaced it."""
    mine = select(CertificateVersion).where(CertificateVersion.application_id == case.id)
    brief = mine.options(load_only(CertificateVersion.id, CertificateVersion.token))
    found: CertificateVersion | None = db.session.scalars(brief).first()
    return found


def letters_of(case: Application) -> list[Letter]:
    """The slips and notices that this case was answered with, in the order of the procedure."""
    return [LETTERS[step.action](case, step) for step in case.steps if step.action in LETTERS]


def _slip(case: Application, step: Step) -> Letter:
    days, due = _promised(case, step)
    return Letter(
        "slip",
        gettext("Acceptance slip"),
        case.acceptance_number or "",
        [
            gettext("Your application was examined, is complete and meets the legal form. It is accepted."),
            gettext(
                "The decision will be made within %(days)s working days, by %(day)s.",
                days=days,
                day=format_date(due, "long"),
            ),
        ],
        step.reason,
        step.actor,
        step.at,
    )


def _promised(case: Application, step: Step) -> tuple[int, date]:
    """What was promised when it was accepted, whatever numbers have been set since."""
    if case.promised_days is not None and case.promised_on is not None:
        return case.promised_days, case.promised_on
    office = desk.office()  # accepted before promises were kept
    days = MATTERS[case.matter].days(office)
    return days, office.calendar.add_working_days(office_day(step.at), days)


def _returned(case: Application, step: Step) -> Letter:
    sentences = [gettext("The following must be corrected or added; it is all named at once.")]
    return Letter(
        f"letter-{step.id}", gettext("Notice of correction"), case.number, sentences, step.reason, step.actor, step.at
    )


def _declined(case: Application, step: Step) -> Letter:
    sentences = [gettext("After examination your application is not accepted, for the following reason.")]
    title = gettext("Notice of non-acceptance")
    return Letter(f"letter-{step.id}", title, case.number, sentences, step.reason, step.actor, step.at, legal_paths=True)


def _refused(case: Application, step: Step) -> Letter:
    sentences = [REFUSED[case.matter]]
    title = gettext("Decision of refusal")
    return Letter(f"letter-{step.id}", title, case.number, sentences, step.reason, step.actor, step.at, legal_paths=True)


def _approved(case: Application, step: Step) -> Letter:
    sentences: list[object] = [GRANTED[case.matter]]
    if case.certificate:
        sentences.append(gettext("Certificate number: %(number)s", number=case.certificate.number))
    title = gettext("Decision of approval")
    return Letter(f"letter-{step.id}", title, case.number, sentences, step.reason, step.actor, step.at)


LETTERS = {
    Action.ACCEPT: _slip,
    Action.RETURN: _returned,
    Action.DECLINE: _declined,
    Action.REFUSE_REVIEW: _refused,
    Action.REFUSE_APPROVAL: _refused,
    Action.APPROVE: _approved,
}


# --- certificates ------------------------------------------------------------------------------------------


class CertificateFileView(BaseView):  # type: ignore[misc]
    """The certificate as PDF, for whoever may see it."""

    route_base = "/certificates"
    class_permission_name = "CertificateFile"
    default_view = "open"

    @door(f"/{ROW}version_id>.pdf")
    def open(self, version_id: int) -> Response:
        version = db.session.get(CertificateVersion, version_id)
        must_reach(desk.actor(), version and version.certificate)
        assert version is not None  # noqa: S101 - must_reach has refused None
        if version.certificate.enterprise_id != desk.actor().enterprise_id:
            desk.note_reading(version, shown="certificate")  # it bears the ID number in full
        return send_file(
            opened(version),
            mimetype="application/pdf",
            as_attachment="download" in request.args,
            download_name=f"{version.face['name']}-{version.face['number']}.pdf",
        )


class CertificateScreen(Screen):
    """安管人员证书."""

    datamodel = SelInterface(Certificate)
    route_base = "/certificates"
    class_permission_name = "Certificate"
    base_permissions = ["can_list"]
    base_filters = [["id", WithinReach, None]]
    exclude_route_methods = {"show", "add", "edit", "delete"}
    list_template = "casework/list.html"
    list_title = _("Safety personnel certificates")
    list_columns = ["holder", "number", "enterprise.name", "valid_to", "status"]
    sub_columns = {"holder": "person.masked_id_number", "number": "category"}
    head_column = "holder"
    tag_columns = ("status",)
    order_columns = ["holder", "valid_to"]
    base_order = ("id", "desc")
    search_columns = ["holder", "number", "enterprise.name", "category", "status", "valid_to"]
    search_by = {"number": lambda text: contains(Certificate.number, fold_certificate_number(text))}
    label_columns = {
        "holder": _("Full name"),
        "person.masked_id_number": _("ID number"),
        "number": _("Certificate number"),
        "category": _("Personnel category"),
        "enterprise.name": _("Enterprise"),
        "valid_to": _("Valid until"),
        "status": _("Certificate status"),
    }

    @door("/")
    def list(self) -> Response | str:
        return super().list()

    def cell(self, column: str, item: Certificate) -> object | None:
        if column == "status":
            word = item.status_on(desk.today())
            return Markup('<span class="tag {}">{}</span>').format(tone(word), word)
        return _until(item) if column == "valid_to" else None

    def row_links(self, item: Certificate) -> builtins.list[Link]:
        claims = certificate_links(item)
        past = Link(gettext("Certificate history"), url_for("CertificateHistoryView.show", certificate_id=item.id))
        version = item.versions[-1] if item.versions else None
        if version is None:
            return [*claims, past]
        pdf = url_for("CertificateFileView.open", version_id=version.id)
        code = url_for("LookupView.scanned", token=version.token)
        return [
            *claims,
            Link(gettext("View certificate"), pdf, external=True),
            Link(gettext("Page behind the QR code"), code, external=True),
            past,
        ]


def _until(item: Certificate) -> object:
    """The last day, and how near it is."""
    today = desk.today()
    left = (item.valid_to - today).days
    if item.status_on(today) is not CertificateStatus.VALID or left > SOON.days:
        return item.valid_to.isoformat()
    word = gettext("expires in %(n)s days", n=left) if left else gettext("last day today")
    return Markup('<span class="due soon">{} <b>{}</b></span>').format(item.valid_to.isoformat(), word)
