"""What a door finds on its desk in one request: who is there, whose office it is, and what time it is.

Law: doors and joinery ask here; below them the same things are handed in as arguments.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, cast

from flask import current_app, g, request
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from app.accounts import sessions
from app.accounts.access import NOBODY, Actor
from app.accounts.business_licence.provider import LicenceProvider
from app.applications.office_settings import office_at, office_of, past_values
from app.core import clock
from app.core.crypto.seal_provider import SealProvider
from app.core.errors import SecondFactorRequired
from app.core.office import Office
from app.core.settings import Settings
from app.core.vocabulary import AuditAction, Role
from app.db import audit
from app.db.session import db, read_only, reading
from app.files.storage import Store
from app.models import Account
from app.worker import providers


def settings() -> Settings:
    return cast(Settings, current_app.extensions["anguan"])


def current_office() -> Office:
    """The office as it stands in this request: defaults, what the administrator set, what the operator pinned.

    Read beside a writing request's own transaction, which this must not open: doors that count attempts come first.
    """
    if "office" not in g:
        if reading.get():
            g.office = office_of(db.session(), settings().office)
        else:
            with read_only(), Session(db.engine) as session:
                g.office = office_of(session, settings().office)
    return cast(Office, g.office)


def office_then(at: datetime) -> Office:
    """The office as it stood at this moment, for papers that bear its date."""
    if "pasts" not in g:
        g.pasts = past_values(db.session())
    return office_at(current_office(), g.pasts, at)


def store() -> Store:
    return Store(settings().blobs, providers.scanner_of(settings()))


def uploaded_bytes(file: FileStorage) -> bytes:
    """The bytes of a file that was sent along, if whoever looks for viruses has nothing against them."""
    data = file.stream.read()
    store().screen(data, file.filename or "")
    return data


def seal() -> SealProvider:
    """Whoever keeps the seal; one for the whole process, as it remembers when it was not answered."""
    kept = current_app.extensions
    if "anguan.seal" not in kept:
        kept["anguan.seal"] = providers.seal_of(settings())
    return cast(SealProvider, kept["anguan.seal"])


def licences() -> LicenceProvider | None:
    """The platform of business licences, if that way in is open; one for the whole process, as for the seal."""
    kept = current_app.extensions
    if "anguan.licences" not in kept:
        kept["anguan.licences"] = providers.licences_of(settings())
    return cast("LicenceProvider | None", kept["anguan.licences"])


def now() -> datetime:
    """One moment for the whole request, so that everything done in it bears the same time."""
    if "moment" not in g:
        g.moment = clock.now()
    return cast(datetime, g.moment)


def today() -> date:
    return clock.office_day(now())


def current_actor() -> Actor:
    """Whoever is signed in, as the domain knows them; ``NOBODY`` for a passer-by."""
    if "actor" not in g:
        g.actor = actor_of(current_user) if current_user and current_user.is_authenticated else NOBODY
    return cast(Actor, g.actor)


def actor_of(account: Account) -> Actor:
    held = {role.name for role in account.roles}
    return Actor(
        id=account.id,
        name=account.get_full_name(),
        roles=frozenset(role for role in Role if role.value in held),
        region=account.region_code or "",
        enterprise_id=account.enterprise_id,
    )


def address() -> str:
    """Where the request comes from, as far as trusted proxies tell (``ANGUAN_TRUSTED_PROXIES``)."""
    return request.remote_addr or ""


def require_second_factor() -> None:
    """Before the riskiest deeds: demand that the second factor was shown a short while ago, where one is asked for."""
    if sessions.needs_second_factor(current_user, current_office()) and not sessions.has_fresh_second_factor(
        g.visit, at=now()
    ):
        raise SecondFactorRequired


@contextmanager
def side_session() -> Iterator[Session]:
    """A short writing transaction beside the request's own, which may be one for reading only."""
    token = reading.set(False)
    try:
        with Session(db.engine) as session, session.begin():
            session.info.update(db.session().info)
            yield session
    finally:
        reading.reset(token)


def note_export(thing: Any, **what: Any) -> None:
    """One line in the diary, kept before the sheet goes out; for doors that are asked by POST, whose session may write."""
    session = db.session()
    audit.log(session, current_actor().name, AuditAction.EXPORT, thing, change=what, at=now(), address=address())
    session.commit()


def note_reading(thing: Any, deed: AuditAction = AuditAction.READ, **what: Any) -> None:
    """One line in the diary: the reader has opened this row in full, or taken it along."""
    with side_session() as session:
        audit.log(session, current_actor().name, deed, thing, change=what, at=now(), address=address())
