"""Files that take too much are refused, and the next one finds a process again."""

import os
import signal

import pytest

from app.core.limited_process import LimitedProcess
from app.files import apart
from app.files.images import FileFault, ImageLimits
from tests import foreign_ofd
from tests import hostile_files as make


def test_a_file_that_takes_too_long_is_refused_and_the_next_is_drawn() -> None:
    process = LimitedProcess("app.files.apart_process", seconds=apart.SECONDS)
    asked = make.tiff(), "TIFF", False, ImageLimits()
    assert apart.redrawn(*asked, process=process)[1:] == (300, 400, 1)
    process.seconds = 0.1
    os.kill(process._running.pid, signal.SIGSTOP)  # it takes for ever
    with pytest.raises(FileFault) as caught:
        apart.redrawn(*asked, process=process)
    assert caught.value.code == "file-too-heavy"
    process.seconds = apart.SECONDS
    assert apart.redrawn(*asked, process=process)[1:] == (300, 400, 1)
    process.stop()


def test_graphics_that_multiply_are_refused() -> None:
    """Thirty times thirty … of one square, in two kilobytes."""
    unit = '<ofd:CompositeGraphicUnit ID="{}"><ofd:Content>{}</ofd:Content></ofd:CompositeGraphicUnit>'
    again = '<ofd:CompositeObject ID="1" Boundary="0 0 9 9" ResourceID="{}"/>'
    units = "".join(unit.format(n, again.format(n + 1) * 30) for n in range(10)) + unit.format(
        10, foreign_ofd.rectangle(0, 0, 9, 9)
    )
    data = foreign_ofd.ofd(again.format(0), resources=f"<ofd:CompositeGraphicUnits>{units}</ofd:CompositeGraphicUnits>")
    process = LimitedProcess("app.files.apart_process", seconds=1)
    with pytest.raises(FileFault) as caught:
        apart.drawing(data, ImageLimits(), process)
    assert (caught.value.code, len(data) < 4096) == ("file-too-heavy", True)


def test_a_fault_comes_back_with_its_figures() -> None:
    with pytest.raises(FileFault) as caught:
        apart.redrawn(make.tiff_by_hand(9000, 10), "TIFF", False, ImageLimits())
    assert (caught.value.code, caught.value.figures) == ("image-too-large", {"width": 9000, "height": 10})
