"""Links to the letters of an application, from the moment that its step is taken."""

from collections.abc import Mapping

from flask import url_for
from flask_babel import lazy_gettext as _

from app.applications.letters.case_letters import has_letter, title_of
from app.core.vocabulary import LETTER_OF, LetterKind, State
from app.models import Application, Step
from app.web.base import Link

SHORT: Mapping[LetterKind, object] = {
    LetterKind.NON_ACCEPTANCE: _("Written notice"),
    LetterKind.GRANT: _("Written decision"),
    LetterKind.REFUSAL: _("Written decision"),
    LetterKind.EXTENSION: _("Notice of extension (short)"),
}


def letter_links(case: Application) -> list[Link]:
    """One for each letter, the newest first; opening it issues it, if the worker has not come to it yet."""
    return [_link(case, step, title_of(case, step), icon="file-text") for step in _lettered(case)]


def newest_letter_link(case: Application) -> list[Link]:
    """The newest letter, in a word that fits a list; none before there is one."""
    return [_link(case, step, SHORT.get(LETTER_OF[step.action]) or title_of(case, step)) for step in _lettered(case)[:1]]


def _lettered(case: Application) -> list[Step]:
    if case.state is State.DRAFT:  # withdrawn: it has no archive until it is submitted again
        return []
    return [step for step in reversed(case.steps) if has_letter(step)]


def part_of(step: Step) -> str:
    """The part of the archive that is the letter of this step."""
    return f"letter-{step.id}"


def _link(case: Application, step: Step, label: object, icon: str = "") -> Link:
    address = url_for("ArchiveView.letter", application_id=case.id, part=part_of(step))
    return Link(label, address, icon=icon, external=True)
