"""The letter about a measure that was taken: facts, ground and article, decision, ban, ways to contest it.

Built from what was kept when it was decided and from the parameters of that day.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from flask_babel import lazy_gettext as _

from app.applications.letters.text import DraftLetter, in_chinese, long_day, number_blank
from app.certificates.grounds import GROUNDS
from app.certificates.pdf.letters import LetterText
from app.core.clock import office_day
from app.core.office import Office
from app.core.vocabulary import CertificateEventKind, LetterKind
from app.models import CertificateMeasure

TITLES: Mapping[CertificateEventKind, object] = {
    CertificateEventKind.SUSPENDED: _("Decision on the suspension of the work safety assessment certificate"),
    CertificateEventKind.REINSTATED: _("Decision on the return of the suspended work safety assessment certificate"),
    CertificateEventKind.REVOKED: _("Decision on the revocation of the work safety assessment certificate"),
    CertificateEventKind.WITHDRAWN: _("Decision on the withdrawal of the work safety assessment certificate"),
}
DECISIONS: Mapping[CertificateEventKind, object] = {
    CertificateEventKind.SUSPENDED: _(
        "The work safety assessment certificate %(number)s of %(name)s is suspended from %(day)s to %(last_day)s, both "
        "included. On the day after, the suspension ends by itself."
    ),
    CertificateEventKind.REINSTATED: _(
        "The suspension of the work safety assessment certificate %(number)s of %(name)s is lifted from %(day)s."
    ),
    CertificateEventKind.REVOKED: _("The work safety assessment certificate %(number)s of %(name)s is revoked from %(day)s."),
    CertificateEventKind.WITHDRAWN: _(
        "The work safety assessment certificate %(number)s of %(name)s is withdrawn as a penalty from %(day)s."
    ),
}
HELD = _("%(name)s of your enterprise holds the work safety assessment certificate %(number)s (%(category)s). It was found:")
DECIDED_BY_ARTICLE = _("This is: %(ground)s. By %(article)s it is decided:")
GROUND_ALONE = _("This is: %(ground)s.")
BANNED = _("%(name)s may not apply again before %(until)s.")
FOOT = (_("Document"), _("Proposed by"), _("Decided by"))


def draft_of(measure: CertificateMeasure, office_then: Callable[[datetime], Office]) -> DraftLetter:
    """The letter of a measure that was taken."""
    assert measure.decided_at is not None  # noqa: S101 - a constraint: what was taken was decided
    office, day = office_then(measure.decided_at), office_day(measure.decided_at)
    number, category = measure.certificate.number, measure.certificate.category.value
    values = (measure.document_number, measure.proposed_by, measure.decided_by)
    page = LetterText(
        issuer=office.issuer,
        title=in_chinese(TITLES[measure.kind]),
        number="",
        seal_text=office.letter_seal_text,
        addressee=measure.enterprise_name,
        sentences=(in_chinese(HELD, name=measure.holder, number=number, category=category),),
        reasons=tuple(measure.facts.splitlines()),
        closing=_closing(measure, office, number, long_day(day)),
        signed_on=long_day(day),
        foot="；".join(f"{in_chinese(label)}：{value}" for label, value in zip(FOOT, values, strict=True)),
    )
    kind = LetterKind.MEASURE
    return DraftLetter(kind, page, measure.holder, day, number_blank(office, kind, day))


def _closing(measure: CertificateMeasure, office: Office, number: str, day: str) -> tuple[str, ...]:
    article, ground = GROUNDS[measure.ground].article, in_chinese(measure.ground.label)
    if str(article):
        closing = [in_chinese(DECIDED_BY_ARTICLE, ground=ground, article=in_chinese(article))]
    else:
        closing = [in_chinese(GROUND_ALONE, ground=ground)]
    values = {"number": number, "name": measure.holder, "day": day}
    if measure.last_day:
        values["last_day"] = long_day(measure.last_day)
    closing.append(in_chinese(DECISIONS[measure.kind], **values))
    if measure.banned_until:
        closing.append(in_chinese(BANNED, name=measure.holder, until=long_day(measure.banned_until)))
    if measure.kind is not CertificateEventKind.REINSTATED:
        closing.append(office.ways_to_appeal())
    return tuple(closing)
