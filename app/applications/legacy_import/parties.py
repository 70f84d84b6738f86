"""The people and enterprises of old records: found in the database, or to be added.

A person is identified by ID number, an enterprise by credit code, in all sheets. Existing ones are not changed; the
employer is only set for new people.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flask_babel import lazy_gettext as _
from sqlalchemy import insert, or_, select
from sqlalchemy.orm import Session

from app.applications.legacy_import.columns import variants
from app.core.identifiers import birth_date, fold_enterprise_name, fold_name, sex
from app.core.regions import region_named
from app.core.vocabulary import AccountSource, Registration
from app.files.spreadsheets import SheetLine
from app.models import Enterprise, Person, Region


@dataclass(slots=True, eq=False)
class Firm:
    """An enterprise; to be added if it has no id."""

    name: str
    uscc: str
    region_code: str
    id: int | None = None
    source: AccountSource = AccountSource.LEGACY
    contact: str = ""
    mobile: str | None = None
    legal_representative: str = ""
    address: str = ""
    telephone: str = ""


@dataclass(slots=True, eq=False)
class Human:
    """A person; to be added if without an id."""

    name: str
    id_number: str
    firm: Firm | None
    id: int | None = None
    employer_id: int | None = None

    def works_elsewhere(self, firm: Firm | None) -> bool:
        """Whether the database, or an earlier row, has another employer than this row."""
        if firm is None:
            return False
        if self.firm is not None:
            return self.firm.uscc != firm.uscc
        return self.employer_id is not None and self.employer_id != firm.id


class RowRefused(Exception):
    """Why a row cannot be taken over, as a sentence."""


class RowDoubtful(Exception):
    """What a cell of a row leaves open, as a sentence; ``readings`` are the texts that settle it."""

    def __init__(self, sentence: object, key: str, *readings: str) -> None:
        super().__init__(sentence)
        self.key, self.readings = key, readings


class Parties:
    """All people and enterprises of the rows so far, including those that a dry run would add."""

    def __init__(self, province: str) -> None:
        self.province = province
        self.firms: dict[str, Firm] = {}
        self.humans: dict[str, Human] = {}
        self.regions: dict[str, str] = {}
        self._named: dict[str, set[str]] = defaultdict(set)  # folded name -> credit codes

    def load(self, session: Session, lines: Sequence[SheetLine]) -> None:
        """Load regions, enterprises and people of these rows in three queries."""
        self.regions = {row.code: row.name for row in session.execute(select(Region.code, Region.name))}
        codes = {line.values["uscc"] for line in lines if line.values.get("uscc")}
        names = {name for line in lines if line.values.get("enterprise") for name in variants(line.values["enterprise"])}
        for row in session.execute(
            select(
                Enterprise.id,
                Enterprise.name,
                Enterprise.uscc,
                Enterprise.region_code,
                Enterprise.source,
                Enterprise.contact,
                Enterprise.contact_mobile,
                Enterprise.legal_representative,
                Enterprise.address,
                Enterprise.telephone,
            ).where(or_(Enterprise.uscc.in_(codes), Enterprise.name.in_(names)))
        ):
            more = (row.id, row.source, row.contact, row.contact_mobile, row.legal_representative, row.address, row.telephone)
            self.adopt_firm(Firm(row.name, row.uscc, row.region_code, *more))
        numbers = {line.values["id_number"] for line in lines if "id_number" in line.values}
        if numbers:
            people = select(Person.id, Person.name, Person.id_number, Person.enterprise_id)
            for known in session.execute(people.where(Person.id_number_key.in_(numbers))):
                self.humans[known.id_number] = Human(known.name, known.id_number, None, known.id, known.enterprise_id)

    def adopt_firm(self, firm: Firm) -> None:
        self.firms[firm.uscc] = firm
        self._named[fold_enterprise_name(firm.name)].add(firm.uscc)

    # --- who a row is about ----------------------------------------------------------------------------------

    def firm_of(self, line: SheetLine) -> Firm | None:
        """The enterprise of a row, new if its credit code is unknown; None where the row names none. Raises ``Refused``."""
        name, uscc = line.values.get("enterprise"), line.values.get("uscc")
        if uscc:
            known = self.firms.get(uscc)
            if known is None and not name:
                raise RowRefused(_("No enterprise with this credit code is on the books. Please add its name to the row."))
            return known or Firm(name or "", uscc, self.region_of(uscc))
        if not name:
            return None
        codes = self._named[fold_enterprise_name(name)]
        if not codes:
            raise RowRefused(_("No enterprise of this name is on the books. Please add its credit code to the row."))
        if len(codes) > 1:
            raise RowRefused(_("Several enterprises bear this name. Please add the credit code to the row."))
        return self.firms[next(iter(codes))]

    def region_of(self, uscc: str, typed: str | None = None) -> str:
        """A region's code by its typed name or number, else the prefecture in the credit code, else the province."""
        if typed:
            if code := region_named(typed, self.regions, self.province):
                return code
            raise RowRefused(_("“%(text)s” is not a region of this province.", text=typed[:20]))
        code = f"{uscc[2:6]}00"
        return code if code in self.regions else self.province

    def human_of(self, line: SheetLine, firm: Firm | None) -> Human:
        """The person of a row, new if the ID number is unknown. Raises ``Refused`` where the name differs."""
        name, number = line.values["name"], line.values["id_number"]
        known = self.humans.get(number)
        if known is None:
            return Human(name, number, firm)
        if fold_name(known.name).casefold() != name.casefold():
            raise RowRefused(_("The name differs from the one on record for this ID number. Please check both."))
        return known

    def adopt(self, *parties: Firm | Human | None) -> None:
        """Remember the people and enterprises of an accepted row."""
        for party in parties:
            if isinstance(party, Firm):
                self.adopt_firm(party)
            elif party is not None:
                self.humans.setdefault(party.id_number, party)

    # --- writing -----------------------------------------------------------------------------------

    def write(self, session: Session, firms: Iterable[Firm | None], humans: Iterable[Human]) -> None:
        """Insert the new ones among these and set their ids; at most four statements."""
        self._write_firms(session, {firm.uscc: firm for firm in firms if firm is not None and firm.id is None})
        self._write_humans(session, {human.id_number: human for human in humans if human.id is None})

    @staticmethod
    def _write_firms(session: Session, new: dict[str, Firm]) -> None:
        if not new:
            return
        rows = [
            {
                "name": firm.name,
                "uscc": firm.uscc,
                "region_code": firm.region_code,
                "address": firm.address,
                "legal_representative": firm.legal_representative,
                "contact": firm.contact,
                "contact_mobile": firm.mobile,
                "telephone": firm.telephone,
                "source": AccountSource.LEGACY,
                "registration": Registration.APPROVED,
            }
            for firm in new.values()
        ]
        session.execute(insert(Enterprise), rows)
        for row in session.execute(select(Enterprise.id, Enterprise.uscc).where(Enterprise.uscc.in_(new))):
            new[row.uscc].id = row.id

    @staticmethod
    def _write_humans(session: Session, new: dict[str, Human]) -> None:
        if not new:
            return
        rows = [
            {
                "enterprise_id": human.firm.id if human.firm else None,
                "name": human.name,
                "id_number": number,
                "id_number_key": number,
                "sex": sex(number),
                "birth_date": birth_date(number),
                "major": "",
            }
            for number, human in new.items()
        ]
        session.execute(insert(Person), rows)
        ids = select(Person.id, Person.id_number).where(Person.id_number_key.in_(new))
        for row in session.execute(ids):
            human = new[row.id_number]
            human.id, human.employer_id = row.id, human.firm.id if human.firm else None
