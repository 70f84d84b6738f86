"""The office's own wording of text messages, stored beside its parameters and in effect for what is sent from then on.

A text names the same values as the default, none besides: a message is never sent with a blank, nor fails for an unknown
one. Every change is in the audit log with both wordings.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.accounts.access import Actor
from app.applications.office_settings import SMS_TEXT
from app.core.errors import NotFound, Refusal, Stale, Unmet
from app.core.office import Office
from app.core.redaction import number_refusals
from app.core.vocabulary import AuditAction, Role
from app.db import audit
from app.models import Parameter
from app.outbox.sms_texts import LONGEST_TEXT, NAMED, in_province_language, signature

LONGEST = 300  # characters of a wording; with its values it must fit the column of a message
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
NEEDED = ("code",)  # without it a message with a code says nothing
ONE_PART, EACH_PART = 70, 67  # characters of a text message in UCS-2, alone and as a part of a long one (3GPP TS 23.040)

# What stands in the place of each value in the example; nobody's.
EXAMPLES: Mapping[str, str] = {
    "account": "zhang", "asked_by": "王管理", "ban": "", "by": "李审批", "category": "C1",
    "certificate_number": "湘建安C1（2026）0000001", "changes": "考试时间：9:00 → 14:00", "code": "123456",
    "day": "2026-12-31", "days": "30", "decided_by": "李审批", "document": "湘建罚〔2026〕7号",
    "due_on": "2026-12-31", "enterprise": "湖南某某建设有限公司", "exam": "2026年第四期安管人员考核",
    "last": "2026-12-01 08:00", "letter": "准予许可决定书", "matter": "新申报", "minutes": "5",
    "moment": "2026-12-01 09:00", "n": "3", "names": "张三、李四", "new": "78", "now": "2026-12-01 09:00",
    "number": "湘建安C1（2026）0000001", "officer": "张受理", "old": "58", "old_enterprise": "湖南某某工程有限公司",
    "other": "湖南某某建设有限公司", "overdue": "1", "person": "张三", "place": "长沙市第一考点",
    "reason": "学历证书扫描件不清晰", "result": "合格", "soon": "4", "today": "2", "until": "2026-12-31",
    "username": "zhang", "what": "更改角色",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SmsText:
    """One text: its default, the office's own wording if it has one, and who set it when."""

    name: str
    default: str
    own: str
    stored: Parameter | None

    @property
    def placeholders(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_PLACEHOLDER.findall(self.default)))


def texts(session: Session) -> dict[str, SmsText]:
    """Every text by name, in the order of their declaration. One query."""
    stored = {row.name: row for row in session.scalars(select(Parameter).where(Parameter.name.startswith(SMS_TEXT)))}
    return {name: _text(name, stored.get(f"{SMS_TEXT}{name}")) for name in NAMED}


def text_of(session: Session, name: str) -> SmsText:
    """One of them; ``NotFound`` for an unknown name."""
    if name not in NAMED:
        raise NotFound
    return _text(name, session.get(Parameter, f"{SMS_TEXT}{name}"))


def _text(name: str, stored: Parameter | None) -> SmsText:
    return SmsText(name, in_province_language(NAMED[name]), stored.value if stored else "", stored)


def faults(one: SmsText, wording: str) -> Iterator[Refusal]:
    """What is wrong with a wording of this text."""
    known, used = set(one.placeholders), set(_PLACEHOLDER.findall(wording))
    if not wording or len(wording) > LONGEST:
        yield Refusal("text-length", _("Please write 1 to %(most)s characters.", most=LONGEST), "text")
    if unknown := sorted(used - known):
        sentence = _("%(name)s is no value of this message. It may hold: %(known)s.", name=f"%({unknown[0]})s",
                     known=" ".join(f"%({name})s" for name in one.placeholders) or "—")  # fmt: skip
        yield Refusal("placeholder-unknown", sentence, "text")
    if missing := [name for name in NEEDED if name in known - used]:
        yield Refusal("placeholder-missing", _("%(name)s must not be missing.", name=f"%({missing[0]})s"), "text")
    if "%" in _PLACEHOLDER.sub("", wording):
        yield Refusal("per-cent", _("A per cent sign can only begin a value such as %(name)s.", name="%(person)s"), "text")
    yield from number_refusals({"text": (_("Text"), wording)})


def example(wording: str, office: Office) -> tuple[str, int]:
    """The message with made-up values as it would be sent, and in how many parts it is charged."""
    body = _PLACEHOLDER.sub(lambda found: EXAMPLES.get(found[1], "…"), wording)
    text = f"{signature(office)}{body}"[:LONGEST_TEXT]
    return text, 1 if len(text) <= ONE_PART else ceil(len(text) / EACH_PART)


def change(session: Session, name: str, wording: str, actor: Actor, *, seen: str, at: datetime, address: str = "") -> bool:
    """Set a text; the default, or an empty one, deletes the office's own. Whether anything changed. The caller commits.

    ``seen`` is the own wording that the actor was shown. Raises ``NotAllowed``, ``NotFound``, ``Unmet`` for a wording that
    cannot be sent or one set meanwhile, ``Stale`` if two set the same text for the first time at once.
    """
    actor.demand(Role.ADMIN)
    locked = select(Parameter).where(Parameter.name == f"{SMS_TEXT}{name}").with_for_update()
    session.scalars(locked.execution_options(populate_existing=True)).all()  # read earlier in the request
    one, wording = text_of(session, name), " ".join(wording.split())
    wanted = "" if wording == one.default else wording
    if one.own != seen:
        raise Unmet(
            [Refusal("set-meanwhile", _("Somebody has changed this text meanwhile. Please look at it again."), "text")]
        )
    if wanted == one.own:
        return False
    if wanted and (refused := list(faults(one, wanted))):
        raise Unmet(refused)
    wordings = [one.own or one.default, wanted or one.default]
    audit.log(
        session, actor.name, AuditAction.CHANGE, Parameter, f"{SMS_TEXT}{name}", {"value": wordings}, at=at, address=address
    )
    if not wanted:
        session.delete(one.stored)
    elif one.stored is None:
        session.add(Parameter(name=f"{SMS_TEXT}{name}", value=wanted, changed_at=at, changed_by=actor.name))
    else:
        one.stored.value, one.stored.changed_at, one.stored.changed_by = wanted, at, actor.name
    try:
        session.flush()
    except IntegrityError as error:  # somebody else inserted it meanwhile
        raise Stale from error
    return True
