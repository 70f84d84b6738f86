"""双人控制: who may ask, who may decide, what a confirmation changes, and who is told."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts import privileged_changes, role_assignment
from app.accounts.access import Actor
from app.accounts.pki.verify import CertIdentity
from app.accounts.privileged_changes import OneTimePassword, Wanted
from app.accounts.role_assignment import actor_of, roles_of
from app.core.errors import AppError, NotAllowed, NotFound, Stale, Unmet
from app.core.office import Office
from app.core.sign_in_vocabulary import IdentityKind, PrivilegedChangeKind, PrivilegedChangeState
from app.core.vocabulary import PRIVILEGED, Role
from app.models import Account, AuditEntry, ExternalIdentity, Message, PrivilegedChange
from tests import make
from tests.at_once import at_once
from tests.make import NOON

OFFICE, HOUR = Office(), timedelta(hours=1)
WORD = OneTimePassword("a-new-word", "hash-of-the-new-word")
PASSWORD, MOBILE = Wanted(PrivilegedChangeKind.PASSWORD), Wanted(PrivilegedChangeKind.MOBILE, mobile="13900000009")
OLD, NEW = "13800000001", "13900000009"


@pytest.fixture
def office(app, session) -> dict[str, Account]:
    """Two system and two security administrators, an auditor, an approver and a viewer; the approver has a mobile."""
    made = {
        "admin": Role.ADMIN, "admin2": Role.ADMIN, "sec": Role.SECURITY_ADMIN, "sec2": Role.SECURITY_ADMIN,
        "audit": Role.AUDITOR, "head": Role.APPROVER, "reader": Role.VIEWER,
    }  # fmt: skip
    accounts = {name: make.account(session, name, role) for name, role in made.items()}
    accounts["head"].mobile, accounts["head"].password = OLD, "old-hash"
    session.commit()
    return accounts


def ask(session, account, wanted, who, *, reason=make.REASON, at=NOON, sends=True):
    return privileged_changes.ask(
        session, account.id, wanted, reason, actor_of(who), at=at, office=OFFICE, sends_messages=sends
    )


def confirm(session, change, who, at=NOON + HOUR):
    return privileged_changes.confirm(session, change.id, actor_of(who), WORD, at=at, office=OFFICE)


def refused(session, call, *args, **more) -> list[str]:
    with pytest.raises(Unmet) as error:
        call(session, *args, **more)
    session.rollback()
    return [refusal.code for refusal in error.value.refusals]


def texts(session) -> list[tuple[str, str, str | None]]:
    return [(row.mobile, row.text, row.code) for row in session.scalars(select(Message).order_by(Message.id))]


def test_no_administrator_alone_opens_a_privileged_account(session, office):
    for name in ("admin", "audit", "head"):
        with pytest.raises(Unmet, match="two administrators"):
            role_assignment.may_reset(office[name], actor_of(office["sec"]))
        for role in (None, Role.VIEWER, *PRIVILEGED):
            given = (office[name].id, role, actor_of(office["sec"]))
            assert refused(session, role_assignment.assign_role, *given, region="430000") == ["needs-consent"]
    for role in PRIVILEGED:
        given = (office["reader"].id, role, actor_of(office["sec"]))
        assert refused(session, role_assignment.assign_role, *given, region="430000", mobile=NEW) == ["needs-consent"]
    assert role_assignment.may_reset(office["reader"], actor_of(office["sec"])) is office["reader"]


def test_only_the_two_administrators_ask_and_only_for_what_is_theirs(session, office):
    head = office["head"]
    for role in set(Role) - {Role.ADMIN, Role.SECURITY_ADMIN}:
        with pytest.raises(NotAllowed):
            privileged_changes.ask(
                session, head.id, PASSWORD, make.REASON, Actor(9, "x", frozenset({role})), at=NOON, office=OFFICE,
                sends_messages=True,
            )  # fmt: skip
    for kind in (PrivilegedChangeKind.ROLE, PrivilegedChangeKind.CERTIFICATE):
        with pytest.raises(NotAllowed):
            ask(session, head, Wanted(kind, Role.ADMIN), office["admin"])
    clerk = make.account(session, "clerk", Role.ENTERPRISE_CLERK)
    clerk.enterprise = make.enterprise()
    session.commit()
    with pytest.raises(NotFound):
        ask(session, clerk, PASSWORD, office["admin"])
    session.rollback()
    assert refused(session, ask, office["reader"], PASSWORD, office["sec"]) == ["not-privileged", "no-mobile"]
    assert refused(session, ask, head, PASSWORD, office["sec"], reason=" ") == ["reason-missing"]
    assert refused(session, ask, head, PASSWORD, office["sec"], sends=False) == ["no-messages"]
    assert refused(session, ask, office["audit"], PASSWORD, office["sec"]) == ["no-mobile"]
    assert refused(session, ask, office["sec"], PASSWORD, office["sec"]) == ["own-password", "no-mobile"]
    assert refused(session, ask, head, Wanted(PrivilegedChangeKind.MOBILE, mobile=OLD), office["sec"]) == ["nothing-changed"]
    own = Wanted(PrivilegedChangeKind.ROLE, Role.APPROVER, "430000", NEW)
    assert refused(session, ask, office["sec"], own, office["sec"]) == ["own-role"]
    same = Wanted(PrivilegedChangeKind.ROLE, Role.APPROVER, "430000", OLD)
    assert refused(session, ask, head, same, office["sec"]) == ["nothing-changed"]
    bare = Wanted(PrivilegedChangeKind.ROLE, Role.APPROVER, "430000")
    assert refused(session, ask, office["reader"], bare, office["sec"]) == ["no-mobile"]
    ask(session, head, PASSWORD, office["sec"])
    session.commit()
    assert refused(session, ask, head, MOBILE, office["admin"]) == ["change-pending"]


def test_nobody_confirms_an_only_administrators_own_account_and_the_sentence_names_the_command(session, office):
    office["admin2"].active = office["sec2"].active = False
    office["admin"].mobile = office["sec"].mobile = OLD
    session.commit()
    assert refused(session, ask, office["admin"], PASSWORD, office["sec"]) == ["nobody-decides"]
    assert refused(session, ask, office["sec"], MOBILE, office["admin"]) == ["nobody-decides"]
    with pytest.raises(Unmet, match="anguan reset-password"):
        ask(session, office["admin"], PASSWORD, office["sec"])
    session.rollback()
    ask(session, office["sec"], MOBILE, office["sec"])  # one's own mobile, which the system administrator confirms


def test_only_the_other_administrator_decides_never_asker_or_holder(session, office):
    change = ask(session, office["admin2"], MOBILE, office["sec"])
    session.commit()
    for act in (confirm, lambda s, c, who: privileged_changes.refuse(s, c.id, make.REASON, actor_of(who), at=NOON)):
        for name in ("audit", "head", "reader"):
            with pytest.raises(NotAllowed):
                act(session, change, office[name])
            session.rollback()
        assert refused(session, act, change, office["sec"]) == ["other-administrator", "same-person"]
        assert refused(session, act, change, office["sec2"]) == ["other-administrator"]
        assert refused(session, act, change, office["admin2"]) == ["own-account"]
    for name in ("sec2", "admin", "admin2"):
        with pytest.raises(NotFound):
            privileged_changes.take_back(session, change.id, actor_of(office[name]), at=NOON)
        session.rollback()
    counts = {name: privileged_changes.to_decide(session, actor_of(who), at=NOON) for name, who in office.items()}
    assert counts == {**dict.fromkeys(office, 0), "admin": 1}
    for forged in (office["sec"], office["admin2"]):
        with pytest.raises(IntegrityError):  # the database, too
            session.execute(
                update(PrivilegedChange).values(state=PrivilegedChangeState.DONE, decided_at=NOON, decided_by_id=forged.id)
            )
        session.rollback()
    own = ask(session, office["sec2"], MOBILE, office["sec2"])  # one's own mobile: asked for, never confirmed, by oneself
    session.commit()
    assert "own-account" in refused(session, confirm, own, office["sec2"])


def test_a_password_goes_to_the_mobile_on_file_and_into_no_log(session, office, signed_in):
    head = office["head"]
    browser = signed_in(head)
    assert browser.get("/work/").status_code == 200
    change = ask(session, head, PASSWORD, office["sec"])
    session.commit()
    assert (head.password, texts(session)) == ("old-hash", [])
    confirm(session, change, office["admin"])
    session.commit()
    assert (head.password, head.must_change_password, change.state) == (WORD.hash, True, PrivilegedChangeState.DONE)
    [told, sent] = texts(session)
    assert (told[0], told[2], sent[0], sent[2]) == (OLD, None, OLD, WORD.plain)
    assert WORD.plain not in told[1] + sent[1]
    assert browser.get("/work/").status_code == 302
    lines = session.scalars(select(AuditEntry).where(AuditEntry.table == "privileged_change").order_by(AuditEntry.id)).all()
    assert [(line.deed.value, line.change.get("state")) for line in lines] == [
        ("create", None),
        ("change", ["asked", "done"]),
    ]
    assert not [line for line in session.scalars(select(AuditEntry)) if WORD.plain in str(line.change)]


def test_another_mobile_is_told_to_the_old_one_and_a_role_with_region_is_set(session, office):
    head = office["head"]
    confirm(session, ask(session, head, MOBILE, office["admin"]), office["sec"])
    assert (head.mobile, [row[0] for row in texts(session)]) == (NEW, [OLD])
    wanted = Wanted(PrivilegedChangeKind.ROLE, Role.EXAM_CLERK, "430100", NEW)
    confirm(session, ask(session, head, wanted, office["sec"]), office["admin"])
    assert (roles_of(head), head.region_code, head.password) == ({Role.EXAM_CLERK}, "430100", "old-hash")
    confirm(session, ask(session, head, Wanted(PrivilegedChangeKind.ROLE), office["sec"]), office["admin"])
    assert (roles_of(head), head.mobile) == (frozenset(), None)
    assert [row[0] for row in texts(session)] == [OLD, NEW, NEW]


def test_what_one_administrator_could_set_before_opens_a_newly_privileged_account_no_more(session, office):
    reader = office["reader"]
    known = {"issuer": "0" * 64, "subject": "1", "label": "x", "added_at": NOON, "added_by": "sec"}
    session.add(ExternalIdentity(account_id=reader.id, kind=IdentityKind.CERTIFICATE, **known))
    session.commit()
    wanted = Wanted(PrivilegedChangeKind.ROLE, Role.APPROVER, "430000", NEW)
    confirm(session, ask(session, reader, wanted, office["sec"]), office["admin"])
    session.commit()
    assert (reader.password, reader.must_change_password, roles_of(reader)) == (WORD.hash, True, {Role.APPROVER})
    assert session.scalar(select(func.count(ExternalIdentity.id))) == 0
    assert [(row[0], row[2]) for row in texts(session)] == [(NEW, WORD.plain)]


def test_a_certificate_is_bound_by_both_and_only_once(session, office):
    known = CertIdentity("f" * 64, "2a", "欧审批", "某CA", NOON - HOUR, NOON + 9000 * HOUR)
    change = ask(session, office["head"], Wanted(PrivilegedChangeKind.CERTIFICATE, certificate=known), office["sec"])
    again = ask(session, office["audit"], Wanted(PrivilegedChangeKind.CERTIFICATE, certificate=known), office["sec"])
    session.commit()
    confirm(session, change, office["admin"])
    session.commit()
    bound = session.scalars(select(ExternalIdentity)).one()
    assert (bound.account_id, bound.subject, bound.added_by) == (office["head"].id, "2a", "sec、admin")
    with pytest.raises(AppError, match="bound already"):
        confirm(session, again, office["admin"])
    session.rollback()
    taken = Wanted(PrivilegedChangeKind.CERTIFICATE, certificate=known)
    assert "certificate-taken" in refused(session, ask, office["audit"], taken, office["sec"])


def test_a_request_lapses_is_decided_once_and_not_after_the_account_changed(session, office):
    head, sec, admin = office["head"], office["sec"], office["admin"]
    limit = NOON + timedelta(hours=OFFICE.consent_hours)
    change = ask(session, head, PASSWORD, sec)
    session.commit()
    assert refused(session, confirm, change, admin, limit) == ["change-lapsed"]
    assert privileged_changes.to_decide(session, actor_of(admin), at=limit) == 0
    assert not privileged_changes.may_decide(change, actor_of(admin), at=limit)
    assert privileged_changes.lapse(session, at=limit - timedelta(seconds=1)) == 0
    newer = ask(session, head, PASSWORD, sec, at=limit)  # closes the old one
    session.commit()
    assert (change.state, newer.state) == (PrivilegedChangeState.LAPSED, PrivilegedChangeState.ASKED)
    assert privileged_changes.lapse(session, at=limit + timedelta(hours=OFFICE.consent_hours)) == 1
    session.rollback()
    for change_it in ({"mobile": NEW}, {"active": False}, {"password": "x"}, {"region_code": "430100"}):
        for name, value in change_it.items():
            setattr(head, name, value)
        session.flush()
        assert refused(session, confirm, newer, admin, limit) == ["changed-since"]
    sec.active = False
    session.flush()
    assert refused(session, confirm, newer, admin, limit) == ["asker-gone"]
    assert refused(session, lambda s: privileged_changes.refuse(s, newer.id, "", actor_of(admin), at=limit)) == [
        "reason-missing"
    ]
    confirm(session, newer, admin, limit + HOUR)
    session.commit()
    for act in (
        lambda: confirm(session, newer, admin, limit + HOUR),
        lambda: privileged_changes.refuse(session, newer.id, make.REASON, actor_of(admin), at=limit),
        lambda: privileged_changes.take_back(session, newer.id, actor_of(sec), at=limit),
    ):
        with pytest.raises(Stale):
            act()
        session.rollback()
    with pytest.raises(NotFound):
        privileged_changes.refuse(session, 2**31 - 1, make.REASON, actor_of(admin), at=limit)
    session.rollback()
    third = ask(session, head, MOBILE, sec, at=limit + HOUR)
    privileged_changes.take_back(session, third.id, actor_of(sec), at=limit + HOUR)
    fourth = ask(session, head, MOBILE, sec, at=limit + HOUR)
    privileged_changes.refuse(session, fourth.id, make.REASON, actor_of(admin), at=limit + HOUR)
    assert (third.state, fourth.state, head.mobile) == (PrivilegedChangeState.RETRACTED, PrivilegedChangeState.REFUSED, OLD)


def decide_at_once(system, session, pairs):
    """Each ``(id of a request, account)`` confirms it at the same moment; the answers in order."""
    acting = [(change, actor_of(who)) for change, who in pairs]
    session.commit()

    def decide(one):
        change, actor = one
        with Session(system.engine) as own:
            try:
                privileged_changes.confirm(own, change, actor, WORD, at=NOON, office=OFFICE)
                own.commit()
            except AppError as error:
                return error.refusals[0].code
        return "done"

    return sorted(at_once(decide, acting))


def test_of_two_who_decide_at_once_one_does_and_one_message_is_sent(system, session, office):
    change = ask(session, office["head"], PASSWORD, office["sec"]).id
    assert decide_at_once(system, session, [(change, office["admin"]), (change, office["admin2"])]) == ["done", "stale"]
    session.expire_all()
    assert [row[2] for row in texts(session)] == [None, WORD.plain]


def test_of_two_who_end_each_others_role_at_once_one_keeps_it(system, session, office):
    none, sec, sec2, admin, admin2 = Wanted(PrivilegedChangeKind.ROLE), *map(office.get, ("sec", "sec2", "admin", "admin2"))
    one, two = ask(session, admin, none, sec).id, ask(session, admin2, none, sec).id
    assert decide_at_once(system, session, [(one, admin2), (two, admin)]) == ["done", "last-administrator"]
    session.expire_all()
    left = admin if roles_of(admin) else admin2
    both = [(ask(session, sec, none, sec2).id, left), (ask(session, sec2, none, sec).id, left)]
    answers = decide_at_once(system, session, both)
    assert answers in (["done", "last-administrator"], ["asker-gone", "done"])  # the later one may see it committed
    session.expire_all()
    assert role_assignment.missing_administrators(session) == []
    assert refused(session, ask, office["audit"], none, sec if roles_of(sec) else sec2) == ["last-administrator"]
    form = {"username": "audit", "full_name": "x", "mobile": None, "enterprise": None, "active": False}
    given = (session, office["audit"], actor_of(left))
    with pytest.raises(Unmet, match="last Audit administrator"):
        role_assignment.save_account(*given, **form)


def test_the_database_keeps_one_request_for_an_account(session, office):
    ask(session, office["head"], PASSWORD, office["sec"])
    session.commit()
    session.expire_all()
    one = session.scalars(select(PrivilegedChange)).one()
    values = {
        column.key: getattr(one, column.key) for column in PrivilegedChange.__mapper__.column_attrs if column.key != "id"
    }
    session.add(PrivilegedChange(**values))
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()
