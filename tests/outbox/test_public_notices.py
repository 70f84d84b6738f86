"""Publication of decisions, masking, period and search."""

from dataclasses import fields
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from app.core.office import Office
from app.core.vocabulary import Category, MatterKind, Stage
from app.models import PublicNotice
from app.outbox.public_notices import DecisionResult, latest, notices_page, publish
from tests import make
from tests.query_counter import queries

ID_NUMBER = "11010519491231002X"


@pytest.fixture
def case(session):
    application = make.application(make.person(make.enterprise()))
    session.add(application)
    session.commit()
    return application


def result(case, **facts) -> DecisionResult:
    given = {
        "application_id": case.id, "matter": MatterKind.NEW, "category": Category.C1, "stage": Stage.ACCEPTANCE,
        "agreed": True, "name": "李雷", "id_number": ID_NUMBER, "enterprise_name": "湖南湘江（集团）建设有限公司",
        "region_code": "430100",
    }  # fmt: skip
    return DecisionResult(**{**given, **facts})


def found(session, **asked):
    return notices_page(session, **{"on": make.TODAY, "office": Office(), **asked})


def test_an_id_number_is_masked_before_it_reaches_the_table(session, case):
    publish(session, [result(case)], at=make.NOON)
    assert session.execute(text("SELECT masked_id_number FROM public_notice")).scalar_one() == "110*************2X"


def test_a_notice_has_no_field_for_a_reason():
    assert not [
        name
        for name in (*PublicNotice.__table__.columns.keys(), *(f.name for f in fields(DecisionResult)))
        if "reason" in name
    ]


@pytest.mark.parametrize("many", [1, 500])
def test_many_decisions_are_published_in_one_statement(session, system, case, many):
    results = [result(case)] * many
    session.connection()  # so that only the announcement is counted, not the transaction's own beginning
    with queries(system.engine) as statements:
        publish(session, results, at=make.NOON)
    assert len(statements) == 1
    assert session.scalar(select(func.count()).select_from(PublicNotice)) == many


def test_publishing_nothing_is_allowed(session):
    publish(session, [], at=make.NOON)
    assert found(session).total == 0


@pytest.mark.parametrize(("days", "shown"), [(0, 1), (29, 1), (30, 0)])
def test_a_notice_is_public_for_the_days_set_by_the_office(session, case, days, shown):
    publish(session, [result(case)], at=make.NOON)
    assert found(session, on=make.TODAY + timedelta(days=days)).total == shown


def test_the_day_is_in_the_time_zone_of_the_office(session, case):
    publish(session, [result(case)], at=make.NOON.replace(hour=16))  # 2 March in UTC, already the 3rd in the office
    assert found(session).total == 0
    assert found(session, on=make.TODAY + timedelta(days=1)).total == 1


@pytest.mark.parametrize("asked", ["湘江(集团)", "湘江（集团）", "李雷", "湘江", "\u202d湘江(集团)\u202c", "李雷\u200e"])
def test_part_of_either_name_finds_it_with_either_width_of_brackets(session, case, asked):
    publish(session, [result(case), result(case, name="韩梅梅", enterprise_name="株洲二建")], at=make.NOON)
    assert [notice.name for notice in found(session, text=asked).notices] == ["李雷"]


def test_the_dot_of_a_name_is_found_in_any_shape(session, case):
    publish(session, [result(case), result(case, name="买买提·吐尔逊")], at=make.NOON)
    for dot in "·•・．":
        assert [notice.name for notice in found(session, text=f"买买提{dot}吐尔逊").notices] == ["买买提·吐尔逊"], dot


@pytest.mark.parametrize("asked", ["%", "_", "\\", "'; --", "湘江\\"])
def test_wildcards_in_a_search_are_literal(session, case, asked):
    publish(session, [result(case)], at=make.NOON)
    assert found(session, text=asked).total == 0


def test_matter_and_stage_narrow_the_list(session, case):
    publish(session, [result(case), result(case, stage=Stage.APPROVAL, matter=MatterKind.RENEWAL)], at=make.NOON)
    assert found(session, matter=MatterKind.RENEWAL).total == 1
    assert found(session, stage=Stage.ACCEPTANCE).total == 1
    assert found(session, matter=MatterKind.RENEWAL, stage=Stage.ACCEPTANCE).total == 0


def test_pages_are_newest_first_and_a_page_beyond_the_last_is_the_last(session, case):
    publish(session, [result(case, name=f"甲{n}") for n in range(45)], at=make.NOON)
    first, beyond = found(session), found(session, page=10**9)
    assert (len(first.notices), first.total, first.last) == (20, 45, 3)
    assert (len(beyond.notices), beyond.number) == (5, 3)
    assert first.notices[0].name == "甲44"
    assert found(session, page=-3).number == 1


def test_the_front_page_shows_the_newest_only(session, case):
    publish(session, [result(case, name=f"甲{n}") for n in range(9)], at=make.NOON)
    assert [n.name for n in latest(session, on=make.TODAY, office=Office(), most=2)] == ["甲8", "甲7"]
