"""The file of a letter: as it was issued; issued now, if the worker has not come to it or it is older than stored letters."""

from collections.abc import Callable, Mapping

from sqlalchemy.orm import Session

from app.applications.letters import issue
from app.applications.letters.text import DraftLetter
from app.core.heavy_work import DRAWING
from app.db.session import db
from app.models import Letter
from app.web import request_context

Number = Callable[[Session, Mapping[int, DraftLetter]], None]


def pdf_of_step(step_id: int, draft: Callable[[], DraftLetter]) -> bytes:
    """The sealed PDF of the letter of a step. The caller checks access. Raises ``Unprintable`` or ``SealUnavailable``."""
    at = request_context.office_now()
    return _pdf("step_id", step_id, draft, lambda session, drafts: issue.number_steps(session, drafts, at=at))


def pdf_of_measure(measure_id: int, draft: Callable[[], DraftLetter]) -> bytes:
    """As ``pdf_of_step``, for a measure that was taken."""
    return _pdf(
        "measure_id",
        measure_id,
        draft,
        lambda session, drafts: issue.number_measures(session, drafts, at=request_context.office_now()),
    )


def _pdf(column: str, key: int, draft: Callable[[], DraftLetter], number: Number) -> bytes:
    letter = issue.letter_of(db.session(), **{column: key})
    if letter is None:
        drafts = {key: draft()}  # before the counter is locked
        with request_context.side_session() as session:
            number(session, drafts)
        letter = _stored(column, key)
        assert letter is not None  # noqa: S101 - stored by the lines above, or by whoever was first
    store, at = request_context.store(), request_context.office_now()
    if letter.digest and store.has(letter.digest):
        return store.read(letter.digest)
    with DRAWING.taken():
        made = issue.sealed(letter.face, request_context.seal(), at=at)  # outside any transaction
    digest = store.put(made.data)
    with request_context.side_session() as session:
        row = {"letter": letter.id, "previous": letter.digest, "digest": digest, **made.columns()}
        issue.record_files(session, [row])
    kept = _stored(column, key)
    return made.data if kept is None or kept.digest in (None, digest) else store.read(str(kept.digest))


def _stored(column: str, key: int) -> Letter | None:
    """Asked beside the request's own transaction, which may be older than the letter."""
    with request_context.side_session() as session:
        session.expire_on_commit = False
        return issue.letter_of(session, **{column: key})
