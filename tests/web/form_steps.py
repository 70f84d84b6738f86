"""Saving a form as a browser does: opened first, and sent back with the version that it showed."""

import html
import re
from typing import Any

from flask.testing import FlaskClient


def asks_for_json(client: FlaskClient) -> FlaskClient:
    """The client, which gets errors as JSON (other pages as they are): for tests that count thousands of refusals.

    Half of a refused request is its error page, which ``test_attacks`` opens as every role anyway.
    """
    client.environ_base["HTTP_ACCEPT"] = "application/json"
    return client


def seen(client: FlaskClient, url: str) -> dict[str, str]:
    """The hidden version that the form shows; none if the page has no such form."""
    found = re.search(r'name="seen" value="([^"]*)"', client.get(url).text)
    return {"seen": html.unescape(found[1])} if found else {}


def save(client: FlaskClient, url: str, data: dict[str, Any], **how: Any) -> Any:
    """Open the form and send it."""
    return client.post(url, data=data | seen(client, url), **how)


def tickets(page: str) -> dict[str, str]:
    """What a page that came back sends in the place of the files that were accepted."""
    return dict(re.findall(r'name="([^"]+-kept)" value="([^"]+)"', page))
