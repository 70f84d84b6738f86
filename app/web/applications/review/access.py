"""Loads one application for its pages. Outside the access scope and missing give the same answer."""

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from app.accounts.access import must_reach
from app.db.session import db
from app.models import Application
from app.web import request_context


def case_of(application_id: int) -> Application:
    """The application with the relations its pages show; ``NotFound`` if missing or outside the reader's scope."""
    case: Application | None = db.session.scalars(
        select(Application)
        .where(Application.id == application_id)
        .options(
            joinedload(Application.filing),
            joinedload(Application.enterprise),
            joinedload(Application.certificate),
            selectinload(Application.steps),
        )
    ).one_or_none()
    return must_reach(request_context.current_actor(), case)
