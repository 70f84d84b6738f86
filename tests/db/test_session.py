"""A connection whose other end falls silent is given up by both sides."""

import pytest
from sqlalchemy import create_engine

from app.db.session import CONNECT_SECONDS, SILENCE

GIVEN = "options=-c%20tcp_keepalives_idle%3D99%20-c%20default_transaction_read_only%3Don&keepalives_idle=99"


@pytest.mark.parametrize("system", ["postgresql"], indirect=True)
def test_both_sides_give_up_a_silent_connection_unless_the_address_says_otherwise(system):
    for address, seconds, reads_only in (("", 10, "off"), (f"&{GIVEN}", 99, "on")):
        engine = create_engine(f"{system.settings.database_url}{address}")
        with engine.connect() as connection:
            said = connection.connection.driver_connection.info.get_parameters()
            expected = {"connect_timeout": CONNECT_SECONDS, **SILENCE, "keepalives_idle": seconds}
            assert {name: int(said[name]) for name in expected} == expected
            assert said["options"].startswith("-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 ")
            assert connection.exec_driver_sql("SHOW default_transaction_read_only").scalar() == reads_only
        engine.dispose()
