"""Documents that officers hand in: inspected, redrawn and stored."""

from dataclasses import dataclass, replace

from app.core.redaction import mask_numbers
from app.files.inspect import LIMITS, inspect
from app.files.storage import Store


@dataclass(frozen=True, slots=True)
class KeptDocument:
    """A stored file: a picture or a PDF."""

    digest: str
    mime: str
    filename: str
    size: int


def keep(store: Store, data: bytes, filename: str, *, most: int) -> KeptDocument:
    """Raises ``FileRefused``. What no row comes to name is removed by the nightly sweep of the store."""
    store.screen(data, filename)
    name = mask_numbers(filename).replace("*", "_")  # file names often hold ID numbers
    scan = inspect(data, name, photo=False, limits=replace(LIMITS, bytes=most))
    return KeptDocument(store.put(scan.data), scan.mime, scan.name[:120], len(scan.data))
