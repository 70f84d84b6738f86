"""Measures QR codes and the status list.

    .venv/bin/python benchmarks/codes.py [VERSIONS] [DATABASE_URL]

Two in a hundred certificate versions are not valid. Uses SQLite in a temporary folder unless an empty database is named.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent.parent))

from app.certificates.qr import payload, status_list
from app.certificates.qr.status_list import StatusListCache
from app.core.crypto import signing_keys
from app.core.crypto.signing_keys import ring
from app.core.settings import Keys
from app.core.vocabulary import Category, CertificateStatus, Sex
from app.db.session import keyring
from app.models import Certificate, CertificateVersion, Enterprise, Model, Person, Region

AT = datetime(2026, 3, 2, 4, tzinfo=UTC)
CLAIMS = payload.Claims(123456, 3, "湘建安C1(2026)0000001", "欧阳翀", date(2029, 3, 1), 61234)


def main(versions: int = 100_000, url: str = "") -> None:
    secrets = Keys.fresh()
    keyring.unlock(secrets.index, secrets.data)
    with tempfile.TemporaryDirectory() as folder:
        signing_keys.make(Path(folder) / "codes.json", at=AT)
        ring.open(Path(folder) / "codes.json")
        codes()
        engine = create_engine(url or f"sqlite:///{folder}/bench.db")
        Model.metadata.create_all(engine)
        with Session(engine) as session:
            fill(session, versions)
            lists(session, versions)
        engine.dispose()


def per_call(work: Callable[[], object], times: int) -> float:
    """Milliseconds of CPU, after a first call that does not count."""
    work()
    start = time.process_time()
    for _n in range(times):
        work()
    return (time.process_time() - start) / times * 1000


def codes() -> None:
    digits, public = payload.write(CLAIMS, ring.newest), ring.public
    print(f"write a code {per_call(lambda: payload.write(CLAIMS, ring.newest), 500):.3f} ms, ", end="")
    print(f"read it {per_call(lambda: payload.read(digits, public), 500):.3f} ms, {len(digits)} digits")


def fill(session: Session, versions: int) -> None:
    session.add(Region(code="430000", name="湖南省"))
    enterprise = Enterprise(name="湖南样本建设有限公司", uscc="91430100MA4L000150", region_code="430000")
    person = Person(name="样本", id_number="430102199001010015", id_number_key="430102199001010015", sex=Sex.MALE)
    person.birth_date, person.enterprise = date(1990, 1, 1), enterprise
    session.add(person)
    session.flush()
    start = time.process_time()
    places = status_list.take_indexes(session, versions)
    print(f"{versions} places in the list {time.process_time() - start:.2f} s of CPU")
    common = {"category": Category.A, "person_id": person.id, "enterprise_id": enterprise.id, "holder": "样本"}
    common |= dict.fromkeys(("first_issued_on", "issued_on", "valid_from"), date(2026, 3, 2)) | {"valid_to": date(2029, 3, 1)}
    standing = dict.fromkeys(range(0, versions, 50), CertificateStatus.CANCELLED)
    session.execute(
        insert(Certificate),
        [
            {"id": n + 1, "number": str(n), "status": standing.get(n, CertificateStatus.VALID), **common}
            for n in range(versions)
        ],
    )
    session.execute(
        insert(CertificateVersion),
        [
            {"certificate_id": n + 1, "version": 1, "token": str(n), "status_index": place, "face": {}, "issued_at": AT}
            for n, place in enumerate(places)
        ],
    )
    session.commit()


def lists(session: Session, versions: int) -> None:
    start = time.perf_counter()
    entries = status_list.pack_entries(session)
    build = time.perf_counter() - start
    given = {"uri": "-", "hours": 72}
    token = status_list.sign_list(entries, ring.newest, at=AT, **given)  # type: ignore[arg-type]
    sign = per_call(lambda: status_list.sign_list(entries, ring.newest, at=AT, **given), 20)  # type: ignore[arg-type]
    print(f"{versions} versions: gather {build * 1000:.1f} ms, pack and sign {sign:.1f} ms, {len(token) / 1024:.1f} KB")
    shelf = StatusListCache()
    later = AT + timedelta(minutes=5)
    shelf.token(session, ring, at=AT, **given)  # type: ignore[arg-type]
    asked = per_call(lambda: shelf.token(session, ring, at=later, **given), 200)  # type: ignore[arg-type]
    print(f"a request for the list that has not changed {asked:.3f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, sys.argv[2] if len(sys.argv) > 2 else "")
