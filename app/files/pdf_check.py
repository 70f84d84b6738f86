"""What is inside a PDF that a stranger handed in: the one question, asked in a process of its own.

Law: this file imports nothing of the house and is not imported by it; ``app.storage`` starts it as a program
and reads one word of answer. A PDF of 10 MB may ask its reader for 700 MB (an array of five million ones was
measured), and a limit on memory that spares the web server exists only per process.

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
    "/AA": "pdf-script",  # "additional actions": something happens on opening, leaving a field, printing
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
        # Without recovery: what one reader guesses from a broken file need not be what the next one guesses.
        with pikepdf.open(io.BytesIO(data), attempt_recovery=False) as pdf:
            return flaw(pdf, pages) or f"clean {len(pdf.pages)}"
    except pikepdf.PasswordError:
        return "pdf-encrypted"
    except MemoryError:
        return "pdf-too-heavy"
    except Exception:  # noqa: BLE001 — whatever hostile bytes make the parser raise, the answer is no
        return "pdf-broken"


def flaw(pdf: pikepdf.Pdf, pages: int) -> str:
    """The first thing against this file, or nothing."""
    if pdf.is_encrypted:
        return "pdf-encrypted"
    if not opens_quietly(pdf):
        return "pdf-open-action"
    # All objects, not only those in use: a reader that repairs the file might find the others.
    found = next((code for item in pdf.objects for code in codes(item)), "")
    # In place of an object that it cannot read, or has no memory for, qpdf puts nothing and only warns. It also
    # warns of a page tree that it tidied up; that is harmless, and frequent in what scanners write.
    if found or not all(TIDIED.search(warning) for warning in pdf.get_warnings()):
        return found or "pdf-broken"
    count = len(pdf.pages)
    return "pdf-too-many-pages" if count > pages else "" if count else "pdf-broken"


def opens_quietly(pdf: pikepdf.Pdf) -> bool:
    """LibreOffice and WPS write an OpenAction that only says where to look first: a destination, no deed."""
    action = pdf.Root.get("/OpenAction")
    return action is None or isinstance(action, pikepdf.Array) or action.get("/S") == pikepdf.Name.GoTo


def codes(item: pikepdf.Object) -> Iterator[str]:
    """The objections to one object and to all that is written inside it, but not to what it refers to."""
    waiting = [item]
    while waiting:
        one = waiting.pop()
        if isinstance(one, pikepdf.Array):
            children = list(one)
        elif isinstance(one, pikepdf.Dictionary | pikepdf.Stream):
            entries = dict(one.items())
            yield from (KEYS[key] for key in entries if key in KEYS)
            yield from named(entries.get("/S"), ACTIONS)
            yield from named(entries.get("/Subtype"), SUBTYPES)
            children = list(entries.values())
        else:
            continue
        # Numbers and truth values come as Python's own: they are nowhere to be descended into.
        waiting.extend(child for child in children if not getattr(child, "is_indirect", True))


def named(value: object, among: dict[str, str]) -> Iterator[str]:
    if isinstance(value, pikepdf.Name) and str(value) in among:
        yield among[str(value)]


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would leave a citizen's paper on the disk
    sys.stdout.write(verdict(sys.stdin.buffer.read(), int(sys.argv[1])))
