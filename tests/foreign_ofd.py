"""OFD as other writers make it, built part by part."""

import io
import zipfile
from collections.abc import Mapping

from app.files import fonts

SPACE = 'xmlns:ofd="http://www.ofdspec.org/2016"'
BOX = "<ofd:PhysicalBox>0 0 100 80</ofd:PhysicalBox>"
RED = '<ofd:FillColor Value="255 0 0"/>'


def xml(root: str, body: str, **attributes: str) -> str:
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<?xml version="1.0" encoding="UTF-8"?><ofd:{root} {SPACE}{given}>{body}</ofd:{root}>'


def rectangle(x: float, y: float, width: float, height: float, inside: str = RED, **attributes: str) -> str:
    given = "".join(f' {name}="{value}"' for name, value in ({"Fill": "true", "Stroke": "false"} | attributes).items())
    data = f"S 0 0 L {width} 0 L {width} {height} L 0 {height} C"
    body = f"{inside}<ofd:AbbreviatedData>{data}</ofd:AbbreviatedData>"
    return f'<ofd:PathObject ID="9" Boundary="{x} {y} {width} {height}"{given}>{body}</ofd:PathObject>'


def text(words: str, font: str = "3", inside: str = "", **attributes: str) -> str:
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    code = f'<ofd:TextCode X="0" Y="20" DeltaX="g {len(words)} 20">{words}</ofd:TextCode>'
    return f'<ofd:TextObject ID="8" Boundary="5 5 90 30" Font="{font}" Size="20"{given}>{inside}{code}</ofd:TextObject>'


def page(objects: str, before: str = "") -> str:
    return xml("Page", f'{before}<ofd:Content><ofd:Layer ID="2">{objects}</ofd:Layer></ofd:Content>')


def ofd(
    objects: str = "", *, pages: int = 1, box: str = BOX, common: str = "", more: str = "", signed: str = "",
    resources: str = "", parts: Mapping[str, str | bytes] | None = None,
) -> bytes:  # fmt: skip
    """One page with these objects; ``more`` stands in the document, ``parts`` are added or replace what is there."""
    listed = "".join(f'<ofd:Page ID="{100 + n}" BaseLoc="Pages/P{n}/Content.xml"/>' for n in range(pages))
    res = "<ofd:DocumentRes>DocumentRes.xml</ofd:DocumentRes>" if resources else ""
    area = f"<ofd:PageArea>{box}</ofd:PageArea>"
    whole: dict[str, str | bytes] = {
        "OFD.xml": xml(
            "OFD", f"<ofd:DocBody><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot>{signed}</ofd:DocBody>", Version="1.0"
        ),
        "Doc_0/Document.xml": xml(
            "Document", f"<ofd:CommonData>{area}{res}{common}</ofd:CommonData><ofd:Pages>{listed}</ofd:Pages>{more}"
        ),
        **{f"Doc_0/Pages/P{n}/Content.xml": page(objects) for n in range(pages)},
        **({"Doc_0/DocumentRes.xml": xml("Res", resources, BaseLoc="Res")} if resources else {}),
        **(parts or {}),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in whole.items():
            file.writestr(name, data)
    return out.getvalue()


def font_of(letters: str) -> tuple[bytes, dict[str, int]]:
    """A font file with a character map, and the glyph numbers."""
    return fonts.font("kai").subset(letters, mapped=True)


def seal(kind: str, picture: bytes) -> bytes:
    """What a reader finds of a picture within the DER of a seal."""
    size = len(picture).to_bytes(3, "big")
    return b"\x30\x82\x01\x00\x16\x02ES" + b"\x16" + bytes([len(kind)]) + kind.encode() + b"\x04\x83" + size + picture


def picture(data: bytes, kind: str = "PNG") -> dict[str, object]:
    """A picture of 40 mm, as arguments of ``ofd``."""
    media = f'<ofd:MultiMedia ID="40" Type="Image" Format="{kind}"><ofd:MediaFile>p.x</ofd:MediaFile></ofd:MultiMedia>'
    return {"resources": f"<ofd:MultiMedias>{media}</ofd:MultiMedias>", "parts": {"Doc_0/Res/p.x": data}}


PICTURE = '<ofd:ImageObject ID="1" Boundary="50 10 40 40" CTM="40 0 0 40 0 0" ResourceID="40"/>'


def graphic(objects: str) -> str:
    """Resource 60."""
    inside = f'<ofd:CompositeGraphicUnit ID="60" Width="5" Height="5"><ofd:Content>{objects}</ofd:Content>'
    return f"<ofd:CompositeGraphicUnits>{inside}</ofd:CompositeGraphicUnit></ofd:CompositeGraphicUnits>"


def again(x: float) -> str:
    return f'<ofd:CompositeObject ID="7" Boundary="{x} 60 5 5" ResourceID="60"/>'


def note(x: float, visible: str) -> str:
    shown = f'<ofd:Appearance Boundary="{x} 60 10 10">{rectangle(0, 0, 10, 10)}</ofd:Appearance>'
    return f'<ofd:Annot ID="1" Visible="{visible}">{shown}</ofd:Annot>'


STAMPED = "<ofd:Signatures>/Doc_0/Signs/Signatures.xml</ofd:Signatures>"


def stamped(kind: str, picture: bytes) -> bytes:
    told = (
        '<ofd:SignedInfo><ofd:StampAnnot ID="1" PageRef="100" Boundary="10 10 40 40"/>'
        "<ofd:Seal><ofd:BaseLoc>s.esl</ofd:BaseLoc></ofd:Seal></ofd:SignedInfo><ofd:SignedValue>SignedValue.dat</ofd:SignedValue>"
    )
    parts = {
        "Doc_0/Signs/Signatures.xml": xml("Signatures", '<ofd:Signature ID="1" BaseLoc="S9/Signature.xml"/>'),
        "Doc_0/Signs/S9/Signature.xml": xml("Signature", told),
        "Doc_0/Signs/S9/s.esl": seal(kind, picture),
        "Doc_0/Signs/S9/SignedValue.dat": b"not read here",
    }
    return ofd(signed=STAMPED, parts=parts)
