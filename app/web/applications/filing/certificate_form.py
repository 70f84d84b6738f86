"""The form of 延期, 变更, 换证 and 注销: certificates, the fields and papers of the matter, 保存 or 保存并上报.

Fields come from ``matter_fields``, upload cards from the table of required papers. Everything is stored or nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import abort, g, redirect, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup
from sqlalchemy.exc import IntegrityError
from werkzeug.datastructures import CombinedMultiDict
from werkzeug.wrappers import Response

from app.accounts import rate_limit
from app.applications import drafts
from app.applications.attachments import attach, current, discard
from app.applications.drafts import FilingCandidate
from app.applications.drafts.for_people import INCOMING
from app.core.errors import AppError, NotFound, Refusal, Unmet
from app.core.identifiers import mask_id
from app.core.vocabulary import (
    CHANGEABLE,
    CURRENT_CATEGORIES,
    MATTER_PAPERS,
    PERSON_PAPERS,
    REASONS,
    AuditAction,
    Category,
    MatterKind,
    PaperKind,
    ReplacementReason,
)
from app.db import audit
from app.db.session import db
from app.eligibility.corrections import ITEMS
from app.eligibility.facts import Facts, of_applications, of_candidates, of_certificates
from app.eligibility.matter_fields import DIVIDED, WRONG, MatterField, fields_of
from app.eligibility.picking import PickerPage
from app.files.inspect import FileRefused
from app.matters import warnings_of
from app.models import Application, Enterprise, Filing
from app.web import request_context
from app.web.applications.filing.lists import LISTS
from app.web.applications.filing.new_form import (
    ENTERPRISE_WIDE,
    CandidateLine,
    FilingForm,
    candidate_line,
    filing_version,
    handler_of,
    is_filed,
    page_after_saving,
    refusals_or_clash,
    skipped_in,
    status_of,
    submit,
)
from app.web.applications.review.matter_details import readable
from app.web.base.access_filter import ROW
from app.web.base.batch_result import gaps_of
from app.web.base.datamodel import LARGEST_ID
from app.web.base.fab import BaseView, route
from app.web.base.form_version import THEIRS, FormVersion
from app.web.base.layout import safe_next, this_page
from app.web.base.picker import is_look, picker_query, ticks_all
from app.web.fix_links import anchor_of
from app.web.forms import ChoiceField, Required, TextField, TicksField, removes
from app.web.scan_upload import card, is_taken, scan_field, take_scans, taken, taken_names

SEARCHES_PER_HOUR = 30  # for transfers, by one account
SHARED = "all"  # the key of cards whose scan is for every certificate of the filing
TRANSFER = MatterKind.TRANSFER
WRONG_PARTS = {
    "wrong_photo": _("is wrong: print the photo on record"),
    "wrong_enterprise": _("is wrong: print the registered name"),
}
REASON_TITLES = {
    MatterKind.REPLACEMENT: _("Reason of the replacement"),
    MatterKind.CANCELLATION: _("Reason of the cancellation"),
}


@dataclass(slots=True)
class Part:
    """One certificate on the form: its person's data, its fields and its cards."""

    key: str
    title: str
    facts: Facts
    application: Application | None
    fields: tuple[MatterField, ...] = ()
    kinds: tuple[PaperKind, ...] = ()
    warnings: Sequence[object] = ()

    @property
    def field_names(self) -> list[str]:
        return [f"{field.name}-{self.key}" for field in self.fields]

    @property
    def card_names(self) -> list[str]:
        return [_card_name(kind, self.key) for kind in self.kinds]

    @property
    def about(self) -> list[tuple[object, object]]:
        held, person = self.facts.certificate, self.facts.person
        pairs: list[tuple[object, object]] = [
            (_("Full name"), person["name"]),
            (_("ID number"), mask_id(person["id_number"])),
            (_("Personnel category"), self.facts.category),
        ]
        if held is not None:
            pairs += [
                (_("Certificate number"), held.number),
                (_("Valid until"), held.valid_to),
                (_("Enterprise"), held.enterprise_name),
            ]
        return pairs


@dataclass(slots=True)
class CertificateRequest:
    """What this request is about: the matter, the reason, the ticked keys, and whom a transfer searched for."""

    matter: MatterKind
    filing: Filing | None
    reason: str
    ticked: list[int]
    incoming: tuple[int, Category] | None = None
    searched: tuple[str, str] = ("", "")
    version: FormVersion | None = None  # of a filing
    beyond: Sequence[int] = ()  # ticked, and more than one filing takes

    @property
    def is_incoming(self) -> bool:
        return self.reason == INCOMING and self.matter is MatterKind.REPLACEMENT

    @property
    def is_fixed(self) -> bool:
        """Whether certificates and reason are settled, as of every filed transfer."""
        return self.filing is not None and (self.matter is TRANSFER or self.filing.applications[0].reason_code == INCOMING)


class ClaimView(BaseView):
    """申报 and 修改 in the matters that act upon a certificate."""

    route_base = "/claims"
    class_permission_name = "Claim"
    default_view = "add"

    @route("/<matter>/add", "GET", "POST")
    def add(self, matter: str) -> Response | str:
        kind = next((kind for kind in LISTS if kind.value == matter), None) or abort(404)
        return self._answer(_asked(kind, None))

    @route(f"/{ROW}filing_id>/edit", "GET", "POST")
    def edit(self, filing_id: int) -> Response | str:
        filing = drafts.own_filing(db.session, filing_id, request_context.current_actor())
        if filing.matter not in LISTS:
            raise NotFound
        return self._answer(_asked(filing.matter, filing))

    def _answer(self, asked: CertificateRequest) -> Response | str:
        if request.method == "GET":
            return self._form(asked)
        if asked.matter is TRANSFER and asked.filing is None:
            _count_search(asked.searched)
        take_scans()
        if is_look() or THEIRS in request.form:
            return self._form(asked)
        return self._keep(asked)

    def _keep(self, asked: CertificateRequest) -> Response | str:
        filing_id = asked.filing.id if asked.filing else None
        try:
            if filing_id is not None and _is_stale(asked, filing_id):
                db.session.rollback()
                return self._form(asked)
            kept = _stored(asked)
            _take_in(kept, _parts(_asked_again(asked, kept)))
            db.session.flush()
            left, n = submit(kept) if request.form.get("then") == "submit" else ([], 0)
            kept_id = kept.id
            db.session.commit()
        except (AppError, IntegrityError) as error:
            refusals = refusals_or_clash(error)
            asked.filing = db.session.get(Filing, filing_id) if filing_id else None
            return self._form(asked, refusals)
        return redirect(page_after_saving(kept_id, left, n, LISTS[asked.matter].__name__, "ClaimView.edit"))

    def _form(self, asked: CertificateRequest, refusals: Sequence[Refusal] = ()) -> Response | str:
        actor, who, brings = request_context.current_actor(), _who_brings_it(), asked.is_incoming and asked.filing is None
        screen, taken_over = LISTS[asked.matter], _taken_over(asked)
        found, refused = _candidates(asked)
        candidates = found.candidates
        refusals = [*refusals, *(refusal for refusal in refused if refusal.code not in {one.code for one in refusals})]
        barred = _without_barred(asked, candidates)
        parts = _parts(asked)
        form = _drawn(asked, parts, refusals)
        if asked.version and taken_over:
            asked.version.redraw(form, taken_over)
        elif asked.filing and not asked.version:
            asked.version = FormVersion(form, filing_version(asked.filing))
        lines = [_line(one, asked) for one in candidates]
        page = self.render_template(
            "applications/certificate_form.html",
            title=screen.add_word,
            crumbs=[(screen.list_title, url_for(f"{screen.__name__}.list"))],
            form=form,
            version=asked.version,
            asked=asked,
            is_transfer=asked.matter is TRANSFER,
            at_once=asked.matter in REASONS,
            lines=sorted(lines, key=lambda line: (not line.ticked, not line.open)),
            picker=picker_query(),
            found=found,
            beyond=asked.beyond,
            parts=parts,
            returned=[a for a in asked.filing.applications if a.marks] if asked.filing else [],
            items=ITEMS,
            reason_title=REASON_TITLES.get(asked.matter, ""),
            reasons=list(REASONS.get(asked.matter, ())),
            people=drafts.own_people(db.session, actor, picker_query(), who[0]) if brings else None,
            who=who,
            categories=CURRENT_CATEGORIES,
            common=gaps_of([g for c in candidates for g in c.gaps if g.code in ENTERPRISE_WIDE], this_page()),
            behind=[line for line in lines if not line.ticked] if asked.matter is TRANSFER else [],
            loose=[*map(_linked, barred), *(_linked(refusal) for refusal in refusals if not _field_of(refusal, form, parts))],
            left=skipped_in(asked.filing) if asked.filing and request.method == "GET" and "tried" in request.args else [],
            back=safe_next(url_for(f"{screen.__name__}.list")),
        )
        return Response(page, status_of(refusals, asked.version), mimetype="text/html")


def _stored_form(filing: Filing) -> Any:
    stored = _asked(filing.matter, filing, typed=False)
    return _drawn(stored, _parts(stored), (), typed=False)


def _is_stale(asked: CertificateRequest, filing_id: int) -> bool:
    """Whether the filing, which stays locked, has changes that the user has not seen."""
    asked.filing = drafts.own_filing(db.session, filing_id, request_context.current_actor(), lock=True)
    asked.version = FormVersion(_drawn(asked, _parts(asked), ()), filing_version(asked.filing))
    return asked.version.differs(_stored_form(asked.filing))


def _taken_over(asked: CertificateRequest) -> Any:
    """The form as stored, if some of it is shown instead of what was sent; the request is then about that."""
    if asked.filing is None or request.method == "GET":
        return None
    version = asked.version or FormVersion(_drawn(asked, _parts(asked), ()), filing_version(asked.filing))
    if not (version.differences or version.wants_theirs):
        asked.version = version
        return None
    asked.version, stored = version, _stored_form(asked.filing)
    if version.wants_theirs:
        version.take_theirs(stored)
    if not asked.is_fixed:
        asked.ticked = _numbers(version.form["rowid"].data)
        asked.reason = version.form["reason_code"].data or "" if "reason_code" in version.form else ""
    return stored


def _numbers(texts: Sequence[str]) -> list[int]:
    """Ids; 0, which no row has, for malformed ones."""
    return [int(text) if text.isascii() and text.isdigit() and int(text) <= LARGEST_ID else 0 for text in texts]


def _asked(matter: MatterKind, filing: Filing | None, *, typed: bool = True) -> CertificateRequest:
    """What was sent; on a GET, or if not ``typed``, what is stored."""
    if typed and request.method == "POST":
        form = request.form
        searched = (form.get("name", ""), form.get("id_number", ""))
        asked = CertificateRequest(
            matter, filing, form.get("reason_code", ""), _numbers(form.getlist("rowid")), searched=searched
        )
    elif filing is not None:
        kept = [a.certificate_id for a in filing.applications if a.certificate_id and a.state in CHANGEABLE]
        asked = CertificateRequest(matter, filing, filing.applications[0].reason_code, kept)
    else:
        ticked = _numbers(request.args.getlist("certificate"))
        asked = CertificateRequest(matter, None, request.args.get("reason", ""), ticked)
    if filing is not None and asked.is_fixed:
        asked.reason = filing.applications[0].reason_code  # these take no other certificate and no other reason
        asked.ticked = [a.certificate_id for a in filing.applications if a.certificate_id and a.state in CHANGEABLE]
    if asked.is_incoming:
        asked.incoming = _incoming(filing)
    return asked


def _asked_again(asked: CertificateRequest, filing: Filing) -> CertificateRequest:
    """The same, now that it is a filing."""
    kept = [a.certificate_id for a in filing.applications if a.certificate_id and a.state in CHANGEABLE]
    return CertificateRequest(asked.matter, filing, asked.reason, kept, asked.incoming, asked.searched)


def _incoming(filing: Filing | None) -> tuple[int, Category] | None:
    if filing is not None:
        return filing.applications[0].person_id, filing.applications[0].category
    person_id, category = _who_brings_it()
    return (person_id, category) if person_id and category else None


def _who_brings_it() -> tuple[int, Category | None]:
    """The person and the category chosen so far."""
    (person_id,) = _numbers([request.values.get("person", "")])
    return person_id, next((one for one in CURRENT_CATEGORIES if one.value == request.values.get("category")), None)


def _count_search(searched: tuple[str, str]) -> None:
    """Each look for other people's certificates is counted and noted, whatever comes of it."""
    actor = request_context.current_actor()
    db.session.rollback()  # SQLite has one writer, and the count is written beside this session
    rate_limit.hit(db.engine, f"transfer:{actor.id}", limit=SEARCHES_PER_HOUR, seconds=3600, at=request_context.now())
    with request_context.side_session() as session:
        change = {"search": "transfer", "id_number": mask_id(searched[1].strip())}
        at, address = request_context.now(), request_context.address()
        audit.log(
            session, actor.name, AuditAction.READ, Enterprise, actor.enterprise_id or "", change, at=at, address=address
        )


def _candidates(asked: CertificateRequest) -> tuple[PickerPage[FilingCandidate], Sequence[Refusal]]:
    """The certificates to choose from, and what the search for a transfer was answered with. May tick all that match."""
    nothing: PickerPage[FilingCandidate] = PickerPage([], 0, 1)
    if asked.is_incoming:
        return nothing, ()
    acting = request_context.acting()
    if asked.matter is not TRANSFER:
        about: Any = {"asked": picker_query(), "reason_code": asked.reason, **acting}
        if ticks_all():
            asked.ticked = list(dict.fromkeys([*asked.ticked, *drafts.all_open(db.session, asked.matter, **about)]))
        most = drafts.most_of(acting["office"])
        asked.ticked, asked.beyond = asked.ticked[:most], asked.ticked[most:]
        return drafts.holdings(db.session, asked.matter, ticked=asked.ticked, **about), ()
    if asked.filing is not None or request.method == "GET":
        return nothing, ()
    try:
        person = drafts.find_for_transfer(db.session, *asked.searched, **acting)
    except AppError as error:
        asked.ticked = []
        return nothing, error.refusals
    bars = {one.certificate_id: one.bars for one in person.certificates}
    if request.form.get("then") == "search":
        asked.ticked = [key for key, against in bars.items() if not against]
    asked.ticked = [key for key in asked.ticked if key in bars]
    facts = of_certificates(db.session, acting["actor"].enterprise_id or 0, TRANSFER, list(bars))
    return PickerPage([FilingCandidate(facts[key], (), against) for key, against in bars.items()], len(bars), 1), ()


def _without_barred(asked: CertificateRequest, candidates: Sequence[FilingCandidate]) -> list[Refusal]:
    """Unticks what cannot be filed for, and returns why: cards for it would take scans that nobody keeps."""
    if asked.filing is not None or asked.matter is TRANSFER:
        return []
    barred = {one.certificate_id: one.bars for one in candidates if one.bars and one.certificate_id in asked.ticked}
    asked.ticked = [key for key in asked.ticked if key not in barred]
    return [bar for bars in barred.values() for bar in bars] if request.method == "GET" else []


def _line(candidate: FilingCandidate, asked: CertificateRequest) -> CandidateLine:
    held = candidate.facts.certificate
    assert held is not None  # noqa: S101 - these are certificates
    filed = is_filed(candidate, asked.filing.applications if asked.filing else ())
    ticked, until = held.id in asked.ticked, held.valid_to.isoformat()
    return candidate_line(
        candidate, str(held.id), filed=filed, ticked=ticked, removable=filed, number=held.number, until=until
    )


def _parts(asked: CertificateRequest) -> list[Part]:
    """What the form asks for, certificate by certificate; for one that is filed, as it stands."""
    if asked.matter in REASONS and asked.reason not in {reason.value for reason in REASONS[asked.matter]}:
        return []
    enterprise_id = request_context.current_actor().enterprise_id or 0
    on, office = request_context.today(), request_context.current_office()
    there = {a.certificate_id: a for a in asked.filing.applications if _is_open(a)} if asked.filing else {}
    locked = {a.certificate_id for a in asked.filing.applications if a.marks} if asked.filing else set()
    filed = of_applications(db.session, [a.id for a in there.values()])
    cases: dict[int | None, Facts] = {}
    if asked.is_incoming:
        if asked.incoming and not there and not locked:
            found = of_candidates(db.session, enterprise_id, asked.matter, [asked.incoming], reason_code=asked.reason)
            cases |= {None: case for case in found.values() if case.employer_id == enterprise_id}  # noqa: B035 - one at most
    else:
        new = [key for key in asked.ticked if key not in there and key not in locked]
        held = of_certificates(db.session, enterprise_id, asked.matter, new, reason_code=asked.reason) if new else {}
        cases = {key: case for key, case in held.items() if asked.matter is TRANSFER or _is_own(case, enterprise_id)}
    cases |= {key: filed[a.id] for key, a in there.items() if key is None or key in asked.ticked}
    parts = []
    for key, case in cases.items():
        parts.append(
            Part(
                "in" if key is None else str(key),
                f"{case.name} · {case.certificate.number if case.certificate else case.category.value}",
                case,
                there.get(key),
                fields_of(asked.matter, asked.reason, case.category),
                _kinds(asked, case),
                [warning.sentence for warning in warnings_of(case, on, office)] if asked.matter is not TRANSFER else [],
            )
        )
    return _shared(asked, parts)


def _is_open(application: Application) -> bool:
    """What was returned with marks has a page of its own, and is locked here."""
    return application.state in CHANGEABLE and not application.marks


def _is_own(case: Facts, enterprise_id: int) -> bool:
    return case.certificate is not None and case.certificate.enterprise_id == enterprise_id


def _kinds(asked: CertificateRequest, case: Facts) -> tuple[PaperKind, ...]:
    """The papers uploaded with the application; of a transfer also the person's, whose page belongs to another enterprise."""
    ours = (*PERSON_PAPERS, *MATTER_PAPERS) if asked.matter is TRANSFER else MATTER_PAPERS
    wanted = set(_required(asked, case))
    return tuple(kind for kind in ours if kind in wanted)


def _required(asked: CertificateRequest, case: Facts) -> tuple[PaperKind, ...]:
    """By the table of papers as it is for the reason on the form, which may be another than the one that was saved."""
    if case.application_id is not None and case.reason_code != asked.reason and case.certificate_id:
        enterprise = request_context.current_actor().enterprise_id or 0
        again = of_certificates(db.session, enterprise, asked.matter, [case.certificate_id], reason_code=asked.reason)
        case = again[case.certificate_id]
    return case.required_papers(request_context.today())


def _shared(asked: CertificateRequest, parts: list[Part]) -> list[Part]:
    """One card for all where one scan speaks for all: the same person's papers, an enterprise's new name."""
    if len(parts) < 2:
        return parts
    fields: tuple[MatterField, ...] = ()
    if asked.matter is TRANSFER:
        common = tuple(dict.fromkeys(kind for part in parts for kind in part.kinds))
        fields = parts[0].fields  # of the person, whatever the certificate
        for part in parts:
            part.fields = ()
    elif asked.reason == ReplacementReason.ENTERPRISE_RENAMED.value:
        common = (PaperKind.RENAMING_APPROVAL,) if any(PaperKind.RENAMING_APPROVAL in p.kinds for p in parts) else ()
    else:
        return parts
    for part in parts:
        part.kinds = tuple(kind for kind in part.kinds if kind not in common)
    title = gettext("For all of them")
    return [*parts, Part(SHARED, title, parts[0].facts, parts[0].application, fields, common)]


def _card_name(kind: PaperKind, key: str) -> str:
    return f"paper_{kind.value}-{key}"


def control(field: MatterField, name: str, case: Facts) -> Any:
    """The hint shows the present value."""
    now = str(readable(field.name, case.person.get(field.name, "")))
    hint = gettext("Now: %(value)s", value=now) if now else ""  # not lazy: it would be escaped twice
    checks = [Required()] if field.required else []
    if field.name == "category":
        return ChoiceField(field.label, choices=[("", "—"), *((one.value, str(one.label)) for one in DIVIDED)])
    if field.name in WRONG_PARTS:
        return ChoiceField(field.label, id=name, choices=[(WRONG, WRONG_PARTS[field.name])])
    if field.terms is not None:
        choices = [(term.value, str(term.label)) for term in field.terms]
        return ChoiceField(field.label, id=name, choices=choices, description=hint)
    day = field.name.endswith("_on") or field.name in ("valid_to", "birth_date")
    return TextField(
        field.label, id=name, validators=checks, description=hint, render_kw={"type": "date"} if day else {"maxlength": 200}
    )


def _drawn(asked: CertificateRequest, parts: list[Part], refusals: Sequence[Refusal], *, typed: bool = True) -> Any:
    """The form with one field for each thing asked for; judged by the domain, not by it. As stored, if not ``typed``."""
    controls: dict[str, Any] = {} if asked.is_fixed else _choices(asked, parts)
    for n, part in enumerate(parts):
        controls |= {
            name: control(field, name, part.facts) for field, name in zip(part.fields, part.field_names, strict=True)
        }
        for kind, name in zip(part.kinds, part.card_names, strict=True):
            controls[name] = scan_field(kind)
            if n or part.key == SHARED:
                controls[name].kwargs["id"] = f"{anchor_of(kind.value)}-{part.key}"
    both: list[Any] = [request.files, request.form]
    sent: Any = CombinedMultiDict(both) if typed and request.method == "POST" else None
    known: dict[str, Any] = {"rowid": asked.ticked, "reason_code": asked.reason}
    for part in parts:
        details = (part.application.details or {}) if part.application else {}
        known |= {name: details.get(field.name, "") for field, name in zip(part.fields, part.field_names, strict=True)}
    form = type("CertificateForm", (FilingForm,), controls)(formdata=sent, data={**handler_of(asked.filing), **known})
    limit = request_context.current_office().scan_bytes
    for part in parts:
        papers = current(db.session, part.application) if part.application else {}
        for kind, name in zip(part.kinds, part.card_names, strict=True):
            form[name].limit_bytes, form[name].needed = limit, True  # said on the card; the domain judges
            form[name].current = card(papers[kind]) if kind in papers else None
            if sent is not None and (came := _sent_for(kind, part.key)):
                form[name].received = g.received.get(came)
                form[name].errors = [*form[name].errors, *filter(None, [g.refused.get(came)])]
        for name in (*part.field_names, *part.card_names) if len(parts) > 1 else ():
            form[name].whose = part.title  # several fields have one label
    for refusal in refusals:
        at = _field_of(refusal, form, parts)
        if at and str(refusal.sentence) not in map(str, form[at].errors):  # a scan was named above
            form[at].errors = [*form[at].errors, refusal.sentence]
    return form


def _choices(asked: CertificateRequest, parts: list[Part]) -> dict[str, Any]:
    """Certificates and reason, drawn by the page itself."""
    named = {part.facts.certificate_id: part.title for part in parts if part.key != SHARED}
    held = [(str(key), title) for key, title in named.items() if key is not None]
    controls: dict[str, Any] = {"rowid": TicksField(_("Choose safety personnel certificates"), id="h-held", choices=held)}
    if asked.matter in REASONS:
        reasons = [(reason.value, reason.label) for reason in REASONS[asked.matter]]
        controls["reason_code"] = ChoiceField(REASON_TITLES[asked.matter], id="reason_code", choices=reasons)
    return controls


_ANCHORS = {"picks": "h-held", **{name: name for name in ("reason_code", "person", "name", "id_number")}}


def _linked(refusal: Refusal) -> object:
    """The sentence, linked to the part of the page it is about, if that is no field of the form."""
    if refusal.field not in _ANCHORS:
        return refusal.sentence
    return Markup('<a href="#{}">{}</a>').format(_ANCHORS[refusal.field], refusal.sentence)


def _field_of(refusal: Refusal, form: Any, parts: list[Part]) -> str | None:
    """The field a refusal belongs to: the domain names one field where there is one certificate, else ``name-id``."""
    names = [refusal.field, *(f"{refusal.field}-{part.key}" for part in parts if len(parts) == 1)]
    return next((name for name in names if name and name in form and name not in _ANCHORS), None)


def _stored(asked: CertificateRequest) -> Filing:
    handler = (request.form.get("handler_name", ""), request.form.get("handler_mobile", ""))
    session, filing, acting = db.session, asked.filing, request_context.acting()
    if asked.matter is TRANSFER:
        typed = {key: _typed_details(str(key)) | _typed_details(SHARED) for key in asked.ticked}
        if filing is not None:
            return drafts.amend_transfer(session, filing.id, *handler, acting["actor"], details=typed)
        return drafts.draft_transfer(session, *asked.searched, asked.ticked, *handler, details=typed, **acting)
    if asked.is_incoming:
        details = _typed_details("in")
        if filing is not None:
            return drafts.amend_incoming(session, filing.id, details, *handler, acting["actor"])
        if asked.incoming is None:
            raise Unmet.because(Refusal("nobody-chosen", _("Please choose a person and a category."), "person"))
        return drafts.draft_incoming(session, asked.incoming, details, *handler, **acting)
    more: Any = {"reason_code": asked.reason, "details": {key: _typed_details(str(key)) for key in asked.ticked}, **acting}
    if filing is not None:
        return drafts.amend_claims(session, filing.id, asked.ticked, *handler, **more)
    return drafts.draft_on_certificates(session, asked.matter, asked.ticked, *handler, **more)


def _typed_details(key: str) -> dict[str, str]:
    """The input of the fields of one certificate."""
    end = f"-{key}"
    return {name.removesuffix(end): text for name, text in request.form.items() if name.endswith(end)}


def _sent_for(kind: PaperKind, key: str) -> str | None:
    """The field in which a card's scan came. Ticking may have turned cards of one certificate into shared ones since, or
    the reverse.
    """
    same = [_card_name(kind, SHARED)]
    if key == SHARED:
        same = [name for name in taken_names() if name.startswith(_card_name(kind, ""))]
    return next((name for name in (_card_name(kind, key), *same) if is_taken(name)), None)


def _take_in(filing: Filing, parts: list[Part]) -> None:
    """Keep the chosen scans; ``Unmet`` with every file that cannot be kept."""
    actor, at = request_context.current_actor(), request_context.office_now()
    own = [application for application in filing.applications if _is_open(application)]
    wrong: list[Refusal] = []
    for part in parts:
        owners = own if part.key == SHARED else [part.application] if part.application else []
        for kind, name in zip(part.kinds, part.card_names, strict=True):
            chosen, removed = _sent_for(kind, part.key), removes(request.form, name)
            for owner in owners:
                if chosen is None:
                    there = current(db.session, owner) if removed else {}
                    if kind in there:
                        discard(db.session, there[kind].id, actor, at=at)
                    continue
                try:
                    attach(db.session, owner, kind, taken(chosen), actor, at=at)
                except FileRefused as error:
                    wrong.append(Refusal(error.code, error.sentence, name))
                    break
    if wrong:
        raise Unmet(wrong)
