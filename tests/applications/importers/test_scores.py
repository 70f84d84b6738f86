"""Scores as an import: whose it is, in chunks, killed half-way, undone as a whole."""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import func, insert, select, update

from app import exams
from app.applications import sheet_imports
from app.applications.sheet_imports import run
from app.core.errors import NotAllowed, NotFound, Stale, Unmet
from app.core.vocabulary import Category, ImportKind, ImportPhase, Role, Sex, SignupState
from app.files.spreadsheets import write
from app.models import AuditEntry, ExamNotice, ExamSignup, ImportedRow, Person
from tests import make
from tests.applications.sheet_imports.conftest import confirm, count, course, hand_in, let_go, results, take, undo
from tests.at_once import at_once

CLERK = make.officer(Role.EXAM_CLERK)
SCORES = ImportKind.SCORES


@pytest.fixture
def signups(session) -> list[ExamSignup]:
    """Six people who were admitted to an exam."""
    firm, notice = make.enterprise(), make.notice(published_at=make.NOON)
    session.add_all([firm, notice])
    session.flush()
    people = [make.person(firm, name=name) for name in ("赵一", "钱二", "孙三", "李四", "周五", "吴六")]
    session.add_all(people)
    session.flush()
    made = [make.signup(notice, one, state=SignupState.ADMITTED, submitted_at=make.NOON) for one in people]
    session.add_all(made)
    session.commit()
    return made


def cells(signup, score, **more) -> dict[str, object]:
    person = signup.person
    return {"number": signup.number, "name": person.name, "id_number": person.id_number, "score": score, **more}


def sheet(signups, *scores) -> bytes:
    rows = [cells(one, score) for one, score in zip(signups, scores, strict=False)]
    return write(exams.READ_COLUMNS, rows, sheet_title="成绩")


def brought(means, signups, *scores) -> int:
    return take(means, SCORES, data=sheet(signups, *scores), actor=CLERK, about=signups[0].notice_id)


def marks(session) -> list[object]:
    session.rollback()
    rows = session.execute(select(ExamSignup.score, ExamSignup.absent).order_by(ExamSignup.id)).all()
    session.rollback()
    return ["absent" if absent else score if score is None else int(score) for score, absent in rows]


def test_nothing_goes_in_before_every_row_is_sound_and_an_answer_makes_it_so(session, means, signups, app):
    notice_id = signups[0].notice_id
    data = write(exams.READ_COLUMNS, [cells(signups[0], 80), cells(signups[1], 120)], sheet_title="成绩")
    import_id = hand_in(means, SCORES, data, actor=CLERK, about=notice_id)
    with pytest.raises(Unmet, match="1 rows must be put right first"):
        confirm(means, import_id, actor=CLERK)
    with means.sessions.begin() as other:
        answers = sheet_imports.SheetAnswers(cells={(3, "score"): "缺考"})
        sheet_imports.answer(other, import_id, f"{course(means, import_id).sha256}:0", answers, CLERK, at=make.NOON)
    sheet_imports.check(means, import_id, at=make.NOON)
    found = course(means, import_id)
    assert (found.counts["added"], found.total, len(found.layout["warnings"])) == (2, 2, 2)  # 4 are missing; it is early
    confirm(means, import_id, actor=CLERK)
    sheet_imports.take_over(means, import_id, at=make.NOON)
    assert marks(session) == [80, "absent", None, None, None, None]


def test_whoever_is_killed_half_way_goes_on_and_a_number_is_still_known_to_stand_twice(session, means, signups, monkeypatch):
    monkeypatch.setattr(run, "CHUNK", 2)
    rows = [cells(one, 70) for one in signups[:5]] + [cells(signups[0], None)]
    import_id = hand_in(
        means, SCORES, write(exams.READ_COLUMNS, rows, sheet_title="成绩"), actor=CLERK, about=signups[0].notice_id
    )
    confirm(means, import_id, actor=CLERK)

    def dies(done, _all):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sheet_imports.take_over(replace(means, progress=dies), import_id, at=make.NOON)
    assert (marks(session), course(means, import_id).done) == ([70, 70, 70, 70, None, None], 4)
    at_once(lambda number: sheet_imports.take_over(means, number, at=make.NOON), [import_id, import_id])
    assert (marks(session), count(session, ImportedRow)) == ([70, 70, 70, 70, 70, None], 6)
    logged = select(AuditEntry).where(AuditEntry.table == "exam_signup")
    assert len([line for line in session.scalars(logged) if "score" in line.change]) == 5


def test_what_changes_between_check_and_import_stays_out_with_its_reason(session, means, signups, app):
    import_id = hand_in(means, SCORES, sheet(signups, 80, 70), actor=CLERK, about=signups[0].notice_id)
    confirm(means, import_id, actor=CLERK)
    session.execute(update(ExamSignup).where(ExamSignup.id == signups[0].id).values(state=SignupState.SUBMITTED))
    session.commit()
    sheet_imports.take_over(means, import_id, at=make.NOON)
    assert [outcome for outcome, _why in results(means, import_id)] == ["refused", "added"]
    assert "not admitted" in results(means, import_id)[0][1]


def test_an_import_is_undone_while_the_scores_are_a_draft_and_nobody_changed_them_since(session, means, signups, app):
    first = brought(means, signups, 80, 70, "缺考")
    second = brought(means, signups, 85)
    refused = undo(means, first, actor=CLERK)
    assert (refused.phase, "changed since (rows 2)" in refused.fault) == (ImportPhase.DONE, True)
    assert marks(session)[:3] == [85, 70, "absent"]
    assert undo(means, second, actor=CLERK).phase is ImportPhase.UNDONE
    assert marks(session)[:3] == [80, 70, "absent"]
    with pytest.raises(Stale):
        undo(means, second, actor=CLERK)
    assert undo(means, first, actor=CLERK).phase is ImportPhase.UNDONE
    assert marks(session) == [None] * 6
    assert session.scalars(select(ExamNotice.scores_imported_at)).one() is None
    final = brought(means, signups, *(60 for _one in signups))
    session.execute(update(ExamNotice).values(scores_submitted_at=make.NOON))
    session.commit()
    assert "they are final" in undo(means, final, actor=CLERK).fault
    assert marks(session) == [60] * 6


def test_nobody_else_brings_in_reads_or_undoes_scores(session, means, signups):
    notice_id, data = signups[0].notice_id, sheet(signups, 80)
    import_id = brought(means, signups, 80)
    below, admin = make.officer(Role.EXAM_CLERK, region="430100"), make.officer(Role.ADMIN)
    for actor, refusal in ((below, NotFound), (admin, NotAllowed), (make.officer(Role.REVIEWER), NotAllowed)):
        with pytest.raises(refusal):
            hand_in(means, SCORES, data, actor=actor, about=notice_id)
        for deed in (
            lambda _at, who: undo(means, import_id, actor=who),
            lambda at, who: sheet_imports.report_of(at, means.store, import_id, who),
        ):
            with means.sessions() as other, pytest.raises(NotFound):
                deed(other, actor)
    assert marks(session)[0] == Decimal(80)


def test_a_lost_id_number_is_proposed_from_the_sign_up(means, signups, app):
    number = signups[0].person.id_number
    lost = number[:-1] + ("1" if number[-1] != "1" else "2")
    data = write(exams.READ_COLUMNS, [cells(signups[0], 80, id_number=lost), cells(signups[1], 70)], sheet_title="成绩")
    import_id = hand_in(means, SCORES, data, actor=CLERK, about=signups[0].notice_id)
    let_go()
    with means.sessions() as session:
        rows = sheet_imports.page_of(session, import_id, None, 0)
        batch = sheet_imports.import_of(session, import_id, CLERK)
        [offered] = sheet_imports.proposals(session, batch, rows, CLERK).values()
    assert [one.number for one in offered.values()] == [number]


@pytest.mark.proof
def test_a_hundred_thousand_scores_are_checked_and_imported_chunk_by_chunk(session, means, signups):
    notice_id, firm = signups[0].notice_id, signups[0].enterprise_id
    numbers = [make.id_number() for _n in range(100_000)]
    facts = {"enterprise_id": firm, "sex": Sex.MALE, "birth_date": make.TODAY.replace(year=1985), "major": ""}
    people = [{"name": "考生", "id_number": number, "id_number_key": number, **facts} for number in numbers]
    session.execute(insert(Person), people)
    ids = session.scalars(select(Person.id).where(Person.name == "考生").order_by(Person.id)).all()
    facts = {"notice_id": notice_id, "enterprise_id": firm, "region_code": "430100", "category": Category.A, "absent": False}
    facts |= {"state": SignupState.ADMITTED, "created_at": make.NOON, "reviewed_by": "", "reason": ""}
    session.execute(insert(ExamSignup), [{**facts, "person_id": one, "number": f"BM-{one:06d}"} for one in ids])
    session.commit()
    rows = [
        {"number": f"BM-{one:06d}", "name": "考生", "id_number": number, "score": one % 101}
        for one, number in zip(ids, numbers, strict=True)
    ]
    seen = list[int]()
    noted = replace(means, progress=lambda done, _all: seen.append(done))
    import_id = take(noted, SCORES, data=write(exams.READ_COLUMNS, rows, sheet_title="成绩"), actor=CLERK, about=notice_id)
    assert (course(means, import_id).counts["added"], seen.count(50_000)) == (100_000, 2)
    assert session.scalar(select(func.count(ExamSignup.id)).where(ExamSignup.score.is_not(None))) == 100_000
