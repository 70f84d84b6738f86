"""Issue of letters: numbered and stored in one short transaction, then drawn and sealed outside any.

A step or a measure has one letter: whoever numbers it holds the counter of its series and asks again first, so that numbers
have neither gaps nor duplicates. Of two files drawn at the same time the first is kept. What was decided before letters were
stored is issued when its letter is first opened.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, or_, select, update
from sqlalchemy.orm import Session, joinedload, selectinload

from app.applications.letters import case_letters, measure_letters
from app.applications.letters.text import DraftLetter, page_of
from app.applications.office_settings import office_at, past_values
from app.certificates.pdf import letters as paper
from app.certificates.pdf.render_jobs import LONGEST_FAULT, RenderResults
from app.certificates.pdf.seal_and_store import DEMONSTRATION, SealedPdf
from app.core.crypto.pades import SignatureTexts, sign_pdf
from app.core.crypto.seal_provider import SealProvider, SealUnavailable, SealUse, Suite
from app.core.office import Office
from app.core.vocabulary import LETTER_OF, TAKEN
from app.db import sequences
from app.files.storage import Store
from app.models import Application, Certificate, CertificateMeasure, Letter, Step

REASON = "行政审批文书签发"
MOST_AGAIN = 10_000
Drafts = Mapping[int, DraftLetter]  # by step or by measure


# --- what they say ------------------------------------------------------------------------------------------


def office_then(session: Session, office: Office) -> Callable[[datetime], Office]:
    """The parameters as they were at a moment."""
    pasts = past_values(session)
    return lambda at: office_at(office, pasts, at)


def case_drafts(session: Session, application_ids: Collection[int], office: Office, *, at: datetime) -> Drafts:
    """By step: what the letters say of the steps that these applications took at ``at``. Reads only."""
    if not application_ids:
        return {}
    asked = (
        select(Application)
        .where(Application.id.in_(application_ids))
        .options(
            joinedload(Application.filing),
            joinedload(Application.enterprise),
            joinedload(Application.person),
            joinedload(Application.releasing_enterprise),
            selectinload(Application.certificate).selectinload(Certificate.versions),
            selectinload(Application.steps),
        )
    )
    then = office_then(session, office)
    return {
        step.id: case_letters.draft_of(case, step, then)
        for case in session.scalars(asked)
        for step in case.steps
        if step.action in LETTER_OF and step.at == at
    }


def measure_drafts(session: Session, measure_ids: Collection[int], office: Office) -> Drafts:
    """By measure: what the letters say of those that were taken. Reads only."""
    if not measure_ids:
        return {}
    taken = (CertificateMeasure.id.in_(measure_ids), CertificateMeasure.state.in_(TAKEN))
    asked = select(CertificateMeasure).where(*taken).options(joinedload(CertificateMeasure.certificate))
    then = office_then(session, office)
    return {measure.id: measure_letters.draft_of(measure, then) for measure in session.scalars(asked)}


# --- numbers ------------------------------------------------------------------------------------------------


def number_steps(session: Session, drafts: Drafts, *, at: datetime) -> None:
    """Store the letters of steps that have none yet, with their numbers. The caller commits."""
    if not drafts:
        return
    owners = session.execute(select(Step.id, Step.application_id).where(Step.id.in_(drafts)))
    _number(session, Letter.step_id, drafts, {row.id: {"application_id": row.application_id} for row in owners}, at)


def number_measures(session: Session, drafts: Drafts, *, at: datetime) -> None:
    """As ``number_steps``, for measures."""
    _number(session, Letter.measure_id, drafts, {}, at)


def _number(session: Session, column: Any, drafts: Drafts, more: Mapping[int, Mapping[str, int]], at: datetime) -> None:
    by_series: dict[str, list[int]] = defaultdict(list)
    for key in sorted(drafts):
        by_series[drafts[key].series].append(key)
    for series in sorted(by_series):  # fixed order, so that concurrent jobs cannot deadlock
        sequences.lock(session, series)  # first: whoever waited for it must see what the other stored
        stored = set(session.scalars(select(column).where(column.in_(by_series[series]))))
        new = [key for key in by_series[series] if key not in stored]
        rows = []
        for key, n in zip(new, sequences.next_numbers(session, series, len(new)), strict=True):
            rows.append({column.key: key, **_row(drafts[key], n, at), **more.get(key, {})})
        if rows:
            # Not through the session: the audit log records what people do, and issuing is nobody's action.
            session.execute(insert(Letter), rows)


def _row(draft: DraftLetter, n: int, at: datetime) -> dict[str, object]:
    number, face = draft.numbered(n)
    fixed = {"kind": draft.kind, "title": draft.page.title, "issued_on": draft.issued_on, "made_at": at}
    return {"number": number, "face": face, **fixed}


# --- files --------------------------------------------------------------------------------------------------


def undrawn(session: Session, *, steps: Collection[int] = (), measures: Collection[int] = ()) -> list[int]:
    """The letters of these steps or measures that have no file yet."""
    mine = or_(Letter.step_id.in_(steps), Letter.measure_id.in_(measures))
    return list(session.scalars(select(Letter.id).where(mine, Letter.digest.is_(None)).order_by(Letter.id)))


def letter_of(session: Session, *, step_id: int | None = None, measure_id: int | None = None) -> Letter | None:
    """The letter of a step or of a measure, if it was issued."""
    mine = Letter.step_id == step_id if step_id is not None else Letter.measure_id == measure_id
    return session.scalars(select(Letter).where(mine)).one_or_none()


def letters_by_step(session: Session, application_ids: Collection[int]) -> dict[int, Letter]:
    """Every letter that was issued about these applications, by step."""
    found = session.scalars(select(Letter).where(Letter.application_id.in_(application_ids)))
    return {letter.step_id: letter for letter in found if letter.step_id is not None}


def waiting_for_seal(session: Session, *, most: int = MOST_AGAIN) -> list[int]:
    """Letters for which no seal was available at the last try."""
    waits = (Letter.digest.is_(None), Letter.fault == SealUnavailable.code)
    return list(session.scalars(select(Letter.id).where(*waits).order_by(Letter.id).limit(most)))


def sealed(face: Mapping[str, Any], provider: SealProvider, *, at: datetime) -> SealedPdf:
    """Draw and seal a letter as it was stored. Raises ``Unprintable`` or ``SealUnavailable``; stores nothing."""
    seal = provider.seal(Suite.P256, at=at, use=SealUse.LETTERS)  # first: without one, nothing need be drawn
    page = page_of(face)
    drawn = paper.draw_letter(page, specimen=provider.demonstration)
    field, reason = page.seal_text, REASON
    if provider.demonstration:
        field, reason = DEMONSTRATION, f"{REASON}（{DEMONSTRATION}）"
    texts = SignatureTexts(field=field, signer=f"{page.issuer} {field}", reason=reason, place=page.issuer)
    return SealedPdf(sign_pdf(drawn.data, seal, texts, drawn.box, at=at, page=drawn.page), seal.fingerprint, at)


def draw(session: Session, store: Store, letter_ids: Sequence[int], provider: SealProvider, *, at: datetime) -> RenderResults:
    """Draw those of the letters that have no file, into the store. Reads the tables only; see ``record``."""
    found = RenderResults({}, {}, [])
    mine = select(Letter.id, Letter.face).where(Letter.id.in_(letter_ids), Letter.digest.is_(None)).order_by(Letter.id)
    for letter_id, face in session.execute(mine).all():
        with found.blamed_on(letter_id):
            made = sealed(face, provider, at=at)
            found.papers[letter_id] = (store.put(made.data), made)  # the file first: no row may name one that is not there
    return found


def record(session: Session, drawn: RenderResults) -> None:
    """Store digests and faults; a letter drawn meanwhile keeps its file. The caller commits."""
    files = [
        {"letter": key, "previous": None, "digest": digest, **made.columns()} for key, (digest, made) in drawn.papers.items()
    ]
    record_files(session, files)
    if drawn.faults:
        undrawn_one = Letter.id == bindparam("letter"), Letter.digest.is_(None)
        faults = [{"letter": key, "fault": fault[:LONGEST_FAULT]} for key, fault in drawn.faults.items()]
        session.connection().execute(update(Letter.__table__).where(*undrawn_one), faults)


def record_files(session: Session, rows: Sequence[Mapping[str, object]]) -> None:
    """Write digests of drawn files, except where they changed since they were read (``previous``). The caller commits."""
    if rows:
        same = (
            Letter.id == bindparam("letter"),
            Letter.digest.is_not_distinct_from(bindparam("previous", type_=Letter.digest.type)),
        )
        session.connection().execute(update(Letter.__table__).where(*same), rows)
