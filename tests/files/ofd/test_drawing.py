"""OFD drawn as PDF: each construct where it belongs, what cannot be drawn remarked, hostile files refused."""

import math

import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageFilter, ImageStat

from app.certificates.pdf.ofd_writer import document_of
from app.certificates.pdf.render import draw, page_of
from app.files import apart
from app.files.images import FileFault, ImageLimits
from app.files.ofd import REMARKS
from app.files.ofd.drawing import drawn
from tests import foreign_ofd as make
from tests import hostile_files
from tests.certificates.pdf.conftest import FACE

RED, WHITE = (255, 0, 0), (255, 255, 255)
PER_MM = 4


def seen(data: bytes, page: int = 0) -> Image.Image:
    """A page of 100 × 80 mm as 400 × 320 pixels."""
    drawing = drawn(data, ImageLimits())
    return pypdfium2.PdfDocument(drawing.pdf)[page].render(scale=PER_MM * 25.4 / 72).to_pil().convert("RGB")


def at(image: Image.Image, x: float, y: float) -> tuple[int, ...]:
    return image.getpixel((round(x * PER_MM), round(y * PER_MM)))


def remarks(data: bytes) -> list[tuple[str, str]]:
    return drawn(data, ImageLimits()).remarks


def fault(data: bytes, limits: ImageLimits | None = None) -> str:
    with pytest.raises(FileFault) as caught:
        drawn(data, limits or ImageLimits())
    return caught.value.code


def ink(image: Image.Image, box: tuple[float, float, float, float]) -> float:
    """The share of a part of the page that is not white."""
    part = image.crop(tuple(round(side * PER_MM) for side in box)).convert("L")
    return sum(part.histogram()[:128]) / (part.width * part.height)


def test_paths_are_drawn_at_their_place_turned_cut_and_coloured():
    turned = make.rectangle(60, 10, 20, 20, CTM="0 1 -1 0 20 0")  # a quarter about its own corner, and back into its box
    cut = make.rectangle(10, 40, 20, 20).replace("L 20 0 L 20 20", "L 90 0 L 90 20")
    data = make.ofd(make.rectangle(10, 10, 20, 20) + turned + cut)
    image = seen(data)
    assert at(image, 20, 20) == at(image, 70, 20) == at(image, 20, 50) == RED
    assert at(image, 40, 20) == at(image, 5, 5) == at(image, 40, 50) == WHITE
    assert remarks(data) == []


def test_colours_of_all_spaces_parameters_and_transparency():
    palette = "<ofd:Palette><ofd:CV>0 0 0</ofd:CV><ofd:CV>0 255 0</ofd:CV></ofd:Palette>"
    spaces = f'<ofd:ColorSpace ID="20" Type="GRAY"/><ofd:ColorSpace ID="21" Type="RGB">{palette}</ofd:ColorSpace>'
    params = '<ofd:DrawParam ID="30" Relative="31"/><ofd:DrawParam ID="31"><ofd:FillColor Value="0 0 255"/></ofd:DrawParam>'
    spaces = f"<ofd:ColorSpaces>{spaces}</ofd:ColorSpaces><ofd:DrawParams>{params}</ofd:DrawParams>"
    objects = (
        make.rectangle(0, 0, 10, 10, '<ofd:FillColor Value="128" ColorSpace="20"/>')
        + make.rectangle(10, 0, 10, 10, '<ofd:FillColor Value="0 255 255 0"/>')
        + make.rectangle(20, 0, 10, 10, '<ofd:FillColor ColorSpace="21" Index="1"/>')
        + make.rectangle(30, 0, 10, 10, "", DrawParam="30")
        + make.rectangle(40, 0, 10, 10, '<ofd:FillColor Value="#FF #00 #00" Alpha="128"/>')
        + make.rectangle(50, 0, 10, 10, Alpha="0")
    )
    data = make.ofd(objects, resources=spaces)
    image = seen(data)
    assert at(image, 5, 5) == pytest.approx((128, 128, 128), abs=2)
    red, green, blue = at(image, 15, 5)
    assert red > 150 > max(green, blue)
    assert [at(image, x, 5) for x in (25, 35, 55)] == [(0, 255, 0), (0, 0, 255), WHITE]
    assert at(image, 45, 5) == pytest.approx((255, 127, 127), abs=2)
    assert remarks(data) == []


def test_curves_and_arcs_go_where_they_should():
    circle = "<ofd:AbbreviatedData>S 0 10 A 10 10 0 0 1 20 10 A 10 10 0 0 1 0 10 C</ofd:AbbreviatedData>"
    wave = "<ofd:AbbreviatedData>M 0 20 Q 10 -20 20 20 B 20 20 10 20 0 20 C</ofd:AbbreviatedData>"
    one = '<ofd:PathObject ID="1" Boundary="{} 10 20 20" Fill="true" Stroke="false">{}{}</ofd:PathObject>'
    image = seen(make.ofd(one.format(10, make.RED, circle) + one.format(50, make.RED, wave)))
    assert at(image, 20, 20) == at(image, 20, 10.6) == at(image, 60, 12) == RED
    assert at(image, 10.8, 10.8) == at(image, 29, 29) == at(image, 52, 12) == WHITE
    share = ink(image, (10, 10, 30, 30))
    assert share == pytest.approx(math.pi / 4, abs=0.02)


def test_templates_layers_annotations_and_repeated_graphics_are_drawn_in_their_order():
    used = '<ofd:Template TemplateID="50" ZOrder="Foreground"/><ofd:Template TemplateID="51"/>'
    blue = '<ofd:FillColor Value="0 0 255"/>'
    data = make.ofd(
        common='<ofd:TemplatePage ID="50" BaseLoc="Over.xml"/><ofd:TemplatePage ID="51" BaseLoc="Under.xml"/>',
        more="<ofd:Annotations>Annots.xml</ofd:Annotations>",
        resources=make.graphic(make.rectangle(0, 0, 5, 5)),
        parts={
            "Doc_0/Pages/P0/Content.xml": make.page(make.rectangle(10, 10, 10, 10) + make.again(10) + make.again(30), used),
            "Doc_0/Over.xml": make.page(make.rectangle(15, 10, 10, 10, blue)),
            "Doc_0/Under.xml": make.page(make.rectangle(5, 10, 10, 10, blue)),
            "Doc_0/Annots.xml": make.xml("Annots", '<ofd:Page PageID="100"><ofd:FileLoc>A0.xml</ofd:FileLoc></ofd:Page>'),
            "Doc_0/A0.xml": make.xml("PageAnnot", make.note(70, "true") + make.note(85, "false")),
        },
    )
    image = seen(data)
    assert [at(image, x, 15) for x in (7, 12, 17, 22)] == [(0, 0, 255), RED, (0, 0, 255), (0, 0, 255)]
    assert [at(image, x, 62) for x in (12, 22, 32)] == [RED, WHITE, RED]
    assert [at(image, x, 65) for x in (75, 89)] == [RED, WHITE]
    assert remarks(data) == []


def test_text_is_drawn_with_the_font_of_the_file_by_character_and_by_glyph():
    file, numbers = make.font_of("永章安")
    fonts = '<ofd:Fonts><ofd:Font ID="3" FontName="KaiTi"><ofd:FontFile>f.ttf</ofd:FontFile></ofd:Font></ofd:Fonts>'
    glyphs = f"<ofd:Glyphs>{numbers['章']}</ofd:Glyphs>"
    chosen = f'<ofd:CGTransform CodePosition="1" CodeCount="1" GlyphCount="1">{glyphs}</ofd:CGTransform>'
    plain, by_glyph = (
        make.ofd(make.text(words, inside=inside), resources=fonts, parts={"Doc_0/Res/f.ttf": file})
        for words, inside in (("永章", ""), ("永安", chosen))
    )
    assert seen(plain).tobytes() == seen(by_glyph).tobytes()
    assert 0.1 < ink(seen(plain), (5, 8, 25, 28)) < 0.5
    assert ink(seen(plain), (48, 5, 95, 35)) == 0
    assert remarks(plain) == remarks(by_glyph) == []


def test_a_font_that_is_not_in_the_file_is_replaced_and_remarked():
    fonts = '<ofd:Fonts><ofd:Font ID="3" FontName="SimSun">{}</ofd:Font></ofd:Fonts>'
    for told, parts in (("", {}), ("<ofd:FontFile>f.ttf</ofd:FontFile>", {"Doc_0/Res/f.ttf": b"OTTO" + b"x" * 99})):
        data = make.ofd(make.text("永章"), resources=fonts.format(told), parts=parts)
        assert remarks(data) == [("font", "SimSun")]
        assert ink(seen(data), (5, 8, 25, 28)) > 0.1
    assert ("letter", "\ue000") in remarks(make.ofd(make.text("\ue000")))


def test_pictures_and_seals_are_drawn_upright():
    picture = hostile_files.png(40, 40)  # its upper left corner is red
    image = seen(make.ofd(make.PICTURE, **make.picture(picture)))
    assert at(image, 54, 14) == RED != at(image, 86, 46)
    inner = make.ofd(make.rectangle(0, 0, 25, 20))
    for kind, shown in (("png", picture), ("ofd", inner)):
        image = seen(make.stamped(kind, shown))
        assert at(image, 13, 13) == RED != at(image, 40, 40)
        assert remarks(make.stamped(kind, shown)) == []
    assert remarks(make.stamped("ofd", make.stamped("ofd", inner))) == [("seal", "")]
    assert remarks(make.stamped("png", b"none")) == remarks(make.stamped("xyz", picture)) == [("seal", "")]


def test_what_cannot_be_drawn_is_remarked_with_a_sentence():
    shaded = '<ofd:AxialShd><ofd:Segment><ofd:Color Value="0 0 255"/></ofd:Segment></ofd:AxialShd>'
    clip = "<ofd:Clips><ofd:Clip><ofd:Area><ofd:Text/></ofd:Area></ofd:Clip></ofd:Clips>"
    objects = (
        make.rectangle(0, 0, 9, 9, f"<ofd:FillColor>{shaded}</ofd:FillColor>")
        + make.rectangle(0, 0, 9, 9, clip + make.RED)
        + make.rectangle(0, 0, 9, 9).replace("S 0 0", "Z")
        + '<ofd:VideoObject ID="1"/>'
        + make.PICTURE
        + make.text("永", ReadDirection="90")
    )
    attached = make.ofd(objects, **make.picture(b"x", "JB2"), more="<ofd:Attachments>A.xml</ofd:Attachments>")
    found = drawn(attached, ImageLimits())
    assert dict(found.remarks).keys() == {"attachments", "shading", "clip", "object", "picture", "direction", "font"}
    assert len(found.sentences) == len(found.remarks)
    body = "<ofd:DocBody><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody>"
    two = make.ofd(parts={"OFD.xml": make.xml("OFD", body * 2)})
    assert remarks(two) == [("documents", "")]
    assert REMARKS.keys() >= {kind for kind, _name in found.remarks} | {"seal", "letter", "documents"}


def test_hostile_files_are_refused():
    assert fault(make.ofd(make.again(10), resources=make.graphic(make.again(0)))) == "ofd-broken"
    nested = "<ofd:PageBlock>" * 40 + "</ofd:PageBlock>" * 40
    assert fault(make.ofd(nested)) == fault(make.ofd(pages=0)) == fault(make.ofd(box="")) == "ofd-broken"
    assert fault(make.ofd(pages=51)) == "pdf-too-many-pages"
    for sides in ("0 0 6000 10", "0 0 1e9 1e9", "0 0 0 10", "0 0 -5 10"):
        assert fault(make.ofd(box=f"<ofd:PhysicalBox>{sides}</ofd:PhysicalBox>")) == "pdf-page-size", sides
    assert fault(make.ofd('<ofd:PathObject ID="1"/>')) == "ofd-broken"
    bomb = hostile_files.png_with_declared_size(30_000, 30_000)
    with pytest.raises(FileFault) as caught:
        apart.drawing(make.ofd(make.PICTURE, **make.picture(bomb)), ImageLimits())
    assert caught.value.code == "image-too-large"
    whole = make.ofd(make.text("永章"))
    for share in (0.1, 0.5, 0.9, 0.99):
        assert fault(whole[: int(len(whole) * share)]) == "ofd-broken"


def test_every_page_is_drawn_in_its_own_size():
    area = "<ofd:Area><ofd:PhysicalBox>5 5 40 20</ofd:PhysicalBox></ofd:Area>"
    other = make.page(make.rectangle(5, 5, 9, 9), area)
    data = make.ofd(pages=2, parts={"Doc_0/Pages/P1/Content.xml": other})
    assert drawn(data, ImageLimits()).pages == 2
    second = seen(data, 1)
    assert second.size == (160, 80)
    assert at(second, 4, 4) == RED


def test_our_own_certificate_looks_as_its_pdf_does():
    made = page_of(FACE)
    drawing = drawn(document_of(made).closed(), ImageLimits())
    assert (drawing.pages, drawing.remarks) == (1, [])
    one, other = (pypdfium2.PdfDocument(pdf)[0].render(scale=1).to_pil().convert("L") for pdf in (drawing.pdf, draw(FACE)))
    assert one.size == other.size
    blurred = [image.filter(ImageFilter.GaussianBlur(2)) for image in (one, other)]
    assert ImageStat.Stat(ImageChops.difference(*blurred)).mean[0] < 2
