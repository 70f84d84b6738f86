"""The letter about a measure that was taken: facts, ground and article, decision, ban, ways to contest it. Always Chinese.

Drawn from what was kept when it was decided and from the parameters of that day.
"""

from collections.abc import Mapping

from flask_babel import force_locale, format_date, gettext
from flask_babel import lazy_gettext as _

from app.certificates.grounds import GROUNDS
from app.certificates.pdf import letters as paper
from app.core.clock import office_day
from app.core.vocabulary import CertificateEventKind
from app.models import CertificateMeasure
from app.web import request_context

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


def printed(measure: CertificateMeasure) -> tuple[str, bytes]:
    """``(file name, PDF)``. Raises ``Unprintable`` for a character that no font has."""
    with force_locale("zh"):
        page = letter_of(measure)
        return f"{page.title}.pdf", paper.draw(page)


def letter_of(measure: CertificateMeasure) -> paper.LetterText:
    """The letter in the current locale."""
    assert measure.decided_at is not None  # noqa: S101 - a constraint: what was taken was decided
    office, day = request_context.office_then(measure.decided_at), office_day(measure.decided_at)
    article = GROUNDS[measure.ground].article
    values = {"number": measure.certificate.number, "name": measure.holder, "day": format_date(day, "long")}
    if measure.last_day:
        values["last_day"] = format_date(measure.last_day, "long")
    sentences = [
        gettext(
            "%(name)s of your enterprise holds the work safety assessment certificate %(number)s (%(category)s). "
            "It was found:",
            name=measure.holder,
            number=measure.certificate.number,
            category=measure.certificate.category.value,
        )
    ]
    if str(article):
        closing = [gettext("This is: %(ground)s. By %(article)s it is decided:", ground=measure.ground, article=article)]
    else:
        closing = [gettext("This is: %(ground)s.", ground=measure.ground)]
    closing.append(str(DECISIONS[measure.kind]) % values)
    if measure.banned_until:
        until = format_date(measure.banned_until, "long")
        closing.append(gettext("%(name)s may not apply again before %(until)s.", name=measure.holder, until=until))
    if measure.kind is not CertificateEventKind.REINSTATED:
        closing.append(office.ways_to_appeal())
    foot = ((gettext("Proposed by"), measure.proposed_by), (gettext("Decided by"), measure.decided_by))
    return paper.LetterText(
        issuer=office.issuer,
        title=str(TITLES[measure.kind]),
        number=measure.document_number,
        seal_text=office.letter_seal_text,
        addressee=measure.enterprise_name,
        sentences=tuple(map(str, sentences)),
        reasons=tuple(measure.facts.splitlines()),
        closing=tuple(map(str, closing)),
        signed_on=str(format_date(day, "long")),
        foot="；".join(f"{label}：{value}" for label, value in foot),
    )
