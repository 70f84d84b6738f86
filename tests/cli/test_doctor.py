"""``anguan doctor``: whatever is wrong is found, named and, where that is safe, put right."""

import json
import os
import re
import shutil
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.applications.demo_clock import set_day
from app.cli import app
from app.cli.demo_data.people import ENTERPRISES
from app.core import clock
from app.core.office import Office
from app.core.settings import read_settings
from app.worker.findings import Depth, Installation, examine
from app.worker.findings.database import DEMONSTRATION_CODES
from app.worker.findings.kinds import KINDS, Severity
from tests import make
from tests.cli.planted_faults import FAULTS, planting
from tests.test_docs import ROOT


def said(capsys, *options: str) -> list[dict[str, str]]:
    """What the doctor finds; its exit code is that of the gravest."""
    capsys.readouterr()
    ended = app.main(["doctor", "--json", *options])
    found = json.loads(capsys.readouterr().out)
    grave = {"error": 2, "warning": 1}
    assert ended == max((grave[one["severity"]] for one in found), default=0)
    return found


def codes(capsys, *options: str) -> set[str]:
    return {one["code"] for one in said(capsys, *options)}


def test_nothing_is_found_in_a_new_installation(home, capsys):
    assert app.main(["doctor"]) == 0
    assert capsys.readouterr().out == "没有发现问题。\n"


def test_every_planted_fault_is_found_by_its_name(home, monkeypatch, capsys):
    sound, found = planting(home, monkeypatch), {}
    assert said(capsys) == []
    for code, plant in FAULTS.items():
        with plant(sound):
            found[code] = codes(capsys)
    assert said(capsys) == []
    assert {code for code in FAULTS if code not in found[code]} == set()
    assert len(FAULTS) >= 20


def test_the_table_of_faults_in_the_documents_is_the_one_that_is_planted():
    table = (ROOT / "docs" / "operations.md").read_text()
    assert re.findall(r"^\| [^|]+ \| `([a-z-]+)` \|", table, re.MULTILINE) == list(FAULTS)


def test_a_missing_or_damaged_font_is_found(home, tmp_path):
    fonts = Path(str(files("app") / "fonts"))
    shutil.copytree(fonts, tmp_path / "fonts", ignore=shutil.ignore_patterns("kai-tgh.ttf", "hana*", "babelstone-0*"))
    (tmp_path / "fonts" / "serif-L2.ttf").write_bytes(b"\0\1\0\0")
    engine = create_engine(os.environ["DATABASE_URL"])
    found = examine(Installation(read_settings(), engine, clock.now(), fonts=tmp_path / "fonts"), Depth.FULL)
    engine.dispose()
    assert [(one.code, one.place) for one in found] == [
        ("no-font", "kai-tgh.ttf"), ("no-font", "serif-L2.ttf"), ("no-font", "rare/hana")
    ]  # fmt: skip


def test_every_kind_of_finding_can_be_said():
    """In a sentence whose every placeholder is known, with what to do."""
    for code, kind in KINDS.items():
        assert isinstance(kind.severity, Severity), code
        assert str(kind.what), code
        assert str(kind.remedy), code


def test_the_seal_of_sealed_papers_is_not_replaced_by_another(home, monkeypatch, capsys):
    planting(home, monkeypatch)
    shutil.rmtree(home / "seal")
    assert app.main(["init"]) == 1
    assert "Papers have been sealed by another seal" in capsys.readouterr().err
    assert not (home / "seal").exists()


def test_a_command_says_that_the_keys_are_of_another_database(home, monkeypatch, capsys):
    with FAULTS["foreign-keys"](planting(home, monkeypatch)):
        assert app.main(["deliver"]) == 1
    assert "not those of this database: run 'anguan doctor'" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [{"ANGUAN_SMS_ULR": "x"}, {"ANGUAN_ENV": "prod"}])
def test_no_command_starts_with_a_setting_that_is_none(home, monkeypatch, capsys, wrong):
    [(name, value)] = wrong.items()
    monkeypatch.setenv(name, value)
    for command in ("init", "serve", "worker"):
        assert app.main([command]) == 1
        assert name in capsys.readouterr().err


def test_what_is_safe_is_put_right(home, monkeypatch, capsys):
    sound = planting(home, monkeypatch)
    with FAULTS["missing-papers"](sound):
        for path in ("", "keys.json", "codes.json", "seal"):
            (home / path).chmod(0o755)
        assert codes(capsys) == {"readable-by-others", "missing-papers"}
        assert codes(capsys, "--fix") == {"missing-papers"}  # until a worker has drawn them
        with Session(sound.engine) as session:
            assert session.connection().exec_driver_sql("SELECT kind FROM job").scalars().all() == ["papers"]
    assert [(home / path).stat().st_mode & 0o777 for path in ("", "keys.json")] == [0o700, 0o600]


def test_the_depth_opens_every_file_and_the_whole_audit_log(home, monkeypatch, capsys):
    sound = planting(home, monkeypatch)
    assert said(capsys, "--deep") == []
    with FAULTS["missing-file"](sound):
        assert codes(capsys, "--deep") == {"missing-file"}


def test_administrators_made_for_production_are_no_demonstration(home, monkeypatch, capsys):
    assert app.main(["create-admin"]) == 0
    monkeypatch.setenv("ANGUAN_ENV", "production")
    assert codes(capsys).isdisjoint({"demonstration-data", "no-administrator"})


def test_the_demonstration_is_known_by_its_enterprises():
    assert tuple(code for _name, code, *_more in ENTERPRISES) == DEMONSTRATION_CODES


IN_EARNEST = {
    "ANGUAN_ENV": "production", "ANGUAN_HTTPS": "1", "ANGUAN_TRUSTED_PROXIES": "1", "ANGUAN_HOSTS": "ag.example",
    "ANGUAN_PUBLIC_URL": "https://ag.example", "ANGUAN_ALERT_MOBILES": "13800000000",
}  # fmt: skip


def test_the_names_of_the_site_are_read_as_the_server_reads_them(home, monkeypatch, capsys):
    for name, value in IN_EARNEST.items():
        monkeypatch.setenv(name, value)
    names = {
        "*": "odd-host", "https://ag.example": "odd-host", "ag.example,a b": "odd-host",
        "other.example": "unanswered-address", "": "any-host", "ag.example": "", ".example": "",
        "other.example, ag.example": "",
    }  # fmt: skip
    for given, code in names.items():
        monkeypatch.setenv("ANGUAN_HOSTS", given)
        assert codes(capsys) & {"odd-host", "unanswered-address", "any-host"} == {code} - {""}, given


def test_everything_unsafe_in_production_is_named(home, monkeypatch, capsys):
    monkeypatch.setenv("ANGUAN_ENV", "production")
    unsafe = {"no-https", "any-host", "open-address", "demonstration-seal", "messages-to-a-file", "no-operator"}
    assert codes(capsys) >= unsafe | {"no-backup", "password-alone"}


@pytest.mark.parametrize("command", [["serve"], ["serve", "--no-worker"]])
def test_production_without_names_of_its_own_does_not_start(home, monkeypatch, capsys, command):
    monkeypatch.setenv("ANGUAN_ENV", "production")
    assert app.main(command) == 1
    assert "ANGUAN_HOSTS" in capsys.readouterr().err


def test_a_demonstration_clock_is_named(home, monkeypatch, capsys):
    day = clock.office_day(clock.now()) + timedelta(days=20)
    engine = create_engine(os.environ["DATABASE_URL"])
    with Session(engine) as session:
        set_day(session, day, by="x", base=Office(demonstration=True), at=clock.now())
        session.commit()
    engine.dispose()
    assert app.main(["doctor", "--language", "en"]) == 1
    assert f"The demonstration clock is set: the office's day is {day} (20 days ahead" in capsys.readouterr().out
    monkeypatch.setenv("ANGUAN_ENV", "production")
    assert "demonstration-clock-left" in codes(capsys)


def test_who_was_renamed_after_an_exam_is_listed_masked(home, capsys):
    engine, number = create_engine(os.environ["DATABASE_URL"]), make.id_number()
    with Session(engine) as session:
        person = make.person(make.enterprise(region_code="430100"), name="王小明", id_number=number)
        session.add(make.exam_pass(person, identity={"name": "李大雷", "id_number": number}))
        session.commit()
    engine.dispose()
    assert app.main(["doctor"]) == 1
    told = capsys.readouterr().out
    assert "王** / 李**" in told
    assert number not in told
