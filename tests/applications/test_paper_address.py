"""The address of papers: noted, noticed when it changes, and given to certificates anew on request."""

from sqlalchemy import select

from app.applications import paper_address
from app.core.office import Office
from app.models import CertificateVersion, Job
from tests import make
from tests.pdf_text import stored_versions

OLD, NEW = Office(public_url="https://old.example"), Office(public_url="https://new.example")


def test_the_address_is_noted_once_and_changed_on_request(session):
    assert paper_address.known(session) == ""
    for office in (OLD, OLD, NEW):
        paper_address.remember(session, office, by="x", at=make.NOON)
        assert paper_address.known(session) == office.public_url
    session.commit()


def test_current_certificates_that_were_drawn_are_drawn_again_and_others_left(session, store):
    ids = stored_versions(session, store, 3)
    first, second, _third = (session.get(CertificateVersion, key) for key in ids)
    first.digest, second.digest = "1" * 64, "2" * 64
    second.replaced_at = make.NOON
    session.commit()
    assert paper_address.redraw(session, after=0, at=make.NOON) == (1, first.id)
    assert paper_address.redraw(session, after=first.id, at=make.NOON) == (0, 0)
    session.commit()
    session.expire_all()
    assert (first.digest, second.digest) == (None, "2" * 64)
    assert [job.payload for job in session.scalars(select(Job))] == [{"versions": [first.id]}]
