"""The printed certificate, as a reader, a scanner and a search engine meet it."""

import io
import re
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from multiprocessing import get_context

import pikepdf
import pypdfium2
import pytest
import zxingcpp
from PIL import Image
from pypdf import PdfReader

from app.certificates.pdf import photo as photo_file
from app.certificates.pdf.render import Face, Unprintable, draw, page_of, unprintable
from app.certificates.pdf.shapes import Text, walk
from app.certificates.qr import symbol


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
PHOTO_BOX = (141, 163, 35, 49)  # mm, from the lower left


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


@pytest.mark.parametrize(
    "name", ["欧阳·某", "王㛃", "李𬭎", "张䶮", "㛃𬭎䶮㐂", "𫖯𠅤", "阿卜杜·买买提", "O'Brien-Smith", "堃喆 犇"]
)
def test_a_name_can_be_copied_out_exactly_as_it_is_stored(name: str) -> None:
    assert name in words(draw(replace(FACE, name=name)))


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="a second opinion, where poppler is installed")
@pytest.mark.parametrize("name", ["欧阳·某", "㛃𬭎䶮㐂", "欧阳𬭎翀"])
def test_poppler_reads_the_same_name(name: str) -> None:
    pdf = draw(replace(FACE, name=name))
    read = subprocess.run(["pdftotext", "-raw", "-", "-"], input=pdf, capture_output=True, check=True)
    assert name in read.stdout.decode().splitlines()


def test_characters_that_no_font_has_are_refused_by_name_and_all_at_once() -> None:
    with pytest.raises(Unprintable) as refusal:
        draw(replace(FACE, name="王😀", enterprise="𝒳面建筑有限公司😀"))
    assert refusal.value.characters == ["😀", "𝒳"]
    assert refusal.value.code == "unprintable"
    assert "😀(U+1F600)" in str(refusal.value)


@pytest.mark.parametrize("unseen", ["\n", "\x00", "\u200b", "\u202e", "\ud800", "\ue000", "\u00a0"])
def test_invisible_characters_are_not_printable(unseen: str) -> None:
    assert unprintable(f"王{unseen}明{unseen}") == [unseen]
    assert f"(U+{ord(unseen):04X})" in str(Unprintable([unseen]))


def test_ordinary_text_is_printable() -> None:
    assert unprintable("湘建安C1(2026)0000001 （甲）〔2026〕《》、，。：；“”…—·/-%#\u3000ABCxyz") == []
    assert unprintable("") == []


@pytest.mark.parametrize("field", ["number", "sex", "id_number", "position", "issuer", "seal_text", "kind"])
def test_every_text_of_the_face_is_checked(field: str) -> None:
    with pytest.raises(Unprintable):
        draw(replace(FACE, **{field: "😀"}))  # type: ignore[arg-type]


def test_everything_on_the_face_is_printed() -> None:
    text = "\n".join(words(draw(FACE)))
    dates = ("1988年06月05日", "2023年06月15日", "2026年06月15日 至 2029年06月14日")
    own = (FACE.kind, FACE.number, FACE.sex, FACE.id_number, FACE.enterprise, FACE.position, FACE.issuer)
    for wanted in (*own, *dates, FACE.licence_identifier, "https://ag.example.gov.cn"):
        assert wanted in text


def test_a_company_name_of_sixty_characters_stays_on_its_line_and_is_whole() -> None:
    name = "湖南省长沙市望城经济技术开发区第一建筑安装工程设备租赁与市政公用基础设施施工总承包集团股份有限责任公司"
    name += "长沙高新分公司第三项目部"[: 60 - len(name)]
    assert len(name) == 60
    pdf = draw(replace(FACE, enterprise=name))
    assert name in "".join(words(pdf))
    beyond = part(page(pdf), 176.5, 142, 9, 12)  # right of the rule, left of the frame
    assert beyond.tobytes() == part(page(draw(FACE)), 176.5, 142, 9, 12).tobytes()


def test_a_long_name_is_cut_between_its_parts() -> None:
    lines = words(draw(replace(FACE, name="阿卜杜热合曼·买买提伊敏·阿卜杜克热木·托合提江")))
    assert "阿卜杜热合曼·买买提伊敏·" in lines
    assert "阿卜杜克热木·托合提江" in lines


@pytest.mark.parametrize(
    "address", [FACE.address, "http://127.0.0.1:8000/v/ABC", "https://ag.example.gov.cn/v/" + "1234567890" * 59]
)
def test_the_qr_code_is_read_at_150_dpi(address: str) -> None:
    found = zxingcpp.read_barcodes(page(draw(replace(FACE, address=address)), 150))
    assert [code.text for code in found] == [address]


def test_the_square_code_is_at_least_thirty_millimetres_with_its_margin() -> None:
    (code,) = zxingcpp.read_barcodes(page(draw(FACE)))
    modules = len(symbol.matrix(FACE.address))
    across = (code.position.top_right.x - code.position.top_left.x) / 150 * 25.4
    assert across * (modules + 2 * symbol.QUIET) / modules >= 30


def test_the_web_code_holds_the_same_modules() -> None:
    modules, side = symbol.matrix(FACE.address), len(symbol.matrix(FACE.address)) + 2 * symbol.QUIET
    drawn = re.findall(r"M(\d+) (\d+)h(\d+)v1", symbol.svg(FACE.address))
    dark = {(int(x) + i - symbol.QUIET, int(y) - symbol.QUIET) for x, y, n in drawn for i in range(int(n))}
    assert dark == {(x, y) for y, row in enumerate(modules) for x, on in enumerate(row) if on}
    assert f'viewBox="0 0 {side} {side}"' in symbol.svg(FACE.address)


def test_the_web_code_lets_no_markup_through() -> None:
    assert "script" not in symbol.svg('"><script>alert(1)</script>')


@pytest.mark.parametrize(("category", "strongest"), [("A", 0), ("B", 1), ("C1", 2), ("C2", 2), ("C3", 2)])
def test_every_category_has_its_colour(category: str, strongest: int) -> None:
    colour = mean(part(page(draw(replace(FACE, category=category))), 99, 226, 1, 2))
    assert max(range(3), key=lambda i: colour[i]) == strongest


def test_without_a_photo_there_is_no_certificate() -> None:
    with pytest.raises(photo_file.Missing):
        draw(replace(FACE, photo=None))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photo_fills_its_frame(kind: str) -> None:
    seen = mean(part(page(draw(replace(FACE, photo=photo(kind)))), 142, 164, 33, 47))
    assert all(abs(a - b) < 12 for a, b in zip(seen, (200, 30, 30), strict=True))


def test_a_transparent_picture_is_put_on_white() -> None:
    clear = io.BytesIO()
    Image.new("RGBA", (350, 490), (0, 0, 0, 0)).save(clear, "PNG")
    assert min(mean(part(page(draw(replace(FACE, photo=clear.getvalue()))), *PHOTO_BOX))) > 250


def test_a_fitting_photo_is_left_as_it_is() -> None:
    assert photo_file.fitting(photo("JPEG")).data == photo("JPEG")
    assert photo("JPEG") in draw(FACE)


def test_a_grey_photo_is_passed_on_as_it_is() -> None:
    grey = photo("JPEG", "L")
    assert photo_file.fitting(grey) == (grey, (413, 579), 1)
    assert mean(part(page(draw(replace(FACE, photo=grey))), *PHOTO_BOX))[0] in range(195, 205)


@pytest.mark.parametrize(
    "other",
    [
        photo("PNG"),
        photo("JPEG", size=(3000, 2000)),
        photo("JPEG", "CMYK"),
        photo("JPEG", comment=b"secret"),
        photo("JPEG") + b"secret\xff\xd9",
    ],
    ids=["png", "wide and large", "cmyk", "with a remark", "with something after it"],
)
def test_any_other_photo_becomes_a_bare_jpeg_of_print_size(other: bytes) -> None:
    fitted = photo_file.fitting(other).data
    with Image.open(io.BytesIO(fitted)) as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", photo_file.PIXELS)
    assert b"secret" not in fitted


def test_a_sideways_photo_is_turned_upright_and_forgets_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "SecretCamera"
    sideways = Image.new("RGB", (700, 500), "blue")
    sideways.paste("red", (0, 0, 350, 500))
    output = io.BytesIO()
    sideways.save(output, "JPEG", exif=exif)
    with Image.open(io.BytesIO(photo_file.fitting(output.getvalue()).data)) as upright:
        top, bottom = mean(upright.crop((0, 0, 413, 200))), mean(upright.crop((0, 380, 413, 579)))
    assert top[0] > 200 > bottom[0]
    assert b"SecretCamera" not in photo_file.fitting(output.getvalue()).data


@pytest.mark.parametrize("broken", [b"", b"GIF89a", b"%PDF-1.4", photo("JPEG")[:900], photo("PNG")[:600]], ids=range(5))
def test_half_a_photo_or_none_is_refused(broken: bytes) -> None:
    with pytest.raises(photo_file.Unreadable):
        draw(replace(FACE, photo=broken))


def test_equal_faces_give_equal_bytes_and_others_do_not() -> None:
    face = replace(FACE, photo=photo("PNG"))
    assert draw(face) == draw(replace(face))
    assert draw(face) != draw(replace(face, name="欧阳·其"))


def test_the_bytes_do_not_depend_on_what_was_drawn_before() -> None:
    first = draw(FACE)
    draw(replace(FACE, category="A", name="㛃𬭎䶮", seal_text="另一机关", specimen=True))
    assert draw(FACE) == first


def test_several_threads_draw_what_one_draws() -> None:
    faces = [replace(FACE, name="甲乙丙丁戊己庚辛"[i] + "¨´", category="ABC"[i % 3]) for i in range(8)]
    alone = [draw(face) for face in faces]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(draw, faces)) == alone
    finally:
        sys.setswitchinterval(before)


def test_every_font_is_embedded_and_none_has_the_name_of_another() -> None:
    pdf = draw(FACE)
    assert b"Helvetica" not in pdf
    named = re.findall(rb"/FontName /([A-Z]{6}\+\S+)", pdf)
    assert len(named) == len(set(named)) == pdf.count(b"/FontFile2")


def test_the_metadata_name_the_certificate_and_its_issuer() -> None:
    about = PdfReader(io.BytesIO(draw(FACE))).metadata
    assert about is not None
    assert (about.title, about.author) == ("安全生产考核合格证书 湘建安B(2026)0000123", FACE.issuer)
    assert about.creation_date is not None
    assert about.creation_date.date() == FACE.issued_on


def test_a_specimen_is_marked_and_its_seal_is_not_red() -> None:
    seal = (131, 42, 42, 42)
    real, specimen = draw(FACE), draw(replace(FACE, specimen=True))
    assert "本页为演示样张，不具有法律效力" in words(specimen)
    assert "样张" not in "".join(words(real))
    across = (60, 100, 90, 70)  # the words over the whole page, which are drawn in outline
    assert mean(part(page(specimen), *across)) < mean(part(page(real), *across))
    for pdf, red in ((real, True), (specimen, False)):
        strongest, weakest, _blue = mean(part(page(pdf), *seal))
        assert (strongest - weakest > 20) is red


def test_no_promise_of_legal_force_is_made_by_the_page_itself() -> None:
    assert "同等法律效力" not in "".join(words(draw(FACE)))


def test_what_may_be_empty_leaves_no_gap() -> None:
    lines = words(draw(replace(FACE, position="", licence_identifier="")))
    assert "—" in lines
    assert not any("证照标识" in line for line in lines)


@pytest.mark.parametrize("category", ["A", "B", "C1", "C2", "C3", "C"])
@pytest.mark.parametrize("specimen", [True, False])
def test_every_certificate_is_sound_pdf_of_version_1_7(category: str, specimen: bool) -> None:
    pdf = draw(replace(FACE, category=category, specimen=specimen, technical_title="高级", name="王𰻝"))
    assert pdf.startswith(b"%PDF-1.7\n")
    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert document.check_pdf_syntax() == []
        assert not document.is_linearized


@pytest.mark.parametrize("long", range(2, 21))
def test_a_name_of_two_to_twenty_characters_is_whole_and_keeps_to_its_line(long: int) -> None:
    name = "阿卜杜热合曼·买买提伊敏·阿卜杜克热木托"[: long - 1] + "江"
    pdf = draw(replace(FACE, name=name))
    assert name in "".join(words(pdf))
    beside = (128.5, 195, 10, 20)  # right of the rule, left of the photo
    assert part(page(pdf), *beside).tobytes() == part(page(draw(FACE)), *beside).tobytes()


def test_the_twenty_ninth_of_february_is_printed_as_it_is() -> None:
    leap = date(2028, 2, 29)
    lines = words(draw(replace(FACE, birth_date=date(1988, 2, 29), issued_on=leap, valid_from=leap)))
    assert {"1988年02月29日", "2028年02月29日", "2028年02月29日 至 2029年06月14日"} <= set(lines)


def test_title_and_schooling_have_a_row_of_their_own_if_there_are_any() -> None:
    lines = words(draw(replace(FACE, technical_title="高级", schooling="本科　土木工程")))
    assert {"高级", "本科　土木工程"} <= {piece for line in lines for piece in line.split(" ")}
    assert "技术职称" not in "".join(words(draw(FACE))).replace(" ", "")


def test_the_micro_text_is_drawn_and_not_read_aloud() -> None:
    assert "".join(words(draw(FACE))).count("安全生产考核合格证书") == 1
    grain = part(page(draw(FACE), 300), 60, 19.2, 90, 0.8).convert("L").getextrema()
    assert grain[1] - grain[0] > 60


def test_two_processes_draw_the_same_bytes() -> None:
    face = replace(FACE, name="王𰻝", photo=photo("PNG"))
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        assert list(pool.map(draw, [face, face])) == [draw(face)] * 2


def test_the_layout_has_every_position_and_text_of_the_page() -> None:
    shapes = list(walk(page_of(FACE).shapes()))
    texts = [shape.text for _place, shape in shapes if isinstance(shape, Text)]
    assert {FACE.name, FACE.number, "企业名称"} <= {text.removeprefix("证书编号：") for text in texts}
    kinds = {type(shape).__name__ for _place, shape in shapes}
    assert kinds == {"Text", "Path", "ImageShape", "CodeShape", "LinkShape"}
