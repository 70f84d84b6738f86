"""The procedure of applications: ``MOVES`` as data, ``plan`` (what would happen), ``carry_out`` (do it).

One application is a batch of one. Only ``carry_out`` writes ``Application.state``; the caller owns the transaction.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.access import Actor, Case, decides, level_of, reaches_case
from app.certificates import lifecycle
from app.certificates.lifecycle import id_of
from app.certificates.pdf import letter_jobs, render_jobs
from app.core.clock import office_day
from app.core.errors import NotAllowed, NotFound, Refusal, Stale, Unmet
from app.core.office import Office
from app.core.redaction import without_numbers
from app.core.vocabulary import LETTER_OF, Action, MatterKind, NotificationKind, ReasonStep, Role, Side, Stage, State
from app.db import sequences
from app.db.id_lists import among
from app.eligibility import corrections, reasons
from app.eligibility.acceptance_limit import (
    correction_is_overdue,
    counts_as_accepted,
    limit_has_not_passed,
    refusals_of_a_second_return,
)
from app.eligibility.corrections import CorrectionMark
from app.eligibility.facts import Facts, of_applications
from app.eligibility.rules import is_still_in_time, refusals, was_never_given_more_time
from app.matters import AT_EVERY_STEP, MATTERS, correctable
from app.models import Application, Step
from app.outbox import notifications, public_notices, sms_texts
from app.procedure import Batch, Move, table_errors

MAX_REASON_LENGTH = 1000  # characters


# --- rules ------------------------------------------------------------------------


def meets_the_matter(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """All rules of the matter on submission, papers included."""
    yield from refusals(case, MATTERS[case.matter].rules_for(case), on, office)


def may_be_accepted(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """The rules of acceptance; they stop nothing that counts as accepted by law, and are asked in the review instead."""
    if not counts_as_accepted(case.state, case.due_on, on):
        yield from refusals(case, (*AT_EVERY_STEP, *MATTERS[case.matter].on_acceptance), on, office)


def may_be_endorsed(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    unasked = MATTERS[case.matter].on_acceptance if case.counts_from else ()
    yield from refusals(case, (*AT_EVERY_STEP, *unasked), on, office)


def may_be_approved(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    yield from refusals(case, (*AT_EVERY_STEP, *MATTERS[case.matter].on_approval), on, office)


def was_submitted_before(case: Facts, on: date, office: Office) -> Iterator[Refusal]:
    """A draft that was never submitted is deleted instead (``drafts.discard``)."""
    if not case.round:
        yield Refusal("never-submitted", _("%(name)s: this draft was never submitted. Delete it instead.", name=case.name))


# --- effects -------------------------------------------------------------------------


def keep_snapshot(batch: Batch) -> None:
    """Store what was submitted: officers decide on it and the archive shows it, whatever the enterprise changes later.

    After a return with marks only the marked items are read anew; the rest stays as it was submitted before.
    """
    batch.common |= {"submitted_at": batch.at, "closed_at": None}
    for case in batch.cases:
        now = case.record()
        if case.marked and case.snapshot:
            now = corrections.corrected(case.snapshot, now, case.marked)
        before = case.snapshot if case.state is State.RETURNED else None
        batch.columns[id_of(case)] |= {"snapshot": now, "snapshot_before": before, "round": case.round + 1}


NO_CLOCK = {"due_on": None, "due_from": None, "due_days": None}


def _clock(office: Office, start: date, days: int) -> dict[str, Any]:
    """Columns of a running deadline: first day, number of working days, and the due day by the calendar."""
    return {"due_on": office.calendar.add_working_days(start, days), "due_from": start, "due_days": days}


def start_the_clock(batch: Batch) -> None:
    """The deadline for acceptance (行政许可法 art. 32)."""
    batch.common |= _clock(batch.office, office_day(batch.at), batch.office.accept_days)


def number_acceptance(batch: Batch) -> None:
    """Number and day of the acceptance slip; the deadline of the decision starts (行政许可法 art. 42).

    Where the limit for acceptance had passed, it runs from the day of receipt (art. 32).
    """
    on = office_day(batch.at)
    slips = sequences.daily_numbers(batch.session, batch.office.region_code, sequences.ACCEPTANCE, on, len(batch.cases))
    for case, slip in zip(batch.cases, slips, strict=True):
        days = MATTERS[case.matter].days(batch.office)
        late = case.due_from if counts_as_accepted(case.state, case.due_on, on) else None
        clock = _clock(batch.office, late or on, days)
        promised = {"promised_days": days, "promised_on": clock["due_on"], "counts_from": late}
        batch.columns[id_of(case)] |= {"acceptance_number": slip, "accepted_at": batch.at, **clock, **promised}


def extend_deadline(batch: Batch) -> None:
    """More working days for the decision, counted from the same first day (行政许可法 art. 42)."""
    for case in batch.cases:
        assert case.due_from is not None and case.due_days is not None  # noqa: S101, PT018 - ``is_still_in_time``
        clock = _clock(batch.office, case.due_from, case.due_days + batch.office.extend_days)
        batch.columns[id_of(case)] |= {**clock, "extended_to": clock["due_on"]}


def clear_submission(batch: Batch) -> None:
    """Withdrawn: no submission and no deadline; the steps stay."""
    batch.common |= {"submitted_at": None, **NO_CLOCK}


def apply_outcome(batch: Batch) -> None:
    """Issue, extend, move or end certificates, as the matter's ``outcome`` does."""
    groups: dict[MatterKind, list[Facts]] = defaultdict(list)
    for case in batch.cases:
        groups[case.matter].append(case)
    decision = lifecycle.decide(batch.session, batch.actor, batch.at, batch.office, batch.cases)
    for kind in MatterKind:  # fixed order, so that concurrent batches cannot deadlock
        if cases := groups.get(kind):
            batch.issued |= MATTERS[kind].outcome(decision, cases)
    for application_id, issued in batch.issued.items():
        batch.columns[application_id]["certificate_id"] = issued.certificate_id


def request_rendering(batch: Batch) -> None:
    """Enqueue the jobs that render the certificate files: rendering is too slow for a request."""
    render_jobs.enqueue_approved(batch.session, batch.issued, at=batch.at)


def close(batch: Batch) -> None:
    batch.common |= {"closed_at": batch.at, **NO_CLOCK}


def stop_the_clock(batch: Batch) -> None:
    """No deadline runs while the old enterprise considers."""
    batch.common |= NO_CLOCK


def await_correction(batch: Batch) -> None:
    """No deadline of the office runs while the enterprise corrects: the day named to it is stored instead."""
    batch.common |= _clock(batch.office, office_day(batch.at), batch.office.correction_days)


def publish_result(batch: Batch) -> None:
    """Public notice of a stage's result, masked and without the reason (R16–R19)."""
    stage = batch.move.stage
    assert stage is not None  # noqa: S101 - see ``table_errors``
    results = [
        public_notices.DecisionResult(
            application_id=id_of(case),
            matter=case.matter,
            category=case.category,
            stage=stage,
            agreed=batch.move.agreed,
            name=case.submitted["person"]["name"],
            id_number=case.submitted["person"]["id_number"],
            enterprise_name=case.submitted["enterprise"]["name"],
            certificate_number=batch.issued[id_of(case)].number if id_of(case) in batch.issued else "",
            region_code=case.region_code,
        )
        for case in batch.cases
    ]
    public_notices.publish(batch.session, results, at=batch.at)


def notify_handler(batch: Batch) -> None:
    """Tell the handler by SMS, which a job sends (R20, R78, R82, R85), and the enterprise inside the system."""
    owed = []
    for case in batch.cases:
        issued = batch.issued.get(id_of(case))
        owed.append(
            sms_texts.decision_message(
                batch.move.action,
                mobile=case.submitted["handler"]["mobile"],
                application_id=id_of(case),
                enterprise_id=case.enterprise_id,
                person=case.submitted["person"]["name"],
                matter=case.matter,
                category=case.category,
                reason=batch.reason,
                acceptance_number=str(batch.columns[id_of(case)].get("acceptance_number", "")),
                certificate_number=issued.number if issued else "",
                due_on=batch.columns[id_of(case)].get("due_on") or batch.common.get("due_on") or case.due_on,
                office=batch.office,
            )
        )
    notifications.tell(batch.session, owed, at=batch.at)


def notify_old_enterprise(batch: Batch) -> None:
    """Tell the old enterprise: its consent is asked for, or was replaced by the office (R106)."""
    owed = [
        sms_texts.release_message(
            batch.move.action,
            mobile=case.releasing["mobile"],
            application_id=id_of(case),
            enterprise=case.enterprise["name"],
            old_enterprise=case.releasing["name"],
            old_enterprise_id=case.releasing_enterprise_id,
            person=case.person["name"],
            certificate_number=case.certificate.number,
            office=batch.office,
        )
        for case in batch.cases
        if case.releasing and case.certificate
    ]
    notifications.tell(batch.session, owed, at=batch.at)


def notify_officer(batch: Batch) -> None:
    """Tell the officer who returned it that it is back, inside the system."""
    owed = [
        sms_texts.system_message(
            sms_texts.RESUBMITTED,
            None,
            batch.office,
            sms_texts.Recipient(NotificationKind.APPLICATION, id_of(case), account_id=case.last_officer_id),
            enterprise=case.enterprise["name"],
            matter=sms_texts.in_province_language(case.matter.label),
            person=case.person["name"],
            category=case.category.value,
        )
        for case in batch.cases
        if case.last_officer_id is not None
    ]
    notifications.tell(batch.session, owed, at=batch.at)


# --- the table --------------------------------------------------------------------------------------

FIT = (meets_the_matter,)
FILED = (keep_snapshot, start_the_clock)
CORRECTED = (*FILED, notify_officer)
RELEASE_ASKED = (keep_snapshot, stop_the_clock, notify_old_enterprise)
RESULT = (publish_result, notify_handler)
IN_LIMIT = (limit_has_not_passed,)
IN_TIME = (was_never_given_more_time, is_still_in_time)
EXTENSION = (extend_deadline, notify_handler)
ENTERPRISE, ACCEPTANCE, REVIEWER, APPROVER, ADMIN = (
    Role.ENTERPRISE_CLERK, Role.ACCEPTANCE_OFFICER, Role.REVIEWER, Role.APPROVER, Role.ADMIN,
)  # fmt: skip
MOVING = (MatterKind.TRANSFER,)  # two enterprises have a say
OTHERS = tuple(kind for kind in MatterKind if kind not in MOVING)

# fmt: off
MOVES = (
    #    from                       action                    to                         by           asks for, brings about
    Move(State.DRAFT,               Action.SUBMIT,            State.AWAITING_ACCEPTANCE, ENTERPRISE,  FIT, FILED, matters=OTHERS),
    Move(State.DRAFT,               Action.SUBMIT,            State.AWAITING_RELEASE,    ENTERPRISE,  FIT, RELEASE_ASKED, matters=MOVING),
    Move(State.DRAFT,               Action.ABANDON,           State.ABANDONED,           ENTERPRISE,  (was_submitted_before,), (close,)),
    Move(State.AWAITING_RELEASE,    Action.RELEASE,           State.AWAITING_ACCEPTANCE, ENTERPRISE,  (), (start_the_clock, notify_handler), matters=MOVING, side=Side.RELEASER),
    Move(State.AWAITING_RELEASE,    Action.REFUSE_RELEASE,    State.RELEASE_REFUSED,     ENTERPRISE,  (), (notify_handler,), agreed=False, reason=True, matters=MOVING, side=Side.RELEASER),
    Move(State.AWAITING_RELEASE,    Action.RELEASE_BY_OFFICE, State.AWAITING_ACCEPTANCE, ADMIN,       (), (start_the_clock, notify_handler, notify_old_enterprise), reason=True, matters=MOVING),
    Move(State.AWAITING_RELEASE,    Action.WITHDRAW,          State.DRAFT,               ENTERPRISE,  (), (clear_submission,), matters=MOVING),
    Move(State.RELEASE_REFUSED,     Action.SUBMIT,            State.AWAITING_RELEASE,    ENTERPRISE,  FIT, RELEASE_ASKED, matters=MOVING),
    Move(State.RELEASE_REFUSED,     Action.WITHDRAW,          State.DRAFT,               ENTERPRISE,  (), (clear_submission,), matters=MOVING),
    Move(State.AWAITING_ACCEPTANCE, Action.ACCEPT,            State.AWAITING_REVIEW,     ACCEPTANCE,  (may_be_accepted,), (number_acceptance, *RESULT), Stage.ACCEPTANCE),
    Move(State.AWAITING_ACCEPTANCE, Action.RETURN,            State.RETURNED,            ACCEPTANCE,  IN_LIMIT, (await_correction, notify_handler), Stage.ACCEPTANCE, agreed=False, reason=True),
    Move(State.AWAITING_ACCEPTANCE, Action.DECLINE,           State.NOT_ACCEPTED,        ACCEPTANCE,  IN_LIMIT, (close, *RESULT), Stage.ACCEPTANCE, agreed=False, reason=True),
    Move(State.AWAITING_ACCEPTANCE, Action.WITHDRAW,          State.DRAFT,               ENTERPRISE,  (), (clear_submission,)),
    Move(State.RETURNED,            Action.SUBMIT,            State.AWAITING_ACCEPTANCE, ENTERPRISE,  FIT, CORRECTED),
    Move(State.RETURNED,            Action.WITHDRAW,          State.DRAFT,               ENTERPRISE,  (), (clear_submission,)),
    Move(State.RETURNED,            Action.LAPSE,             State.ABANDONED,           ACCEPTANCE,  (correction_is_overdue,), (close, notify_handler)),
    Move(State.NOT_ACCEPTED,        Action.SUBMIT,            State.AWAITING_ACCEPTANCE, ENTERPRISE,  FIT, FILED, matters=OTHERS),
    Move(State.NOT_ACCEPTED,        Action.SUBMIT,            State.AWAITING_RELEASE,    ENTERPRISE,  FIT, RELEASE_ASKED, matters=MOVING),
    Move(State.AWAITING_REVIEW,     Action.ENDORSE,           State.AWAITING_APPROVAL,   REVIEWER,    (may_be_endorsed,), RESULT, Stage.REVIEW),
    Move(State.AWAITING_REVIEW,     Action.REFUSE_REVIEW,     State.REVIEW_REFUSED,      REVIEWER,    (), (close, *RESULT), Stage.REVIEW, agreed=False, reason=True),
    Move(State.AWAITING_REVIEW,     Action.EXTEND,            State.AWAITING_REVIEW,     APPROVER,    IN_TIME, EXTENSION, reason=True),
    Move(State.AWAITING_APPROVAL,   Action.APPROVE,           State.APPROVED,            APPROVER,    (may_be_approved,), (apply_outcome, request_rendering, close, *RESULT), Stage.APPROVAL),
    Move(State.AWAITING_APPROVAL,   Action.REFUSE_APPROVAL,   State.APPROVAL_REFUSED,    APPROVER,    (), (close, *RESULT), Stage.APPROVAL, agreed=False, reason=True),
    Move(State.AWAITING_APPROVAL,   Action.EXTEND,            State.AWAITING_APPROVAL,   APPROVER,    IN_TIME, EXTENSION, reason=True),
)
# fmt: on


if errors := table_errors(MOVES, publishes=publish_result, closes=close, between=MOVING):
    raise RuntimeError(f"the workflow table is unsound: {'; '.join(errors)}")

_BY_KEY = {(move.source, move.action, kind): move for move in MOVES for kind in move.matters}
_STAGE_OF = {move.action: move.stage for move in MOVES}
ACTORS = {action: frozenset(move.by for move in MOVES if move.action is action) for action in Action}


# --- looking ahead ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Plan:
    """What would happen to each application: it passes, or is refused with reasons. Every requested id is in one of the two."""

    passes: dict[int, tuple[Facts, Move]] = field(default_factory=dict)
    refused: dict[int, tuple[Refusal, ...]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)  # shown with results; only of cases within reach

    def add(self, other: "Plan") -> None:
        """The outcome of a further part of the same batch."""
        self.passes |= other.passes
        self.refused |= other.refused
        self.names |= other.names


def plan(
    session: Session, ids: Iterable[int], action: Action, actor: Actor, *, reason: str = "", at: datetime, office: Office
) -> Plan:
    """What ``carry_out`` would do with each of these applications alone. Writes nothing; a fixed number of queries.

    Members of one batch may affect each other: ``applications.decision_batches.planning`` plans a batch.
    Raises ``NotAllowed`` if none of the actor's roles may do this at all, ``Unmet`` for a missing or overlong reason and
    for an empty or too large batch.
    """
    ids = check_request(session, ids, action, actor, reason, office)
    return _plan(ids, of_applications(session, ids), action, actor, reason=reason, on=office_day(at), office=office)


def carry_out(
    session: Session,
    ids: Iterable[int],
    action: Action,
    actor: Actor,
    *,
    reason: str = "",
    marks: Sequence[CorrectionMark] = (),
    brought_up: bool = False,
    at: datetime,
    office: Office,
) -> Plan:
    """Lock, plan again, then write states, steps, certificates, notices and messages in bulk.

    A batch does what its members would do one after the other, in the order of ``ids``: it is cut where a person or an ID
    number occurs again, and each part is planned on what the parts before it have written.

    The caller owns the transaction. What does not pass is refused and left unchanged, also rows that somebody else moved
    meanwhile. ``marks`` belong to a return for correction: the notice is built from them, with ``reason`` as its last line.
    ``brought_up``: the officer states that the enterprise's own correction brought up what is marked on a further return.
    Raises as ``plan`` does, ``Stale`` if a row changed in spite of the lock, and ``ClockInDoubt``.
    """
    office.demand_sound_clock()
    marks = tuple(marks)
    without_numbers("\n".join([reason, *(mark.why for mark in marks)]))  # stored, printed and sent as plain text
    reason = reasons.spaced(corrections.checked_notice(action, marks, reason))
    ids = check_request(session, ids, action, actor, reason, office, marks=marks)
    locked = of_applications(session, ids, lock=True)

    def act(part: Sequence[int], cases: Mapping[int, Facts]) -> Plan:
        planned = _plan(
            part, cases, action, actor, reason=reason, marks=marks, brought_up=brought_up, on=office_day(at), office=office
        )
        groups: dict[Move, list[Facts]] = defaultdict(list)
        for case, move in planned.passes.values():
            groups[move].append(case)
        for move, moving in groups.items():
            _write(Batch(session, move, moving, actor, reason.strip(), at, office, marks=marks, brought_up=brought_up))
        session.expire_all()  # bulk statements bypass the identity map
        return planned

    done = Plan()
    for part in _parts(ids, locked):
        done.add(_act(session, part, locked if len(part) == len(ids) else of_applications(session, part), act))
    return done


def _parts(ids: Iterable[int], cases: Mapping[int, Facts]) -> Iterator[list[int]]:
    """The ids in order, cut wherever a person or an ID number occurs for the second time."""
    part: list[int] = []
    seen: set[int | str] = set()
    for application_id in ids:
        keys: set[int | str] = set()
        if case := cases.get(application_id):
            keys = case.identities
        if seen & keys:
            yield part
            part, seen = [], set()
        part.append(application_id)
        seen |= keys
    yield part


def _act(
    session: Session, part: list[int], cases: Mapping[int, Facts], act: Callable[[Sequence[int], Mapping[int, Facts]], Plan]
) -> Plan:
    """Act on a part of a batch. If it breaks a constraint, its members are done singly, and the one that breaks it is refused."""
    try:
        with session.begin_nested():
            return act(part, cases)
    except IntegrityError:
        if len(part) == 1:
            return Plan(refused=dict.fromkeys(part, Stale().refusals))
    done = Plan()
    for application_id in part:
        done.add(_act(session, [application_id], of_applications(session, [application_id]), act))
    return done


def _plan(
    ids: Iterable[int],
    cases: Mapping[int, Facts],
    action: Action,
    actor: Actor,
    *,
    reason: str,
    marks: Sequence[CorrectionMark] = (),
    brought_up: bool = False,
    on: date,
    office: Office,
) -> Plan:
    planned, corrected = Plan(), set[str]()  # ID numbers that an earlier member takes
    for application_id in ids:
        case = cases.get(application_id)
        if case is None or not reaches_case(actor, case):
            planned.refused[application_id] = NotFound().refusals
            continue
        planned.names[application_id] = case.name
        move = _BY_KEY.get((case.state, action, case.matter))
        number = case.submitted_details.get("id_number", "") if action is Action.APPROVE else ""
        if number in corrected:
            case = replace(case, id_number_taken=True)
        refused = _refusals_of(case, move, actor, on, office) or _uncorrected(case, action, marks, reason, on)
        if not refused and action is Action.RETURN:
            refused = [*refusals_of_a_second_return(case, marks, brought_up=brought_up)]
        if refused or move is None:
            planned.refused[application_id] = tuple(refused)
        else:
            planned.passes[application_id] = (case, move)
            corrected |= {number} - {""}
    return planned


def _uncorrected(case: Facts, action: Action, marks: Sequence[CorrectionMark], reason: str, on: date) -> list[Refusal]:
    """Marks the enterprise cannot correct; on submission, marked items neither corrected nor explained in ``reason``."""
    if marks and not {mark.item for mark in marks} <= set(correctable(case, on)):
        sentence = _("%(name)s: something was marked that the enterprise cannot change.", name=case.name)
        return [Refusal("bad-mark", sentence, "marks")]
    if action is not Action.SUBMIT or not case.marked or not case.snapshot or reason.strip():
        return []
    unchanged = corrections.unchanged_items(case.snapshot, case.record(), case.marked)
    return [corrections.not_corrected(case.name, case.application_id, item) for item in unchanged]


def check_request(
    session: Session,
    ids: Iterable[int],
    action: Action,
    actor: Actor,
    reason: str,
    office: Office,
    *,
    marks: Sequence[CorrectionMark] = (),
) -> list[int]:
    """The ids, each once; raises what ``plan`` promises."""
    if actor.roles.isdisjoint(ACTORS[action]):
        raise NotAllowed
    ids = list(dict.fromkeys(ids))
    wrong = None
    if not ids:
        wrong = Refusal("nothing-chosen", _("Please choose at least one record first."))
    elif len(ids) > office.largest_batch:
        sentence = _("At most %(n)s records can be handled at once.", n=office.largest_batch)
        wrong = Refusal("batch-too-large", sentence)
    elif len(reason.strip()) > MAX_REASON_LENGTH:
        sentence = _("The reason may have at most %(n)s characters.", n=MAX_REASON_LENGTH)
        wrong = Refusal("reason-too-long", sentence, field="reason")
    elif action in LETTER_OF:
        wrong = reasons.refusal_to_print(reason)
    if wrong:
        raise Unmet.because(wrong)
    if wrongs := [wrong for mark in marks if (wrong := reasons.refusal_of_mark(mark.item, mark.why))]:
        raise Unmet(wrongs)
    if not marks and any(move.reason for move in MOVES if move.action is action):  # marks have explanations of their own
        reasons.check_reason(session, ReasonStep(action.value), reason, office)  # type: ignore[call-arg]
    return ids


def _refusals_of(case: Facts, move: Move | None, actor: Actor, on: date, office: Office) -> list[Refusal]:
    """Everything that stands in the way of one case."""
    if move is None:
        sentence = _("%(name)s: now “%(state)s”; this can no longer be done.", name=case.name, state=case.state.label)
        return [Refusal("stale", sentence)]
    if not _may(actor, move, case):
        return list(NotAllowed().refusals)
    if not decides(actor, move.by, office):
        level = level_of(move.by, office)
        sentence = _("%(name)s: this is decided by %(level)s; you may read it.", name=case.name, level=level)
        return [Refusal("decided-elsewhere", sentence)]
    refused = refusals(case, move.needs, on, office)
    if office.two_pairs_of_eyes and move.stage and actor.id is not None and case.last_officer_id == actor.id:
        decided = _STAGE_OF.get(case.last_officer_action) if case.last_officer_action else None
        if decided is not move.stage:
            sentence = _("%(name)s: you decided the stage before; the next one needs a second pair of eyes.", name=case.name)
            refused.append(Refusal("two-pairs-of-eyes", sentence))
    return refused


# --- writing -----------------------------------------------------------------------------------------


def _write(batch: Batch) -> None:
    """Effects first (they number and issue), then columns per row, then the common columns and state, then the steps."""
    for effect in batch.move.then:
        effect(batch)
    session, ids = batch.session, [id_of(case) for case in batch.cases]
    own = [{"id": application_id, **batch.columns[application_id]} for application_id in ids if batch.columns[application_id]]
    if own:
        session.execute(update(Application), own)
    moved = session.execute(
        update(Application)
        .where(among(Application.id, ids), Application.state == batch.move.source)
        .values(state=batch.move.target, check_result=None, checked_at=None, **batch.common),
        execution_options={"synchronize_session": False},
    )
    if moved.rowcount != len(ids):  # type: ignore[attr-defined]
        raise Stale
    session.execute(insert(Step), [_step(batch, case) for case in batch.cases])
    letter_jobs.enqueue_decided(session, batch.move.action, ids, at=batch.at)


def _step(batch: Batch, case: Facts) -> dict[str, Any]:
    return {
        "application_id": id_of(case),
        "round": case.round + (batch.move.action is Action.SUBMIT),
        "action": batch.move.action,
        "source": batch.move.source,
        "target": batch.move.target,
        "actor_id": batch.actor.id,
        "actor": batch.actor.name,
        "reason": batch.reason,
        "marks": [mark.stored() for mark in batch.marks] or None,
        "brought_up": batch.brought_up and case.snapshot_before is not None,
        "awaited_until": batch.common.get("due_on") if batch.move.action is Action.RETURN else None,
        "at": batch.at,
    }


def _may(actor: Actor, move: Move, case: Case) -> bool:
    """Whether the actor has the role and, for an enterprise's move, belongs to the enterprise on the move's side."""
    if move.by not in actor.roles:
        return False
    if move.by is not Role.ENTERPRISE_CLERK:
        return True
    return actor.enterprise_id == (case.enterprise_id if move.side is Side.FILER else case.releasing_enterprise_id)


def moves_open_to(actor: Actor, case: Case, office: Office) -> list[Move]:
    """The moves to offer as buttons for an application or its facts; ``carry_out`` checks everything again."""
    possible = [move for move in MOVES if move.source is case.state and case.matter in move.matters]
    allowed = [move for move in possible if _may(actor, move, case) and decides(actor, move.by, office)]
    return [move for move in allowed if case.round or move.action is not Action.ABANDON]


def must_all_pass(planned: Plan) -> None:
    """Raise ``Unmet`` with every refusal, if there is one: for views that take all or nothing."""
    refused: Sequence[Refusal] = [refusal for refusals_ in planned.refused.values() for refusal in refusals_]
    if refused:
        raise Unmet(refused)
