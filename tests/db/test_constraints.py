"""Conditions made from the vocabulary, asked of the database itself."""

import pytest
from sqlalchemy import text

from app.core.vocabulary import REASONS, CancellationReason, MatterKind, ReplacementReason, Sex
from app.db.constraints import choice_check, one_of, partial_index, reason_fits_matter


def test_terms_are_spelt_by_their_codes():
    codes = ", ".join(repr(term.value) for term in Sex)
    assert one_of("sex", Sex) == f"sex IN ({codes})"
    assert choice_check("person", "sex", Sex).name == "ck_person_sex"
    assert {str(condition) for condition in partial_index("a = 1").values()} == {"a = 1"}


@pytest.mark.parametrize(
    ("matter", "reason", "fits"),
    [
        *((matter, term.value, True) for matter, terms in REASONS.items() for term in terms),
        (MatterKind.CANCELLATION, ReplacementReason.LOST.value, False),
        (MatterKind.REPLACEMENT, CancellationReason.LEFT.value, False),
        (MatterKind.REPLACEMENT, "", False),
        (MatterKind.NEW, "", True),
        (MatterKind.RENEWAL, "", True),
        (MatterKind.RENEWAL, ReplacementReason.LOST.value, False),
    ],
)
def test_a_reason_fits_its_own_matter_only(session, matter, reason, fits):
    asked = text(f"SELECT {reason_fits_matter()} FROM (SELECT :matter AS matter, :reason AS reason_code) AS one")  # noqa: S608
    assert bool(session.scalar(asked, {"matter": matter.value, "reason": reason})) is fits
