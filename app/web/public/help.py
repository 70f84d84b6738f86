"""使用帮助: the procedure in the manual's words, role by role, with a diagram (R22, R23).

It contains no data, so everybody may read it. The procedure comes from the table of moves, and buttons are named by their
own labels, so that the text cannot go out of date.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.core.vocabulary import PaperKind, Role
from app.procedure import Move
from app.web import request_context
from app.web.base.fab import BaseView, expose
from app.web.public.front import EXAM_FLOW, stages
from app.workflow import MOVES, notify_handler, publish_result

# Menu entries as the menu calls them.
NOTICES, OWN_SIGNUPS, SIGNUP_REVIEW = _("Training and exam notices"), _("My sign-ups"), _("Review of sign-ups")
NEW, CERTIFICATES, CLOSED = (
    _("New applications of safety personnel"),
    _("Safety personnel certificates"),
    _("Closed applications"),
)
ENTERPRISE, QUALIFICATIONS, PEOPLE = _("Enterprise basic information"), _("Qualifications"), _("People")
SAVE, SUBMIT, EDIT, VIEW = _("Save"), _("Submit"), _("Edit"), _("View")


@dataclass(frozen=True, slots=True)
class Chapter:
    """What one role does, step by step, and the screens it is done on: (label, endpoint)."""

    role: Role
    steps: tuple[object, ...]
    screens: tuple[tuple[object, str], ...]


_CLERK = Chapter(
    Role.ENTERPRISE_CLERK,
    (
        _(
            "On the front page press “%(file)s”, enter user name and password, press “%(enter)s”.",
            file=_("File for safety personnel"),
            enter=_("Sign in with user name"),
        ),
        _(
            "Complete the enterprise once: upload “%(pledge)s” under “%(enterprise)s” and “%(scan)s” under "
            "“%(qualifications)s”.",
            pledge=PaperKind.PLEDGE.label,
            enterprise=ENTERPRISE,
            scan=PaperKind.QUALIFICATION.label,
            qualifications=QUALIFICATIONS,
        ),
        _(
            "Under “%(people)s” press “%(add)s”, fill in and upload the scans: photo, ID card, education certificate, "
            "technical title certificate; for category B the registration certificate, too. “%(many)s” takes a whole "
            "sheet of people.",
            people=PEOPLE,
            add=_("Add person"),
            many=_("Import people"),
        ),
        _(
            "Under “%(notices)s” read a notice with “%(view)s” and press “%(sign_up)s”. People without complete scans "
            "cannot be picked: the line says what is missing and leads there.",
            notices=NOTICES,
            view=VIEW,
            sign_up=_("Sign up online"),
        ),
        _(
            "Tick the people and press “%(save)s”. That is not yet a sign-up: it is complete when “%(submit)s” has been "
            "pressed as well. “%(own)s” shows how each one stands.",
            save=SAVE,
            submit=SUBMIT,
            own=OWN_SIGNUPS,
        ),
        _(
            "Who has passed can be filed for. Under “%(new)s” press “%(add)s”, enter the handler's name and mobile, tick "
            "the people (several at once) and press “%(save)s”.",
            new=NEW,
            add=_("Add application"),
            save=SAVE,
        ),
        _(
            "Press “%(submit)s”. If something is missing, everything that is missing is named at once, with a link to "
            "where it is put right. Then: “%(edit)s”, “%(save)s”, “%(submit)s” again.",
            submit=SUBMIT,
            edit=EDIT,
            save=SAVE,
        ),
        _(
            "For people who passed in the old system: after submitting, take the originals (ID card, education and "
            "technical title certificates) to the government service centre, where they are verified."
        ),
        _(
            "Every result is sent to the handler by text message. What was returned for correction, or not accepted, can "
            "be corrected and submitted again; where items were marked, only they are open. A refusal in review or "
            "approval is final: file anew."
        ),
        _(
            "After approval the electronic certificate is there by itself: “%(certificates)s”, “%(open)s”. The "
            "application form, the slip and the certificate lie in the “%(archive)s”.",
            certificates=CERTIFICATES,
            open=_("View certificate"),
            archive=_("E-archive"),
        ),
        _(
            "Under “%(certificates)s” the ticked certificates, or all that match the query, come as one zip with “%(pack)s”.",
            certificates=CERTIFICATES,
            pack=_("Download the ticked as zip"),
        ),
    ),
    (
        (ENTERPRISE, "EnterpriseView.mine"),
        (QUALIFICATIONS, "QualificationScreen.list"),
        (PEOPLE, "PersonScreen.list"),
        (NOTICES, "NoticeScreen.list"),
        (OWN_SIGNUPS, "SignupScreen.list"),
        (NEW, "NewApplicationScreen.list"),
        (CERTIFICATES, "CertificateScreen.list"),
    ),
)

_EXAM_CLERK = Chapter(
    Role.EXAM_CLERK,
    (
        _(
            "Under “%(notices)s” press “%(add)s”, fill in the notice and press “%(save)s”: saving publishes it.",
            notices=NOTICES,
            add=_("Add"),
            save=SAVE,
        ),
        _(
            "Under “%(review)s” press “%(look)s” at a sign-up: the scans stand beside the decision. Press “%(admit)s”, "
            "or “%(reject)s” and give the reason. Or tick several and decide them at once.",
            review=SIGNUP_REVIEW,
            look=_("Review"),
            admit=_("Admit"),
            reject=_("Reject"),
        ),
        _("At the notice press “%(export)s” for the workbook of those who signed up.", export=_("Export sign-up details")),
        _(
            "After the exam fill in the score column of that very workbook and press “%(bring_in)s”. It is checked "
            "first, and every cell that cannot be read is named. Nothing is stored before you confirm; then all of it or "
            "nothing.",
            bring_in=_("Import scores"),
        ),
        _(
            "Press “%(submit)s”: the scores are final, and whoever passed is on the pass list. Until then you can import "
            "again.",
            submit=_("Submit scores"),
        ),
    ),
    ((NOTICES, "NoticeScreen.list"), (SIGNUP_REVIEW, "SignupReviewScreen.list")),
)

_AFTER = _("Publishing the result and the text message to the handler follow by themselves.")
_DECIDING = _(
    "Scans, facts and decision stand on one page; the number keys change the scan. Press “%(next)s”: the next case opens.",
    next=_("Submit and see the next"),
)
_IN_BATCH = _("Tick several in the list to decide them at once. Who cannot pass is left as he was and named with the reason.")

_DUE = _(
    "“%(due)s” lists what is due at every stage, your own first: overdue, today, soon, extended; “%(export)s” takes the "
    "list away. “%(board)s” says which stage and region holds things up.",
    due=_("Due cases"),
    export=_("Export"),
    board=_("Deadlines at a glance"),
)

_ACCEPTANCE = Chapter(
    Role.ACCEPTANCE_OFFICER,
    (
        _("Under “%(screen)s” press “%(accept)s” at a case.", screen=_("Acceptance of applications"), accept=_("Accept")),
        _(
            "In the “%(dialog)s” choose “%(accept)s”, “%(correct)s” or “%(decline)s”; the last needs a detailed reason. "
            "To return it, tick “%(mark)s” beside everything that must be corrected and say why: one notice is made of it.",
            dialog=_("Preliminary examination"),
            accept=_("Accept"),
            correct=_("Return for correction"),
            mark=_("Mark"),
            decline=_("Do not accept"),
        ),
        _(
            "For people who passed in the old system verify the originals first: tick the three papers and press “%(note)s”.",
            note=_("Note as verified"),
        ),
        _DECIDING,
        _IN_BATCH,
        _DUE,
        _AFTER,
    ),
    (
        (_("Acceptance of applications"), "AcceptanceScreen.list"),
        (_("Due cases"), "DueScreen.list"),
        (CLOSED, "ClosedScreen.list"),
    ),
)

_REVIEWER = Chapter(
    Role.REVIEWER,
    (
        _("Under “%(screen)s” press “%(look)s” at a case.", screen=_("First review of applications"), look=_("Review")),
        _("Choose “%(yes)s” or “%(no)s”; the latter needs a detailed reason.", yes=_("Agree"), no=_("Disagree")),
        _(
            "“%(measures)s”: propose to suspend, reinstate, revoke or withdraw a certificate, with grounds, facts and "
            "document, or many with “%(sheet)s”. Nothing changes before an approver with another account has confirmed it.",
            measures=_("Measures against certificates"),
            sheet=_("Measures by sheet"),
        ),
        _DECIDING,
        _IN_BATCH,
        _DUE,
        _AFTER,
    ),
    (
        (_("First review of applications"), "ReviewScreen.list"),
        (_("Due cases"), "DueScreen.list"),
        (CLOSED, "ClosedScreen.list"),
    ),
)

_APPROVER = Chapter(
    Role.APPROVER,
    (
        _("Under “%(screen)s” press “%(look)s” at a case.", screen=_("Issuing approval"), look=_("Review")),
        _("Choose “%(yes)s” or “%(no)s”; the latter needs a detailed reason.", yes=_("Agree"), no=_("Disagree")),
        _(
            "A case that cannot be decided in time: “%(extend)s” on its page or for several at once, with the reason, once "
            "and before the limit has passed (Administrative Licensing Law, article 42). The handler is told.",
            extend=_("Extend the time limit"),
        ),
        _("With the last agreement the certificate gets its number and the electronic certificate with its QR code is made."),
        _(
            "After a large batch the files are made in the background: “%(papers)s” shows how far they are, and names any "
            "that could not be made.",
            papers=_("Drawing of e-certificates"),
        ),
        _(
            "“%(measures)s”: confirm or refuse what a reviewer has proposed, one by one or together; never your own "
            "proposal. Confirmed, it takes effect at once: status, ban, text message, public notice and letter.",
            measures=_("Measures against certificates"),
        ),
        _IN_BATCH,
        _DUE,
        _AFTER,
    ),
    ((_("Issuing approval"), "ApprovalScreen.list"), (_("Due cases"), "DueScreen.list"), (CLOSED, "ClosedScreen.list")),
)

_VIEWER = Chapter(
    Role.VIEWER,
    (
        _("Under “%(screen)s” look for a closed case and press “%(view)s”.", screen=CLOSED, view=VIEW),
        _(
            "“%(archive)s” shows the application form, the acceptance slip and the electronic certificate, as they were, "
            "for printing.",
            archive=_("E-archive"),
        ),
        _(
            "“%(board)s” shows how many cases are due and which stage and region holds them up.",
            board=_("Deadlines at a glance"),
        ),
        _("This role looks and decides nothing."),
    ),
    (
        (_("Deadlines at a glance"), "DueBoardView.show"),
        (CLOSED, "ClosedScreen.list"),
        (CERTIFICATES, "CertificateScreen.list"),
    ),
)

_ADMIN = Chapter(
    Role.ADMIN,
    (
        _(
            "“%(accounts)s”: add and switch off accounts, reset the passwords of enterprise clerks. A new password is shown "
            "once and must be changed at the first sign-in. Whoever belongs to the authority gets the role, and with it the "
            "first password, from the security administrator.",
            accounts=_("Accounts"),
        ),
        _("“%(enterprises)s”: put enterprises on the books and approve registrations.", enterprises=_("Enterprises")),
        _(
            "“%(legacy)s”: accounts, who passed and certificates from sheets; check first, then confirm. Refused rows come "
            "back with their reason; first passwords are made and fetched there, once.",
            legacy=_("Import from the old system"),
        ),
        _(
            "“%(parameters)s”: periods, limits, who decides which stage, and the texts on notices. A change counts from then "
            "on, for everybody.",
            parameters=_("Parameters"),
        ),
        _(
            "“%(calendar)s”: days off and make-up days; bring in next year's with “%(bring)s” as soon as they are announced. "
            "Running deadlines are counted anew at once.",
            calendar=_("Holidays"),
            bring=_("Import a year"),
        ),
        _(
            "“%(messages)s”: what was sent, and what could not be sent and is tried once more with “%(again)s”.",
            messages=_("Text messages"),
            again=_("Send again"),
        ),
        _("The system administrator decides no case and no measure, gives no role and does not see the audit log."),
    ),
    (
        (_("Accounts"), "AccountScreen.list"),
        (_("Enterprises"), "EnterpriseAdminScreen.list"),
        (_("Import from the old system"), "LegacyView.home"),
        (_("Parameters"), "ParameterView.show"),
        (_("Holidays"), "CalendarView.show"),
        (_("Text messages"), "MessageScreen.list"),
    ),
)

_SECURITY_ADMIN = Chapter(
    Role.SECURITY_ADMIN,
    (
        _(
            "“%(awaiting)s”: accounts that the system administrator made. Choose the role and the region; the one-time "
            "password is shown once, to be handed to the person.",
            awaiting=_("Awaiting a role"),
        ),
        _(
            "“%(roles)s”: change or take a role, the region or the mobile, reset a password, unlock after wrong passwords, "
            "end sessions. A change of role or region ends the account's sessions at once.",
            roles=_("Roles and reach"),
        ),
        _("“%(parameters)s”: how one signs in: locks, idle time, passwords.", parameters=_("Parameters")),
        _(
            "Nobody gives a role to themselves, no administrator holds a second role, and the last security administrator "
            "stays one."
        ),
    ),
    (
        (_("Awaiting a role"), "AwaitingScreen.list"),
        (_("Roles and reach"), "AppointmentScreen.list"),
        (_("Parameters"), "ParameterView.show"),
    ),
)

_AUDITOR = Chapter(
    Role.AUDITOR,
    (
        _("“%(log)s”: who did what, when and from where. Lines are never changed.", log=_("Audit log")),
        _("This role reads the audit log and nothing else."),
    ),
    ((_("Audit log"), "AuditLogScreen.list"),),
)

CHAPTERS = (*(_CLERK, _EXAM_CLERK, _ACCEPTANCE, _REVIEWER, _APPROVER, _VIEWER), *(_ADMIN, _SECURITY_ADMIN, _AUDITOR))

# The keys that static/js/keys.js listens to, with the texts of the dialog that "?" opens.
KEYS = (
    (("J", "K"), _("next and previous record")),
    (("X",), _("tick the current row")),
    (("Enter",), _("open the current row")),
    (("A",), _("choose the favourable decision")),
    (("B",), _("choose to have it corrected")),
    (("R",), _("choose the unfavourable decision")),
    (("I",), _("show the full ID number of the case that you decide")),
    (("1", "9"), _("show that scan")),
    (("+", "-"), _("scan larger or smaller; so does the wheel after a click on it")),
    (("0", "W"), _("the whole scan, or its whole width")),
    (("T",), _("turn the scan")),
    (("S",), _("two scans side by side")),
    (("F",), _("scans on the full screen, and back")),
    (("Ctrl", "Enter"), _("decide and open the next one")),
    (("/",), _("go to the query bar")),
    (("Ctrl", "K"), _("search in all lists")),
    (("?",), _("open this page")),
)


def follows(move: Move) -> Iterator[object]:
    """What a move requires and causes besides the new state."""
    if move.reason:
        yield _("reason required")
    if publish_result in move.then:
        yield _("made public")
    if notify_handler in move.then:
        yield _("text message")


def chapters_for(roles: frozenset[Role]) -> list[Chapter]:
    """All chapters, the reader's own first."""
    return sorted(CHAPTERS, key=lambda chapter: chapter.role not in roles)


class HelpView(BaseView):
    """``/help``: open to everybody, with the menu for signed-in users."""

    route_base = ""
    class_permission_name = "Help"
    default_view = "guide"

    @expose("/help", methods=["GET"])
    def guide(self) -> str:
        actor, office = request_context.current_actor(), request_context.current_office()
        return self.render_template(
            "public/help.html",
            title=gettext("Help"),
            wide=True,
            exam_flow=EXAM_FLOW,
            stages=stages(),
            moves=MOVES,
            follows=follows,
            chapters=chapters_for(actor.roles),
            own=actor.roles,
            keys=KEYS,
            scan_mb=office.scan_bytes // 1024**2,
        )


def register(appbuilder: Any) -> None:
    """Add the help as the last entry of the menu; the page needs no permission."""
    appbuilder.add_view(HelpView, "Help", label=_("Help"), icon="info-circle")
