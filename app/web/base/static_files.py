"""Style sheets and scripts as browsers get them: what a page needs of each kind in one answer, compressed once.

A page would ask for twenty files otherwise, each of two kilobytes. The sources stay one file per behaviour; nothing is built
beforehand, so what runs is always what is in the folder.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from flask import abort, current_app, request, url_for
from werkzeug.security import safe_join
from werkzeug.wrappers import Response

MOST_SHEETS = 5
TYPES = {".css": "text/css", ".js": "text/javascript"}
_IMPORT = re.compile(r"^import (?:\{([^}]*)\} from )?'(\.{1,2}/[^']+)';\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:(?:async )?function|const|class) (\w+))", re.MULTILINE)
_UNKNOWN = re.compile(r"^(?:import|export)\b", re.MULTILINE)
_PICTURE = re.compile(r'url\("([\w-]+\.svg)"\)')


def asset(*names: str) -> str:
    """The URL of a static file, or of several style sheets together, with a fingerprint: browsers may keep it for ever."""
    return _asset(str(current_app.static_folder), names, request.root_path)


@lru_cache(maxsize=256)
def _asset(folder: str, names: Sequence[str], _root: str) -> str:
    """Every icon of a page asks again, and the answer is the same for a folder below the same ``_root`` URL."""
    return url_for("static", filename="+".join(names), v=_fingerprint(folder, "+".join(names)))


@lru_cache(maxsize=256)
def _fingerprint(folder: str, filename: str) -> str:
    together = Path(filename).suffix in TYPES
    return sha256(content(folder, filename) if together else (Path(folder) / filename).read_bytes()).hexdigest()[:8]


def send(filename: str) -> Response:
    """In place of Flask's view of static files. What an address with the right fingerprint gives may be kept for ever.

    With another it may not be kept at all: during an upgrade a page of the new version may ask a process of the old one.
    """
    folder = str(current_app.static_folder)
    if Path(filename).suffix in TYPES:
        try:
            body = content(folder, filename)
        except FileNotFoundError:
            abort(404)
        answer: Response = current_app.response_class(body, mimetype=TYPES[Path(filename).suffix])
        answer.headers["Cache-Control"] = "no-cache"
        answer.set_etag(_fingerprint(folder, filename))
        answer = answer.make_conditional(request)
    else:
        answer = current_app.send_static_file(filename)
    if asked := request.args.get("v"):
        known = asked == _fingerprint(folder, filename)
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if known else "no-store"
    return answer


@lru_cache(maxsize=64)
def content(folder: str, filename: str) -> bytes:
    """A script with all that it imports, or up to ``MOST_SHEETS`` style sheets joined by ``+``, with their pictures.

    ``FileNotFoundError`` for anything else.
    """
    names = filename.split("+")
    paths = [Path(path) for name in names if (path := safe_join(folder, name)) and Path(path).suffix in TYPES]
    scripts = any(path.suffix == ".js" for path in paths)
    if len(paths) != len(names) or len({*names}) < len(names) or len(paths) > (1 if scripts else MOST_SHEETS):
        raise FileNotFoundError(filename)
    if not all(_is_file(path) for path in paths):
        raise FileNotFoundError(filename)
    return (script(paths[0]) if scripts else "".join(map(_sheet, paths))).encode()


def _is_file(path: Path) -> bool:
    """False, too, for names that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _sheet(path: Path) -> str:
    return _PICTURE.sub(lambda found: f'url("{_as_url(path.parent / found[1])}")', path.read_text())


def inlined(name: str) -> str:
    """A small picture as a URL that holds it, so that it is not asked for."""
    return _as_url(Path(str(current_app.static_folder)) / name)


@lru_cache(maxsize=16)
def _as_url(picture: Path) -> str:
    return f"data:image/svg+xml;base64,{b64encode(picture.read_bytes()).decode()}"


def script(entry: Path) -> str:
    """The module and all that it imports, in the order in which a browser runs them, each as a function with its exports.

    ``ValueError`` for a circle, and for imports and exports in other forms than the modules of this system have.
    """
    done: dict[Path, str] = {}
    _add(entry.resolve(), done, ())
    return "".join(done.values())


def _add(module: Path, done: dict[Path, str], importers: tuple[Path, ...]) -> None:
    if module in importers:
        raise ValueError(f"{module.name} imports itself")
    if module in done:
        return
    text = module.read_text()
    for _names, where in _IMPORT.findall(text):
        _add((module.parent / where).resolve(), done, (*importers, module))
    numbers = {path: number for number, path in enumerate(done)}

    def taken(found: re.Match[str]) -> str:
        names = found[1] and found[1].replace(" as ", ": ")
        return f"const {{{names}}} = m{numbers[(module.parent / found[2]).resolve()]};\n" if names else ""

    exports = ", ".join(_EXPORT.findall(text))
    text = _EXPORT.sub("", _IMPORT.sub(taken, text))
    if _UNKNOWN.search(text):
        raise ValueError(f"{module.name} imports or exports in a form that is not known here")
    done[module] = f"const m{len(done)} = (() => {{\n{text}\nreturn {{{exports}}};\n}})();\n"
