"""Finds the forms of pages and makes wrong requests of them: fields missing, doubled, of another type, of other rows.

Requests are repeated exactly by their seed, as long as the pages are the same.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, urljoin, urlsplit

from flask import Flask
from werkzeug.exceptions import HTTPException

from tests import hostile_sheets, make
from tests.hostile_files import jpeg, pdf

WEB = Path(__file__).parent.parent / "app" / "web"
NAMED = re.compile(r'(?:form|args|files)(?:\.get|\.getlist)?[(\[]"([a-z_-]+)"|^    ([a-z_]+) = \w*Field\(', re.MULTILINE)
HUGE = 60_000  # characters, just below the limit of a body for those who have not signed in
ODD = (
    "", " ", "\0", "a\0b", "\ud800", "\udfff\ud800", "\u202e", "\r\nX: 1", "%s%n", "%(x)s", "{{7*7}}", "'\"<b>",
    "../../etc/passwd", "0", "-1", "1.5", "1e9", "NaN", "inf", "true", "null", "[]", "{}", "٣", "²", "①",
    "９９", str(2**31), str(2**63), "9" * 5000, "x" * HUGE, "测" * 5000, "0000-00-00", "9999-12-31", "10000-01-01",
    "2026-02-30", "2026-01-01T25:00", "0001-01-01T00:00", "-", "C1", "1,2", "1-C1", "-C1", "1-", "A", "yes", "no",
    "confirm", "approve", "1985-06-15", "2026-11-24T09:00+08:00", ".", "AAAA", "https://evil.example/", "//evil",
    "/people/", "a.b.c", "=1+1", "eyJhIjoxfQ.x.y",
)  # fmt: skip
PLAUSIBLE = {
    "name": "李雷", "full_name": "李雷", "mobile": "13800000000", "handler_mobile": "13800000000",
    "contact_mobile": "13800000000", "handler_name": "韩梅梅", "reason": make.REASON,
    "why": "核对原件上的号码", "body": "请按时参加", "text": make.REASON,
    "signup_start": "2099-01-01T00:00", "signup_end": "2099-02-01T00:00", "exam_on": "2099-03-01", "place": "长沙",
    "valid_from": "2020-01-01", "valid_to": "2099-01-01", "score": "70", "quota": "9", "pass_mark": "60", "sure": "1",
    "confirm": "1", "then": "submit", "do": "send", "password": "Anquan-2026-x", "again": "Anquan-2026-x",
    "day": "2099-01-01",
}  # fmt: skip
BODIES = ("application/json", "text/plain", "application/xml", "multipart/form-data", "application/octet-stream", "")


@dataclass(frozen=True)
class Form:
    """A form of a page: where it is sent, and the values that its fields may have; None is a file."""

    method: str
    address: str
    fields: Mapping[str, tuple[str, ...] | None]


class _Forms(HTMLParser):
    """Collects the forms of one page; controls that name a form by its id are of that form."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.page, self.ids, self.here = page, dict[str, int](), -1
        self.heads, self.fields = list[tuple[str, str]](), list[dict[str, list[str] | None]]()
        self.loose = list[tuple[str, dict[str, str]]]()
        self.others = list[tuple[int, str]]()  # buttons that send their form elsewhere
        self.select = ""

    def handle_starttag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        it = {name: value or "" for name, value in given}
        if tag == "form":
            self.here = len(self.heads)
            self.heads.append((it.get("method", "get").upper(), urljoin(self.page, it.get("action", ""))))
            self.fields.append({})
            self.ids[it.get("id", "")] = self.here
        elif tag == "option":
            self._field(self.here, self.select, it.get("value", ""))
        elif tag in ("input", "select", "textarea", "button"):
            self.select = it.get("name", "") if tag == "select" else ""
            if "form" in it:
                self.loose.append((tag, it))
            else:
                self._control(self.here, it)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.here = -1

    def _control(self, form: int, it: dict[str, str]) -> None:
        if "formaction" in it:
            self.others.append((form, urljoin(self.page, it["formaction"])))
        self._field(form, it.get("name", ""), None if it.get("type") == "file" else it.get("value", ""))

    def _field(self, form: int, name: str, value: str | None) -> None:
        if form < 0 or not name:
            return
        if value is None:
            self.fields[form][name] = None
        elif isinstance(known := self.fields[form].setdefault(name, []), list):
            known.append(value)

    def found(self) -> Iterator[Form]:
        for _tag, it in self.loose:
            self._control(self.ids.get(it["form"], -1), it)
        sent = [(form, *head) for form, head in enumerate(self.heads)]
        sent += [(form, self.heads[form][0], address) for form, address in self.others if form >= 0]
        for form, method, address in sent:
            fields = {name: None if values is None else tuple(values) for name, values in self.fields[form].items()}
            yield Form(method, address, fields)


def forms_of(page: str, html: str) -> Iterator[Form]:
    """The forms of a page at this address."""
    parser = _Forms(page)
    parser.feed(html)
    return parser.found()


def names_in_the_source() -> tuple[str, ...]:
    """Every field that a view reads or a form declares."""
    found = {one or other for path in WEB.rglob("*.py") for one, other in NAMED.findall(path.read_text())}
    return tuple(sorted(found))


def rule_of(app: Flask, address: str, method: str) -> str:
    """The URL rule that serves an address; "" for none."""
    try:
        rule, _arguments = app.url_map.bind("localhost").match(urlsplit(address).path, method, return_rule=True)
    except HTTPException:
        return ""
    return str(rule.rule)


@dataclass
class Sender:
    """Makes wrong requests of one form from a seeded source of chance."""

    chance: random.Random
    names: Sequence[str]
    rows: Sequence[int]  # ids: of the own town, of another, of nobody
    files: Sequence[bytes] = field(
        default_factory=lambda: (jpeg(300, 400), pdf(), hostile_sheets.workbook(), b"", b"\0", b"x" * 999)
    )

    def request(self, form: Form) -> dict[str, Any]:
        """Arguments of ``FlaskClient.open``."""
        address = form.address
        if self.chance.random() < 0.15:
            address = re.sub(r"/\d+(?=[/.?]|$)", lambda _match: f"/{self.chance.choice(self.rows)}", address)
        pairs = list(self._typed(form))
        for _turn in range(self.chance.choice((0, 1, 1, 1, 2, 3, 8))):
            pairs = self._spoilt(pairs)
        return self._sent(form, address, pairs)

    def lacking(self, form: Form, name: str) -> dict[str, Any]:
        """The form as somebody might send it who means it, without this one field."""
        return self._sent(form, form.address, [pair for pair in self._typed(form) if pair[0] != name])

    def _sent(self, form: Form, address: str, pairs: list[tuple[str, str | bytes]]) -> dict[str, Any]:
        if form.method == "GET":
            return {"path": f"{address.partition('?')[0]}?{_encoded(pairs)}", "method": "GET"}
        if self.chance.random() < 0.05:
            body, kind = self.chance.choice((b"{", b"[1]", b"null", b"\xff", b"--x\r\n", b"")), self.chance.choice(BODIES)
            return {"path": address, "method": "POST", "data": body, "content_type": kind}
        if self.chance.random() < 0.3 or any(isinstance(value, bytes) for _name, value in pairs):
            body, kind = self._multipart(pairs)
            return {"path": address, "method": "POST", "data": body, "content_type": kind}
        kind = "application/x-www-form-urlencoded"
        return {"path": address, "method": "POST", "data": _encoded(pairs).encode(), "content_type": kind}

    def _typed(self, form: Form) -> Iterator[tuple[str, str | bytes]]:
        """What somebody might send who means it."""
        for name, values in form.fields.items():
            if values is None:
                if self.chance.random() < 0.6:
                    yield name, self.chance.choice(self.files)
            elif (known := PLAUSIBLE.get(name)) and not any(values):
                yield name, known
            else:
                yield name, self.chance.choice(values or ("",))

    def _spoilt(self, pairs: list[tuple[str, str | bytes]]) -> list[tuple[str, str | bytes]]:
        at = self.chance.randrange(len(pairs)) if pairs else 0
        name = pairs[at][0] if pairs and self.chance.random() < 0.85 else self.chance.choice(self.names)
        deed = self.chance.randrange(8)
        if deed == 0:
            return [pair for pair in pairs if pair[0] != name]
        if deed == 1:
            return pairs + [pair for pair in pairs if pair[0] == name]
        if deed == 2:
            return [*pairs, (name, self._odd())]
        if deed == 3:
            others = [value for _name, value in pairs] or [""]
            return [(one, self.chance.choice(others) if one == name else value) for one, value in pairs]
        odd = self._odd()
        kept = [(one, odd if one == name else value) for one, value in pairs]
        return kept if any(one == name for one, _value in pairs) else [*kept, (name, odd)]

    def _odd(self) -> str | bytes:
        kind = self.chance.random()
        if kind < 0.15:
            return str(self.chance.choice(self.rows))
        if kind < 0.22:
            return self.chance.choice(self.files)
        return self.chance.choice(ODD)

    def _multipart(self, pairs: list[tuple[str, str | bytes]]) -> tuple[bytes, str]:
        """By hand, because libraries refuse to send what must be tried: lone surrogates, odd names of files."""
        out = BytesIO()
        for name, value in pairs:
            head = f'Content-Disposition: form-data; name="{_header(name)}"'
            if isinstance(value, bytes):
                called = self.chance.choice(
                    ("x.jpg", "x.pdf", "x.xlsx", "", "\ud800.jpg", "a\0.pdf", "../" * 99 + "x.jpg", "x" * 999)
                )
                head += f'; filename="{_header(called)}"'
            body = value if isinstance(value, bytes) else _bytes(value)
            out.write(b"--edge\r\n" + _bytes(head) + b"\r\n\r\n" + body + b"\r\n")
        out.write(b"--edge--\r\n")
        return out.getvalue(), "multipart/form-data; boundary=edge"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _header(text: str) -> str:
    return re.sub(r'["\r\n]', "_", text)


def _encoded(pairs: list[tuple[str, str | bytes]]) -> str:
    parts = ((_bytes(name), value if isinstance(value, bytes) else _bytes(value)) for name, value in pairs)
    return "&".join(f"{quote_from_bytes(name)}={quote_from_bytes(value)}" for name, value in parts)
