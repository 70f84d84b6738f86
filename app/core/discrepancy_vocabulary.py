"""Closed lists of the reconciliation of imported records: what can be wrong, and what was decided about it."""

from flask_babel import lazy_gettext as _

from app.core.vocabulary import Term


class DiscrepancyKind(Term):
    """What about imported certificates and passes cannot be right, or need not be (docs/domain.md 2.11)."""

    NUMBER_SHARED = "number_shared", _("One number, two people")
    NUMBER_TWICE = "number_twice", _("One certificate twice")
    CATEGORY_TWICE = "category_twice", _("Same category twice in force")
    ENTERPRISES = "enterprises", _("In force with two enterprises")
    NAMES = "names", _("One ID number, two names")
    ENDS_FIRST = "ends_first", _("Ends before it begins")
    TERM = "term", _("Valid for longer than the rules give")
    CATEGORY_NUMBER = "category_number", _("Category unlike the one in the number")
    YEAR_NUMBER = "year_number", _("Numbered in a later year than it was issued")
    TOO_YOUNG = "too_young", _("Before the holder was of age")


class DiscrepancyState(Term):
    """Where a discrepancy stands. The comparison opens it and says that it is gone; a person decides the rest."""

    OPEN = "open", _("To be looked at")
    RIGHT = "right", _("Right as it is")
    TO_CORRECT = "to_correct", _("Being corrected")
    POSTPONED = "postponed", _("Postponed")
    GONE = "gone", _("No longer found")


UNDECIDED = (DiscrepancyState.OPEN, DiscrepancyState.GONE)
DECISIONS = (DiscrepancyState.RIGHT, DiscrepancyState.TO_CORRECT, DiscrepancyState.POSTPONED)
