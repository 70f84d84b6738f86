"""Each command as it is typed, in an installation of its own."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from app.certificates.pdf.render import SEAL_BOX, draw
from app.cli import app
from app.core import clock
from app.core.crypto import pades
from app.core.crypto.encryption import keyring
from app.core.crypto.seal_provider import Suite
from app.core.crypto.signing_keys import ring
from app.core.settings import read_settings, write_keys
from app.core.vocabulary import AuditAction, Role
from app.db import audit, migrate
from app.files.spreadsheets import Column, write
from app.files.storage import Store
from app.models import Region
from app.worker.providers import seal_of
from tests.certificates.pdf.test_render import FACE
from tests.raw_sql import tampering

ANGUAN = Path(sys.executable).parent / "anguan"
ROOT = Path(app.__file__).parent.parent


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path, monkeypatch):
    """An empty place to live in, and nothing of ours in the environment."""
    for name in [name for name in os.environ if name.startswith("ANGUAN_") or name in {"HOST", "PORT"}]:
        monkeypatch.delenv(name)
    url = (
        request.getfixturevalue("new_postgres")() if request.param == "postgresql" else f"sqlite:///{tmp_path / 'anguan.db'}"
    )
    monkeypatch.setenv("ANGUAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", url)
    return tmp_path / "home"


@pytest.fixture(scope="module")
def ready(tmp_path_factory) -> Path:
    """An installation made by ``init`` once: it takes a second and a half, and a copy is as good."""
    return tmp_path_factory.mktemp("ready")


@pytest.fixture
def home(place, ready, capsys):
    """The same, made ready."""
    url = make_url(os.environ["DATABASE_URL"])
    if url.drivername == "sqlite" and any(ready.iterdir()):
        shutil.copytree(ready, place.parent, dirs_exist_ok=True)
        settings = read_settings()
        keyring.unlock(*settings.keys.ring)
        ring.open(settings.code_keys)
        return place
    assert app.main(["init"]) == 0
    capsys.readouterr()
    if url.drivername == "sqlite":
        shutil.copytree(place, ready / place.name)
        with closing(sqlite3.connect(str(url.database))) as system, closing(sqlite3.connect(ready / "anguan.db")) as copy:
            system.backup(copy)  # with what still lies in its journal
    return place


def rows(question: str) -> list:
    url = os.environ["DATABASE_URL"]
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text(question)).all()
    engine.dispose()
    return list(found)


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([ANGUAN, *arguments], capture_output=True, text=True, check=False, timeout=120)


def test_init_makes_keys_for_the_owner_only_and_a_database_that_is_current(place):
    assert app.main(["init"]) == 0
    assert (place / "keys.json").stat().st_mode & 0o777 == 0o600
    assert (place / "blobs").stat().st_mode & 0o777 == 0o700
    assert rows("SELECT version_num FROM alembic_version") == [(migrate.head_revision(),)]
    assert ("433100",) in rows("SELECT code FROM region")
    assert len(rows("SELECT name FROM ab_role")) == len(Role) + 1


def test_init_again_keeps_keys_and_data(home):
    keys = (home / "keys.json").read_text()
    before = rows("SELECT id, permission_view_id, role_id FROM ab_permission_view_role ORDER BY id")
    assert app.main(["init"]) == 0
    assert (home / "keys.json").read_text() == keys
    assert rows("SELECT id, permission_view_id, role_id FROM ab_permission_view_role ORDER BY id") == before


def test_three_inits_at_once_make_one_installation(place):
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda _: run("init"), range(3)))
    assert [one.returncode for one in done] == [0] * 3, [one.stderr for one in done]
    assert len(rows("SELECT code FROM region")) == 15
    json.loads((place / "keys.json").read_text())


def test_a_full_database_without_its_keys_is_not_given_new_ones(home, capsys):
    (home / "keys.json").unlink()
    assert app.main(["init"]) == 1
    assert "keys.json" in capsys.readouterr().err
    assert not (home / "keys.json").exists()


@pytest.mark.parametrize("command", ["demo", "serve", "deliver", "check"])
def test_without_keys_a_command_says_what_to_do(place, capsys, command):
    assert app.main([command]) == 1
    assert "anguan init" in capsys.readouterr().err


def test_demonstration_data_is_made_once(home, capsys):
    assert app.main(["demo"]) == 0
    first = rows("SELECT count(*) FROM application"), rows("SELECT count(*) FROM ab_user")
    assert app.main(["demo"]) == 0
    assert (rows("SELECT count(*) FROM application"), rows("SELECT count(*) FROM ab_user")) == first
    assert "already" in capsys.readouterr().out


def test_demonstration_data_is_refused_in_production(home, monkeypatch, capsys):
    monkeypatch.setenv("ANGUAN_ENV", "production")
    assert app.main(["demo"]) == 1
    assert "production" in capsys.readouterr().err
    assert rows("SELECT count(*) FROM ab_user") == [(0,)]


def test_check_finds_nothing_in_a_complete_installation(home, capsys):
    assert app.main(["check"]) == 0


def test_check_names_everything_that_is_unsafe_in_production(home, monkeypatch, capsys):
    monkeypatch.setenv("ANGUAN_ENV", "production")
    (home / "keys.json").chmod(0o644)
    assert app.main(["check"]) == 1
    said = capsys.readouterr().out
    for setting in ("keys.json", "ANGUAN_HTTPS", "ANGUAN_HOSTS", "ANGUAN_PUBLIC_URL"):
        assert setting in said


@pytest.mark.parametrize("command", [["serve"], ["serve", "--no-worker"]])
def test_production_without_names_of_its_own_does_not_start(home, monkeypatch, capsys, command):
    monkeypatch.setenv("ANGUAN_ENV", "production")
    assert app.main(command) == 1
    assert "ANGUAN_HOSTS" in capsys.readouterr().err


IN_EARNEST = {
    "ANGUAN_ENV": "production", "ANGUAN_HTTPS": "1", "ANGUAN_TRUSTED_PROXIES": "1", "ANGUAN_HOSTS": "ag.example",
    "ANGUAN_PUBLIC_URL": "https://ag.example", "ANGUAN_SMS_URL": "https://sms.example/",
}  # fmt: skip


@pytest.mark.parametrize(
    ("names", "said"),
    [("*", "is none"), ("https://ag.example", "is none"), ("ag.example,a b", "is none"), ("other.example", "not answered to"),
     ("ag.example", ""), (".example", ""), ("other.example, ag.example", "")],
)  # fmt: skip
def test_check_reads_the_names_as_the_threshold_does(home, monkeypatch, capsys, names, said):
    for name, value in {**IN_EARNEST, "ANGUAN_HOSTS": names}.items():
        monkeypatch.setenv(name, value)
    app.main(["check"])
    faults = [line for line in capsys.readouterr().out.splitlines() if "ANGUAN_HOSTS" in line]
    assert (said in faults[0]) if said else not faults


@pytest.mark.parametrize("path", ["", "keys.json", "codes.json", "seal"])
def test_check_names_what_others_can_read(home, capsys, path):
    (home / path).chmod(0o755)
    assert app.main(["check"]) == 1
    assert f"{home / path} can be read by others" in capsys.readouterr().out.replace("/ can", " can")


def test_init_makes_a_seal_for_the_owner_only_and_a_second_one_keeps_it(home):
    kept = {path.name: path.read_bytes() for path in (home / "seal").iterdir()}
    assert {path.stat().st_mode & 0o777 for path in (home / "seal").iterdir()} == {0o600}
    assert app.main(["init"]) == 0
    assert {path.name: path.read_bytes() for path in (home / "seal").iterdir()} == kept


def test_a_seal_is_renewed_and_revoked_and_the_papers_are_told_apart(home, tmp_path, capsys):
    settings = read_settings()
    seal = seal_of(settings).seal(Suite.P256, at=clock.now())
    words = pades.SignatureTexts("演示", "演示", "演示", "湖南")
    (tmp_path / "paper.pdf").write_bytes(pades.sign_pdf(draw(FACE), seal, words, SEAL_BOX, at=clock.now()))
    verify = ["verify", str(tmp_path / "paper.pdf")]
    assert app.main(verify) == 0
    assert "no legal force" in capsys.readouterr().out
    assert app.main(["seal", "revoke", "1", "--reason", "key-compromise"]) == 0
    assert "renew" in capsys.readouterr().err
    assert app.main(["check"]) == 1
    assert app.main(["seal", "renew"]) == 0
    assert app.main(["seal"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[-2:]] == ["2", "1"]
    assert app.main(verify) == 1
    assert "revoked" in capsys.readouterr().out
    assert app.main(["check"]) == 0


def test_a_paper_that_is_not_there_and_one_that_is_none(home, tmp_path, capsys):
    assert app.main(["verify", str(tmp_path / "nothing.pdf")]) == 1
    assert "cannot be read" in capsys.readouterr().err
    (tmp_path / "note.txt").write_text("note")
    assert app.main(["verify", str(tmp_path / "note.txt")]) == 1
    assert "no seal" in capsys.readouterr().out


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


def test_deliver_says_what_it_sent(home, capsys):
    assert app.main(["deliver"]) == 0
    assert "0 sent" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["", "init", "demo", "serve", "check", "account", "seal", "verify", "deliver", "audit"])
def test_every_command_explains_itself(capsys, command):
    assert app.main([*filter(None, [command]), "--help"]) == 0
    assert f"Usage: anguan{' ' if command else ''}{command} " in capsys.readouterr().out


def test_a_wrong_call_ends_with_two_and_says_how_it_is_called(capsys):
    assert app.main(["account", "lilei"]) == 2
    assert "Usage: anguan account" in capsys.readouterr().err


def test_every_command_says_what_it_does():
    def commands(group):
        for command in group.commands.values():
            yield command
            yield from commands(command) if hasattr(command, "commands") else ()

    assert not [command.name for command in commands(app.anguan) if not command.help]


def test_a_database_that_is_not_there_is_said_in_one_sentence(home, monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", "sqlite:////nowhere/at/all.db")
    assert app.main(["demo"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_server_answers_says_where_and_stops_when_told(home):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([ANGUAN, "serve", "--port", str(port), "--workers", "1"], stdout=subprocess.PIPE, text=True)
    try:
        assert f"http://127.0.0.1:{port}" in server.stdout.readline()
        caller = HTTPConnection("127.0.0.1", port, timeout=30)  # it waits in line while the worker comes up
        caller.request("GET", "/readyz")
        assert caller.getresponse().status == 200
    finally:
        server.terminate()
    assert server.wait(timeout=30) == 0


def test_a_sheet_of_the_old_system_is_checked_taken_over_and_bears_a_second_time(home, tmp_path, capsys):
    cells = {"企业名称": "湖南湘江建设有限公司", "统一社会信用代码": "91430100MA4L000150", "联系人": "周敏"}
    file, report = tmp_path / "账号.xlsx", tmp_path / "结果.xlsx"
    file.write_bytes(write([Column(title, title) for title in cells], [cells, {**cells, "联系人": "吴迪"}], sheet_title="旧"))
    assert app.main(["import-legacy", "accounts", str(file), "--dry-run"]) == 0
    assert rows("SELECT count(*) FROM ab_user") == [(0,)]
    for added, unchanged in ((1, 0), (0, 1)):
        assert app.main(["import-legacy", "accounts", str(file), "--report", str(report.with_stem(str(added)))]) == 0
        told = f"done: 2 rows, {added} added, 0 updated, {unchanged} unchanged, 1 refused."
        assert told in capsys.readouterr().out
    assert rows("SELECT username, password FROM ab_user") == [("91430100ma4l000150", None)]
    assert report.with_stem("1").stat().st_mode & 0o777 == 0o600


def test_a_sheet_that_is_none_is_refused_in_one_sentence(home, tmp_path, capsys):
    for file in (tmp_path / "missing.xlsx", home / "keys.json"):
        assert app.main(["import-legacy", "passes", str(file)]) == 1
        assert capsys.readouterr().err.startswith("anguan: ")


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
    assert app.main(["check"]) == 1
    assert "both holds roles that exclude each other (admin, auditor)" in capsys.readouterr().out


def test_keys_turn_and_the_old_one_goes_only_when_nothing_lies_under_it(home, capsys):
    assert app.main(["account", "liu", "--role", "viewer", "--region", "430000"]) == 0
    digest = Store(home / "blobs").put(b"a scan")
    assert app.main(["rekey", "--new-key"]) == 0
    keys = read_settings().keys
    assert sorted(keys.data) == [1, 2]
    assert (home / "keys.json").stat().st_mode & 0o777 == 0o600
    assert Store(home / "blobs").key_of(digest) == 2
    (line,) = rows('SELECT actor, "table", "row" FROM entry WHERE "table" = \'keys\'')
    assert line[0].startswith("anguan rekey")
    assert app.main(["rekey", "--retire"]) == 1
    assert "less than an hour" in capsys.readouterr().err
    os.utime(home / "keys.json", (1, 1))
    assert app.main(["rekey", "--retire"]) == 0
    assert sorted(read_settings().keys.data) == [2]
    assert app.main(["rekey", "--retire"]) == 1  # the last key stays
    assert app.main(["rekey", "--check"]) == 0


def test_an_old_key_with_something_under_it_stays(home, capsys):
    Store(home / "blobs").put(b"a scan")
    keys = read_settings().keys
    write_keys(home / "keys.json", replace(keys, data={**keys.data, 2: b"k" * 32}))
    os.utime(home / "keys.json", (1, 1))
    assert app.main(["rekey", "--retire"]) == 1
    assert "1 under key 1" in capsys.readouterr().err
    assert sorted(read_settings().keys.data) == [1, 2]


def test_a_new_key_of_the_index_goes_in_whole_or_is_gone_on_with(home, capsys):
    before = read_settings().keys
    write_keys(home / "keys.json", replace(before, lasting=before.index, index_next=b"n" * 32))  # as a kill leaves it
    assert app.main(["check"]) == 1
    assert "anguan rekey --index" in capsys.readouterr().err
    assert app.main(["rekey", "--index"]) == 0
    after = read_settings().keys
    assert (after.index, after.lasting, after.index_next) == (b"n" * 32, before.index, b"")
    assert app.main(["rekey", "--check"]) == 0


# --- audit log ---------------------------------------------------------------------------------------------------------

OLD, YOUNG = timedelta(days=200), timedelta(days=20)


@pytest.fixture
def books(home):
    """``books(age, n)``: writes n lines of that age, as the system would."""
    engine = create_engine(os.environ["DATABASE_URL"])
    settings = read_settings()
    keyring.unlock(*settings.keys.ring)

    def write_down(age: timedelta, n: int = 3, actor: str = "李四") -> None:
        with Session(engine) as session:
            for number in range(n):
                audit.log(session, actor, AuditAction.READ, "person", number, {"what": "id_number"}, at=clock.now() - age)
            session.commit()

    yield write_down
    engine.dispose()


def day(age: timedelta) -> str:
    return f"{clock.office_day(clock.now() - age)}"


def said(capsys, *arguments: str, ends: int = 0) -> str:
    assert app.main(["audit", *arguments]) == ends, capsys.readouterr()
    told = capsys.readouterr()
    return told.out + told.err


def test_a_whole_audit_log_is_verified_and_a_changed_line_is_named(home, books, capsys):
    books(YOUNG)
    total = rows("SELECT count(*) FROM entry")[0][0]
    assert f"Signed up to line {total}" in said(capsys, "checkpoint")
    assert "Nothing new" in said(capsys, "checkpoint")
    assert f"{total} lines hold" in said(capsys, "verify")
    assert f"{total} lines hold" in said(capsys)
    heads = (home / "diary-heads.jsonl").read_text().splitlines()
    assert [json.loads(line)["seq"] for line in heads] == [total]
    engine = create_engine(os.environ["DATABASE_URL"])
    with tampering(SimpleNamespace(engine=engine, kind=engine.dialect.name)) as connection:
        connection.execute(text("UPDATE entry SET actor = 'x' WHERE id = 2"))
    engine.dispose()
    assert "BROKEN. Line 2 (entry 2): it, or its link, was changed" in said(capsys, "verify", ends=1)


def test_an_audit_log_restored_from_before_its_last_checkpoint_is_found_by_the_file(home, books, capsys):
    said(capsys, "checkpoint")
    total = rows("SELECT count(*) FROM entry")[0][0]
    books(YOUNG)
    said(capsys, "checkpoint")
    engine = create_engine(os.environ["DATABASE_URL"])
    with tampering(SimpleNamespace(engine=engine, kind=engine.dialect.name)) as connection:
        connection.execute(text(f"DELETE FROM link WHERE seq > {total}"))  # noqa: S608
        connection.execute(text(f"DELETE FROM entry WHERE id > {total}"))  # noqa: S608
        connection.execute(text(f"DELETE FROM checkpoint WHERE seq > {total}"))  # noqa: S608
    engine.dispose()
    cut = f"BROKEN. Line {total + 1}: the audit log was cut off here, or written anew: the checkpoint at line {total + 3}"
    assert cut in said(capsys, "verify", ends=1)
    kept = (home / "diary-heads.jsonl").rename(home / "elsewhere.jsonl")
    assert "There is no" in said(capsys, "verify")
    assert cut in said(capsys, "verify", "--heads", str(kept), ends=1)
    kept.write_text(kept.read_text() + "{}\n")
    assert "not signed by this system" in said(capsys, "verify", "--heads", str(kept), ends=1)


def test_old_lines_go_once_they_are_exported_and_the_chain_holds_on(home, books, tmp_path, capsys):
    books(OLD)
    said(capsys, "checkpoint")
    first_of_now = rows("SELECT max(id) FROM entry")[0][0]
    books(YOUNG)
    said(capsys, "checkpoint")
    exported = tmp_path / "old.jsonl"
    assert "removed" not in said(capsys, "prune", "--before", day(YOUNG), str(tmp_path / "none"), ends=1)
    assert "180 days" in said(capsys, "prune", "--before", day(timedelta(days=179)), str(_empty(exported)), ends=1)
    # what init wrote today stands before the old lines here, so nothing can go
    assert "No checkpoint" in said(capsys, "prune", "--before", day(timedelta(days=190)), str(exported), ends=1)
    assert rows("SELECT max(id) FROM entry")[0][0] >= first_of_now


def _empty(path: Path) -> Path:
    path.write_text('{"diary": "anguan diary 1", "first": 1, "last": 0, "previous": ""}\n')
    return path


@pytest.fixture
def aged(home, books, capsys):
    """An audit log that begins 200 days ago: three old lines, a checkpoint, three young ones, a checkpoint."""
    engine = create_engine(os.environ["DATABASE_URL"])
    with tampering(SimpleNamespace(engine=engine, kind=engine.dialect.name)) as connection:
        connection.execute(text("DELETE FROM link"))
        connection.execute(text("DELETE FROM entry"))
    engine.dispose()
    books(OLD)
    said(capsys, "checkpoint")
    books(YOUNG, actor="王五\n\x1b[31m{}")
    said(capsys, "checkpoint")
    return home


def test_what_is_exported_and_half_a_year_old_may_go(aged, books, tmp_path, capsys):
    old, part = tmp_path / "old.jsonl", tmp_path / "part.jsonl"
    assert "3 lines" in said(capsys, "export", "--from", day(OLD), "--to", day(OLD), str(old))
    assert (old.stat().st_mode & 0o777) == 0o600
    assert "cannot be made" in said(capsys, "export", "--from", day(OLD), "--to", day(OLD), str(old), ends=1)
    assert "no lines of these days" in said(capsys, "export", "--from", "2001-01-01", "--to", "2001-01-01", str(part), ends=1)
    assert not part.exists()
    lines = old.read_text().splitlines(keepends=True)
    before = rows("SELECT count(*) FROM entry")
    for damaged in (
        lines[:2] + lines[3:],
        [lines[0], lines[1].replace("李四".encode("unicode_escape").decode(), "x"), *lines[2:]],
    ):
        part.write_text("".join(damaged))
        assert "do not hold lines 1 to 3" in said(capsys, "prune", "--before", day(timedelta(days=190)), str(part), ends=1)
    part.write_text("nonsense")
    assert "not written by" in said(capsys, "prune", "--before", day(timedelta(days=190)), str(part), ends=1)
    assert rows("SELECT count(*) FROM entry") == before
    assert "Lines 1 to 3 were removed" in said(capsys, "prune", "--before", day(timedelta(days=190)), str(old))
    assert rows("SELECT min(seq) FROM link") == [(4,)]
    assert "5 lines hold" in said(capsys, "verify")  # three young ones, the export, the removal
    assert "No checkpoint" in said(capsys, "prune", "--before", day(timedelta(days=190)), str(old), ends=1)
    books(YOUNG)
    assert "8 lines hold" in said(capsys, "verify")
    told = rows("SELECT actor, deed, \"table\" FROM entry WHERE actor = 'anguan audit' ORDER BY id")
    assert [tuple(row) for row in told] == [("anguan audit", "export", "entry"), ("anguan audit", "delete", "entry")]


def test_no_character_of_a_line_breaks_an_exported_one(aged, tmp_path, capsys):
    file = tmp_path / "young.jsonl"
    said(capsys, "export", "--from", day(YOUNG), "--to", day(YOUNG), str(file))
    records = [json.loads(line) for line in file.read_text().split("\n") if line]
    assert [record.get("seq") for record in records] == [None, 4, 5, 6, None]
    assert {record["actor"] for record in records[1:-1]} == {"王五\n\x1b[31m{}"}
    assert "\x1b" not in file.read_text()
    assert records[-1]["checkpoint"]["seq"] == 6


def test_a_granted_role_works_and_only_adds_to_the_audit_log(home, books, monkeypatch, capsys):
    if "postgresql" not in os.environ["DATABASE_URL"]:
        assert "SQLite knows no roles" in said(capsys, "grant", "anybody", ends=1)
        return
    books(OLD)
    said(capsys, "checkpoint")
    owner = make_url(os.environ["DATABASE_URL"])
    name = f"clerk of {owner.database}"
    assert "There is no database role" in said(capsys, "grant", name, ends=1)
    assert "superuser" in said(capsys, "grant", owner.username, ends=1)
    rows_of(owner, f'CREATE ROLE "{name}" LOGIN')
    said(capsys, "grant", name)
    said(capsys, "grant", name)  # again, as after an update
    monkeypatch.setenv("ANGUAN_ENV", "production")
    app.main(["check"])
    assert "may change the audit log" in capsys.readouterr().out
    own = owner.set(username=name)
    monkeypatch.setenv("DATABASE_URL", own.render_as_string(hide_password=False))
    app.main(["check"])
    assert "may change the audit log" not in capsys.readouterr().out
    engine = create_engine(own)
    with Session(engine) as session:  # it works, and its changes are linked
        session.add(Region(code="439900", name="别处"))
        session.commit()
        session.execute(text("UPDATE region SET name = '某处' WHERE code = '439900'"))
        session.execute(text("DELETE FROM region WHERE code = '439900'"))
        session.commit()
    refused = 0
    for statement in (
        attack.format(table, "row" if table == "entry" else "hash") for table in migrate.AUDIT_TABLES for attack in ATTACKS
    ):
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), engine.begin() as connection:
            connection.execute(text(statement))
        refused += 1
    with engine.begin() as connection:
        connection.execute(text("GRANT ALL ON entry TO PUBLIC"))  # passes with a warning, and gives nothing
        assert not migrate.may_rewrite_the_audit_log(connection)
    engine.dispose()
    assert refused == 27
    assert "lines hold" in said(capsys, "verify")
    rows_of(owner, f'DROP OWNED BY "{name}"', f'DROP ROLE "{name}"')


ATTACKS = (
    "UPDATE {0} SET {1} = {1}",
    "DELETE FROM {0}",
    "TRUNCATE {0} CASCADE",
    "ALTER TABLE {0} DISABLE TRIGGER ALL",
    "DROP TABLE {0} CASCADE",
    "DROP TRIGGER {0}_only_grows ON {0}",
    "CREATE OR REPLACE FUNCTION {0}_only_grows() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    "SET session_replication_role = replica",
    "UPDATE alembic_version SET version_num = '0001'",
)


def rows_of(url: URL, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
