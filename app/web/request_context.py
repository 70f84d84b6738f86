"""Per-request context for views: current user, office settings, time, providers. Below ``web`` these are arguments."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, TypedDict, cast

from flask import current_app, g, request
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from app.accounts import rate_limit, sessions
from app.accounts.access import NOBODY, Actor
from app.accounts.business_licence.provider import LicenceProvider
from app.accounts.role_assignment import actor_of
from app.applications.office_settings import office_at, office_of, past_values
from app.core import clock
from app.core.crypto.seal_provider import SealProvider
from app.core.errors import SecondFactorRequired, Unlogged, Unwritable
from app.core.office import Office
from app.core.settings import Settings
from app.core.vocabulary import AuditAction
from app.db import audit
from app.db.session import db, read_only, reading
from app.files.storage import Store
from app.files.stores import store_of
from app.worker import providers
from app.worker.findings import Installation


def settings() -> Settings:
    return cast(Settings, current_app.extensions["anguan"])


def current_office() -> Office:
    """The office settings, read once a request: defaults, the administrator's, those fixed by the operator.

    A writing request reads them on a side connection: views that count attempts need its transaction unopened.
    """
    if "office" not in g:
        if reading.get():
            g.office = office_of(db.session(), settings().office)
        else:
            with read_only(), Session(db.engine) as session:
                g.office = office_of(session, settings().office)
        clock.set_days_ahead(g.office.days_ahead)
    return cast(Office, g.office)


def office_then(at: datetime) -> Office:
    """The office settings of that moment, for documents that bear its date."""
    if "pasts" not in g:
        g.pasts = past_values(db.session())
    return office_at(current_office(), g.pasts, at)


def begin_writing() -> None:
    """End the reading transaction of a request that writes; the next one may write. Changes nothing the second time.

    Called when the whole body has come and the files in it are checked, so that no clerk's slow line or heavy picture
    keeps others from writing. What was loaded is loaded again.
    """
    if reading.get():
        db.session.rollback()
        reading.set(False)


def store() -> Store:
    return store_of(settings(), providers.scanner_of(settings()))


def uploaded_bytes(file: FileStorage) -> bytes:
    """The bytes of an uploaded file; raises what the virus scan refuses."""
    data = file.stream.read()
    store().screen(data, file.filename or "")
    return data


def seal() -> SealProvider:
    """One per process, because it remembers failures of the seal service."""
    kept = current_app.extensions
    if "anguan.seal" not in kept:
        kept["anguan.seal"] = providers.seal_of(settings())
    return cast(SealProvider, kept["anguan.seal"])


def installation() -> Installation:
    """The installation that this process serves, to be examined now; checks use connections of their own."""
    return Installation(settings(), db.engine, now(), seal())


def licences() -> LicenceProvider | None:
    """The business licence platform, if configured; one per process, as for the seal."""
    kept = current_app.extensions
    if "anguan.licences" not in kept:
        kept["anguan.licences"] = providers.licences_of(settings())
    return cast("LicenceProvider | None", kept["anguan.licences"])


def now() -> datetime:
    """The true time, one moment for the whole request: for sign-in, sessions, limits, the job queue and the audit log."""
    if "moment" not in g:
        g.moment = clock.now()
    return cast(datetime, g.moment)


def office_now() -> datetime:
    """The same moment by the office's clock, for everything that the office records; see ``demo_clock``."""
    return clock.office_moment(now())


def today() -> date:
    return clock.office_day(office_now())


def current_actor() -> Actor:
    """The signed-in user as the domain's ``Actor``; ``NOBODY`` for an anonymous visitor."""
    if "actor" not in g:
        g.actor = actor_of(current_user) if current_user and current_user.is_authenticated else NOBODY
    return cast(Actor, g.actor)


class Acting(TypedDict):
    """Who acts, when, and under which settings: as the operations of the domain take them."""

    actor: Actor
    at: datetime
    office: Office


def acting() -> Acting:
    return {"actor": current_actor(), "at": office_now(), "office": current_office()}


def address() -> str:
    """The client's IP address, by trusted proxies (``ANGUAN_TRUSTED_PROXIES``)."""
    return request.remote_addr or ""


def count_use(kind: str, limit: int, seconds: int, uses: int = 1, *, public: bool = False) -> None:
    """Count an attempt from this address; raises ``TooMany``.

    Rolls the session back first: SQLite admits one writer, and the count uses another connection. ``public``: what is counted
    discloses only what is public, so while nothing can be written it is counted in memory; any other use is refused then.
    """
    db.session.rollback()
    key = f"{kind}:{rate_limit.client_network(address())}"
    try:
        rate_limit.hit(db.engine, key, limit=limit, seconds=seconds, at=now(), uses=uses)
    except Unwritable:
        if not public:
            raise
        g.unwritable = True
        rate_limit.hit_in_memory(key, limit=limit, seconds=seconds, at=now(), uses=uses)


def require_second_factor() -> None:
    """Raises ``SecondFactorRequired`` before a risky action, unless a required second factor was shown recently."""
    if sessions.needs_second_factor(current_user, current_office()) and not sessions.has_fresh_second_factor(
        g.visit, at=now()
    ):
        raise SecondFactorRequired


@contextmanager
def side_session() -> Iterator[Session]:
    """A short writing transaction beside the request's own, which may be read-only."""
    token = reading.set(False)
    try:
        with Session(db.engine) as session, session.begin():
            session.info.update(db.session().info)
            yield session
    finally:
        reading.reset(token)


def note_export(thing: Any, **what: Any) -> None:
    """Log an export before the file is sent; commits. For POST requests."""
    begin_writing()
    session = db.session()
    audit.log(session, current_actor().name, AuditAction.EXPORT, thing, change=what, at=now(), address=address())
    session.commit()


def note_reading(thing: Any, action: AuditAction = AuditAction.READ, **what: Any) -> None:
    """Log that the user opened this row in full or downloaded it; in a transaction of its own.

    ``Unlogged`` while nothing can be written: then it may not be shown.
    """
    try:
        with side_session() as session:
            audit.log(session, current_actor().name, action, thing, change=what, at=now(), address=address())
    except Unwritable as error:
        raise Unlogged(error.obstacle) from error
