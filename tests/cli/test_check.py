"""``anguan check``: what is unsafe is named."""

import os
import resource
from datetime import timedelta

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.applications.demo_clock import set_day
from app.cli import app
from app.core import clock
from app.core.office import Office
from tests import make


def test_check_finds_nothing_in_a_complete_installation(home, capsys):
    assert app.main(["check"]) == 0


def test_check_says_why_nothing_can_be_saved_and_what_to_do(home, monkeypatch, capsys):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))  # no file grows or is written beyond
    try:
        assert app.main(["check"]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    said = capsys.readouterr().out
    for folder in (home, home / "blobs"):
        assert f"Nothing can be saved: {folder} cannot be written to: run 'anguan init'" in said
    url = os.environ["DATABASE_URL"]
    if url.startswith("sqlite"):
        url = url.replace("sqlite:///", "sqlite:///file:") + "?mode=ro&uri=true"
    else:
        url += ("&" if "?" in url else "?") + "options=-c%20default_transaction_read_only%3Don"
    monkeypatch.setenv("DATABASE_URL", url)
    assert app.main(["check"]) == 1
    assert "Nothing can be saved: the database can only be read: " in capsys.readouterr().out


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


def test_check_says_when_the_demonstration_clock_is_set(home, monkeypatch, capsys):
    day = clock.office_day(clock.now()) + timedelta(days=20)
    engine = create_engine(os.environ["DATABASE_URL"])
    with Session(engine) as session:
        set_day(session, day, by="x", base=Office(demonstration=True), at=clock.now())
        session.commit()
    engine.dispose()
    assert app.main(["check"]) == 1
    assert f"The demonstration clock is set: the office's day is {day} (20 days ahead" in capsys.readouterr().out
    monkeypatch.setenv("ANGUAN_ENV", "production")
    assert app.main(["check"]) == 1
    assert "production ignores it" in capsys.readouterr().out


@pytest.mark.parametrize("path", ["", "keys.json", "codes.json", "seal"])
def test_check_names_what_others_can_read(home, capsys, path):
    (home / path).chmod(0o755)
    assert app.main(["check"]) == 1
    assert f"{home / path} can be read by others" in capsys.readouterr().out.replace("/ can", " can")


def test_check_lists_who_was_renamed_after_an_exam_masked(home, capsys):
    engine, number = create_engine(os.environ["DATABASE_URL"]), make.id_number()
    with Session(engine) as session:
        person = make.person(make.enterprise(region_code="430100"), name="王小明", id_number=number)
        session.add(make.exam_pass(person, identity={"name": "李大雷", "id_number": number}))
        session.commit()
    engine.dispose()
    assert app.main(["check"]) == 1
    said = capsys.readouterr().out
    assert "王** / 李**" in said
    assert "apply for a correction" in said
    assert number not in said
