"""Official pages on A4 as PDF: letters with a red head (GB/T 9704-2012) and forms, from text alone.

Long text goes on to a next page. A character that no vendored font has is refused by name.

Measures are the standard's: margins 37 mm above and 28 mm left, 156 mm × 225 mm of text, 22 lines of 16 points. It asks for
仿宋, of which there is no free font that has every name; the serif of the certificate stands in for it.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Flowable, HRFlowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table

from app.certificates.pdf import background, reportlab_page
from app.certificates.pdf.render import Unprintable
from app.certificates.pdf.reportlab_page import MM
from app.certificates.pdf.shapes import POINT
from app.files import fonts

LEFT, TOP, BREADTH, HEIGHT = 28.0, 37.0, 156.0, 225.0  # mm
PADDING = 6.0  # reportlab pads its frames by so many points
LINE = 29.0  # points from line to line: 22 of them fill a page
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


Page = LetterText | Form


def draw(page: Page) -> bytes:
    """The PDF, its fonts embedded; the same page gives the same bytes. Raises ``Unprintable``. Safe in several threads."""
    if missing := fonts.unprintable(_words(page)):
        raise Unprintable(missing)
    with reportlab_page.lock:
        output = io.BytesIO()
        _template(output, page).build(
            _letter(page) if isinstance(page, LetterText) else _form(page), onFirstPage=_number, onLaterPages=_number
        )
    return output.getvalue()


def _words(page: Page) -> str:
    """All text of a page, joined without line ends."""

    def flat(value: Any) -> str:
        return value if isinstance(value, str) else "".join(map(flat, value))

    return "".join(flat(getattr(page, name)) for name in page.__slots__).replace("\n", "")


def _template(output: io.BytesIO, page: Page) -> SimpleDocTemplate:
    wide, high = background.WIDTH * MM, background.HEIGHT * MM
    return SimpleDocTemplate(
        output,
        pagesize=(wide, high),
        leftMargin=LEFT * MM - PADDING,
        rightMargin=wide - (LEFT + BREADTH) * MM - PADDING,
        topMargin=TOP * MM - PADDING,
        bottomMargin=high - (TOP + HEIGHT) * MM - PADDING,
        title=page.title,
        author=page.issuer,
        subject=page.number,
        creator="anguan",
        lang="zh-CN",
        invariant=1,
        initialFontName=reportlab_page.font(fonts.PLAIN[0]),
    )


def _number(canvas: Any, doc: Any) -> None:
    """— 1 —, at the outer edge of the text, one letter in."""
    text = f"— {doc.page} —"
    edge = LEFT + BREADTH - 20 if doc.page % 2 else LEFT + 5
    y = background.HEIGHT - TOP - HEIGHT - 10
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
CAPTION = _style(12, 18, spaceBefore=9, spaceAfter=3)
LABEL = _style(10.5, 15)
VALUE = _style(10.5, 15)


def _text(text: str, style: ParagraphStyle, chain: tuple[str, ...] = fonts.PLAIN) -> Paragraph:
    """Each letter in a font that has it; line ends are kept."""
    lines = []
    for line in text.split("\n"):
        runs = fonts.runs(line, chain)
        lines.append(
            "".join(f'<font name="{reportlab_page.font(key)}">{escape(piece, quote=False)}</font>' for key, piece in runs)
        )
    return Paragraph("<br/>".join(lines), style)


def _line(text: str, style: ParagraphStyle) -> Paragraph:
    """A heading, made small enough for one line."""
    size = (BREADTH - 1) * MM / max(fonts.text_width(fonts.runs(text, fonts.BOLD), 1), 1)
    return _text(text, ParagraphStyle("", style, fontSize=min(style.fontSize, size)), fonts.BOLD)


def _letter(page: LetterText) -> list[Flowable]:
    return [
        _line(page.issuer, HEAD),
        Spacer(1, 10),
        HRFlowable(width="100%", thickness=1.6, color=RED, spaceBefore=4, spaceAfter=10),
        _line(page.title, TITLE),
        _text(page.number, NUMBER),
        Spacer(1, 8),
        _text(f"{page.addressee}：", FLUSH),
        *(_text(sentence, BODY) for sentence in page.sentences),
        *(_text(reason, BODY, fonts.VALUE) for reason in page.reasons if reason.strip()),
        *(_text(sentence, BODY) for sentence in page.closing),
        KeepTogether([Spacer(1, LINE), _Signature(page), Spacer(1, LINE), _text(page.foot, FOOT)]),
    ]


class _Signature(Flowable):  # type: ignore[misc]
    """The office's name and the day, with the seal over both."""

    def __init__(self, page: LetterText) -> None:
        super().__init__()
        self.page = page

    def wrap(self, _wide: float, _high: float) -> tuple[float, float]:
        return BREADTH * MM, 44 * MM

    def draw(self) -> None:
        canvas, right = self.canv, BREADTH - 16
        breadth = max(fonts.text_width(fonts.runs(self.page.issuer, fonts.PLAIN), 16 * POINT), 42)
        middle = right - breadth / 2
        for text, y in ((self.page.issuer, 24.0), (self.page.signed_on, 14.0)):
            reportlab_page.draw(canvas, background.set_line(middle, y, text, fonts.PLAIN, 16, background.INK, centred=True))
        reportlab_page.draw(canvas, background.seal(middle, 21.5, self.page.seal_text, True))


def _form(page: Form) -> list[Flowable]:
    return [
        _line(page.title, TITLE),
        _text(page.number, NUMBER),
        *(part for caption, rows in page.tables if rows for part in _table(caption, rows, 2)),
        *(part for caption, rows in page.wide if rows for part in _table(caption, rows, 1)),
    ]


def _table(caption: str, rows: Rows, pairs: int) -> list[Flowable]:
    """So many pairs in a line; the last one of an odd number has the line to itself."""
    label, whole = 25 * MM, BREADTH * MM
    value = (whole - pairs * label) / pairs
    lines: list[list[Any]] = []
    spans: list[tuple[Any, ...]] = []
    for start in range(0, len(rows), pairs):
        line: list[Any] = []
        for name, text in rows[start : start + pairs]:
            line += [_text(name, LABEL), _text(text or "—", VALUE)]
        if len(line) < 2 * pairs:
            rest = (1, len(lines)), (-1, len(lines))
            spans += [("SPAN", *rest), ("BACKGROUND", *rest, WHITE)]
            line += [""] * (2 * pairs - len(line))
        lines.append(line)
    style = [
        ("GRID", (0, 0), (-1, -1), 0.5, RULE),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
    ]
    style += [("BACKGROUND", (column, 0), (column, -1), SHADE) for column in range(0, 2 * pairs, 2)]
    table = Table(lines, [label, value] * pairs, style=[*style, *spans])
    return [_text(caption, CAPTION, fonts.BOLD), table]
