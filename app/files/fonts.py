"""The vendored fonts: which of them has a glyph for a character, and how wide it is.

They have every Han character of GB 18030-2022. A font of rare characters is opened only when a name needs it; a
character that no font has is reported, never replaced.
"""

import lzma
from functools import cache, lru_cache
from importlib.resources import as_file, files
from itertools import groupby
from mmap import ACCESS_READ, mmap
from typing import NamedTuple

from flask_babel import lazy_gettext as _

from app.core.identifiers import BadNumber, parse_name
from app.files.truetype import Font

FONTS = {"kai": "kai-tgh.ttf", "song": "serif-L2.ttf", "semi": "serif600-tgh.ttf"}
NAMES = {"kai": "AnguanKai", "song": "AnguanSong", "semi": "AnguanSong-SemiBold"}
VALUE = ("kai", "song", "semi")
PLAIN = ("song", "kai", "semi")
BOLD = ("semi", "song", "kai")
RARE = ("babelstone", "hana")  # mainland shapes first, then all others
BLOCK = 12  # bits: a rare font holds 4096 characters, so that one name does not open fifty megabytes

WIDE_SPACE = "\u3000"

Chain = tuple[str, ...]


class TextRun(NamedTuple):
    """A piece of a text that is set in one font."""

    font: str
    text: str


@cache
def _common(key: str) -> Font:
    with as_file(files("app") / "fonts" / FONTS[key]) as path, path.open("rb") as file:
        return Font(mmap(file.fileno(), 0, access=ACCESS_READ))  # its pages are shared between processes


@lru_cache(maxsize=8)
def _rare(key: str) -> Font:
    return Font(lzma.decompress((files("app") / "fonts" / "rare" / f"{key}.ttf.xz").read_bytes()))


@cache
def _packed() -> frozenset[str]:
    """The keys of the rare fonts, without opening them."""
    return frozenset(entry.name.removesuffix(".ttf.xz") for entry in (files("app") / "fonts" / "rare").iterdir())


def font(key: str) -> Font:
    return _common(key) if key in FONTS else _rare(key)


def embedded_name(key: str) -> str:
    """The font's name in a file that embeds it. The makers' reserved names are not used."""
    return NAMES.get(key) or "AnguanRare-" + key.replace("-", "").upper()


def font_for(c: str, chain: Chain) -> str | None:
    """The key of a font that has ``c``: one of the chain, else a rare one."""
    for key in chain:
        if _common(key).glyphs[c]:
            return key
    rare = (f"{kind}-{ord(c) >> BLOCK:02x}" for kind in RARE)
    return next((key for key in rare if key in _packed() and _rare(key).glyphs[c]), None)


def unprintable(text: str) -> list[str]:
    """The characters of ``text`` that no vendored font has, or that are invisible; each once, in order."""
    return [c for c in dict.fromkeys(text) if not _prints(c)]


def parse_printable_name(text: str) -> str:
    """As ``identifiers.parse_name``; refused, too, if no font has one of its characters, as a certificate must show it."""
    name = parse_name(text)
    if missing := unprintable(name):
        sentence = _("The name has a character that cannot be printed: %(marks)s", marks="".join(missing))
        raise BadNumber(sentence, code="unprintable-name", field="name")
    return name


@lru_cache(maxsize=8_192)
def _prints(c: str) -> bool:
    return (c.isprintable() or c == WIDE_SPACE) and font_for(c, PLAIN) is not None


@lru_cache(maxsize=1024)
def runs(text: str, chain: Chain) -> tuple[TextRun, ...]:
    """``text`` in pieces of one font each: whole in the first font that has all of it, else letter by letter."""
    whole = next((key for key in chain if all(map(_common(key).glyphs.__getitem__, text))), None)
    if whole and whole != "kai":
        return (TextRun(whole, text),) if text else ()
    return tuple(TextRun(key, "".join(piece)) for key, piece in groupby(text, lambda c: _key(c, whole, chain)))


def _key(c: str, whole: str | None, chain: Chain) -> str:
    key = whole or font_for(c, chain)
    if key is None:
        raise LookupError(f"no font has U+{ord(c):04X}")  # callers check ``unprintable`` first
    return "song" if key == "kai" and c.isascii() else key  # serif figures sit better beside Kai than its own narrow ones


def advance(key: str, c: str) -> float:
    """How far ``c`` moves the pen, as a share of the size."""
    return font(key).advances[c]


def text_width(pieces: tuple[TextRun, ...], size: float) -> float:
    """The width of these pieces, in the unit of ``size``."""
    return size * sum(sum(map(font(run.font).advances.__getitem__, run.text)) for run in pieces)
