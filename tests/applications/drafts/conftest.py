"""An enterprise whose clerk files."""

import pytest

from app.core.office import Office
from tests import make
from tests.workflow_fixture import Firm

HANDLER = ("韩梅梅", "13800000000")
GIVEN = {"at": make.NOON, "office": Office()}


@pytest.fixture
def firm(session):
    return Firm(session)


@pytest.fixture
def clerk(firm):
    return make.clerk(firm.enterprise)
