"""补正 by the enterprise: of an application returned with marks only the marked items can be changed."""

from collections.abc import Mapping

from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.core.errors import AppError, NotFound
from app.core.vocabulary import Role
from app.eligibility import corrections
from app.eligibility.matter_fields import parse_matter_fields
from app.models import Application


def to_correct(session: Session, application_id: int, actor: Actor, *, lock: bool = False) -> Application:
    """The actor's own application, if it was returned with marks. ``lock``: lock it until the caller commits."""
    actor.demand(Role.ENTERPRISE_CLERK)
    application = session.get(Application, application_id, with_for_update=lock or None)
    if application is None or application.enterprise_id != actor.enterprise_id:
        raise NotFound
    if not application.marks:
        raise AppError(_("Nothing is marked for correction here any more."), code="nothing-marked")
    return application


def correct_details(session: Session, application: Application, typed: Mapping[str, str]) -> None:
    """Save the typed values of marked details and ignore all others. Raises ``Unmet`` for mistakes."""
    marked = {
        mark.item.partition(".")[2] for mark in corrections.parse_marks(application.marks) if mark.item.startswith("details.")
    }
    if not marked:
        return
    given = {name: text for name, text in typed.items() if name in marked}
    read = parse_matter_fields(application.matter, application.reason_code, application.category, given) or {}
    unmarked = {name: value for name, value in (application.details or {}).items() if name not in marked}
    application.details = {**unmarked, **read} or None
    session.flush()
