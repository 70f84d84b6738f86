"""Accounts made by command."""

import pytest
from sqlalchemy import create_engine, text

from app.cli import app
from app.core.settings import read_settings
from tests.cli.conftest import rows


def test_a_new_account_gets_a_password_that_must_be_changed(home, capsys):
    assert app.main(["account", "Li.Lei", "--role", "reviewer", "--region", "430100"]) == 0
    name, password = capsys.readouterr().out.split()
    assert name == "li.lei"
    assert len(password) >= 12
    assert rows("SELECT region_code, must_change_password FROM ab_user") == [("430100", True)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["x", "--role", "reviewer"], "--region"),
        (["x", "--role", "reviewer", "--region", "999999"], "no region"),
        (["x", "--role", "enterprise_clerk"], "--enterprise"),
        (["x", "--role", "enterprise_clerk", "--enterprise", "91430100MA4L000150"], "is known"),
        (["x", "--role", "enterprise_clerk", "--enterprise", "123"], "18"),
        (["x", "--role", "viewer", "--region", "430000", "--enterprise", "91430100MA4L000150"], "is known"),
    ],
)
def test_an_account_that_could_not_work_is_refused(home, capsys, arguments, says):
    assert app.main(["account", *arguments]) == 1
    assert says in capsys.readouterr().err
    assert rows("SELECT count(*) FROM ab_user") == [(0,)]


def test_the_same_name_twice_is_refused(home, capsys):
    assert app.main(["account", "lilei", "--role", "viewer", "--region", "430000"]) == 0
    assert app.main(["account", "LILEI", "--role", "viewer", "--region", "430000"]) == 1


def test_the_three_administrators_are_made_once_each_with_a_word_of_their_own(home, capsys):
    assert app.main(["create-admin"]) == 0
    made = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [(name, role) for name, _word, role in made] == [
        ("admin", "admin"), ("secadmin", "security_admin"), ("auditor", "auditor"),
    ]  # fmt: skip
    assert len({word for _name, word, _role in made}) == 3
    assert app.main(["create-admin"]) == 1
    assert "three administrators are there" in capsys.readouterr().err


def test_an_account_with_two_sets_is_not_made_and_one_made_by_hand_is_named(home, capsys):
    both = ["account", "both", "--role", "admin", "--role", "auditor", "--region", "430000"]
    assert app.main(both) == 1
    assert "must not hold" in capsys.readouterr().err
    assert app.main([*both[:4], *both[6:]]) == 0
    with create_engine(read_settings().database_url).begin() as by_hand:
        second = "INSERT INTO ab_user_role (id, user_id, role_id) SELECT 900, 1, id FROM ab_role WHERE name = 'auditor'"
        by_hand.execute(text(second))
    assert app.main(["doctor"]) == 2
    assert "both 同时持有互斥的角色（系统管理员、审计管理员）" in capsys.readouterr().out


def test_the_operator_gives_a_new_one_time_password_by_command(home, capsys):
    assert app.main(["create-admin"]) == 0
    first = rows("SELECT password FROM ab_user WHERE username = 'secadmin'")
    capsys.readouterr()
    assert app.main(["reset-password", "SecAdmin"]) == 0
    name, word = capsys.readouterr().out.split()
    assert (name, len(word) >= 12) == ("secadmin", True)
    assert rows("SELECT password FROM ab_user WHERE username = 'secadmin'") != first
    assert rows("SELECT count(*) FROM entry WHERE actor = 'anguan reset-password' AND \"table\" = 'ab_user'") == [(1,)]
    assert app.main(["reset-password", "nobody"]) == 1
    assert "no account 'nobody'" in capsys.readouterr().err
