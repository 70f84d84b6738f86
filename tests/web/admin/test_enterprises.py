"""The list of enterprises."""

from sqlalchemy import select

from app.core.vocabulary import Registration
from app.models import Enterprise
from tests import make


def test_an_enterprise_is_listed_once(admin, session):
    form = {"name": "湖南新建设有限公司", "uscc": make.uscc(8), "region_code": "430100", "registration": "pending"}
    admin.post("/enterprises/add", data=form)
    assert session.scalars(select(Enterprise)).one().registration is Registration.PENDING
    session.rollback()
    again = admin.post("/enterprises/add", data=form)
    assert again.status_code == 422
    assert "已存在" in again.text
