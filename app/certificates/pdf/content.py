"""The printed content of a certificate, apart from its layout. Nothing is masked here."""

from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit

from app.core.plain_text import plain


@dataclass(frozen=True, slots=True)
class Face:
    """Everything that is printed."""

    category: str  # A, B, C1, C2, C3
    kind: str  # 建筑施工企业项目负责人
    number: str
    name: str
    sex: str
    birth_date: date
    id_number: str
    enterprise: str
    position: str  # may be empty
    first_issued_on: date
    issued_on: date
    valid_from: date
    valid_to: date
    issuer: str
    seal_text: str
    photo: bytes | None  # JPEG or PNG; required for printing
    address: str  # content of the QR code
    licence_identifier: str  # 证照标识; may be empty
    specimen: bool  # a page that must not be taken for a certificate
    technical_title: str = ""  # 高级; may be empty
    schooling: str = ""  # 本科　土木工程; may be empty

    def words(self) -> str:
        """All text that comes from data, joined; of the address only the printed part."""
        texts = (getattr(self, name) for name in self.__slots__ if name != "address")
        return "".join(plain(text) for text in texts if isinstance(text, str)) + self.host()

    def host(self) -> str:
        """Scheme and host of the address, as printed."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"
