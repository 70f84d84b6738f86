"""The submitted facts of a case as label/value pairs, and its scans; read from the snapshot, personal numbers masked."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import url_for
from flask_babel import gettext
from sqlalchemy import select

from app.accounts.access import reach
from app.applications.attachments import PaperRemoved
from app.core.identifiers import mask_birth_date, mask_id, mask_mobile
from app.core.vocabulary import Education, MatterKind, PaperKind, PassSource, Position, Sex, TechnicalTitle, Term
from app.db.session import db
from app.eligibility import corrections
from app.eligibility.facts import Facts
from app.models import Application, Paper
from app.web import request_context
from app.web.base import text_of
from app.web.base.review_queue import Scan

Pairs = list[tuple[object, ...]]  # label, value and, if it can be marked for correction, the item

CODED_FIELDS: Mapping[str, type[Term]] = {
    "position": Position,
    "education": Education,
    "technical_title": TechnicalTitle,
    "sex": Sex,
}


def code_label(terms: type[Term], code: str) -> str:
    """The label of a stored code; empty for an unknown or empty code."""
    return next((str(term) for term in terms if term.value == code), "")


def _birth_date(person: Mapping[str, str], *, in_full: bool) -> str:
    return person["birth_date"] if in_full else mask_birth_date(person["birth_date"])


def about_person(case: Facts, *, in_full: bool = False) -> Pairs:
    person = case.submitted["person"]
    return [
        (gettext("Full name"), person["name"]),
        (gettext("ID number"), person["id_number"] if in_full else mask_id(person["id_number"])),
        (gettext("Sex"), code_label(Sex, person["sex"])),
        (gettext("Birth date"), _birth_date(person, in_full=in_full)),
        (gettext("Position"), code_label(Position, person["position"])),
        (gettext("Education"), _joined(code_label(Education, person["education"]), person["major"])),
        (gettext("Technical title"), code_label(TechnicalTitle, person["technical_title"])),
        (gettext("Mobile"), mask_mobile(person["mobile"]) if person["mobile"] else ""),
    ]


def about_case(application: Application, case: Facts) -> Pairs:
    submitted = case.submitted
    handler = submitted["handler"]
    return [
        (gettext("Personnel category"), str(application.category)),
        *([(gettext("Exam passed on"), exam_label(submitted.get("exam")))] if case.matter is MatterKind.NEW else []),
        (gettext("Enterprise"), submitted["enterprise"]["name"]),
        (gettext("Unified social credit code"), submitted["enterprise"]["uscc"]),
        (gettext("Handler"), handler["name"]),
        (gettext("Handler's mobile"), mask_mobile(handler["mobile"])),
        (gettext("Application number"), application.number),
        (gettext("Filing"), application.filing.number),
        (gettext("Submitted at"), text_of(application.submitted_at)),
        (gettext("Acceptance number"), application.acceptance_number),
    ]


def brief(application: Application, case: Facts, *, in_full: bool = False) -> Pairs:
    """The facts an officer decides on, without the name, category and number in the page header."""
    person = case.submitted["person"]
    pairs: Pairs = [
        (gettext("ID number"), person["id_number"] if in_full else mask_id(person["id_number"])),
        _sex_and_birth(person, in_full=in_full),
        (gettext("Position"), code_label(Position, person["position"])),
        (gettext("Education"), _joined(code_label(Education, person["education"]), person["major"])),
        (gettext("Technical title"), code_label(TechnicalTitle, person["technical_title"])),
        *about_filing(application, case),
    ]
    return [pair for pair in pairs if pair[1]]


def item_by_item(application: Application, case: Facts, *, in_full: bool = False) -> Pairs:
    """Like ``brief``, with one line for every item that can be marked, empty items included."""
    person = case.submitted["person"]
    texts = {"id_number": person["id_number"] if in_full else mask_id(person["id_number"])}
    texts |= {name: code_label(terms, person[name]) for name, terms in CODED_FIELDS.items()}
    texts["mobile"] = mask_mobile(person["mobile"]) if person["mobile"] else ""
    lines: Pairs = [(label, texts.get(name, person[name]), f"person.{name}") for name, label in corrections.PERSON.items()]
    return [*lines, _sex_and_birth(person, in_full=in_full), *(pair for pair in about_filing(application, case) if pair[1])]


def _sex_and_birth(person: Mapping[str, str], *, in_full: bool) -> tuple[object, ...]:
    return gettext("Sex"), _joined(code_label(Sex, person["sex"]), _birth_date(person, in_full=in_full))


def about_filing(application: Application, case: Facts) -> Pairs:
    submitted = case.submitted
    enterprise, handler = submitted["enterprise"], submitted["handler"]
    return [
        (gettext("Exam passed on"), exam_label(submitted.get("exam"))),
        (gettext("Enterprise"), enterprise["name"]),
        (gettext("Unified social credit code"), enterprise["uscc"]),
        (gettext("Handler"), _joined(handler["name"], mask_mobile(handler["mobile"]))),
        (gettext("Submitted at"), text_of(application.submitted_at)),
        (gettext("Acceptance number"), application.acceptance_number),
    ]


def exam_label(exam: Mapping[str, Any] | None) -> str:
    if not exam:
        return ""
    return str(gettext("%(day)s, %(source)s", day=exam["passed_on"], source=code_label(PassSource, exam["source"])))


def _joined(*parts: object) -> str:
    return " · ".join(str(part) for part in parts if str(part))


def scans_of(case: Facts, before: Mapping[str, Any] | None = None) -> list[Scan]:
    """Every paper the matter asks for, as submitted; none at all for readers who may not see papers.

    ``before`` is the snapshot of the submission before: what differs from it stands in front, with what it was.
    """
    old = _replaced(case, before)
    found = _within_reach(old.values()) if old else {}
    scans = [_scan(kind, paper, found.get(old.get(kind, 0))) for kind, paper in papers_of(case)]
    return sorted(scans, key=lambda scan: scan.before is None)


def papers_of(case: Facts) -> list[tuple[PaperKind, Paper | None]]:
    """The same with the rows themselves; None was not handed in, or is out of the reader's reach."""
    wanted = _wanted(case)
    ids = [paper_id for _kind, paper_id in wanted if paper_id]
    found = _within_reach(ids)
    return [(kind, found.get(paper_id or 0)) for kind, paper_id in wanted] if found or not ids else []


def _within_reach(ids: Iterable[int]) -> dict[int, Paper]:
    mine = select(Paper).where(Paper.id.in_(ids), reach(request_context.current_actor(), Paper))
    return {paper.id: paper for paper in db.session.scalars(mine)}


def _replaced(case: Facts, before: Mapping[str, Any] | None) -> dict[PaperKind, int]:
    """The scans of the submission before, of the kinds of which another was handed in since."""
    if not before or not case.snapshot:
        return {}
    changed = {change.item: change.before for change in corrections.changes(before, case.snapshot) if change.before}
    old = {kind: changed[item] for kind, item in _ITEMS.items() if item in changed}
    if isinstance(old.get(PaperKind.QUALIFICATION), list):  # several, of which one at least is another now
        gone = [key for key in old.pop(PaperKind.QUALIFICATION) if key not in case.snapshot["qualifications"]]
        old |= {PaperKind.QUALIFICATION: gone[0]} if gone else {}
    return old


def _wanted(case: Facts) -> list[tuple[PaperKind, int | None]]:
    submitted = case.submitted
    company = (PaperKind.QUALIFICATION, PaperKind.PLEDGE)
    asked = case.required_papers(request_context.today())
    own = dict.fromkeys((*(kind for kind in asked if kind not in company), *map(PaperKind, submitted["papers"])))  # type: ignore[arg-type]
    wanted: list[tuple[PaperKind, int | None]] = [(kind, submitted["papers"].get(kind.value)) for kind in own]
    if PaperKind.QUALIFICATION in asked or submitted["qualifications"]:
        wanted += [(PaperKind.QUALIFICATION, paper_id) for paper_id in submitted["qualifications"] or [None]]
    if PaperKind.PLEDGE in asked or submitted["pledge"]:
        wanted.append((PaperKind.PLEDGE, submitted["pledge"]))
    return wanted


_ITEMS: Mapping[PaperKind, str] = {
    **{kind: f"papers.{kind.value}" for kind in PaperKind},
    PaperKind.QUALIFICATION: "qualifications",
    PaperKind.PLEDGE: "pledge",
}


def _scan(kind: PaperKind, paper: Paper | None, before: Paper | None = None) -> Scan:
    old = _scan(kind, before) if before else None
    if paper is None:
        return Scan(kind.label, item=_ITEMS[kind], before=old)
    if paper.removed_at is not None:
        return Scan(kind.label, item=_ITEMS[kind], gone=PaperRemoved(paper).sentence, before=old)
    pdf = paper.mime != "image/jpeg"
    small = "" if pdf else url_for("PaperView.small", paper_id=paper.id)
    return Scan(
        kind.label, url_for("PaperView.open", paper_id=paper.id), small, pdf, paper.filename, item=_ITEMS[kind], before=old
    )
