"""Official pages on A4 as PDF: letters and reports with a red head (GB/T 9704-2012) and forms, from text alone.

Long text goes on to a next page. A character that no vendored font has is refused by name.

Measures are the standard's: margins 37 mm above and 28 mm left, 156 mm × 225 mm of text, 22 lines of 16 points. It asks for
仿宋, of which there is no free font that has every name; the serif of the certificate stands in for it.
"""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_CENTER, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.utils import ImageReader
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    HRFlowable,
    Image,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
)

from app.certificates.pdf import background, reportlab_page
from app.certificates.pdf.render import Unprintable
from app.certificates.pdf.reportlab_page import MM
from app.certificates.pdf.shapes import POINT
from app.core.plain_text import plain
from app.files import fonts

LEFT, TOP, BREADTH, HEIGHT = 28.0, 37.0, 156.0, 225.0  # mm
FORM_TOP, FORM_HEIGHT = 18.0, 259.0  # a form has no red head, and should fit on one page
PADDING = 6.0  # reportlab pads its frames by so many points
LINE = 29.0  # points from line to line: 22 of them fill a page
TIGHTER = (LINE, 26.0, 23.5)  # GB/T 9704-2012 7.3.5.5: set closer, rather than leave the signature alone on a page
RED, INK, RULE, SHADE, WHITE = map(HexColor, ("#C8161D", "#1B1F23", "#8A8F94", "#F3F4F5", "#FFFFFF"))

Rows = Sequence[tuple[str, str]]
Tables = Sequence[tuple[str, Rows]]


@dataclass(frozen=True, slots=True)
class LetterText:
    """One letter of the office, with its seal below the name."""

    issuer: str
    title: str
    number: str
    seal_text: str
    addressee: str
    sentences: Sequence[str]
    reasons: Sequence[str]  # set apart, one paragraph each
    closing: Sequence[str]
    signed_on: str
    foot: str


@dataclass(frozen=True, slots=True)
class Form:
    """A form: tables of label and value, two pairs in a line; ``wide`` ones have one."""

    issuer: str
    title: str
    number: str
    seal_text: str
    tables: Tables
    wide: Tables
    photo: bytes | None = None  # JPEG or PNG, beside the first table
    watermark: str = ""  # across each page


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A section of a report; the first column names the row, all others are set in the middle."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    is_total: bool = False  # the last row adds the others up


@dataclass(frozen=True, slots=True)
class Report:
    """A report of the office: text, tables, and its name and the day below, without a seal."""

    issuer: str
    title: str
    number: str
    sentences: Sequence[str]
    tables: Sequence[ReportTable]
    signed_on: str
    foot: str


Page = LetterText | Form | Report
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class DrawnLetter:
    """The PDF, and where its seal is: ``page`` from 0, ``box`` in points."""

    data: bytes
    page: int
    box: Box


def draw(page: Page) -> bytes:
    """The PDF, its fonts embedded; the same page gives the same bytes. Raises ``Unprintable``. Safe in several threads."""
    if isinstance(page, LetterText):
        return draw_letter(page).data
    return _built(page, lambda: _form(page) if isinstance(page, Form) else _report(page))


def draw_letter(page: LetterText, *, specimen: bool = True) -> DrawnLetter:
    """As ``draw``, with the place of the seal; on a specimen the seal is marked as without legal effect."""
    for line in TIGHTER:
        text_end, signature = _TextEnd(), _Signature(page, specimen)
        data = _built(page, lambda: _letter(page, line, [text_end, _closing(page, line, signature)]))  # noqa: B023 - called here
        if text_end.page == signature.page_number:
            return DrawnLetter(data, signature.page_number, signature.box)
    *story, last = _letter(page, LINE, [])
    signature = _Signature(page, specimen)
    data = _built(page, lambda: [*story, KeepTogether([last, _closing(page, LINE, signature)])])
    return DrawnLetter(data, signature.page_number, signature.box)


def _built(page: Page, story: Callable[[], list[Flowable]]) -> bytes:
    if missing := fonts.unprintable(_words(page)):
        raise Unprintable(missing)
    with reportlab_page.lock:
        output = io.BytesIO()
        begin = partial(_begin, watermark=page.watermark if isinstance(page, Form) else "")
        _template(output, page).build(story(), onFirstPage=begin, onLaterPages=begin)
    return output.getvalue()


def _words(page: Page) -> str:
    """All text of a page, joined without line ends. ``TypeError`` for text that was made for a screen."""

    def flat(value: Any) -> str:
        if isinstance(value, ReportTable):
            return flat((value.title, value.heads, value.rows, value.note))
        return plain(value) if isinstance(value, str) else "".join(map(flat, value))

    return "".join(flat(getattr(page, name)) for name in page.__slots__ if name != "photo").replace("\n", "")


def _template(output: io.BytesIO, page: Page) -> SimpleDocTemplate:
    wide, high = background.WIDTH * MM, background.HEIGHT * MM
    top, height = (FORM_TOP, FORM_HEIGHT) if isinstance(page, Form) else (TOP, HEIGHT)
    return SimpleDocTemplate(
        output,
        pagesize=(wide, high),
        leftMargin=LEFT * MM - PADDING,
        rightMargin=wide - (LEFT + BREADTH) * MM - PADDING,
        topMargin=top * MM - PADDING,
        bottomMargin=high - (top + height) * MM - PADDING,
        title=page.title,
        author=page.issuer,
        subject=page.number,
        creator="anguan",
        lang="zh-CN",
        invariant=1,
        initialFontName=reportlab_page.font(fonts.PLAIN[0]),
    )


def _begin(canvas: Any, doc: Any, *, watermark: str) -> None:
    """What stands below the text of a page: its number, — 1 —, at the outer edge of the text, one letter in."""
    if watermark:
        reportlab_page.draw(canvas, background.watermark(watermark, 0, 60, space=6))
    text = f"— {doc.page} —"
    edge = LEFT + BREADTH - 20 if doc.page % 2 else LEFT + 5
    y = doc.bottomMargin / MM + PADDING / MM - 10
    reportlab_page.draw(canvas, background.set_line(edge, y, text, fonts.PLAIN, 14, background.INK))


# --- content ----------------------------------------------------------------------------------


def _style(size: float, leading: float, **more: Any) -> ParagraphStyle:
    return ParagraphStyle("", fontName=fonts.PLAIN[0], fontSize=size, leading=leading, textColor=INK, wordWrap="CJK", **more)


HEAD = ParagraphStyle("", _style(30, 40, alignment=TA_CENTER), textColor=RED)
TITLE = _style(22, 32, alignment=TA_CENTER, spaceBefore=14)
NUMBER = _style(14, 24, alignment=TA_CENTER, spaceAfter=6)
BODY = _style(16, LINE, firstLineIndent=32)
FLUSH = _style(16, LINE)
FOOT = _style(10.5, 16)
FORM_TITLE = _style(20, 26, alignment=TA_CENTER)
FORM_NUMBER = _style(11, 16, alignment=TA_CENTER)
CAPTION = _style(11, 15, spaceBefore=5, spaceAfter=2)
LABEL = _style(10.5, 15)
VALUE = _style(10.5, 15)


# Where lines may break (GB/T 15834-2011 5.1.11): these do not begin a line, those do not end one, a word or figure is whole.
NOT_FIRST = frozenset("，。、；：？！）】》〉〕］｝”’」』…—·％‰℃,.;:?!)]}%~～")
NOT_LAST = frozenset("（【《〈〔［｛“‘「『([{￥¥$")
_PIECE = re.compile(r"[0-9A-Za-z][0-9A-Za-z./:@_*-]*|.", re.DOTALL)


def _text(text: str, style: ParagraphStyle, chain: tuple[str, ...] = fonts.PLAIN, breadth: float = BREADTH * MM) -> Paragraph:
    """Each letter in a font that has it; line ends are kept, and longer lines broken where they may be."""
    lines = []
    for n, paragraph in enumerate(text.split("\n")):
        indent = style.firstLineIndent if n == 0 else 0
        lines += list(_broken(paragraph, style.fontSize, breadth - 0.01, indent, chain))
    return Paragraph("<br/>".join(_marked_up(line, chain) for line in lines), style)


def _marked_up(line: str, chain: tuple[str, ...]) -> str:
    return "".join(
        f'<font name="{reportlab_page.font(key)}">{escape(piece, quote=False)}</font>'
        for key, piece in fonts.runs(line, chain)
    )


def _broken(text: str, size: float, breadth: float, indent: float, chain: tuple[str, ...]) -> Iterator[str]:
    """The lines of a paragraph. A mark that may not begin a line takes what stands before it along."""
    pieces = list(_units(text, size, breadth, chain))
    widths = [fonts.text_width(fonts.runs(piece, chain), size) for piece in pieces]
    start, used = 0, indent
    for n, width in enumerate(widths):
        used += width
        if used > breadth and n > start:
            end = n
            while end > start + 1 and (pieces[end][0] in NOT_FIRST or pieces[end - 1][-1] in NOT_LAST):
                end -= 1
            if pieces[end][0] in NOT_FIRST:  # nothing but marks: the line is cut where it is full
                end = n
            yield "".join(pieces[start:end])
            start, used = end, sum(widths[end : n + 1])
    yield "".join(pieces[start:])


def _units(text: str, size: float, breadth: float, chain: tuple[str, ...]) -> Iterator[str]:
    """Words and figures, and single characters; a word longer than a line counts letter by letter."""
    for piece in _PIECE.findall(text):
        if len(piece) > 1 and fonts.text_width(fonts.runs(piece, chain), size) > breadth / 2:
            yield from piece
        else:
            yield piece


def _line(text: str, style: ParagraphStyle) -> Paragraph:
    """A heading, made small enough for one line."""
    size = (BREADTH - 1) * MM / max(fonts.text_width(fonts.runs(text, fonts.BOLD), 1), 1)
    return _text(text, ParagraphStyle("", style, fontSize=min(style.fontSize, size)), fonts.BOLD)


def _letter(page: LetterText, line: float, ending: list[Flowable]) -> list[Flowable]:
    """Head, text and ``ending``, with so many points from line to line."""
    body, flush = (ParagraphStyle("", style, leading=line) for style in (BODY, FLUSH))
    return [
        *_head(page),
        _text(f"{page.addressee}：", flush),
        *(_text(sentence, body) for sentence in page.sentences),
        *(_text(reason, body, fonts.VALUE) for reason in page.reasons if reason.strip()),
        *(_text(sentence, body) for sentence in page.closing),
        *ending,
    ]


def _head(page: LetterText | Report) -> list[Flowable]:
    """The red head with its line, title and number."""
    return [
        _line(page.issuer, HEAD),
        Spacer(1, 10),
        HRFlowable(width="100%", thickness=1.6, color=RED, spaceBefore=4, spaceAfter=10),
        _line(page.title, TITLE),
        _text(page.number, NUMBER),
        Spacer(1, 8),
    ]


def _closing(page: LetterText, line: float, signature: "_Signature") -> KeepTogether:
    return KeepTogether([Spacer(1, line), signature, Spacer(1, line / 2), _text(page.foot, FOOT)])


class _TextEnd(Flowable):  # type: ignore[misc]
    """Knows afterwards on which page (from 0) the text ended."""

    page = 0

    def wrap(self, _wide: float, _high: float) -> tuple[float, float]:
        return 0, 0

    def draw(self) -> None:
        self.page = self.canv.getPageNumber() - 1


class _Signature(Flowable):  # type: ignore[misc]
    """The office's name and the day, with the seal over both; knows afterwards where it was drawn."""

    def __init__(self, page: LetterText, specimen: bool) -> None:
        super().__init__()
        self.page, self.specimen = page, specimen
        self.page_number, self.box = 0, (0.0, 0.0, 0.0, 0.0)

    def wrap(self, _wide: float, _high: float) -> tuple[float, float]:
        return BREADTH * MM, 44 * MM

    def draw(self) -> None:
        canvas, right, page = self.canv, BREADTH - 16, self.page
        breadth = max(fonts.text_width(fonts.runs(page.issuer, fonts.PLAIN), 16 * POINT), 42)
        middle, height = right - breadth / 2, 21.5
        for text, y in ((page.issuer, 24.0), (page.signed_on, 14.0)):
            reportlab_page.draw(canvas, background.set_line(middle, y, text, fonts.PLAIN, 16, background.INK, centred=True))
        rim = page.seal_text if self.specimen else page.issuer  # a specimen says below that it has no legal effect
        reportlab_page.draw(canvas, background.seal(middle, height, rim, self.specimen, page.seal_text))
        x, y = canvas.absolutePosition(middle * MM, height * MM)
        reach = background.SEAL_RADIUS * MM
        self.page_number, self.box = canvas.getPageNumber() - 1, (x - reach, y - reach, x + reach, y + reach)


REPORT_LINE = 26.0  # points; tables stand between the lines of text anyway
FIRST_COLUMN = {2: 0.72, 3: 0.6, 4: 0.46, 5: 0.4, 6: 0.3}  # its share of the breadth, by the number of columns
SIGNED = ParagraphStyle("", FLUSH, alignment=TA_RIGHT, rightIndent=32)


def _report(page: Report) -> list[Flowable]:
    """Text, then each table under its heading; a table goes on to the next page below its heads."""
    body, heading = (
        ParagraphStyle("", BODY, leading=REPORT_LINE),
        ParagraphStyle("", BODY, leading=REPORT_LINE, spaceBefore=8),
    )
    parts = [*_head(page), *(_text(sentence, body) for sentence in page.sentences)]
    for table in page.tables:
        parts += [
            CondPageBreak(40 * MM),
            _text(table.title, heading, fonts.BOLD),
            _report_table(table),
            *([Spacer(1, 3), _text(table.note, FOOT)] if table.note else ()),
        ]
    signed = [_text(text, SIGNED) for text in (page.issuer, page.signed_on)]
    return [*parts, KeepTogether([Spacer(1, REPORT_LINE), *signed, Spacer(1, 8), _text(page.foot, FOOT)])]


def _report_table(table: ReportTable) -> Table:
    columns, cell = len(table.heads), ParagraphStyle("", VALUE, alignment=TA_CENTER)
    first = BREADTH * MM * FIRST_COLUMN.get(columns, 0.16)
    widths = [first, *([(BREADTH * MM - first) / (columns - 1)] * (columns - 1))]
    lines = [
        [_text(text, VALUE if n == 0 else cell, chain, widths[n] - 8) for n, text in enumerate(row)]
        for row, chain in [(table.heads, fonts.BOLD), *((row, fonts.PLAIN) for row in table.rows)]
    ]
    style = [
        ("GRID", (0, 0), (-1, -1), 0.5, RULE),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("BACKGROUND", (0, 0), (-1, 0), SHADE),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
        *((f"{side}PADDING", (0, 0), (-1, -1), 4) for side in ("LEFT", "RIGHT")),
        *([("BACKGROUND", (0, -1), (-1, -1), SHADE)] if table.is_total else ()),
    ]
    return Table(lines, widths, repeatRows=1, style=style)


PHOTO = (25 * MM, 35 * MM)  # one inch, 建办质〔2022〕53号


def _form(page: Form) -> list[Flowable]:
    parts = [_line(page.title, FORM_TITLE), _text(page.number, FORM_NUMBER)]
    for n, (caption, rows) in enumerate(page.tables):
        if rows:
            parts += _table(caption, rows, 2, page.photo if n == 0 else None)
    for caption, rows in page.wide:
        if rows:
            parts += _table(caption, rows, 1)
    return parts


def _table(caption: str, rows: Rows, pairs: int, photo: bytes | None = None) -> list[Flowable]:
    """So many pairs in a line; the last one of an odd number has the line to itself. A photo stands at the right of all."""
    label = (22.5 if photo else 25) * MM  # beside a photo an ID number needs the whole of its column
    beside = PHOTO[0] + 6 if photo else 0.0
    value = (BREADTH * MM - beside - pairs * label) / pairs
    lines: list[list[Any]] = []
    spans: list[tuple[Any, ...]] = []
    for start in range(0, len(rows), pairs):
        line: list[Any] = []
        alone = start + 1 == len(rows) and pairs > 1
        breadth = value if not alone else value * pairs + label * (pairs - 1)
        for name, text in rows[start : start + pairs]:
            line += [_text(name, LABEL, breadth=label - 8), _text(text or "—", VALUE, breadth=breadth - 8)]
        if alone:
            rest = (1, len(lines)), (2 * pairs - 1, len(lines))
            spans += [("SPAN", *rest), ("BACKGROUND", *rest, WHITE)]
            line += [""] * (2 * pairs - len(line))
        lines.append([*line, *([""] if photo else [])])
    if photo:
        lines[0][-1] = _portrait(photo)
        spans += [("SPAN", (-1, 0), (-1, -1)), ("ALIGN", (-1, 0), (-1, -1), "CENTER")]
        spans += [(f"{side}PADDING", (-1, 0), (-1, -1), 3) for side in ("LEFT", "RIGHT")]
    style = [
        ("GRID", (0, 0), (-1, -1), 0.5, RULE),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
        *((f"{side}PADDING", (0, 0), (-1, -1), 4) for side in ("LEFT", "RIGHT")),
    ]
    style += [("BACKGROUND", (column, 0), (column, -1), SHADE) for column in range(0, 2 * pairs, 2)]
    table = Table(lines, [*([label, value] * pairs), *([beside] if photo else [])], style=[*style, *spans])
    return [_text(caption, CAPTION, fonts.BOLD), table]


def _portrait(photo: bytes) -> Image:
    """The photo as large as fits, its proportions kept."""
    wide, high = ImageReader(io.BytesIO(photo)).getSize()
    scale = min(PHOTO[0] / wide, PHOTO[1] / high)
    return Image(io.BytesIO(photo), wide * scale, high * scale)
