"""The list of all checks in their order, and asking them."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from sqlalchemy.exc import SQLAlchemyError

from app.core.errors import AppError
from app.core.settings import BadSetting
from app.worker.findings import database, environment, operation, services
from app.worker.findings.finding import Depth, SystemFinding
from app.worker.findings.installation import Installation
from app.worker.findings.kinds import KINDS

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """One check, and from which depth on it is asked. Where ``decides`` finds something, later checks cannot be asked."""

    find: Callable[[Installation], Iterator[SystemFinding]]
    depth: Depth
    decides: bool = False


CHECKS: tuple[Check, ...] = (
    Check(environment.private_files, Depth.LIVE),
    Check(environment.code_keys, Depth.LIVE),
    Check(environment.production, Depth.LIVE),
    Check(environment.free_space, Depth.LIVE),
    Check(environment.writing, Depth.WATCH),
    Check(environment.object_store, Depth.WATCH),
    Check(environment.fonts, Depth.FULL),
    Check(services.scanner, Depth.WATCH),
    Check(services.messages, Depth.WATCH),
    Check(services.licences, Depth.WATCH),
    Check(database.answers, Depth.LIVE, decides=True),
    Check(database.keys_fit, Depth.WATCH, decides=True),
    Check(database.code_keys_fit, Depth.WATCH),
    Check(database.is_ours, Depth.WATCH),
    Check(database.clock, Depth.LIVE),
    Check(services.seals, Depth.WATCH),
    Check(operation.worker, Depth.LIVE),
    Check(operation.queue, Depth.LIVE),
    Check(operation.batches, Depth.LIVE),
    Check(operation.unsent, Depth.LIVE),
    Check(operation.papers, Depth.WATCH),
    Check(operation.papers_lead_here, Depth.WATCH),
    Check(operation.audit_log, Depth.LIVE),
    Check(operation.last_backup, Depth.LIVE),
    Check(operation.stored_files, Depth.WATCH),
    Check(database.demonstration, Depth.WATCH),
    Check(database.accounts, Depth.FULL),
    Check(database.audit_log_is_append_only, Depth.FULL),
    Check(database.identities, Depth.FULL),
    Check(database.secrets, Depth.FULL),
    Check(operation.every_file, Depth.DEEP),
    Check(operation.whole_audit_log, Depth.DEEP),
)


LIVE = frozenset(check.find.__name__ for check in CHECKS if check.depth is Depth.LIVE)


def examine(of: Installation, depth: Depth) -> list[SystemFinding]:
    """Everything that is wrong, as far as this depth goes, in the order of the checks."""
    found: list[SystemFinding] = []
    for check in CHECKS:
        if check.depth > depth:
            continue
        new = _asked(check, of)
        found += [one for one in new if one not in found]
        if new and check.decides:
            break
    return found


def _asked(check: Check, of: Installation) -> list[SystemFinding]:
    try:
        return [replace(one, found_by=check.find.__name__) for one in check.find(of)]
    except (SQLAlchemyError, OSError, AppError) as fault:  # what is broken must not hide what else is
        log.warning("the check %s could not be made", check.find.__name__, exc_info=fault)
        why = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        name = check.find.__name__
        return [SystemFinding("failed-check", name, {"why": why[:200]}, found_by=name)]


def of_error(error: BadSetting) -> SystemFinding:
    """What keeps the settings from being read."""
    return SystemFinding(error.code if error.code in KINDS else "bad-setting", "", {"why": str(error)})
