"""Accounts of the old system: an enterprise, and the clerk's account with which it comes in.

Law: an account is taken over without a password, so nobody comes in with it before ``firstwords`` has made one; its user
name, its role, its enterprise and its password are never changed by a later sheet.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import insert, inspect, or_, select, update
from sqlalchemy.orm import Session

from app.applications.legacy_import.merge import ADDED, ImportRun, JsonValues, MergeVerdict, RecordMerge
from app.applications.legacy_import.parties import Firm, RowRefused
from app.core.identifiers import fold_user_name
from app.core.vocabulary import AccountSource, LegacyKind, Role
from app.core.vocabulary import AuditAction as DiaryDeed
from app.db import audit
from app.files.spreadsheets import SheetLine
from app.models import Account, Enterprise

# column of the sheet -> of ``Firm``, and of the table
_FIRM = {"enterprise": "name", "region": "region_code", "contact": "contact", "mobile": "mobile"}
_FIRM |= {name: name for name in ("legal_representative", "address")}
_TABLE = _FIRM | {"mobile": "contact_mobile"}


class AccountMerge(RecordMerge):
    kind = LegacyKind.ACCOUNTS

    def __init__(self, lines: Sequence[SheetLine], on: date, province: str) -> None:
        super().__init__(lines, on, province)
        self.accounts: dict[str, tuple[int | None, str]] = {}  # user name -> account id, credit code of its enterprise

    def key_of(self, line: SheetLine) -> str:
        return str(line.values["uscc"])

    # --- looking -------------------------------------------------------------------------------------------

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
        said = {title: line.values[title] for title in _FIRM} | {"region": region}
        if firm is None:
            given = {_FIRM[title]: value for title, value in said.items() if value is not None}
            verdict = MergeVerdict(line, ADDED, key=key, taken=_now(firm := Firm(**given, uscc=key)))
        else:
            verdict = self._compared(line, key, said if line.values["region"] else said | {"region": None}, firm)
            self._settle(verdict, key, account)
        verdict.firm = firm
        if verdict.outcome is ADDED:
            self.accounts[name] = (None, key)
        return verdict

    def _compared(self, line: SheetLine, key: str, said: JsonValues, firm: Firm) -> MergeVerdict:
        """An enterprise that only another sheet knew has had nobody who could have changed it: it may be corrected."""
        now = _now(firm)
        unattended = key not in self.records and firm.source is AccountSource.LEGACY
        return self.compared(line, key, said, now, before=now if unattended else None)

    def _settle(self, verdict: MergeVerdict, key: str, account: tuple[int | None, str] | None) -> None:
        """Whether the account itself is there: then it keeps its name, else it is what the row adds."""
        if key in self.records:
            if account is None:
                verdict.reasons.append(_("The account keeps the user name it has."))
        elif account is None:
            verdict.outcome = ADDED
        else:
            verdict.row_id = account[0]

    # --- writing -------------------------------------------------------------------------------------------

    def add(self, session: Session, new: Sequence[MergeVerdict], deed: ImportRun) -> None:
        rows = {_user_name(verdict.line): _account(verdict) for verdict in new}
        session.execute(insert(Account), list(rows.values()))
        ids: dict[str, int] = {
            row.username: row.id
            for row in session.execute(select(Account.id, Account.username).where(Account.username.in_(rows)))
        }
        for verdict in new:
            verdict.row_id = ids[_user_name(verdict.line)]
        roles = inspect(Account).relationships["roles"]
        held = roles.mapper.local_table
        role_id = session.execute(select(held.c.id).where(held.c.name == Role.ENTERPRISE_CLERK.value)).scalar_one()
        session.execute(insert(roles.secondary), [{"user_id": account_id, "role_id": role_id} for account_id in ids.values()])
        self.update(session, [verdict for verdict in new if verdict.changes], deed)
        told = {"legacy_import": deed.import_id, "accounts": sorted(ids)}
        audit.log(session, deed.actor, DiaryDeed.CREATE, Account, "", told, at=deed.at)

    def update(self, session: Session, changed: Sequence[MergeVerdict], deed: ImportRun) -> None:
        if not changed:
            return
        rows: list[dict[str, Any]] = []
        for verdict in changed:
            assert verdict.firm is not None  # noqa: S101 - judge has given it one
            after = _now(verdict.firm) | verdict.changes
            rows.append({_TABLE[title]: value for title, value in after.items()} | {"id": verdict.firm.id})
        session.execute(update(Enterprise), rows)
        told = {
            "legacy_import": deed.import_id,
            "changed": [[row["id"], sorted(v.changes)] for row, v in zip(rows, changed, strict=True)],
        }
        audit.log(session, deed.actor, DiaryDeed.CHANGE, Enterprise, "", told, at=deed.at)


def _user_name(line: SheetLine) -> str:
    """The credit code where the old system's user name is not given."""
    return str(line.values["username"] or fold_user_name(line.values["uscc"]))


def _now(firm: Firm) -> JsonValues:
    return {title: getattr(firm, part) for title, part in _FIRM.items()}


def _account(verdict: MergeVerdict) -> dict[str, Any]:
    name, firm = _user_name(verdict.line), verdict.firm
    assert firm is not None  # noqa: S101 - judge has given it one
    mobile = verdict.line.values["mobile"]
    return {
        "username": name,
        "first_name": (verdict.line.values["contact"] or firm.name)[:64],
        "last_name": "",
        "email": f"{name}@accounts.invalid",  # FAB wants one; nobody writes to it
        "active": True,
        "password": None,
        "must_change_password": True,
        "mobile": mobile,
        "mobile_key": mobile,
        "enterprise_id": firm.id,
    }
