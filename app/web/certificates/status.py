"""Suspension, reinstatement, revocation and withdrawal of one certificate by the administrator."""

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.certificates.status_changes import by_number, change_status
from app.core.errors import AppError, NotFound, Stale
from app.db.session import db
from app.models import Certificate
from app.web import request_context
from app.web.base import safe_next
from app.web.base.access_filter import ROW
from app.web.base.error_pages import flash_refusals
from app.web.base.fab import BaseView, route
from app.web.base.private_urls import decode_param, redirect_if_personal
from app.web.certificates.history import STATUS_ACTIONS, events_of, facts_of, status_links, version_rows


class StandingView(BaseView):
    """暂扣, 暂扣发还, 撤销, 吊销: found by the exact number only; every change needs a reason and is recorded."""

    route_base = "/standing"
    class_permission_name = "Standing"
    default_view = "find"

    @route("/")
    def find(self) -> Response:
        if (elsewhere := redirect_if_personal()) is not None:
            return elsewhere
        number = decode_param(request.args.get("number", "")).strip()
        if not number:
            return self._page(None)
        try:
            found = by_number(db.session, number, request_context.current_actor())
        except NotFound:
            return self._page(None, gettext("There is no certificate with exactly this number in your region."), 404)
        request_context.note_reading(found, shown="standing")
        return self._page(found)

    @route(f"/{ROW}certificate_id>/<code>", "POST")
    def change(self, certificate_id: int, code: str) -> Response:
        action = next((action for action in STATUS_ACTIONS if action.value == code), None) or abort(404)
        reason = request.form.get("reason", "")
        try:
            certificate = change_status(db.session, certificate_id, action, reason=reason, **request_context.acting())
            number = certificate.number
            db.session.commit()
        except Stale:
            db.session.rollback()
            flash(gettext("Nothing was changed: the certificate no longer stands as you saw it."), "danger")
            return redirect(safe_next(url_for("StandingView.find")))
        except AppError as error:
            flash_refusals(error)
            return redirect(safe_next(url_for("StandingView.find")))
        flash(gettext("%(number)s: %(action)s.", number=number, action=action.label), "success")
        return redirect(url_for("StandingView.find", number=number))

    def _page(self, found: Certificate | None, missed: object = "", status: int = 200) -> Response:
        number = decode_param(request.args.get("number", "")).strip()
        page = self.render_template(
            "certificates/status.html",
            title=gettext("Standing of certificates"),
            number=number[:60],
            missed=missed,
            certificate=found,
            status=found and found.status_on(request_context.today()),
            facts=facts_of(found) if found else [],
            versions=version_rows(found, open_pdf=False) if found else [],
            events=events_of(found) if found else [],
            actions=status_links(found) if found else [],
        )
        return Response(page, status, mimetype="text/html")
