"""The archive of a case as zip."""

import io
import re
import zipfile
from datetime import UTC, datetime
from hashlib import sha256

from pypdf import PdfReader
from sqlalchemy import select, update

from app.core.vocabulary import AuditAction, PaperKind, Role
from app.files.folder_store import FolderStore
from app.models import AuditEntry, Paper
from tests.web.applications.case_fixture import approved, read_scalar


def unzipped(answer) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_archive_zip_lists_each_file_with_its_digest(firm, clerk, session):
    application, version = approved(firm, name="李雷")
    answer = clerk.get(f"/archive/{application.id}.zip")
    assert "%E6%9D%8E%E9%9B%B7" in answer.headers["Content-Disposition"]
    files = unzipped(answer)
    assert [name.split("-")[0] for name in files if "/" not in name] == ["01", "02", "03", "04", "文件清单.txt"]
    assert files[f"04-电子证书-{version.face['number']}.pdf"] == clerk.get(f"/certificates/{version.id}.pdf").data
    assert files["附件材料/01-照片.jpg"].startswith(b"\xff\xd8")
    listed_files = dict(line.split("\t", 1) for line in files["文件清单.txt"].decode("utf-8-sig").splitlines()[1:])
    proofs = {name: f"{len(data)}\t{sha256(data).hexdigest()}" for name, data in files.items() if name in listed_files}
    assert {name: listed_files[name] for name in proofs} == proofs
    assert len(proofs) == 9  # the enterprise's two scans have no bytes here
    assert read_scalar(session, select(AuditEntry.change).where(AuditEntry.deed == AuditAction.EXPORT)) == {
        "shown": "archive"
    }


def test_a_file_missing_from_the_store_is_named_in_the_list_and_the_rest_is_packed(firm, clerk, system):
    application, _version = approved(firm)
    store = FolderStore(system.settings.blobs)
    lost = read_scalar(firm.session, select(Paper.digest).where(Paper.kind == PaperKind.ID_CARD))
    kept = store.read(lost)
    store.path(lost).unlink()
    files = unzipped(clerk.get(f"/archive/{application.id}.zip"))
    store.put(kept)
    assert "附件材料/02-身份证.jpg" not in files
    assert "附件材料/02-身份证.jpg\t" in files["文件清单.txt"].decode()


def test_a_scan_removed_by_retention_is_named_on_the_archive_page_and_in_the_zip(firm, clerk):
    application, _version = approved(firm)
    at = datetime(2030, 1, 2, 16, tzinfo=UTC)
    firm.session.execute(update(Paper).where(Paper.kind == PaperKind.ID_CARD).values(removed_at=at))
    firm.session.commit()
    reason = "按保存期限规定，已于 2030-01-03 删除"
    files = unzipped(clerk.get(f"/archive/{application.id}.zip"))
    assert "附件材料/02-身份证.jpg" not in files
    listed = files["文件清单.txt"].decode().splitlines()
    assert [line for line in listed if "身份证" in line] == [f"附件材料/02-身份证.jpg\t{reason}"]
    page = clerk.get(f"/archive/{application.id}").text
    removed = r'<span class="up-none">\s*<span class="doc">Removed on 2030-01-03, as its time of keeping had passed</span>'
    assert re.search(removed, page)
    assert "附件材料/01-照片.jpg" in files


def test_the_zip_for_a_viewer_has_no_papers_and_no_full_number(firm):
    application, _version = approved(firm)
    files = unzipped(firm.browser(Role.VIEWER).get(f"/archive/{application.id}.zip"))
    assert not [name for name in files if "/" in name]
    form = PdfReader(io.BytesIO(files[next(name for name in files if name.startswith("01"))])).pages[0].extract_text()
    assert application.person.id_number not in form
    assert application.person.id_number[:6] in form
