"""角色与权限: what each role may do on each page, in words, for the security administrator and the auditor.

From the same declaration as docs/ROLES.md; what is shown here is what counts.
"""

from itertools import groupby

from flask import current_app, request
from flask_babel import gettext

from app.core.vocabulary import Role
from app.web.auth.permission_words import grants
from app.web.base.fab import BaseView, route


class PermissionView(BaseView):
    """Of all roles, or of one (``?role=``)."""

    route_base = "/permissions"
    class_permission_name = "Permission"
    default_view = "show"

    @route("/")
    def show(self) -> str:
        asked = next((role for role in Role if role.value == request.args.get("role")), None)
        every = [grant for grant in grants(getattr(current_app, "appbuilder")) if asked is None or asked in grant.holders]  # noqa: B009 - Flask's type does not know it
        pages = groupby(every, lambda grant: str(grant.page))
        return self.render_template(
            "admin/permissions.html",
            title=gettext("Roles and permissions"),
            roles=list(Role) if asked is None else [asked],
            asked=asked,
            every_role=list(Role),
            pages=[(page, list(held)) for page, held in pages],
        )
