"""Fields and validators of all forms: identifiers, text, vocabularies, dates and times, uploads.

A field's data is the domain's value or None; contents of files are checked in ``app.files``.
"""

# WTForms brings no types.
# mypy: allow-subclassing-any

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from flask import g, request
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from flask_wtf.i18n import translations as stock
from markupsafe import Markup
from sqlalchemy import Boolean, Date, DateTime, Integer, String, Text
from werkzeug.datastructures import FileStorage, ImmutableMultiDict, MultiDict
from wtforms import (
    BooleanField,
    DateField,
    DateTimeLocalField,
    Field,
    FileField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    widgets,
)
from wtforms.fields.choices import Choice, SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, Optional, ValidationError

from app.core import identifiers
from app.core.clock import OFFICE_ZONE, office_time
from app.core.errors import AppError, Refusal
from app.core.redaction import number_refusals
from app.core.vocabulary import Term
from app.db.session import Choice as ChoiceColumn
from app.db.session import Choices as ChoicesColumn
from app.db.session import Encrypted, UtcDateTime
from app.files.inspect import SCAN_NAMES

ODD_MARKS = "[\x00-\x1f\x7f\x85\u2028\u2029]+"
DROPPED = {0: None, **identifiers.INVISIBLE}
SHORT, LONG = 200, 4000  # characters where a column sets no bound
LARGEST = 2**31 - 1  # a whole number, as columns hold it
MEGABYTE = 1024 * 1024


class _Translations:
    """WTForms' messages by our translations; its own translation where we have none."""

    def gettext(self, string: str) -> str:
        translated = str(gettext(string)) if string else ""
        return translated if translated != string else str(stock.gettext(string))

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        return str(stock.ngettext(singular, plural, n))


class AppForm(FlaskForm):
    """Base of every form."""

    @property
    def sent(self) -> bool:
        """Whether it holds what a user sent; else it shows what is stored."""
        return any(field.raw_data is not None for field in self)

    class Meta(FlaskForm.Meta):
        def get_translations(self, form: Any) -> Any:  # noqa: ARG002 - WTForms' own signature
            return _Translations()

        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """Only form data: Flask-WTF would pass JSON values and files to fields that expect text."""
            if formdata is not None and request.is_json:
                return ImmutableMultiDict()
            given = super().wrap_formdata(form, formdata)
            if not request.files or not isinstance(given, MultiDict):
                return given
            files = {name for name, field in form._fields.items() if isinstance(field, UploadField)}
            pairs = given.items(multi=True)
            return ImmutableMultiDict((name, value) for name, value in pairs if isinstance(value, str) or name in files)


def place_refusals(form: FlaskForm, error: AppError | None) -> list[Refusal]:
    """Add each refusal to the errors of the field it names; returns those that name none of the form."""
    rest = []
    for refusal in error.refusals if error is not None else ():
        if refusal.field and refusal.field in form:
            form[refusal.field].errors = [*form[refusal.field].errors, refusal.sentence]
        else:
            rest.append(refusal)
    return rest


RESTORED = "restored"  # sent along with a form that is to be shown again as it was sent, see ``auth.interrupted``


def is_restored() -> bool:
    """Whether the posted form is only to be shown again, not saved."""
    return request.method == "POST" and RESTORED in request.form


# --- validators -----------------------------------------------------------------------------------------


class Required(DataRequired):
    """Blanks alone do not count as a value."""

    def __init__(self, message: object | None = None) -> None:
        super().__init__(message or _("Please fill this in."))

    def __call__(self, form: Any, field: Any) -> None:
        if not field.process_errors:  # "cannot be parsed" is more exact than "missing"
            super().__call__(form, field)


class TextLength(Length):
    def __init__(self, longest: int) -> None:
        super().__init__(max=longest, message=_("At most %(n)s characters fit here.", n=longest))


# --- text and numbers -----------------------------------------------------------------------------------


def refuse_numbers(field: Field) -> None:
    """Raise ``ValidationError`` for an ID number or a mobile in free text: it would lie open in the database."""
    for refusal in number_refusals({field.name: (field.label.text, str(field.data or ""))}):
        raise ValidationError(str(refusal.sentence))


class _FreeText:
    """Personal numbers are refused, unless it is for ``numbers`` or nothing of it is stored."""

    def __init__(self, *args: Any, numbers: bool = False, **kwargs: Any) -> None:
        self.numbers = numbers
        super().__init__(*args, **kwargs)

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002
        if not self.numbers:
            refuse_numbers(self)


class TextField(_FreeText, StringField):
    """One line, stripped, without invisible characters; control characters and line ends become blanks, so that none
    reaches a column or a header.
    """

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata([re.sub(ODD_MARKS, " ", value.translate(DROPPED)).strip() for value in valuelist])


class LongTextField(_FreeText, TextAreaField):
    """Several lines."""

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata([value.translate(DROPPED).replace("\r\n", "\n").strip() for value in valuelist])


class WholeNumberField(IntegerField):
    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist or not valuelist[0].strip():
            self.data = None
            return
        try:
            self.data = int(identifiers.fold(valuelist[0]))
        except ValueError:
            self.data = None
            raise ValueError(gettext("Please enter a whole number.")) from None
        if not -LARGEST <= self.data <= LARGEST:  # PostgreSQL raises an error, SQLite stores it
            self.data = None
            raise ValueError(gettext("Please enter a number from %(least)s to %(most)s.", least=0, most=LARGEST))


class TickField(BooleanField):
    """One checkbox, labelled behind."""


class SecretTextField(PasswordField):
    """A password; never rendered back."""


class _ParsedField(TextField):
    """Text parsed by ``parse``; when that raises, the page shows the text as typed."""

    parse: Callable[[str], str]
    entry_mode = ""

    def pre_validate(self, form: Any) -> None:
        """``parse`` has checked it."""

    data: str | None

    def process_data(self, value: object) -> None:
        """A relation of the same name is no text: what it shows is the screen's to say."""
        self.data = value if isinstance(value, str) else ""

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        if not self.data:
            return
        try:
            self.data = type(self).parse(self.data)
        except AppError as error:
            raise ValueError(str(error)) from None

    def _value(self) -> str:
        return str(self.raw_data[0]) if self.raw_data else str(self.data or "")


class IdNumberField(_ParsedField):
    """A resident ID number; data is its canonical 18 characters."""

    parse = staticmethod(identifiers.parse_id_number)


class KeptIdNumberField(IdNumberField):
    """The ID number of a stored person: never sent to the page; left empty, it is not changed."""

    kept = ""  # the stored number

    def process_data(self, value: object) -> None:
        self.kept, self.data = str(value or ""), ""

    def masked(self) -> str:
        return identifiers.mask_id(self.data or self.kept)

    def populate_obj(self, obj: Any, name: str) -> None:
        if self.data:
            super().populate_obj(obj, name)


class CreditCodeField(_ParsedField):
    """A unified social credit code."""

    parse = staticmethod(identifiers.parse_credit_code)


class MobileField(_ParsedField):
    parse = staticmethod(identifiers.parse_mobile)
    entry_mode = "tel"


class LandlineField(_ParsedField):
    parse = staticmethod(identifiers.parse_landline)
    entry_mode = "tel"


class NameField(_ParsedField):
    """A person's name, with the canonical ``·``."""

    parse = staticmethod(identifiers.parse_name)


# --- choices --------------------------------------------------------------------------------------------


Choices = Iterable[SelectChoice | tuple[Any, object]]


def _choices(given: Choices) -> list[SelectChoice]:
    return [choice if isinstance(choice, SelectChoice) else SelectChoice(*choice) for choice in given]


class ChoiceField(SelectField):
    """A select, with an empty first option if ``blank``; data is the chosen value or None."""

    def __init__(
        self, label: object = None, validators: Any = None, *, choices: Choices = (), blank: bool = True, **kwargs: Any
    ) -> None:
        self.blank = blank
        super().__init__(label, validators, validate_choice=False, choices=_choices(choices), **kwargs)

    def iter_choices(self) -> Iterable[Any]:
        if self.blank:
            yield Choice("", gettext("Please choose"), self.data in (None, ""), {})
        yield from super().iter_choices()

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist or not valuelist[0]:
            self.data = None
            return
        self.data = self.coerce(valuelist[0])

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002
        known = {str(value) for value, *_rest in _choices(self.choices or ())}
        if self.data is not None and str(self.data) not in known:
            raise ValidationError(gettext("Please choose from the list."))


class WordField(ChoiceField):
    """A select over a vocabulary, or ``only`` some of its terms; data is the Term or None."""

    def __init__(
        self,
        words: type[Term],
        label: object = None,
        validators: Any = None,
        *,
        only: Sequence[Term] | None = None,
        **kwargs: Any,
    ) -> None:
        self.words, self.only = words, tuple(only if only is not None else words)
        super().__init__(label, validators, coerce=str, **kwargs)

    def iter_choices(self) -> Iterable[Any]:
        if self.blank:
            yield Choice("", gettext("Please choose"), self.data is None, {})
        for term in self.only:
            yield Choice(term.value, str(term), term is self.data, {})

    def process_data(self, value: Any) -> None:
        self.data = value if isinstance(value, Term) else next((term for term in self.words if term.value == value), None)

    def process_formdata(self, valuelist: list[str]) -> None:
        code = valuelist[0] if valuelist else ""
        self.data = next((term for term in self.only if str(term.value) == code), None)
        if code and self.data is None:
            raise ValueError(gettext("Please choose from the list."))

    def pre_validate(self, form: Any) -> None:
        """``process_formdata`` has checked it."""


class TicksField(SelectMultipleField):
    """Checkboxes; data is the list of chosen values."""

    widget = widgets.ListWidget(prefix_label=False)
    option_widget = widgets.CheckboxInput()

    def __init__(self, label: object = None, validators: Any = None, *, choices: Choices = (), **kwargs: Any) -> None:
        super().__init__(label, validators, choices=_choices(choices), **kwargs)


class WordsField(TicksField):
    """Checkboxes over a vocabulary; data is the list of codes, ``populate_obj`` stores a tuple of Terms."""

    def __init__(self, words: type[Term], label: object = None, validators: Any = None, **kwargs: Any) -> None:
        self.words = tuple(kwargs.pop("only", None) or words)
        super().__init__(label, validators, choices=[(t.value, t.label) for t in self.words], **kwargs)

    def process_data(self, value: Any) -> None:
        self.data = [term.value if isinstance(term, Term) else term for term in value or ()]

    def populate_obj(self, obj: Any, name: str) -> None:
        setattr(obj, name, tuple(term for term in self.words if term.value in (self.data or ())))


# --- time -----------------------------------------------------------------------------------------------


class DayField(DateField):
    """A date, by the browser's date picker."""

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        self.data = None
        if not text:
            return
        try:
            self.data = date.fromisoformat(text)
        except ValueError:
            raise ValueError(gettext("This day does not exist. Please write it like 2026-01-31.")) from None
        if not 1900 <= self.data.year <= 2999:
            raise ValueError(gettext("The year must lie between 1900 and 2999."))


class MomentField(DateTimeLocalField):
    """A date and time, entered and shown in office time (Asia/Shanghai); data is aware and in UTC."""

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return f"{office_time(self.data):%Y-%m-%dT%H:%M}" if self.data else ""

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        self.data = None
        if not text:
            return
        try:
            local = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(gettext("This time does not exist. Please write it like 2026-01-31 09:00.")) from None
        if local.tzinfo is not None or not 1900 <= local.year <= 2999:
            raise ValueError(gettext("Please write the office's time, like 2026-01-31 09:00."))
        self.data = local.replace(tzinfo=OFFICE_ZONE).astimezone(UTC)


# --- files ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A stored file, as its upload card shows it."""

    name: str
    size: int = 0
    url: str = ""
    image: bool = False
    small: str = ""  # URL of a thumbnail; without one ``url`` is shown
    ticket: str = ""  # of a file put aside: it is sent back with the form in the place of the file


SHEETS = (".xlsx", ".xls", ".csv", ".tsv")  # as ``UploadField.accept``: what the reader of sheets takes
KEPT = "-kept"  # ends the name of the hidden field with the ticket of a file put aside


def removes(sent: Any, name: str) -> bool:
    """Whether the stored file of this card is ticked for removal; beside a file put aside the tick is about that one."""
    return bool(sent.get(f"{name}-remove")) and not sent.get(f"{name}{KEPT}")


OTHER_NAMES = frozenset({".jpeg", ".jfif", ".heif", ".tif"})  # of kinds that are listed under their usual one


class UploadField(FileField):
    """An upload card. ``data`` is werkzeug's FileStorage or None; the view stores it.

    A paper may bear any name, as ``files.inspect`` judges its content; a sheet must be named for what it is.
    """

    def __init__(
        self,
        label: object = None,
        validators: Any = None,
        *,
        accept: Sequence[str] = SCAN_NAMES,
        limit_mb: float = 5,
        limit_bytes: int = 0,
        removable: bool = False,
        needed: bool = False,
        portrait: bool = False,
        **kwargs: Any,
    ) -> None:
        self.accept, self.removable, self.needed = tuple(accept), removable, needed
        self.portrait = portrait  # script offers to cut an upright photo out of another picture
        self.limit_bytes = limit_bytes or int(limit_mb * MEGABYTE)
        self.current: Uploaded | None = None
        self.received: Uploaded | None = None  # sent and accepted, but not attached yet
        self.removed = False
        super().__init__(label, validators, **kwargs)

    @property
    def kinds(self) -> str:
        return str(gettext(", ").join(mark.lstrip(".").upper() for mark in self.accept if mark not in OTHER_NAMES))

    @property
    def limit(self) -> str:
        large = self.limit_bytes >= MEGABYTE
        return f"{self.limit_bytes / MEGABYTE:g} MB" if large else f"{self.limit_bytes // 1024} KB"

    def process(self, formdata: Any, data: Any = None, extra_filters: Any = None) -> None:  # noqa: ARG002
        super().process(formdata, None, extra_filters)  # a column is no file; ``current`` shows what is stored
        self.received = g.get("received", {}).get(self.name) if formdata else None  # put there by ``scan_upload``
        self.removed = bool(formdata) and removes(formdata, self.name)

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = next((file for file in valuelist if getattr(file, "filename", "")), None)

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002
        refused = g.get("refused", {}).get(self.name)  # as above
        if self.data is None and refused is None:
            if self.needed and self.received is None and (self.current is None or self.removed):
                raise ValidationError(gettext("Please choose a file."))
            return
        if self.data is not None:
            self._check(self.data)
        if refused is not None:
            raise ValidationError(str(refused))

    def _check(self, file: FileStorage) -> None:
        if not set(self.accept) <= set(SCAN_NAMES) and not str(file.filename).lower().endswith(self.accept):
            raise ValidationError(gettext("Only these kinds of file fit here: %(kinds)s.", kinds=self.kinds))
        size = file.stream.seek(0, 2)
        file.stream.seek(0)
        if not size:
            raise ValidationError(gettext("The file is empty. Please choose it again."))
        if size > self.limit_bytes:
            raise ValidationError(gettext("The file is larger than %(size)s.", size=self.limit))

    def populate_obj(self, obj: Any, name: str) -> None:
        """Does nothing: the view stores the file."""


# --- from columns to fields, from fields to controls ----------------------------------------------------


def fields_for(
    datamodel: Any,
    columns: Iterable[str],
    labels: Mapping[str, object],
    hints: Mapping[str, object],
    validators: Mapping[str, Sequence[Any]],
) -> dict[str, Any]:
    """A field for each column of the table itself; relations are left to FAB's selects."""
    made = {}
    for name in columns:
        column = datamodel.list_columns.get(name)
        if column is not None:
            texts = {"label": labels.get(name, name), "description": hints.get(name, "")}
            made[name] = _field_for(column, texts, list(validators.get(name, ())))
    return made


def _field_for(column: Any, texts: dict[str, Any], checks: list[Any]) -> Any:
    kind = column.type
    if isinstance(kind, Boolean):
        return TickField(**texts, validators=checks)
    required = not column.nullable and column.default is None and column.server_default is None
    zero_counts = InputRequired(_("Please fill this in.")) if isinstance(kind, Integer) else Required()
    checks.insert(0, zero_counts if required else Optional())
    longest = getattr(kind, "length", None) or (LONG if isinstance(kind, Text) else SHORT)
    if isinstance(kind, ChoiceColumn):
        return WordField(kind.term, **texts, validators=checks)
    if isinstance(kind, ChoicesColumn):
        return WordsField(kind.term, **texts, validators=checks)
    if isinstance(kind, (UtcDateTime, DateTime)):
        return MomentField(**texts, validators=checks)
    if isinstance(kind, Date):
        return DayField(**texts, validators=checks)
    if isinstance(kind, Integer):
        return WholeNumberField(**texts, validators=checks)
    if isinstance(kind, Text):
        return LongTextField(**texts, validators=[*checks, TextLength(longest)])
    if isinstance(kind, (String, Encrypted)):
        return TextField(**texts, validators=[*checks, TextLength(longest)])
    return TextField(**texts, validators=checks)


def control(field: Field, **attributes: Any) -> Markup:
    """The native control of any field, ours or FAB's, without script or inline style."""
    attributes = {"class_": "form-control", **(field.render_kw or {}), **attributes}
    if isinstance(field, TicksField | RadioField):
        return _ticks(field, attributes)
    for kind, widget in _CONTROLS:
        if isinstance(field, kind):
            return _completed(widget, field, attributes)
    many = isinstance(getattr(field, "widget", None), widgets.Select) and type(field).__name__.endswith("MultipleField")
    if hasattr(field, "iter_choices"):
        return _rendered(widgets.Select(multiple=many), field, attributes)
    return _rendered(widgets.TextInput(), field, attributes)


_CONTROLS: tuple[tuple[Any, Any], ...] = (
    (PasswordField, widgets.PasswordInput()),
    (BooleanField, widgets.CheckboxInput()),
    (TextAreaField, widgets.TextArea()),
    (DateTimeLocalField, widgets.DateTimeLocalInput()),
    (DateField, widgets.DateInput()),
    (IntegerField, widgets.NumberInput(step=1)),
)


def _completed(widget: Any, field: Field, attributes: dict[str, Any]) -> Markup:
    if isinstance(field, BooleanField):
        attributes.pop("class_", None)
    if isinstance(field, TextAreaField):
        attributes.setdefault("rows", 4)
    if isinstance(field, PasswordField):
        attributes.setdefault("autocomplete", "new-password")
    return _rendered(widget, field, attributes)


def _rendered(widget: Any, field: Field, attributes: dict[str, Any]) -> Markup:
    return Markup(widget(field, **attributes))  # noqa: S704 - WTForms escapes what it renders


def _ticks(field: Any, attributes: dict[str, Any]) -> Markup:
    """Checkboxes or radio buttons, one a line, in one group."""
    described = attributes.get("aria-describedby")
    group = Markup(' aria-describedby="{}"').format(described) if described else Markup("")
    parts = [Markup("<label>{}<span>{}</span></label>").format(option(), option.label.text) for option in field]
    return Markup('<div class="ticks" id="{}" tabindex="-1"{}>{}</div>').format(field.id, group, Markup("").join(parts))
