"""Reconciliation of imported certificates and passes: what cannot be right is listed, and what was decided is kept.

``run``, the comparison, is not imported here: it loads pandas, and only the worker needs it (decision 0035).
"""

from app.applications.reconciliation.decisions import KIND, LONGEST_REASON, after_import, ask, decide, newest_job
from app.applications.reconciliation.sides import ComparedRow, sheets_of, sides_of

__all__ = ["KIND", "LONGEST_REASON", "ComparedRow", "after_import", "ask", "decide", "newest_job", "sheets_of", "sides_of"]
