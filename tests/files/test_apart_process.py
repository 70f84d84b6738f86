"""The answers of the process, asked without one."""

import json

from app.files.apart import SECONDS
from app.files.apart_process import CPU_SECONDS, MEMORY, answer


def test_a_fault_is_an_answer_and_no_failure() -> None:
    asked = {"task": "redraw", "kind": "TIFF", "photo": False, "limits": {}}
    told, _newline, drawn = answer(json.dumps(asked).encode() + b"\nII*\0").partition(b"\n")
    assert (json.loads(told), drawn) == ({"fault": "image-broken", "figures": {}}, b"")


def test_the_processor_is_limited_before_the_clock_is() -> None:
    assert CPU_SECONDS < SECONDS
    assert MEMORY <= 300 * 1024**2  # what core.heavy_work.PICTURES counts with
