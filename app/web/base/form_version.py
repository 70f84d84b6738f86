"""What a form showed of a stored row: a save that would overwrite somebody else's change shows both versions instead.

The page carries a keyed digest of each field's stored value. A save reads the row again under its lock and compares: no
version column is needed, and nothing that is masked on the page leaves the server.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import request
from flask_babel import gettext
from wtforms import HiddenField

from app.core.clock import office_time
from app.core.crypto.encryption import keyring
from app.core.vocabulary import Term
from app.web.forms import AppForm, TicksField, UploadField

SEEN, THEIRS = "seen", "theirs"  # names of the hidden field, and of the button that gives way
DIGITS = 24  # hex digits of a digest


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that somebody else has changed since the page was opened, as shown to people."""

    field: Any
    mine: str  # "" if the user had left it alone
    theirs: str
    file: bool = False  # the user had chosen a file that was not put aside, which no page can keep
    gone: bool = False  # the user had taken the field off the form, by unticking what it belongs to


class FormVersion:
    """The version of one stored row that one form shows. ``what`` names the row: digests of another one do not count."""

    def __init__(self, form: AppForm, what: str) -> None:
        self.form, self.what = form, what
        self.sent = form.is_submitted()
        self._taken: set[str] = set()  # names of fields that show the stored value instead of what was sent
        self.differences: list[Difference] = []
        self._seen = _read(request.form.get(SEEN, "")) if self.sent else self._digests(form)

    @property
    def token(self) -> str:
        """For the hidden field."""
        return json.dumps(self._seen, separators=(",", ":"))

    @property
    def wants_theirs(self) -> bool:
        """Whether the user gives way in the fields that differ."""
        return self.sent and THEIRS in request.form

    def differs(self, stored: AppForm) -> bool:
        """Whether ``stored``, the form as it would show the locked row, has changes that the user has not seen.

        Then ``differences`` lists them, fields the user left alone take the stored value, and the next save counts.
        """
        self.differences = list(self._compare(stored))
        if not self.differences:
            return False
        for difference in self.differences:
            if not difference.mine and not difference.gone:
                self._take(difference.field.name, stored)
        self._seen = self._digests(stored)
        return True

    def take_theirs(self, stored: AppForm) -> None:
        """Show the stored values of the fields that differed; what else was typed stays."""
        fresh = self._digests(stored)
        for name in request.form.get(THEIRS, "").split(","):
            if name in fresh and name in self.form:
                self._take(name, stored)
                self._seen[name] = fresh[name]

    def redraw(self, form: AppForm, stored: AppForm) -> None:
        """Go on with ``form``, drawn again because a value that was taken decides which fields there are."""
        before, self.form = self.form, form
        for name in self._digests(stored):
            if name in form and (name in self._taken or name not in before):
                self._take(name, stored)

    def _take(self, name: str, stored: AppForm) -> None:
        self._taken.add(name)
        _take(self.form[name], stored[name])

    def _compare(self, stored: AppForm) -> Iterator[Difference]:
        for name, digest in self._digests(stored).items():
            if digest == self._seen.get(name):
                continue
            if name not in self.form:
                if name in self._seen:
                    yield Difference(stored[name], "", _shown(stored[name]), gone=True)
                continue
            field = self.form[name]
            touched = _is_chosen(field) if isinstance(field, UploadField) else self._is_touched(field)
            if touched and not isinstance(field, UploadField) and _text(field) == _text(stored[name]):
                continue
            yield Difference(
                field, _shown(field, typed=True) if touched else "", _shown(stored[name]), touched and _is_lost(field)
            )

    def _is_touched(self, field: Any) -> bool:
        if hasattr(field, "kept") and not field.data:
            return False
        return self._digest(field.name, _text(field)) != self._seen.get(field.name)

    def _digests(self, form: AppForm) -> dict[str, str]:
        """Of every field that shows something stored."""
        return {field.name: self._digest(field.name, _text(field, stored=True)) for field in form if _is_shown(field)}

    def _digest(self, name: str, text: str) -> str:
        return keyring.lasting_digest(text, f"form.{self.what}.{name}")[:DIGITS]


def _is_shown(field: Any) -> bool:
    return not isinstance(field, HiddenField) and field.type != "CSRFTokenField"


def _text(field: Any, *, stored: bool = False) -> str:
    """The value of a field, the same text for the same value."""
    if isinstance(field, UploadField):
        return f"{field.current.name} {field.current.url}" if field.current else ""
    value = getattr(field, "kept", "") if stored and hasattr(field, "kept") else field.data
    return _plain(value)


def _plain(value: Any) -> str:
    if value is None or value is False:
        return ""
    if isinstance(value, Term):
        return str(value.value)
    if isinstance(value, datetime):
        return f"{office_time(value):%Y-%m-%d %H:%M}"  # forms have no seconds
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ",".join(sorted(map(_plain, value)))
    return str(value)


def _shown(field: Any, *, typed: bool = False) -> str:
    """As people read it."""
    if isinstance(field, UploadField):
        return _shown_file(field, typed=typed)
    if hasattr(field, "kept"):
        return str(field.masked())
    if isinstance(field.data, bool):
        return str(gettext("on") if field.data else gettext("off"))
    if isinstance(field, TicksField):
        chosen = [str(label) for value, label, is_chosen, *_rest in field.iter_choices() if is_chosen]
        return "、".join(chosen) or "—"
    if hasattr(field, "iter_choices"):
        label = next((str(label) for _value, label, is_chosen, *_rest in field.iter_choices() if is_chosen), "")
        return label if field.data else "—"
    return _plain(field.data) or "—"


def _shown_file(field: UploadField, *, typed: bool) -> str:
    if typed:
        if field.data is not None:
            return str(field.data.filename)
        return field.received.name if field.received else str(gettext("removed"))
    return field.current.name if field.current else "—"


def _is_chosen(field: UploadField) -> bool:
    return field.data is not None or field.received is not None or field.removed


def _is_lost(field: Any) -> bool:
    return isinstance(field, UploadField) and field.data is not None and field.received is None


def _take(field: Any, stored: Any) -> None:
    """Show the stored value instead of what was sent."""
    if isinstance(field, UploadField):
        field.current, field.removable, field.removed = stored.current, stored.removable, False
        field.data = field.received = None
    else:
        field.raw_data, field.data = None, stored.data
    field.process_errors, field.errors = [], ()


def _read(text: str) -> dict[str, str]:
    """The digests of the hidden field; none for anything else, so that every field counts as not seen."""
    try:
        seen = json.loads(text)
    except (ValueError, RecursionError):  # the latter for what is nested too deeply
        return {}
    return {str(name): str(digest) for name, digest in seen.items()} if isinstance(seen, dict) else {}
