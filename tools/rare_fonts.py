"""Extracts rare characters from their source fonts, in blocks of 4096, for `app/files/fonts.py`.

    apt-get download fonts-babelstone-han fonts-hanazono        # and unpack with dpkg -x
    pip install -c constraints.txt -e .
    python tools/rare_fonts.py BabelStoneHan.ttf HanaMinB.ttf

A character is taken from the first source that has it, unless our Song font has it. The result depends only on the two
files, so it is reproducible.
"""

import lzma
import sys
from io import BytesIO
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable

FONTS = Path(__file__).parent.parent / "app" / "fonts"
RARE = FONTS / "rare"
BLOCK = 0x1000
UNUSED = ["GSUB", "GPOS", "GDEF", "BASE", "vhea", "vmtx", "VORG", "DSIG", "FFTM", "gasp", "meta"]

# All Han characters of GB 18030-2022 level 3, and the extensions that came after it.
HAN = (
    (0x3007, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAD9), (0x20000, 0x2A6DF), (0x2A700, 0x2B739),
    (0x2B740, 0x2B81D), (0x2B820, 0x2CEA1), (0x2CEB0, 0x2EBE0), (0x2EBF0, 0x2EE5D), (0x30000, 0x3134A), (0x31350, 0x323AF),
)  # fmt: skip

CHANGED = "Changed: cut to the rare Han characters of one block; hinting, layout and other names removed."
FAMILIES = {"babelstone": "Anguan Rare Han A", "hana": "Anguan Rare Han B"}
NOTICES = {
    "babelstone": f"A subset of BabelStone Han 15.0.5. {CHANGED} (c) 1994-1999 Arphic Technology Co., Ltd.; (c) 2009-2023 "
    "Andrew West. Arphic Public License, see BabelStoneHan-copyright.txt; no warranty.",
    "hana": f"A subset of HanaMinB 2017-09-04. {CHANGED} Copyright GlyphWiki Project. Hanazono Font License, see "
    "HanaMin-copyright.txt; no warranty.",
}


def main(babelstone: str, hana: str) -> None:
    RARE.mkdir(exist_ok=True)
    for old in RARE.glob("*.xz"):
        old.unlink()
    wanted = {code for first, last in HAN for code in range(first, last + 1)}
    wanted -= set(TTFont(FONTS / "serif-L2.ttf", lazy=True).getBestCmap())
    for key, source in (("babelstone", babelstone), ("hana", hana)):
        there = wanted & set(TTFont(source, lazy=True).getBestCmap())
        wanted -= there
        for block in sorted({code // BLOCK for code in there}):
            data = cut(source, key, sorted(code for code in there if code // BLOCK == block))
            (RARE / f"{key}-{block:02x}.ttf.xz").write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
        print(f"{key}: {len(there)} characters; {len(wanted)} still without a font")


def cut(source: str, key: str, codes: list[int]) -> bytes:
    options = subset.Options()
    options.layout_features = []
    options.hinting = options.glyph_names = options.recalc_timestamp = False
    options.notdef_outline = True
    options.name_IDs = []
    options.drop_tables += UNUSED
    font = subset.load_font(source, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    table = CmapSubtable.newSubtable(12)
    table.platformID, table.platEncID, table.language, table.cmap = 0, 4, 0, font.getBestCmap()
    font["cmap"].tables = [table]
    family = FAMILIES[key]
    for number, text in ((0, NOTICES[key]), (1, family), (4, family), (6, family.replace(" ", ""))):
        font["name"].setName(text, number, 3, 1, 0x409)
    output = BytesIO()
    font.save(output, reorderTables=True)
    return output.getvalue()


if __name__ == "__main__":
    main(*sys.argv[1:])
