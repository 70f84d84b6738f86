"""短信文字: the wording of every text message, with an example of it and its length in parts."""

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from app.applications import own_sms_texts
from app.applications.own_sms_texts import LONGEST, SmsText
from app.core.errors import Stale, Unmet
from app.db.session import db
from app.web import request_context
from app.web.base.access_filter import without_controls
from app.web.base.fab import BaseView, route

GROUPS = {
    "decision": _("Decisions on applications"),
    "old_enterprise": _("To the old enterprise of a transfer"),
    "measure": _("Measures against certificates"),
    "account": _("Accounts"),
    "exam": _("Exams"),
    "person": _("People freed by the authority"),
    "reminder": _("Reminders"),
    "code": _("Codes"),
    "system": _("To administrators"),
}


class SmsTextView(BaseView):
    route_base = "/sms-texts"
    class_permission_name = "SmsText"
    default_view = "show"

    @route("/")
    def show(self) -> str:
        """All of them in groups, each with its example; ``?changed=1``: only those the office has worded itself."""
        office, changed = request_context.current_office(), request.args.get("changed") == "1"
        every = own_sms_texts.texts(db.session())
        listed = [one for one in every.values() if one.own or not changed]
        lines = [(one, *own_sms_texts.example(one.own or one.default, office)) for one in listed]
        groups = [(word, [line for line in lines if line[0].name.split(".")[0] == code]) for code, word in GROUPS.items()]
        return self.render_template(
            "admin/sms_texts.html",
            title=gettext("Texts of text messages"),
            groups=[(word, found) for word, found in groups if found],
            changed=changed,
            number_changed=sum(bool(one.own) for one in every.values()),
        )

    @route("/<name>", "GET", "POST")
    def edit(self, name: str) -> Response:
        """The form of one text. ``then=look`` shows the example of what was typed, ``then=default`` restores it."""
        one = own_sms_texts.text_of(db.session(), name)
        typed = without_controls(request.form.get("text", one.own or one.default))
        then, refused = request.form.get("then", ""), list[object]()
        if request.method == "POST" and then != "look":
            try:
                return self._saved(one, "" if then == "default" else typed)
            except (Unmet, Stale) as error:
                db.session.rollback()
                refused = [refusal.sentence for refusal in error.refusals]
                one = own_sms_texts.text_of(db.session(), name)
        elif then == "look":
            refused = [refusal.sentence for refusal in own_sms_texts.faults(one, " ".join(typed.split()))]
        text, parts = own_sms_texts.example(typed, request_context.current_office())
        return self.rendered(
            "admin/sms_text.html",
            422 if refused else 200,
            title=gettext("Text of a text message"),
            crumbs=[(gettext("Texts of text messages"), url_for("SmsTextView.show"))],
            one=one,
            typed=typed,
            refused=refused,
            example=text,
            parts=parts,
            longest=LONGEST,
            values=[(f"%({name})s", own_sms_texts.EXAMPLES.get(name, "")) for name in one.placeholders],
        )

    def _saved(self, one: SmsText, wording: str) -> Response:
        actor, at, address = request_context.current_actor(), request_context.office_now(), request_context.address()
        seen = request.form.get("seen", "")
        changed = own_sms_texts.change(db.session(), one.name, wording, actor, seen=seen, at=at, address=address)
        db.session.commit()
        flash(gettext("Saved. It is worded so from now on.") if changed else gettext("Nothing was changed."), "success")
        return redirect(url_for("SmsTextView.show"))
