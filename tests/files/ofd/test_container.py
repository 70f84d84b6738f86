"""Parts of untrusted OFDs: found where they are said to be, or refused."""

import pytest

from app.files.images import FileFault
from app.files.ofd.container import OfdPackage, box_of, numbers, seal_picture
from tests import foreign_ofd as make
from tests.hostile_files import HTML, png


def fault(data: bytes) -> str:
    with pytest.raises(FileFault) as caught:
        resources(data)
    return caught.value.code


def resources(data: bytes) -> object:
    package = OfdPackage(data)
    return package.resources(package.document())


def test_parts_are_found_by_locations_of_all_kinds():
    package = OfdPackage(make.ofd(parts={"Doc_0/Res/A.xml": "<a/>", "b.bin": b"b"}))
    assert package.part("Doc_0", "Res/a.xml")[1] == package.part("Doc_0/Pages", "/Doc_0/Res/A.xml")[1] == b"<a/>"
    assert package.part("Doc_0/Res", "./A.xml")[1] == package.part("Doc_0/Pages", "../Res/A.xml")[1] == b"<a/>"
    assert package.part("Doc_0", "../../../b.bin") == ("b.bin", b"b")  # no folder is above the file's own
    assert package.part("Doc_0", "../../../../etc/passwd") == ("etc/passwd", b"")


def test_what_is_no_ofd_is_refused():
    entity = '<!DOCTYPE x [<!ENTITY a "aaaa">]><ofd:OFD xmlns:ofd="x">&a;</ofd:OFD>'
    assert fault(b"PK\x03\x04") == fault(make.ofd()[:-30]) == fault(HTML) == "ofd-broken"
    for name, part in (("OFD.xml", "<x/>"), ("OFD.xml", "<"), ("OFD.xml", entity), ("Doc_0/Document.xml", b"\xff\xfe<")):
        assert fault(make.ofd(parts={name: part})) == "ofd-broken", part
    assert fault(make.ofd(parts={"Doc_0/Encryptions.xml": "<x/>"})) == "ofd-broken"
    assert fault(make.ofd(parts={"bomb": b"0" * 17 * 2**20})) == "ofd-broken"  # unpacked, and not read
    assert fault(make.ofd(parts={f"{n}": b"" for n in range(600)})) == "ofd-broken"
    assert fault(make.ofd(resources="<x/>", parts={"Doc_0/DocumentRes.xml": "<"})) == "ofd-broken"


def test_numbers_are_read_in_all_their_spellings():
    assert numbers("1 -2.5 .5 +3e2 #FF") == [1, -2.5, 0.5, 300, 255]
    assert numbers(None) == numbers("none") == []
    with pytest.raises(FileFault):
        box_of("0 0 210")


def test_the_picture_of_a_seal_is_found_in_any_edition_of_its_structure():
    for kind in ("png", "PNG", "OFD", "jpeg"):
        assert seal_picture(make.seal(kind, png(9, 9))) == (kind.lower(), png(9, 9))
    for broken in (make.seal("png", png(9, 9))[:-1], b"\x16\x03png\x04", b""):
        assert seal_picture(broken) == ("", b"")
