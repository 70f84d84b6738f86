"""What the kernel knows of its clock: whether a time service (NTP, chrony) keeps it. Linux only; elsewhere nothing is known.

Setting the clock by hand, as a date that was mistyped, ends the kernel's trust in it at once (``adjtimex(2)``, STA_UNSYNC).
"""

import ctypes
import struct
import sys
from datetime import UTC, datetime, timedelta

AGREES = timedelta(minutes=5)  # two clocks that differ by no more are taken for the same
_SIZE = 512  # bytes; ``struct timex`` is shorter
_SECONDS = 72  # where its ``time.tv_sec`` stands on every 64-bit Linux; ``modes`` stands at 0, and 0 there changes nothing
_ERROR = 5  # TIME_ERROR: not kept by any service; -1: may not be asked


def confirms(at: datetime) -> bool:
    """Whether a time service keeps the kernel's clock and that clock shows ``at``; False where nothing is known."""
    if sys.platform != "linux" or sys.maxsize < 2**32:
        return False
    told = ctypes.create_string_buffer(_SIZE)
    state = ctypes.CDLL(None).adjtimex(told)
    (seconds,) = struct.unpack_from("q", told, _SECONDS)
    return says(state, seconds, at)


def says(state: int, seconds: int, at: datetime) -> bool:
    """As ``confirms``, of what ``adjtimex`` has answered: the state of the clock and its seconds since 1970."""
    return 0 <= state < _ERROR and abs(datetime.fromtimestamp(seconds, UTC) - at) <= AGREES
