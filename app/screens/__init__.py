"""Joinery of the generated screens: what every list, form and page of the house does alike.

Law: a screen shows and stores what it is told to; it hides buttons, and only the domain forbids.
"""

from app.screens.charts import bars, stacked_columns
from app.screens.datamodel import SelInterface
from app.screens.furniture import furnish, safe_next
from app.screens.limits import due
from app.screens.links import TONES, Link, shown, tone
from app.screens.screen import Screen

__all__ = [
    "TONES",
    "Link",
    "Screen",
    "SelInterface",
    "bars",
    "due",
    "furnish",
    "safe_next",
    "shown",
    "stacked_columns",
    "tone",
]
