"""The process of ``files.apart``: decodes what strangers hand in."""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from PIL import Image

from app.core.limited_process import serve
from app.files.archives import ArchiveLimits, unpacked
from app.files.frames import redrawn
from app.files.images import FileFault, ImageLimits
from app.files.ofd import Drawing
from app.files.ofd.drawing import drawn

Image.MAX_IMAGE_PIXELS = None  # sizes are checked by our own limits, which name them
MEMORY = 300 * 1024**2
CPU_SECONDS = 10

Told = tuple[dict[str, Any], bytes]


def _redrawn(data: bytes, *, kind: str, photo: bool, limits: dict[str, Any]) -> Told:
    drawn, width, height, pages = redrawn(data, kind, photo, ImageLimits(**limits))
    return {"width": width, "height": height, "pages": pages}, drawn


def _of_ofd(data: bytes, *, limits: dict[str, Any]) -> Told:
    drawing = _kept(data, ImageLimits(**limits))
    return {"pages": drawing.pages, "remarks": drawing.remarks}, drawing.pdf


@lru_cache(maxsize=2)  # its page asks for what is to be said of it, then for the drawing
def _kept(data: bytes, limits: ImageLimits) -> Drawing:
    return drawn(data, limits)


def _of_zip(data: bytes, *, first: int, limits: dict[str, int]) -> Told:
    portion = unpacked(data, first, ArchiveLimits(**limits))
    files = [(entry.name, len(entry.data), entry.fault, entry.figures) for entry in portion.files]
    return {"total": portion.total, "next": portion.next, "files": files}, b"".join(entry.data for entry in portion.files)


TASKS: dict[str, Callable[..., Told]] = {"redraw": _redrawn, "ofd": _of_ofd, "unzip": _of_zip}


def answer(question: bytes) -> bytes:
    head, _newline, data = question.partition(b"\n")
    asked = json.loads(head)
    try:
        told, result = TASKS[asked.pop("task")](data, **asked)
    except FileFault as fault:
        told, result = {"fault": fault.code, "figures": fault.figures}, b""
    return json.dumps(told).encode() + b"\n" + result


if __name__ == "__main__":
    serve(answer, memory=MEMORY, cpu_seconds=CPU_SECONDS)
