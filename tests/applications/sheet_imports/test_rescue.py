"""Proposals for ID numbers that a sheet has lost: whose, for whom, and that a person confirms each."""

import pytest

from app.applications import sheet_imports
from app.core.errors import NotFound, Stale
from app.core.vocabulary import ImportPhase, Role, RowOutcome
from app.models import AuditEntry, Enterprise, Person, SheetImport
from tests import make
from tests.applications.sheet_imports.conftest import ADMIN, course, hand_in, let_go
from tests.applications.sheet_imports.sheets import FIRM, OTHER, PASSES, USCC, row, sheet
from tests.applications.sheet_imports.test_answers import answer, preview

NUMBER = make.id_number(sequence=411)
SWAPPED = NUMBER[:8] + NUMBER[9] + NUMBER[8] + NUMBER[10:]
OLD = NUMBER[:6] + NUMBER[8:17]


@pytest.fixture
def books(session) -> None:
    firm = Enterprise(name=FIRM, uscc=USCC, region_code="430100")
    elsewhere = Enterprise(name="湖南他人公司", uscc=OTHER, region_code="430200")
    session.add_all([Person(name="李雷", id_number=NUMBER, enterprise=firm, major=""), elsewhere])
    session.commit()


def proposed(means, import_id, actor=ADMIN) -> dict[int, list[str]]:
    rows = preview(means, import_id)
    with means.sessions() as session:
        found = sheet_imports.proposals(session, session.get_one(SheetImport, import_id), rows, actor)
    return {number: [one.number for one in offered.values()] for number, offered in found.items()}


@pytest.mark.usefixtures("books")
def test_proposals_are_of_the_same_name_enterprise_and_region(means):
    rows = [row(PASSES, id_number=text) for text in (SWAPPED, NUMBER[:17] + "?", OLD)]
    rows += [
        row(PASSES, id_number=SWAPPED, name="韩梅"),
        row(PASSES, id_number=SWAPPED, enterprise="湖南他人公司", uscc=OTHER),
    ]
    rows += [row(PASSES, id_number=SWAPPED, uscc=None, enterprise=FIRM.replace("湖南", "湖南 "))]
    import_id = hand_in(means, PASSES, sheet(PASSES, *rows))
    assert proposed(means, import_id) == {2: [NUMBER], 4: [NUMBER], 7: [NUMBER]}
    assert proposed(means, import_id, make.officer(Role.ADMIN, region="430200")) == {4: [NUMBER]}  # computed, not known
    with pytest.raises(NotFound):
        proposed(means, import_id, make.officer(Role.ACCEPTANCE_OFFICER))


@pytest.mark.usefixtures("books")
def test_nothing_is_taken_that_was_not_confirmed_and_what_was_is_logged_row_by_row(session, means):
    import_id = hand_in(
        means, PASSES, sheet(PASSES, row(PASSES, id_number=SWAPPED), row(PASSES, id_number=OLD, category="B"))
    )
    shown = preview(means, import_id)
    assert [one.outcome for one in shown] == [RowOutcome.REFUSED, RowOutcome.DOUBTFUL]
    assert NUMBER not in str(shown)
    with means.sessions() as own:
        found = sheet_imports.proposals(own, own.get_one(SheetImport, import_id), shown, ADMIN)
        tokens = {number: next(iter(one)) for number, one in found.items()}
    assert len(set(tokens.values())) == 2
    with pytest.raises(Stale):
        answer(means, import_id, confirmed={2: tokens[3]})  # of another row
    answer(means, import_id, confirmed={2: tokens[2]})
    first, second = preview(means, import_id)
    assert (first.outcome, first.stored["id_number"], second.outcome) == (RowOutcome.ADDED, NUMBER, RowOutcome.DOUBTFUL)
    let_go()
    [entry] = [one for one in session.query(AuditEntry).filter_by(table="legacy_import") if "rows" in one.change]
    masked = f"{NUMBER[:6]}********{NUMBER[-4:]}"
    assert (entry.change["rows"], entry.change["id_number"][1], NUMBER in str(entry.change)) == (2, masked, False)
    answer(means, import_id, confirmed={3: tokens[3]}, cells={(3, "id_number"): SWAPPED})  # what was typed counts
    assert course(means, import_id).phase is ImportPhase.CHECKED
    assert preview(means, import_id)[1].outcome is RowOutcome.REFUSED
