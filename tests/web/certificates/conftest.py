"""Fixtures of the application pages, for certificates that an approval has issued."""

import pytest

from tests.web.applications.conftest import admin, clerk, firm, other_firm
from tests.web.certificates.bureau import Bureau

__all__ = ["admin", "clerk", "firm", "other_firm"]


@pytest.fixture
def bureau(session, signed_in):
    return Bureau(session, signed_in)
