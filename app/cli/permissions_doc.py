"""docs/ROLES.md: who may open what, as the operators read it; written from ``web.auth.permissions``, never by hand."""

from pathlib import Path
from typing import Any

import click
from flask_babel import force_locale
from flask_babel import lazy_gettext as _

from app import create_app
from app.cli.common import settings_in_use
from app.core.vocabulary import Role
from app.web.auth.permission_words import grants
from app.web.auth.permissions import ANONYMOUS

DOCUMENT = Path("docs/ROLES.md")
TITLE = _("Roles and pages")
WRITTEN = _("Written by “anguan roles --write” from app/web/auth/permissions.py; do not edit.")
MEANING = _(
    "Opening a page is the first lock only: which rows it shows and what may be done to them is asked again, by region, "
    "enterprise and stage."
)
PAGE, ACTION, OPEN, REASON = _("Page"), _("What may be done"), _("Open to everybody"), _("Reason")


@click.command()
@click.option("--write", is_flag=True, help="Write it to docs/ROLES.md.")
def roles(write: bool) -> None:
    """Say who may open what, as a table."""
    app = create_app(settings_in_use())
    with app.app_context():
        text = permissions_table(app.extensions["appbuilder"])
    if write:
        DOCUMENT.write_text(text)
    else:
        print(text)


def permissions_table(appbuilder: Any) -> str:
    """The whole table, in the order of the declaration."""
    heads = " | ".join(f"{both(role.label)} `{role.value}`" for role in Role)
    lines = [f"# {both(TITLE)}", "", in_words(WRITTEN, "zh"), in_words(MEANING, "zh"), "", in_words(WRITTEN, "en")]
    lines += [in_words(MEANING, "en"), "", f"| {both(PAGE)} | {both(ACTION)} | {heads} |", "|---|---|" + ":-:|" * len(Role)]
    for grant in grants(appbuilder):
        marks = " | ".join("●" if role in grant.holders else "" for role in Role)
        action = f"{both(grant.words)} `{grant.permission.removeprefix('can_')}`"
        lines.append(f"| {both(grant.page)} `{grant.view}` | {action} | {marks} |")
    lines += ["", f"## {both(OPEN)}", "", f"| {both(PAGE)} | {both(REASON)} |", "|---|---|"]
    lines += [f"| `{endpoint}` | {reason} |" for endpoint, reason in ANONYMOUS.items()]
    return "\n".join(lines) + "\n"


def both(label: object) -> str:
    """In Chinese and in English."""
    return " · ".join(dict.fromkeys(in_words(label, locale) for locale in ("zh", "en")))


def in_words(label: object, locale: str) -> str:
    with force_locale(locale):
        return str(label)
