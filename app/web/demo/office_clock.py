"""The page on which the demonstration's clock is set forward; production does not have it."""

from datetime import date

from flask import abort, flash, redirect, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.applications import demo_clock
from app.core.clock import office_day
from app.core.errors import AppError
from app.db.session import db
from app.web import request_context
from app.web.base.fab import BaseView, route
from app.web.forms import AppForm, DayField, Required


class ClockForm(AppForm):
    day = DayField(_("New day of the office"), validators=[Required()])


class DemoClockView(BaseView):
    """Everybody who is signed in to a demonstration may set it, because one person plays all parts."""

    route_base = "/demo-clock"
    class_permission_name = "DemoClock"
    default_view = "show"

    @route("/")
    def show(self) -> Response:
        return self._page(ClockForm(formdata=None))

    @route("/move", "POST")
    def move(self) -> Response:
        form = ClockForm()
        if not form.validate() or form.day.data is None:
            return self._page(form, 422)
        try:
            _move(form.day.data)
            db.session.commit()
        except AppError as error:
            db.session.rollback()
            form.day.errors = [str(refusal.sentence) for refusal in error.refusals]
            return self._page(form, error.status)
        flash(gettext("The office's day is now %(day)s.", day=form.day.data.isoformat()), "success")
        return redirect(url_for("DemoClockView.show"))

    def _page(self, form: ClockForm, status: int = 200) -> Response:
        if not request_context.current_office().demonstration:
            abort(404)
        today = request_context.today()
        return self.rendered(
            "demo/office_clock.html",
            status,
            title=gettext("Demonstration clock"),
            form=form,
            today=today,
            true_day=office_day(request_context.now()),
            milestones=demo_clock.milestones(db.session(), today),
        )


def _move(day: date) -> None:
    demo_clock.set_day(
        db.session(),
        day,
        by=request_context.current_actor().name,
        base=request_context.settings().office,
        at=request_context.now(),
        address=request_context.address(),
    )
