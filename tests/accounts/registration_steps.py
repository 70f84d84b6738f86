"""A registration that awaits its decision. (PYTEST_DONT_REWRITE: imported by name and as a plugin.)"""

import pytest
from sqlalchemy import func, select

from app.accounts.registration import RegistrationRequest, register
from app.core.vocabulary import Role
from app.files.inspect import InspectedFile
from app.models import Account
from tests import make

LICENCE = InspectedFile(b"x", "image/jpeg", "jpg", 1, 1, 1, "0" * 64, "执照.jpg")
PASSWORD, MOBILE = "Brisk-Walnut-Copper-71", "13812345678"
ADMIN = make.officer(Role.ADMIN)


def request_for(uscc: str | None = None, **facts) -> RegistrationRequest:
    given = {"name": "湖南新业建设有限公司", "region_code": "430100", "legal_representative": "周全", "contact": "李好"}
    return RegistrationRequest(uscc or make.uscc(77), **{**given, "mobile": MOBILE, **facts})


@pytest.fixture
def pending(app, session) -> Account:
    made = register(session, request_for(), LICENCE, username="xinye", at=make.NOON)
    session.commit()
    return made


def count(session, model) -> int:
    found = session.scalar(select(func.count()).select_from(model))
    session.rollback()
    return found
