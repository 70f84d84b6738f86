"""Steps shared by the tests of the exam pages: reading states, filling in forms and score sheets."""

import re
from datetime import timedelta
from io import BytesIO

from openpyxl import load_workbook
from sqlalchemy import func, select, update

from app.core.clock import now, office_day, office_time
from app.core.vocabulary import Category, SignupState
from app.models import ExamNotice, ExamSignup

A, B, C1, C2, C3 = Category.A, Category.B, Category.C1, Category.C2, Category.C3
ADMITTED, PASSED, REJECTED, SELECTED, SUBMITTED = (
    *(SignupState.ADMITTED, SignupState.PASSED, SignupState.REJECTED),
    *(SignupState.SELECTED, SignupState.SUBMITTED),
)
DAY = timedelta(days=1)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def read(session, query):
    """The result of a query; ends the transaction, since SQLite has one writer."""
    answer = query()
    session.commit()  # not a rollback, which would expire loaded rows
    return answer


def states(session) -> list[SignupState]:
    return read(session, lambda: list(session.scalars(select(ExamSignup.state).order_by(ExamSignup.id))))


def count(session, model) -> int:
    return read(session, lambda: session.scalar(select(func.count()).select_from(model)))


def end_sign_up(session, notice) -> None:
    """The exam is over: sign-up ended yesterday, the exam is today."""
    session.execute(
        update(ExamNotice)
        .where(ExamNotice.id == notice.id)
        .values(signup_start=now() - 9 * DAY, signup_end=now() - DAY, exam_on=office_day(now()))
    )
    session.commit()


def ticket(answer, name="ticket") -> str:
    return re.search(rf'name="{name}" value="([^"]+)"', answer.text)[1]


def typed(**changes):
    at = office_time(now())
    form = {
        "title": "关于举办2026年第3期考核的通知", "number": "湘建培〔2026〕3号", "categories": ["A", "C1"],
        "signup_start": f"{at - DAY:%Y-%m-%dT%H:%M}", "signup_end": f"{at + 5 * DAY:%Y-%m-%dT%H:%M}",
        "exam_on": f"{at + 20 * DAY:%Y-%m-%d}", "place": "长沙", "quota": "", "pass_mark": "60",
        "body": "各建筑施工企业：\n现将有关事项通知如下。",
    }  # fmt: skip
    return {**form, **changes}


def pick(*people, then="save", **categories):
    chosen = {f"category-{person.id}": categories.get(f"c{person.id}", "C1") for person in people}
    return {"rowid": [person.id for person in people], "then": then, **chosen}


def row_of(text: str, name: str) -> str:
    return next(row for row in re.findall(r"<tr role=\"row\">.*?</tr>", text, re.DOTALL) if name in row)


class ScoreSheet:
    """An exported workbook that the test fills in."""

    def __init__(self, data: bytes) -> None:
        self.book = load_workbook(BytesIO(data))
        self.sheet = self.book.active
        self.titles = [cell.value for cell in self.sheet[2]]

    def put(self, name: str, title: str, value: object) -> "ScoreSheet":
        at = self.titles.index("Full name")
        row = next(cells[0].row for cells in self.sheet.iter_rows(min_row=3) if cells[at].value == name)
        self.sheet.cell(row, self.titles.index(title) + 1).value = value
        return self

    def file(self) -> dict:
        out = BytesIO()
        self.book.save(out)
        out.seek(0)
        return {"sheet": (out, "成绩.xlsx")}


def exported(clerk, notice) -> ScoreSheet:
    answer = clerk.post(f"/exam/notices/{notice.id}/export")
    assert (answer.status_code, answer.mimetype) == (200, XLSX)
    sheet = ScoreSheet(answer.data)
    sheet.titles = [
        {"Full name": "Full name", "Score": "Score", "Passed or not": "Passed or not"}.get(t, t) for t in sheet.titles
    ]
    return sheet


def check(clerk, notice, sheet):
    """The page of the import that it becomes, or that of the upload."""
    return clerk.post(f"/exam/notices/{notice.id}/scores", data=sheet.file(), follow_redirects=True)


def confirm(clerk, page, digest=""):
    """The page afterwards."""
    address = re.search(r'action="(/imports/\d+/confirm)"', page.text)[1]
    return clerk.post(address, data={"digest": digest or ticket(page, "digest")}, follow_redirects=True)
