"""Measures rendering certificates, compared with reportlab and with HTML to PDF in the same run.

    .venv/bin/python benchmarks/certificates.py [COUNT]

Prints milliseconds of processor time (the median of COUNT holders) and the throughput of two processes. WeasyPrint and
LibreOffice are measured if installed. Compare the ratios, and the yardstick: the load of a shared machine varies.
"""

import io
import shutil
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from statistics import median

from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent))

from reportlab import rl_config
from reportlab.graphics import renderPDF
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from app.certificates.pdf import layout, render, reportlab_page
from app.certificates.pdf.shapes import CodeShape, Group, ImageShape, LinkShape
from app.core.crypto.demo_ca import EmbeddedSeal, establish
from app.core.crypto.pades import SignatureTexts, sign_pdf
from app.core.crypto.seal_provider import Seal, Suite

AT = datetime(2026, 3, 2, 4, tzinfo=UTC)
WORDS = SignatureTexts(field="演示印章", signer="演示", reason="电子证照签发", place="演示")
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰涛明超兰霞平刚桂英华玉萍红玲䶮㛃堃喆翀"


def main(count: int = 200) -> None:
    holders = list(faces(count))
    print(f"yardstick: a hundred thousand squares added up in {yardstick():.1f} ms (a quiet machine of 2024: about 6)")
    print(f"processor time of one certificate, median of {count} holders")
    ours = measured("drawn", render.draw, holders)
    with tempfile.TemporaryDirectory() as folder:
        establish(Path(folder), address="http://127.0.0.1:9", at=AT)
        measured("drawn and signed", lambda face: signed(face, folder), holders)
        stock = measured("reportlab, the stock way", with_reportlab, holders[: max(10, count // 10)])
        print(f"{'':34}{stock / ours:8.1f} times ours")
        in_html(holders[:5], ours)
        in_office(holders[:5], ours)
        together(folder, max(count, 400))


def faces(count: int) -> Iterator[render.Face]:
    picture = Image.effect_noise((413, 579), 12).convert("RGB")
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=62)
    first = render.Face(
        category="B", kind="建筑施工企业项目负责人", number="", name="", sex="男", birth_date=date(1985, 1, 1), id_number="",
        enterprise="湖南样本建设集团有限公司", position="项目负责人", first_issued_on=AT.date(), issued_on=AT.date(),
        valid_from=AT.date(), valid_to=date(2029, 3, 1), issuer="湖南省住房和城乡建设厅", seal_text="湖南省住房和城乡建设厅",
        photo=out.getvalue(), address="", licence_identifier="1.2.156.3005.2.11100000000013338W011.X.B20260000123.001.5",
        specimen=True, technical_title="高级", schooling="本科　土木工程",
    )  # fmt: skip
    for n in range(count):
        yield replace(
            first,
            category="ABC"[n % 3],
            number=f"湘建安B(2026){n:07d}",
            name="欧阳" + GIVEN[n % len(GIVEN)] + GIVEN[n * 7 % len(GIVEN)],
            id_number=f"43010219850101{n:04d}",
            address=f"https://ag.example.gov.cn/v/{7**430 + n * 11**300}"[:385],
        )


@cache
def seal(folder: str) -> Seal:
    return EmbeddedSeal(Path(folder)).seal(Suite.P256, at=AT)


def signed(face: render.Face, folder: str) -> bytes:
    return sign_pdf(render.draw(face), seal(folder), WORDS, render.SEAL_BOX, at=AT)


def yardstick() -> float:
    spent = []
    for _turn in range(15):
        start = time.process_time()
        sum(n * n for n in range(100_000))
        spent.append(1000 * (time.process_time() - start))
    return median(spent)


def measured(name: str, make: Callable[[render.Face], bytes], holders: list[render.Face]) -> float:
    """Milliseconds of processor time for one, also printed."""
    for face in holders[:3]:
        made = make(face)
    spent = []
    for face in holders:
        start = time.process_time()
        made = make(face)
        spent.append(1000 * (time.process_time() - start))
    print(f"  {name:<32}{median(spent):8.2f} ms {len(made) / 1024:8.0f} KB")
    return median(spent)


# --- others ------------------------------------------------------------------------------------------------------


def with_reportlab(face: render.Face) -> bytes:
    """The same page, shape by shape: text-safe streams, its own QR code."""
    out, size = io.BytesIO(), 2.834646
    canvas = Canvas(out, pagesize=(595.276, 841.89), pageCompression=1)
    for shape in layout.page_of(face).shapes():
        if isinstance(shape, ImageShape):
            box = (shape.x * size, shape.y * size, shape.width * size, shape.height * size)
            canvas.drawImage(ImageReader(io.BytesIO(face.photo or b"")), *box)
        elif isinstance(shape, CodeShape):
            side = shape.side * size
            drawing = Drawing(side, side)
            drawing.add(QrCodeWidget(face.address, barLevel="M", barWidth=side, barHeight=side, barBorder=0))
            renderPDF.draw(drawing, canvas, shape.x * size, shape.y * size)
        elif isinstance(shape, Group) and len(shape.places) > 1:
            _repeated(canvas, shape, size)
        elif not isinstance(shape, LinkShape):
            reportlab_page.draw(canvas, shape)
    rl_config.useA85 = 1
    canvas.save()
    return out.getvalue()


def _repeated(canvas: Canvas, group: Group, size: float) -> None:
    """As one form that is set many times, which reportlab can do, too."""
    form = f"form-{id(group)}"
    canvas.beginForm(form, -900, -900, 900, 900)
    reportlab_page.draw(canvas, *group.shapes)
    canvas.endForm()
    for place in group.places:
        canvas.saveState()
        canvas.transform(*place[:4], place.e * size, place.f * size)
        canvas.doForm(form)
        canvas.restoreState()


def page(face: render.Face) -> str:
    texts = (face.number, face.name, face.sex, face.id_number, face.enterprise, face.position, face.issuer)
    rows = "".join(f"<p style='border-bottom:1px solid #a98'>{text}</p>" for text in texts)
    picture = f"<img width='132' src='data:image/jpeg;base64,{b64encode(face.photo or b'').decode()}'>"
    return f"<html><meta charset='utf-8'><h2>{face.kind}</h2><h1>安全生产考核合格证书</h1>{picture}{rows}</html>"


def in_html(holders: list[render.Face], ours: float) -> None:
    try:
        from weasyprint import HTML  # noqa: PLC0415 - measured only where it is installed
    except (ImportError, OSError):
        print("  WeasyPrint is not installed here: not measured")
        return
    theirs = measured("WeasyPrint, words and photo only", lambda face: HTML(string=page(face)).write_pdf(), holders)
    print(f"{'':34}{theirs / ours:8.1f} times ours")


def in_office(holders: list[render.Face], ours: float) -> None:
    """All in one run, as a batch would; wall-clock time, since the work is done in another process."""
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None:
        print("  LibreOffice is not installed here: not measured")
        return
    with tempfile.TemporaryDirectory() as folder:
        for n, face in enumerate(holders):
            (Path(folder) / f"{n}.html").write_text(page(face))
        words = [office, "--headless", "--convert-to", "pdf", "--outdir", folder]
        start = time.perf_counter()
        subprocess.run([*words, *map(str, Path(folder).glob("*.html"))], check=True, capture_output=True)  # noqa: S603
        theirs = 1000 * (time.perf_counter() - start) / len(holders)
    print(f"  {'LibreOffice, words and photo only':<32}{theirs:8.2f} ms (wall)\n{'':34}{theirs / ours:8.1f} times ours")


def together(folder: str, count: int, processes: int = 2) -> None:
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(_portion, [(folder, 10)] * processes))  # warm-up: fonts and seal read
        start = time.perf_counter()
        list(pool.map(_portion, [(folder, count // processes)] * processes))
        spent = time.perf_counter() - start
    print(f"\n  {processes} processes, signed{'':15}{count / spent:8.0f} certificates a second")


def _portion(of: tuple[str, int]) -> int:
    folder, count = of
    return sum(len(signed(face, folder)) for face in faces(count))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(*(int(word) for word in sys.argv[1:]))
