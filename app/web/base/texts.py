"""Translated texts in templates, looked up once for each language.

Flask-Babel and Jinja ask for locale, domain and context at each text, and a page has hundreds of them.
"""

from functools import lru_cache
from typing import Any

from babel import Locale
from flask import Flask, render_template
from flask_babel import get_domain, get_locale
from markupsafe import Markup


def init_app(app: Flask) -> None:
    """Globals of the templates: ``_("text", name=value)``, and ``part("template")`` for one that depends on nothing else."""

    @lru_cache(maxsize=8192)
    def translated(_locale: Locale | None, message: str) -> Markup:
        return Markup(get_domain().get_translations().ugettext(message))  # noqa: S704 - our own catalogue

    @lru_cache(maxsize=8192)
    def without_values(locale: Locale | None, message: str) -> Markup:
        return translated(locale, message) % {}  # as with Jinja's own, ``%`` is written ``%%``

    @lru_cache(maxsize=64)
    def part_in(_locale: Locale | None, template: str) -> Markup:
        return Markup(render_template(template))  # noqa: S704 - a template of ours

    def text(message: str, **values: Any) -> Markup:
        return translated(get_locale(), message) % values if values else without_values(get_locale(), message)

    app.jinja_env.globals.update(_=text, gettext=text, part=lambda template: part_in(get_locale(), template))
