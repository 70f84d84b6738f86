"""Originals that an acceptance officer verifies for people who passed in the old system (R68, domain.md Q10).

All three or none are recorded; the first verification stays.
"""

from collections.abc import Collection
from datetime import datetime

from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from app.accounts.access import Actor, decides, reaches_case
from app.core.errors import AppError, NotAllowed, NotFound, Refusal, Stale, Unmet
from app.core.office import Office
from app.core.vocabulary import PaperKind, PassSource, Role, State
from app.eligibility.facts import Facts, of_applications
from app.models import ExamPass

ORIGINALS = (PaperKind.ID_CARD, PaperKind.EDUCATION, PaperKind.TITLE)


def asks_for_originals(case: Facts) -> bool:
    """Whether this case rests on an exam passed in the old system whose originals are not verified yet."""
    passed = case.latest_pass
    return passed is not None and passed.source is PassSource.LEGACY and not passed.originals_verified


def is_at_the_counter(case: Facts) -> bool:
    """Whether originals can be shown: before acceptance, and after it if it came by lapse of time and asked for none."""
    late = case.state is State.AWAITING_REVIEW and case.counts_from is not None
    return case.state is State.AWAITING_ACCEPTANCE or late


def verify_originals(
    session: Session, application_id: int, ticks: Collection[PaperKind], actor: Actor, *, at: datetime, office: Office
) -> ExamPass:
    """Record that the originals were seen. Idempotent. The caller commits.

    Raises ``NotAllowed`` (also if acceptance is not delegated to the actor's region), ``NotFound`` (out of reach), ``Stale``
    (not ``is_at_the_counter``), ``Unmet`` with every unticked original, ``AppError`` if the person passed in this system.
    """
    actor.demand(Role.ACCEPTANCE_OFFICER)
    case = of_applications(session, [application_id], lock=True).get(application_id)
    if case is None or not reaches_case(actor, case):
        raise NotFound
    if not decides(actor, Role.ACCEPTANCE_OFFICER, office):
        raise NotAllowed
    if not is_at_the_counter(case):
        raise Stale
    if missing := [kind for kind in ORIGINALS if kind not in ticks]:
        raise Unmet([_not_seen(case, kind) for kind in missing])
    passed = case.latest_pass
    if passed is None or passed.source is not PassSource.LEGACY:
        raise AppError(
            _("%(name)s did not pass in the old system: there are no originals to verify.", name=case.name),
            code="no-originals",
        )
    row = session.get_one(ExamPass, passed.id, with_for_update=True)
    if row.originals_verified_at is None:
        row.originals_verified_at, row.originals_verified_by = at, actor.name[:64]
        session.flush()
    return row


def _not_seen(case: Facts, kind: PaperKind) -> Refusal:
    return Refusal(
        "original-not-seen",
        _("%(name)s: the original “%(paper)s” is not ticked as seen.", name=case.name, paper=kind.label),
        field=f"original-{kind.value}",
    )
