"""The course of an import: who uploads, checks, confirms and reads its report."""

from datetime import timedelta
from io import BytesIO

import pytest
import xlwt
from openpyxl import load_workbook
from sqlalchemy import select

from app.applications import legacy_import, sheet_imports
from app.applications.legacy_import.columns import template
from app.applications.sheet_imports.batches import StoredSheet
from app.core.errors import NotAllowed, NotFound, Stale
from app.core.office import Office
from app.core.vocabulary import OLD_SYSTEM, AuditAction, ImportPhase, Role
from app.files.spreadsheets import Column, SheetRefused, write
from app.models import Account, AuditEntry, Certificate, ExamPass, Person, SheetImport
from tests import hostile_sheets, make
from tests.applications.sheet_imports.conftest import ADMIN, confirm, count, course, hand_in, let_go, outcomes, results, take
from tests.applications.sheet_imports.sheets import ACCOUNTS, CERTIFICATES, OTHER, PASSES, row, sheet


def test_a_dry_run_writes_nothing_and_promises_what_the_import_keeps(session, means, app):
    for kind in OLD_SYSTEM:
        rows = [row(kind), row(kind, uscc="1")] if kind is ACCOUNTS else [row(kind), row(kind, name="3"), row(kind)]
        import_id = hand_in(means, kind, sheet(kind, *rows))
        promised, before = results(means, import_id), [count(session, m) for m in (Account, Person, ExamPass, Certificate)]
        assert before == [count(session, m) for m in (Account, Person, ExamPass, Certificate)]
        assert course(means, import_id).phase is ImportPhase.CHECKED
        confirm(means, import_id)
        sheet_imports.take_over(means, import_id, at=make.NOON)
        assert results(means, import_id) == promised
        done = course(means, import_id)
        assert (done.phase, done.done, done.counts["refused"], done.sheet_object) == (ImportPhase.DONE, len(rows), 1, None)


def test_only_what_was_checked_is_confirmed_and_only_once(session, means):
    import_id = hand_in(means, PASSES, sheet(PASSES, row(PASSES)))
    with means.sessions() as other, pytest.raises(Stale):
        sheet_imports.confirm(other, import_id, "0" * 64, ADMIN, at=make.NOON)
    confirm(means, import_id)
    with pytest.raises(Stale):
        confirm(means, import_id)


def test_a_sheet_that_was_set_aside_is_not_imported(session, means):
    import_id = hand_in(means, PASSES, sheet(PASSES, row(PASSES)))
    shown = course(means, import_id).shown
    with means.sessions.begin() as other:
        sheet_imports.discard(other, import_id, shown, ADMIN, at=make.NOON)
    with pytest.raises(Stale):
        confirm(means, import_id)
    sheet_imports.take_over(means, import_id, at=make.NOON)
    assert count(session, Person) == 0


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_but_the_administrator_imports_or_reads_a_report(session, means, role):
    actor, at = make.officer(role), make.NOON
    import_id = hand_in(means, PASSES, sheet(PASSES, row(PASSES)))
    digest = course(means, import_id).shown
    actions = (
        lambda: sheet_imports.receive(session, PASSES, StoredSheet("x", "", ""), actor, at=at, office=Office()),
        lambda: sheet_imports.confirm(session, import_id, digest, actor, at=at),
        lambda: sheet_imports.discard(session, import_id, digest, actor, at=at),
        lambda: sheet_imports.report_of(session, means.store, import_id, actor),
        lambda: sheet_imports.refused_of(session, means.store, import_id, actor),
        lambda: legacy_import.read_passwords(session, means.store, import_id, actor),
        lambda: legacy_import.take_passwords(session, import_id, digest, actor, at=at),
    )
    for action in actions:
        with pytest.raises((NotAllowed, NotFound)):
            action()


HOSTILE = (
    *(lambda: hostile_sheets.zip_bomb(300 * 1024 * 1024), hostile_sheets.laughing_entities, hostile_sheets.outside_entity),
    *(hostile_sheets.duplicate_part, hostile_sheets.overlapping, hostile_sheets.ole_file, hostile_sheets.truncated),
    lambda: hostile_sheets.with_part("xl/vbaProject.bin"),
    *(lambda: b"", lambda: b"%PDF-1.4", lambda: b"<html>", hostile_sheets.bad_checksum),
)


@pytest.mark.parametrize("made", HOSTILE, ids=range(len(HOSTILE)))
def test_malformed_files_are_refused_on_upload(means, made):
    data = made()
    with pytest.raises(SheetRefused):
        sheet_imports.keep(means.store, data, "x.xlsx")
    assert not list(means.store.folder.glob("??/??/*"))


@pytest.mark.parametrize(
    ("data", "fault"),
    [(template(PASSES), "no row"), (hostile_sheets.last_cell_only(), ""), (hostile_sheets.tall(100_001), "")],
    ids=["template", "last-cell", "tall"],
)
def test_a_sheet_that_cannot_be_read_says_why(means, data, fault):
    found = course(means, hand_in(means, PASSES, data))
    assert (found.phase, bool(found.sheet_object)) == (ImportPhase.UNREADABLE, bool(found.layout))
    assert found.fault
    assert fault in found.fault


def test_a_sheet_whose_titles_are_not_understood_stays_for_the_answer(means):
    data = write([Column("a", "姓名"), Column("b", "乙")], [{"a": 1}], sheet_title="x")
    found = course(means, hand_in(means, PASSES, data))
    assert (found.phase, "column is missing" in found.fault, found.layout["unmapped"]) == (
        *(ImportPhase.UNREADABLE, True),
        ["乙"],
    )
    assert found.sheet_object


def test_files_lie_sealed_for_the_owner_only_and_go_when_their_time_has_come(session, means):
    import_id, number = hand_in(means, PASSES, sheet(PASSES, row(PASSES))), b"PK\x03\x04"
    lying = list(means.store.folder.glob("??/??/*"))
    assert [(place.stat().st_mode & 0o777, number in place.read_bytes()) for place in lying] == [(0o600, False)] * 2
    assert {place.name for place in lying} == stored_objects(session)
    session.rollback()
    for days, left in ((29, 2), (31, 0)):
        with means.sessions.begin() as other:
            sheet_imports.expire(other, at=make.NOON + timedelta(days=days))
        assert len(stored_objects(session)) == left
        session.rollback()
    assert course(means, import_id).report_object is None


def test_what_a_job_still_works_on_does_not_expire(session, means):
    import_id = hand_in(means, PASSES, sheet(PASSES, row(PASSES)))
    for phase, kept in ((ImportPhase.UNDOING, True), (ImportPhase.IMPORTING, True), (ImportPhase.DONE, False)):
        with means.sessions.begin() as other:
            other.get_one(SheetImport, import_id).phase = phase
        with means.sessions.begin() as other:
            sheet_imports.expire(other, at=make.NOON + timedelta(days=99))
        assert (course(means, import_id).layout is not None) is kept


def stored_objects(session) -> set[str]:
    return {digest for row in session.execute(select(*sheet_imports.STORED_OBJECTS)) for digest in row if digest}


def test_an_import_and_its_report_are_logged_without_id_numbers(session, means):
    number = make.id_number()
    import_id = take(means, PASSES, row(PASSES, id_number=number))
    with means.sessions() as other:
        _data, summary = sheet_imports.report_of(other, means.store, import_id, ADMIN)
    lines = session.scalars(select(AuditEntry).where(AuditEntry.table == "legacy_import").order_by(AuditEntry.id)).all()
    assert [line.deed for line in lines][:2] == [AuditAction.CREATE, AuditAction.CHANGE]
    counts = {"added": 1, "updated": 0, "unchanged": 0, "doubtful": 0, "refused": 0, "total": 1}
    assert counts | {"phase": "done"} in [line.change for line in lines]
    assert summary["rows"] == 1
    assert number not in str([summary, *(line.change for line in lines)])


def test_the_uploaders_workbook_comes_back_and_goes_in_again_without_doubling(session, means, app):
    """Also the refused rows alone; the wrong cell is put right in what was downloaded."""
    wrong_cells = {ACCOUNTS: ("uscc", OTHER), PASSES: ("category", "C2"), CERTIFICATES: ("valid_to", "2028-01-01")}
    for kind, (wrong, right) in wrong_cells.items():
        firms = [{"uscc": make.uscc(n), "enterprise": f"第{n}建筑公司"} if kind is ACCOUNTS else {} for n in (11, 12, 13)]
        at = [column.key for column in legacy_import.COLUMNS[kind]].index(wrong) + 1
        book = load_workbook(BytesIO(sheet(kind, *(row(kind, **firm) for firm in firms))))
        book.active.cell(3, at).value = "错"
        book.active.column_dimensions["B"].width, book.create_sheet("底表")["A1"] = 47, "=1+1"
        report, alone = map(load_workbook, map(BytesIO, downloads(means, take(means, kind, data=saved(book)))))
        assert (report.sheetnames[-1], report.active.column_dimensions["B"].width) == ("底表", 47)
        said = [cell.value.partition(":")[0] for cell in list(report.active.columns)[-1]]
        assert said == ["Import of the row", "Row added", "Row refused", "Row added"]
        assert (report.active.cell(3, at).comment is None, alone.active.max_row) == (False, 2)
        report.active.cell(3, at).value = alone.active.cell(2, at).value = right
        assert outcomes(means, take(means, kind, data=saved(report))) == ["unchanged", "added", "unchanged"]
        assert outcomes(means, take(means, kind, data=saved(alone))) == ["unchanged"]


def test_the_refused_rows_of_a_dry_run_come_out_of_a_copy_whose_sheet_has_another_name(means, app):
    book = xlwt.Workbook()
    table = book.add_sheet("名单 ")  # Excel takes no such name
    for place, (key, value) in enumerate(row(PASSES, category="错").items()):
        table.write(0, place, next(str(column.title) for column in legacy_import.COLUMNS[PASSES] if column.key == key))
        table.write(1, place, value)
    import_id = hand_in(means, PASSES, saved(book))
    shown = course(means, import_id).shown
    with means.sessions.begin() as other:
        sheet_imports.end_dry_run(other, import_id, shown, ADMIN, at=make.NOON)
    for data in downloads(means, import_id):
        assert list(load_workbook(BytesIO(data)).active.columns)[-1][0].value == "Check of the row"


def saved(book) -> bytes:
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def downloads(means, import_id) -> list[bytes]:
    let_go()
    with means.sessions() as session:
        ways = sheet_imports.report_of, sheet_imports.refused_of
        return [way(session, means.store, import_id, ADMIN)[0] for way in ways]
