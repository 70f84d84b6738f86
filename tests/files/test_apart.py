"""Files that take too much are refused, and the next one finds a process again."""

import pytest

from app.core.limited_process import LimitedProcess
from app.files import apart
from app.files.images import FileFault, ImageLimits
from tests import hostile_files as make


def test_a_file_that_takes_too_long_is_refused_and_the_next_is_drawn() -> None:
    process = LimitedProcess("app.files.apart_process", seconds=apart.SECONDS)
    asked = make.tiff(), "TIFF", False, ImageLimits()
    assert apart.redrawn(*asked, process=process)[1:] == (300, 400, 1)
    process.seconds = 0.0
    with pytest.raises(FileFault) as caught:
        apart.redrawn(*asked, process=process)
    assert caught.value.code == "file-too-heavy"
    process.seconds = apart.SECONDS
    assert apart.redrawn(*asked, process=process)[1:] == (300, 400, 1)
    process.stop()


def test_a_fault_comes_back_with_its_figures() -> None:
    with pytest.raises(FileFault) as caught:
        apart.redrawn(make.tiff_by_hand(9000, 10), "TIFF", False, ImageLimits())
    assert (caught.value.code, caught.value.figures) == ("image-too-large", {"width": 9000, "height": 10})
