"""What the kernel knows of its clock."""

from datetime import UTC, datetime, timedelta

import pytest

from app.core import kernel_clock
from app.core.clock import now

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "off", "believed"),
    [
        *((0, timedelta(0), True), (1, timedelta(minutes=5), True), (4, timedelta(minutes=-5), True)),
        *((5, timedelta(0), False), (-1, timedelta(0), False)),  # kept by no service; may not be asked
        (0, timedelta(minutes=6), False),  # this process is told another time than the kernel's
        (0, timedelta(days=400), False),
    ],
)
def test_a_clock_is_confirmed_if_a_service_keeps_it_and_it_shows_the_moment(state, off, believed):
    assert kernel_clock.says(state, int(NOON.timestamp()), NOON + off) is believed


def test_whatever_this_machine_knows_another_moment_is_not_confirmed():
    assert not kernel_clock.confirms(now() + timedelta(days=400))
