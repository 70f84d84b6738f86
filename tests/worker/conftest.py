"""What the jobs find."""

import pytest

from tests import make


@pytest.fixture
def entries(session) -> None:
    """Three lines of the audit log."""
    session.add_all([make.enterprise() for _n in range(3)])
    session.commit()
