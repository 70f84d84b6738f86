"""A deadline in words, on the days around it."""

from datetime import date

import pytest
from flask import g

from app.core.office import Office
from app.web.base.deadline_badge import due, urgency
from tests import make


@pytest.fixture
def today(app, session):
    """A Monday; two working days ahead are soon."""
    with app.test_request_context():
        g.moment, g.office = make.NOON, Office(due_soon_days=2)
        yield


@pytest.mark.parametrize(
    ("on", "tone", "said"),
    [
        (date(2026, 2, 26), "over", "2"),
        (date(2026, 2, 27), "over", "1"),
        (date(2026, 3, 2), "soon", ""),
        (date(2026, 3, 3), "soon", "1"),
        (date(2026, 3, 4), "soon", "2"),
        (date(2026, 3, 5), "", ""),
    ],
)
def test_a_deadline_is_counted_in_working_days_before_and_after(today, on, tone, said):
    words, found = urgency(on)
    assert (found, "".join(filter(str.isdigit, words))) == (tone, said)
    assert (on.isoformat() in str(due(on)), "<b>" in str(due(on))) == (True, bool(tone))
    assert "<b>" in str(due(on, extended=True))


def test_without_a_deadline_there_is_a_dash(today):
    assert "—" in str(due(None))
