"""补正 by the enterprise: what was returned with marks is opened where it was marked, and nowhere else.

Law: everything else of the application stays as it was submitted, whatever is sent.
"""

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
    """The actor's own application, while it is returned with marks. ``lock`` holds it until the caller commits."""
    actor.demand(Role.ENTERPRISE_CLERK)
    application = session.get(Application, application_id, with_for_update=lock or None)
    if application is None or application.enterprise_id != actor.enterprise_id:
        raise NotFound
    if not application.marks:
        raise AppError(_("Nothing is marked for correction here any more."), code="nothing-marked")
    return application


def correct_details(session: Session, application: Application, typed: Mapping[str, str]) -> None:
    """Take over what was typed for marked particulars; everything else that was typed is ignored. ``Unmet`` for mistakes."""
    marked = {
        mark.item.partition(".")[2] for mark in corrections.parse_marks(application.marks) if mark.item.startswith("details.")
    }
    if not marked:
        return
    given = {name: text for name, text in typed.items() if name in marked}
    read = parse_matter_fields(application.matter, application.reason_code, application.category, given) or {}
    kept = {name: said for name, said in (application.details or {}).items() if name not in marked}
    application.details = {**kept, **read} or None
    session.flush()
