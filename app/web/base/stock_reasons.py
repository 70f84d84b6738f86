"""The stock reasons that a page offers, read once per request however many rows it shows."""

from collections.abc import Sequence
from typing import Any

from flask import g

from app.core.vocabulary import Action, MatterKind, ReasonStep
from app.db.session import db
from app.eligibility.reasons import offered_at


def stock_reasons(step: ReasonStep | Action, *matters: MatterKind) -> Sequence[str]:
    """The reasons of a step that hold for every matter, after those of the given matters. Never empty."""
    asked = ReasonStep(step.value)  # type: ignore[call-arg]
    cache: dict[Any, Sequence[str]] = g.setdefault("stock_reasons", {})
    if (asked, matters) not in cache:
        cache[asked, matters] = offered_at(db.session(), asked, matters)
    return cache[asked, matters]
