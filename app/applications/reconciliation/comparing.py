"""Compares certificates, passed exams and refused rows of sheets with each other, column by column.

The one module that loads pandas (decision 0035). Only the worker imports it, when a comparison runs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from app.applications.reconciliation.rules import MOST_SIDES, ComparisonRules, Discovery, bare_number, unlike_number, year_in
from app.core.discrepancy_vocabulary import DiscrepancyKind
from app.core.identifiers import name_key
from app.core.vocabulary import CertificateStatus

Table = Any  # pandas.DataFrame, which brings no types
DAYS = ("first_issued_on", "issued_on", "valid_from", "valid_to", "birth_date", "passed_on")
CERTIFICATE = (
    *("id", "person_id", "enterprise_id", "number", "category", "status", "holder"),
    *("first_issued_on", "issued_on", "valid_from", "valid_to", "name", "birth_date"),
)
PASS = ("id", "person_id", "category", "passed_on", "examined", "name", "birth_date")
SHEET_ROW = ("side", "number", "id_number", "name", "valid_from", "valid_to", "person")
AT_A_TIME = 16  # the part of all numbers that is compared at once
RENEWAL_GRACE = 3  # days by which months of different length let a renewal end later
_IN_FORCE = (CertificateStatus.VALID.value, CertificateStatus.SUSPENDED.value)
_COVERS = {"C3": ("C3", "C1", "C2")}  # domain.md 3.1


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """Rows as a table of these columns, days as days."""
    found = pd.DataFrame.from_records([tuple(row) for row in rows], columns=list(columns))
    for name in DAYS:
        if name in found:
            found[name] = pd.to_datetime(found[name], format="%Y-%m-%d", errors="coerce")
    return found


# --- one portion: all certificates and passes of some people ------------------------------------------------


def of_people(held: Table, passes: Table, rules: ComparisonRules) -> list[Discovery]:
    """What is wrong within a certificate or a pass, or between those of one person. ``CERTIFICATE`` and ``PASS`` tables."""
    return [
        *_single(held, rules),
        *_too_young(passes, "pass", "passed_on", rules),
        *_categories(held, rules),
        *_enterprises(held, rules),
        *_names(held, passes),
    ]


def _single(held: Table, rules: ComparisonRules) -> Iterator[Discovery]:
    """Of each certificate by itself."""
    yield from _each(DiscrepancyKind.ENDS_FIRST, held[held.valid_to < held.issued_on], ("issued_on", "valid_to"))
    yield from _each(
        DiscrepancyKind.TERM, held[held.valid_to > _latest_end(held, rules)], ("issued_on", "valid_from", "valid_to")
    )
    unlike = [unlike_number(category, number) for category, number in zip(held.category, held.number, strict=True)]
    yield from _each(DiscrepancyKind.CATEGORY_NUMBER, held[pd.Series(unlike, held.index, bool)], ("category", "number"))
    later = held.number.map(year_in) > held.first_issued_on.dt.year
    yield from _each(DiscrepancyKind.YEAR_NUMBER, held[later], ("number", "first_issued_on"))
    yield from _too_young(held, "certificate", "first_issued_on", rules)


def _latest_end(held: Table, rules: ComparisonRules) -> Table:
    """The last day that the rules can have given: a first term, or a renewal at the earliest; no day if that is at any time.

    One day of grace: many offices write the same day of the later year.
    """
    begun = held[["valid_from", "issued_on"]].max(axis=1)
    first = begun + pd.DateOffset(years=rules.years)
    if not rules.window:
        return first.mask(held.issued_on > held.first_issued_on)
    renewed = begun + pd.DateOffset(years=rules.years, months=rules.window, days=RENEWAL_GRACE)
    return first.where(held.issued_on == held.first_issued_on, renewed)


def _too_young(rows: Table, side: str, day: str, rules: ComparisonRules) -> Iterator[Discovery]:
    young = rows[rows[day] < rows.birth_date + pd.DateOffset(years=rules.least_age)]
    yield from _each(DiscrepancyKind.TOO_YOUNG, young, (day, "birth_date"), side)


def _in_force(held: Table, rules: ComparisonRules) -> Table:
    return held[held.status.isin(_IN_FORCE) & (held.valid_to >= pd.Timestamp(rules.on))]


def _categories(held: Table, rules: ComparisonRules) -> Iterator[Discovery]:
    """C3 covers C1 and C2. An A for each of several enterprises is allowed (domain.md 3.2)."""
    wide = _in_force(held, rules).assign(covered=lambda now: now.category.map(lambda one: _COVERS.get(one, (one,))))
    wide = wide.explode("covered")
    wide["place"] = wide.enterprise_id.where(wide.category == "A", 0)
    again = wide[wide.duplicated(["person_id", "covered", "place"], keep=False)].drop_duplicates("id")
    yield from _groups(DiscrepancyKind.CATEGORY_TWICE, again, ("category", "number", "valid_to"))


def _enterprises(held: Table, rules: ComparisonRules) -> Iterator[Discovery]:
    now = _in_force(held, rules)
    now = now[now.category != "A"]
    several = now[now.groupby("person_id").enterprise_id.transform("nunique") > 1]
    yield from _groups(DiscrepancyKind.ENTERPRISES, several, ("enterprise_id", "number", "valid_to"))


def _names(held: Table, passes: Table) -> Iterator[Discovery]:
    """Names on certificates and of who was examined that are not the person's; the person is one ID number."""
    columns = ["side", "person_id", "name", "other", "number"]
    every = pd.concat(
        [
            held.assign(side="certificate:" + held.id.astype(str), other=held.holder)[columns],
            passes.assign(side="pass:" + passes.id.astype(str), other=passes.examined, number="")[columns],
        ]
    )
    every = every[every.other.fillna("") != ""]
    unlike = every[every.other.map(name_key) != every.name.map(name_key)]
    for person, rows in unlike.groupby("person_id"):
        sides = (f"person:{person}", *rows.side)
        values = _told(rows, ("side", "name", "other"))
        yield Discovery(
            DiscrepancyKind.NAMES, f"person:{person}", sides[:MOST_SIDES], values, rows.name.iloc[0], rows.number.max()
        )


def _each(kind: DiscrepancyKind, rows: Table, columns: Sequence[str], side: str = "certificate") -> Iterator[Discovery]:
    for row in _rows(rows):
        values = "\t".join(str(getattr(row, name)) for name in columns)
        subject, holder = f"{side}:{row.id}", getattr(row, "holder", row.name)
        yield Discovery(kind, subject, (subject,), values, holder, getattr(row, "number", ""))


def _rows(found: Table) -> Iterator[Any]:
    return iter(found.itertuples(index=False))


def _groups(kind: DiscrepancyKind, rows: Table, columns: Sequence[str]) -> Iterator[Discovery]:
    """One discrepancy for the rows of each person."""
    for person, group in rows.groupby("person_id"):
        yield _of_certificates(kind, f"person:{person}", group, columns)


def _of_certificates(kind: DiscrepancyKind, subject: str, group: Table, columns: Sequence[str]) -> Discovery:
    group = group.sort_values("id")
    sides = tuple("certificate:" + group.id.astype(str))[:MOST_SIDES]
    return Discovery(kind, subject, sides, _told(group, ("id", *columns)), group.holder.iloc[0], group.number.iloc[0])


def _told(rows: Table, columns: Sequence[str]) -> str:
    """The values compared, whatever the order of the rows."""
    return "\n".join(sorted("\t".join(map(str, row)) for row in rows[list(columns)].itertuples(index=False)))


# --- numbers, over all people ---------------------------------------------------------------------------------


class Numbers:
    """Collects the numbers of all certificates as 64-bit digests: 16 bytes for each certificate."""

    def __init__(self) -> None:
        self._parts: list[Table] = []

    def add(self, held: Table) -> None:
        digests = pd.util.hash_pandas_object(held.number.map(bare_number).astype(object), index=False)
        self._parts.append(pd.DataFrame({"digest": digests, "id": held.id}))

    def alike(self) -> Iterator[list[int]]:
        """The ids of certificates that seem to have one number, for each such number."""
        for rest in range(AT_A_TIME if self._parts else 0):  # what finds equal ones takes 40 bytes each
            some = pd.concat([part[part.digest % AT_A_TIME == rest] for part in self._parts], ignore_index=True)
            for _digest, group in some[some.digest.duplicated(keep=False)].groupby("digest"):
                yield [int(key) for key in group.id]


def of_numbers(held: Table) -> list[Discovery]:
    """Certificates of one number in several spellings: of one person, or of several."""
    found = []
    alike = held.assign(bare=held.number.map(bare_number))
    for bare, group in alike[alike.duplicated("bare", keep=False)].groupby("bare"):
        kind = DiscrepancyKind.NUMBER_TWICE if group.person_id.nunique() == 1 else DiscrepancyKind.NUMBER_SHARED
        found.append(_of_certificates(kind, f"number:{bare}"[:80], group, ("number", "person_id", "valid_to")))
    return found


# --- rows that an import refused ------------------------------------------------------------------------------


def of_refused_rows(rows: Table, held: Table, people: Mapping[str, tuple[int, str]]) -> list[Discovery]:
    """What a refused row says against the books: a ``SHEET_ROW`` table, and the certificates of its numbers.

    ``people``: ID number → id and name on record.
    """
    ids = rows.id_number.map(lambda number: people.get(number, (0, ""))[0])
    rows = rows.assign(known_id=ids, known_name=rows.id_number.map(lambda number: people.get(number, (0, ""))[1]))
    both = rows[rows.number != ""].merge(held, on="number", suffixes=("", "_held"))
    named = (both.name != "") & (both.name.map(name_key) != both.holder.map(name_key))
    other = (both.known_id != both.person_id).where(both.id_number != "", named)
    differs = both.valid_to.notna() & (both.valid_to != both.valid_to_held)
    unlike = rows[(rows.known_id > 0) & (rows.name != "") & (rows.name.map(name_key) != rows.known_name.map(name_key))]
    return [
        *(_against(DiscrepancyKind.NUMBER_SHARED, row, f"certificate:{row.id}") for row in _rows(both[other])),
        *(_against(DiscrepancyKind.NUMBER_TWICE, row, f"certificate:{row.id}") for row in _rows(both[~other & differs])),
        *(_against(DiscrepancyKind.NAMES, row, f"person:{row.known_id}") for row in _rows(unlike)),
        *(_against(DiscrepancyKind.ENDS_FIRST, row) for row in _rows(rows[rows.valid_to < rows.valid_from])),
    ]


def _against(kind: DiscrepancyKind, row: Any, *other: str) -> Discovery:
    """Of a row of a sheet, which may come again in another sheet: so its place is none of the values."""
    values = "\t".join(map(str, (row.number, row.id_number, row.name, row.valid_from, row.valid_to, *other)))
    subject = f"{row.person[:20]}:{name_key(row.name) if kind is DiscrepancyKind.NAMES else row.number}"[:80]
    return Discovery(kind, subject, (row.side, *other), values, row.name[:50], row.number)
