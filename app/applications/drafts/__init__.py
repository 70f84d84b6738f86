"""Drafts: an enterprise creates, changes and deletes applications until they are submitted; ``workflow`` does the rest.

``for_people``: for people and the exams they passed; ``for_certificates``: for the enterprise's own certificates;
``transfers``: for certificates of another enterprise; ``correct``: changes after a return with marks.
"""

from app.applications.drafts.candidates import FilingCandidate as FilingCandidate
from app.applications.drafts.common import discard as discard
from app.applications.drafts.common import own_filing as own_filing
from app.applications.drafts.correct import correct_details as correct_details
from app.applications.drafts.correct import to_correct as to_correct
from app.applications.drafts.for_certificates import all_open as all_open
from app.applications.drafts.for_certificates import amend_claims as amend_claims
from app.applications.drafts.for_certificates import draft_on_certificates as draft_on_certificates
from app.applications.drafts.for_certificates import holdings as holdings
from app.applications.drafts.for_certificates import most_of as most_of
from app.applications.drafts.for_certificates import open_on as open_on
from app.applications.drafts.for_people import Pick as Pick
from app.applications.drafts.for_people import all_ready as all_ready
from app.applications.drafts.for_people import amend as amend
from app.applications.drafts.for_people import amend_incoming as amend_incoming
from app.applications.drafts.for_people import candidates as candidates
from app.applications.drafts.for_people import draft as draft
from app.applications.drafts.for_people import draft_incoming as draft_incoming
from app.applications.drafts.for_people import own_people as own_people
from app.applications.drafts.transfers import Transferable as Transferable
from app.applications.drafts.transfers import TransferSearch as TransferSearch
from app.applications.drafts.transfers import amend_transfer as amend_transfer
from app.applications.drafts.transfers import draft_transfer as draft_transfer
from app.applications.drafts.transfers import find_for_transfer as find_for_transfer
from app.applications.drafts.transfers import releases as releases
