"""Decodes and re-encodes HEIC and TIFF; only in the process of ``files.apart``, because their decoders are large."""

import io
from collections.abc import Iterator

import pikepdf
import pillow_heif
from PIL import Image, TiffImagePlugin

from app.files.images import FileFault, ImageLimits, check_area, encoded, plain

pillow_heif.options.DECODE_THREADS = 1
REDUCED, SUBFILE_TYPE = 1, 254  # TIFF 6.0: a smaller copy of another picture of the file
DPI, LEAST_DPI, MOST_DPI = 300, 50, 1200
PAGE_QUALITY = 75  # JPEG
SHALLOW = ("1", "L", "P", "RGB")  # others take more than 3 bytes a pixel


def redrawn(data: bytes, kind: str, photo: bool, limits: ImageLimits) -> tuple[bytes, int | None, int | None, int]:
    """The file, width and height of a picture, and the number of pages: a JPEG of one, a PDF of several."""
    try:
        if kind == "HEIC":
            return *encoded(_heic(data, limits), photo, limits), 1
        return _tiff(data, photo, limits)
    except (FileFault, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - hostile bytes make a decoder raise anything
        raise FileFault("image-broken") from None


def _heic(data: bytes, limits: ImageLimits) -> Image.Image:
    """The primary picture; libheif turns it upright."""
    file = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    width, height = file.size
    check_area(width, height, limits, limits.pixels)
    return plain(Image.frombytes(file.mode, file.size, file.data, "raw", file.mode, file.stride))


def _tiff(data: bytes, photo: bool, limits: ImageLimits) -> tuple[bytes, int | None, int | None, int]:
    with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
        assert isinstance(image, TiffImagePlugin.TiffImageFile)  # noqa: S101 - by formats
        pages = list(_pages(image, limits))
        if not pages:
            raise FileFault("image-broken")
        if len(pages) > 1:
            if photo:
                raise FileFault("image-moving")
            return _pdf(image, pages, limits), None, None, len(pages)
        image.seek(pages[0])
        return *encoded(plain(image), photo, limits), 1


def _pages(image: TiffImagePlugin.TiffImageFile, limits: ImageLimits) -> Iterator[int]:
    """The numbers of the pictures that are pages; all are measured before the first is decoded."""
    number = 0
    while True:
        try:
            image.seek(number)
        except EOFError:
            return
        if not image.tag_v2.get(SUBFILE_TYPE, 0) & REDUCED:
            check_area(*image.size, limits, limits.pixels if image.mode in SHALLOW else limits.deep_png_pixels)
            yield number
        number += 1
        if number > limits.pdf_pages:
            raise FileFault("pdf-too-many-pages", most=limits.pdf_pages)


def _pdf(image: TiffImagePlugin.TiffImageFile, pages: list[int], limits: ImageLimits) -> bytes:
    """Black and white pages as fax G4, which keeps them sharp and small, others as JPEG."""
    whole, size = pikepdf.new(), 0
    for number in pages:
        image.seek(number)
        image.load()
        dpi = float(image.info.get("dpi", (DPI,))[0])
        how = {"resolution": dpi if LEAST_DPI <= dpi <= MOST_DPI else DPI}
        page = io.BytesIO()
        if image.mode == "1":
            image.copy().save(page, "PDF", **how)
        else:
            plain(image).save(page, "PDF", quality=PAGE_QUALITY, **how)
        size += page.tell()
        if size > limits.bytes:
            raise FileFault("image-overlong", most=f"{limits.bytes / 1024**2:g}")
        whole.pages.extend(pikepdf.open(page).pages)
    done = io.BytesIO()
    whole.save(done, deterministic_id=True)
    return done.getvalue()
