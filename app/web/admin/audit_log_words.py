"""Words for codes in changes of the audit log that are no columns: what was shown, which list, how somebody signed in."""

from collections.abc import Mapping
from typing import Any

from flask import current_app
from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.core.sign_in_vocabulary import SignInMethod
from app.core.vocabulary import PaperKind, Role

_METHODS = {method.value: method.label for method in SignInMethod}
WORDS: Mapping[str, Mapping[str, object]] = {
    "way": _METHODS,
    "second": _METHODS,
    "again": _METHODS,
    "kind": {kind.value: kind.label for kind in PaperKind},
    "roles": {role.value: role.label for role in Role},
    "shown": {
        "archive": _("E-archive"),
        "certificate": _("E-certificate"),
        "document": _("Document of the decision"),
        "form": _("Application form"),
        "id_number": _("ID number"),
        "letter": _("Letter"),
        "mobile": _("Mobile"),
        "preview": _("Preview of the application form"),
        "standing": _("Status of a certificate"),
        "steps": _("Steps of the application"),
        "zip": _("Download of certificates"),
    },
    "what": {"licence": _("Business licence")},
    "list": {
        "diary": _("Audit log"),
        "due": _("Due cases"),
        "holidays": _("Holidays"),
        "import": _("Sheet with results"),
        "statistics": _("Statistics"),
    },
    "search": {"transfer": _("People of other enterprises, for a transfer")},
    "lock": {"there": _("locked"), "ended": _("free again")},
    "sessions": {"there": _("signed in"), "ended": _("ended")},
    "password": {"sms": _("Set anew by text message")},
    "scores": {"final": _("Final")},
}
_SCREENS = ("door", "list")  # hold the endpoint of a page


def word_of(name: str, value: Any) -> Any:
    """A value of a change with its words: as it is where it has none."""
    if isinstance(value, list):
        return [word_of(name, part) for part in value]
    if not isinstance(value, str):
        return value
    if word := WORDS.get(name, {}).get(value):
        return word
    return _page(value) if name in _SCREENS else value


def _page(endpoint: str) -> object:
    """The title of the screen that an endpoint belongs to, with the endpoint, which names the button pressed."""
    screen = endpoint.partition(".")[0]
    views = getattr(current_app, "appbuilder").baseviews  # noqa: B009 - Flask's type does not know it
    view = next((view for view in views if view.endpoint == screen), None)
    title = getattr(view, "list_title", "")
    return gettext("%(page)s (%(endpoint)s)", page=title, endpoint=endpoint) if title else endpoint
