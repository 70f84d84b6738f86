"""What the roles may do, in words: for docs/ROLES.md, the page of roles and permissions, and the page of a refusal.

All three are read from ``PERMISSIONS``; nothing here grants anything.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.core.vocabulary import PRIVILEGED, Role
from app.web.auth.permissions import MENU, PERMISSIONS

# What each permission allows, whatever the page; where a page means something of its own, it is in ``OWN_WORDS``.
WORDS: Mapping[str, object] = {
    MENU: _("in the menu"),
    "can_add": _("add"),
    "can_again": _("try again what failed"),
    "can_anew": _("have it counted anew"),
    "can_ask": _("ask for a change"),
    "can_attach": _("attach files"),
    "can_batch": _("decide, singly and in batches"),
    "can_bind": _("bind an own certificate"),
    "can_bundle": _("download the whole case"),
    "can_cancel": _("cancel"),
    "can_category": _("change the category"),
    "can_compare": _("compare anew"),
    "can_confirm": _("confirm and carry out"),
    "can_course": _("follow the progress"),
    "can_decide": _("decide"),
    "can_delete": _("delete"),
    "can_discard": _("discard what was not submitted"),
    "can_edit": _("change"),
    "can_end": _("end the sessions"),
    "can_examine": _("open for a decision"),
    "can_export": _("export"),
    "can_extend": _("extend time limits"),
    "can_fetch": _("fetch the results of an own import"),
    "can_find": _("search"),
    "can_hand_in": _("hand in a sheet"),
    "can_home": _("open"),
    "can_keep": _("save"),
    "can_letter": _("open letters"),
    "can_licence": _("see the business licence"),
    "can_list": _("see the list"),
    "can_mark": _("mark as read or unread"),
    "can_mass": _("propose measures by a sheet"),
    "can_mine": _("see the own record"),
    "can_move": _("set the demonstration's clock ahead"),
    "can_open": _("open files"),
    "can_pack": _("download several as zip"),
    "can_passwords": _("fetch the first passwords, once"),
    "can_phones": _("see the simulated telephones"),
    "can_propose": _("propose a measure"),
    "can_read": _("read a closed case"),
    "can_recall": _("recall"),
    "can_refused": _("fetch the refused rows"),
    "can_release": _("release"),
    "can_remove": _("remove"),
    "can_report": _("fetch the report"),
    "can_republish": _("publish again"),
    "can_reset": _("reset the password"),
    "can_restore": _("go back to the default"),
    "can_retract": _("take back"),
    "can_retry": _("try the failed rows again"),
    "can_reveal": _("see the full ID number, with a reason"),
    "can_roster": _("import people from a sheet"),
    "can_scores": _("enter scores"),
    "can_set": _("set days"),
    "can_sheet": _("work with a sheet"),
    "can_show": _("see one record"),
    "can_signup": _("sign people up"),
    "can_start": _("ask for the challenge"),
    "can_step": _("confirm, answer, undo"),
    "can_submit": _("submit"),
    "can_template": _("fetch the empty sheet"),
    "can_unlock": _("unlock"),
    "can_verify": _("verify"),
    "can_watch": _("follow the progress"),
    "can_withdraw": _("withdraw"),
}
OWN_WORDS: Mapping[tuple[str, str], object] = {
    ("can_verify", "Diary"): _("verify the chain"),
    ("can_verify", "Case"): _("record that originals were seen"),
    ("can_release", "Person"): _("let somebody go"),
    ("can_open", "Notification"): _("open the page that it is about"),
    ("can_show", "Parameter"): _("see all"),
    ("can_show", "Permission"): _("see all"),
    ("can_show", "SmsText"): _("see all"),
    ("can_show", "Statistics"): _("see the figures"),
    ("can_show", "Status"): _("see the state"),
    ("can_show", "Calendar"): _("see the days"),
    ("can_show", "DemoClock"): _("see the demonstration's clock"),
    ("can_show", "DueBoard"): _("see what is due"),
}
# Pages without a list title and without an entry in the menu.
PAGES: Mapping[str, object] = {
    "Archive": _("E-archive"),
    "BulkScans": _("Hand in many scans"),
    "Bundle": _("Certificates as zip"),
    "Case": _("Page of a case"),
    "CertificateFile": _("Certificates as PDF and OFD"),
    "CertificateHistory": _("Certificate history"),
    "Claim": _("Forms of renewal, transfer, replacement and cancellation"),
    "Correction": _("Correction of a returned application"),
    "DemoClock": _("Clock of the demonstration"),
    "Enterprise": _("Information on the enterprise"),
    "Filing": _("Form of new applications"),
    "Legacy": _("Import from the old system"),
    "ListViews": _("Own views of lists"),
    "MeasurePaper": _("Documents and letters of measures"),
    "NoticeChange": _("Changes of exam notices"),
    "NoticeFile": _("Files of exam notices"),
    "OwnCertificates": _("Own certificates for signing in"),
    "Paper": _("Scans"),
    "Papers": _("Drawing of certificates"),
    "Parameter": _("Parameters"),
    "Permission": _("Roles and permissions"),
    "Roster": _("Import of people"),
    "Scores": _("Scores"),
    "Search": _("Search everywhere"),
    "SheetResults": _("Results of imported sheets"),
    "Simulator": _("Telephone simulator"),
    "SmsText": _("Texts of text messages"),
    "Standing": _("Standing of certificates"),
    "StandingSheet": _("Measures by a sheet"),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """One permission of one page, and who holds it."""

    view: str  # its ``class_permission_name``, or the name of an entry of the menu
    page: object
    permission: str
    words: object
    holders: Collection[Role]


def grants(appbuilder: Any) -> Iterator[Grant]:
    """Everything that is declared, in the order of the declaration."""
    names = page_names(appbuilder)
    for view, permissions in PERMISSIONS.items():
        for permission, holders in permissions.items():
            words = OWN_WORDS.get((permission, view)) or WORDS[permission]
            yield Grant(view, names.get(view) or view, permission, words, holders)


def page_names(appbuilder: Any) -> dict[str, object]:
    """What pages are called: in the menu, else by their list, else by ``PAGES``."""
    names = dict(PAGES)
    for view in appbuilder.baseviews:
        if title := getattr(view, "list_title", ""):
            names.setdefault(view.class_permission_name, title)
    return names | {item.name: item.label for item in _items(appbuilder.menu.get_list())}


def _items(items: Any) -> list[Any]:
    return [entry for item in items if item.name != "-" for entry in (item, *_items(item.childs))]


def holders_of(appbuilder: Any, endpoint: str | None) -> Collection[Role]:
    """The roles that may open an endpoint; nobody for one that asks for no permission."""
    name, _dot, method = (endpoint or "").partition(".")
    view = next((view for view in appbuilder.baseviews if view.endpoint == name), None)
    permission = getattr(getattr(view, method, None), "_permission_name", None)
    return PERMISSIONS.get(getattr(view, "class_permission_name", ""), {}).get(f"can_{permission}", ())


def how_to_get(holders: Collection[Role]) -> list[str]:
    """Whose page it is, and which administrator gives that role: by role, never by name. Empty if it is nobody's."""
    officers = [role for role in holders if role is not Role.ENTERPRISE_CLERK]
    given = {"security": Role.SECURITY_ADMIN.label, "admin": Role.ADMIN.label}
    sentences = []
    if holders:
        names = gettext(", ").join(str(role.label) for role in Role if role in holders)
        sentences.append(gettext("It is open to: %(roles)s.", roles=names))
    if officers and all(role in PRIVILEGED for role in officers):
        sentences.append(
            gettext("If your work needs it: the %(security)s gives the role, the %(admin)s confirms it.", **given)
        )
    elif officers:
        sentences.append(gettext("If your work needs it: the %(security)s gives the role.", security=given["security"]))
    if Role.ENTERPRISE_CLERK in holders:
        sentences.append(gettext("Accounts of enterprises are opened by the %(admin)s.", admin=given["admin"]))
    return sentences
