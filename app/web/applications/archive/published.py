"""公示: what was published of decisions and measures, also after its time, as the office keeps it."""

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.core.vocabulary import Action, Stage
from app.models import PublicNotice
from app.web.base import SelInterface, tone
from app.web.base.access_filter import WithinReach
from app.web.base.list_export import ExportedList
from app.workflow import MOVES, publish_result

# The label of a published result is that of the officer's button.
RESULTS: dict[tuple[Stage, bool], Action] = {
    (move.stage, move.agreed): move.action for move in MOVES if move.stage is not None and publish_result in move.then
}


class PublicNoticeScreen(ExportedList):
    """Written with the decision and never changed; the public page shows the same for as long as a notice stays listed."""

    datamodel = SelInterface(PublicNotice)
    route_base = "/published"
    class_permission_name = "PublicNotice"
    base_permissions = ["can_list", "can_show", "can_export"]
    base_filters = [["id", WithinReach, None]]
    list_title, show_title = _("Published results"), _("Published result")
    empty_text = _("Nothing has been published yet. Each decision is, by itself.")
    list_columns = ["name", "enterprise_name", "about", "result", "certificate_number", "published_at"]
    sub_columns = {"name": "masked_id_number", "about": "category"}
    show_columns = [
        "name", "masked_id_number", "enterprise_name", "about", "category", "stage", "result", "certificate_number",
        "published_at",
    ]  # fmt: skip
    head_column = "name"
    search_columns = ["published_at"]
    order_columns = ["published_at"]
    base_order = ("published_at", "desc")
    label_columns = {
        "name": _("Full name"),
        "masked_id_number": _("ID number"),
        "enterprise_name": _("Enterprise"),
        "about": _("Matter or measure"),
        "category": _("Personnel category"),
        "stage": _("Stage"),
        "result": _("Result"),
        "certificate_number": _("Certificate number"),
        "published_at": _("Published at"),
    }

    def note(self) -> object:
        return gettext("Everything that was published, also what the public page no longer lists.")

    def cell(self, column: str, item: PublicNotice) -> object | None:
        if column == "about":
            return str(item.matter.label if item.matter is not None else gettext("Measure of the authority"))
        return str(result_label(item)[0]) if column == "result" else None


def result_label(notice: PublicNotice) -> tuple[object, str]:
    """The officer's decision, or the measure: its word and its tone. A button says 受理, a result 予以受理."""
    if notice.measure is not None:
        return notice.measure, ""
    assert notice.stage is not None  # noqa: S101 - a constraint: a notice is of a decision or of a measure
    action = RESULTS[notice.stage, notice.agreed]
    return (_("Accepted") if action is Action.ACCEPT else action), tone(action)
