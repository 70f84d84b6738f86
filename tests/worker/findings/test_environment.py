"""Whether anything can be written: the parts that need no installation; the rest is planted in ``cli.test_doctor``."""

from app.worker.findings import environment


def test_a_folder_in_which_no_file_can_be_written_is_named(tmp_path):
    assert environment.in_folder("home", tmp_path) == ""
    assert environment.in_folder("home", tmp_path / "gone") == "home"
    assert list(tmp_path.iterdir()) == []
