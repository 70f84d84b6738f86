import pytest
from werkzeug.wrappers import Response

from app.web.base.file_response import SHOWN, secured


@pytest.mark.parametrize("mime", sorted(SHOWN))
def test_a_file_that_was_handed_in_runs_nothing_and_is_kept_by_nobody(mime):
    headers = secured(Response(b"", mimetype=mime)).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert ("sandbox" in policy) is (mime != "application/pdf")  # a viewer of PDF shows nothing in a sandbox
    assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
