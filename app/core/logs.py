"""How lines of the log are written: as text, or as one JSON object each, personal numbers masked in both."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime

from app.core.redaction import MaskingFormatter, mask_numbers

TEXT_LINE = "%(asctime)s %(name)s %(levelname)s %(message)s"
# The number of the request that this thread answers, which its error page shows; of a job: ``job`` and its id.
number: ContextVar[str] = ContextVar("number", default="")


class JsonFormatter(logging.Formatter):
    """``at`` (UTC), ``level``, ``logger``, ``message``; if there are any: ``request`` (its number), ``trace``."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": mask_numbers(record.getMessage()),
        }
        if asked := number.get():
            line["request"] = asked
        if record.exc_info:
            line["trace"] = mask_numbers(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def formatter(*, as_json: bool) -> logging.Formatter:
    return JsonFormatter() if as_json else MaskingFormatter(TEXT_LINE)
