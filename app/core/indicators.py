"""The indicators of the statistics: closed lists, as in ``vocabulary``."""

from flask_babel import lazy_gettext as _

from app.core.vocabulary import Term


class Indicator(Term):
    """What a stored count counts; ``subject`` and ``value`` of a row say of what.

    Those of ``HOLDINGS`` are what there is at a moment, all others what happened in a month.
    """

    FILED = "filed", _("Filed")  # reached the office; value: none
    WITHDRAWN = "withdrawn", _("Withdrawn by the enterprise")
    OUTCOME = "outcome", _("Closed by the office")  # value: the state in which it ended
    REASON = "reason", _("Reasons of refusals")  # value: the stock reason, none for one in the officer's own words
    DAYS = "days", _("Working days")  # subject: a measured stage; value: the number of working days
    IN_TIME = "in_time", _("In time")  # subject: a measured stage; value: 1 or 0
    MOVED_IN = "moved_in", _("Transferred in")  # subject: the enterprise
    MOVED_OUT = "moved_out", _("Transferred out")  # subject: the enterprise
    WORK = "work", _("Work of officers")  # subject: the account; value: the action
    EXAM = "exam", _("Exam results")  # subject: the notice; value: the state of the sign-up
    BACKLOG = "backlog", _("Open at the office")  # value: the age
    IN_FORCE = "in_force", _("Certificates in force")
    EXPIRING = "expiring", _("Certificates that expire")  # value: the month, as 2027-03


HOLDINGS = (Indicator.BACKLOG, Indicator.IN_FORCE, Indicator.EXPIRING)
OF_MOVES = (Indicator.MOVED_IN, Indicator.MOVED_OUT)


class Measured(Term):
    """What working days are counted of; the day on which it begins does not count (行政许可法 art. 82)."""

    ACCEPTANCE = "acceptance", _("Receipt to acceptance")
    REVIEW = "review", _("Acceptance to first review")
    APPROVAL = "approval", _("First review to approval")
    WHOLE = "whole", _("Acceptance to decision")


class Age(Term):
    """How many working days ago an open case was submitted."""

    FRESH = "0-5", _("Up to 5 working days")
    YOUNG = "6-10", _("6 to 10 working days")
    DUE = "11-20", _("11 to 20 working days")
    OLD = "21-", _("More than 20 working days")
