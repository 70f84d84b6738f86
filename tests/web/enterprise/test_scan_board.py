"""The board of a large enterprise: paged, those with files first, in a fixed number of queries."""

import pytest
from sqlalchemy.orm import Session

from app.accounts.role_assignment import actor_of
from app.core.office import Office
from app.core.scan_vocabulary import ScanDoubt
from app.core.vocabulary import PaperKind, Role
from app.db.session import db
from app.web.enterprise.scan_board import ON_PAGE, board
from tests import make
from tests.query_counter import queries


@pytest.fixture
def actor(app, session):
    firm = make.enterprise()
    session.add(firm)
    session.flush()
    people = [make.person(firm, name=f"李雷{n}") for n in range(ON_PAGE + 3)]
    complete = make.person(firm, name="全齐")
    session.add_all([*people, complete])
    session.flush()
    session.add_all(make.complete_papers(complete))
    account = make.account(session, "clerk", Role.ENTERPRISE_CLERK, enterprise_id=firm.id)
    last = people[-1]
    session.add_all(
        [
            make.waiting_scan(account, last, kind=PaperKind.TITLE, received_at=make.NOON.replace(year=9000)),
            make.waiting_scan(
                account, last, doubt=ScanDoubt.HOMONYMS, person_id=None, received_at=make.NOON.replace(year=9000)
            ),
        ]
    )
    session.commit()
    return actor_of(account)


def test_people_with_files_come_first_then_those_who_lack_papers(app, system, actor):
    with app.test_request_context():
        session: Session = db.session()
        shown = board(session, actor, Office())
        assert (shown.pages, shown.total, len(shown.lines)) == (2, ON_PAGE + 3, ON_PAGE)  # nobody whose papers are complete
        first = shown.lines[0]
        assert first.person.name == f"李雷{ON_PAGE + 2}"
        assert {place.kind for place in first.places if place.ready} == {PaperKind.TITLE}
        assert [str(one.why) for one in shown.questions] == [str(ScanDoubt.HOMONYMS)]
        assert len(board(session, actor, Office(), page=99).lines) == 3
        session.rollback()
        with queries(db.engine) as few:
            board(session, actor, Office(), page=2)
        with queries(db.engine) as many:
            board(session, actor, Office(), page=1)
        assert len(many) == len(few) <= 11
        session.rollback()
