"""Who carries text messages, as the settings say: a file, the console, or a provider over HTTP.

Law: a gateway answers or raises within the courier's ``PATIENCE``; what it raises never holds its token.
"""

import json
from dataclasses import dataclass, field
from urllib.request import HTTPRedirectHandler, Request, build_opener

from app.config import Settings
from app.messages import PATIENCE, ConsoleGateway, FileGateway, Gateway

LONGEST_ANSWER = 64 * 1024


class _Straight(HTTPRedirectHandler):
    """Follows no redirection: the token is meant for one address, and a POST that turns into a GET sends nothing."""

    def redirect_request(self, *_request: object) -> None:
        return None


@dataclass(frozen=True, slots=True)
class HttpGateway:
    """POSTs ``{"reference", "mobile", "text"}`` as JSON. Any 2xx is a yes; a ``reference`` in the answer is kept.

    Our ``reference`` is the same each time a message is tried, so that a provider can drop the second one.
    """

    url: str
    token: str = field(default="", repr=False)

    def send(self, message_id: int, mobile: str, text: str) -> str:
        body = json.dumps({"reference": str(message_id), "mobile": mobile, "text": text}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = Request(self.url, body, headers, method="POST")  # noqa: S310 - config lets only http and https pass
        with build_opener(_Straight).open(request, timeout=PATIENCE.total_seconds()) as answer:
            return _reference(answer.read(LONGEST_ANSWER)) or f"http-{message_id}"


def _reference(answer: bytes) -> str:
    """The carrier's own reference, if it tells one. That it took the message is what counts, not how it says so."""
    try:
        said = json.loads(answer)
    except ValueError:
        return ""
    return str(said.get("reference") or "")[:100] if isinstance(said, dict) else ""


def gateway_of(settings: Settings, *, console: bool = False) -> Gateway:
    """The gateway the settings name; without one, messages are written to a file under ``ANGUAN_HOME``."""
    if console:
        return ConsoleGateway()
    if settings.sms_url:
        return HttpGateway(settings.sms_url, settings.sms_token)
    return FileGateway(settings.home / "messages.jsonl")
