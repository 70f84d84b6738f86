"""A trial moves to PostgreSQL by command, and the system runs there."""

import pytest

from app.cli import app, move
from tests.cli.conftest import rows


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_everything_moves_and_the_system_goes_on_there(home, new_postgres, monkeypatch, capsys):
    assert app.main(["account", "liu", "--role", "viewer", "--region", "430000"]) == 0
    url = new_postgres()
    assert app.main(["move", url.replace("+psycopg", "")]) == 0
    told = capsys.readouterr().out
    assert "are the same on both sides" in told
    monkeypatch.setenv("DATABASE_URL", url)
    assert rows("SELECT username FROM ab_user") == [("liu",)]
    (line,) = rows("SELECT actor FROM entry WHERE \"table\" = 'database'")
    assert line[0].startswith(move.BY)
    assert app.main(["init"]) == 0
    assert app.main(["audit"]) == 0
    assert app.main(["account", "wang", "--role", "viewer", "--region", "430000"]) == 0
    assert app.main(["move", url]) == 1
    assert "from SQLite" in capsys.readouterr().err
