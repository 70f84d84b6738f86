"""在线报名: the page on which own people are found, each with the categories open to them or every reason against.

A page holds some of them; who is ticked on others is named beside them. A refused post shows all refusals and keeps the
choice. Saving is not submitting (R53), and the page says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import exams
from app.accounts.access import reach
from app.core.errors import AppError, Refusal, Unmet
from app.core.vocabulary import CURRENT_CATEGORIES, Category, PaperKind, Role, SignupState
from app.db.session import db
from app.eligibility.picking import PickerQuery
from app.exams import CandidateGroup, SignupCandidate
from app.exams.locking import free_places
from app.models import Enterprise, ExamNotice, ExamSignup
from app.web import request_context
from app.web.base.access_filter import asked_ids
from app.web.base.batch_result import Gap, done_message, gaps_of
from app.web.base.error_pages import refusals_after
from app.web.base.picker import is_look, picker_query, ticked_for
from app.web.exams.access import notice_of
from app.web.exams.labels import window_state
from app.web.exams.receipt import TITLE as RECEIPT
from app.web.exams.receipt import has_receipt
from app.web.fix_links import url_of

OPEN, LACKS, BARRED, LISTED = "open", "lacks", "barred", "listed"
GROUPS = {
    OPEN: _("Can be signed up"),
    LACKS: _("Scans missing"),
    BARRED: _("Cannot be signed up"),
    LISTED: _("On the list already"),
}
SHOWN = {"complete": CandidateGroup.COMPLETE, "lacks": CandidateGroup.LACKING, "listed": CandidateGroup.LISTED}


@dataclass(frozen=True, slots=True)
class SignupChoice:
    """The people ticked and the category chosen for each; empty when the page is opened."""

    people: frozenset[int] = frozenset()
    categories: dict[int, str] = field(default_factory=dict)


class TickedElsewhere(NamedTuple):
    """Somebody ticked who is not on the page that is shown."""

    person_id: int
    name: str
    code: str
    category: object  # with its name, if it is one


@dataclass(frozen=True, slots=True)
class SignupFormLine:
    """One row of the page: a person of the enterprise."""

    candidate: SignupCandidate
    group: str
    ticked: bool
    chosen: str
    tickable: bool
    gaps: list[Gap]  # missing scans, each with the link to fix it
    why: list[Gap]  # the other refusals
    later: list[Gap]  # what the new application after the exam will ask for, so that it can be got in time

    @property
    def listed(self) -> list[tuple[Category, SignupState]]:
        return list(self.candidate.signed_up.items())


def page(notice_id: int) -> Response:
    """Shows the page (GET) or saves and submits what is posted from it."""
    request_context.current_actor().demand(Role.ENTERPRISE_CLERK)
    notice = notice_of(notice_id)
    if request.method == "GET":
        return _shown(notice)
    choice = _choice()
    if is_look():
        return _shown(notice, _with_all(choice, notice_id, ticked_for()))
    try:
        return _save_choice(notice_id, choice)
    except AppError as error:
        refusals = refusals_after(error)
        return _shown(notice_of(notice_id), choice, refusals)


def _choice() -> SignupChoice:
    people = asked_ids()
    return SignupChoice(frozenset(people), {person: request.form.get(f"category-{person}", "") for person in people})


def _with_all(choice: SignupChoice, notice_id: int, code: str) -> SignupChoice:
    """With all who match and can be signed up for this category; who is ticked for another one stays so."""
    category = next((one for one in CURRENT_CATEGORIES if one.value == code), None)
    if category is None:
        return choice
    people = exams.all_open(db.session(), notice_id, category, asked=picker_query(), **request_context.acting())
    given = dict.fromkeys(people, code) | {person: chosen for person, chosen in choice.categories.items() if chosen}
    return SignupChoice(choice.people | frozenset(people), given)


def _save_choice(notice_id: int, choice: SignupChoice) -> Response:
    """保存, or 保存并上报 in one transaction; all of the ticked people or none."""
    session, acting = db.session(), request_context.acting()
    signups = exams.select(session, notice_id, _chosen_categories(choice), **acting)
    here = url_for("NoticeScreen.signup", notice_id=notice_id)
    if request.form.get("then") != "submit":
        session.commit()
        sentence = gettext(
            "%(n)s people are saved on your list, but NOT signed up yet. Please submit them below before sign-up ends.",
            n=len(signups),
        )
        flash(sentence, "warning")
        return redirect(here)
    outcome = exams.submit(session, [signup.id for signup in signups], **acting)
    if outcome.refused:
        raise Unmet([refusal for refusals in outcome.refused.values() for refusal in refusals])
    session.commit()
    more = gettext("The authority will review them.")
    message = done_message(outcome, gettext("Submit"))
    flash(f"{message} {more}", "success")
    return redirect(here)


def _chosen_categories(choice: SignupChoice) -> list[tuple[int, Category]]:
    known = {category.value: category for category in CURRENT_CATEGORIES}
    if any(code not in known for code in choice.categories.values()):
        raise Unmet.because(Refusal("category-missing", _("Please choose a category for each person you ticked.")))
    return [(person, known[choice.categories[person]]) for person in sorted(choice.people)]


def _shown(notice: ExamNotice, choice: SignupChoice | None = None, refusals: Sequence[Refusal] = ()) -> Response:
    session, acting = db.session(), request_context.acting()
    enterprise = session.get_one(Enterprise, acting["actor"].enterprise_id)
    here, choice = url_for("NoticeScreen.signup", notice_id=notice.id), choice or SignupChoice()
    shut = [refusal.sentence for refusal in exams.not_open(notice, enterprise, at=acting["at"])]
    over = acting["at"] > notice.signup_end
    group = CandidateGroup.LISTED if over else SHOWN.get(request.values.get("show", ""))
    found = exams.candidates(session, notice.id, asked=picker_query(), group=group, **acting)
    further = group is CandidateGroup.LISTED
    lines = [_line(one, choice, here, again=further or one.person_id in choice.people) for one in found.candidates]
    lines.sort(key=lambda line: list(GROUPS).index(line.group))  # who can be picked stands on top
    text = render_template(
        "exams/signup_form.html",
        title=gettext("Sign up online"),
        crumbs=[(gettext("Training and exam notices"), url_for("NoticeScreen.list"))],
        notice=notice,
        standing=window_state(notice, acting["at"]),
        free=free_places(session, [notice]).get(notice.id),
        shut=shut,
        lines=lines,
        found=found,
        elsewhere=_elsewhere(choice, lines),
        asked=picker_query(),
        groups=[] if over else [(word, label, SHOWN[word] is group) for word, label in _shown_groups()],
        unsent=_unsent(notice.id),
        receipt_title=RECEIPT,
        receipt=url_for("SignupScreen.receipt", notice_id=notice.id) if has_receipt(notice.id) else "",
        refusals=gaps_of(refusals, here),
        can_pick=not shut,
        nobody=not found.total and picker_query() == PickerQuery() and group is None,
        here=here,
    )
    return Response(text, 422 if refusals else 200, mimetype="text/html")


def _shown_groups() -> list[tuple[str, str]]:
    return [
        ("complete", gettext("Not on the list, scans complete")),
        ("lacks", gettext("Not on the list, scans missing")),
        ("listed", gettext("On the list already")),
    ]


def _elsewhere(choice: SignupChoice, lines: Sequence[SignupFormLine]) -> list[TickedElsewhere]:
    """The ticked people whose row is not shown."""
    others = choice.people - {line.candidate.person_id for line in lines}
    names = exams.own_names(db.session(), others, request_context.current_actor()) if others else {}
    known = {category.value: category for category in CURRENT_CATEGORIES}
    codes = {key: choice.categories.get(key, "") for key in names}
    return [TickedElsewhere(key, name, codes[key], known.get(codes[key], "")) for key, name in names.items()]


def _line(candidate: SignupCandidate, choice: SignupChoice, here: str, *, again: bool) -> SignupFormLine:
    """``again`` offers a further category to those already listed; off by default, so that “tick all” adds nobody twice."""
    group, offered = _group(candidate), candidate.open_categories
    only = offered[0].value if group == OPEN and len(offered) == 1 else ""  # several fit: the clerk has to choose
    chosen = choice.categories.get(candidate.person_id) or only
    return SignupFormLine(
        candidate,
        group,
        candidate.person_id in choice.people,
        chosen,
        bool(offered) and (group == OPEN or (again and group == LISTED)),
        [_gap(refusal, here) for refusal in candidate.lacks],
        _why(candidate),
        gaps_of(_later(candidate), here),
    )


def _group(candidate: SignupCandidate) -> str:
    if candidate.bars:
        return BARRED
    if candidate.signed_up:
        return LISTED
    if candidate.lacks:
        return LACKS
    return OPEN if candidate.open_categories else BARRED


def _gap(refusal: Refusal, here: str) -> Gap:
    """A refusal with its link; a missing scan by the name of its kind only, as the row names the person."""
    part = refusal.place.part if refusal.place else ""
    kind = next((kind for kind in PaperKind if kind.value == part), None)
    return (kind.label if kind else refusal.sentence, url_of(refusal.place, back=here))


def _why(candidate: SignupCandidate) -> list[Gap]:
    """The refusals that no scan fixes; for people on the list only those that bar the person."""
    refusals = list(candidate.bars)
    if not candidate.signed_up and not candidate.open_categories and not candidate.lacks:
        refusals += [refusal for theirs in candidate.per_category.values() for refusal in theirs]
    return gaps_of(refusals)


def _later(candidate: SignupCandidate) -> list[Refusal]:
    """Of the categories signed up for, or else those that can be chosen."""
    categories = candidate.signed_up or candidate.open_categories
    return [warning for category in categories for warning in candidate.warnings.get(category, ())]


def _unsent(notice_id: int) -> list[int]:
    """Ids of the own sign-ups that are saved but not submitted."""
    query = select(ExamSignup.id).where(
        ExamSignup.notice_id == notice_id,
        ExamSignup.state == SignupState.SELECTED,
        reach(request_context.current_actor(), ExamSignup),
    )
    return list(db.session.scalars(query.order_by(ExamSignup.id)))
