"""Whether a table of moves is sound."""

import pytest

from app.core.vocabulary import Action, Role, Side, Stage, State
from app.procedure import Move, table_errors
from app.workflow import MOVES, MOVING, close, publish_result


def errors(moves):
    return table_errors(moves, publishes=publish_result, closes=close, between=MOVING)


def test_the_table_is_sound():
    assert errors(MOVES) == []


def still(_case, _on, _office):
    """A rule that refuses nothing."""
    return ()


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        ((*MOVES, MOVES[0]), "two moves"),
        (tuple(m for m in MOVES if m.target is not State.RETURNED), "RETURNED cannot be reached"),
        (tuple(m for m in MOVES if m.source is not State.RETURNED), "RETURNED has no way out"),
        ((*MOVES, Move(State.APPROVED, Action.SUBMIT, State.DRAFT, Role.ADMIN)), "final yet has a way out"),
        ((*MOVES, Move(State.APPROVED, Action.EXTEND, State.APPROVED, Role.APPROVER, (still,))), "final yet has a way out"),
        ((*MOVES, Move(State.RETURNED, Action.EXTEND, State.RETURNED, Role.APPROVER)), "without a limit"),
        (
            (*MOVES, Move(State.RETURNED, Action.EXTEND, State.RETURNED, Role.APPROVER, (still,), stage=Stage.REVIEW)),
            "as a result",
        ),
        (
            tuple(m for m in MOVES if m.source is not State.AWAITING_REVIEW or m.target is m.source),
            "AWAITING_REVIEW has no way out",
        ),
    ],
)
def test_a_faulty_table_is_noticed(broken, fault):
    assert any(fault in flaw for flaw in errors(broken))


def test_a_result_without_a_stage_an_end_without_a_day_and_a_missing_old_enterprise_are_noticed():
    faulty = (
        Move(State.DRAFT, Action.SUBMIT, State.APPROVED, Role.ADMIN, then=(publish_result,)),
        Move(State.DRAFT, Action.RELEASE, State.APPROVED, Role.ENTERPRISE_CLERK, then=(close,), side=Side.RELEASER),
    )
    flaws = " ".join(errors(faulty))
    assert "SUBMIT is made public but belongs to no stage" in flaws
    assert "APPROVED is closed without a day" in flaws
    assert "RELEASE is the old enterprise's, and there is none" in flaws
