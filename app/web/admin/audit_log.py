"""操作日志: search, verification and export of the audit log, for the auditor. Read-only; an export is itself logged."""

import builtins
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from itertools import islice
from typing import Any

from flask import current_app, flash, g, redirect, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from sqlalchemy import Boolean, select
from werkzeug.wrappers import Response

from app.core.office import BY_NAME
from app.db import audit
from app.db.audit import checkpoints
from app.db.session import Choice, Choices, UtcDateTime, db
from app.files.spreadsheets import Column, write
from app.models import AuditEntry, AuditInspection
from app.models import AuditLink as ChainLink
from app.outbox.jobs import enqueue
from app.web import request_context
from app.web.admin.audit_log_fields import FIELDS
from app.web.admin.audit_log_names import Names, as_record, names_of, references
from app.web.admin.audit_log_words import WORDS, word_of
from app.web.base import Link, ModelScreen, SelInterface, shown, text_of
from app.web.base.fab import route
from app.web.base.query import Box
from app.web.base.workbook import send_workbook

MOST_EXPORTED = 5_000  # lines in one sheet
MOST_IN_SUMMARY, LONGEST_PART = 3, 60  # changes, and characters of each, that the list shows
PAIRS = ("roles", "lock", "sessions", "files")  # changes from and to that are no columns

TABLES: dict[str, object] = {
    "ab_user": _("Account"),
    "application": _("An application"),
    "calendar_day": _("Holidays"),
    "certificate": _("Certificate"),
    "database": _("Database"),
    "certificate_version": _("Version of a certificate"),
    "certificate_measure": _("Measure against a certificate"),
    "discrepancy": _("Discrepancy of imported records"),
    "employment_release": _("Person freed by the authority"),
    "enterprise": _("An enterprise"),
    "entry": _("Audit log"),
    "exam_notice": _("Exam notice"),
    "exam_notice_event": _("Event of an exam notice"),
    "exam_notice_file": _("Attachment"),
    "exam_pass": _("Exam pass"),
    "exam_signup": _("Exam sign-up"),
    "files": _("Files"),
    "filing": _("Filing"),
    "identity": _("Identity for signing in"),
    "job": _("Background jobs"),
    "legacy_import": _("Import of a sheet"),
    "letter": _("Letter"),
    "message": _("Text message"),
    "paper": _("Scan"),
    "identity_correction": _("Correction of name or ID number"),
    "paper_rule": _("Required papers"),
    "parameter": _("Parameter"),
    "person": _("Person"),
    "privileged_change": _("Change of a privileged account"),
    "qualification": _("Qualification"),
    "region": _("Region"),
    "restore": _("Restored backup"),
    "statistics_month": _("Statistics"),
    "stock_reason": _("Stock reason"),
    "score_correction": _("Correction of a score"),
}
# Keys of a logged change that are no columns.
DETAILS: dict[str, object] = {
    "door": _("Page"),
    "method": _("Method"),
    "status": _("Answer"),
    "rows": _("Rows"),
    "lines": _("Lines"),
    "what": _("What was read"),
    "why": _("Reason"),
    "roles": _("Roles"),
    "lock": _("Lock after wrong passwords"),
    "sessions": _("Sessions"),
    "ended": _("Sessions ended"),
    "batch": _("Batch"),
    "count": _("Number of files"),
    "files": _("Files"),
    "id_number": _("ID number"),
    "value": _("Value"),
    "id": _("Record number"),
    "demo_clock": _("Demonstration clock"),
    "backup": _("Backup"),
    "made": _("Made at"),
    "line": _("Last line of the backup"),
    "lost": _("Lost lines"),
    "numbers_left_out": _("Numbers left out in each series"),
    "moved": _("Moved"),
}

COLUMNS = (
    Column("at", _("Time")),
    Column("actor", _("By")),
    Column("deed", _("What was done")),
    Column("table", _("Kind of record")),
    Column("row", _("Record number")),
    Column("record", _("Record")),
    Column("change", _("From and to"), width=60),
    Column("address", _("Address")),
)


class AuditLogScreen(ModelScreen):
    """Who did what, when, from where."""

    datamodel = SelInterface(AuditEntry)
    route_base = "/diary"
    class_permission_name = "Diary"
    base_permissions = ["can_list", "can_show", "can_export", "can_verify"]
    list_template, show_template = "admin/audit_log.html", "admin/audit_log_line.html"
    list_title, show_title = _("Audit log"), _("Line of the audit log")
    list_columns = ["at", "deed", "record", "change"]
    sub_columns = {"at": "actor", "deed": "address", "record": "table"}
    show_columns = ["at", "actor", "deed", "table", "record", "row", "address", "place"]
    search_columns = ["at", "actor", "deed", "table", "row", "address"]
    order_columns = ["at"]
    base_order = ("at", "desc")
    # Compared whole, so that an index is used.
    search_by = {"row": lambda text: AuditEntry.row == text, "address": lambda text: AuditEntry.address == text}
    label_columns = {column.key: column.title for column in COLUMNS} | {"place": _("Place in the chain")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        kinds = Box(
            "table", self.label_columns["table"], "select", lambda text: AuditEntry.table == text, options=(*TABLES.items(),)
        )
        self.boxes = [kinds if box.name == "table" else box for box in self.boxes]

    def rows_loaded(self, rows: Sequence[AuditEntry]) -> None:
        """Names of all records on the page, at once."""
        g.record_names = names_of(db.session(), rows)

    def get_or_404(self, pk: Any) -> AuditEntry:
        item: AuditEntry = super().get_or_404(pk)
        self.rows_loaded([item])
        return item

    def row_links(self, item: AuditEntry) -> builtins.list[Link]:
        """The line, and all lines of the same record: the auditor opens no page of the record itself."""
        return [*super().row_links(item), *([self._history(item)] if item.row else [])]

    def _history(self, item: AuditEntry) -> Link:
        return Link(gettext("All about this record"), url_for("AuditLogScreen.list", table=item.table, row=item.row))

    @route("/verify", "POST")
    def verify(self) -> Response:
        """Enqueue the verification of the whole chain, at most once a minute."""
        at = request_context.now()
        enqueue(
            db.session(), checkpoints.VERIFY_JOB, f"{checkpoints.VERIFY_JOB}:{at.astimezone(UTC):%Y-%m-%dT%H:%M}", {}, at=at
        )
        db.session.commit()
        flash(gettext("The audit log is being verified. The result stands here in a moment: load the page again."), "info")
        return redirect(url_for("AuditLogScreen.list"))

    @route("/export", "POST")
    def export(self) -> Response:
        """What is listed, as a sheet; by POST, because the export is logged."""
        asked = self.asked()
        query = self.datamodel.within_reach(*asked.conditions.values()).order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        rows = query.limit(MOST_EXPORTED).all()
        self.rows_loaded(rows)
        data = write(COLUMNS, map(self._sheet_row, rows), sheet_title=self.list_title)
        request_context.note_export(AuditEntry, list="diary", rows=len(rows), query=asked.values)
        return send_workbook(data, gettext("Audit log %(day)s", day=f"{request_context.today():%Y%m%d}"))

    def _sheet_row(self, entry: AuditEntry) -> dict[str, object]:
        changes = "\n".join(_line(*one) for one in self._in_words(entry))
        return {
            **{name: getattr(entry, name) for name in ("actor", "row", "address")},
            "at": text_of(entry.at),
            "deed": str(entry.deed),
            "table": str(TABLES.get(entry.table, entry.table)),
            "record": _record(entry),
            "change": changes,
        }

    def head_links(self) -> builtins.list[Link]:
        return [
            Link(gettext("Verify"), url_for("AuditLogScreen.verify"), icon="shield-check", post=True),
            Link(
                gettext("Export"),
                url_for("AuditLogScreen.export", **self.asked().args()),
                icon="download",
                post=True,
                download=True,
            ),
        ]

    def empty(self) -> tuple[object, Link | None]:
        return gettext("No line yet. Every change, sign-in and export is written here by itself."), None

    def cell(self, column: str, item: AuditEntry) -> object | None:
        if column == "table":
            return TABLES.get(item.table, item.table)
        if column == "actor" and item.actor == audit.SYSTEM:
            return str(_("The system itself"))
        if column == "place":
            return self._place(item)
        if column == "record":
            return _record(item) or item.row or "—"
        if column == "change":
            return self._summary(item)
        return None

    def _summary(self, item: AuditEntry) -> str:
        """The first changes in one line; the line itself shows all."""
        parts = [_line(*one) for one in islice(self._in_words(item), MOST_IN_SUMMARY)]
        more = "…" if len(item.change) > MOST_IN_SUMMARY else ""
        return str(gettext("; ")).join(part[:LONGEST_PART] for part in parts) + more

    def _place(self, item: AuditEntry) -> object:
        found = db.session.execute(select(ChainLink.seq, ChainLink.hash).where(ChainLink.entry_id == item.id)).first()
        if found is None:
            return gettext("outside the chain")
        return gettext("line %(seq)s, seal %(hash)s…", seq=found.seq, hash=found.hash[:16])

    def state(self) -> tuple[str, str]:
        """The result of the last verification: a tone and a sentence."""
        last = db.session.scalars(select(AuditInspection).order_by(AuditInspection.id.desc()).limit(1)).first()
        if last is None:
            return "warning", gettext("The chain has not been verified yet.")
        if last.fault is None:
            return "success", gettext("Verified at %(at)s: %(n)s lines, unbroken.", at=text_of(last.at), n=last.lines)
        where = last.seq if last.seq is not None else gettext("none")
        return "danger", gettext(
            "Verified at %(at)s: the chain is broken. %(fault)s (line %(line)s, record %(entry)s). Leave everything as it "
            "is, keep a copy of the database, and run 'anguan audit verify'.",
            at=text_of(last.at), fault=last.fault, line=where, entry=last.entry_id or "—",
        )  # fmt: skip

    def signed(self) -> str:
        """Up to where the chain is signed; "" if nowhere."""
        last = checkpoints.newest(db.session())
        if last is None:
            return ""
        return str(gettext("Signed up to line %(seq)s at %(at)s.", seq=last.seq, at=text_of(last.at)))

    def changes(self, item: AuditEntry) -> builtins.list[tuple[object, object, object]]:
        """``(field, before, after)`` for display; a detail that is no change has no before."""
        return [(label, shown(before), shown(after)) for label, before, after in self._in_words(item)]

    def _in_words(self, item: AuditEntry) -> Iterator[tuple[object, object, object]]:
        return _displayed(item.table, item.change, g.record_names)


def _record(item: AuditEntry) -> str:
    """The name of the record that a line is about, "" if it has none; of a parameter its label."""
    if item.table == "parameter":
        return str(BY_NAME[item.row].label) if item.row in BY_NAME else ""
    names: Names = g.record_names
    return names.get(as_record(item.table, item.row), "")


def _line(label: object, before: object, after: object) -> str:
    """A change as text; a detail, and a column of a new record, has no before."""
    return f"{label}: {_text(after)}" if before is None else f"{label}: {_text(before)} → {_text(after)}"


def _text(value: object) -> str:
    return text_of(value) or "—"


def _displayed(table: str, change: Mapping[str, Any], names: Names) -> Iterator[tuple[object, object, object]]:
    """``(field, before, after)`` in words; a detail that is no change has None before."""
    types, labels, owners = _types(table), field_labels(table), references(table)
    for name, value in change.items():
        label = labels.get(name) or DETAILS.get(name) or FIELDS.get(name) or name
        kind, pair = types.get(name), isinstance(value, list) and len(value) == 2
        before, after = value if pair and (kind is not None or name in PAIRS) else (None, value)
        in_words = partial(_value, kind, name, owners.get(name, ""), names)
        yield label, None if before is None and not pair else in_words(before), in_words(after)


def _value(kind: Any, name: str, owner: str, names: Names, value: Any) -> object:
    """A stored value in words: labels instead of codes, names of records, office time."""
    if owner and (known := names.get(as_record(owner, value))):
        return gettext("%(name)s (no. %(number)s)", name=known, number=value)
    if isinstance(kind, Choice | Choices) and value is not None:
        terms = {term.value: term for term in kind.term}
        codes = value if isinstance(value, list) else [value]
        return [terms.get(code, code) for code in codes]
    if isinstance(kind, Boolean) and value is not None:
        return bool(value)
    if isinstance(kind, UtcDateTime) and isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, Mapping):
        return [f"{DETAILS.get(key) or FIELDS.get(key) or key}: {_text(word_of(key, part))}" for key, part in value.items()]
    return word_of(name, value) if kind is None or name in WORDS else value


@cache
def _types(table: str) -> Mapping[str, Any]:
    found = db.metadata.tables.get(table)
    return {} if found is None else {column.name: column.type for column in found.columns}


def field_labels(table: str) -> Mapping[str, object]:
    """The labels that screens and forms give to the columns of a table; the first to name one wins."""
    labels = current_app.extensions.setdefault("anguan.labels", {})
    if table not in labels:
        labels[table] = dict(reversed([*_labels(table)]))
    return labels[table]  # type: ignore[no-any-return]


def _labels(table: str) -> Iterator[tuple[str, object]]:
    for view in getattr(current_app, "appbuilder").baseviews:  # noqa: B009 - Flask's type does not know it
        datamodel = getattr(view, "datamodel", None)
        if datamodel is None or datamodel.obj.__tablename__ != table:
            continue
        yield from ((name, label) for name, label in view.label_columns.items() if isinstance(label, LazyString))
        for form in (view.edit_form, view.add_form):
            for name in dir(form):
                args = getattr(getattr(form, name, None), "args", ())  # an unbound WTForms field
                if args and isinstance(args[0], LazyString):
                    yield name, args[0]
