"""The whole exam process, from the notice to the pass list."""

from sqlalchemy import func, select

from app.core.clock import now, office_day
from app.core.vocabulary import Role
from app.models import ExamNotice, ExamPass, ExamSignup
from tests import make
from tests.web.exams.exam_steps import (
    ADMITTED,
    REJECTED,
    SUBMITTED,
    check,
    confirm,
    end_sign_up,
    exported,
    pick,
    states,
    typed,
)


def test_from_a_notice_to_the_pass_list(session, clerk, own, firm, at_work, hire):
    """Two enterprises, one exam: published, signed up, reviewed, exported, scored with five kinds of mistakes, final."""
    second = make.enterprise(name="湖南第二建设有限公司")
    session.add(second)
    session.commit()
    theirs = at_work(Role.ENTERPRISE_CLERK, enterprise=second)
    clerk.post("/exam/notices/add", data=typed(categories=["A", "B", "C1"]))
    notice = session.scalars(select(ExamNotice)).one()
    session.commit()

    mine = [hire(name=name)[0] for name in ("赵一", "钱二", "孙三")]
    others = [hire(name=name, at=second)[0] for name in ("李四", "周五", "吴六")]
    own.post(f"/exam/notices/{notice.id}/signup", data=pick(*mine))
    ids = session.scalars(select(ExamSignup.id)).all()
    session.commit()
    own.post("/exam/signups/submit", data={"rowid": ids})
    theirs.post(f"/exam/notices/{notice.id}/signup", data=pick(*others, then="submit"))
    assert states(session) == [SUBMITTED] * 6
    assert "李四" not in own.get("/exam/signups/").text

    ids = session.scalars(select(ExamSignup.id).order_by(ExamSignup.id)).all()
    session.commit()
    clerk.post("/exam/review/decide?admit=yes", data={"rowid": ids[:4], "sure": "1"})
    clerk.post(f"/exam/review/{ids[4]}", data={"decision": "yes"})
    clerk.post(f"/exam/review/decide?admit=no&only={ids[5]}", data={"reason": "照片背景杂乱，面部看不清楚"})
    assert states(session) == [ADMITTED] * 5 + [REJECTED]
    assert "Reason: 照片背景杂乱，面部看不清楚" in theirs.get("/exam/signups/").text

    end_sign_up(session, notice)
    bad = exported(clerk, notice)
    bad.put("赵一", "Score", 101).put("钱二", "Score", "优").put("孙三", "Score", 60.123)
    bad.put("李四", "Score", 70).put("李四", "Passed or not", "不合格").put("吴六", "Score", 88)
    answer = check(clerk, notice, bad)
    assert answer.text.count('<span class="tag bad">') == 5
    assert session.scalar(select(func.count(ExamSignup.score))) == 0
    session.commit()

    clean = exported(clerk, notice)
    for name, score in (("赵一", 92.5), ("钱二", 59.5), ("孙三", "缺考"), ("李四", 60), ("周五", 100)):
        clean.put(name, "Score", score)
    answer = check(clerk, notice, clean)
    confirm(clerk, answer)
    answer = clerk.get(f"/exam/notices/{notice.id}/scores/submit")
    assert "3 pass, 1 fail, 1 were absent" in answer.text
    answer = clerk.post(f"/exam/notices/{notice.id}/scores/submit", follow_redirects=True)
    assert "3 people passed" in answer.text

    listed = session.scalars(select(ExamPass).order_by(ExamPass.id)).all()
    assert {(passed.person.name, passed.passed_on) for passed in listed} == {
        (name, office_day(now())) for name in ("赵一", "李四", "周五")
    }
    assert "92.5 points" in own.get("/exam/signups/").text
