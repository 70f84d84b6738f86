"""Links from a refusal (its ``FixPlace``) to the page and the field or card where the user can put it right."""

from collections.abc import Callable
from typing import Any

from flask import current_app, url_for

from app.core.errors import FixPlace
from app.core.vocabulary import PaperKind

Target = tuple[str, dict[str, Any]]  # endpoint and its arguments


def _row_or_list(screen: str) -> Callable[[int | None], Target]:
    return lambda row: (f"{screen}.edit", {"pk": row}) if row else (f"{screen}.list", {})


# An enterprise has one page of basic information, its own, whatever row is named.
PAGES: dict[str, Callable[[int | None], Target]] = {
    "person": _row_or_list("PersonScreen"),
    "people": lambda _row: ("PersonScreen.list", {}),
    "enterprise": lambda _row: ("EnterpriseView.mine", {}),
    "qualification": _row_or_list("QualificationScreen"),
    "filing": lambda row: ("FilingView.edit", {"filing_id": row}),
    "correction": lambda row: ("CorrectionView.edit", {"application_id": row}),
    "second": lambda _row: ("SecondView.choose", {}),
    "identities": lambda _row: ("CorrectionRequestScreen.list", {}),
    "identity": lambda row: ("CorrectionRequestScreen.ask", {"person_id": row}),
    "signup": lambda row: ("NoticeScreen.signup", {"notice_id": row}),
}


def url_of(place: FixPlace | None, *, back: str = "") -> str:
    """The URL of a place, with ``back`` (a local path) as its ``next``; ``""`` where the view is not registered."""
    if place is None or place.page not in PAGES:
        return ""
    endpoint, values = PAGES[place.page](place.row)
    if endpoint not in current_app.view_functions or None in values.values():
        return ""
    if back:
        values["next"] = back
    anchor = f"f-{place.part.replace('.', '-')}" if place.page == "correction" else anchor_of(place.part)
    return url_for(endpoint, **values, _anchor=anchor or None)


def anchor_of(part: str) -> str:
    """The element id of a part: ``paper-photo`` for a scan, the field's name otherwise."""
    return f"paper-{part}" if part in {kind.value for kind in PaperKind} else part
