"""The stock reasons of a page are read once per request."""

from app.core.vocabulary import Action, MatterKind, ReasonStep
from app.db.session import db
from app.web.base.stock_reasons import stock_reasons
from tests.query_counter import queries


def test_the_reasons_of_a_step_are_read_once_per_request(app):
    with app.test_request_context(), queries(db.engine) as seen:
        first = stock_reasons(Action.DECLINE)
        assert stock_reasons(ReasonStep.DECLINE) == first
        assert len(seen) == 1
        assert len(stock_reasons(Action.DECLINE, MatterKind.NEW)) > len(first)
    with app.test_request_context(), queries(db.engine) as seen:
        stock_reasons(Action.DECLINE)
    assert len(seen) == 1
