"""Nothing that stores free text takes an ID number or a mobile: forms, reasons, sheets. What may hold one is listed here."""

from collections.abc import Iterator

import pytest
from wtforms import PasswordField, StringField, TextAreaField
from wtforms.fields.core import UnboundField

from app.accounts.people_import import ROSTER_COLUMNS
from app.applications.legacy_import.columns import COLUMNS
from app.applications.office_calendar import CALENDAR_COLUMNS
from app.certificates import bulk_status_changes
from app.exams.scores import SCORE_COLUMNS
from app.files.spreadsheets import Column, read_text
from app.web.forms import AppForm, LongTextField, TextField, _ParsedField
from app.web.public import list_check
from tests import make

MAY_HOLD_NUMBERS = {
    "SignInForm.username", "CaptchaSignInForm.username", "ForgottenForm.username",
    "BindForm.username",  # looked up, never stored
    "LookupForm.name", "LookupForm.number", "ListForm.pairs",
    "FilingForm.handler_mobile", "PeopleForm.handler_mobile",  # parsed and encrypted by the domain
    *(f"NoticeForm.{name}" for name in ("title", "number", "exam_time", "place", "contact", "body")),  # see exams.notices
}  # fmt: skip
SHEETS = {
    "roster": ROSTER_COLUMNS, "scores": SCORE_COLUMNS, "calendar": CALENDAR_COLUMNS, "measures": bulk_status_changes.COLUMNS,
    "list check": list_check.COLUMNS, **{kind.value: columns for kind, columns in COLUMNS.items()},
}  # fmt: skip
NUMBER_COLUMNS = {
    *("roster.id_number", "roster.mobile", "scores.id_number", "scores.uscc", "scores.mobile"),
    *("list check.name", "list check.number", "passes.id_number", "passes.uscc", "certificates.id_number"),
    *("certificates.uscc", "accounts.uscc", "accounts.username", "accounts.mobile", "accounts.telephone"),
}


def forms(base: type = AppForm) -> Iterator[type]:
    for form in base.__subclasses__():
        yield form
        yield from forms(form)


def fields(form: type) -> Iterator[tuple[str, UnboundField]]:
    for name in dir(form):
        if isinstance(field := getattr(form, name, None), UnboundField):
            yield f"{form.__name__}.{name}", field


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_every_text_field_refuses_numbers_but_those_listed(app):
    found = {name: field for form in forms() if form.__module__.startswith("app.") for name, field in fields(form)}
    texts = {name: field for name, field in found.items() if issubclass(field.field_class, StringField | TextAreaField)}
    bare = {
        name
        for name, field in texts.items()
        if not issubclass(field.field_class, TextField | LongTextField | _ParsedField | PasswordField)
    }
    assert not bare, "fields that nothing of ours checks"
    assert {name for name, field in texts.items() if field.kwargs.get("numbers")} == MAY_HOLD_NUMBERS
    assert len(texts) > 40


def test_every_text_column_of_a_sheet_refuses_numbers_but_those_listed():
    assert {f"{sheet}.{one.key}" for sheet, columns in SHEETS.items() for one in columns if one.numbers} == NUMBER_COLUMNS


@pytest.mark.parametrize("number", [make.id_number(), "13873112345"])
def test_a_cell_with_a_number_is_reported_with_its_place(number):
    table = (Column("name", "姓名"), Column("remark", "备注", required=False))
    reading = read_text(f"姓名,备注\n张三,土建\n李四,转{number}", table, most_rows=9)
    [error] = reading.errors
    assert (error.row, error.title) == (3, "备注")
    assert str(error.sentence).startswith("备注")
    assert number not in str(error.sentence)
    assert [row.number for row in reading.rows] == [2]
