"""The browser of the system administrator."""

import pytest

from app.core.vocabulary import Role
from tests import make
from tests.web.applications.case_fixture import rolling_back


@pytest.fixture
def admin(session, signed_in):
    return rolling_back(signed_in(make.account(session, "admin", Role.ADMIN)), session, "zh")
