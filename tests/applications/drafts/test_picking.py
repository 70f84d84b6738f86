"""The pickers of filing forms: what is found, in which order, one page at a time, and never another enterprise's."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.applications import drafts
from app.core.office import Office
from app.core.vocabulary import Category, MatterKind
from app.eligibility.picking import PAGE, PickerQuery
from tests import make
from tests.workflow_fixture import Firm

GIVEN = {"at": make.NOON, "office": Office()}
RENEWAL = MatterKind.RENEWAL


@pytest.fixture
def firm(session):
    return Firm(session)


def names(page) -> list[str]:
    return [candidate.facts.name for candidate in page.candidates]


def test_certificates_are_found_by_name_pinyin_number_and_id_number_and_sorted_by_expiry(firm, session):
    later, sooner = make.TODAY + timedelta(days=80), make.TODAY + timedelta(days=9)
    first = firm.certificate(firm.person(name="张天晓"), valid_to=later)
    second = firm.certificate(firm.person(name="李雷"), valid_to=sooner, category=Category.A)
    firm.old.certificate(firm.old.person(name="张天晓"))
    session.commit()
    clerk = make.clerk(firm.enterprise)

    def found(**asked):
        return names(drafts.holdings(session, RENEWAL, clerk, PickerQuery(**asked), **GIVEN))

    assert found() == ["李雷", "张天晓"]
    assert found(by_name=True) == ["李雷", "张天晓"]
    assert found(category=Category.A) == ["李雷"]
    for text in ("天晓", "ztx", "zhangtian", first.number[:12], first.person.id_number):
        assert found(text=text) == (["李雷", "张天晓"] if second.number.startswith(text) else ["张天晓"]), text
    assert found(text="没有此人") == []


def test_a_page_loads_its_own_rows_and_the_ticked_ones_only(firm, session, system):
    held = [firm.certificate(valid_to=make.TODAY + timedelta(days=n % 60 + 1)) for n in range(PAGE + 5)]
    foreign = firm.old.certificate()
    session.commit()
    clerk = make.clerk(firm.enterprise)
    expiring = sorted(held, key=lambda one: (one.valid_to, one.id))
    asked = PickerQuery(page=2)
    page = drafts.holdings(session, RENEWAL, clerk, asked, ticked=[expiring[0].id, foreign.id], **GIVEN)
    shown = {candidate.certificate_id for candidate in page.candidates}
    assert shown == {expiring[0].id, *(one.id for one in expiring[PAGE:])}
    assert (page.total, page.page, page.pages) == (PAGE + 5, 2, 2)
    assert drafts.holdings(session, RENEWAL, clerk, PickerQuery(page=99), **GIVEN).page == 2
    few = {**GIVEN, "office": replace(Office(), largest_batch=3)}
    assert drafts.all_open(session, RENEWAL, clerk, asked, **few) == [one.id for one in expiring[:3]]


def test_people_who_have_not_used_their_exam_come_first_and_all_who_lack_nothing_are_ticked(firm, session):
    clerk = make.clerk(firm.enterprise)
    people = [firm.person(name=name) for name in ("阿甲", "白乙", "蔡丙")]
    session.flush()
    passes = [make.exam_pass(person, category=Category.C1) for person in people]
    session.add_all(passes)
    session.flush()
    used = firm.on(firm.certificate(people[0]), RENEWAL)
    passes[0].used_by_application_id = used.id
    session.commit()
    page = drafts.candidates(session, MatterKind.NEW, clerk, PickerQuery(text="乙"), **GIVEN)
    assert (names(page), page.total) == (["白乙"], 1)
    ready = drafts.all_ready(session, MatterKind.NEW, clerk, PickerQuery(), **GIVEN)
    assert {person_id for person_id, _category in ready} <= {person.id for person in people[1:]}
    stranger = make.clerk(firm.old.enterprise)
    ticked = [(people[1].id, Category.C1)]
    assert names(drafts.candidates(session, MatterKind.NEW, stranger, PickerQuery(), ticked=ticked, **GIVEN)) == []
