"""The pages of imported sheets: all imports within one's reach, and each with its check, answers, result and undoing."""

from typing import Any

from flask_babel import lazy_gettext as _

from app.web.base.imports.pages import ImportView
from app.web.base.imports.receiving import take_in

__all__ = ["ImportView", "register", "take_in"]


def register(appbuilder: Any) -> None:
    appbuilder.add_view(ImportView, "Imports", label=_("Imports"), icon="upload")
