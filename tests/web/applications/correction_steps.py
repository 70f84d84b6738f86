"""Applications returned with marks, and their correction."""

import io

from app.core.vocabulary import Action, Role, State
from app.eligibility.facts import of_applications
from app.models import Application, Step
from tests import make
from tests.web.applications.case_fixture import Firm, decide
from tests.web.form_steps import save

PHOTO, MAJOR = "papers.photo", "person.major"
WHY = {PHOTO: "照片不清晰", MAJOR: "与学历证不一致"}


class CorrectingFirm(Firm):
    """An enterprise with steps on a submitted application by its clerk and an officer."""

    def __init__(self, *given) -> None:
        super().__init__(*given)
        self.clerk, self.officer = self.browser(Role.ENTERPRISE_CLERK), self.browser(Role.ACCEPTANCE_OFFICER)

    def submitted(self, **facts) -> Application:
        application = self.case(State.DRAFT, **facts)
        self.clerk.post("/applications/new/submit", data={"rowid": application.id})
        return application

    def return_marked(self, application, reason="", **whys):
        """Return with a mark and a reason for each item of ``whys``."""
        marks = whys or WHY
        data = {"mark": list(marks), **{f"why-{item}": why for item, why in marks.items()}}
        return decide(self.officer, application, Action.RETURN, reason, **data)

    def correct(self, application, then="submit", photo=None, **typed):
        scan = {"papers-photo": (io.BytesIO(photo), "新照片.jpg")} if photo else {}
        data = {"then": then, **typed, **scan}
        return save(self.clerk, f"/corrections/{application.id}", data, content_type="multipart/form-data")

    def again(self, application) -> Application:
        self.session.rollback()
        self.session.expire_all()
        return self.session.get_one(Application, application.id)


def returned(firm, matter, marks, **facts):
    application = firm.on(firm.certificate(), matter, State.AWAITING_ACCEPTANCE, **facts)
    step = Step(
        application_id=application.id, round=1, action=Action.RETURN, source=State.AWAITING_ACCEPTANCE,
        target=State.RETURNED, actor="受理", reason="-", marks=[{"item": item, "why": "错"} for item in marks], at=make.NOON,
    )  # fmt: skip
    record = of_applications(firm.session, [application.id])[application.id].record()
    application.state, application.snapshot = State.RETURNED, record
    firm.session.add(step)
    firm.session.commit()
    return application
