"""What is removed, and what refers to it."""

import pytest
from sqlalchemy import func, select

from app.applications.importers.dependants import MOST_NAMED, remove, row_list
from app.applications.importers.importer import Obstacles
from app.models import Person
from tests import make


def test_only_what_nothing_refers_to_is_removed_and_the_rows_of_the_others_are_named(session):
    firm = make.enterprise()
    free, scored, scanned = (make.person(firm) for _n in range(3))
    session.add_all([free, scored, scanned, make.certificate(scored)])
    session.flush()
    session.add_all(make.complete_papers(scanned))
    session.commit()
    with pytest.raises(Obstacles) as obstacles:
        remove(session, Person, {free.id: 2, scored.id: 3, scanned.id: 4})
    sentences = [str(sentence) for sentence in obstacles.value.args]
    assert "1 certificates depend on it (rows 3)." in sentences
    assert any("scans depend on it (rows 4)." in sentence for sentence in sentences)
    remove(session, Person, {free.id: 2})
    assert session.scalar(select(func.count(Person.id))) == 2


def test_at_most_a_few_rows_are_named_each_once():
    assert row_list([3, 2, 3]) == "2、3"
    assert row_list(range(2, 30)).endswith("11 …")
    assert row_list(range(2, 30)).count("、") == MOST_NAMED - 1
