"""Proposals of measures that can no longer be confirmed: a lifting after the term, a suspension of what has expired."""

from collections.abc import Collection
from datetime import date, datetime

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.certificates.status_changes import (
    SYSTEM,
    about,
    allows,
    is_possible,
    locked_certificates,
    locked_measures,
    mobiles_of,
    proposer_of,
)
from app.core.clock import office_day
from app.core.office import Office
from app.core.vocabulary import MeasureState
from app.models import Certificate, CertificateMeasure
from app.outbox import notifications
from app.outbox.sms_texts import MEASURE_IMPOSSIBLE, in_province_language, system_message

STATUS_NOW = _("the certificate is now “%(status)s”")
TERM_PAST = _("the last day of the proposed suspension has passed (%(day)s)")


def impossible(session: Session, on: date) -> list[int]:
    """Ids of the undecided proposals that the status of the certificate, or the term, no longer allows on this day."""
    open_now = select(
        CertificateMeasure.id,
        CertificateMeasure.kind,
        CertificateMeasure.last_day,
        Certificate.status,
        Certificate.valid_to,
        Certificate.suspended_to,
    ).join(Certificate, Certificate.id == CertificateMeasure.certificate_id)
    return [
        row.id
        for row in session.execute(open_now.where(CertificateMeasure.state == MeasureState.PROPOSED))
        if not allows(row.status.on(on, row.valid_to, row.suspended_to), row.kind)
        or (row.last_day is not None and row.last_day < on)
    ]


def close_impossible(session: Session, ids: Collection[int], *, at: datetime, office: Office, send_at: datetime) -> list[int]:
    """Close the proposals that can no longer be confirmed, whatever became of the certificate; each proposer is told.

    They count as taken back, since no second officer has judged them: the proposer's account stands for the system. The ids.
    """
    rows = locked_measures(session, CertificateMeasure.id.in_(ids), CertificateMeasure.state == MeasureState.PROPOSED)
    held, mobiles = locked_certificates(session, rows), mobiles_of(session, {measure.proposed_by_id for measure in rows})
    closed, messages = [], []
    for measure in rows:
        reason = _why(measure, held[measure.certificate_id], office_day(at))
        if not reason:
            continue
        measure.state, measure.decision_reason = MeasureState.RETRACTED, reason
        measure.decided_by_id, measure.decided_by = measure.proposed_by_id, in_province_language(SYSTEM)
        measure.decided_at = at
        closed.append(measure.id)
        values = about(measure, held, measure.decision_reason)
        mobile = mobiles.get(measure.proposed_by_id)
        messages.append(system_message(MEASURE_IMPOSSIBLE, mobile, office, proposer_of(measure), **values))
    session.flush()
    notifications.tell(session, messages, at=at, send_at=send_at)
    return closed


def _why(measure: CertificateMeasure, certificate: Certificate, on: date) -> str:
    """Why it can no longer be confirmed, in the province's language; "" if it can."""
    if not is_possible(certificate, measure.kind, on):
        return in_province_language(STATUS_NOW) % {"status": in_province_language(certificate.status_on(on).label)}
    if measure.last_day is not None and measure.last_day < on:
        return in_province_language(TERM_PAST) % {"day": measure.last_day}
    return ""
