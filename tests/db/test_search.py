"""Search of names and numbers: the same rows on both databases, those that a plain look at the folded text finds."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update

from app.core.pinyin import spellings
from app.core.search_text import search_fold
from app.db import migrate, search
from app.models import Application, Certificate, Enterprise, Person
from tests import make

# Few characters, so that names share parts: with several readings, rare ones, Latin letters, marks that forms fold.
MARKS = "王张单乐行长重伟芳〇𠮷龘ABbcz1２Ａ·•．（( ）)-　" + "\U00031350"
NAMES = st.text(MARKS, min_size=1, max_size=7)


def holds(name: str, query: str) -> bool:
    """What a search means: part of the folded name, or the beginning of one of its spellings."""
    folded, wanted = search_fold(name), search_fold(query)
    as_sound = wanted.isascii() and wanted.isalpha() and len(wanted) > 1
    return wanted in folded or (as_sound and any(one.startswith(wanted) for one in spellings(folded)))


def people_found(session, typed: str) -> set[str] | None:
    condition = search.found(session, Person.name, typed)
    return None if condition is None else set(session.scalars(select(Person.name).where(condition).order_by(Person.id)))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(NAMES, min_size=1, max_size=8, unique=True), typed=st.lists(NAMES, min_size=1, max_size=8))
def test_a_search_finds_what_a_plain_look_at_the_folded_names_finds(session, names, typed):
    """However common a word is."""
    session.add_all(make.person(name=name) for name in names)
    session.flush()
    typed += [name[at : at + 2] for name in names for at in range(0, len(name), 2)]
    typed += [one[:4] for name in names for one in spellings(search_fold(name))]
    for query in typed:
        expected = {name for name in names if holds(name, query)} if search_fold(query) else None
        for common in (search.COMMON, 0):
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(search, "COMMON", common)
                assert people_found(session, query) == expected, query
    session.rollback()


def test_both_forms_of_a_condition_find_the_same(session, monkeypatch):
    """SQLite has one for rare words and one for common words."""
    monkeypatch.setattr(search, "COMMON", 1)
    session.add_all(make.person(name=name) for name in ("王伟", "王芳", "汪伟", "Wang Wei", "张三"))
    session.flush()
    for typed, expected in {"王": 2, "伟": 2, "wang": 4, "wangw": 3, "ww": 2, "wei": 3, "张": 1, "an": 1}.items():
        condition = search.found(session, Person.name, typed)
        names = session.scalars(select(Person.name).where(condition).order_by(Person.id)).all()
        counted = session.scalar(select(func.count()).select_from(select(Person.id).where(condition).subquery()))
        assert (len(names), counted) == (expected, expected), typed


def test_search_follows_every_way_of_writing_a_row(session):
    firm = make.enterprise(name="长沙重工（集团）有限公司")
    first, second = make.person(firm, name="单乐"), make.person(firm, name="李雷")
    session.add_all([first, second])
    session.flush()
    assert people_found(session, "shanyue") == people_found(session, "sl") == {"单乐"}
    first.name = "欧阳修"
    session.flush()
    assert people_found(session, "单") == set()
    assert people_found(session, "阳") == people_found(session, "oyx") == {"欧阳修"}
    session.execute(update(Person), [{"id": first.id, "name": "买买提·吐尔逊"}, {"id": second.id, "name": "Ａｎｎ Li"}])
    assert people_found(session, "提吐") == people_found(session, "提 • 吐") == {"买买提·吐尔逊"}
    assert people_found(session, "annl") == {"Ａｎｎ Li"}
    session.delete(second)
    session.flush()
    assert people_found(session, "ann") == set()
    for typed in ("重工(集", "沙重工集团", "cszg", "changshazhonggong", "csz"):
        assert session.scalars(select(Enterprise.id).where(search.found(session, Enterprise.name, typed))).all() == [firm.id]
    by_code = search.found(session, Enterprise.uscc, firm.uscc[:10].lower())
    assert session.scalars(select(Enterprise.id).where(by_code)).all() == [firm.id]


def test_a_bulk_update_of_one_source_keeps_what_comes_from_the_others(session):
    certificate = make.certificate(make.person(make.enterprise()), number="湘建安C1(2026)0000123", holder="李雷")
    session.add(certificate)
    session.flush()
    session.execute(update(Certificate), [{"id": certificate.id, "holder": "韩梅梅"}])

    def found(column, typed):
        return session.scalars(select(Certificate.id).where(search.found(session, column, typed))).all()

    for typed in ("湘建安c1（2026）0000123", "湘建安", "2026", "0000123", "123", "C1 (2026) 00001"):
        assert found(Certificate.number, typed) == [certificate.id], typed
    for typed in ("000123", "26", "0124", "韩梅梅", "hmm"):
        assert found(Certificate.number, typed) == [], typed
    assert found(Certificate.holder, "hmm") == found(Certificate.holder, "梅") == [certificate.id]
    assert found(Certificate.holder, "李") == found(Certificate.holder, "123") == []


def test_a_search_through_relations_reaches_the_rows_that_refer_to_a_hit(session, monkeypatch):
    firm = make.enterprise()
    cases = [make.application(make.person(firm, name=name), number=f"430000-AG-20260302-000{n}")
             for n, name in enumerate(("王伟", "张三"), start=1)]  # fmt: skip
    session.add_all(cases)
    session.flush()
    by_name = search.found(session, Person.name, "wangwei", Application.person_id)
    assert session.scalars(select(Application.id).where(by_name)).all() == [cases[0].id]
    places = {Application.number: None, Certificate.number: Application.certificate_id}
    for common in (search.COMMON, 0):  # by ids, and asked of each row
        for limit in ("COMMON", "MOST_LISTED"):
            monkeypatch.setattr(search, limit, common)
        slip = Application.acceptance_number == "20260302-0002"
        by_number = search.found_in_any(session, Application, "20260302-0002", places, slip)
        assert session.scalars(select(Application.id).where(by_number).order_by(Application.id)).all() == [cases[1].id]


def test_rows_stored_before_there_was_a_search_are_filled_by_the_next_migration(system, session):
    session.add(make.person(name="王伟"))
    session.commit()
    session.execute(text("UPDATE person SET search = '', name_sort = ''"))
    session.commit()
    assert people_found(session, "王") == set()
    session.rollback()
    migrate.migrate_to(system.engine)
    assert people_found(session, "ww") == {"王伟"}
    assert session.scalar(select(Person.name_sort)) == "wang2王wei3伟"
