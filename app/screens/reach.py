"""The base filter of the generated screens: rows within the reader's reach, asked anew for every request.

Law: the same question as the domain's; a screen that forgets it shows nothing more, because the domain asks again.
"""

from typing import Any

from flask_appbuilder.models.filters import BaseFilter

from app import desk
from app.scope import reach
from app.screens.datamodel import LARGEST_ID

ROW = f"<int(max={LARGEST_ID}):"  # an id in an address: what no column can hold is no address of ours


class WithinReach(BaseFilter):  # type: ignore[misc]
    """``base_filters = [["id", WithinReach, None]]``."""

    name = "Within reach"
    arg_name = "reach"

    def apply(self, query: Any, value: Any) -> Any:  # noqa: ARG002 - FAB's own signature
        return query.filter(reach(desk.actor(), self.model))
