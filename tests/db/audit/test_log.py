import json
from datetime import timedelta

import pytest
from flask import Flask
from flask_appbuilder.security.sqla.models import Role as RoleRow
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.core import clock
from app.core.vocabulary import AuditAction, Education
from app.db import audit
from app.db.session import db
from app.models import Account, Application, AuditEntry, Certificate, Person, PublicNotice, RateLimitCounter, Step
from tests import make


@pytest.fixture
def signed(session) -> Session:
    session.info.update(actor="李四", address="203.0.113.7", at=make.NOON)
    return session


def lines(session, *actions) -> list[AuditEntry]:
    found = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    return [line for line in found if line.table != "region" and (not actions or line.deed in actions)]


def stored_person(session, **facts) -> Person:
    person = make.person(make.enterprise(), **facts)
    session.add(person)
    session.commit()
    return person


def test_a_new_row_is_logged_with_its_id_and_actor(signed):
    person = stored_person(signed)
    line = next(line for line in lines(signed, AuditAction.CREATE) if line.table == "person")
    assert (line.row, line.actor, line.address, line.at) == (str(person.id), "李四", "203.0.113.7", make.NOON)
    assert line.change["name"] == [None, "李雷"]
    assert line.change["enterprise_id"] == [None, person.enterprise_id]


def test_a_change_is_logged_with_values_before_and_after_only(signed):
    person = stored_person(signed, education=Education.BACHELOR)
    person.education, person.major = Education.COLLEGE, person.major
    signed.commit()
    assert [line.change for line in lines(signed, AuditAction.CHANGE)] == [{"education": ["bachelor", "college"]}]


def test_the_value_before_is_logged_even_if_it_was_not_loaded(signed):
    person = stored_person(signed)
    signed.expire(person)
    person.name = "韩梅梅"
    signed.commit()
    assert lines(signed, AuditAction.CHANGE)[0].change == {"name": ["李雷", "韩梅梅"]}


def test_a_deleted_row_is_kept_in_the_audit_log(signed):
    person = stored_person(signed)
    signed.delete(person)
    signed.commit()
    line = lines(signed, AuditAction.DELETE)[0]
    assert (line.table, line.change["name"]) == ("person", ["李雷", None])


def test_entry_and_change_are_rolled_back_together(signed):
    person = stored_person(signed)
    before = len(lines(signed))
    person.name = "韩梅梅"
    signed.flush()
    assert len(lines(signed)) == before + 1
    signed.rollback()
    assert len(lines(signed)) == before


def test_a_change_fails_if_its_entry_cannot_be_written(signed):
    person = stored_person(signed)
    signed.info["actor"] = "\ud800"  # what no database takes
    person.name = "韩梅梅"
    with pytest.raises(Exception, match="surrogates"):
        signed.commit()
    signed.rollback()
    signed.info["actor"] = "李四"
    signed.expire_all()
    assert person.name == "李雷"


def test_secrets_are_masked_in_the_audit_log(signed):
    number, mobile = make.id_number(), "13912345678"
    person = stored_person(signed, id_number=number, mobile=mobile)
    application = make.application(person)
    application.snapshot = {"id_number": number}
    signed.add(application)
    signed.commit()
    person.id_number, person.mobile = make.id_number(), "13900000000"
    application.snapshot = {"id_number": number, "mobile": mobile}
    signed.delete(application)
    signed.commit()
    logged = json.dumps([line.change for line in lines(signed)], ensure_ascii=False)
    assert number not in logged
    assert mobile not in logged
    assert number[:6] + "********" + number[-4:] in logged
    assert "139****5678" in logged
    assert "_key" not in logged


def test_secrets_are_not_in_the_raw_table_either(signed):
    number = make.id_number()
    stored_person(signed, id_number=number)
    raw = " ".join(str(row) for row in signed.execute(text("SELECT * FROM entry")))
    assert number not in raw


def test_passwords_are_hidden_and_sign_in_counters_are_not_logged(signed):
    account = Account(username="x", first_name="张三", last_name="", email="x@example.org", password="hash-1")
    signed.add(account)
    signed.commit()
    account.password, account.login_count = "hash-2", 7
    signed.commit()
    account.login_count = 8
    signed.commit()
    assert [line.change for line in lines(signed, AuditAction.CHANGE)] == [{"password": ["***", "***"]}]
    assert "hash-" not in json.dumps([line.change for line in lines(signed)])


def test_a_granted_or_revoked_role_is_logged(signed):
    account = Account(username="x", first_name="张三", last_name="", email="x@example.org")
    role = RoleRow(name="scratch role")
    signed.add_all([account, role])
    signed.commit()
    account.roles.append(role)
    signed.commit()
    account.roles.remove(role)
    signed.commit()
    logged = [line.change for line in lines(signed, AuditAction.CHANGE)]
    signed.delete(role)
    signed.commit()
    assert logged == [{"roles": [[], ["scratch role"]]}, {"roles": [["scratch role"], []]}]


def test_records_and_counters_are_not_audited():
    assert {Account, Application, Certificate, Person} <= set(audit.AUDITED)
    assert not {AuditEntry, RateLimitCounter, Step, PublicNotice} & set(audit.AUDITED)


def test_without_an_actor_the_system_is_logged(session):
    before = clock.now()
    stored_person(session)
    line = lines(session)[-1]
    assert line.actor == audit.SYSTEM
    assert before - timedelta(seconds=1) <= line.at <= clock.now()


def test_a_read_in_full_is_logged_in_the_same_transaction(signed):
    person = stored_person(signed)
    audit.log(signed, "王五", AuditAction.READ, person, change={"what": "id_number"}, at=make.NOON)
    signed.flush()
    line = lines(signed, AuditAction.READ)[0]
    assert (line.actor, line.table, line.row, line.address) == ("王五", "person", str(person.id), "203.0.113.7")
    signed.rollback()
    assert lines(signed, AuditAction.READ) == []


def test_an_export_is_logged_with_its_table_and_the_actor_of_the_session(signed):
    audit.log(signed, "", AuditAction.EXPORT, Person, change={"rows": 3}, at=make.NOON)
    audit.log(signed, "", AuditAction.EXPORT, "person", 7, at=make.NOON, address="::1")
    signed.commit()
    assert [(line.actor, line.table, line.row, line.address) for line in lines(signed, AuditAction.EXPORT)] == [
        ("李四", "person", "", "203.0.113.7"),
        ("李四", "person", "7", "::1"),
    ]


def test_entries_are_never_changed_or_deleted(signed):
    stored_person(signed)
    line = lines(signed)[0]
    line.actor = "nobody"
    with pytest.raises(RuntimeError, match="never changed"):
        signed.commit()
    signed.rollback()
    signed.delete(lines(signed)[0])
    with pytest.raises(RuntimeError, match="never deleted"):
        signed.commit()
    signed.rollback()


def test_the_session_of_the_views_writes_the_audit_log_too(system, session):
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = system.settings.database_url
    db.init_app(app)
    with app.app_context():
        db.session.add(make.person(make.enterprise()))
        db.session.commit()
    assert {line.table for line in lines(session)} == {"person", "enterprise"}
