"""The PDF itself: sound, with its fonts and metadata, and always the same bytes."""

import io
import re
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import pikepdf
import pytest
from pypdf import PdfReader

from app.certificates.pdf.render import draw
from tests.certificates.pdf.conftest import FACE, photo


def test_equal_faces_give_equal_bytes_and_others_do_not() -> None:
    face = replace(FACE, photo=photo("PNG"))
    assert draw(face) == draw(replace(face))
    assert draw(face) != draw(replace(face, name="欧阳·其"))


def test_the_bytes_do_not_depend_on_what_was_drawn_before() -> None:
    first = draw(FACE)
    draw(replace(FACE, category="A", name="㛃𬭎䶮", seal_text="另一机关", specimen=True))
    assert draw(FACE) == first


def test_several_threads_draw_what_one_draws() -> None:
    faces = [replace(FACE, name="甲乙丙丁戊己庚辛"[i] + "¨´", category="ABC"[i % 3]) for i in range(8)]
    alone = [draw(face) for face in faces]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(draw, faces)) == alone
    finally:
        sys.setswitchinterval(before)


def test_every_font_is_embedded_and_none_has_the_name_of_another() -> None:
    pdf = draw(FACE)
    assert b"Helvetica" not in pdf
    named = re.findall(rb"/FontName /([A-Z]{6}\+\S+)", pdf)
    assert len(named) == len(set(named)) == pdf.count(b"/FontFile2")


def test_the_metadata_name_the_certificate_and_its_issuer() -> None:
    about = PdfReader(io.BytesIO(draw(FACE))).metadata
    assert about is not None
    assert (about.title, about.author) == ("安全生产考核合格证书 湘建安B(2026)0000123", FACE.issuer)
    assert about.creation_date is not None
    assert about.creation_date.date() == FACE.issued_on


@pytest.mark.parametrize("category", ["A", "B", "C1", "C2", "C3", "C"])
@pytest.mark.parametrize("specimen", [True, False])
def test_every_certificate_is_sound_pdf_of_version_1_7(category: str, specimen: bool) -> None:
    pdf = draw(replace(FACE, category=category, specimen=specimen, technical_title="高级", name="王𰻝"))
    assert pdf.startswith(b"%PDF-1.7\n")
    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert document.check_pdf_syntax() == []
        assert not document.is_linearized


def test_two_processes_draw_the_same_bytes() -> None:
    face = replace(FACE, name="王𰻝", photo=photo("PNG"))
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        assert list(pool.map(draw, [face, face])) == [draw(face)] * 2
