"""Folders that are no Python code (``docs``, ``migrations``, ``translations``).

In an installed wheel they lie inside ``app``, in a checkout beside it.
"""

from pathlib import Path

_APP = Path(__file__).parents[1]


def folder(name: str) -> Path:
    inside = _APP / name
    return inside if inside.is_dir() else _APP.parent / name
