"""Certificates to pack, and archives opened."""

import io
import zipfile
from datetime import date

import pypdfium2
from PIL import Image
from pypdf import PdfReader
from sqlalchemy import select

from app.certificates.pdf.content import Face
from app.core.vocabulary import Role
from app.models import Certificate
from tests import make

VIEWER = make.officer(Role.VIEWER, account_id=1)


def certificates(session) -> list[int]:
    found = list(session.scalars(select(Certificate.id).order_by(Certificate.id)))
    session.rollback()
    return found


def opened(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as made:
        assert made.testzip() is None
        return {name: made.read(name) for name in made.namelist()}


def photo(kind: str, mode: str = "RGB", size: tuple[int, int] = (413, 579), **saving: object) -> bytes:
    output = io.BytesIO()
    Image.new(mode, size, (200, 30, 30, 255)[: len(mode)]).save(output, kind, **saving)
    return output.getvalue()


FACE = Face(
    category="B",
    kind="建筑施工企业项目负责人",
    number="湘建安B(2026)0000123",
    name="欧阳·某",
    sex="男",
    birth_date=date(1988, 6, 5),
    id_number="430102198806050017",
    enterprise="示例省宏远建设集团有限公司",
    position="项目负责人",
    first_issued_on=date(2023, 6, 15),
    issued_on=date(2026, 6, 15),
    valid_from=date(2026, 6, 15),
    valid_to=date(2029, 6, 14),
    issuer="示例省住房和城乡建设厅",
    seal_text="示例省住房和城乡建设厅",
    photo=photo("JPEG"),
    address="https://ag.example.gov.cn/v/7K3M9QXW2TRA4B6C8D1E",
    licence_identifier="1.2.156.3005.2.11100000000013338W032.B20260000123.001.5",
    specimen=False,
)


def words(pdf: bytes) -> list[str]:
    """The lines of text, as a program reads them out of the file."""
    return PdfReader(io.BytesIO(pdf)).pages[0].extract_text().splitlines()


def page(pdf: bytes, dpi: int = 150) -> Image.Image:
    with pypdfium2.PdfDocument(pdf) as document:
        assert len(document) == 1
        picture: Image.Image = document[0].render(scale=dpi / 72).to_pil()
        return picture.convert("RGB")


def part(picture: Image.Image, x: float, y: float, width: float, height: float) -> Image.Image:
    """A piece of a page, in millimetres from its lower left corner."""
    dot = picture.height / 297
    return picture.crop((int(x * dot), int((297 - y - height) * dot), int((x + width) * dot), int((297 - y) * dot)))


def mean(picture: Image.Image) -> tuple[int, ...]:
    """The colour of the whole, as red, green and blue."""
    colour = picture.resize((1, 1)).getpixel((0, 0))
    assert isinstance(colour, tuple)
    return colour
