"""Hints on the workbench: what each role does first, until the reader closes the hint for good.

What was closed is kept in a cookie, by account and role: nothing else in the system depends on it, and browsers shared by
several accounts keep them apart. Another browser shows the hint once more.
"""

from collections.abc import Collection, Mapping

from flask_babel import lazy_gettext as _

from app.core.vocabulary import Role

COOKIE, LASTS = "ag_hints", 400 * 24 * 3600  # seconds; browsers keep no cookie for longer, and each closing begins anew
MOST = 60  # closed hints that are remembered, the newest; a cookie may have 4 KB

HINTS: Mapping[Role, object] = {
    Role.ENTERPRISE_CLERK: _(
        "Complete the enterprise and its people under “Basic information” first. Then sign people up for an exam, or file. "
        "What is only saved has not been sent: press “Submit”."
    ),
    Role.EXAM_CLERK: _(
        "Saving an exam notice publishes it. Sign-ups wait under “Review of sign-ups”; scores are imported at the notice, "
        "and are final once they are submitted."
    ),
    Role.ACCEPTANCE_OFFICER: _(
        "New applications wait under “Acceptance of applications”, the most urgent first. Nothing decided can be taken back; "
        "to have something corrected, mark it beside the scan."
    ),
    Role.REVIEWER: _(
        "Cases wait under “First review of applications”, the most urgent first. Read the automatic checks before the scans; "
        "to disagree needs a reason."
    ),
    Role.APPROVER: _(
        "Cases wait under “Issuing approval”, the most urgent first. With your agreement the certificate is numbered and "
        "drawn at once; it cannot be taken back there."
    ),
    Role.VIEWER: _(
        "You look and change nothing: closed applications with their papers, certificates, deadlines and statistics stand in "
        "the menu."
    ),
    Role.ADMIN: _(
        "Look at “System status” each day. You make accounts; the security administrator gives them their role and the first "
        "password."
    ),
    Role.SECURITY_ADMIN: _(
        "New accounts wait under “Awaiting a role”. Changes of privileged accounts need the confirmation of the other "
        "administrator."
    ),
    Role.AUDITOR: _(
        "The audit log says who did what, when and from where. Above it stands whether its chain was found whole last night."
    ),
}


def open_hints(cookie: str, account: int, roles: Collection[Role]) -> list[tuple[Role, object]]:
    """The hints of these roles that this account has not closed in this browser."""
    closed = cookie.split(".")
    return [(role, text) for role, text in HINTS.items() if role in roles and _mark(account, role.value) not in closed]


def closing(cookie: str, account: int, role: str) -> str:
    """The cookie with one more closed hint; as it was for what is no role."""
    if role not in {known.value for known in Role}:
        return cookie
    closed = [mark for mark in cookie.split(".") if mark and mark != _mark(account, role)]
    return ".".join([*closed[1 - MOST :], _mark(account, role)])


def _mark(account: int, role: str) -> str:
    return f"{account}-{role}"
