"""Photographs: fitted into their frame as bare JPEG."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from app.certificates.pdf import photo as photo_file
from app.certificates.pdf.render import draw
from tests.certificates.pdf.conftest import FACE, mean, page, part, photo

PHOTO_BOX = (141, 163, 35, 49)  # mm, from the lower left


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
