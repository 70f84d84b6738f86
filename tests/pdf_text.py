"""Certificate versions as an approval stores them, not yet rendered."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.certificates.pdf.seal_and_store import MadeFile, keep
from app.files.storage import Store
from app.models import CertificateVersion, Enterprise
from tests import make
from tests.hostile_files import jpeg


def stored_versions(
    session: Session, store: Store, many: int, *, at: datetime = make.NOON, owner: Enterprise | None = None
) -> list[int]:
    """The ids of ``many`` versions, one for each certificate of one person, all issued at ``at``."""
    owner = owner or make.enterprise()
    person = make.person(owner, name="古丽·买买提")
    held = [make.certificate(person) for _ in range(many)]
    session.add_all([owner, person, *held])
    session.flush()
    photo = make.paper(person_id=person.id, enterprise_id=owner.id)
    photo.digest = store.put(jpeg(413, 579))
    session.add(photo)
    session.flush()
    face = {
        "category": "C1", "name": person.name, "sex": person.sex.value, "birth_date": f"{person.birth_date}",
        "id_number": person.id_number, "position": "safety_officer", "technical_title": "", "education": "", "major": "",
        "enterprise": owner.name, "uscc": owner.uscc, "photo": photo.id, "issuer": "发证机关", "seal_text": "专用章",
        "first_issued_on": "2024-05-01", "issued_on": "2024-05-01", "valid_from": "2024-05-01", "valid_to": "2027-04-30",
    }  # fmt: skip
    versions = [
        CertificateVersion(
            certificate=one, version=1, token=f"{one.id:022d}", issued_at=at, face={**face, "number": one.number}
        )
        for one in held
    ]
    session.add_all(versions)
    session.commit()
    return sorted(version.id for version in versions)


def requested(make: Callable[..., MadeFile], session: Session, store: Store, *given: Any, **named: Any) -> bytes:
    """What ``paper_of`` or ``ofd_of`` makes, recorded as a view does; the caller commits."""
    made = make(session, store, *given, **named)
    others = keep(session, made)
    return store.read(others) if others else made.data
