"""The documents of a case: its letters as they were issued, the application form and the record of the steps.

Form and record are drawn from the submitted snapshot when they are opened. PDFs are always in Chinese.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import select

from app.accounts.access import reach
from app.applications.letters import case_letters, issue
from app.applications.letters.text import page_of
from app.certificates.pdf import letters as paper
from app.core.vocabulary import MatterKind, PaperKind, Role
from app.db.session import db
from app.eligibility.facts import Facts
from app.files.storage import FileMissing
from app.models import Application, Paper, Step
from app.web import request_context
from app.web.applications.review.letter_links import part_of
from app.web.applications.review.matter_details import details_of
from app.web.applications.review.presentation import Pairs, about_case, about_person
from app.web.applications.review.progress import history
from app.web.base import text_of
from app.web.base.printed_forms import as_text, drawn, head, in_chinese
from app.web.certificates.letter_file import pdf_of_step

FORMS: Mapping[MatterKind, object] = {  # 申报表, the heading of each matter
    MatterKind.NEW: _("Application form for the work safety assessment certificate"),
    MatterKind.RENEWAL: _("Application form for the renewal of the work safety assessment certificate"),
    MatterKind.TRANSFER: _("Application form for the transfer of the work safety assessment certificate"),
    MatterKind.REPLACEMENT: _("Application form for the replacement of the work safety assessment certificate"),
    MatterKind.CANCELLATION: _("Application form for the cancellation of the work safety assessment certificate"),
}
RECORD = _("Record of the procedure")


@dataclass(frozen=True, slots=True)
class CaseLetter:
    """A slip, notice or decision: as it was issued, or as it will be."""

    part: str  # anchor on the page and part of the URL
    page: paper.LetterText
    issued: bool


def letters_of(case: Application) -> list[CaseLetter]:
    """The letters of this case in the order of its steps."""
    issued = issue.letters_by_step(db.session(), [case.id])
    return [_letter(case, step, issued) for step in case.steps if case_letters.has_letter(step)]


def _letter(case: Application, step: Step, issued: Mapping[int, Any]) -> CaseLetter:
    part = part_of(step)
    if letter := issued.get(step.id):
        return CaseLetter(part, page_of(letter.face), issued=True)
    return CaseLetter(part, _draft(case, step).page, issued=False)


def _draft(case: Application, step: Step) -> Any:
    return case_letters.draft_of(case, step, request_context.office_then)


def may_see_numbers(case: Application) -> bool:
    """Whether ID numbers are shown in full: only to the filing enterprise, not to the old one of a transfer."""
    actor = request_context.current_actor()
    return Role.ENTERPRISE_CLERK in actor.roles and actor.enterprise_id == case.enterprise_id


def documents_of(case: Application, facts: Facts) -> dict[str, tuple[str, Callable[[], bytes]]]:
    """By part: file name and PDF of the form, every letter and the record of the steps, in this order."""
    documents = {"form": (f"{in_chinese(FORMS[case.matter])}.pdf", lambda: drawn(_form, case, facts))}
    for step in case.steps:
        if case_letters.has_letter(step):
            name = f"{case_letters.title_of(case, step)}.pdf"
            documents[part_of(step)] = name, partial(pdf_of_step, step.id, partial(_draft, case, step))
    documents["steps"] = f"{in_chinese(RECORD)}.pdf", lambda: drawn(_steps, case)
    return documents


def preview_of(case: Application, facts: Facts) -> tuple[str, bytes]:
    """File name and PDF of the form of what is not submitted yet, as it stands now; marked as a preview on each page."""
    marked = partial(_form, watermark=in_chinese(_("Preview: not submitted")))
    return f"{in_chinese(FORMS[case.matter])}.pdf", drawn(marked, case, facts)


def _form(case: Application, facts: Facts, *, watermark: str = "") -> paper.Form:
    in_full = may_see_numbers(case)
    claim = details_of(facts, in_full=in_full, today=False)
    asked: Pairs = [
        *(pair[:2] for pair in claim.reason),
        *((change.label, f"{text_of(change.before) or '—'} → {text_of(change.after) or '—'}") for change in claim.changes),
    ]
    opinions: Pairs = [(step["label"], _in_lines(step["text"], step["who"], step["at"])) for step in reversed(history(case))]
    tables = (
        (gettext("About the person"), about_person(facts, in_full=in_full)),
        (gettext("Application"), [(gettext("Kind of application"), case.matter), *about_case(case, facts)]),
        (gettext("Certificate acted upon"), claim.certificate),
        (gettext("What is asked for"), asked),
    )
    return paper.Form(
        **head(FORMS[case.matter], case.number, request_context.current_office()),
        tables=tuple((caption, as_text(pairs)) for caption, pairs in tables),
        wide=((gettext("Opinions of the authority"), as_text(opinions)),),
        photo=_photo(facts),
        watermark=watermark,
    )


def _photo(facts: Facts) -> bytes | None:
    """The photo as submitted, for those who may see papers; None if it was not handed in or is gone."""
    paper_id = facts.submitted["papers"].get(PaperKind.PHOTO.value)
    mine = reach(request_context.current_actor(), Paper)
    photo = db.session.scalars(select(Paper).where(Paper.id == paper_id, mine)).one_or_none() if paper_id else None
    if photo is None or photo.removed_at is not None or not photo.mime.startswith("image/"):
        return None
    try:
        return request_context.store().read(photo.digest)
    except FileMissing:
        return None


def _steps(case: Application) -> paper.Form:
    lines: Pairs = [
        (text_of(step["at"]), _in_lines(f"{step['label']} → {step['result']}", step["text"], step["who"]))
        for step in reversed(history(case))
    ]
    return paper.Form(
        **head(RECORD, case.number, request_context.current_office()), tables=(), wide=((gettext("History"), as_text(lines)),)
    )


def _in_lines(*parts: object) -> str:
    return "\n".join(text_of(part) for part in parts if part)
