"""Scans and their owner. (PYTEST_DONT_REWRITE: imported by name and as a plugin.)"""

import os
from datetime import UTC, datetime, timedelta

import pytest

from app.core.vocabulary import PaperKind
from tests import make

DAY = timedelta(days=1)
OLD = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def person(session):
    person = make.person(make.enterprise())
    session.add(person)
    session.commit()
    return person


@pytest.fixture
def scan(session, store):
    """``scan(b"bytes", person_id=…)``: an old stored scan with an object as old."""

    def one(data=b"scan", **facts):
        paper = make.paper(facts.pop("kind", PaperKind.ID_CARD), **{k: v for k, v in facts.items() if k.endswith("_id")})
        for name, value in {"uploaded_at": OLD, **facts}.items():
            setattr(paper, name, value)
        paper.digest = store.put(data)
        os.utime(store.path(paper.digest), (0, 0))
        session.add(paper)
        session.commit()
        return paper

    return one
