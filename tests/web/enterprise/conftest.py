"""The clerk of an enterprise, another enterprise, and forms filled in."""

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.applications import attachments
from app.core.clock import now, office_day
from app.core.office import Office
from app.core.vocabulary import AuditAction, PaperKind, Role
from app.files.folder_store import FolderStore
from app.files.storage import keep_scan
from app.models import AuditEntry, Enterprise, Qualification
from tests import make
from tests.hostile_files import jpeg
from tests.sign_in_fixture import account

Enter = Callable[..., FlaskClient]


@pytest.fixture
def enter(signed_in, session: Session) -> Enter:
    """``enter(Role.REVIEWER, region_code="430000")``: a browser in which such an account is signed in, in English."""

    def enter(role: Role, **facts) -> FlaskClient:
        given = {"region_code": None} if role is Role.ENTERPRISE_CLERK else {"region_code": "430000"}
        client = signed_in(account(session, f"{role.value}-{facts.get('enterprise_id', '')}", role, **{**given, **facts}))
        with client.session_transaction() as cookie:
            cookie["locale"] = "en"
        knock = client.open

        def open_after_letting_go(*args, **kwargs):
            session.rollback()  # SQLite has one writer, and the test's own session must not be it
            return knock(*args, **kwargs)

        client.open = open_after_letting_go
        return client

    return enter


@pytest.fixture
def ours(session: Session) -> Enterprise:
    return kept(session, make.enterprise(name="湖南湘江建设有限公司"))


@pytest.fixture
def theirs(session: Session) -> Enterprise:
    return kept(session, make.enterprise(name="株洲枫溪建工有限公司", region_code="430200"))


@pytest.fixture
def clerk(enter: Enter, ours: Enterprise) -> FlaskClient:
    return enter(Role.ENTERPRISE_CLERK, enterprise_id=ours.id)


def kept(session: Session, thing):
    session.add(thing)
    session.commit()
    return thing


def file(data: bytes, name: str) -> tuple[io.BytesIO, str]:
    return io.BytesIO(data), name


def count(session: Session, model) -> int:
    session.rollback()
    found = session.scalar(select(func.count()).select_from(model))
    session.rollback()
    return found


def handed_in(
    session: Session, system, owner, kind: PaperKind = PaperKind.PHOTO, data: bytes | None = None, name: str = "扫描件.jpg"
):
    """A scan uploaded by the enterprise of its owner, with its bytes."""
    enterprise_id = owner.id if isinstance(owner, Enterprise) else owner.enterprise_id
    actor = make.clerk(session.get_one(Enterprise, enterprise_id))
    store, photo = FolderStore(system.settings.blobs), kind is PaperKind.PHOTO
    scan = keep_scan(store, data or jpeg(), name, photo=photo, office=Office())
    paper = attachments.attach(session, owner, kind, scan, actor, at=make.NOON)
    session.commit()
    return paper


def reads(session: Session) -> list[AuditEntry]:
    session.rollback()
    return list(session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.READ)))


def a_qualification(enterprise: Enterprise, **facts) -> Qualification:
    today = office_day(now())
    given = {
        "number": f"D343{make.id_number()[-6:]}",
        "kind_and_grade": "建筑工程施工总承包二级",
        "valid_from": today - timedelta(days=100),
        "valid_to": today + timedelta(days=100),
    }
    return Qualification(enterprise=enterprise, **{**given, **facts})
