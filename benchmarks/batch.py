"""Measures the approval of many applications in one transaction, and rendering their PDFs in one process and in two.

    .venv/bin/python benchmarks/batch.py [ROWS] [DATABASE_URL]

Half of the rows are rendered by one worker process, the other half by two. Then a sheet of status changes for all of them
and a zip of the first thousand. Uses a database of its own, as engine.py does.
"""

import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import create_engine, func, insert, select
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parent.parent))

from app.accounts.access import Actor
from app.certificates.bulk_status_changes import COLUMNS, carry_out, plan
from app.certificates.pdf import render_jobs, zip_download
from app.certificates.status_changes import confirm
from app.core.crypto.demo_ca import EmbeddedSeal, establish
from app.core.settings import Keys
from app.core.vocabulary import Action, PaperKind, Role
from app.db.session import keyring
from app.files import spreadsheets
from app.files.folder_store import FolderStore
from app.files.storage import Store
from app.models import Account, Certificate, CertificateMeasure, CertificateVersion, Model, Paper, Person
from app.web.demo.specimens import portrait
from app.worker.handlers import render_certificates
from app.worker.runner import JobContext, run_due
from app.workflow import carry_out as move
from benchmarks.engine import APPROVER, AT, OFFICE, compare, fill, open_code_keys, timed

WITHOUT_SCAN = replace(OFFICE, measure_document=False)


def main(rows: int = 1000, url: str = "") -> None:
    keys = Keys.fresh()
    with tempfile.TemporaryDirectory() as folder:
        url = url or f"sqlite:///{folder}/bench.db"
        unlock(keys, folder)
        establish(Path(folder) / "seal", address="https://example.org", at=AT)
        engine = create_engine(url)
        Model.metadata.create_all(engine)
        store = FolderStore(Path(folder) / "blobs")
        with Session(engine, expire_on_commit=False) as session:
            fill(session, rows)
            photograph(session, store, rows)
            approval(session, rows)
            drawing(session, url, folder, keys, rows)
            measures(session, rows)
            zip_of(session, store, min(rows, 1000))
        engine.dispose()


def unlock(keys: Keys, folder: str) -> None:
    keyring.unlock(keys.index, keys.data)
    open_code_keys(folder)


def photograph(session: Session, store: Store, rows: int) -> None:
    digest = store.put(portrait(Person(name="样本")))
    common = {"kind": PaperKind.PHOTO, "enterprise_id": 1, "filename": "p.jpg", "digest": digest, "mime": "image/jpeg"}
    common |= {"size": 1, "uploaded_at": AT, "uploaded_by": "bench"}
    session.execute(insert(Paper), [{"person_id": n + 1, **common} for n in range(rows)])
    session.commit()


def approval(session: Session, rows: int) -> None:
    halves = [range(1, rows // 2 + 1), range(rows // 2 + 1, rows + 1)]

    def decide(ids: range) -> None:
        done = move(session, ids, Action.APPROVE, APPROVER, at=AT, office=OFFICE)
        assert len(done.passes) == len(ids), next(iter(done.refused.values()))  # noqa: S101 - a benchmark of nothing is none
        session.commit()

    print(f"approve {rows} in two batches, rows and jobs        {timed(lambda: list(map(decide, halves))):8.3f} s\n")


def drawing(session: Session, url: str, folder: str, keys: Keys, rows: int) -> None:
    most = -(-rows // 2 // 100)

    def workers(number: int) -> None:
        started = [get_context("spawn").Process(target=work, args=(url, folder, keys, most)) for _n in range(number)]
        for process in started:
            process.start()
        for process in started:
            process.join()

    compare(f"render {rows // 2} PDFs, one process", lambda: workers(1), "as many, two processes", lambda: workers(2))
    drawn = session.scalar(select(func.count(CertificateVersion.digest)))
    print(f"{drawn} of {rows} are rendered\n")
    session.rollback()


def work(url: str, folder: str, keys: Keys, most: int) -> None:
    unlock(keys, folder)
    start = time.process_time()
    seal = EmbeddedSeal(Path(folder) / "seal")
    tools = JobContext(create_engine(url), None, FolderStore(Path(folder) / "blobs"), lambda: AT, seal=seal)  # type: ignore[arg-type]
    run_due(tools, {render_jobs.KIND: render_certificates}, most=most)  # and no letters
    print(f"    one process worked {time.process_time() - start:.1f} s of CPU on {most} portions of 100")


def measures(session: Session, rows: int) -> None:
    reviewer, approver = officer(session, Role.REVIEWER), officer(session, Role.APPROVER)
    given = [
        {"number": number, "name": name, "deed": "暂扣", "ground": "事故", "facts": "检查", "evidence": "1号"}
        | {"last_day": f"{AT.date() + timedelta(days=90)}"}
        for number, name in session.execute(select(Certificate.number, Certificate.holder))
    ]
    data = spreadsheets.write(COLUMNS, given, sheet_title="x")
    session.rollback()
    digests: list[str] = []

    def check() -> None:
        digests.append(plan(session, data, reviewer, on=AT.date(), office=WITHOUT_SCAN).digest)

    def propose() -> None:
        carry_out(session, data, reviewer, at=AT, office=WITHOUT_SCAN, digest=digests[0])
        session.commit()

    compare(f"check a sheet of {rows} measures", check, "propose them", propose)
    ids = list(session.scalars(select(CertificateMeasure.id)))
    session.rollback()
    done: list[int] = []

    def decide() -> None:
        done.extend(confirm(session, ids, approver, at=AT, office=WITHOUT_SCAN).done)
        session.commit()

    print(f"{f'confirm {rows} measures':<42}{timed(decide):8.3f} s\n")
    assert len(done) == rows, len(done)  # noqa: S101 - a measurement of refusals would mean nothing


def officer(session: Session, role: Role) -> Actor:
    account = Account(username=role.value, first_name=role.value, last_name="", email=role.value, active=True)
    account.password = "-"  # noqa: S105 - nobody signs in with it
    session.add(account)
    session.commit()
    return Actor(account.id, role.value, frozenset({role}), region="430000")


def zip_of(session: Session, store: Store, rows: int) -> None:
    ids = list(session.scalars(select(Certificate.id).order_by(Certificate.id).limit(rows)))
    leaves = zip_download.current_entries(session, ids, Actor(None, "b", frozenset({Role.VIEWER}), region="430000"), OFFICE)
    sizes: list[int] = []
    seconds = timed(lambda: sizes.extend(map(len, zip_download.archive(store, leaves, at=AT, left_out="", why=""))))
    print(f"a zip of {rows} certificates, {sum(sizes) / 1e6:.0f} MB           {seconds:8.3f} s")


if __name__ == "__main__":
    main(*(int(word) if word.isdigit() else word for word in sys.argv[1:]))  # type: ignore[arg-type]
