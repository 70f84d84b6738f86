"""The page of a certificate as shapes, for PDF and OFD: a shared background and a layer for the holder.

Every printed text has its position here. Printed text is Chinese by regulation and is not translated.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from app.certificates.pdf import background
from app.certificates.pdf import photo as photo_file
from app.certificates.pdf.background import CENTRE, GOLD, HEIGHT, INK, INNER, PALE_GOLD, PAPER, RED, WHITE, WIDTH, set_line
from app.certificates.pdf.content import Face
from app.certificates.pdf.shapes import POINT, CodeShape, Color, ImageShape, LinkShape, Path, Shape, circle, line, rectangle
from app.certificates.qr import symbol
from app.files import fonts
from app.files.fonts import BOLD, PLAIN, VALUE

TITLE = "安全生产考核合格证书"
ACCENTS = {"A": Color.of("#8C1C20"), "B": Color.of("#0E5440"), "C": Color.of("#17457E")}

LABEL_X, LABEL_BREADTH, VALUE_X, TOP = 34.0, 21.5, 66.5, 203.0
NARROW, HALF, WIDE = 128.0, 103.0, 176.0  # where a value must end: beside the photo, beside another value, below both
SECOND_X, SECOND_VALUE_X = 108.0, 132.5
PHOTO_X, PHOTO_Y, PHOTO_WIDTH, PHOTO_HEIGHT = 141.0, 163.0, float(photo_file.WIDTH), float(photo_file.HEIGHT)
CODE_X, CODE_Y, CODE_SIDE = 34.0, 45.0, 34.0
ISSUE_X, ISSUED_X, ISSUER_Y, DATE_Y = 98.0, 123.0, 67.5, 56.0
SEAL_X, SEAL_Y, SEAL_RADIUS = 152.0, 63.0, background.SEAL_RADIUS
SEAL_BOX = (SEAL_X - SEAL_RADIUS, SEAL_Y - SEAL_RADIUS, SEAL_X + SEAL_RADIUS, SEAL_Y + SEAL_RADIUS)


class BackgroundPage(NamedTuple):
    """Everything that the shared background depends on."""

    category: str
    kind: str
    seal_text: str
    specimen: bool
    learned: bool  # with a row for technical title and education


@dataclass(frozen=True, slots=True)
class CertificatePage:
    """One A4 page: the background ``sheet`` under the shapes of ``holder``."""

    title: str
    author: str
    subject: str
    dated: date
    sheet: BackgroundPage
    holder: tuple[Shape, ...]

    def shapes(self) -> tuple[Shape, ...]:
        return (*sheet_of(self.sheet), *self.holder)


class FieldRow(NamedTuple):
    label: str
    y: float
    right: float
    label_x: float = LABEL_X
    value_x: float = VALUE_X


def page_of(face: Face) -> CertificatePage:
    """Raises ``photo.Missing`` or ``photo.Unreadable``. All characters must be printable."""
    sheet = BackgroundPage(
        face.category, face.kind, face.seal_text, face.specimen, bool(face.technical_title or face.schooling)
    )
    title = f"{TITLE} {face.number}{'（样张）' if face.specimen else ''}"
    holder = (*_values(face, sheet.learned), *_issue(face), _picture(face), *_code(face.address))
    return CertificatePage(title, face.issuer, face.kind, face.issued_on, sheet, holder)


def rows_of(learned: bool) -> tuple[FieldRow, ...]:
    pitch = 12.4 if learned else 13.9
    ys = [TOP - pitch * i for i in range(9)]
    above = tuple(FieldRow(label, ys[i], NARROW) for i, label in enumerate(("姓名", "性别", "出生日期", "证件号码")))
    work = (FieldRow("企业名称", ys[4], WIDE), FieldRow("职务", ys[5], WIDE))
    lore = (FieldRow("技术职称", ys[6], HALF), FieldRow("学历专业", ys[6], WIDE, SECOND_X, SECOND_VALUE_X)) if learned else ()
    last = 7 if learned else 6
    return (*above, *work, *lore, FieldRow("初次领证日期", ys[last], WIDE), FieldRow("有效期", ys[last + 1], WIDE))


# --- the background, the same for every holder ----------------------------------------------------------


@lru_cache(maxsize=32)
def sheet_of(sheet: BackgroundPage) -> tuple[Shape, ...]:
    accent = ACCENTS[sheet.category[0]]
    return (
        Path(rectangle(0, 0, WIDTH, HEIGHT), fill=PAPER),
        *background.rosettes(accent),
        *(_watermark() if sheet.specimen else ()),
        *background.frame(accent),
        *background.micro_text(TITLE),
        *_headings(sheet, accent),
        *_labels(sheet, accent.tint(0.82, PAPER)),
        *_boxes(),
        background.seal(SEAL_X, SEAL_Y, sheet.seal_text, sheet.specimen),
    )


def _watermark() -> tuple[Shape, ...]:
    return (background.watermark("样张", -2, 112, space=10), background.watermark("演示用 不具有法律效力", -18, 27, space=2))


def _headings(sheet: BackgroundPage, accent: Color) -> tuple[Shape, ...]:
    short = len(sheet.kind) < 15
    y, space = 227.2, 1.1 if short else 0.2
    sides = tuple(CENTRE + side * reach for side in (-1, 1) for reach in (11, 62))
    plate = ((-8, 0), (-5.4, 3.1), (5.4, 3.1), (8, 0), (5.4, -3.1), (-5.4, -3.1))
    return (
        set_line(CENTRE, 255, sheet.kind, BOLD, 21 if short else 17, accent, centred=True, space=space),
        set_line(CENTRE, 235.5, TITLE, BOLD, 33, RED, centred=True, space=1.6, weight=0.7),
        *(Path(line((a, y), (b, y)), stroke=GOLD, width=0.5 * POINT) for a, b in (sides[:2], sides[2:])),
        *(Path(circle(x, y, 0.55), fill=GOLD) for x in sides),
        Path(line(*((CENTRE + a, y + b) for a, b in plate), closed=True), fill=accent, stroke=GOLD, width=0.5 * POINT),
        set_line(CENTRE, y - 1.65, sheet.category, BOLD, 13, PAPER, centred=True, space=0.2),
    )


def _labels(sheet: BackgroundPage, tone: Color) -> tuple[Shape, ...]:
    note = "本页为演示样张，不具有法律效力" if sheet.specimen else "本证书为电子证照，持证状态以扫码核验结果为准"
    shapes: list[Shape] = []
    for row in rows_of(sheet.learned):
        shapes.append(_spread(row.label_x, row.y, row.label, LABEL_BREADTH, 13, tone))
        rule = line((row.value_x - 1, row.y - 2.1), (row.right, row.y - 2.1))
        shapes.append(Path(rule, stroke=PALE_GOLD, width=0.4 * POINT))
    for label, y in (("发证机关", ISSUER_Y), ("发证日期", DATE_Y)):
        shapes += [_spread(ISSUE_X, y, label, 20, 12.5, tone), set_line(ISSUE_X + 20, y, "：", BOLD, 12.5, tone)]
    scan = set_line(CODE_X + CODE_SIDE / 2, CODE_Y - 5, "扫码核验证书真伪与实时状态", PLAIN, 7.6, tone, centred=True)
    return (*shapes, scan, set_line(CENTRE, 31.4, note, PLAIN, 8.6, tone, centred=True))


def _spread(x: float, y: float, text: str, breadth: float, points: float, color: Color) -> Shape:
    """A label spaced to fill ``breadth``; a longer one keeps its own breadth."""
    spare = max(0.0, breadth - fonts.text_width(fonts.runs(text, BOLD), points * POINT))
    return set_line(x, y, text, BOLD, points, color, space=spare / (len(text) - 1))


def _boxes() -> tuple[Shape, ...]:
    """The boxes of the photo and the QR code."""
    photo = rectangle(PHOTO_X - 1, PHOTO_Y - 1, PHOTO_WIDTH + 2, PHOTO_HEIGHT + 2)
    code = rectangle(CODE_X, CODE_Y, CODE_SIDE, CODE_SIDE)
    return (
        Path(photo, fill=WHITE, stroke=GOLD, width=0.5 * POINT),
        Path(code, fill=WHITE, stroke=PALE_GOLD, width=0.5 * POINT),
    )


# --- the holder ------------------------------------------------------------------------------------------------


def _day(on: date) -> str:
    return f"{on.year}年{on.month:02}月{on.day:02}日"


def _values(face: Face, learned: bool) -> list[Shape]:
    lore = (face.technical_title or "—", face.schooling or "—") if learned else ()
    values = (
        face.name, face.sex, _day(face.birth_date), face.id_number, face.enterprise, face.position or "—", *lore,
        _day(face.first_issued_on), f"{_day(face.valid_from)} 至 {_day(face.valid_to)}",
    )  # fmt: skip
    shapes: list[Shape] = [set_line(CENTRE, 217.4, f"证书编号：{face.number}", PLAIN, 13, INK, centred=True)]
    for value, row in zip(values, rows_of(learned), strict=True):
        shapes += _value(row.value_x, row.y, value, row.right - row.value_x - 1, 15.5)
    return shapes


def _issue(face: Face) -> list[Shape]:
    available = WIDTH - INNER - 4 - ISSUED_X
    foot = f"核验网址  {face.host()}"
    if face.licence_identifier:
        foot += f"    证照标识  {face.licence_identifier}"
    tone = ACCENTS[face.category[0]].tint(0.82, PAPER)
    size = _size(foot, PLAIN, WIDTH - 2 * INNER - 8, 7.2)
    return [
        *_value(ISSUED_X, ISSUER_Y, face.issuer, available, 14),
        *_value(ISSUED_X, DATE_Y, _day(face.issued_on), available, 14),
        set_line(CENTRE, 26.4, foot, PLAIN, size, tone, centred=True),
    ]


def _size(text: str, chain: fonts.Chain, available: float, wanted: float) -> float:
    """The points at which ``text`` fits into one line of ``available`` millimetres, at most ``wanted``."""
    return min(wanted, wanted * available / max(fonts.text_width(fonts.runs(text, chain), wanted * POINT), 0.001))


def _value(x: float, y: float, text: str, available: float, wanted: float) -> list[Shape]:
    """A long value shrinks a little; a longer one is set in two lines, as large as fits."""
    small = 0.74 * wanted
    size = _size(text, VALUE, available, wanted)
    if size >= small:
        return [set_line(x, y, text, VALUE, size, INK)]
    halves = _halves(text)
    size = min(_size(half, VALUE, available, small) for half in halves)
    return [set_line(x, at, half, VALUE, size, INK) for half, at in zip(halves, (y + 3.9, y - 0.7), strict=True)]


def _halves(text: str) -> tuple[str, str]:
    """Cut where the longer half is shortest; preferably between the parts of a name, never inside a Latin word or
    before a closing mark.
    """
    widths = [fonts.text_width(fonts.runs(c, VALUE), 10) for c in text]

    def cost(i: int) -> float:
        word = text[i - 1 : i + 1].isalnum() and text[i - 1 : i + 1].isascii()
        weight = 9 if word or text[i] in "·）)》〉、，。" else 0.8 if text[i - 1] in "·）" else 1
        return weight * max(sum(widths[:i]), sum(widths[i:]))

    cut = min(range(1, len(text)), key=cost)
    return text[:cut].rstrip(), text[cut:].lstrip()


def _picture(face: Face) -> Shape:
    if face.photo is None:
        raise photo_file.Missing
    photo = photo_file.fitting(face.photo)
    return ImageShape(PHOTO_X, PHOTO_Y, PHOTO_WIDTH, PHOTO_HEIGHT, photo.data, photo.pixels, photo.channels)


def _code(address: str) -> tuple[Shape, ...]:
    """The QR code, with a link to the same address."""
    modules = symbol.matrix(address)
    module = CODE_SIDE / (len(modules) + 2 * symbol.QUIET)
    inset = symbol.QUIET * module
    code = CodeShape(CODE_X + inset, CODE_Y + inset, CODE_SIDE - 2 * inset, modules)
    return code, LinkShape(CODE_X, CODE_Y, CODE_SIDE, CODE_SIDE, address)
