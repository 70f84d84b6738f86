"""Sheets of the old system, by command."""

from app.cli import app
from app.files.spreadsheets import Column, write
from tests.cli.conftest import rows


def test_a_sheet_of_the_old_system_is_checked_taken_over_and_bears_a_second_time(home, tmp_path, capsys):
    cells = {"企业名称": "湖南湘江建设有限公司", "统一社会信用代码": "91430100MA4L000150", "联系人": "周敏"}
    file, report = tmp_path / "账号.xlsx", tmp_path / "结果.xlsx"
    file.write_bytes(write([Column(title, title) for title in cells], [cells, {**cells, "联系人": "吴迪"}], sheet_title="旧"))
    assert app.main(["import-legacy", "accounts", str(file), "--dry-run"]) == 0
    assert rows("SELECT count(*) FROM ab_user") == [(0,)]
    assert rows("SELECT phase FROM legacy_import") == [("dry_run",)]
    for added, unchanged in ((1, 0), (0, 1)):
        assert app.main(["import-legacy", "accounts", str(file), "--report", str(report.with_stem(str(added)))]) == 0
        told = f"done: 2 rows, {added} added, 0 updated, {unchanged} unchanged, 0 doubtful, 1 refused."
        assert told in capsys.readouterr().out
    assert rows("SELECT username, password FROM ab_user") == [("91430100ma4l000150", None)]
    assert report.with_stem("1").stat().st_mode & 0o777 == 0o600


def test_a_sheet_that_is_none_is_refused_in_one_sentence(home, tmp_path, capsys):
    for file in (tmp_path / "missing.xlsx", home / "keys.json"):
        assert app.main(["import-legacy", "passes", str(file)]) == 1
        assert capsys.readouterr().err.startswith("anguan: ")
