"""区域: added and renamed by the administrator; the name then stays through ``anguan init``."""

import pytest
from sqlalchemy import select

from app.cli.setup import fill_regions
from app.core.vocabulary import AuditAction, Role
from app.models import AuditEntry, Region
from app.web.admin.regions import above_of
from tests import make
from tests.web.applications.case_fixture import rolling_back
from tests.web.form_steps import save

BAD = {"110100": "begins with those of the province", "4301": "six digits", "430100": "already", "439921": "439900 first"}


def test_a_region_lies_within_the_one_whose_digits_it_begins_with():
    assert [above_of(code) for code in ("430121", "430100", "430000")] == ["430100", "430000", ""]


def test_a_region_is_added_and_renamed_and_keeps_its_name(session, signed_in, system):
    admin = rolling_back(signed_in(make.account(session, "admin", Role.ADMIN)), session)
    for code, sentence in BAD.items():
        answer = admin.post("/regions/add", data={"code": code, "name": "某县"})
        assert (answer.status_code, sentence in answer.text) == (422, True), code
    assert admin.post("/regions/add", data={"code": "430121", "name": "长沙县"}).status_code == 302
    assert admin.post("/regions/edit/430121", data={"name": "13812345678"}).status_code in (409, 422)
    assert save(admin, "/regions/edit/430100", {"name": "  长沙市城区 "}).status_code == 302
    session.rollback()
    renamed, added = session.get_one(Region, "430100"), session.get_one(Region, "430121")
    assert (renamed.name, renamed.own_name, added.own_name) == ("长沙市城区", True, True)
    logged = select(AuditEntry.deed, AuditEntry.row).where(AuditEntry.table == "region").order_by(AuditEntry.id)
    assert {(AuditAction.CREATE, "430121"), (AuditAction.CHANGE, "430100")} <= set(session.execute(logged).tuples())
    fill_regions(session, system.settings)
    session.expire_all()
    assert session.get_one(Region, "430100").name == "长沙市城区"
    page = admin.get("/regions/show/430121").text
    assert "长沙县" in page
    assert "长沙市城区" in page  # which it lies within


@pytest.mark.parametrize("system", ["sqlite"], indirect=True)
def test_nobody_else_sees_or_changes_regions(session, signed_in, holder):
    for role in set(Role) - {Role.ADMIN}:
        browser = signed_in(holder(role))
        assert {browser.get(f"/regions/{page}").status_code for page in ("list/", "add", "show/430100", "edit/430100")} == {
            403
        }
        assert browser.post("/regions/add", data={"code": "430199", "name": "x"}).status_code == 403
