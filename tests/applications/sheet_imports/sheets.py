"""Rows and sheets of the old system."""

from app.applications.legacy_import.columns import COLUMNS
from app.core.vocabulary import OLD_SYSTEM, ImportKind
from app.files.spreadsheets import write
from tests import make

ACCOUNTS, PASSES, CERTIFICATES = OLD_SYSTEM
FIRM, USCC = "湖南湘江建设有限公司", "91430100MA4L000150"
OTHER = make.uscc(777777)
USUAL = {
    ACCOUNTS: {"enterprise": FIRM, "uscc": USCC},
    PASSES: {"name": "李雷", "category": "C1", "passed_on": "2025-10-01", "enterprise": FIRM, "uscc": USCC},
    CERTIFICATES: {"name": "李雷", "enterprise": FIRM, "uscc": USCC, "issued_on": "2024-05-01", "valid_to": "2027-04-30"},
}


def row(kind: ImportKind, **cells) -> dict[str, object]:
    usual = dict(USUAL[kind])
    if kind is not ACCOUNTS:
        usual["id_number"] = make.id_number()
    if kind is CERTIFICATES and "number" not in cells:
        usual["number"] = f"湘建安C1(2018){make.id_number()[-8:-1]}"
    return usual | cells


def sheet(kind: ImportKind, *rows: dict[str, object], columns=None) -> bytes:
    return write(columns or COLUMNS[kind], rows, sheet_title="原系统")
