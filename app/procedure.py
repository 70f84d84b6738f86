"""What a row of the procedure of applications is, and whether a table of such rows is sound; the rows are in ``workflow``."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.certificates.lifecycle import Issued
from app.core.office import Office
from app.core.vocabulary import CLOSED, FINAL, Action, MatterKind, Role, Side, Stage, State
from app.eligibility.corrections import CorrectionMark
from app.eligibility.facts import Facts
from app.eligibility.rules import Rule


@dataclass(slots=True)
class Batch:
    """The cases that passed the rules, and what the effects collect to be written for them."""

    session: Session
    move: "Move"
    cases: list[Facts]
    actor: Actor
    reason: str
    at: datetime
    office: Office
    columns: dict[int, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))  # application id -> its columns
    common: dict[str, Any] = field(default_factory=dict)  # columns with one value for all
    issued: dict[int, Issued] = field(default_factory=dict)
    marks: tuple[CorrectionMark, ...] = ()
    brought_up: bool = False  # the officer states that the correction itself brought up what is marked


Effect = Callable[[Batch], None]


@dataclass(frozen=True, slots=True)
class Move:
    """One row of the procedure."""

    source: State
    action: Action
    target: State
    by: Role
    needs: tuple[Rule, ...] = ()
    then: tuple[Effect, ...] = ()
    stage: Stage | None = None  # of which this is the result
    agreed: bool = True
    reason: bool = False  # is required
    matters: tuple[MatterKind, ...] = tuple(MatterKind)
    side: Side = Side.FILER  # which of the two enterprises acts, where an enterprise acts


def table_errors(moves: Iterable[Move], *, publishes: Effect, closes: Effect, between: Sequence[MatterKind]) -> list[str]:
    """Faults of a table of moves: duplicates, dead ends, unreachable states, results without a stage.

    ``publishes`` and ``closes`` are the effects that publish a result and date the end; ``between`` are the matters of two
    enterprises.
    A move that keeps the state is allowed if a rule limits it and it is no result; it does not count as a way out.
    """
    moves = tuple(moves)
    reached = {kind: _reached(moves, kind) for kind in MatterKind}
    everywhere = set().union(*reached.values())
    return [
        *(f"{state.name} cannot be reached" for state in State if state not in everywhere),
        *(error for kind in MatterKind for error in _errors_for_matter(moves, kind, reached[kind])),
        *(
            f"{move.action.name} is made public but belongs to no stage"
            for move in moves
            if publishes in move.then and not move.stage
        ),
        *(
            f"{move.action.name} stays in {move.source.name} " + ("as a result" if move.stage else "without a limit")
            for move in moves
            if move.source is move.target and (move.stage or not move.needs)
        ),
        *(
            f"{move.target.name} is closed without a day"
            for move in moves
            if move.target in CLOSED and closes not in move.then
        ),
        *(
            f"{move.action.name} is the old enterprise's, and there is none"
            for move in moves
            if move.side is Side.RELEASER and not set(move.matters) <= set(between)
        ),
    ]


def _errors_for_matter(moves: Sequence[Move], kind: MatterKind, reached: set[State]) -> Iterator[str]:
    """Faults in the moves of one matter."""
    keys = [(move.source, move.action) for move in moves if kind in move.matters]
    leaving = {move.source for move in moves if kind in move.matters and move.target is not move.source}
    touched = {source for source, _action in keys}
    yield from (f"{kind.value}: two moves for {key}" for key in sorted(set(keys), key=str) if keys.count(key) > 1)
    yield from (f"{kind.value}: {state.name} has no way out" for state in State if state in reached - leaving - set(FINAL))
    yield from (f"{kind.value}: {state.name} is final yet has a way out" for state in FINAL if state in touched)
    yield from (f"{kind.value}: {state.name} is left but never entered" for state in State if state in touched - reached)


def _reached(moves: Iterable[Move], kind: MatterKind) -> set[State]:
    reached, frontier = {State.DRAFT}, [State.DRAFT]
    while frontier:
        state = frontier.pop()
        onward = {move.target for move in moves if move.source is state and kind in move.matters} - reached
        reached |= onward
        frontier.extend(onward)
    return reached
