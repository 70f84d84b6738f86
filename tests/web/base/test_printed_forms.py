"""Forms drawn when they are opened; what is on them: the tests of those who fill them in."""

import pytest

from app.web.base.printed_forms import as_file


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_a_form_is_shown_in_the_browser_or_stored_if_asked(app):
    for query, how in (("", "inline"), ("?download", "attachment")):
        with app.test_request_context(f"/{query}"):
            answer = as_file(b"%PDF", "表.pdf")
            assert answer.mimetype == "application/pdf"
            assert answer.headers["Content-Disposition"].startswith(how)
