"""使用手册, ``/help/manual/``: pages with pictures for each role, and those for operators, with a search.

It contains no data. Whoever may not read a page yet is sent to sign in; whoever is signed in and may not is refused.
"""

from typing import Any

from flask import abort, request, send_file
from flask_babel import gettext
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from app.core.errors import NotAllowed
from app.web import request_context
from app.web.auth.interrupted import login_url
from app.web.base.fab import BaseView, expose
from app.web.base.layout import reader
from app.web.public.manual_pages import (
    LONGEST_QUERY,
    ManualPage,
    drawn,
    page_for,
    page_of_picture,
    picture_file,
    readable,
    search,
)


class ManualView(BaseView):
    """Each page asks for its readers itself, as those of enterprises are for everybody."""

    route_base = "/help/manual"
    class_permission_name = "Help"
    default_view = "contents"

    @expose("/", methods=["GET"])
    def contents(self) -> Response:
        """All pages that the reader may open, or the sections that were looked for (``q``)."""
        groups = readable(request_context.current_actor().roles)
        query = request.args.get("q", "").strip()[:LONGEST_QUERY]
        hits = search(query, [page for _heading, pages in groups for page in pages])
        return self._page(title=gettext("Manual"), query=query, hits=hits, groups=groups)

    @expose("/<name>", methods=["GET"])
    def page(self, name: str) -> Response:
        page = _page_for(name)
        text = drawn(page)
        return self._page(title=text.title, text=text, here=page, groups=readable(request_context.current_actor().roles))

    @expose("/pictures/<name>", methods=["GET"])
    def picture(self, name: str) -> Response:
        file = picture_file(name)
        _page_for(page_of_picture(name))
        return send_file(file, mimetype="image/webp", conditional=True, max_age=3600)

    def _page(self, **context: Any) -> Response:
        return self.rendered("public/manual.html", title_of=lambda page: drawn(page).title, wide=True, **context)


def _page_for(name: str) -> ManualPage:
    """The page, if the reader may read it; who is not signed in is sent to do so first."""
    try:
        return page_for(name, request_context.current_actor().roles)
    except NotAllowed:
        if reader():
            raise
        abort(redirect(login_url()))
