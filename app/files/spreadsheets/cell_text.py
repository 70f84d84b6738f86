"""The text of a cell: read without what cannot be seen, written without what XML cannot hold."""

import re
import unicodedata

from app.core.plain_text import plain

# Letters by class that show nothing: Hangul fillers, a Braille pattern without dots.
_BLANK = re.compile("[\u115f\u1160\u2800\u3164\uffa0]")
_ARTEFACT = re.compile(r"_x000[dD]_")  # a carriage return as workbooks write it, copied out as text
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_APOSTROPHES = re.compile(r"^'+(?=\w)")  # makes a number text in Excel; no part of it


def fold(text: str) -> str:
    """Trimmed and NFKC-folded (full-width digits become digits), without what is not seen.

    That is: invisible characters, a carriage return written out as ``_x000D_``, apostrophes before the first letter or
    digit.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _BLANK.sub("", text))
    if not text.isprintable():
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        text = "".join(mark for mark in text if mark in "\n\t" or unicodedata.category(mark) not in ("Cc", "Cf", "Cs"))
        text = unicodedata.normalize("NFKC", text)  # what stood apart may now combine
    if "_x000" in text:
        text = _ARTEFACT.sub("\n", text)
    text = text.strip()
    return _APOSTROPHES.sub("", text) if text[:1] == "'" else text


def legal(value: object) -> str:
    """A value as the text of a cell that is written."""
    return _ILLEGAL.sub("", plain(value).replace("\r\n", "\n").replace("\r", "\n"))
