"""Facts of many cases, loaded in a fixed number of queries; all that rules and effects may depend on."""

from app.eligibility.facts.case import CertificateFacts as CertificateFacts
from app.eligibility.facts.case import Facts as Facts
from app.eligibility.facts.case import OpenCase as OpenCase
from app.eligibility.facts.case import PaperRequirement as PaperRequirement
from app.eligibility.facts.case import PassFacts as PassFacts
from app.eligibility.facts.loading import of_applications as of_applications
from app.eligibility.facts.loading import of_candidates as of_candidates
from app.eligibility.facts.loading import of_certificates as of_certificates
