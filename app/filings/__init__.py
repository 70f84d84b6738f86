"""Filings: an enterprise puts applications together, changes them and takes them away, until they are submitted.

Law: this room makes and unmakes drafts; every step after that is ``workflow``'s. ``people`` files for people and what they
passed, ``holdings`` for certificates that one holds, ``transfers`` for certificates that another enterprise holds;
``correcting`` opens what was marked.
"""

from app.filings.correcting import correct_details as correct_details
from app.filings.correcting import to_correct as to_correct
from app.filings.folder import discard as discard
from app.filings.folder import own_filing as own_filing
from app.filings.holdings import amend_claims as amend_claims
from app.filings.holdings import draft_on_certificates as draft_on_certificates
from app.filings.holdings import holdings as holdings
from app.filings.people import Pick as Pick
from app.filings.people import amend as amend
from app.filings.people import amend_incoming as amend_incoming
from app.filings.people import candidates as candidates
from app.filings.people import draft as draft
from app.filings.people import draft_incoming as draft_incoming
from app.filings.standing import Candidate as Candidate
from app.filings.transfers import Found as Found
from app.filings.transfers import Transferable as Transferable
from app.filings.transfers import amend_transfer as amend_transfer
from app.filings.transfers import draft_transfer as draft_transfer
from app.filings.transfers import find_for_transfer as find_for_transfer
from app.filings.transfers import releases as releases
