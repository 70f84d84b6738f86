"""Steps, versions and events, for the auditor of every region and for nobody else."""

from app.core.vocabulary import CertificateEventKind, Role, State
from app.models import CertificateEvent, CertificateVersion, Step
from tests import make

LISTS = ("/steps", "/certificate-versions", "/certificate-events")


def test_the_auditor_reads_what_was_done_and_others_do_not(session, signed_in, holder):
    person = make.person(make.enterprise(region_code="430200"), name="李雷")
    held = make.certificate(person)
    case = make.application(person, State.APPROVED, certificate=held)
    session.add(case)
    session.flush()
    step = Step(application_id=case.id, round=1, action="approve", source="awaiting_approval", target="approved",
                actor="欧审批", at=make.NOON)  # fmt: skip
    version = CertificateVersion(certificate=held, version=1, token="t" * 22, face={"id_number": person.id_number},
                                 issued_at=make.NOON)  # fmt: skip
    event = CertificateEvent(
        certificate=held, deed=CertificateEventKind.ISSUED, status=held.status, actor="欧审批", at=make.NOON
    )
    session.add_all([step, version, event])
    session.commit()
    rows, number, case_number = dict(zip(LISTS, (step.id, version.id, event.id), strict=True)), held.number, case.number
    browsers = {role: signed_in(holder(role)) for role in Role}
    session.rollback()
    for path, row in rows.items():
        shown = case_number if path == "/steps" else number
        for role, browser in browsers.items():
            answers = [browser.get(f"{path}/{page}") for page in ("list/", f"show/{row}")]
            assert {answer.status_code for answer in answers} == {200 if role is Role.AUDITOR else 403}, (path, role)
            assert all(shown in answer.text for answer in answers) == (role is Role.AUDITOR), (path, role)
            assert not any(person.id_number in answer.text for answer in answers)
    found = browsers[Role.AUDITOR].get("/certificate-events/list/", query_string={"certificate.number": "无此号9"})
    assert number not in found.text
    assert number in browsers[Role.AUDITOR].get("/certificate-events/list/", query_string={"certificate.number": number}).text
