"""Closed lists of the scans that are handed in by the pile: sides of a paper, and why a file is doubtful."""

from flask_babel import lazy_gettext as _

from app.core.vocabulary import Term


class ScanSide(Term):
    """How much of the paper a file shows."""

    WHOLE = "whole", _("Whole paper")
    FRONT = "front", _("Front only")
    BACK = "back", _("Back only")


class ScanDoubt(Term):
    """Why nobody but the clerk can say to whom a file belongs, or as what; the label is the sentence shown."""

    NO_PERSON = "no_person", _("The file name holds neither a full name nor an ID number.")
    UNKNOWN_NAME = "unknown_name", _("Nobody on your list has the name in the file name.")
    HOMONYMS = "homonyms", _("Several people on your list have this name.")
    UNKNOWN_NUMBER = "unknown_number", _("Nobody on your list has the ID number in the file name.")
    BAD_NUMBER = "bad_number", _("The ID number in the file name is mistyped: its check digit or birth date is wrong.")
    PART_OF_NUMBER = (
        "part_of_number",
        _("The file name holds only part of an ID number, which may be that of several people."),
    )
    TWO_PEOPLE = "two_people", _("File name and folder, or number and name, are those of different people.")
    NO_PAPER = "no_paper", _("The file name names no paper.")
    TWO_PAPERS = "two_papers", _("The file name names several papers. Each paper is handed in as a file of its own.")
    OF_NO_PERSON = "of_no_person", _("This paper does not belong to a person; it is handed in with the application.")
