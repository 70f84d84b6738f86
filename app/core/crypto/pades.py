"""Puts the seal into a PDF: a certifying signature that permits no change, as an incremental update (PAdES B-B).

Accepts only PDFs that this application rendered: a plain list of pages, a plain cross-reference table.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from app.core.clock import office_time
from app.core.crypto import cms
from app.core.crypto.seal_provider import Seal

Box = tuple[float, float, float, float]

BLANK = b"%010d"  # fixed width, so that the byte range can be filled in last


@dataclass(frozen=True, slots=True)
class SignatureTexts:
    """Texts that a PDF reader shows with the signature; always Chinese, like the certificate."""

    field: str
    signer: str
    reason: str
    place: str


class NotSealable(ValueError):
    """The file is not built as our own renderer builds one: a defect."""


def sign_pdf(pdf: bytes, seal: Seal, texts: SignatureTexts, box: Box, *, at: datetime, page: int = 0) -> bytes:
    """The signed PDF; ``box`` (in points) on ``page`` (from 0) is where a click on the printed seal opens the signature."""
    file = _File(pdf, page)
    limit = cms.size_limit(seal)
    widget, signature, appearance = file.size, file.size + 1, file.size + 2
    form = b"/AcroForm<</Fields[%d 0 R]/SigFlags 3>>/Perms<</DocMDP %d 0 R>>" % (widget, signature)
    file.put(file.root, _with(file.body(file.root), form))
    file.put(file.page, _with_annotation(file, widget))
    file.put(widget, _widget(file.page, signature, appearance, texts, box))
    file.put(appearance, b"<</Type/XObject/Subtype/Form/BBox[0 0 %g %g]/Length 0>>\nstream\n\nendstream" % _extent(box))
    file.put(signature, _signature(texts, limit, at))
    return _filled(file.finished(), file.places[signature], limit, seal)


def _filled(out: bytearray, start: int, limit: int, seal: Seal) -> bytes:
    """Fill in the signature over everything but its own placeholder."""
    hole = out.index(b"/Contents<", start) + len(b"/Contents")
    after = hole + 2 * limit + 2
    figures = out.index(b"/ByteRange[", start) + len(b"/ByteRange[")
    counts = b" ".join(BLANK % n for n in (0, hole, after, len(out) - after))
    out[figures : figures + len(counts)] = counts
    digest = hashlib.sha256(memoryview(out)[:hole])
    digest.update(memoryview(out)[after:])
    written = cms.sign(seal, digest.digest()).hex().encode()
    if len(written) > 2 * limit:
        raise NotSealable("the signature is larger than its placeholder")
    out[hole + 1 : hole + 1 + len(written)] = written
    return bytes(out)


def _signature(texts: SignatureTexts, limit: int, at: datetime) -> bytes:
    moment = f"{office_time(at):D:%Y%m%d%H%M%S%z}"
    return b"".join(
        (
            b"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached",
            b"/Name%s/Reason%s/Location%s" % tuple(map(_text, (texts.signer, texts.reason, texts.place))),
            b"/M(%s'%s')" % (moment[:-2].encode(), moment[-2:].encode()),
            b"/Reference[<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type/TransformParams/P 1/V/1.2>>>>]",
            b"/ByteRange[%s]" % b" ".join([BLANK % 0] * 4),
            b"/Contents<%s>>>" % (b"0" * 2 * limit),
        )
    )


def _widget(page: int, signature: int, appearance: int, texts: SignatureTexts, box: Box) -> bytes:
    """The signature field, over the seal. Its appearance is empty: the page itself shows the seal."""
    return b"<</Type/Annot/Subtype/Widget/FT/Sig/F 132/T%s/TU%s/Rect[%s]/P %d 0 R/V %d 0 R/AP<</N %d 0 R>>>>" % (
        _text(texts.field), _text(texts.reason), b" ".join(b"%.2f" % n for n in box), page, signature, appearance,
    )  # fmt: skip


def _extent(box: Box) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]


def _text(text: str) -> bytes:
    return b"<FEFF%s>" % text.encode("utf-16-be").hex().upper().encode()


def _with(dictionary: bytes, more: bytes) -> bytes:
    end = dictionary.rindex(b">>")
    return dictionary[:end] + more + dictionary[end:]


def _with_annotation(file: "_File", number: int) -> bytes:
    """The page's dictionary with one more annotation, beside the link of the QR code."""
    page, own = file.body(file.page), b"%d 0 R" % number
    if b"/Annots" not in page:
        return _with(page, b"/Annots[%s]" % own)
    listed, found = re.subn(rb"(/Annots\s*\[[^\]]*)\]", rb"\1 " + own + rb"]", page)
    if found != 1:
        raise NotSealable("the page's annotations are not a plain list")
    return listed


class _File:
    """A finished PDF, to which objects are appended."""

    def __init__(self, data: bytes, page: int) -> None:
        self.data, self.out, self.places = data, bytearray(data), dict[int, int]()
        self.start = int(self._found(rb"startxref\s+(\d+)\s+%%EOF\s*$", data[-64:]))
        table = re.match(rb"xref\r?\n0 (\d+) ?\r?\n", data[self.start : self.start + 40])
        if table is None:
            raise NotSealable("there is no plain cross-reference table")
        self.size, self.rows = int(table[1]), self.start + table.end()
        self.trailer = data[data.index(b"trailer", self.start) : data.rindex(b"startxref")]
        self.root = self._pointed("Root", self.trailer)
        pages = self.body(self._pointed("Pages", self.body(self.root)))
        kids = self._found(rb"/Kids\s*\[((?:\s*\d+ 0 R)+)\s*\]", pages).split()[::3]
        if page >= len(kids):
            raise NotSealable(f"there is no page {page}")
        self.page = int(kids[page])
        if not data.endswith(b"\n"):
            self.out += b"\n"

    def body(self, number: int) -> bytes:
        """The body of an object. Dictionaries only: a stream could hold anything."""
        row = self.data[self.rows + 20 * number : self.rows + 20 * number + 18]
        start = int(row[:10])
        end = self.data.index(b"endobj", start)
        found = re.match(rb"%d 0 obj\s*(<<.*>>)\s*$" % number, self.data[start:end], re.DOTALL)
        if found is None or not row.endswith(b" n"):
            raise NotSealable(f"object {number} is not where the table says")
        return found[1]

    def put(self, number: int, body: bytes) -> None:
        self.places[number] = len(self.out)
        self.out += b"%d 0 obj\n%s\nendobj\n" % (number, body)

    def finished(self) -> bytearray:
        """The whole file, ending with the new cross-references."""
        start, rows = len(self.out), sorted(self.places.items())
        self.out += b"xref\n" + b"".join(b"%d 1\n%010d 00000 n \n" % row for row in rows)
        keep = b"".join(re.findall(rb"/(?:Info \d+ 0 R|ID\s*\[[^\]]*\])", self.trailer))
        size = max(self.size, *(number + 1 for number in self.places))
        ends = (size, self.root, self.start, keep, start)
        self.out += b"trailer\n<</Size %d/Root %d 0 R/Prev %d%s>>\nstartxref\n%d\n%%%%EOF\n" % ends
        return self.out

    def _pointed(self, name: str, dictionary: bytes) -> int:
        return int(self._found(rb"/%s (\d+) 0 R" % name.encode(), dictionary))

    @staticmethod
    def _found(pattern: bytes, where: bytes) -> bytes:
        found = re.search(pattern, where)
        if found is None:
            raise NotSealable(f"the file lacks {pattern.decode()}")
        return found[1]
