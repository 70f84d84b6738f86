"""The pages of the manual: who may read each, drawn from Markdown as HTML, and searched.

They are the documents of the repository, which a wheel carries, so nothing is built before it is read. What the documents
do not say themselves is put in when they are drawn: in the runbook, what each finding of ``anguan doctor`` says.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from flask_babel import get_locale
from flask_babel import lazy_gettext as _
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from app.core import bundled
from app.core.errors import NotAllowed, NotFound
from app.core.search_text import search_fold
from app.core.vocabulary import ADMINISTRATORS, Role
from app.worker.findings.kinds import KINDS, Severity

FOLDER = bundled.folder("docs")
PICTURES = "pictures"
PICTURE_SIZE = (1366, 768)  # pixels of every picture
MOST_HITS, LONGEST_QUERY, EXCERPT = 20, 60, 90
LEAST_FOUND = 0.5  # of the parts of a query, in a section that is shown
OFFICE = frozenset(Role) - {Role.ENTERPRISE_CLERK}
RUNBOOK = "runbook"

_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
_RUNS = re.compile(r"[a-z0-9]+|[^a-z0-9]+")
_BLANK = re.compile(r"%\(\w+\)s")


@dataclass(frozen=True, slots=True)
class ManualPage:
    """A page by the name in its address; its file below ``docs``; ``readers`` None: everybody, signed in or not."""

    name: str
    file: str
    readers: frozenset[Role] | None

    def opens_to(self, roles: frozenset[Role]) -> bool:
        return self.readers is None or bool(self.readers & roles)


def _of_role(role: Role) -> ManualPage:
    """What enterprises do is told to everybody, before they have an account; the office's side to the office."""
    return ManualPage(role.value, f"manual/{role.value}.md", None if role is Role.ENTERPRISE_CLERK else OFFICE)


def _of_operators(name: str, file: str) -> ManualPage:
    return ManualPage(name, file, frozenset(ADMINISTRATORS))


GROUPS: tuple[tuple[object, tuple[ManualPage, ...]], ...] = (
    (_("Work in the system, role by role"), tuple(_of_role(role) for role in Role)),
    (
        _("Installing and operating it"),
        (
            _of_operators("install", "install.md"),
            _of_operators("upgrade", "upgrade.md"),
            _of_operators("operations", "operations.md"),
            _of_operators(RUNBOOK, "manual/runbook.md"),
            _of_operators("backup", "backup.md"),
            _of_operators("settings", "SETTINGS.md"),
            _of_operators("scale", "scale.md"),
            _of_operators("interfaces", "manual/interfaces.md"),
            _of_operators("seal", "SEAL.md"),
            _of_operators("ukey", "UKEY.md"),
            _of_operators("licence", "LICENCE.md"),
        ),
    ),
)
PAGES = {page.name: page for _heading, pages in GROUPS for page in pages}
_BY_FILE = {page.file: page for page in PAGES.values()}


def page_for(name: str, roles: frozenset[Role]) -> ManualPage:
    """The page of this name. Raises ``NotFound``, or ``NotAllowed`` for who may not read it."""
    page = PAGES.get(name)
    if page is None:
        raise NotFound(_("The manual has no such page."))
    if not page.opens_to(roles):
        raise NotAllowed(_("This page of the manual is written for other roles."))
    return page


def page_of_picture(name: str) -> str:
    """``reviewer-queue.webp`` belongs to the page ``reviewer``."""
    return name.partition("-")[0]


# --- drawing --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class ManualSection:
    """What stands below one heading: its paragraphs without marks, and as the search compares them."""

    anchor: str
    title: str
    level: int
    paragraphs: list[str] = field(default_factory=list)
    folded_title: str = ""
    folded: str = ""

    def fold(self) -> None:
        self.folded_title, self.folded = search_fold(self.title), search_fold(" ".join([self.title, *self.paragraphs]))


@dataclass(frozen=True, slots=True)
class Drawn:
    title: str
    body: Markup
    sections: tuple[ManualSection, ...]


def drawn(page: ManualPage, suffix: str = "") -> Drawn:
    """The page in the reader's language. ``suffix``: of the names of other pages in its links."""
    return _drawn(page, suffix, str(get_locale()))


@lru_cache(maxsize=128)
def _drawn(page: ManualPage, suffix: str, _locale: str) -> Drawn:
    return _Drawing(page, suffix).done()


class _Drawing:
    """One page on its way from Markdown to HTML."""

    def __init__(self, page: ManualPage, suffix: str) -> None:
        self.page, self.suffix = page, suffix
        self.sections: list[ManualSection] = []
        self.out: list[Token] = []
        self.heads = "th"

    def done(self) -> Drawn:
        tokens = _PARSER.parse((FOLDER / self.page.file).read_text(encoding="utf-8"))
        for token, after in pairwise([*tokens, Token("end", "", 0)]):
            getattr(self, f"_{token.type}", self._other)(token, after)
        for section in self.sections:
            section.fold()
        body = _PARSER.renderer.render(self.out[3:], _PARSER.options, {})  # without its title
        return Drawn(self.sections[0].title, Markup(body), tuple(self.sections))  # noqa: S704 - Markdown without HTML, of our own

    def _other(self, token: Token, _after: Token) -> None:
        token.attrs.pop("style", None)  # of aligned columns: the content policy forbids it
        self.out.append(token)

    def _heading_open(self, token: Token, after: Token) -> None:
        title = _plain(after)
        anchor = anchor_of(title)
        taken = sum(section.anchor.partition("~")[0] == anchor for section in self.sections)
        self.sections.append(ManualSection(f"{anchor}~{taken}" if taken else anchor, title, int(token.tag[1])))
        token.attrs["id"] = self.sections[-1].anchor
        self.out.append(token)

    def _heading_close(self, token: Token, _after: Token) -> None:
        self.out.append(token)
        if self.page.name == RUNBOOK and (kind := KINDS.get(self.sections[-1].title)):
            what, remedy = (_BLANK.sub("…", str(sentence)) for sentence in (kind.what, kind.remedy))
            self.sections[-1].paragraphs += [what, remedy]
            tone = "bad" if kind.severity is Severity.ERROR else "todo"
            line = Markup('<p><span class="tag {}">{}</span> <b>{}</b></p><p>{}</p>')
            self._add_html(line.format(tone, kind.severity.label, what, remedy))

    def _inline(self, token: Token, _after: Token) -> None:
        if self.out[-1].type != "heading_open":
            self.sections[-1].paragraphs.append(_plain(token))
        token.children = [*self._with_addresses(token.children or [])]
        self.out.append(token)

    def _fence(self, token: Token, _after: Token) -> None:
        self.sections[-1].paragraphs.append(token.content)
        self._add_html(Markup('<pre tabindex="0"><code>{}</code></pre>').format(token.content))

    def _table_open(self, token: Token, _after: Token) -> None:
        label = self.sections[-1].title
        self._add_html(Markup('<div class="tbl-wrap" tabindex="0" role="group" aria-label="{}">').format(label))
        token.attrs["class"] = "table"
        self.out.append(token)

    def _th_open(self, token: Token, after: Token) -> None:
        self.heads = "th" if after.content else "td"  # an empty cell heads nothing
        token.tag = self.heads
        self._other(token, after)

    def _th_close(self, token: Token, after: Token) -> None:
        token.tag = self.heads
        self._other(token, after)

    def _table_close(self, token: Token, _after: Token) -> None:
        self.out.append(token)
        self._add_html(Markup("</div>"))

    def _with_addresses(self, children: Iterable[Token]) -> Iterator[Token]:
        leaves = False
        for child in children:
            if child.type == "link_open":
                address = self._address(str(child.attrs["href"]))
                leaves = not address
                child.attrs["href"] = address
            if child.type in {"link_open", "link_close"} and leaves:
                continue  # to what is in the repository only
            if child.type == "image":
                child = _html("html_inline", _picture(str(child.attrs["src"]), child.content))  # noqa: PLW2901
            yield child

    def _address(self, href: str) -> str:
        """Where a link leads: to another page, to another site, or nowhere ("")."""
        path, hash_, anchor = href.partition("#")
        if not path or re.match(r"https?:", path):
            return href
        file = posixpath.normpath(posixpath.join(posixpath.dirname(self.page.file), path))
        page = _BY_FILE.get(file)
        return f"{page.name}{self.suffix}{hash_}{anchor}" if page else ""

    def _add_html(self, content: str) -> None:
        self.out.append(_html("html_block", content))


def _html(kind: str, content: str) -> Token:
    return Token(kind, "", 0, content=content)


def _picture(source: str, alt: str) -> Markup:
    """A picture that opens by itself when it is pressed: on a telephone it is too small to read."""
    size = Markup('width="{}" height="{}"').format(*PICTURE_SIZE)
    return Markup('<a class="shot" href="{}"><img src="{}" alt="{}" {} loading="lazy"></a>').format(source, source, alt, size)


def _plain(inline: Token) -> str:
    return "".join("\n" if child.type == "softbreak" else child.content for child in inline.children or [])


def anchor_of(title: str) -> str:
    """As GitHub makes it, so that links between documents lead to the same place there and here."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


# --- searching ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hit:
    """A section that was found, with a piece of its text."""

    page: ManualPage
    page_title: str
    section: ManualSection
    excerpt: str


def readable(roles: frozenset[Role]) -> list[tuple[object, list[ManualPage]]]:
    """The groups with the pages that these roles may read, the reader's own first; without empty groups."""
    own = {role.value for role in roles}
    groups = [(heading, [page for page in pages if page.opens_to(roles)]) for heading, pages in GROUPS]
    return [(heading, sorted(pages, key=lambda page: page.name not in own)) for heading, pages in groups if pages]


def parts_of(query: str) -> list[str]:
    """What of a query is looked for: words of letters and digits, and each two neighbouring Chinese characters."""
    found: list[str] = []
    for word in query[:LONGEST_QUERY].split():
        for run in _RUNS.findall(search_fold(word)):
            pairs = ["".join(pair) for pair in pairwise(run)]
            found += [run] if run.isascii() or not pairs else pairs
    return list(dict.fromkeys(found))


def search(query: str, pages: Iterable[ManualPage]) -> list[Hit]:
    """The sections that hold half of the query's parts or more, at most ``MOST_HITS``; rare parts and headings count most.

    Parts that no page holds do not count: of a question in words, each second pair of characters belongs to two words.
    """
    sections = [(page, whole.title, section) for page in pages for whole in (drawn(page),) for section in whole.sections]
    frequency = {part: sum(part in section.folded for _page, _title, section in sections) for part in parts_of(query)}
    weight = {part: 1 / held for part, held in frequency.items() if held}
    found = []
    for page, title, section in sections:
        held = [part for part in weight if part in section.folded]
        if held and len(held) >= LEAST_FOUND * len(weight):
            score = sum(weight[part] * (1 + (part in section.folded_title)) for part in held)
            found.append((score, page, title, section, held))
    best = sorted(found, key=lambda one: -one[0])[:MOST_HITS]
    return [Hit(page, title, section, _excerpt(section.paragraphs, held)) for _score, page, title, section, held in best]


def _excerpt(paragraphs: Sequence[str], parts: Sequence[str]) -> str:
    """The paragraph that holds the most parts, cut."""
    best = max(paragraphs, key=lambda text: sum(part in search_fold(text) for part in parts), default="")
    return best if len(best) <= EXCERPT else f"{best[:EXCERPT]}…"


# --- pictures -------------------------------------------------------------------------------------------------


def picture_file(name: str) -> Path:
    """The file of a picture. Raises ``NotFound``."""
    path = FOLDER / "manual" / PICTURES / name
    if not re.fullmatch(r"[a-z_]+-[a-z_]+\.webp", name) or not path.is_file():
        raise NotFound(_("The manual has no such picture."))
    return path
