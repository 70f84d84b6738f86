"""The guilloche: a colour for every category, micro text, the mark of a specimen."""

from dataclasses import replace

import pytest

from app.certificates.pdf.render import draw
from tests.certificates.pdf.conftest import FACE, mean, page, part, words


@pytest.mark.parametrize(("category", "strongest"), [("A", 0), ("B", 1), ("C1", 2), ("C2", 2), ("C3", 2)])
def test_every_category_has_its_colour(category: str, strongest: int) -> None:
    colour = mean(part(page(draw(replace(FACE, category=category))), 99, 226, 1, 2))
    assert max(range(3), key=lambda i: colour[i]) == strongest


def test_a_specimen_is_marked_and_its_seal_is_not_red() -> None:
    seal = (131, 42, 42, 42)
    real, specimen = draw(FACE), draw(replace(FACE, specimen=True))
    assert "本页为演示样张，不具有法律效力" in words(specimen)
    assert "样张" not in "".join(words(real))
    across = (60, 100, 90, 70)  # the words over the whole page, which are drawn in outline
    assert mean(part(page(specimen), *across)) < mean(part(page(real), *across))
    for pdf, red in ((real, True), (specimen, False)):
        strongest, weakest, _blue = mean(part(page(pdf), *seal))
        assert (strongest - weakest > 20) is red


def test_no_promise_of_legal_force_is_made_by_the_page_itself() -> None:
    assert "同等法律效力" not in "".join(words(draw(FACE)))


def test_the_micro_text_is_drawn_and_not_read_aloud() -> None:
    assert "".join(words(draw(FACE))).count("安全生产考核合格证书") == 1
    grain = part(page(draw(FACE), 300), 60, 19.2, 90, 0.8).convert("L").getextrema()
    assert grain[1] - grain[0] > 60
