"""台账: what became final in a period of the office's days, within the region, as it was then."""

from datetime import UTC, date, datetime
from io import BytesIO

import pandas as pd
import pytest

from app.core.vocabulary import LetterKind, MatterKind, MeasureState, Role, State
from app.models import CertificateVersion, Letter, Step
from app.web.applications.books import days_of
from tests import make
from tests.web.applications.case_fixture import rolling_back

LAST_MINUTE = datetime(2026, 3, 31, 15, 59, tzinfo=UTC)  # 23:59 by the office's clock


@pytest.mark.parametrize(
    ("period", "days"),
    [
        ("2026", (date(2026, 1, 1), date(2027, 1, 1))),
        ("2026Q4", (date(2026, 10, 1), date(2027, 1, 1))),
        ("2026-12", (date(2026, 12, 1), date(2027, 1, 1))),
        *((wrong, None) for wrong in ("2026Q5", "2026-13", "2026-00", "26", "1899", "2026-1", "２０２６", "2026-12 ", "")),
    ],
)
def test_a_period_is_a_month_a_quarter_or_a_year(period, days):
    assert days_of(period) == days


def decided(session, region: str, name: str, closed_at: datetime, matter=MatterKind.NEW):
    """An approved case, with its version and letter."""
    person = make.person(make.enterprise(region_code=region), name=name)
    held, reason = make.certificate(person), "left" if matter is MatterKind.CANCELLATION else ""
    case = make.application(person, State.APPROVED, certificate=held, matter=matter, closed_at=closed_at, reason_code=reason)
    session.add(case)
    session.flush()
    step = Step(application_id=case.id, round=1, action="approve", source="awaiting_approval", target="approved", actor="欧",
                at=closed_at)  # fmt: skip
    face = {"name": f"{name}印", "number": held.number, "id_number": person.id_number, "enterprise": "当时的企业",
            "valid_from": "2026-04-01", "valid_to": "2029-03-31"}  # fmt: skip
    session.add_all([step, CertificateVersion(certificate=held, version=1, application_id=case.id, issued_at=closed_at,
                     face=face, token=f"{case.id:022d}")])  # fmt: skip
    session.flush()
    session.add(Letter(kind=LetterKind.GRANT, number=f"湘建许准〔2026〕{case.id}号", title="准予许可决定书", face={},
                       issued_on=closed_at.date(), application_id=case.id, step_id=step.id, made_at=closed_at))  # fmt: skip
    return person


def sheet(answer) -> pd.DataFrame:
    return pd.read_excel(BytesIO(answer.data), engine="calamine", dtype=str, na_filter=False)


def test_the_books_hold_what_became_final_in_the_period(session, signed_in, holder):
    person = decided(session, "430100", "李雷", LAST_MINUTE)
    decided(session, "430100", "韩梅", LAST_MINUTE.replace(hour=16))  # the first of April already
    decided(session, "430200", "王远", LAST_MINUTE)
    decided(session, "430100", "赵注", LAST_MINUTE, MatterKind.CANCELLATION)
    refused = make.application(make.person(make.enterprise(), name="孙拒"), State.NOT_ACCEPTED, closed_at=LAST_MINUTE)
    waiting = make.application(make.person(make.enterprise(), name="周待"), State.AWAITING_REVIEW)
    officer, other = make.plain_account(session), make.plain_account(session)
    taken, proposed = (
        make.measure(make.certificate(make.person(make.enterprise(), name=name)), officer, state, other)
        for name, state in (("吴扣", MeasureState.CONFIRMED), ("郑提", MeasureState.PROPOSED))
    )
    session.add_all([refused, waiting, taken, proposed])
    session.commit()
    province = rolling_back(signed_in(holder(Role.REVIEWER)), session)
    town = rolling_back(signed_in(holder(Role.VIEWER, region_code="430200")), session)

    def names(browser, book: str, query: str = "") -> set[str]:
        return set(sheet(browser.post(f"/books/{book}/export?{query}")).iloc[:, 0])

    assert names(province, "decisions", "period=2026-03") == {"李雷", "王远", "赵注", "孙拒"}
    assert names(province, "decisions", "period=2026Q2") == {"韩梅"}
    assert names(province, "certificates", "period=2026-03") == {"李雷印", "王远印"}
    assert names(town, "certificates", "period=2026") == {"王远印"}
    assert names(province, "measures") == {"吴扣"}
    row = sheet(province.post("/books/certificates/export?period=2026-03&person.name=李雷")).iloc[0]
    assert person.id_number not in set(row)
    assert {"当时的企业", "2026-04-01", "2029-03-31"} <= set(row)
    assert any(text.startswith("湘建许准") for text in row)
    page = province.get("/books/decisions/?period=2026-03").text
    assert '<option value="2026-03"' in page or "2026-03" in page
    assert "李雷" in page
    assert "韩梅" not in page
    assert rolling_back(signed_in(holder(Role.ACCEPTANCE_OFFICER)), session).get("/books/measures/").status_code == 403
