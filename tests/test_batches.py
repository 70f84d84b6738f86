"""A batch of n does what n batches of one do, in the order of the list."""

from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.core.office import Office
from app.core.vocabulary import Action, Category, MatterKind, ReplacementReason, Role, State
from app.eligibility.facts import of_applications
from app.models import Application, Certificate, ExamPass, Paper, Person
from app.workflow import carry_out
from tests import make
from tests.workflow_fixture import INCOMING, Firm

APPROVER = make.officer(Role.APPROVER)
A, B, C, C1, C3 = Category.A, Category.B, Category.C, Category.C1, Category.C3
NUMBERS = [make.id_number(sequence=n) for n in (1, 2)]  # that several people are corrected to
WRONG = {"reason_code": ReplacementReason.WRONG_INFORMATION.value}
_names = count(1)


class Province:
    """Two enterprises, four people of the first, and a third enterprise to which they can transfer as well."""

    def __init__(self, session):
        self.session = session
        self.firm = Firm(session, name="湘江建设有限公司")
        self.others = [Firm(session, name=name) for name in ("浏阳河建设有限公司", "洞庭建设有限公司")]
        self.people = [self.firm.person(name=f"李{next(_names):04d}") for _n in range(4)]
        self.held = {(who, category): self._held(who, category) for who in range(4) for category in (A, B, C)}
        session.commit()

    def _held(self, who, category):
        return self.firm.certificate(self.people[who], category=category)

    def file(self, who, what, which):
        """An application of this person that awaits approval; its id."""
        person, firm, waiting = self.people[who], self.firm, State.AWAITING_APPROVAL
        if what in (C1, C3):
            self.session.add(make.exam_pass(person, category=what))
            application = make.application(person, waiting, category=what)
            self.session.add(application)
            self.session.flush()
        elif what == "incoming":
            facts = {"matter": MatterKind.REPLACEMENT, "category": C1, "details": INCOMING}
            reason = ReplacementReason.FROM_OTHER_PROVINCE.value
            application = make.application(person, waiting, reason_code=reason, **facts)
            self.session.add(application)
            self.session.flush()
        elif what == "correct":
            details = {"name": person.name, "id_number": NUMBERS[which]}
            application = firm.on(self.held[who, A], MatterKind.REPLACEMENT, waiting, **WRONG, details=details)
        elif what == "divide":
            application = firm.on(self.held[who, C], MatterKind.REPLACEMENT, waiting, details={"category": "C3"})
        elif what is MatterKind.TRANSFER:
            application = self.others[which].on(self.held[who, (A, B)[which]], what, waiting)
        else:
            application = firm.on(self.held[who, B], what, waiting)
        return application.id


STEPS = st.tuples(
    st.integers(0, 3),
    st.sampled_from(
        (
            C1,
            C3,
            "incoming",
            "correct",
            "divide",
            MatterKind.TRANSFER,
            MatterKind.TRANSFER,
            MatterKind.RENEWAL,
            MatterKind.CANCELLATION,
        )
    ),
    st.integers(0, 1),
)


def exclusive(step):
    """One open application per certificate, and per person and new category."""
    who, what, which = step
    on = {"incoming": C1, "correct": A, "divide": C, MatterKind.TRANSFER: (A, B)[which]}
    return who, on.get(what, what if what in (C1, C3) else B)


def state(session, done):
    """Everything that the order could change, without ids that a sequence and a batch count differently."""
    session.flush()
    session.expire_all()
    people = {row.id: (row.name, row.id_number, row.enterprise_id) for row in session.scalars(select(Person))}
    states = dict(session.execute(select(Application.id, Application.state)).all())
    held = {
        row.number: (row.person_id, row.category, row.status, row.status_reason, row.enterprise_id, row.holder, row.valid_to)
        for row in session.scalars(select(Certificate))
    }
    results = {row.id: row.certificate.number for row in session.scalars(select(Application)) if row.certificate}
    used = set(session.execute(select(ExamPass.id, ExamPass.used_by_application_id)).all())
    papers = sorted(
        (row.person_id, row.kind.value, row.enterprise_id)
        for row in session.scalars(select(Paper).where(Paper.person_id.is_not(None), Paper.replaced_at.is_(None)))
    )
    refused = {number: [refusal.code for refusal in reasons] for number, reasons in done.items()}
    order = session.scalars(select(Certificate.number).order_by(Certificate.id)).all()  # of the national identifiers
    return people, states, held, results, used, papers, refused, order


def approve(session, ids):
    return carry_out(session, ids, Action.APPROVE, APPROVER, at=make.NOON, office=Office())


def compared(session, steps):
    """The batch's outcome and that of the sequence; both are rolled back."""
    province = Province(session)
    chosen = list({exclusive(step): step for step in steps}.values())
    ids = [province.file(*step) for step in chosen]
    for number, case in of_applications(session, ids).items():
        session.get(Application, number).snapshot = case.record()
    session.commit()
    batch = state(session, approve(session, ids).refused)
    session.rollback()
    refused = {}
    for number in ids:
        refused |= approve(session, [number]).refused
    sequence = state(session, refused)
    session.rollback()
    return batch, sequence


def search(system, session, examples):
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(st.lists(STEPS, min_size=2, max_size=8))
    def batch_is_sequence(steps):
        session.rollback()
        system.sweep()
        batch, sequence = compared(session, steps)
        assert batch == sequence

    batch_is_sequence()


def test_a_batch_equals_the_sequence_of_its_members(system, session):
    search(system, session, 25)


@pytest.mark.proof
def test_500_batches_equal_the_sequences_of_their_members(system, session):
    search(system, session, 500)


def test_national_identifiers_follow_the_list_whatever_the_matters(session):
    batch, sequence = compared(session, [(0, "incoming", 0), (1, "divide", 0), (2, C1, 0)])
    assert batch == sequence
