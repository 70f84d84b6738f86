"""What the letters of measures say."""

import pytest

from app.applications.letters import issue
from app.core.office import Office
from app.core.vocabulary import CertificateEventKind, MeasureState
from tests import make, measures
from tests.workflow_fixture import Firm


@pytest.mark.parametrize(
    ("kind", "decision", "contested"),
    [
        (CertificateEventKind.SUSPENDED, "止（含首尾两日），暂扣", True), (CertificateEventKind.REVOKED, "撤销", True),
        (CertificateEventKind.WITHDRAWN, "吊销", True),
    ],
)  # fmt: skip
def test_it_names_facts_ground_article_document_decision_and_remedy(session, kind, decision, contested):
    certificate = Firm(session).certificate()
    session.commit()
    measure = measures.impose(session, certificate, kind)
    (draft,) = issue.measure_drafts(session, [measure.id], Office()).values()
    page = draft.page
    assert page.reasons == tuple(measure.facts.splitlines())
    text = "".join((*page.sentences, *page.closing))
    for part in (decision, certificate.number, measure.holder, "依照"):
        assert part in text
    assert ("申请行政复议" in text) is contested
    assert f"依据文书：{measure.document_number}" in page.foot
    assert ("不得再次申请考核" in text) is (measure.banned_until is not None)


def test_what_was_only_proposed_or_refused_has_no_letter(session):
    firm = Firm(session)
    proposer, decider = make.plain_account(session), make.plain_account(session)
    ids = []
    for state in (MeasureState.PROPOSED, MeasureState.REFUSED, MeasureState.RETRACTED):
        measure = make.measure(firm.certificate(), proposer, state, decider)
        session.add(measure)
        session.flush()
        ids.append(measure.id)
    assert issue.measure_drafts(session, ids, Office()) == {}
