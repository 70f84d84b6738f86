"""An enterprise's people as they come in from a sheet, row by row. Imported people have no scans yet."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.identifiers import BadNumber, parse_id_number, parse_mobile
from app.core.office import Office
from app.core.spellings import term_parser
from app.core.vocabulary import Education, Position, RowOutcome, TechnicalTitle
from app.files.fonts import parse_printable_name
from app.files.row_preview import PreviewRow, preview_of
from app.files.spreadsheets import CellError, Column, SheetLine, titles, write
from app.models import Person

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


_TITLE = {column.key: column.title for column in ROSTER_COLUMNS}


class RosterRow(NamedTuple):
    """What a row of a roster does: adds somebody, brings ``person`` back who has no employer, or nothing (``preview``).

    ``given``: the values that are written; none if nothing is.
    """

    line: SheetLine
    preview: PreviewRow
    person: Person | None = None
    given: Mapping[str, Any] = MappingProxyType({})


def roster_template() -> bytes:
    """An empty workbook to fill in, with a note of the accepted words."""
    lists = [(_TITLE["education"], Education), (_TITLE["technical_title"], TechnicalTitle), (_TITLE["position"], Position)]
    note = "　".join(f"{title}: {'、'.join(str(term) for term in words)}" for title, words in lists)
    return write(ROSTER_COLUMNS, (), sheet_title=_("People"), note=note, to_fill_in=True)


class RosterCheck:
    """Compares a sheet with the people on record, chunk by chunk; a fixed number of queries for each."""

    def __init__(self, enterprise_id: int, on: date, office: Office) -> None:
        self.enterprise_id, self.on, self.office = enterprise_id, on, office
        self._first: dict[str, int] = {}  # ID number → row

    def note(self, lines: Iterable[SheetLine]) -> None:
        """Take note of the next rows, once each: an ID number may stand in one of them only."""
        for line in lines:
            if line.is_sound:
                self._first.setdefault(line.values["id_number"], line.number)

    def check(self, session: Session, lines: Sequence[SheetLine]) -> list[RosterRow]:
        """What each row does. Locks the people on record; writes nothing."""
        numbers = [line.values["id_number"] for line in lines if line.is_sound]
        query = select(Person).where(Person.id_number_key.in_(numbers)).order_by(Person.id).with_for_update()
        known = {person.id_number: person for person in session.scalars(query)} if numbers else {}
        return [self._judged(line, known.get(line.values["id_number"]) if line.is_sound else None) for line in lines]

    def write(self, session: Session, rows: Sequence[RosterRow]) -> list[Person]:
        """Add or bring back the person of each such row, in their order. Filled cells overwrite, empty ones do not."""
        people = []
        for row in rows:
            person = row.person or Person()
            for key, value in row.given.items():
                setattr(person, key, value)
            person.enterprise_id = self.enterprise_id
            people.append(person)
        session.add_all(people)
        session.flush()
        return people

    def _judged(self, line: SheetLine, person: Person | None) -> RosterRow:
        faults = list(self._faults(line, person)) if line.is_sound else []
        if faults or not line.is_sound:
            return RosterRow(line, preview_of(ROSTER_COLUMNS, line, REFUSED, faults=faults))
        if person is None:
            given = {**line.values, "major": line.values["major"] or ""}
            return RosterRow(line, preview_of(ROSTER_COLUMNS, line, ADDED), None, given)
        now = {key: getattr(person, key) for key in CHANGEABLE}
        if person.enterprise_id == self.enterprise_id:
            return RosterRow(line, preview_of(ROSTER_COLUMNS, line, UNCHANGED, stored=now))
        given = {key: line.values[key] for key in CHANGEABLE if line.values[key] is not None}
        was = {key: now[key] for key, value in given.items() if value != now[key]}
        back = [_("Known to the system and employed by nobody; comes onto your list.")]
        preview = preview_of(ROSTER_COLUMNS, line, UPDATED, stored=now | given, was=was, reasons=back)
        return RosterRow(line, preview, person, given)

    def _faults(self, line: SheetLine, person: Person | None) -> Iterator[CellError]:
        """What stands against a sound row."""
        number, twin = line.values["id_number"], self._first.get(line.values["id_number"], line.number)
        if twin != line.number:
            yield CellError(line.number, _TITLE["id_number"], _("This ID number stands in row %(n)s already.", n=twin))
        elif person is None:
            try:
                parse_id_number(number, on=self.on, least_age=self.office.least_age)
            except BadNumber as error:
                yield CellError(line.number, _TITLE["id_number"], error.sentence)
        elif person.enterprise_id not in (None, self.enterprise_id):
            sentence = _(
                "This ID number is registered with another enterprise, which has to remove the person first. If it does not, "
                "apply to the authority with proof that the employment has ended; with a certificate, file a transfer."
            )
            yield CellError(line.number, _TITLE["id_number"], sentence)
        elif person.name != line.values["name"]:
            sentence = _("This ID number is on record with another name. Please check both.")
            yield CellError(line.number, _TITLE["name"], sentence)
