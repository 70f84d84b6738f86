"""The old enterprise agrees to a transfer, or refuses it with a reason."""

from sqlalchemy import select

from app.core.vocabulary import State
from app.models import Application
from tests.web.applications.case_fixture import read_scalar
from tests.web.applications.filing.conftest import TRANSFER, certificate_to_transfer


def test_a_transfer_goes_to_the_old_enterprise_and_from_there_to_acceptance(holder, other):
    certificate, person = certificate_to_transfer(holder, other)
    answer = holder.file("transfer", certificate, papers=TRANSFER, **person)
    assert answer.status_code == 302, answer.text
    assert holder.states() == [State.AWAITING_RELEASE], holder.clerk.get(answer.location).text
    mine = read_scalar(holder.session, select(Application.id))
    page = other.clerk.get("/releases/").text
    assert certificate.number in page
    assert person["id_number"] not in page
    assert f"/cases/{mine}/read" in page  # what it decides on
    read = other.clerk.get(f"/cases/{mine}/read")
    assert read.status_code == 200
    assert certificate.number in read.text
    assert person["id_number"] not in read.text
    assert other.clerk.post("/releases/decide/release", data={"rowid": mine}).status_code == 302
    assert holder.states() == [State.AWAITING_ACCEPTANCE]


def test_the_old_enterprise_refuses_only_with_a_reason(holder, other):
    certificate, person = certificate_to_transfer(holder, other)
    holder.file("transfer", certificate, papers=TRANSFER, **person)
    mine = read_scalar(holder.session, select(Application.id))
    other.clerk.post("/releases/decide/refuse_release", data={"rowid": mine})
    assert holder.states() == [State.AWAITING_RELEASE]
    other.clerk.post("/releases/decide/refuse_release", data={"rowid": mine, "reason": "The contract runs on."})
    assert holder.states() == [State.RELEASE_REFUSED]


def test_only_the_old_enterprise_releases_a_certificate(holder, other):
    certificate, person = certificate_to_transfer(holder, other)
    holder.file("transfer", certificate, papers=TRANSFER, **person)
    mine = read_scalar(holder.session, select(Application.id))
    holder.clerk.post("/releases/decide/release", data={"rowid": mine})
    assert holder.states() == [State.AWAITING_RELEASE]
    assert certificate.number not in holder.clerk.get("/releases/").text
    assert other.clerk.post("/releases/decide/accept", data={"rowid": mine}).status_code == 404
