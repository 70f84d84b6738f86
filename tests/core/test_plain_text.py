"""Text made for a page never reaches a paper, a sheet or a message."""

import pytest
from flask_babel import lazy_gettext as _
from markupsafe import Markup

from app.certificates.pdf import letters
from app.certificates.pdf.content import Face
from app.core.office import Office
from app.core.plain_text import plain
from app.files.spreadsheets import Column, write
from app.outbox.sms_texts import PASSWORD_RESET, system_message

PAGE_TEXT = Markup('<span class="muted">—</span>')
HEAD = {"issuer": "厅", "title": "申报表", "number": "1", "seal_text": "章"}
LETTER = dict.fromkeys(("addressee", "signed_on", "foot"), "某") | dict.fromkeys(("sentences", "reasons", "closing"), ("某",))


def test_text_is_plain_in_any_of_its_own_kinds():
    assert [plain(value) for value in ("<b>", 1, _("Yes"))] == ["<b>", "1", "Yes"]
    with pytest.raises(TypeError):
        plain(PAGE_TEXT)


DRAWN = {
    "a cell of a form": lambda: letters.draw(letters.Form(**HEAD, tables=(("表", (("受理编号", PAGE_TEXT),)),), wide=())),
    "the title of a form": lambda: letters.draw(letters.Form(**HEAD | {"title": PAGE_TEXT}, tables=(), wide=())),
    "a reason of a letter": lambda: letters.draw(letters.LetterText(**HEAD, **LETTER | {"reasons": (PAGE_TEXT,)})),
    "the face of a certificate": lambda: Face(**dict.fromkeys(Face.__slots__, PAGE_TEXT)).words(),
    "a title of a sheet": lambda: write((Column("a", "甲"),), [], sheet_title=PAGE_TEXT),
    "a value of a message": lambda: system_message(PASSWORD_RESET, "13800000000", Office(), username=PAGE_TEXT, moment="今"),
}


@pytest.mark.parametrize("where", DRAWN)
def test_text_for_a_page_is_refused_by_what_draws_and_sends(where):
    with pytest.raises(TypeError, match="reached a paper"):
        DRAWN[where]()
