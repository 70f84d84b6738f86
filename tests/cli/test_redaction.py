"""Numbers in files are found by command."""

from app.cli import app as cli_app
from tests.core.redaction_steps import MOBILE, workbook
from tests.hostile_files import jpeg


def test_the_command_reports_file_place_and_masked_number(tmp_path, capsys):
    good, bad, note = tmp_path / "good.xlsx", tmp_path / "bad.xlsx", tmp_path / "note.txt"
    good.write_bytes(workbook("12345"))
    bad.write_bytes(workbook(MOBILE))
    note.write_text(f"联系人 {MOBILE}")
    assert cli_app.main(["disclosure", str(good)]) == 0
    assert cli_app.main(["disclosure", str(good), str(bad), str(note)]) == 1
    output = capsys.readouterr().out
    assert "bad.xlsx: sheet1.xml B2" in output
    assert "note.txt" in output
    assert "138****2345" in output
    assert MOBILE not in output
    (tmp_path / "scan.pdf").write_bytes(b"%PDF-1.7 ...")
    assert cli_app.main(["disclosure", str(tmp_path / "scan.pdf")]) == 1  # an unreadable file fails
    (tmp_path / "photo.jpg").write_bytes(jpeg(comment=MOBILE.encode()))
    assert cli_app.main(["disclosure", str(tmp_path / "photo.jpg")]) == 1
    assert "photo.jpg: data of the file (comment)" in capsys.readouterr().out
