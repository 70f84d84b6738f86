"""Import of an enterprise's people from a workbook: preview, then all or nothing.

The file is parsed again on import and must have the digest of the preview. Imported people have no scans yet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from hashlib import sha256
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.core.clock import office_day
from app.core.errors import Refusal, Stale, Unmet
from app.core.identifiers import parse_id_number, parse_mobile
from app.core.office import Office
from app.core.spellings import term_parser
from app.core.vocabulary import AuditAction, Education, Position, Role, RowOutcome, TechnicalTitle
from app.db import audit
from app.files.fonts import parse_printable_name
from app.files.row_preview import PreviewRow, preview_of
from app.files.spreadsheets import Answers, CellError, Column, Layout, SheetLine, read_lines, titles, write
from app.models import Person

MOST_PEOPLE = 2_000  # per workbook
MOST_ERRORS = 500  # listed in a preview
LONGEST_MAJOR = 60
CHANGEABLE = ("mobile", "education", "major", "technical_title", "position")  # of a person whom the sheet brings back
ADDED, UPDATED, UNCHANGED, _DOUBTFUL, REFUSED = RowOutcome


def parse_major(text: str) -> str:
    if len(text) > LONGEST_MAJOR:
        raise ValueError(_("At most %(n)s characters fit here.", n=LONGEST_MAJOR))
    return " ".join(text.split())


# Synonyms found on diplomas, in contracts and in workbooks of other offices.
_EDUCATION = {
    "研究生": Education.POSTGRADUATE, "硕士": Education.POSTGRADUATE, "博士": Education.POSTGRADUATE,
    "硕士研究生": Education.POSTGRADUATE, "博士研究生": Education.POSTGRADUATE,
    "本科": Education.BACHELOR, "大学本科": Education.BACHELOR, "大学": Education.BACHELOR,
    "大专": Education.COLLEGE, "专科": Education.COLLEGE, "大学专科": Education.COLLEGE,
    "中专": Education.SECONDARY, "高中": Education.SECONDARY, "中技": Education.SECONDARY, "职高": Education.SECONDARY,
    "其他": Education.OTHER, "初中": Education.OTHER,
}  # fmt: skip
_TITLES = {
    "正高级": TechnicalTitle.SENIOR_PLUS, "正高级工程师": TechnicalTitle.SENIOR_PLUS,
    "正高": TechnicalTitle.SENIOR_PLUS, "教授级高级工程师": TechnicalTitle.SENIOR_PLUS, "教高": TechnicalTitle.SENIOR_PLUS,
    "高级": TechnicalTitle.SENIOR, "副高级": TechnicalTitle.SENIOR, "高级工程师": TechnicalTitle.SENIOR,
    "高工": TechnicalTitle.SENIOR, "副高": TechnicalTitle.SENIOR,
    "中级": TechnicalTitle.INTERMEDIATE, "工程师": TechnicalTitle.INTERMEDIATE,
    "初级": TechnicalTitle.JUNIOR, "助理工程师": TechnicalTitle.JUNIOR, "助工": TechnicalTitle.JUNIOR,
    "技术员": TechnicalTitle.JUNIOR,
    "无": TechnicalTitle.NONE, "无职称": TechnicalTitle.NONE,
}  # fmt: skip
_POSITIONS = {
    "法定代表人": Position.LEGAL_REPRESENTATIVE, "法人代表": Position.LEGAL_REPRESENTATIVE,
    "总经理": Position.GENERAL_MANAGER, "总裁": Position.GENERAL_MANAGER, "总经理(总裁)": Position.GENERAL_MANAGER,
    "分管安全生产的副总经理": Position.SAFETY_DEPUTY, "安全副总经理": Position.SAFETY_DEPUTY,
    "安全副总": Position.SAFETY_DEPUTY,
    "分管生产经营的副总经理": Position.PRODUCTION_DEPUTY, "生产副总经理": Position.PRODUCTION_DEPUTY,
    "生产副总": Position.PRODUCTION_DEPUTY,
    "技术负责人": Position.TECHNICAL_DIRECTOR, "总工程师": Position.TECHNICAL_DIRECTOR,
    "安全总监": Position.SAFETY_DIRECTOR,
    "项目负责人": Position.PROJECT_MANAGER, "项目经理": Position.PROJECT_MANAGER,
    "项目负责人(项目经理)": Position.PROJECT_MANAGER,
    "专职": Position.SAFETY_OFFICER, "专职安全员": Position.SAFETY_OFFICER, "安全员": Position.SAFETY_OFFICER,
    "专职安全生产管理人员": Position.SAFETY_OFFICER,
}  # fmt: skip

ROSTER_COLUMNS = (
    Column("name", _("Full name"), parse=parse_printable_name, also=titles.NAME),
    Column("id_number", _("ID number"), parse=parse_id_number, numbers=True, width=24, also=titles.ID_NUMBER),
    Column("mobile", _("Mobile no."), parse=parse_mobile, required=False, numbers=True, width=16, also=titles.MOBILE),
    Column(
        *("education", _("Education")),
        parse=term_parser(Education, _EDUCATION),
        also=titles.EDUCATION,
        choices=tuple(Education),
    ),
    Column("major", _("Major"), parse=parse_major, required=False, width=20, also=titles.MAJOR),
    Column(
        *("technical_title", _("Technical title")),
        parse=term_parser(TechnicalTitle, _TITLES),
        required=False,
        also=titles.TECHNICAL_TITLE,
        choices=tuple(TechnicalTitle),
    ),
    Column(
        *("position", _("Position")),
        parse=term_parser(Position, _POSITIONS),
        width=26,
        also=titles.POSITION,
        choices=tuple(Position),
    ),
)


def _columns(on: date, office: Office) -> tuple[Column, ...]:
    """The columns as they are read on a day: by then a person must be old enough."""
    parse = partial(parse_id_number, on=on, least_age=office.least_age)
    return tuple(replace(column, parse=parse) if column.key == "id_number" else column for column in ROSTER_COLUMNS)


_TITLE = {column.key: column.title for column in ROSTER_COLUMNS}


@dataclass(slots=True)
class RosterPreview:
    """What an import of the file with this ``digest`` would do, or its errors; ``rows`` are all rows as they were read.

    ``people`` are added, in sheet order; ``returning`` counts those who have a record and no employer. ``kept`` are already
    employed by the enterprise and stay unchanged.
    """

    digest: str
    errors: list[CellError] = field(default_factory=list)
    people: list[SheetLine] = field(default_factory=list)
    kept: list[SheetLine] = field(default_factory=list)
    returning: int = 0
    rows: list[PreviewRow] = field(default_factory=list)
    layout: Layout = field(default_factory=Layout)


def roster_template() -> bytes:
    """An empty workbook to fill in, with a note of the accepted words."""
    lists = [(_TITLE["education"], Education), (_TITLE["technical_title"], TechnicalTitle), (_TITLE["position"], Position)]
    note = "　".join(f"{title}: {'、'.join(str(term) for term in words)}" for title, words in lists)
    return write(ROSTER_COLUMNS, (), sheet_title=_("People"), note=note, to_fill_in=True)


def read_people(
    session: Session, data: bytes, actor: Actor, *, on: date, office: Office, answers: Answers | None = None
) -> RosterPreview:
    """The preview: every bad cell by row and column, and who would be added. Raises ``SheetRefused``. Writes nothing.

    ``answers``: texts in place of cells, by row and column key.
    """
    actor.demand(Role.ENTERPRISE_CLERK)
    return _preview(session, data, actor, on, office, answers)[0]


def import_people(
    session: Session, data: bytes, actor: Actor, *, at: datetime, office: Office, digest: str, answers: Answers | None = None
) -> RosterPreview:
    """Add everybody, or raise ``Unmet`` with every bad cell; ``Stale`` if ``digest`` is not that of the preview.

    A fixed number of queries. The caller commits.
    """
    actor.demand(Role.ENTERPRISE_CLERK)
    preview, known = _preview(session, data, actor, office_day(at), office, answers, lock=True)
    if preview.digest != digest:
        raise Stale(_("This is not the file that was checked. Please choose the file again and check it first."))
    if preview.errors:
        raise Unmet([_as_refusal(error) for error in preview.errors])
    for row in preview.people:
        person = known.get(row.values["id_number"])
        if person is None:
            session.add(Person(enterprise_id=actor.enterprise_id, **_facts(row)))
        else:
            _reemploy(person, row, actor)
    summary = {"rows": len(preview.people), "sha256": preview.digest}
    audit.log(session, actor.name, AuditAction.CREATE, Person, "", {"roster": summary}, at=at)
    try:
        session.flush()  # of concurrent imports of one sheet, the unique index lets one through
    except IntegrityError:
        raise Stale(_("Somebody entered one of these people in the meantime. Please check the file once more.")) from None
    return preview


def _facts(row: SheetLine) -> dict[str, Any]:
    return {**row.values, "major": row.values["major"] or ""}


def _reemploy(person: Person, row: SheetLine, actor: Actor) -> None:
    """A person without an employer: filled cells overwrite the record, empty ones do not."""
    for key, value in _given(row).items():
        setattr(person, key, value)
    person.enterprise_id = actor.enterprise_id


def _given(row: SheetLine) -> dict[str, Any]:
    return {key: row.values[key] for key in CHANGEABLE if row.values[key] is not None}


def _preview(
    session: Session, data: bytes, actor: Actor, on: date, office: Office, answers: Answers | None, *, lock: bool = False
) -> tuple[RosterPreview, dict[str, Person]]:
    preview, columns = RosterPreview(sha256(data).hexdigest()), _columns(on, office)
    table = read_lines(data, columns, most_rows=MOST_PEOPLE, answers=answers)
    lines, preview.layout = list(table.lines), table.layout
    preview.errors += table.errors
    first: dict[str, int] = {}
    known = _known(session, [line.values["id_number"] for line in lines if line.is_sound], lock=lock)
    for line in lines:
        person = known.get(line.values["id_number"]) if line.is_sound else None
        faults = list(_faults(line, person, actor, first)) if line.is_sound else []
        preview.errors += [*line.errors, *faults]
        preview.rows.append(_classified(line, person, actor, preview, faults))
    if not lines and not preview.errors:
        preview.errors.append(CellError(2, "", _("There is nobody in this sheet. Please fill in one person per row.")))
    preview.errors.sort(key=lambda error: error.row)
    del preview.errors[MOST_ERRORS + 1 :]
    return preview, known


def _known(session: Session, numbers: Sequence[str], *, lock: bool) -> dict[str, Person]:
    if not numbers:
        return {}
    query = select(Person).where(Person.id_number_key.in_(numbers)).order_by(Person.id)
    if lock:
        query = query.with_for_update()
    return {person.id_number: person for person in session.scalars(query)}


def _faults(line: SheetLine, person: Person | None, actor: Actor, first: dict[str, int]) -> Iterator[CellError]:
    """What stands against a sound row; ``first`` has the row of each ID number so far."""
    twin = first.setdefault(line.values["id_number"], line.number)
    if twin != line.number:
        yield CellError(line.number, _TITLE["id_number"], _("This ID number stands in row %(n)s already.", n=twin))
    elif person is not None and person.enterprise_id not in (None, actor.enterprise_id):
        sentence = _(
            "This ID number is registered with another enterprise, which has to remove the person first. If it does not, "
            "apply to the authority with proof that the employment has ended; with a certificate, file a transfer."
        )
        yield CellError(line.number, _TITLE["id_number"], sentence)
    elif person is not None and person.name != line.values["name"]:
        sentence = _("This ID number is on record with another name. Please check both.")
        yield CellError(line.number, _TITLE["name"], sentence)


def _classified(
    line: SheetLine, person: Person | None, actor: Actor, preview: RosterPreview, faults: Sequence[CellError]
) -> PreviewRow:
    if line.errors or faults or not line.is_sound:
        return preview_of(ROSTER_COLUMNS, line, REFUSED, faults=faults)
    if person is not None and person.enterprise_id == actor.enterprise_id:
        preview.kept.append(line)
        return preview_of(ROSTER_COLUMNS, line, UNCHANGED, stored={key: getattr(person, key) for key in CHANGEABLE})
    preview.people.append(line)
    if person is None:
        return preview_of(ROSTER_COLUMNS, line, ADDED)
    preview.returning += 1
    now, given = {key: getattr(person, key) for key in CHANGEABLE}, _given(line)
    was = {key: now[key] for key, value in given.items() if value != now[key]}
    return preview_of(ROSTER_COLUMNS, line, UPDATED, stored=now | given, was=was)


def _as_refusal(error: CellError) -> Refusal:
    sentence = _("Row %(row)s, %(title)s: %(sentence)s", row=error.row, title=error.title, sentence=error.sentence)
    return Refusal("bad-cell", sentence, field=f"row-{error.row}")
