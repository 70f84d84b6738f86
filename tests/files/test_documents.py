"""Documents that officers hand in."""

import pytest

from app.files.documents import keep
from app.files.inspect import FileRefused
from app.files.storage import Store
from tests import make
from tests.hostile_files import jpeg, pdf

MEGABYTE = 1024 * 1024


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_a_picture_and_a_pdf_are_stored_as_what_they_are(store):
    for data, name, mime in ((jpeg(900, 600), "裁决书.jpg", "image/jpeg"), (pdf(), "安排.pdf", "application/pdf")):
        kept = keep(store, data, name, most=MEGABYTE)
        assert (kept.mime, kept.filename, kept.size) == (mime, name, len(store.read(kept.digest)))


def test_a_number_in_the_file_name_is_masked(store):
    number = make.id_number()
    assert number not in keep(store, pdf(), f"{number}.pdf", most=MEGABYTE).filename


@pytest.mark.parametrize("data", [b"", b"MZ\x90", b"%PDF-1.4 broken"])
def test_anything_else_is_refused(store, data):
    with pytest.raises(FileRefused):
        keep(store, data, "x.pdf", most=MEGABYTE)


def test_a_file_above_the_limit_is_refused(store):
    with pytest.raises(FileRefused):
        keep(store, pdf(), "x.pdf", most=10)
