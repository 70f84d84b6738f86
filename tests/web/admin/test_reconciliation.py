"""The page of discrepancies: listed, compared anew, decided; and who may not."""

from sqlalchemy import select

from app.core.discrepancy_vocabulary import DiscrepancyState
from app.core.vocabulary import Role
from app.models import Discrepancy, Job
from tests import make


def test_a_discrepancy_is_shown_with_its_rows_and_decided(admin, session):
    person = make.person(make.enterprise(), name="李雷")
    held = make.certificate(person)
    session.add(held)
    session.flush()
    item = make.discrepancy(sides=[f"certificate:{held.id}"])
    session.add(item)
    session.commit()
    number, number_masked, page = item.id, person.masked_id_number, f"/reconciliation/{item.id}"
    full, listed = person.id_number, admin.get("/reconciliation/").text
    assert page in listed
    shown = admin.get(page).text
    assert number_masked in shown
    assert full not in shown
    typed = {"reason": "原系统按六年发证", "revision": "0"}
    assert "请选择" in admin.post(f"{page}/decide", data=typed).text
    refused = admin.post(f"{page}/decide", data=typed | {"reason": "", "decision": "right"})
    assert refused.status_code == 422
    assert (
        admin.post(f"{page}/decide", data=typed | {"decision": "right", "revision": "7"}).status_code == 302
    )  # opened since
    assert session.get_one(Discrepancy, number).state is DiscrepancyState.OPEN
    session.rollback()
    assert admin.post(f"{page}/decide", data=typed | {"decision": "right"}).status_code == 302
    assert session.get_one(Discrepancy, number, populate_existing=True).state is DiscrepancyState.RIGHT
    session.rollback()
    assert page not in admin.get("/reconciliation/").text
    assert page in admin.get("/reconciliation/?state=all").text


def test_a_comparison_is_asked_for_and_its_progress_is_shown(admin, session):
    assert "还没有核对" in admin.get("/reconciliation/").text
    assert admin.post("/reconciliation/compare").status_code == 302
    running = admin.get("/reconciliation/")
    assert running.headers["Refresh"] == "3"
    assert "/reconciliation/compare" not in running.text
    assert session.scalars(select(Job.kind)).all() == ["reconcile"]
    session.rollback()


def test_nobody_else_sees_or_decides(session, signed_in):
    item = make.discrepancy()
    session.add(item)
    session.commit()
    number = item.id
    for n, role in enumerate(set(Role) - {Role.ADMIN, Role.ENTERPRISE_CLERK}):
        client = signed_in(make.account(session, f"u{n}", role))
        assert client.get("/reconciliation/").status_code == client.get(f"/reconciliation/{number}").status_code == 403
        for step in (f"{number}/decide", "compare"):
            assert client.post(f"/reconciliation/{step}", data={"decision": "right", "reason": "x"}).status_code == 403
