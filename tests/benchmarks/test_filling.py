"""The built province must be one of ours: its cases can be decided, its snapshots and faces are what the domain makes."""

from sqlalchemy import func, inspect, select
from sqlalchemy.orm import sessionmaker

from app.accounts.role_assignment import actor_of
from app.core import clock
from app.core.vocabulary import Action, SignupState, State
from app.db.audit import checkpoints
from app.eligibility.facts import of_applications
from app.models import Account, Application, AuditEntry, CertificateVersion, ExamPass, ExamSignup, Person
from app.workflow import carry_out
from benchmarks.filling import CLERK
from tests.benchmarks.conftest import SIZE, indexes_of

FOREIGN_KEYS = "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'"


def test_every_waiting_case_can_be_decided_up_to_its_certificate(filled, session, office):
    for state, action, role in (
        (State.AWAITING_ACCEPTANCE, Action.ACCEPT, "acceptance_officer"),
        (State.AWAITING_REVIEW, Action.ENDORSE, "reviewer"),
        (State.AWAITING_APPROVAL, Action.APPROVE, "approver"),
    ):
        ids = list(session.scalars(select(Application.id).where(Application.state == state)))
        cases = of_applications(session, ids)
        assert len(ids) > 20
        assert [case.record() for case in cases.values()] == [case.snapshot for case in cases.values()]
        actor = actor_of(session.scalars(select(Account).where(Account.username == role)).one())
        done = carry_out(session, ids, action, actor, at=clock.now(), office=office)
        assert (len(done.passes), done.refused) == (len(ids), {})
        session.commit()
    versions = session.scalars(select(CertificateVersion).order_by(CertificateVersion.id)).all()
    assert {tuple(version.face) for version in versions} == {tuple(versions[-1].face)}
    assert len({version.status_index for version in versions}) == len(versions)


def test_the_rows_fit_together_and_the_audit_log_verifies(filled, session, system):
    with system.engine.connect() as connection:
        if system.kind == "sqlite":
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        else:  # a foreign key that is made anew looks every row up
            for table, name, definition in connection.exec_driver_sql(FOREIGN_KEYS).all():
                connection.exec_driver_sql(f"ALTER TABLE {table} ADD CONSTRAINT again_{name} {definition}")
        connection.rollback()
    assert indexes_of(inspect(system.engine)) == filled.indexes
    states = dict(session.execute(select(ExamSignup.state, func.count()).group_by(ExamSignup.state)).all())
    assert set(states) == {SignupState.ADMITTED, SignupState.PASSED, SignupState.SUBMITTED}
    passed = select(func.count()).select_from(ExamPass).join(ExamSignup, ExamSignup.id == ExamPass.signup_id)
    assert session.scalar(passed.where(ExamSignup.state == SignupState.PASSED)) == states[SignupState.PASSED]
    assert SIZE.people / 40 < session.scalar(select(func.count()).where(Person.name.startswith("王"))) < SIZE.people / 8

    account = session.scalars(select(Account).where(Account.username == CLERK)).one()
    later = {"username": "later", "first_name": "后来", "last_name": "", "email": "later@accounts.invalid", "active": True}
    session.add(Account(**later, password="-", enterprise_id=account.enterprise_id))
    session.commit()  # ids and the audit log go on behind what was loaded
    found = checkpoints.verify(sessionmaker(system.engine))
    assert found.broken is None
    assert found.lines == session.scalar(select(func.count()).select_from(AuditEntry)) > SIZE.lines
