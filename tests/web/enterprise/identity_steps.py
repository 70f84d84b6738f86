"""An enterprise that corrects a name or ID number, and what it types. (PYTEST_DONT_REWRITE: also a plugin.)"""

import io

import pytest
from sqlalchemy import select

from app.core.vocabulary import Role
from app.models import IdentityCorrection
from tests.hostile_files import jpeg
from tests.web.applications.case_fixture import Firm

CLERK, OFFICER = Role.ENTERPRISE_CLERK, Role.ACCEPTANCE_OFFICER


@pytest.fixture
def firm(session, signed_in, system):
    return Firm(session, signed_in, system)


def apply(firm, person, **typed):
    scan = {"paper_id_card": (io.BytesIO(jpeg(900, 600)), "身份证.jpg")}
    form = {"name": "李蕾", "id_number": "", "reason": "录入时写错一个字", **scan, **typed}
    data = {name: value for name, value in form.items() if value is not None}
    return firm.browser(CLERK).post(f"/identity-requests/ask/{person.id}", data=data, content_type="multipart/form-data")


def corrections(firm):
    firm.session.rollback()
    firm.session.expire_all()
    return firm.session.scalars(select(IdentityCorrection).order_by(IdentityCorrection.id)).all()
