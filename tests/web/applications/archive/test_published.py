"""公示: what was published, also after its time, for the officers of the region; masked as it was published."""

from datetime import timedelta

from app.core.vocabulary import Category, MatterKind, Role, Stage, State
from app.models import PublicNotice
from tests import make


def test_officers_see_what_was_published_in_their_region_however_long_ago(session, signed_in, holder):
    for region, name in (("430100", "李*甲"), ("430200", "李*乙")):
        person = make.person(make.enterprise(region_code=region))
        case = make.application(person, State.APPROVED, certificate=make.certificate(person))
        session.add(case)
        session.flush()
        session.add(PublicNotice(
            application_id=case.id, matter=MatterKind.NEW, category=Category.C1, stage=Stage.APPROVAL, agreed=True, name=name,
            masked_id_number="4301**********", enterprise_name="某公司", region_code=region,
            published_at=make.NOON - timedelta(days=900),
        ))  # fmt: skip
    session.commit()
    town = {"region_code": "430100"}
    for role, facts, seen in ((Role.VIEWER, {}, (True, True)), (Role.REVIEWER, town, (True, False))):
        page = signed_in(holder(role, **facts)).get("/published/list/").text
        assert ("李*甲" in page, "李*乙" in page) == seen, role
    for role in (Role.ENTERPRISE_CLERK, Role.ADMIN, Role.AUDITOR, Role.EXAM_CLERK):
        assert signed_in(holder(role)).get("/published/list/").status_code == 403, role
