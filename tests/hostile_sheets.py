"""Hostile workbooks, built part by part. Each function returns one file with exactly one fault."""

import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
SHEET = "xl/worksheets/sheet1.xml"
TYPES = "[Content_Types].xml"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
HEADER = '<row r="1"><c r="A1" t="inlineStr"><is><t>姓名</t></is></c><c r="B1" t="inlineStr"><is><t>成绩</t></is></c></row>'
ROW = '<row r="2"><c r="A2" t="inlineStr"><is><t>张三</t></is></c><c r="B2"><v>90</v></c></row>'


def text_cell(ref: str, text: str) -> str:
    return f'<c r="{ref}" t="inlineStr"><is><t>{text}</t></is></c>'


def sheet(rows: str = HEADER + ROW, *, tail: str = "", prolog: str = "") -> str:
    return f'{XML}{prolog}<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData>{tail}</worksheet>'


def parts(sheets: Mapping[str, tuple[str, str]] | None = None) -> dict[str, str | bytes]:
    """The parts of a workbook; ``sheets`` is name → (state, XML)."""
    sheets = sheets or {"报名": ("visible", sheet())}
    entries = "".join(
        f'<sheet name="{name}" sheetId="{n}" state="{state}" r:id="rId{n}"/>'
        for n, (name, (state, _xml)) in enumerate(sheets.items(), start=1)
    )
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{KIND}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    main = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    made: dict[str, str | bytes] = {
        TYPES: f'{XML}<Types><Override PartName="/xl/workbook.xml" ContentType="{main}"/></Types>',
        "_rels/.rels": f'{XML}<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" '
        f'Type="{KIND}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{XML}<workbook xmlns="{MAIN}" xmlns:r="{KIND}"><sheets>{entries}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{XML}<Relationships xmlns="{PACKAGE}">{links}</Relationships>',
    }
    for n, (_state, xml) in enumerate(sheets.values(), start=1):
        made[f"xl/worksheets/sheet{n}.xml"] = xml
    return made


def pack(files: Mapping[str, str | bytes] | Sequence[tuple[str, str | bytes]], method: int = 8) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", method, compresslevel=1) as archive:
        for name, body in files.items() if isinstance(files, Mapping) else files:
            archive.writestr(zipfile.ZipInfo(name), body, method)
    return out.getvalue()


def workbook(rows: str = HEADER + ROW, *, tail: str = "", prolog: str = "") -> bytes:
    return pack(parts({"报名": ("visible", sheet(rows, tail=tail, prolog=prolog))}))


def with_part(name: str, body: str | bytes = "<x/>", *, content_type: str = "") -> bytes:
    types = str(parts()[TYPES])
    if content_type:
        types = types.replace("</Types>", f'<Override PartName="/{name}" ContentType="{content_type}"/></Types>')
    return pack({**parts(), TYPES: types, name: body})


def macro_main_type() -> bytes:
    """What an .xlsm says of itself, under another name."""
    types = str(parts()[TYPES]).replace("openxmlformats-officedocument.spreadsheetml.sheet", "ms-excel.sheet.macroEnabled")
    return pack({**parts(), TYPES: types})


# --- too much -----------------------------------------------------------------------------------------------------
@cache
def zip_bomb(unpacked: int) -> bytes:
    body = sheet().encode().replace(b"</sheetData>", b" " * unpacked + b"</sheetData>")
    return pack({**parts(), SHEET: body})


def many_styles(count: int) -> bytes:
    styles = '<xf numFmtId="0"/>' * count
    return with_part("xl/styles.xml", f'{XML}<styleSheet xmlns="{MAIN}">{styles}</styleSheet>')


def many_parts(count: int) -> bytes:
    return pack({**parts(), **{f"xl/media/image{n}.png": b"" for n in range(count)}})


def last_cell_only() -> bytes:
    return workbook(HEADER + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')


def wide_rows() -> bytes:
    return workbook(HEADER + "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(2, 202)))


def tall(count: int) -> bytes:
    return workbook(HEADER + "".join(f'<row r="{n}">{text_cell(f"A{n}", "x")}</row>' for n in range(2, count + 2)))


def lying_dimension() -> bytes:
    """Declares the largest possible size: harmless, if ignored."""
    body = sheet().replace("<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>')
    return pack(parts({"报名": ("visible", body)}))


def endless_duration() -> bytes:
    """A duration that overflows."""
    styles = f'{XML}<styleSheet xmlns="{MAIN}"><cellXfs><xf numFmtId="46"/></cellXfs></styleSheet>'
    rows = f'{HEADER}<row r="2">{text_cell("A2", "x")}<c r="B2" s="0"><v>-1e300</v></c></row>'
    return pack({**parts({"报名": ("visible", sheet(rows))}), "xl/styles.xml": styles})


def nested(depth: int) -> bytes:
    return workbook(tail="<extLst>" * depth + "</extLst>" * depth)


def overlapping_arrays(count: int) -> bytes:
    cells = "".join(f'<row r="{n}"><c r="A{n}"><f t="array" ref="A1:B999"/></c></row>' for n in range(2, count + 2))
    return workbook(HEADER + cells)


# --- XML that reaches out ------------------------------------------------------------------------------------------
def laughing_entities() -> bytes:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return workbook(prolog=f'<!DOCTYPE worksheet [<!ENTITY l0 "lol">{levels}]>')


def outside_entity() -> bytes:
    return workbook(prolog='<!DOCTYPE worksheet [<!ENTITY x SYSTEM "file:///etc/passwd">]>')


def utf16_sheet() -> bytes:
    return pack({**parts(), SHEET: sheet().replace("UTF-8", "UTF-16").encode("utf-16")})


# --- zip tricks ----------------------------------------------------------------------------------------------------
def two_targets(second: str, *, key: str = "rId1") -> bytes:
    """A second sheet relation that readers may resolve differently."""
    name = "xl/_rels/workbook.xml.rels"
    link = f'<Relationship Id="{key}" Type="{KIND}/worksheet" Target="{second}"/></Relationships>'
    return pack({**parts(), name: str(parts()[name]).replace("</Relationships>", link)})


def without(name: str) -> bytes:
    return pack({key: body for key, body in parts().items() if key != name})


def streamed() -> bytes:
    """As a streaming writer makes it: sizes follow each part."""

    class Pipe(BytesIO):
        def tell(self) -> int:
            raise OSError

    out = Pipe()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts().items():
            archive.writestr(name, body)
    return out.getvalue()


def duplicate_part() -> bytes:
    return pack([*parts().items(), (SHEET.replace("sheet1", "Sheet1"), sheet(HEADER))])


def prefixed(prefix: bytes) -> bytes:
    return prefix + workbook()


def appended(suffix: bytes) -> bytes:
    return workbook() + suffix


def patched(data: bytes, *, offset_local: int, offset_central: int, value: bytes) -> bytes:
    """The same field of the sheet's zip entry, overwritten in both of its headers."""
    mark = SHEET.encode()
    local, central = data.find(mark) - 30, data.rfind(mark) - 46
    out = bytearray(data)
    out[local + offset_local : local + offset_local + len(value)] = value
    out[central + offset_central : central + offset_central + len(value)] = value
    return bytes(out)


def encrypted_flag() -> bytes:
    return patched(workbook(), offset_local=6, offset_central=8, value=struct.pack("<H", 1))


def lying_size() -> bytes:
    return patched(workbook(), offset_local=22, offset_central=24, value=struct.pack("<L", 100))


def bad_checksum() -> bytes:
    return patched(workbook(), offset_local=14, offset_central=16, value=struct.pack("<L", zlib.crc32(b"other")))


def overlapping() -> bytes:
    """Two directory entries that point at the same bytes."""
    data = pack([*parts().items(), ("xl/media/image1.png", b"x")])
    end = data.rfind(b"xl/media/image1.png") - 46
    first = struct.unpack_from("<L", data, data.rfind(SHEET.encode()) - 46 + 42)[0]
    return data[: end + 42] + struct.pack("<L", first) + data[end + 46 :]


def truncated() -> bytes:
    return workbook()[:-200]


def ole_file() -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4096)
