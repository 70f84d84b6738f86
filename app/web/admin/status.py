"""系统状态: what is wrong with the installation and what to do, and its figures, for the system administrator."""

from collections.abc import Mapping

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.core.vocabulary import JobState, MessageState, State
from app.db.counting import MOST_ON_TILE, shown_count
from app.db.session import db
from app.web import request_context
from app.web.base.fab import BaseView, route
from app.worker.findings.gauges import GAUGES, Figure, figures
from app.worker.findings.installation import at_of, shown
from app.worker.findings.kinds import PAPERS
from app.worker.findings.watch import present

# What the labels of figures mean, by name and label.
WORDS: Mapping[str, Mapping[str, object]] = {
    "anguan_jobs": {state.value: state.label for state in JobState},
    "anguan_messages": {state.value: state.label for state in MessageState},
    "anguan_overdue_cases": {state.value: state.label for state in State},
    "anguan_seal_end_timestamp_seconds": PAPERS,
    "anguan_disk_free_bytes": {"home": _("Data folder"), "blobs": _("Files")},
}


class StatusView(BaseView):
    """The page of the system's state."""

    route_base = "/status"
    class_permission_name = "Status"
    default_view = "show"

    @route("/")
    def show(self) -> str:
        of = request_context.installation()
        db.session.rollback()  # the seal service is asked, and may be slow
        return self.render_template(
            "admin/status.html",
            title=gettext("System status"),
            found=present(of),
            figures=[(label(one), value(one)) for one in figures(of)],
            at=of.at,
        )


def label(one: Figure) -> str:
    """What a figure says, and of what."""
    return " · ".join([str(GAUGES[one.name]), *(str(WORDS[one.name][of]) for of in one.of.values())])


def value(one: Figure) -> str:
    """A figure as people read it; by the unit that its name ends in."""
    if one.name.endswith("_timestamp_seconds"):
        return shown(at_of(one.value))
    if one.name.endswith("_seconds"):
        return str(gettext("%(n)s minutes", n=int(one.value // 60)))
    if one.name.endswith("_bytes"):
        return f"{one.value / 1024**3:.1f} GB"
    if one.name.endswith("_intact"):
        return str(gettext("yes") if one.value else gettext("no"))
    return shown_count(int(one.value), MOST_ON_TILE)
