"""The administrator's page of freed people."""

from io import BytesIO

import pytest
from sqlalchemy import select

from app.core.vocabulary import AuditAction, Role
from app.models import AuditEntry, EmploymentRelease, Person
from tests import make
from tests.hostile_files import jpeg
from tests.web.form_steps import tickets


@pytest.fixture
def case(session):
    old, new = make.enterprise(), make.enterprise(name="湖南新东家建设有限公司")
    person = make.person(old, name="自由人")
    session.add_all([old, new, person])
    session.commit()
    typed = {"name": person.name, "id_number": person.id_number, "uscc": new.uscc, "reason": "裁决解除劳动关系"}
    session.commit()
    return typed


def sent(typed, **changes):
    return {**typed, "document": (BytesIO(jpeg(900, 600)), "裁决书.jpg"), **changes}


def test_the_administrator_frees_on_evidence_that_can_be_opened(session, holder, signed_in, case):
    admin = signed_in(holder(Role.ADMIN))
    assert admin.post("/employment-releases/add", data=sent(case)).status_code == 302
    assert session.scalar(select(Person.enterprise_id).where(Person.name == "自由人")) is None
    release = session.scalars(select(EmploymentRelease.id)).one()
    session.commit()
    listed = admin.get("/employment-releases/").text
    assert ("自由人" in listed, case["id_number"] in listed) == (True, False)
    opened = admin.get(f"/employment-releases/{release}/evidence")
    assert (opened.status_code, opened.mimetype) == (200, "image/jpeg")
    assert session.scalars(select(AuditEntry).where(AuditEntry.deed == AuditAction.READ)).one().table == "employment_release"


def test_a_refused_form_keeps_what_was_typed(session, holder, signed_in, case):
    admin = signed_in(holder(Role.ADMIN))
    answer = admin.post("/employment-releases/add", data=sent(case, name="别人"))
    assert (answer.status_code, "裁决解除劳动关系" in answer.text) == (422, True)
    assert session.scalars(select(EmploymentRelease.id)).all() == []
    session.rollback()
    assert admin.post("/employment-releases/add", data=case | tickets(answer.text)).status_code == 302
    assert session.scalars(select(EmploymentRelease.filename)).all() == ["裁决书.jpg"]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_else_opens_or_frees(session, holder, signed_in, case, role):
    facts = {"enterprise": make.enterprise()} if role is Role.ENTERPRISE_CLERK else {}
    other = signed_in(holder(role, **facts))
    for answer in (
        other.get("/employment-releases/"),
        other.get("/employment-releases/add"),
        other.post("/employment-releases/add", data=sent(case)),
        other.get("/employment-releases/1/evidence"),
    ):
        assert answer.status_code == 403
