"""The tables, by subject. Import them from ``app.models``, which lists them all."""

from app.db.tables import applications as applications
from app.db.tables import audit as audit
from app.db.tables import batches as batches
from app.db.tables import certificates as certificates
from app.db.tables import discrepancies as discrepancies
from app.db.tables import employment as employment
from app.db.tables import exams as exams
from app.db.tables import findings as findings
from app.db.tables import identity as identity
from app.db.tables import legacy as legacy
from app.db.tables import letters as letters
from app.db.tables import list_views as list_views
from app.db.tables import outbox as outbox
from app.db.tables import papers as papers
from app.db.tables import parties as parties
from app.db.tables import places as places
from app.db.tables import privileged_changes as privileged_changes
from app.db.tables import reasons as reasons
from app.db.tables import settings as settings
from app.db.tables import sheet_imports as sheet_imports
from app.db.tables import sign_in as sign_in
from app.db.tables import statistics as statistics
from app.db.tables import waiting_scans as waiting_scans
