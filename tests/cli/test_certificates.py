"""The commands about certificates: checking without us, keys and published files."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image, ImageOps
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from app.certificates.qr import payload, symbol
from app.certificates.qr import status_list as status_lists
from app.certificates.qr.status_list import StatusMark
from app.cli import app as cli_app
from app.core.clock import now, office_day
from app.core.crypto.signing_keys import ring
from app.models import CertificateVersion
from tests import make
from tests.certificates.qr.test_offline_check import CLAIMS


@pytest.fixture
def published(tmp_path):
    """Keys and a list as files, as somebody without the system has them."""
    entries = bytes([0, StatusMark.VALID << 2, 0, 0])
    (tmp_path / "jwks.json").write_text(json.dumps(ring.published()))
    token = status_lists.sign_list(entries, ring.newest, uri="-", at=now(), hours=72)
    (tmp_path / "status-list.jwt").write_text(token)
    return ["--keys", str(tmp_path / "jwks.json"), "--list", str(tmp_path / "status-list.jwt")]


@pytest.fixture
def address():
    claims = replace(CLAIMS, valid_to=office_day(now()) + timedelta(days=400))
    return f"https://ag.example.gov.cn/v/{payload.write(claims, ring.newest)}"


def test_an_address_its_digits_and_a_picture_are_checked_alike(published, address, tmp_path, capsys):
    picture = tmp_path / "code.png"
    modules = symbol.matrix(address)
    dots = Image.frombytes("L", (len(modules),) * 2, bytes(255 * (not dark) for row in modules for dark in row))
    ImageOps.expand(dots, symbol.QUIET, 255).resize((500, 500), Image.Resampling.NEAREST).save(picture)
    for given in (address, payload.digits_in(address), str(picture)):
        assert cli_app.main(["verify", given, *published]) == 0
        output = capsys.readouterr().out
        assert "In force" in output
        assert "欧阳𬭎翀  湘建安C1(2026)0000001  version 2" in output


def test_without_a_list_the_command_does_not_call_it_good(published, address, capsys):
    assert cli_app.main(["verify", address, *published[:2]]) == 1
    assert "not known off line" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", ["code", "keys", "list", "picture"])
def test_a_failed_check_is_reported_in_one_sentence(published, address, tmp_path, capsys, wrong):
    given = {"code": address[:-1] + str((int(address[-1]) + 1) % 10)}.get(wrong, address)
    if wrong == "picture":
        given = str(tmp_path / "white.png")
        Image.new("L", (300, 300), 255).save(given)
    for n, name in ((1, "keys"), (3, "list")):
        if wrong == name:
            published[n] = str(tmp_path / "nowhere")
    assert cli_app.main(["verify", given, *published]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1


@pytest.fixture
def own_system(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ANGUAN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'anguan.db'}")
    assert cli_app.main(["init"]) == 0
    capsys.readouterr()
    return tmp_path / "home"


def test_init_makes_the_keys_and_a_rotation_keeps_the_old_ones(own_system, capsys):
    path = own_system / "codes.json"
    assert path.stat().st_mode & 0o777 == 0o600
    first = json.loads(path.read_text())["keys"]
    assert cli_app.main(["init"]) == 0
    assert json.loads(path.read_text())["keys"] == first
    assert cli_app.main(["codes", "rotate"]) == 0
    assert json.loads(path.read_text())["keys"][:1] == first
    capsys.readouterr()
    assert cli_app.main(["codes", "status"]) == 0
    output = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in output] == ["signs", "verifies"]


def test_what_is_published_as_files_is_enough_to_check_with(own_system, tmp_path, capsys):
    ring.open(own_system / "codes.json")
    digits = payload.write(replace(CLAIMS, valid_to=office_day(now()) + timedelta(days=9)), ring.newest)
    assert cli_app.main(["codes", "publish", str(tmp_path / "out")]) == 0
    files = ["--keys", str(tmp_path / "out" / "jwks.json"), "--list", str(tmp_path / "out" / "status-list.jwt")]
    assert cli_app.main(["verify", digits, *files]) == 0
    assert cli_app.main(["verify", digits]) == 0  # by this system itself


def test_a_database_with_versions_is_not_given_other_keys(own_system, capsys, tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'anguan.db'}")
    with Session(engine) as session:
        certificate = make.certificate(make.person(make.enterprise()))
        certificate.versions.append(CertificateVersion(version=1, token="t", status_index=1, face={}, issued_at=make.NOON))
        session.add(certificate)
        session.commit()
    engine.dispose()
    (own_system / "codes.json").unlink()
    assert cli_app.main(["init"]) == 1
    assert "codes.json" in capsys.readouterr().err
    assert not (own_system / "codes.json").exists()
