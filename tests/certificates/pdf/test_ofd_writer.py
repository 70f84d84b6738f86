"""The certificate as OFD: valid against its schema, and the same text and picture as the PDF."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pypdf
import pypdfium2
import pytest
import zxingcpp
from lxml import etree
from PIL import Image, ImageChops, ImageFilter, ImageStat
from sqlalchemy import select

from app.certificates.pdf import ofd_writer
from app.certificates.pdf.render import draw, page_of
from app.certificates.pdf.seal_and_store import ofd_of
from app.core.crypto import ses
from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.crypto.seal_provider import NoSeal, NoSuchSeal, Suite
from app.core.crypto.verify_signature import Finding, trusted_roots, verify
from app.core.office import Office
from app.core.vocabulary import Role
from app.files.folder_store import FolderStore
from app.models import AuditEntry, CertificateVersion
from tests import make
from tests.certificates.pdf.conftest import FACE
from tests.certificates.pdf.test_seal_and_store import issued
from tests.ofdview import Reader
from tests.pdf_text import requested
from tests.seals import embedded

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).with_name("ofd.xsd")))
FACES = {
    "plain": FACE,
    "specimen": replace(FACE, specimen=True, category="A", kind="建筑施工企业主要负责人"),
    "rare": replace(FACE, name="㛃𬭎·䶮𱅒", category="C1", kind="建筑施工企业机械类专职安全生产管理人员"),
    "long": replace(
        FACE,
        enterprise="湖南省长沙市望城经济技术开发区第一建筑安装工程设备租赁与市政公用基础设施施工总承包集团股份有限责任公司",
    ),
    "learned": replace(FACE, technical_title="高级", schooling="本科　土木工程", licence_identifier=""),
}


@pytest.fixture(params=FACES)
def face(request):
    return FACES[request.param]


def sealed(face, folder: Path) -> bytes:
    made = ofd_writer.document_of(page_of(face))
    seal = EmbeddedSeal(folder).seal(Suite.SM2, at=make.NOON)
    return made.closed(ses.signature_parts(made.opened(sealed=True), seal, made.page, ofd_writer.SEAL_BOX, at=make.NOON))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "seal"
    embedded(folder)
    return folder


def letters(text: str) -> list[str]:
    """Every character that is seen, however the lines were put together."""
    return sorted("".join(text.split()))


def test_every_part_is_valid_against_the_schema(face, folder):
    with zipfile.ZipFile(io.BytesIO(sealed(face, folder))) as file:
        for name in file.namelist():
            if name.endswith(".xml"):
                SCHEMA.assertValid(etree.fromstring(file.read(name)))
        assert file.namelist()[0] == "OFD.xml"


def test_numbers_are_unique_and_within_the_greatest_and_every_reference_leads_somewhere(face):
    made = ofd_writer.document_of(page_of(face)).opened(sealed=False)
    trees = {name: etree.fromstring(data) for name, data in made.items() if name.endswith(".xml")}
    numbers = [int(one) for tree in trees.values() for one in tree.xpath("//@ID")]
    used = {int(one) for tree in trees.values() for one in tree.xpath("//@Font|//@ResourceID|//@TemplateID")}
    assert len(numbers) == len(set(numbers))
    assert used <= set(numbers)
    assert max(numbers) <= int(trees["Doc_0/Document.xml"].findtext(".//{*}MaxUnitID"))
    for kind in ("FontFile", "MediaFile"):
        assert {f"Doc_0/Res/{one.text}" for tree in trees.values() for one in tree.iterfind(f".//{{*}}{kind}")} <= made.keys()


def test_its_text_is_that_of_the_pdf(face):
    text = Reader(ofd_writer.document_of(page_of(face)).closed()).text()
    assert letters(text) == letters(pypdf.PdfReader(io.BytesIO(draw(face))).pages[0].extract_text())
    for words in (face.name, face.number, face.id_number):
        assert words in text


def test_the_same_page_gives_the_same_bytes_without_times(face):
    files = {ofd_writer.document_of(page_of(face)).closed() for _n in range(2)}
    assert len(files) == 1
    with zipfile.ZipFile(io.BytesIO(files.pop())) as file:
        assert {entry.date_time for entry in file.infolist()} == {ofd_writer.EARLIEST}


def test_marks_of_xml_in_a_name_stay_a_name():
    text = Reader(ofd_writer.document_of(page_of(replace(FACE, enterprise="甲&乙<丙>“丁”公司"))).closed()).text()
    assert "甲&乙<丙>“丁”公司" in text


def test_a_click_on_the_code_opens_the_address():
    page = ofd_writer.document_of(page_of(FACE)).parts["Doc_0/Pages/Page_0/Content.xml"]
    assert etree.fromstring(page).xpath("//@URI") == [FACE.address]


# --- the picture --------------------------------------------------------------------------------------------------
DPI, WIDTH, HEIGHT = 200, 1654, 2339
INSIDE = (170, 170, WIDTH - 170, HEIGHT - 170)  # within the frame


@pytest.mark.browser
@pytest.mark.parametrize("name", ["plain", "specimen", "rare"])
def test_its_picture_is_that_of_the_pdf(chromium, name):
    face = FACES[name]
    ours, theirs = shown(chromium, ofd_writer.document_of(page_of(face)).closed()), printed(draw(face))
    apart = ImageChops.difference(*(one.filter(ImageFilter.BoxBlur(6)) for one in (ours, theirs)))
    assert max(ImageStat.Stat(apart.crop(INSIDE)).mean) < 2, "of 255, on average"
    assert max(high for _low, high in apart.crop(INSIDE).getextrema()) < 48, "nothing is missing or in another place"
    # Hair lines of the frame are a full point wide in one renderer and paler in the other, so it is only looked for.
    assert max(ImageStat.Stat(apart).mean) < 8
    assert [code.text for code in zxingcpp.read_barcodes(ours)] == [face.address]


def shown(chromium, data: bytes) -> Image.Image:
    """The OFD as our own reader sets it, in a browser."""
    page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    style = f"<style>body {{ margin: 0 }} svg {{ display: block; width: {WIDTH}px; height: {HEIGHT}px }}</style>"
    page.set_content(style + Reader(data).svg())
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    page.close()
    return picture


def printed(data: bytes) -> Image.Image:
    with pypdfium2.PdfDocument(data) as document:
        picture: Image.Image = document[0].render(scale=DPI / 72).to_pil()
        return picture.convert("RGB").resize((WIDTH, HEIGHT))


# --- seal, storage and view --------------------------------------------------------------------------------
def test_a_changed_name_breaks_the_seal(folder):
    data = sealed(FACE, folder)
    assert verify(data, trusted_roots(folder), at=make.NOON).finding is Finding.GENUINE
    parts = ses.unzip_parts(data)
    name = "Doc_0/Pages/Page_0/Content.xml"
    forged = {**parts, name: parts[name].replace("欧阳".encode(), "王阳".encode())}
    assert forged[name] != parts[name]
    assert verify(ofd_writer.packed(forged), trusted_roots(folder), at=make.NOON).finding is Finding.ALTERED


def test_an_ofd_is_made_once_and_stored(session, system, folder):
    store, version = FolderStore(system.settings.blobs), issued(session, FolderStore(system.settings.blobs))
    provider = EmbeddedSeal(folder)
    first = requested(ofd_of, session, store, version, Office(), provider, at=make.NOON)
    again = requested(ofd_of, session, store, version, Office(), provider, at=make.NOON)  # ``version`` knows of none yet
    assert again == first
    session.commit()
    session.refresh(version)
    assert store.read(version.ofd) == first
    assert "演示" in Reader(first).text()


def test_without_an_sm2_seal_there_is_no_ofd_and_nothing_is_stored(session, system):
    store, version = FolderStore(system.settings.blobs), issued(session, FolderStore(system.settings.blobs))
    with pytest.raises(NoSuchSeal):
        ofd_of(session, store, version, Office(), NoSeal(), at=make.NOON)
    assert session.scalar(select(CertificateVersion.ofd)) is None


def test_a_download_of_the_ofd_needs_the_permission_and_is_audited(app, session, system, holder, signed_in):
    version = issued(session, FolderStore(system.settings.blobs))
    officer = holder(Role.VIEWER)
    answer = signed_in(officer).get(f"/certificates/{version.id}.ofd")
    assert answer.status_code == 200
    assert answer.mimetype == "application/ofd"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert verify(answer.data, trusted_roots(system.settings.seals), at=make.NOON).good
    session.rollback()
    assert session.scalar(
        select(AuditEntry.id).where(AuditEntry.row == str(version.id), AuditEntry.table == "certificate_version")
    )
    assert signed_in(holder(Role.ENTERPRISE_CLERK)).get(f"/certificates/{version.id}.ofd").status_code == 404


def test_the_fonts_in_it_have_the_rare_letters():
    reader = Reader(ofd_writer.document_of(page_of(FACES["rare"])).closed())
    reader.svg()  # sets every letter from the embedded fonts, and fails where one is missing
