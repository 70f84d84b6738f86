"""The fields of each matter: what is asked, how it is read, and that every fault is named at its field."""

import pytest

from app.core.errors import Unmet
from app.core.vocabulary import CancellationReason, Category, MatterKind, ReplacementReason
from app.eligibility.matter_fields import all_field_names, fields_of, parse_matter_fields

R, INCOMING, LOST = MatterKind.REPLACEMENT, ReplacementReason.FROM_OTHER_PROVINCE.value, ReplacementReason.LOST.value
OTHER, WRONG = CancellationReason.OTHER.value, ReplacementReason.WRONG_INFORMATION.value


@pytest.mark.parametrize(
    ("matter", "reason", "category", "names"),
    [
        (R, LOST, Category.A, ["declared_on", "medium"]),
        (R, LOST, Category.C, ["declared_on", "medium", "category"]),
        (R, "", Category.C, ["category"]),
        (MatterKind.RENEWAL, "", Category.C, []),
        (MatterKind.CANCELLATION, OTHER, Category.C, ["note"]),
        (MatterKind.CANCELLATION, LOST, Category.A, []),
    ],
)
def test_matter_reason_and_category_decide_what_is_asked(matter, reason, category, names):
    assert [field.name for field in fields_of(matter, reason, category)] == names
    assert set(names) <= all_field_names()


@pytest.mark.parametrize(
    ("matter", "reason", "typed", "values"),
    [
        (
            R,
            LOST,
            {"declared_on": "２０２６/０３/０２", "medium": " 湖南  日报 "},
            {"declared_on": "2026-03-02", "medium": "湖南 日报"},
        ),
        (R, LOST, {"declared_on": " ", "medium": "", "name": "李雷"}, None),
        (R, INCOMING, {"old_number": "粤建安Ｃ1（2024）0000007"}, {"old_number": "粤建安C1(2024)0000007"}),
        (R, WRONG, {"name": "李 蕾"}, {"name": "李蕾"}),
        (R, "", {"category": "C2"}, {"category": "C2"}),
        (MatterKind.CANCELLATION, OTHER, {"note": "字" * 200}, {"note": "字" * 200}),
    ],
)
def test_values_are_read_and_blank_or_unknown_ones_left_out(matter, reason, typed, values):
    assert parse_matter_fields(matter, reason, Category.C, typed) == values


@pytest.mark.parametrize(
    ("matter", "reason", "typed", "faults"),
    [
        (R, LOST, {"declared_on": "2026-02-30", "medium": "字" * 61}, [("bad-day", "declared_on"), ("too-long", "medium")]),
        (
            R,
            INCOMING,
            {"old_province": "省" * 31, "valid_to": "明天"},
            [("too-long", "old_province"), ("bad-day", "valid_to")],
        ),
        (R, "", {"category": "C"}, [("bad-category", "category")]),
        (MatterKind.CANCELLATION, OTHER, {"note": "字" * 201}, [("too-long", "note")]),
    ],
)
def test_every_fault_is_named_at_its_field(matter, reason, typed, faults):
    with pytest.raises(Unmet) as refused:
        parse_matter_fields(matter, reason, Category.C, typed)
    assert [(refusal.code, refusal.field) for refusal in refused.value.refusals] == faults
