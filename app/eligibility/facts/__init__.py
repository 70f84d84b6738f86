"""The facts of many cases at once, in a fixed number of queries however many cases there are.

Law: reads only; what it returns is all that rules and effects get to see.
"""

from app.eligibility.facts.case import CertificateFacts as CertificateFacts
from app.eligibility.facts.case import Facts as Facts
from app.eligibility.facts.case import OpenCase as OpenCase
from app.eligibility.facts.case import PaperRequirement as PaperRequirement
from app.eligibility.facts.case import PassFacts as PassFacts
from app.eligibility.facts.loading import of_applications as of_applications
from app.eligibility.facts.loading import of_candidates as of_candidates
from app.eligibility.facts.loading import of_certificates as of_certificates
