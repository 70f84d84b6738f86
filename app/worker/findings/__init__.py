"""What stands in the way of a sound system: one list of checks, asked by command, page, metrics and watch alike.

``examine`` asks the checks of an installation, stage by stage; a finding says what is wrong, where, and what to do.
"""

from app.worker.findings.examination import CHECKS as CHECKS
from app.worker.findings.examination import LIVE as LIVE
from app.worker.findings.examination import examine as examine
from app.worker.findings.examination import of_error as of_error
from app.worker.findings.finding import Depth as Depth
from app.worker.findings.finding import Severity as Severity
from app.worker.findings.finding import SystemFinding as SystemFinding
from app.worker.findings.installation import Installation as Installation
