"""A browser without scripts for tests: opens a page, fills in one of its forms, presses its button.

Only fields of a form on the page are sent, and every form that writes must have its CSRF token.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from flask import Flask
from werkzeug.test import TestResponse

PRESSED = ("submit", "button", "image", "reset")


@dataclass
class Form:
    """One form of a page: targets of its buttons, field names, and what a browser would send unchanged."""

    action: str
    method: str = "get"
    names: set[str] = field(default_factory=set)
    ways: set[str] = field(default_factory=set)
    sent: dict[str, list[str]] = field(default_factory=dict)

    def put(self, name: str, value: str) -> None:
        self.sent.setdefault(name, []).append(value)


OPEN_FORMS = ("/lookup", "/preference", "/query")  # they change nothing but the visitor's own cookies


class FormReader(HTMLParser):
    """All forms of a page."""

    def __init__(self, page: str, path: str) -> None:
        super().__init__()
        self.path, self.forms, self.by_id = path, [], {}
        self.form = self.area = self.select = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        had = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.form = Form(had.get("action") or self.path, had.get("method", "get").lower())
            self.forms.append(self.form)
            self.by_id[had.get("id", "")] = self.form
        form = self.by_id.get(had["form"]) if "form" in had else self.form
        if form is not None:
            self._control(tag, had, form)

    def _control(self, tag: str, had: dict[str, str], form: Form) -> None:
        name, kind = had.get("name", ""), had.get("type", "text")
        if tag in ("input", "select", "textarea", "button"):
            form.names.add(name)
        if tag == "button":
            form.ways.add(had.get("formaction") or form.action)
        elif tag == "input" and kind not in (*PRESSED, "file"):
            if kind not in ("checkbox", "radio") or "checked" in had:
                form.put(name, had.get("value", "on" if kind == "checkbox" else ""))
        elif tag == "textarea":
            self.area = (form, name, "")
        elif tag == "select":
            self.select = (form, name, [])
        elif tag == "option" and self.select:
            self.select[2].append((had.get("value", ""), "selected" in had))

    def handle_data(self, data: str) -> None:
        if self.area:
            self.area = (*self.area[:2], self.area[2] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None
        elif tag == "textarea" and self.area:
            self.area[0].put(*self.area[1:])
            self.area = None
        elif tag == "select" and self.select:
            form, name, options = self.select
            chosen = [value for value, ticked in options if ticked] or [value for value, _ticked in options[:1]]
            for value in chosen:
                form.put(name, value)
            self.select = None


class Visitor:
    """One person in one browser."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def sign_in(self, username: str, password: str) -> "Visitor":
        answer = self.press("/login/", "/login/", username=username, password=password)
        assert answer.request.path == "/work/", f"{username} was not let in"
        return self

    def see(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text

    def press(self, page: str | TestResponse, to: str, **typed: object) -> TestResponse:
        """Fill in the form on a page whose button leads ``to`` and press that button; the answer after all redirects."""
        answer = self.client.get(page) if isinstance(page, str) else page
        forms = FormReader(answer.text, answer.request.path).forms
        form = next((form for form in forms if form.method == "post" and to in {form.action, *form.ways}), None)
        assert form is not None, f"no button to {to} on {answer.request.path}"
        assert form.sent.get("csrf_token") or to in OPEN_FORMS, f"no token in the form to {to}"
        assert set(typed) <= form.names, f"no such field: {set(typed) - form.names}"
        return self.client.post(to, data={**form.sent, **typed}, follow_redirects=True)

    def decide_in_batch(self, queue: str, action: str, rows: list[int]) -> TestResponse:
        """Tick rows of a queue, press the button of the action, and confirm the plan if something of it passes."""
        planned = self.press(queue, f"{queue}batch/{action}", rowid=rows)
        confirm = f"{planned.request.path}/confirm"
        return self.press(planned, confirm) if confirm in planned.text else planned
