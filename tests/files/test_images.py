"""Two sides of a card in one picture."""

from io import BytesIO

import pytest
from PIL import Image

from app.files.images import FileFault, stacked
from tests.hostile_files import jpeg


def test_two_sides_become_one_picture_of_the_wider_one():
    with Image.open(BytesIO(stacked(jpeg(856, 540), jpeg(428, 270)))) as both:
        assert both.size == (856, 1080)


def test_a_side_so_narrow_that_it_would_become_too_high_is_refused_before_it_is_enlarged():
    with pytest.raises(FileFault) as refused:
        stacked(jpeg(40, 8000), jpeg(2480, 1600))
    assert refused.value.code == "image-too-large"
