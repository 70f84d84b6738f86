"""The dashboard after sign-in: tiles with counts, each linked to a list that shows exactly the counted rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import g, request, url_for
from flask_babel import format_date, gettext

from app.accounts import identity_corrections, privileged_changes, registration
from app.accounts.access import Actor
from app.accounts.business_licence.tickets import name_differs
from app.accounts.pki import bindings
from app.applications import dashboard_counts, office_calendar
from app.certificates.status_changes import may_decide
from app.core.clock import office_day, office_time
from app.core.vocabulary import AuditAction, CertificateStatus, MatterKind, Role, SignupState, State, Urgency
from app.db.counting import MOST_ON_TILE, shown_count
from app.db.session import db
from app.exams.score_corrections import corrections_to_decide
from app.web import request_context
from app.web.auth.password_form import locked_officers
from app.web.base import bars, due, first_hints, stacked_columns
from app.web.base.fab import BaseView, route
from app.web.base.layout import optional_url
from app.web.base.links import text_of
from app.web.certificates.filing_links import open_link, open_on
from app.worker.findings.watch import present

QUEUE_SCREENS = {
    Role.ACCEPTANCE_OFFICER: "AcceptanceScreen.list",
    Role.REVIEWER: "ReviewScreen.list",
    Role.APPROVER: "ApprovalScreen.list",
}
MATTER_SCREENS = {
    MatterKind.NEW: "NewApplicationScreen",
    MatterKind.RENEWAL: "RenewalScreen",
    MatterKind.TRANSFER: "TransferScreen",
    MatterKind.REPLACEMENT: "ReplacementScreen",
    MatterKind.CANCELLATION: "CancellationScreen",
}


@dataclass(frozen=True, slots=True)
class Tile:
    """A count and the list of what it counts."""

    label: str
    count: int
    url: str
    tone: str = ""  # todo | bad | ok: only when the number is not zero
    hint: str = ""  # only when the number is not zero
    note: str = ""  # always

    @property
    def number(self) -> str:
        return shown_count(self.count, MOST_ON_TILE)


class WorkView(BaseView):
    """工作台, the first page after sign-in."""

    route_base = "/work"
    class_permission_name = "Work"
    default_view = "home"

    @route("/")
    def home(self) -> str:
        actor, on, office = request_context.current_actor(), request_context.today(), request_context.current_office()
        ours = g.user.enterprise if Role.ENTERPRISE_CLERK in actor.roles else None
        queues = [*dashboard_counts.queues_of(actor, office).values()]
        expiring = dashboard_counts.next_expiring(db.session, actor, on, office) if ours else ()
        in_the_way = open_on([certificate.id for certificate in expiring])
        return self.render_template(
            "dashboard.html",
            title=gettext("Workbench"),
            greeting=greeting(g.user.get_full_name()),
            day=format_date(on, "full"),
            hints=first_hints.open_hints(request.cookies.get(first_hints.COOKIE, ""), g.user.id, actor.roles),
            tiles=tiles(on),
            due=dashboard_counts.next_due(db.session, actor, queues) if queues else (),
            limit=due,
            expiring=expiring,
            open_links={key: open_link(application) for key, application in in_the_way.items()},
            days_left=lambda day: (day - on).days,
            charts=charts(),
            clock=clock_state() if Role.ENTERPRISE_CLERK not in actor.roles else None,
            key_ends=bindings.expires_soon(db.session(), g.user.id, on),
            notices=dashboard_counts.open_notices(db.session, request_context.office_now()),
            office_day=office_day,
            licensed_as=ours.licence_name if ours is not None and name_differs(ours) else "",
            own_name=ours.name if ours is not None else "",
            is_clerk=Role.ENTERPRISE_CLERK in actor.roles,
            forms=filing_forms() if ours is not None else [],
            first_steps=Role.ENTERPRISE_CLERK in actor.roles and not dashboard_counts.has_people(db.session, actor),
        )


def filing_forms() -> list[tuple[MatterKind, str]]:
    """The five matters, each with the address of its form."""
    others = [matter for matter in MATTER_SCREENS if matter is not MatterKind.NEW]
    claims = [(matter, url_for("ClaimView.add", matter=matter.value)) for matter in others]
    return [(MatterKind.NEW, url_for("FilingView.add")), *claims]


def clock_state() -> tuple[str, str] | None:
    """What the machine's clock shows and the last moment that is believed, while it is in doubt."""
    doubt = request_context.current_office().clock_doubt
    return (text_of(request_context.now()), text_of(doubt)) if doubt else None


def greeting(name: str) -> str:
    hour = office_time(request_context.office_now()).hour
    if hour < 12:
        return str(gettext("Good morning, %(name)s", name=name))
    if hour < 18:
        return str(gettext("Good afternoon, %(name)s", name=name))
    return str(gettext("Good evening, %(name)s", name=name))


def tiles(on: date) -> list[Tile]:
    """The tiles of all roles of the signed-in user."""
    actor = request_context.current_actor()
    found: list[Tile] = []
    if Role.ENTERPRISE_CLERK in actor.roles:
        found += _clerk_tiles(on)
    for role, state in dashboard_counts.queues_of(actor, request_context.current_office()).items():
        found += _queue_tiles(state, QUEUE_SCREENS[role], on)
    if may_decide(actor, request_context.current_office()):
        count = dashboard_counts.measures_to_decide(db.session, actor)
        found.append(Tile(gettext("Measures to be decided"), count, optional_url("MeasureScreen.list"), "todo"))
    if waiting := identity_corrections.pending_count(db.session(), actor, request_context.current_office()):
        url = optional_url("CorrectionReviewScreen.list", state="pending")
        found.append(Tile(gettext("Corrected identities to review"), waiting, url, "todo"))
    if Role.EXAM_CLERK in actor.roles:
        found += _exam_tiles(on)
    if Role.VIEWER in actor.roles:
        closed = dashboard_counts.closed_this_month(db.session, actor, on)
        since = on.replace(day=1).isoformat()
        url = optional_url("ClosedScreen.list", closed_at_from=since, result="decided")
        hint = gettext("Decisions of the office; what an enterprise gave up or let lapse is not counted.")
        found.append(Tile(gettext("Closed this month"), closed, url, hint=hint))
        late = dashboard_counts.urgencies(db.session, actor, dashboard_counts.QUEUES.values(), on, on)[Urgency.OVERDUE]
        found.append(Tile(gettext("Overdue"), late, optional_url("DueBoardView.show"), "bad"))
        found.append(_expiring_tile(on))
    if {Role.ADMIN, Role.SECURITY_ADMIN} & actor.roles:
        waiting = privileged_changes.to_decide(db.session(), actor, at=request_context.now())
        hint = gettext("Another administrator has asked; nothing changes until you confirm.")
        url = optional_url("PrivilegedChangeScreen.list")
        found.append(Tile(gettext("Changes of privileged accounts to decide"), waiting, url, "todo", hint))
    if Role.ADMIN in actor.roles:
        found += _admin_tiles(on)
    if Role.SECURITY_ADMIN in actor.roles:
        hint = gettext("Made by the system administrator; without a role nobody can sign in.")
        waiting = dashboard_counts.awaiting_a_role(db.session)
        found.append(Tile(gettext("Accounts that await a role"), waiting, optional_url("AwaitingScreen.list"), "todo", hint))
        hint = gettext("Too many wrong passwords: each is free again after a while, or when you unlock it.")
        locked = locked_officers(db.session(), request_context.current_office(), at=request_context.now())
        url = optional_url("AppointmentScreen.list", locked="yes")
        found.append(Tile(gettext("Locked accounts"), len(locked), url, "bad", hint))
    if Role.AUDITOR in actor.roles:
        found += _auditor_tiles()
    return found


def _exam_tiles(on: date) -> list[Tile]:
    """What is to be reviewed, and the next exam with its places."""
    actor = request_context.current_actor()
    url = optional_url("SignupReviewScreen.list", state="submitted")
    found = [Tile(gettext("Sign-ups to review"), dashboard_counts.signups_to_review(db.session, actor), url, "todo")]
    if count := corrections_to_decide(db.session(), actor):
        url = optional_url("ScoreCorrectionScreen.list", by="others")
        found.append(Tile(gettext("Corrections of scores to decide"), count, url, "todo"))
    if notice := dashboard_counts.next_exam(db.session, actor, on):
        page = optional_url("NoticeScreen.show", pk=notice.id)
        days, when = (notice.exam_on - on).days, format_date(notice.exam_on, "long")
        found.append(Tile(gettext("Days until the next exam"), days, page, note=f"{notice.title} · {when}"))
        places = gettext("of %(n)s places", n=notice.quota) if notice.quota else gettext("Places are not limited.")
        found.append(Tile(gettext("Places taken"), dashboard_counts.places_taken(db.session, notice), page, note=places))
    return found


def _auditor_tiles() -> list[Tile]:
    """Whether the chain of the audit log holds, and what was refused since yesterday, by the true time as the log has it."""
    last, since = dashboard_counts.last_inspection(db.session), office_day(request_context.now()) - timedelta(days=1)
    broken = last is not None and last.fault is not None
    verified = gettext("Verified at %(moment)s.", moment=text_of(last.at)) if last else gettext("Never verified yet.")
    found = [
        Tile(gettext("Breaks found in the audit log"), int(broken), optional_url("AuditLogScreen.list"), "bad", note=verified)
    ]
    for action, label in (
        (AuditAction.REFUSED, gettext("Refused since yesterday")),
        (AuditAction.SIGN_IN_FAILED, gettext("Failed sign-ins since yesterday")),
    ):
        url = optional_url("AuditLogScreen.list", deed=action.value, at_from=since.isoformat())
        found.append(Tile(label, dashboard_counts.entries_since(db.session, action, since), url))
    return found


def _clerk_tiles(on: date) -> list[Tile]:
    actor = request_context.current_actor()
    ours = dashboard_counts.enterprise_work(db.session, actor)
    return [
        *_matter_tiles(ours, on),
        Tile(
            gettext("Transfers out to be agreed"),
            ours.to_release,
            optional_url("ReleaseScreen.list"),
            "bad",
            gettext("Another enterprise asks for one of your people; it waits for your answer."),
        ),
        Tile(
            gettext("People with missing scans"),
            dashboard_counts.people_with_gaps(db.session(), actor, on),
            optional_url("PersonScreen.list", scans="incomplete"),
            "todo",
        ),
        *_signup_tiles(),
        _expiring_tile(on, "todo", gettext("Apply for renewal from the row of the certificate.")),
    ]


def _expiring_tile(on: date, tone: str = "", hint: str = "") -> Tile:
    """Certificates within reach whose last day is near."""
    actor, office = request_context.current_actor(), request_context.current_office()
    days = {"valid_to_from": on.isoformat(), "valid_to_to": office.expiring_until(on).isoformat()}
    return Tile(
        gettext("Certificates expiring within %(n)s months", n=office.expiring_months),
        dashboard_counts.expiring(db.session, actor, on, office),
        optional_url("CertificateScreen.list", **days, status=CertificateStatus.VALID.value, sort="valid_to"),
        tone,
        hint,
    )


def _signup_tiles() -> list[Tile]:
    """Sign-ups for open exams that wait for the enterprise; each tile only if there are any."""
    counts = dashboard_counts.signups_with_enterprise(
        db.session(), request_context.current_actor(), request_context.office_now()
    )
    hints = {
        SignupState.SELECTED: gettext("Saved only: nobody is signed up until you submit."),
        SignupState.REJECTED: gettext("Read the reason, put it right and submit again before sign-up ends."),
    }
    what = gettext("Exam sign-up")
    return [
        Tile(
            f"{what} · {state.label}",
            counts[state],
            optional_url("SignupScreen.list", state=state.value, window="open"),
            "bad",
            hint,
        )
        for state, hint in hints.items()
        if counts.get(state)
    ]


def _matter_tiles(ours: dashboard_counts.EnterpriseWork, on: date) -> list[Tile]:
    """Open applications by matter; one tile of zero if nothing is open."""
    found = []
    for matter, endpoint in MATTER_SCREENS.items():
        for state in (State.DRAFT, State.RETURNED, State.RELEASE_REFUSED):
            if count := ours.filed.get((matter, state), 0):
                label = f"{matter.label} · {state.label}"
                hint = _draft_hint(ours.saved_at[matter], on) if state is State.DRAFT else ""
                if state is State.RETURNED and (until := ours.awaited_until.get(matter)):
                    hint = _awaited_hint(until, on)
                found.append(Tile(label, count, optional_url(f"{endpoint}.list", state=state.value), "bad", hint))
    return found or [Tile(gettext("Not yet submitted"), 0, optional_url("NewApplicationScreen.list"))]


def _draft_hint(since: datetime, on: date) -> str:
    """Warning beside drafts, as saving is often taken for submitting."""
    days = (on - office_day(since)).days
    if days < 1:
        return str(gettext("Saved only: the authority sees nothing until you submit."))
    return str(gettext("NOT submitted: the oldest has been lying for %(n)s days; the authority sees nothing of it.", n=days))


def _awaited_hint(until: date, on: date) -> str:
    """By when the first correction is awaited."""
    if until < on:
        return str(gettext("The first was awaited until %(day)s: the authority may close it any day.", day=until))
    return str(gettext("The first is awaited until %(day)s; afterwards the authority may close it.", day=until))


def _queue_tiles(state: State, endpoint: str, on: date) -> list[Tile]:
    actor, office = request_context.current_actor(), request_context.current_office()
    waiting = dashboard_counts.waiting(db.session, actor, [state])[state]
    soon = office.calendar.add_working_days(on, office.due_soon_days)
    limits = dashboard_counts.urgencies(db.session, actor, [state], on, soon)

    def due(urgency: Urgency, tone: str) -> Tile:
        url = optional_url("DueScreen.list", state=state.value, urgency=urgency.value)
        return Tile(str(urgency.label), limits[urgency], url, tone)

    return [
        Tile(str(state.label), waiting, optional_url(endpoint), "todo"),
        due(Urgency.OVERDUE, "bad"),
        due(Urgency.TODAY, "todo"),
        due(Urgency.SOON, "todo"),
        *(_corrections_tile(actor, on) if state is State.AWAITING_ACCEPTANCE else ()),
    ]


def _corrections_tile(actor: Actor, on: date) -> list[Tile]:
    """Cases that may be closed because their correction is overdue."""
    count = dashboard_counts.corrections_overdue(db.session, actor, on)
    url = optional_url("AcceptanceScreen.list", state=State.RETURNED.value, correction="overdue")
    tile = Tile(gettext("Corrections overdue"), count, url, "todo", gettext("May be closed with a notice."))
    return [tile] if count else []


def _admin_tiles(on: date) -> list[Tile]:
    wrong = present(request_context.installation())
    return [
        Tile(
            gettext("System status: to be put right"),
            len(wrong),
            optional_url("StatusView.show"),
            "bad",
            wrong[0].finding.what if wrong else "",
        ),
        Tile(
            gettext("Registrations to review"),
            registration.pending_count(db.session()),
            optional_url("EnterpriseAdminScreen.list", registration="pending"),
            "todo",
        ),
        Tile(
            gettext("Messages that could not be sent"),
            dashboard_counts.failed_messages(db.session),
            optional_url("MessageScreen.list", state="failed"),
            "bad",
        ),
        Tile(gettext("Accounts in all"), dashboard_counts.accounts(db.session), optional_url("AccountScreen.list")),
        *_calendar_tile(on),
    ]


def _calendar_tile(on: date) -> list[Tile]:
    """Warning when the holidays of the coming year are published but not entered."""
    year = office_calendar.unknown_year(db.session, on, request_context.current_office().calendar_month)
    if year is None:
        return []
    hint = gettext("Limits that reach into %(year)s would be counted wrongly.", year=year)
    label, url = gettext("Holidays of %(year)s not entered", year=year), optional_url("CalendarView.show", year=year)
    return [Tile(label, 1, url, "bad", hint)]


_MONTHS_CACHE: dict[tuple[object, ...], tuple[datetime, dashboard_counts.MonthlySubmissions]] = {}
CACHE_TIME = timedelta(minutes=10)


def _months(actor: Actor) -> dashboard_counts.MonthlySubmissions:
    """Monthly submissions, cached for ten minutes, as the query reads half a year of cases."""
    key = (db.engine, actor.region, actor.roles, actor.enterprise_id)
    cached, at = _MONTHS_CACHE.get(key), request_context.office_now()
    if cached is None or not at - CACHE_TIME < cached[0] <= at:
        cached = _MONTHS_CACHE[key] = (at, dashboard_counts.by_month(db.session, actor, at))
    return cached[1]


def charts() -> list[tuple[str, object]]:
    """Charts for deciding and viewing roles: submissions by month, open cases by state."""
    actor = request_context.current_actor()
    if not actor.roles & {Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER, Role.VIEWER}:
        return []
    months = _months(actor)
    found: list[tuple[str, object]] = []
    if any(any(series) for series in months.series.values()):
        named: Sequence[tuple[str, list[int]]] = [(str(kind.label), list(counts)) for kind, counts in months.series.items()]
        title = gettext("Submitted in the last six months")
        found.append((title, stacked_columns(title, months.labels, named, unit=gettext("cases"))))
    states = dashboard_counts.backlog(db.session, actor)
    if states:
        title = gettext("Where cases lie")
        rows = [(str(state.label), states.get(state, 0)) for state in dashboard_counts.BACKLOG]
        found.append((title, bars(title, rows, unit=gettext("cases"))))
    return found
