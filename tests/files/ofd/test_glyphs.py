"""Outlines of fonts that came with a file, and of ours."""

import pytest
from fontTools.pens.recordingPen import RecordingPen

from app.files.ofd.glyphs import Glyphs, PathPen, ours
from tests.foreign_ofd import font_of


def steps(drawn):
    pen = RecordingPen()
    drawn(pen)
    return pen.value


def test_a_font_of_the_file_is_asked_by_character_and_by_number():
    data, numbers = font_of("永章")
    font = Glyphs(data)
    assert steps(font.of("永")) == steps(font.numbered(numbers["永"])) != steps(font.of("章"))
    assert font.of("安") is font.numbered(99) is font.numbered(0) is None


def test_our_fonts_give_the_same_outline_as_a_reader_of_fonts_does():
    for character in "永g8。":
        drawn, em = ours(character, "KaiTi")
        asked = Glyphs(font_of(character)[0])
        assert em == asked.em
        one, other = ([what for what, _at in steps(outline)].count("closePath") for outline in (drawn, asked.of(character)))
        assert one == other > 0
    assert ours("\ue000", "SimSun") == (None, 1.0)


def test_a_broken_font_is_an_error():
    data, _numbers = font_of("永")
    for broken in (b"", b"OTTO", data[:100], b"\0\1\0\0" + b"\xff" * 400):
        with pytest.raises(Exception):  # noqa: B017 - whatever fontTools raises
            Glyphs(broken)


def test_a_pen_draws_quadratic_curves_as_cubic_ones():
    class Path(list):
        def __getattr__(self, name):
            return lambda *at: self.append((name, len(at)))

    path = Path()
    drawn, _em = ours("永", "")
    drawn(PathPen(path))
    assert {name for name, _count in path} == {"moveTo", "lineTo", "curveTo", "close"}
    assert all(count == {"moveTo": 2, "lineTo": 2, "curveTo": 6, "close": 0}[name] for name, count in path)
