"""``ModelScreen``: the generated list, form and page over a table.

Every row is fetched inside the base filters; everything is stored by ``save``; no GET changes anything.
"""

import builtins
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, ClassVar

from flask import abort, flash, redirect, request, url_for
from flask_appbuilder.forms import GeneralModelConverter
from flask_babel import gettext
from sqlalchemy import ColumnElement
from sqlalchemy.exc import IntegrityError
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app.core.errors import AppError, Stale, Unmet, Unwritable
from app.core.vocabulary import Term
from app.web.base.access_filter import WithinReach
from app.web.base.datamodel import COUNT_CAP, PAGE_SIZES, TALLY_CAP, SelInterface
from app.web.base.fab import ModelView, route
from app.web.base.form_version import FormVersion
from app.web.base.layout import safe_next
from app.web.base.links import Link, shown
from app.web.base.list_layout import layout_of
from app.web.base.private_urls import has_personal_data
from app.web.base.query import Box, ListQuery, ask, boxes_for, has_empty_fields
from app.web.forms import AppForm, fields_for, is_restored, place_refusals

log = logging.getLogger(__name__)

# FAB's routes that are never registered: actions on any row id, downloads of any file name.
UNUSED_ROUTES = frozenset({"action", "action_post", "download", "userinfo"})


EVERY = "all"  # the tab 全部, where another one is the default


class ModelScreen(ModelView):
    """Base of every generated screen. FAB's declarations (columns, labels, fieldsets, filters) are read as they are."""

    list_template = "base/list.html"
    show_template = "base/show.html"
    add_template = "base/form.html"
    edit_template = "base/form.html"
    page_size = 20

    # FAB's attributes, which it leaves untyped.
    datamodel: Any
    actions: Any
    base_permissions: Any
    exclude_route_methods: Any
    related_views: Any
    order_columns: Any
    add_form: Any
    edit_form: Any

    head_column = ""
    tag_columns: Sequence[str] = ()
    tabs_column = ""
    tabs: Sequence[Term] = ()
    tab_first: Term | None = None  # the default tab; 全部 then comes last
    order_every: Sequence[str] | None = None  # what 全部 can be sorted by; None: as each tab, but by id if it comes last
    sub_columns: ClassVar[Mapping[str, str]] = {}
    search_by: ClassVar[Mapping[str, Callable[[str], ColumnElement[bool] | None]]] = {}
    form_buttons: Sequence[tuple[str, object]] = ()
    empty_text: object = ""  # of a list without rows: what comes here, and what to do next; see ``empty``

    def __init__(self, **kwargs: Any) -> None:
        self.exclude_route_methods = set(self.exclude_route_methods) | UNUSED_ROUTES
        super().__init__(**kwargs)
        # FAB makes a permission of every inherited @action; none has a route here.
        self.base_permissions = [name for name in self.base_permissions if name not in self.actions]
        self.actions = {}

    def _init_properties(self) -> None:
        if not isinstance(self.datamodel, SelInterface):
            self.datamodel = SelInterface(self.datamodel.obj, self.datamodel._session)
        super()._init_properties()
        self.related_views = []
        self.head_column = self.head_column or self.list_columns[0]
        self.order_columns = [column for column in self.order_columns if self.datamodel.plain(column)]
        walked = {*self.list_columns, *self.sub_columns.values(), *self.show_columns}
        self.datamodel = self.datamodel.bound(self.base_filters, walked)
        self.boxes: builtins.list[Box] = boxes_for(
            self.datamodel, [*self.search_columns, *filter(None, [self.tabs_column])], self.label_columns, self.search_by
        )

    def _init_forms(self) -> None:
        self.add_form = self.add_form or self._form_of(self.add_columns, self.add_form_extra_fields, "add")
        self.edit_form = self.edit_form or self._form_of(self.edit_columns, self.edit_form_extra_fields, "edit")

    def _form_of(self, columns: Sequence[str], own: Mapping[str, Any], action: str) -> type[AppForm]:
        """A form over columns: the screen's own fields, ours for plain columns, FAB's selects for relations."""
        fields = fields_for(self.datamodel, columns, self.label_columns, self.description_columns, self.validators_columns)
        made = GeneralModelConverter(self.datamodel).create_form(
            self.label_columns,
            list(columns),
            self.description_columns,
            self.validators_columns,
            {**fields, **own},
            getattr(self, f"{action}_form_query_rel_fields"),
        )
        return type(f"{type(self).__name__}Form", (AppForm, made), {})

    # --- to be overridden -------------------------------------------------

    def head_links(self) -> builtins.list[Link]:
        """Buttons at the top right of the list."""
        return [Link(gettext("Add"), self.url("add"), icon="plus", primary=True)] if self.may("add") else []

    def export_links(self) -> builtins.list[Link]:
        """The buttons that take the list away as a file."""
        return []

    def row_links(self, item: Any) -> builtins.list[Link]:
        """The last column; the first link opens the row."""
        pk = self.datamodel.get_pk_value(item)
        links = [Link(gettext("View"), self.url("show", pk=pk))] if self.may("show") else []
        if self.may("edit"):
            links.append(Link(gettext("Edit"), self.url("edit", pk=pk)))
        if self.may("delete"):
            sure = gettext("Delete this record? It cannot be brought back.")
            links.append(Link(gettext("Delete"), self.url("delete", pk=pk), danger=True, post=True, confirm=sure))
        return links

    def batch_links(self) -> builtins.list[Link]:
        """Buttons above the table; each posts the ticked rows as ``rowid``, and ``reason`` if it asks for one."""
        return []

    def show_links(self, item: Any) -> builtins.list[Link]:
        """Buttons at the top right of the page of one row."""
        here = url_for(f"{self.endpoint}.show", pk=self.datamodel.get_pk_value(item))
        return [link for link in self.row_links(item) if link.url.partition("?")[0] != here]

    def selectable(self, count: int) -> int:  # noqa: ARG002
        """How many of the ``count`` rows of the list a batch action may select across its pages; 0: ticked rows only."""
        return 0

    def rows_loaded(self, rows: Sequence[Any]) -> None:
        """Called with the rows of the page before they are shown."""

    def note(self) -> object:
        """A sentence above the list."""
        return ""

    def empty(self) -> tuple[object, Link | None]:
        """The text of an empty list, and the next thing to do."""
        return self.empty_text, next(iter(self.head_links()), None)

    def cell(self, column: str, item: Any) -> object | None:
        """A cell's own content; None shows the value as usual."""

    def new_item(self) -> Any:
        """The new object behind the form for adding."""
        return self.datamodel.obj()

    def before_saving(self) -> None:
        """On POST, before anything is read for it: a form with files checks them here."""

    def prepare_form(self, form: Any, item: Any, *, new: bool) -> None:
        """Complete a form before it is shown or validated: choices, stored files."""

    def save(self, item: Any, form: Any, *, new: bool) -> None:  # noqa: ARG002
        """Store the form. An ``AppError`` raised here is shown in the form, and nothing is stored."""
        form.populate_obj(item)
        self.datamodel.session.add(item)

    def delete_item(self, item: Any) -> None:
        """Delete a row."""
        self.datamodel.session.delete(item)

    def saved_message(self, item: Any, *, new: bool) -> str:  # noqa: ARG002
        """The one message after saving."""
        return str(gettext("Saved."))

    def redirect_after(self, item: Any, *, new: bool) -> str | None:
        """Where to go after saving; None: back to the page before."""

    def extra_template(self, item: Any) -> str | None:
        """A template shown below the fields of one row."""

    # --- URLs and permissions ---------------------------------------------------------------------

    def may(self, action: str) -> bool:
        """Whether the user holds the permission and the route is registered. For hiding buttons only."""
        name = f"can_{action}"
        registered = action not in self.exclude_route_methods and name in self.base_permissions
        return registered and self.appbuilder.sm.has_access(name, self.class_permission_name)

    def url(self, action: str, **args: Any) -> str:
        """A URL of this screen, with the present list as its ``next``."""
        back = request.full_path.rstrip("?")
        if (
            action in ("show", "edit", "add", "delete")
            and request.query_string
            and request.endpoint == f"{self.endpoint}.list"
        ):
            args.setdefault("next", back)
        return url_for(f"{self.endpoint}.{action}", **args)

    def label(self, column: str) -> str:
        return str(self.label_columns.get(column) or column)

    def value(self, column: str, item: Any) -> object:
        """A column of a row as shown: by ``cell``, else by its formatter, else by ``shown``."""
        own = self.cell(column, item)
        if own is not None:
            return own
        raw = walk(item, column)
        formatter = self.formatters_columns.get(column)
        return formatter(raw) if formatter else shown(raw)

    def walk(self, item: Any, column: str) -> Any:
        """A column's raw value; ``cell``'s for a column that only ``cell`` knows."""
        own = self.cell(column, item)
        return walk(item, column) if own is None else own

    # --- list ------------------------------------------------------------------------------------------

    @route("/list/")
    def list(self) -> Response | str:
        asked = self.asked()
        if has_empty_fields(request.args) or has_personal_data(request.args):
            return redirect(url_for(f"{self.endpoint}.list", **asked.args()))
        query = self.datamodel.within_reach(*(c for name, c in asked.conditions.items() if name != self.tabs_column))
        tally = self.datamodel.tally(query, self.tabs_column, self._words()) if self.tabs_column else {}
        if self.tabs_column in asked.conditions:
            query = query.filter(asked.conditions[self.tabs_column])
        pager = Pager(self, asked, self.datamodel.count(query))
        rows = pager.rows(query)
        self.rows_loaded(rows)
        return self.render_template(
            self.list_template,
            title=self.list_title,
            screen=self,
            asked=asked,
            rows=rows,
            count=pager.count,
            labels={column: self.label(column) for column in self.list_columns},
            layout=layout_of(self, asked),
            tabs=self._tabs(tally, asked),
            pager=pager,
        )

    def filled(self, columns: Sequence[str], rows: Sequence[Any], sort: str) -> builtins.list[str]:
        """Those of the columns in which something stands, and that of the order; asked by the page."""

        def says(column: str, row: Any) -> bool:
            parts = filter(None, (column, self.sub_columns.get(column)))
            return any(shown not in (None, "") for part in parts for shown in (self.cell(part, row), self.walk(row, part)))

        return [column for column in columns if column == sort or any(says(column, row) for row in rows)]

    def asked(self, source: MultiDict[str, str] | None = None) -> ListQuery:
        """The list query of this request, also used by exports."""
        given, first_tab = request.args if source is None else source, self.first_tab()
        sort, direction = self.base_order or (self.datamodel.get_pk_name(), "desc")
        sortable = self._sortable(given.get(self.tabs_column) or (first_tab.value if first_tab else EVERY))
        if sort in self.order_columns and sort not in sortable:
            sort, direction = self.datamodel.get_pk_name(), "desc"
        usual = (sort, direction == "desc", self.page_size)
        asked = ask(given, self.boxes, sortable, usual)
        if first_tab is None or self.tabs_column in asked.conditions:
            return asked
        if given.get(self.tabs_column) == EVERY:
            return replace(asked, values={**asked.values, self.tabs_column: EVERY})
        first: ColumnElement[bool] = getattr(self.datamodel.obj, self.tabs_column) == first_tab
        return replace(asked, conditions={**asked.conditions, self.tabs_column: first})

    def _sortable(self, tab: str) -> Sequence[str]:
        """The columns that a tab can be sorted by: an index has its rows in the order of each."""
        if tab != EVERY or not self.tabs_column:
            return tuple(self.order_columns)
        return (() if self.tab_first else tuple(self.order_columns)) if self.order_every is None else self.order_every

    def first_tab(self) -> Term | None:
        """The default tab; a screen may choose it by the user."""
        return self.tab_first

    def _words(self) -> Sequence[Term]:
        return self.tabs or tuple(getattr(self.datamodel.obj, self.tabs_column).type.term)

    def _tabs(self, tally: Mapping[Term, int], asked: ListQuery) -> builtins.list[tuple[object, str, str, bool]]:
        """``(label, count, url, current)`` for each term and for 全部."""
        if not self.tabs_column:
            return []
        first_tab = self.first_tab()
        chosen, usual = self._chosen(asked), first_tab.value if first_tab else EVERY

        def tab(label: object, count: int, code: str) -> tuple[object, str, str, bool]:
            parameter = None if code == usual else code
            url = url_for(f"{self.endpoint}.list", **asked.args(**{self.tabs_column: parameter}))
            return label, f"{TALLY_CAP}+" if count > TALLY_CAP else str(count), url, chosen == code

        every = tab(gettext("All"), sum(tally.values()), EVERY)
        each = [tab(word.label, tally[word], word.value) for word in self._words()]
        return [*each, every] if first_tab else [every, *each]

    def _chosen(self, asked: ListQuery) -> str:
        """The code of the current tab."""
        first_tab = self.first_tab()
        return asked.values.get(self.tabs_column) or (first_tab.value if first_tab else EVERY)

    # --- one row -----------------------------------------------------------------------------------------

    @route("/show/<pk>")
    def show(self, pk: str) -> str:
        item = self.get_or_404(pk)
        sets = self.show_fieldsets or [("", {"fields": self.show_columns})]
        facts = [
            (title, more.get("description", ""), [(self.label(c), self._fact(c, item)) for c in more["fields"]])
            for title, more in sets
        ]
        return self.render_template(
            self.show_template,
            title=self.show_title,
            screen=self,
            item=item,
            facts=facts,
            crumbs=self.crumbs(),
            back=safe_next(url_for(f"{self.endpoint}.list") if self.may("list") else "/"),
        )

    def _fact(self, column: str, item: Any) -> tuple[str, object]:
        """``"tag"`` or ``""``, and the value."""
        return ("tag", walk(item, column)) if column in self.tag_columns else ("", self.value(column, item))

    def get_or_404(self, pk: Any) -> Any:
        """The accessible row, or 404."""
        item = self.datamodel.get(pk)
        return item if item is not None else abort(404)

    def crumbs(self) -> builtins.list[tuple[object, str]]:
        return [(self.list_title, url_for(f"{self.endpoint}.list"))] if self.may("list") else []

    @route("/add", "GET", "POST")
    def add(self) -> Response | str:
        return self._form_page(self.new_item(), new=True)

    @route("/edit/<pk>", "GET", "POST")
    def edit(self, pk: str) -> Response | str:
        return self._form_page(self.get_or_404(pk), new=False)

    @route("/delete/<pk>", "POST")
    def delete(self, pk: str) -> Response:
        item, session = self.get_or_404(pk), self.datamodel.session
        try:
            self.delete_item(item)
            session.commit()
            flash(gettext("Deleted."), "success")
        except AppError as error:
            session.rollback()
            for refusal in error.refusals:
                flash(str(refusal.sentence), "danger")
        except IntegrityError:
            session.rollback()
            flash(gettext("Other records depend on this one, so it cannot be deleted."), "danger")
        return redirect(safe_next(url_for(f"{self.endpoint}.list")))

    def _form_page(self, item: Any, *, new: bool) -> Response | str:
        if request.method == "POST":
            self.before_saving()
        form = self._filled_form(item, new=new)
        version = (
            None if new else FormVersion(form, f"{self.datamodel.obj.__tablename__}.{self.datamodel.get_pk_value(item)}")
        )
        home = url_for(f"{self.endpoint}.list") if self.may("list") else "/"
        loose: builtins.list[object] = []
        if version is not None and version.wants_theirs:
            version.take_theirs(self._filled_form(item, new=False, formdata=None))
        elif request.method == "POST" and not is_restored() and form.validate():
            loose = self._try(item, form, version)
            if not loose and not form.errors and not (version and version.differences):
                flash(self.saved_message(item, new=new), "success")
                return redirect(self.redirect_after(item, new=new) or safe_next(home))
        page = self.render_template(
            self.add_template if new else self.edit_template,
            title=self.add_title if new else self.edit_title,
            screen=self,
            form=form,
            item=None if new else item,
            sets=self._sets(form, new=new),
            loose=loose,
            version=version,
            crumbs=self.crumbs(),
            back=safe_next(home),
        )
        return Response(page, _status(form, version), mimetype="text/html")

    def _filled_form(self, item: Any, *, new: bool, **given: Any) -> Any:
        """The form of a row; with ``formdata=None`` as it is stored, whatever was sent."""
        form = (self.add_form if new else self.edit_form)(obj=None if new else item, **given)
        form._id = None if new else self.datamodel.get_pk_value(item)  # for FAB's Unique validator to ignore the row itself
        self.prepare_form(form, item, new=new)
        return form

    def _sets(self, form: Any, *, new: bool) -> builtins.list[Any]:
        declared = self.add_fieldsets if new else self.edit_fieldsets
        columns = self.add_columns if new else self.edit_columns
        return builtins.list(declared or [("", {"fields": [c for c in columns if c in form] or [*form._fields]})])

    def _try(self, item: Any, form: Any, version: FormVersion | None) -> builtins.list[object]:
        """Save and commit; on an error roll back, put it at its field, and return what has none.

        With a version of a stored row, only if nobody else has changed it: the row stays locked until the commit.
        """
        session = self.datamodel.session
        try:
            if version is not None:
                item = self.datamodel.locked(item)
                if version.differs(self._filled_form(item, new=False, formdata=None)):
                    session.rollback()
                    return []
            self.save(item, form, new=version is None)
            session.commit()
        except Unwritable:
            session.rollback()
            raise
        except AppError as error:
            session.rollback()
            rest = [refusal.sentence for refusal in place_refusals(form, error)]
            return rest or ([] if form.errors else [gettext("This could not be saved.")])
        except IntegrityError:
            session.rollback()
            log.exception("a form of %s violates a constraint", self.endpoint)
            return [gettext("This clashes with a record that exists already. Please check numbers and names.")]
        except BaseException:
            session.rollback()
            raise
        return []


def _status(form: Any, version: FormVersion | None) -> int:
    """The HTTP status of a form's page."""
    if not form.is_submitted() or is_restored() or (version and version.wants_theirs):
        return 200
    return Stale.status if version and version.differences else Unmet.status


class OpenList(ModelScreen):
    """A list alone, at the root of its URL, of the rows within reach."""

    base_filters: Any = [["id", WithinReach, None]]
    exclude_route_methods: Any = {"show", "add", "edit", "delete"}

    @route("/")
    def list(self) -> Response | str:
        return super().list()


def walk(item: Any, column: str) -> Any:
    """The value of a dotted name; None as soon as a part is None. Methods are called."""
    for part in column.split("."):
        if item is None:
            return None
        item = getattr(item, part)
        item = item() if callable(item) else item
    return item


class Pager:
    """The pages of a list and their URLs: numbered as far as rows are counted, further on by the row before or after."""

    def __init__(self, screen: ModelScreen, asked: ListQuery, count: int) -> None:
        self.screen, self.asked, self.count = screen, asked, count
        self.capped = count > COUNT_CAP
        self.pages = max(ceil(min(count, COUNT_CAP) / asked.size), 1)
        self.page = min(asked.page, self.pages)
        self.numbered = asked.beyond is None
        self.before = self.after = ""  # URLs, once the rows are read

    def rows(self, query: Any) -> builtins.list[Any]:
        """The rows of the asked page."""
        datamodel, order = self.screen.datamodel, (self.asked.sort, self.asked.descending)
        if self.asked.beyond is None:
            rows = datamodel.page(query, *order, self.page - 1, self.asked.size) if self.count else []
            self.before = self.to(self.page - 1) if self.page > 1 else ""
            self.after = self.to(self.page + 1) if self.page < self.pages else ""
            if rows and self.capped and not self.after:
                self.after = self._url(after=datamodel.get_pk_value(rows[-1]))
            return builtins.list(rows)
        row, back = self.asked.beyond
        rows, more = datamodel.beyond(query, *order, row, self.asked.size, back=back)
        if rows and (more or not back):
            self.before = self._url(before=datamodel.get_pk_value(rows[0]))
        if rows and (more or back):
            self.after = self._url(after=datamodel.get_pk_value(rows[-1]))
        return builtins.list(rows)

    def _url(self, **changes: Any) -> str:
        return url_for(f"{self.screen.endpoint}.list", **self.asked.args(**changes))

    @property
    def total(self) -> str:
        return f"{COUNT_CAP}+" if self.capped else str(self.count)

    def to(self, page: int) -> str:
        return self._url(page=page)

    def sized(self, size: int) -> str:
        return self._url(size=None if size == self.asked.usual[2] else size)

    def sorted_by(self, column: str) -> str:
        """The URL of the list sorted by this column, or reversed if it is already."""
        turn = "-" if self.asked.sort == column and not self.asked.descending else ""
        return self._url(sort=f"{turn}{column}")

    @property
    def sizes(self) -> builtins.list[int]:
        return sorted({*PAGE_SIZES, self.asked.usual[2]})

    @property
    def near(self) -> builtins.list[int | None]:
        """Page numbers to offer; None is a gap."""
        offered = [n for n in range(1, self.pages + 1) if n in (1, self.pages) or abs(n - self.page) <= 2]
        gaps: builtins.list[int | None] = []
        for number in offered:
            if gaps and gaps[-1] is not None and number - gaps[-1] > 1:
                gaps.append(None)
            gaps.append(number)
        return gaps
