"""Generated screens (list, form, page of one row) and what all pages share.

Screens hide buttons by permission; actions are refused by the domain.
"""

from app.web.base.charts import bars, stacked_columns
from app.web.base.datamodel import SelInterface
from app.web.base.deadline_badge import due
from app.web.base.layout import safe_next
from app.web.base.links import TONES, Link, shown, text_of, tone
from app.web.base.model_view import ModelScreen, OpenList
from app.web.base.setup import init_app

__all__ = [
    "TONES",
    "Link",
    "ModelScreen",
    "OpenList",
    "SelInterface",
    "bars",
    "due",
    "init_app",
    "safe_next",
    "shown",
    "stacked_columns",
    "text_of",
    "tone",
]
