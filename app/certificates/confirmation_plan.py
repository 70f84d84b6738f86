"""What the confirmation of several measures would do, counted before it is asked for: measures and bans of each kind."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.certificates.grounds import banned_until
from app.certificates.status_changes import MeasureOutcome, decidable, in_the_way, locked_certificates
from app.core.clock import office_day
from app.core.office import Office
from app.core.vocabulary import MEASURES, CertificateEventKind


@dataclass(frozen=True, slots=True)
class KindCount:
    """The measures of one kind, and how many people are banned by them until which day (the first that is free again)."""

    kind: CertificateEventKind
    measures: int
    bans: tuple[tuple[date, int], ...]


@dataclass(frozen=True, slots=True)
class ConfirmationPlan:
    """``outcome.done`` are the measures that would be taken."""

    outcome: MeasureOutcome
    counts: tuple[KindCount, ...]


def plan_confirmation(
    session: Session, ids: Iterable[int], actor: Actor, *, at: datetime, office: Office
) -> ConfirmationPlan:
    """As ``status_changes.confirm`` would judge them, without taking any. The caller rolls back: a plan keeps no locks."""
    outcome, rows = decidable(session, ids, actor, office)
    held, on = locked_certificates(session, rows), office_day(at)
    taken: Counter[CertificateEventKind] = Counter()
    banned: dict[CertificateEventKind, dict[int, date]] = defaultdict(dict)
    for measure in rows:
        certificate = held[measure.certificate_id]
        if refusals := tuple(in_the_way(measure, certificate, on)):
            outcome.refused[measure.id] = refusals
            continue
        outcome.done.append(measure.id)
        taken[measure.kind] += 1
        if until := banned_until(measure.ground, on, office):
            person, so_far = certificate.person, banned[measure.kind]
            so_far[person.id] = max(until, person.banned_until or until, so_far.get(person.id, until))  # never shortened
    counts = (
        KindCount(kind, taken[kind], tuple(sorted(Counter(banned[kind].values()).items())))
        for kind in MEASURES
        if taken[kind]
    )
    return ConfirmationPlan(outcome, tuple(counts))
