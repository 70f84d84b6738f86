"""Accounts of the old system: an enterprise and its clerk's account.

An account is imported without a password, so nobody can sign in before ``first_passwords`` sets one. A later sheet never
changes its user name, role, enterprise or password.
"""

from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import insert, inspect, or_, select, update
from sqlalchemy.orm import Session

from app.applications.importers.importer import CheckFacts, ImportRun, JsonValues
from app.applications.legacy_import.merge import ADDED, MergeVerdict, RecordMerge
from app.applications.legacy_import.parties import Firm, RowRefused
from app.core.identifiers import fold_user_name, is_mobile
from app.core.vocabulary import AccountSource, AuditAction, ImportKind, Role
from app.db import audit
from app.files.spreadsheets import SheetLine
from app.models import Account, Enterprise

# column of the sheet -> of ``Firm``, and of the table
_FIRM = {"enterprise": "name", "region": "region_code", "contact": "contact", "mobile": "mobile"}
_FIRM |= {name: name for name in ("telephone", "legal_representative", "address")}
_TABLE = _FIRM | {"mobile": "contact_mobile"}


class AccountMerge(RecordMerge):
    kind = ImportKind.ACCOUNTS

    def __init__(self, facts: CheckFacts) -> None:
        super().__init__(facts)
        self.accounts: dict[str, tuple[int | None, str]] = {}  # user name -> account id, credit code of its enterprise

    def key_of(self, line: SheetLine) -> str:
        return str(line.values["uscc"])

    # --- checking -------------------------------------------------------------------------------------------

    def load(self, session: Session, lines: Sequence[SheetLine]) -> None:
        names = {_user_name(line) for line in lines}
        ids = {self.records[key].row_id for key in map(self.key_of, lines) if key in self.records}
        for row in session.execute(
            select(Account.id, Account.username, Enterprise.uscc)
            .outerjoin(Enterprise, Enterprise.id == Account.enterprise_id)
            .where(or_(Account.username.in_(names), Account.id.in_(ids)))
        ):
            self.accounts[row.username] = (row.id, row.uscc or "")

    def judge(self, line: SheetLine, key: str) -> MergeVerdict:
        name, firm = _user_name(line), self.parties.firms.get(key)
        account = self.accounts.get(name)
        if account is not None and account[1] != key:
            raise RowRefused(_("The user name “%(name)s” is taken by another account.", name=name))
        region = self.parties.region_of(key, line.values["region"])
        sheet = {title: line.values[title] for title in _FIRM} | {"region": region, **_telephones(line)}
        if firm is None:
            given = {_FIRM[title]: value for title, value in sheet.items() if value is not None}
            verdict = MergeVerdict(line, ADDED, key=key, taken=_now(firm := Firm(**given, uscc=key)))
        else:
            verdict = self._compared(line, key, sheet if line.values["region"] else sheet | {"region": None}, firm)
            self._settle(verdict, key, account)
        verdict.firm = firm
        if sheet["telephone"] and not sheet["mobile"]:
            sentence = _("%(number)s is a landline, which gets no text messages.", number=sheet["telephone"])
            verdict.reasons.append(sentence)
        if verdict.outcome is ADDED:
            self.accounts[name] = (None, key)
        return verdict

    def _compared(self, line: SheetLine, key: str, sheet: JsonValues, firm: Firm) -> MergeVerdict:
        """An enterprise known from another sheet only had no account that could have changed it, so it may be corrected."""
        now = _now(firm)
        unattended = key not in self.records and firm.source is AccountSource.LEGACY
        return self.compared(line, key, sheet, now, before=now if unattended else None)

    def _settle(self, verdict: MergeVerdict, key: str, account: tuple[int | None, str] | None) -> None:
        """An existing account keeps its user name; a missing one is added."""
        if key in self.records:
            if account is None:
                verdict.reasons.append(_("The account keeps the user name it has."))
        elif account is None:
            verdict.outcome = ADDED
        else:
            verdict.row_id = account[0]

    # --- writing -------------------------------------------------------------------------------------------

    def add(self, session: Session, new: Sequence[MergeVerdict], run: ImportRun) -> None:
        rows = {_user_name(verdict.line): _account(verdict) for verdict in new}
        # FAB would look for the user in the session of the request, which waits for this one.
        nobody = {"created_by_fk": None, "changed_by_fk": None}
        session.execute(insert(Account), [{**row, **nobody} for row in rows.values()])
        ids: dict[str, int] = {
            row.username: row.id
            for row in session.execute(select(Account.id, Account.username).where(Account.username.in_(rows)))
        }
        for verdict in new:
            verdict.row_id = ids[_user_name(verdict.line)]
        roles = inspect(Account).relationships["roles"]
        table = roles.mapper.local_table
        role_id = session.execute(select(table.c.id).where(table.c.name == Role.ENTERPRISE_CLERK.value)).scalar_one()
        session.execute(insert(roles.secondary), [{"user_id": account_id, "role_id": role_id} for account_id in ids.values()])
        self.update(session, [verdict for verdict in new if verdict.changes], run)
        change = {"legacy_import": run.import_id, "accounts": sorted(ids)}
        audit.log(session, run.actor, AuditAction.CREATE, Account, "", change, at=run.at)

    def update(self, session: Session, changed: Sequence[MergeVerdict], run: ImportRun) -> None:
        if not changed:
            return
        rows: list[dict[str, Any]] = []
        for verdict in changed:
            assert verdict.firm is not None  # noqa: S101 - set by ``judge``
            after = _now(verdict.firm) | verdict.changes
            rows.append({_TABLE[title]: value for title, value in after.items()} | {"id": verdict.firm.id})
        session.execute(update(Enterprise), rows)
        change = {
            "legacy_import": run.import_id,
            "changed": [[row["id"], sorted(v.changes)] for row, v in zip(rows, changed, strict=True)],
        }
        audit.log(session, run.actor, AuditAction.CHANGE, Enterprise, "", change, at=run.at)


def _user_name(line: SheetLine) -> str:
    """The user name of the old system, or else the credit code."""
    return str(line.values["username"] or fold_user_name(line.values["uscc"]))


def _telephones(line: SheetLine) -> dict[str, str | None]:
    """The mobile and the landline of a row, whichever column they stand in."""
    given = [number for number in (line.values["mobile"], line.values["telephone"]) if number]
    mobiles, landlines = ([number for number in given if is_mobile(number) is wanted] for wanted in (True, False))
    return {"mobile": next(iter(mobiles), None), "telephone": next(iter(landlines), None)}


def _now(firm: Firm) -> JsonValues:
    return {title: getattr(firm, part) for title, part in _FIRM.items()}


def _account(verdict: MergeVerdict) -> dict[str, Any]:
    name, firm = _user_name(verdict.line), verdict.firm
    assert firm is not None  # noqa: S101 - set by ``judge``
    mobile = _telephones(verdict.line)["mobile"]
    return {
        "username": name,
        "first_name": (verdict.line.values["contact"] or firm.name)[:64],
        "last_name": "",
        "email": f"{name}@accounts.invalid",  # FAB requires one; never written to
        "active": True,
        "password": None,
        "must_change_password": True,
        "mobile": mobile,
        "mobile_key": mobile,
        "enterprise_id": firm.id,
    }
