"""The pickers of filing forms over the web: what is shown of many, and what stays ticked."""

import re

import pytest
from sqlalchemy import func, select

from app.core.clock import now
from app.eligibility.picking import PAGE
from app.models import Filing, Parameter
from tests import make
from tests.web.applications.case_fixture import read_scalar


def test_what_is_ticked_stays_over_pages_and_all_that_match_are_ticked_at_once(holder, other):
    """Without script: every press of the picker is a form that is sent, with what was ticked and typed."""
    held = [holder.held() for _ in range(PAGE + 2)]
    foreign, first, last = other.held(), held[0].id, held[-1].id
    name = held[0].person.name

    def ticked(answer):
        assert answer.status_code == 200
        return {int(key) for key in re.findall(r'name="rowid" value="(\d+)" checked', answer.text)}

    assert ticked(holder.file("renewal", held[0], foreign, then="page:2", handler_name="苏轼")) == {first}
    page = holder.file("renewal", held[0], then="page:2", handler_name="苏轼")
    assert all(f'value="{key}"' in page.text for key in (first, last))
    assert f'name="rowid" value="{held[1].id}"' not in page.text
    assert f"paper_old_certificate-{first}" in page.text
    assert 'value="苏轼"' in page.text
    assert ticked(holder.file("renewal", held[-1], then="find", find=name, page="7")) == {last}
    assert ticked(holder.file("renewal", then="tick")) == {one.id for one in held}
    assert read_scalar(holder.session, select(func.count(Filing.id))) == 0


def test_who_brings_a_certificate_along_is_searched_for_page_by_page_and_stays_chosen(holder, other):
    """外省转入: own people only, however many they are."""
    people = [make.person(holder.enterprise, name=f"职工{n:03d}号") for n in range(PAGE + 2)]
    foreign = make.person(other.enterprise)
    holder.session.add_all([*people, foreign])
    holder.session.commit()
    asked = {"reason_code": "from_other_province", "category": "C1", "keys": ["in"]}

    def shown(**more):
        text = holder.file("replacement", **asked, **more).text
        found = {int(key): bool(ticked) for key, ticked in re.findall(r'name="person" value="(\d+)"( checked)?', text)}
        return found, text

    first, _text = shown(then="choose")
    assert list(first) == [person.id for person in people[:PAGE]]
    second, text = shown(then="page:2", person=people[0].id)
    assert second == {people[0].id: True} | {person.id: False for person in people[PAGE:]}
    assert f"{PAGE + 2} match, page 2 of 2" in text
    found, text = shown(then="find", find=people[7].id_number, person=people[0].id)
    assert list(found) == [people[0].id, people[7].id]
    assert shown(then="choose", person=foreign.id)[0] == dict.fromkeys(first, False)


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_ticks_beyond_what_one_filing_takes_are_said_and_kept(holder):
    held = [holder.held() for _ in range(3)]
    holder.session.add(Parameter(name="largest_batch", value="2", changed_at=now(), changed_by="管理员"))
    holder.session.commit()
    for then, code in (("choose", 200), ("submit", 422)):
        answer = holder.file("renewal", *held, then=then)
        assert answer.status_code == code
        assert 'type="hidden" name="rowid"' in answer.text
        assert "1 that are not shown stay ticked" in answer.text
    assert "3 are ticked, and one filing takes at most 2" in answer.text
    assert read_scalar(holder.session, select(func.count(Filing.id))) == 0
