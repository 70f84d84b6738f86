"""Checks an uploaded PDF for active content, as a program that ``files.inspect`` runs; imports nothing of the application.

A separate process, because a memory limit exists only per process, and a PDF of 10 MB can take 700 MB to parse
(measured with an array of five million ones).

    python -I app/files/pdf_check.py PAGES < file.pdf      →  "clean 12", or the code of the first thing against it
"""

import io
import re
import resource
import sys
from collections.abc import Iterator

import pikepdf

MEMORY = 512 * 1024**2
CPU_SECONDS = 10

KEYS = {
    "/JS": "pdf-script",
    "/JavaScript": "pdf-script",
    "/AA": "pdf-script",  # additional actions: on opening, leaving a field, printing
    "/XFA": "pdf-form",
    "/EmbeddedFiles": "pdf-attachment",
    "/EF": "pdf-attachment",
    "/Collection": "pdf-attachment",
    "/RichMediaContent": "pdf-attachment",
}
ACTIONS = {
    "/JavaScript": "pdf-script",
    "/Rendition": "pdf-script",
    "/Launch": "pdf-launch",
    "/SubmitForm": "pdf-launch",
    "/ImportData": "pdf-launch",
    "/GoToR": "pdf-launch",
    "/GoToE": "pdf-launch",
}
SUBTYPES = {
    "/FileAttachment": "pdf-attachment",
    "/RichMedia": "pdf-attachment",
    "/3D": "pdf-attachment",
    "/Movie": "pdf-attachment",
    "/Sound": "pdf-attachment",
    "/Screen": "pdf-attachment",
}
TIDIED = re.compile(r": kid \d+ \(from \d+\) ")


def verdict(data: bytes, pages: int) -> str:
    """``clean N`` with the number of pages, or a code."""
    try:
        # Without recovery: readers differ in how they repair a broken file.
        with pikepdf.open(io.BytesIO(data), attempt_recovery=False) as pdf:
            return fault(pdf, pages) or f"clean {len(pdf.pages)}"
    except pikepdf.PasswordError:
        return "pdf-encrypted"
    except MemoryError:
        return "pdf-too-heavy"
    except Exception:  # noqa: BLE001 — hostile bytes can make the parser raise anything
        return "pdf-broken"


def fault(pdf: pikepdf.Pdf, pages: int) -> str:
    """The code of the first fault, or ""."""
    if pdf.is_encrypted:
        return "pdf-encrypted"
    if not has_harmless_open_action(pdf):
        return "pdf-open-action"
    # All objects, not only those in use: a reader that repairs the file might find the others.
    code = next((code for item in pdf.objects for code in codes(item)), "")
    # qpdf only warns of an object that it cannot read, or has no memory for, and replaces it by null. It also warns
    # of a page tree that it tidied up: that is harmless, and frequent with scanners.
    if code or not all(TIDIED.search(warning) for warning in pdf.get_warnings()):
        return code or "pdf-broken"
    count = len(pdf.pages)
    return "pdf-too-many-pages" if count > pages else "" if count else "pdf-broken"


def has_harmless_open_action(pdf: pikepdf.Pdf) -> bool:
    """LibreOffice and WPS write an OpenAction that is only a destination to show first."""
    action = pdf.Root.get("/OpenAction")
    return action is None or isinstance(action, pikepdf.Array) or action.get("/S") == pikepdf.Name.GoTo


def codes(item: pikepdf.Object) -> Iterator[str]:
    """The fault codes of an object and its direct children; indirect ones are in ``pdf.objects`` themselves."""
    pending = [item]
    while pending:
        current = pending.pop()
        if isinstance(current, pikepdf.Array):
            children = list(current)
        elif isinstance(current, pikepdf.Dictionary | pikepdf.Stream):
            entries = dict(current.items())
            yield from (KEYS[key] for key in entries if key in KEYS)
            yield from named(entries.get("/S"), ACTIONS)
            yield from named(entries.get("/Subtype"), SUBTYPES)
            children = list(entries.values())
        else:
            continue
        # Numbers and booleans come as Python's own.
        pending.extend(child for child in children if not getattr(child, "is_indirect", True))


def named(value: object, among: dict[str, str]) -> Iterator[str]:
    if isinstance(value, pikepdf.Name) and str(value) in among:
        yield among[str(value)]


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would leave personal data on the disk
    sys.stdout.write(verdict(sys.stdin.buffer.read(), int(sys.argv[1])))
