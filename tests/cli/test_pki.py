"""Seals as commands make, renew and revoke them, and papers as they tell them apart."""

from app.certificates.pdf.render import SEAL_BOX, draw
from app.cli import app
from app.core import clock
from app.core.crypto import pades
from app.core.crypto.seal_provider import Suite
from app.core.settings import read_settings
from app.worker.providers import seal_of
from tests.certificates.pdf.conftest import FACE


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
    assert app.main(["doctor"]) == 2
    assert app.main(["seal", "renew"]) == 0
    assert app.main(["seal"]) == 0
    lines = [line.split()[:2] for line in capsys.readouterr().out.splitlines()[-3:]]
    assert lines == [["2", "certificates"], ["1", "certificates"], ["1", "letters"]]
    assert app.main(verify) == 1
    assert "revoked" in capsys.readouterr().out
    assert app.main(["doctor"]) == 0


def test_the_seal_of_letters_is_renewed_and_revoked_by_its_own_option(home, capsys):
    assert app.main(["seal", "revoke", "1", "--letters", "--reason", "cessation"]) == 0
    assert app.main(["doctor"]) == 2
    assert "无法盖章（文书）：印章已吊销" in capsys.readouterr().out
    assert app.main(["seal", "renew", "--letters"]) == 0
    assert app.main(["doctor"]) == 0
    assert app.main(["seal"]) == 0
    lines = [line.split()[:2] for line in capsys.readouterr().out.splitlines()[-3:]]
    assert lines == [["1", "certificates"], ["2", "letters"], ["1", "letters"]]


def test_a_paper_that_is_not_there_and_one_that_is_none(home, tmp_path, capsys):
    assert app.main(["verify", str(tmp_path / "nothing.pdf")]) == 1
    assert "cannot be read" in capsys.readouterr().err
    (tmp_path / "note.txt").write_text("note")
    assert app.main(["verify", str(tmp_path / "note.txt")]) == 1
    assert "no seal" in capsys.readouterr().out
