"""Fixtures of the application pages: two enterprises in different cities, browsers of a clerk and an acceptance officer."""

import pytest
from flask.testing import FlaskClient

from app.core.vocabulary import Role
from tests.web.applications.case_fixture import Firm


@pytest.fixture
def firm(request, session, signed_in, system) -> Firm:
    """Of the kind that the module names as ``FIRM``."""
    return getattr(request.module, "FIRM", Firm)(session, signed_in, system)


@pytest.fixture
def other_firm(session, signed_in, system) -> Firm:
    """Another enterprise, in another city."""
    return Firm(session, signed_in, system, "株洲枫溪建工有限公司", "430200")


@pytest.fixture
def clerk(firm) -> FlaskClient:
    return firm.browser(Role.ENTERPRISE_CLERK)


@pytest.fixture
def acceptance(firm) -> FlaskClient:
    return firm.browser(Role.ACCEPTANCE_OFFICER)


@pytest.fixture
def admin(firm) -> FlaskClient:
    return firm.browser(Role.ADMIN)
