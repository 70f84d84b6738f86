"""Any archive, any PDF: a verdict in words, from a process within its limits."""

import io
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.certificates.pdf.render import SEAL_BOX, draw
from app.core.crypto import pades, ses
from app.core.crypto.demo_ca import EmbeddedSeal
from app.core.crypto.seal_provider import Suite
from app.core.crypto.verify_process import verify_apart
from app.core.crypto.verify_signature import Finding, trusted_roots, verify
from app.core.limited_process import LimitedProcess
from tests.certificates.pdf.conftest import FACE
from tests.core.crypto.test_ses import packed, sealed
from tests.hostile_files import pdf_bomb, pdf_by_hand
from tests.make import NOON
from tests.seals import embedded

MIB = 1024 * 1024
MUTATIONS = 377
WORDS = pades.SignatureTexts("演示", "演示", "演示", "湖南")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "seal"
    embedded(folder)
    return folder


@pytest.fixture(scope="module")
def pdf(folder) -> bytes:
    return pades.sign_pdf(draw(FACE), EmbeddedSeal(folder).seal(Suite.P256, at=NOON), WORDS, SEAL_BOX, at=NOON)


@pytest.fixture(scope="module")
def ofd(folder) -> dict[str, bytes]:
    return sealed(folder)


@pytest.fixture(scope="module")
def process() -> Iterator[LimitedProcess]:
    """With so much time that only its own limits can end it."""
    process = LimitedProcess("app.core.crypto.verify_process", seconds=600)
    yield process
    process.stop()


def test_the_verdict_is_that_of_the_verification_itself(process, folder, pdf, ofd):
    for paper in (pdf, packed(ofd), pdf + b"x", pdf.replace(b"/Lang", b"/Long"), b""):
        there = verify_apart(paper, folder, at=NOON, process=process)
        assert there == verify(paper, trusted_roots(folder), at=NOON)
    assert verify_apart(pdf, folder, at=NOON, process=process).good


def test_a_file_that_takes_too_much_gets_a_verdict_in_words(folder, pdf):
    dying = LimitedProcess("tests.core.limited_answers", seconds=600)  # ends at a question that it does not know
    assert verify_apart(pdf, folder, at=NOON, process=dying).finding is Finding.UNCHECKED
    assert dying.ended == 3


# --- hostile files ----------------------------------------------------------------------------------------------


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The data with a few bytes changed, cut out, doubled or put in."""
    out = bytearray(data)
    for _change in range(chance.choice((1, 1, 2, 5, 50))):
        place, length = chance.randrange(len(out)), chance.choice((1, 1, 4, 64, 1024))
        piece = chance.choice((chance.randbytes(length), bytes(out[place : place + length]) * 2, b"", b"\xff" * length))
        out[place : place + length] = piece
        out = out or bytearray(b"P")
    return bytes(out)


def mutations(pdf: bytes, ofd: dict[str, bytes]) -> Iterator[bytes]:
    """In turn of the PDF, of the archive, and of a part inside a sound archive."""
    chance, whole = random.Random(377), packed(ofd)  # noqa: S311 - the same every time
    for number in range(MUTATIONS):
        if number % 3 == 2:
            name = chance.choice(sorted(ofd))
            yield packed(ofd | {name: mutated(ofd[name], chance)})
        else:
            yield mutated((pdf, whole)[number % 3], chance)


def test_no_mutation_of_a_good_file_is_genuine_or_ends_the_process(process, folder, pdf, ofd):
    found = []
    for paper in mutations(pdf, ofd):
        found.append(verify_apart(paper, folder, at=NOON, process=process).finding)
        # Dates and the like of an archive are nobody's: what counts are its parts.
        assert found[-1] is not Finding.GENUINE or ses.unzip_parts(paper) == ofd
    assert process.ended is None  # each within the limits of time and memory, none by an exception
    assert {Finding.ALTERED, Finding.UNKNOWN, Finding.NO_SEAL} <= set(found)


def archive(parts: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", method) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return output.getvalue()


def hostile(ofd: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for method in METHODS:
        whole = archive(ofd, method)
        yield f"whole by method {method}", whole
        yield f"damaged, by method {method}", whole[:200] + b"\xff" * 40 + whole[240:]
        yield f"cut, by method {method}", whole[: len(whole) // 2]
        yield f"whole, said to be by method {method}", archive(ofd).replace(b"\x08\0", method.to_bytes(2, "little"))
    for method in METHODS[1:]:
        yield f"bomb by method {method}", archive({ses.VALUE: bytes(20 * MIB)}, method)
    nested = archive(ofd)
    for _level in range(9):
        nested = archive({"OFD.xml": nested})
    yield "nested", nested
    yield "many parts", archive({f"{number}": b"" for number in range(60_000)})
    yield "largest parts", archive(ofd | {"a": bytes(ses.LARGEST_PART), "b": bytes(ses.LARGEST_PART - MIB)})
    line = b'<ofd:Reference FileRef="/%b"><ofd:CheckValue>%b</ofd:CheckValue></ofd:Reference>'
    yield "a list without end", archive(ofd | {ses.INFO: line % (b"a" * 200, b"A" * 43 + b"=") * 50_000})
    yield "a list that nearly fits", archive(ofd | {ses.INFO: (b'<ofd:Reference FileRef="/' + b"a" * 200) * 70_000})
    yield "a structure without end", archive({ses.VALUE: b"\x30\x80" * 4 * MIB})
    name = "Doc_0/" + "../" * 100
    yield "names", archive(ofd | {name: b"x", "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"): b"y"})

    kids = [b"<</Type/Pages/Kids[%d 0 R]/Count 1/Parent %d 0 R>>" % (number + 5, number + 3) for number in range(20_000)]
    yield "deep page tree", pdf_by_hand(*kids)
    yield "an object within itself", pdf_by_hand(b"[4 0 R 4 0 R 4 0 R]", b"<</Kids[5 0 R]/Parent 5 0 R>>")
    yield "large table", pdf_by_hand().replace(b"xref\n0 4\n", b"xref\n0 4294967295\n" + b"0000000000 65535 f \n" * 150_000)
    yield "packed", pdf_bomb(20, 3)
    yield "hex without end", b"%PDF-1.7\n/ByteRange [0 40 4000000 90]" + b"<" + b"0" * 4_000_000 + b">" + b" " * 99
    yield "ranges without end", b"%PDF-1.7\n" + b"/ByteRange [0 9 999 3000000]" * 140_000
    yield "spaces without end", b"%PDF-1.7\n" + (b"/ByteRange" + b" " * 9 + b"[" + b" " * 9 + b"0" * 900) * 4_000
    yield "another encoding", b"\xff\xfe" + "%PDF-1.7 /ByteRange [0 1 2 3]".encode("utf-16-le") * 10_000
    yield "nothing", b""
    yield "noise", random.Random(0).randbytes(4 * MIB)  # noqa: S311


def test_hostile_files_get_a_verdict_within_the_limits(process, folder, ofd):
    for name, paper in hostile(ofd):
        finding = verify_apart(paper, folder, at=NOON, process=process).finding
        assert process.ended is None, name
        assert finding is not Finding.GENUINE or name.startswith("whole"), name
